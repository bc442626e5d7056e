import { DECISION_KINDS } from "../model.ts";
import type { EffectChannel } from "./channel.ts";

/** Keeps the decision and tells nobody: people act on it at the microscope. */
export const recordChannel: EffectChannel = {
  name: "record",
  capabilities: DECISION_KINDS,
  apply: () => Promise.resolve({ state: "recorded", references: [], following: false }),
};
