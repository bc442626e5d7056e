import type { Experiment, ExperimentState } from "../lib/experiments/model.ts";
import { formatDuration } from "./format.ts";

/** What the chip beside an experiment looks like; the word itself is always written too. */
export function chipClass(state: ExperimentState): string {
  switch (state) {
    case "starting":
    case "running":
      return "chip chip-busy";
    case "holding":
    case "stopping":
    case "interrupted":
    case "timed_out":
      return "chip chip-warn";
    case "failed":
      return "chip chip-crit";
    case "queued":
    case "paused":
    case "completed":
    case "cancelled":
      return "chip";
  }
}

export function stateWord(state: ExperimentState): string {
  return state.replaceAll("_", " ");
}

export function isActive(state: ExperimentState): boolean {
  return ["starting", "running", "holding", "stopping"].includes(state);
}

/** What a person may do to it now, in the order of the buttons. */
export function actionsFor(state: ExperimentState): ("cancel" | "pause" | "resume")[] {
  switch (state) {
    case "queued":
      return ["pause", "cancel"];
    case "paused":
      return ["resume", "cancel"];
    case "starting":
    case "running":
    case "holding":
      return ["cancel"];
    default:
      return [];
  }
}

/** `5 h 12 m of 12 h`, `5 h 12 m`, or how long it took. */
export function elapsedText(
  { startedAtMs, endedAtMs, limits }: Pick<Experiment, "startedAtMs" | "endedAtMs" | "limits">,
  nowMs: number,
): string {
  if (startedAtMs === null) return "not started";
  const elapsed = formatDuration((endedAtMs ?? nowMs) - startedAtMs);
  if (endedAtMs !== null) return `took ${elapsed}`;
  return limits.wallMs === null ? elapsed : `${elapsed} of ${formatDuration(limits.wallMs)}`;
}

/** `you`, a user's or token's name, or a few characters that tell two guests apart. */
export function ownerText(owner: string, mine: string): string {
  if (owner === mine) return "you";
  const [kind, name = ""] = owner.split(/:(.*)/s);
  return kind === "session" ? `guest ${name.slice(0, 6)}` : name || owner;
}
