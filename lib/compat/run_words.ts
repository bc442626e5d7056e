import {
  type Experiment,
  type Experiments,
  type ExperimentState,
  holdsRun,
  isWaiting,
  ownerLabel,
} from "../experiments/mod.ts";

/** Minutes that the originals reckon for one waiting experiment. */
const WAIT_MINUTES = 10;

/**
 * What runs and what waits, in order, as the originals' hub shows it: at most `most` entries, counts of
 * all.
 */
export async function queueView(
  experiments: Pick<Experiments, "running" | "queue">,
  most: number,
  shownOf: (one: Experiment) => string = ownerShown,
): Promise<Record<string, unknown>> {
  const running = experiments.running();
  const waiting = await experiments.queue();
  const queued = waiting.filter((one) => one.state === "queued").length;
  const shown = [...(running === null ? [] : [running]), ...waiting].slice(0, most);
  return {
    total_queued: queued,
    total_running: running === null ? 0 : 1,
    total_paused: waiting.length - queued,
    estimated_wait_minutes: queued * WAIT_MINUTES,
    queue: shown.map((one) => ({
      experiment_id: one.id,
      user_session_id: shownOf(one),
      status: hubStatus(one.state),
      created_at: naive(one.createdAtMs),
    })),
  };
}

/** Whose it is, for others: a name, or too little of a session's digest to be used. */
export function ownerShown({ owner }: Experiment): string {
  return ownerLabel(owner).replace(/^guest /, "");
}

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
