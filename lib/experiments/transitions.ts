import { accept, refuse, type Result } from "../result.ts";
import {
  type EndCode,
  type Experiment,
  type ExperimentState,
  holdsRun,
  isTerminal,
  type RunExit,
  type TerminalState,
} from "./model.ts";

/** What can happen to an experiment after its submission. */
export type Change =
  /** Its turn has come; the instrument is its own. */
  | { readonly kind: "start" }
  /** Its supervisor stands ready; the script begins after this is durable. */
  | { readonly kind: "started"; readonly process: { pid: number; startTicks: number } }
  /** The start was given up before the script began; it keeps its turn. */
  | { readonly kind: "give-up"; readonly text: string }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  /** A person wants it to hold: its outputs to their hold state, its script told when it asks. */
  | { readonly kind: "hold"; readonly text: string }
  /** Its script has asked and knows that it is held. */
  | { readonly kind: "acknowledge" }
  /** It may go on. */
  | { readonly kind: "release" }
  /** A person wants it ended. */
  | { readonly kind: "cancel"; readonly text: string }
  /** Another one is run now in its place; with `requeue` it is run again after that one. */
  | { readonly kind: "displace"; readonly text: string; readonly requeue: boolean }
  /** STOP was pressed. */
  | { readonly kind: "stop"; readonly text: string }
  /** It cannot be run. */
  | { readonly kind: "fail"; readonly text: string }
  /** Its process is gone; `exit` is what its supervisor wrote, `null` when that is lost. */
  | { readonly kind: "exited"; readonly exit: RunExit | null }
  /** Its devices are in their end state, its leases and its token are gone. */
  | { readonly kind: "ended" };
export type ChangeKind = Change["kind"];

export interface TransitionRefusal {
  readonly kind: "wrong-state";
  readonly state: ExperimentState;
  readonly asked: ChangeKind;
  /** What could be asked instead. */
  readonly allowed: ChangeKind[];
}

/** One arrow of the state diagram. */
export interface Transition {
  readonly from: ExperimentState;
  readonly on: ChangeKind;
  readonly to: ExperimentState;
}

/** Every arrow there is; `docs` prints it, `step` follows it and nothing else. */
export const TRANSITIONS: readonly Transition[] = [
  { from: "queued", on: "start", to: "starting" },
  { from: "queued", on: "pause", to: "paused" },
  { from: "queued", on: "cancel", to: "cancelled" },
  { from: "paused", on: "resume", to: "queued" },
  { from: "paused", on: "cancel", to: "cancelled" },
  { from: "starting", on: "started", to: "running" },
  { from: "starting", on: "give-up", to: "queued" },
  { from: "starting", on: "cancel", to: "stopping" },
  { from: "starting", on: "displace", to: "stopping" },
  { from: "starting", on: "stop", to: "stopping" },
  { from: "starting", on: "fail", to: "stopping" },
  { from: "running", on: "hold", to: "holding" },
  { from: "running", on: "cancel", to: "stopping" },
  { from: "running", on: "displace", to: "stopping" },
  { from: "running", on: "stop", to: "stopping" },
  { from: "running", on: "exited", to: "stopping" },
  { from: "holding", on: "acknowledge", to: "holding" },
  { from: "holding", on: "release", to: "running" },
  { from: "holding", on: "cancel", to: "stopping" },
  { from: "holding", on: "displace", to: "stopping" },
  { from: "holding", on: "stop", to: "stopping" },
  { from: "holding", on: "exited", to: "stopping" },
  { from: "stopping", on: "exited", to: "stopping" },
  { from: "stopping", on: "ended", to: "completed" },
  { from: "stopping", on: "ended", to: "failed" },
  { from: "stopping", on: "ended", to: "cancelled" },
  { from: "stopping", on: "ended", to: "timed_out" },
  { from: "stopping", on: "ended", to: "interrupted" },
  { from: "stopping", on: "ended", to: "queued" },
];

/** A run that was cut off this often is not queued again, whatever its policy. */
export const ATTEMPTS_MAX = 20;

/** The experiment after `change` at `atMs`, or why not. Everything about places in the queue is the store's. */
export function step(
  experiment: Experiment,
  change: Change,
  atMs: number,
): Result<Experiment, TransitionRefusal> {
  const arrows = TRANSITIONS.filter((t) => t.from === experiment.state);
  if (!arrows.some((t) => t.on === change.kind)) {
    return refuse({
      kind: "wrong-state",
      state: experiment.state,
      asked: change.kind,
      allowed: [...new Set(arrows.map((t) => t.on))],
    });
  }
  const after = apply(experiment, change, atMs);
  if (after.state === "holding") return accept(after);
  return accept({ ...after, heldAtMs: null, holdAcknowledgedAtMs: null });
}

