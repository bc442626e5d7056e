import type { Clock } from "../../clock.ts";
import type { Kv } from "../../kv.ts";
import type { Log } from "../../log.ts";
import type { AgentChannel } from "../instructions/mod.ts";
import type { PredictionStore } from "../predictions/mod.ts";
import type { ResultStore } from "../results/mod.ts";
import type { EpuStore } from "../store.ts";
import type { DecisionAuthority } from "./authority.ts";
import type { EffectChannel } from "./effects/channel.ts";

export interface DecisionsOptions {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly log: Log;
  readonly epu: EpuStore;
  readonly results: ResultStore;
  readonly predictions: PredictionStore;
  readonly agents?: AgentChannel;
  /** Beside the built-in ones; names must differ. */
  readonly authorities?: readonly DecisionAuthority[];
  /** Beside `record`. */
  readonly channels?: readonly EffectChannel[];
  /** Told after an acquisition was paused or goes on: for whoever keeps its state in memory. */
  readonly onState?: (acquisitionId: string, state: "paused" | "started", actor: string) => unknown;
  /** Least time between two askings of one acquisition's authorities. */
  readonly throttleMs?: number;
  /** How long a proposal holds. */
  readonly validMs?: number;
}
