import { z } from "zod";
import type { DeviceView } from "../devices/model.ts";
import type { EndState, HoldState } from "./model.ts";
import type { AskError } from "./parameters.ts";

/** What is wrong with setpoints for the end or the hold of a run, by the devices' own schemas of `set`. */
export function stateErrors(
  member: "endState" | "holdState",
  states: EndState | HoldState,
  devices: readonly DeviceView[],
): AskError[] {
  const errors: AskError[] = [];
  for (const [deviceId, args] of Object.entries(states)) {
    if (typeof args === "string") continue;
    const path = `${member}.${deviceId}`;
    const device = devices.find(({ capability }) => capability.deviceId === deviceId);
    const set = device?.capability.operations.find(({ op }) => op === "set");
    if (set === undefined) {
      errors.push({ path, message: "this device cannot be set" });
      continue;
    }
    const fits = schemaOf(set.args)?.safeParse(args);
    if (fits === undefined || fits.success) continue;
    errors.push(...fits.error.issues.map((issue) => ({
      path: [path, ...issue.path.map(String)].join("."),
      message: issue.message,
    })));
  }
  return errors;
}

function schemaOf(args: Record<string, unknown>): z.ZodType | null {
  try {
    return z.fromJSONSchema(args as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    // A schema beyond what zod reads: the agent checks the arguments when they are sent.
    return null;
  }
}
