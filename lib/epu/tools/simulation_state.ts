import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { Plan } from "./plan.ts";
import { replaceFile } from "./whole_file.ts";

/** Beside what EPU would write, and no name of EPU's. */
export const STATE_FILE = ".holdfast-simulation.json";

const SimulationState = z.strictObject({
  v: z.literal(1),
  plan: Plan,
  /** Writes of the plan that are done. */
  written: z.number().int().nonnegative(),
});
export type SimulationState = z.infer<typeof SimulationState>;

/** The folder's simulation cannot be gone on with. */
export class SimulationUnreadable extends Error {
  override readonly name = "SimulationUnreadable";
}

/** `null`: nothing was simulated here. @throws {SimulationUnreadable} */
export function readState(dir: string): SimulationState | null {
  const file = join(dir, STATE_FILE);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw new SimulationUnreadable(`Cannot read "${file}": ${(error as Error).message}`);
  }
  try {
    return SimulationState.parse(JSON.parse(text));
  } catch (cause) {
    throw new SimulationUnreadable(`"${file}" is not what a simulation left there`, { cause });
  }
}

/** Whole or not at all. */
export function writeState(dir: string, state: SimulationState): void {
  replaceFile(join(dir, STATE_FILE), JSON.stringify(state, null, 2) + "\n");
}