function apply(experiment: Experiment, change: Change, atMs: number): Experiment {
  switch (change.kind) {
    case "start":
      return {
        ...experiment,
        state: "starting",
        attempt: experiment.attempt + 1,
        exitCode: null,
        error: null,
        process: null,
        phase: null,
        heldMs: 0,
      };
    case "started":
      return { ...experiment, state: "running", process: change.process, startedAtMs: atMs };
    case "give-up":
      // The script never began, so this was no attempt.
      return { ...experiment, state: "queued", attempt: experiment.attempt - 1, process: null };
    case "pause":
      return { ...experiment, state: "paused" };
    case "resume":
      return { ...experiment, state: "queued" };
    case "hold":
      return { ...experiment, state: "holding", heldAtMs: atMs, holdAcknowledgedAtMs: null };
    case "acknowledge":
      // The first time counts: until then it may have driven on in ignorance.
      return { ...experiment, holdAcknowledgedAtMs: experiment.holdAcknowledgedAtMs ?? atMs };
    case "release":
      return {
        ...experiment,
        state: "running",
        heldMs: experiment.heldMs + Math.max(0, atMs - (experiment.heldAtMs ?? atMs)),
      };
    case "cancel":
      return end(experiment, { state: "cancelled", code: "cancel", text: change.text, atMs });
    case "displace": {
      const state = change.requeue ? "interrupted" : "cancelled";
      return end(experiment, { state, code: "displaced", text: change.text, atMs });
    }
    case "stop":
      return end(experiment, { state: "cancelled", code: "stop", text: change.text, atMs });
    case "fail":
      return end(experiment, { state: "failed", code: "runner", text: change.text, atMs });
    case "exited": {
      const exitCode = change.exit?.exitCode ?? null;
      const ending = experiment.ending ?? endingOf(change.exit, atMs);
      return { ...experiment, state: "stopping", exitCode, ending };
    }
    case "ended":
      return close(experiment, atMs);
  }
}

type Ending = NonNullable<Experiment["ending"]>;

/** Decides the end; one that has the instrument must first give it back. */
function end(experiment: Experiment, ending: Ending): Experiment {
  if (holdsRun(experiment.state)) return { ...experiment, state: "stopping", ending };
  return finish(experiment, ending);
}

function close(experiment: Experiment, atMs: number): Experiment {
  const ending = experiment.ending ??
    { state: "interrupted" as const, code: "restart" as const, text: "its end is unknown", atMs };
  const again = ending.state === "interrupted" && experiment.attempt < ATTEMPTS_MAX &&
    (experiment.onInterrupt !== "fail" || ending.code === "unstarted" ||
      ending.code === "displaced");
  if (!again) return finish(experiment, ending);
  const attempt = ending.code === "unstarted" ? experiment.attempt - 1 : experiment.attempt;
  return { ...experiment, state: "queued", ending: null, process: null, phase: null, attempt };
}

function finish(experiment: Experiment, ending: Ending): Experiment {
  return {
    ...experiment,
    state: ending.state,
    endedAtMs: ending.atMs,
    error: ending.code === null ? null : { code: ending.code, text: ending.text },
    ending: null,
  };
}

/** How a run ends that nobody ended: by what its supervisor found, or interrupted when that is lost. */
export function endingOf(exit: RunExit | null, atMs: number): Ending {
  if (exit === null) {
    return {
      state: "interrupted",
      code: "restart",
      text: "its process was gone when the runtime looked for it",
      atMs,
    };
  }
  const [state, code] = outcomeOf(exit);
  return { state, code, text: exit.text, atMs: exit.endedAtMs };
}

function outcomeOf(exit: RunExit): [TerminalState, EndCode | null] {
  switch (exit.reason) {
    case "exit":
      return exit.exitCode === 0 ? ["completed", null] : ["failed", "script"];
    case "wall":
      return ["timed_out", "wall"];
    case "memory":
    case "cpu":
    case "output":
    case "processes":
    case "disk":
    case "runner":
      return ["failed", exit.reason];
    // Nobody here asked for it, so the machine went down, or somebody killed the supervisor by hand.
    case "stopped":
      return ["interrupted", "restart"];
    case "unstarted":
      return ["interrupted", "unstarted"];
  }
}

/** `interrupted` and queued again, or over for good: what people read in the event. */
export function describe(before: Experiment, after: Experiment, change: Change): string {
  const words = after.state === before.state
    ? after.state
    : `${before.state} to ${after.state.replace("_", " ")}`;
  switch (change.kind) {
    case "cancel":
    case "displace":
    case "stop":
    case "fail":
    case "give-up":
      return `${words}: ${change.text}`;
    case "hold":
      return change.text === "" ? words : `${words}: ${change.text}`;
    case "acknowledge":
      return "its script knows that it is held";
    case "release":
      return "released: goes on";
    case "exited":
      // In `stopping` the cause has been told; what is new is that nothing of the run lives any more.
      return before.state === "stopping"
        ? "its script and all it started are gone"
        : `${words}: ${after.ending?.text ?? "ended"}`;
    case "ended":
      if (isTerminal(after.state)) return after.error ? `${words}: ${after.error.text}` : words;
      return `${words}: ${before.ending?.text ?? ""}; it will be run again`;
    default:
      return words;
  }
}
