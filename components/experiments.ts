import type { Experiment, ExperimentState } from "../lib/experiments/model.ts";
import { formatDuration } from "./format.ts";

/** An experiment as the API, the stream and the pages show it. */
export type ShownExperiment = Omit<Experiment, "idempotencyKey" | "rank" | "process"> & {
  readonly ownerLabel: string;
  /** From 1, while it waits. */
  readonly position: number | null;
};

/** When one can be expected to start and how long it runs; `null` is unknown, never a guess. */
export interface ShownEstimate {
  readonly durationMs: number | null;
  readonly basis: "declared" | "measured" | null;
  /** Until it starts, or until the running one ends. */
  readonly waitMs: number | null;
}

/** Ended experiments on the overview. */
export const LAST_SHOWN = 3;

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

/** Its process may be alive. Told again here: the model brings its schemas along, which pages do not need. */
export function isActive(state: ExperimentState): boolean {
  return ["starting", "running", "holding", "stopping"].includes(state);
}

export type Action = "pause" | "resume" | "hold" | "release" | "cancel";

/** What a person may do to it now, in the order of the buttons. */
export function actionsFor(state: ExperimentState): Action[] {
  switch (state) {
    case "queued":
      return ["pause", "cancel"];
    case "paused":
      return ["resume", "cancel"];
    case "starting":
      return ["cancel"];
    case "running":
      return ["hold", "cancel"];
    case "holding":
      return ["release", "cancel"];
    default:
      return [];
  }
}

/** `5 h 12 m of 12 h`, `5 h 12 m`, or how long it took. */
export function elapsedText(
  { startedAtMs, endedAtMs, limits }: Pick<ShownExperiment, "startedAtMs" | "endedAtMs" | "limits">,
  nowMs: number,
): string {
  if (startedAtMs === null) return "not started";
  const elapsed = formatDuration((endedAtMs ?? nowMs) - startedAtMs);
  if (endedAtMs !== null) return `took ${elapsed}`;
  return limits.wallMs === null ? elapsed : `${elapsed} of ${formatDuration(limits.wallMs)}`;
}

/** `you`, or what others may read of its owner. */
export function ownerText(
  { owner, ownerLabel }: Pick<ShownExperiment, "owner" | "ownerLabel">,
  mine: string,
): string {
  return owner === mine ? "you" : ownerLabel;
}

/** When one that waits can be expected to start. */
export function startText(state: ExperimentState, estimate: ShownEstimate | undefined): string {
  if (state === "paused") return "not while paused";
  const waitMs = estimate?.waitMs ?? null;
  if (waitMs === null) return "unknown";
  return waitMs === 0 ? "next" : `in about ${formatDuration(waitMs)}`;
}

/** How long it is expected to run, and how that is known. */
export function takesText(estimate: ShownEstimate | undefined): string {
  const durationMs = estimate?.durationMs ?? null;
  if (durationMs === null) return "duration unknown";
  const duration = formatDuration(durationMs);
  return estimate?.basis === "declared" ? `takes at most ${duration}` : `took ${duration} before`;
}

/** When what runs can be expected to end. */
export function endText(estimate: ShownEstimate | undefined): string {
  const waitMs = estimate?.waitMs ?? null;
  if (waitMs === null) return "end unknown";
  return estimate?.basis === "declared"
    ? `at most ${formatDuration(waitMs)} more`
    : `about ${formatDuration(waitMs)} more`;
}

/** Who looks at experiments: whose they are, and whether they may change anybody's. */
export interface Viewer {
  /** The owner who looks. */
  readonly owner: string;
  /** May submit, and change what is theirs. */
  readonly mayOperate: boolean;
  /** May change what is anybody's. */
  readonly isAdmin: boolean;
}

/** Whether this person may cancel, pause or move it; the instrument decides, this is what is offered. */
export function mayChangeIt(
  { owner, mayOperate, isAdmin }: Viewer,
  experiment: Pick<ShownExperiment, "owner">,
): boolean {
  return isAdmin || mayOperate && experiment.owner === owner;
}

/** What a list of experiments is filtered by, as its address spells it. */
export interface ListWords {
  /** `me`, `all`, or what others may read of an owner. */
  readonly owner: string;
  /** `any`, `ended`, `open`, or one state. */
  readonly state: string;
  readonly text: string;
}

/** A file a run has written. */
export interface ShownFile {
  readonly path: string;
  readonly bytes: number;
}

/** Where a file of a run is downloaded. */
export function fileHref(id: string, path: string): string {
  return `/api/v1/experiments/${id}/files/${path.split("/").map(encodeURIComponent).join("/")}`;
}
