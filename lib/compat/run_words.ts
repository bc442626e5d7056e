import {
  type Experiment,
  type Experiments,
  type ExperimentState,
  holdsRun,
  isWaiting,
} from "../experiments/mod.ts";

/** One experiment as the originals' hub shows it. */
export function hubView(
  experiments: Pick<Experiments, "position">,
  one: Experiment,
): Record<string, unknown> {
  return {
    experiment_id: one.id,
    status: hubStatus(one.state),
    queue_position: experiments.position(one.id),
    created_at: naive(one.createdAtMs),
    started_at: naive(one.startedAtMs),
    completed_at: naive(one.endedAtMs),
    exit_code: one.exitCode,
    error_message: one.error?.text ?? null,
  };
}

/** One experiment as the originals' node shows it, called `id`. */
export function nodeView(one: Experiment, id: string): Record<string, unknown> {
  return { ...nodeLine(one, id), exit_code: one.exitCode, error_message: one.error?.text ?? null };
}

/** One experiment in the node's list. */
export function nodeLine(one: Experiment, id: string): Record<string, unknown> {
  return {
    experiment_id: id,
    status: nodeStatus(one.state),
    start_time: naive(one.startedAtMs),
    end_time: naive(one.endedAtMs),
  };
}

/** The hub knows fewer states: what has the instrument runs, what ended badly failed. */
export function hubStatus(state: ExperimentState): string {
  if (holdsRun(state)) return "running";
  return state === "timed_out" || state === "interrupted" ? "failed" : state;
}

/** The node's words: it has no queue, so what waits is about to start, and a cancelled one is `stopped`. */
export function nodeStatus(state: ExperimentState): string {
  if (isWaiting(state) || state === "starting") return "starting";
  return state === "cancelled" ? "stopped" : hubStatus(state);
}

/** As Python prints a UTC time without zone: six digits of fraction, none when it is zero. */
export function naive(ms: number): string;
export function naive(ms: number | null): string | null;
export function naive(ms: number | null): string | null {
  if (ms === null) return null;
  const [seconds, fraction = ""] = new Date(ms).toISOString().replace("Z", "").split(".");
  return Number(fraction) === 0 ? seconds! : `${seconds}.${fraction}000`;
}
