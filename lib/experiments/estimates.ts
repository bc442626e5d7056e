import type { Clock } from "../clock.ts";
import type { Experiment } from "./model.ts";
import type { ExperimentStore } from "./store.ts";

/** How long one is expected to run and when it starts; what is not known is `null`, never a guess. */
export interface Estimate {
  /** Milliseconds of run. */
  readonly durationMs: number | null;
  /** `declared`: its limit of wall clock; `measured`: median of completed runs of the same script. */
  readonly basis: "declared" | "measured" | null;
  /** Milliseconds until it starts, or for the one that runs, until it ends. */
  readonly waitMs: number | null;
}

const UNKNOWN: Estimate = { durationMs: null, basis: null, waitMs: null };
/** The last runs of a script that are looked at. */
const RUNS_MAX = 21;
/** Scripts whose measure is kept in memory. */
const SCRIPTS_MAX = 1000;

/** Wait estimates from declared limits and measured durations. */
export class Estimates {
  #measured = new Map<string, number | null>();

  constructor(private readonly store: ExperimentStore, private readonly clock: Clock) {
    store.onChange(({ state, scriptSha256 }) => {
      if (state === "completed") this.#measured.delete(scriptSha256);
    });
  }

  /**
   * Of what runs and of `shown`, by id. Behind one whose duration is not known nothing is known, and
   * nothing is while the queue stands still (`blocked`). A paused one is passed over.
   */
  async ofQueue(
    blocked: boolean,
    shown: readonly Pick<Experiment, "id">[],
  ): Promise<Record<string, Estimate>> {
    const { live } = this.store;
    const estimates: Record<string, Estimate> = {};
    const running = live.running();
    let waitMs: number | null = blocked ? null : 0;
    if (running !== null) {
      const { durationMs, basis } = await this.#durationOf(running);
      const sinceMs = this.clock.nowMs() - (running.startedAtMs ?? this.clock.nowMs());
      // Nobody knows how long it will be held.
      const left = durationMs === null || running.state === "holding"
        ? null
        : Math.max(0, durationMs - sinceMs);
      waitMs = running.state === "stopping" ? waitMs : left;
      estimates[running.id] = { durationMs, basis, waitMs };
    }
    const wanted = new Set(shown.map(({ id }) => id));
    for (const id of wanted) estimates[id] = UNKNOWN;
    // What cannot be added up any more is not looked through, nor what stands behind the last one shown.
    for (const experiment of live.eachWaiting()) {
      if (waitMs === null || wanted.size === 0) break;
      const { durationMs, basis } = await this.#durationOf(experiment);
      const paused = experiment.state === "paused";
      if (wanted.delete(experiment.id)) {
        estimates[experiment.id] = { durationMs, basis, waitMs: paused ? null : waitMs };
      }
      if (!paused) waitMs = durationMs === null ? null : waitMs + durationMs;
    }
    return estimates;
  }

  async #durationOf(
    { limits, scriptSha256 }: Experiment,
  ): Promise<Pick<Estimate, "durationMs" | "basis">> {
    if (limits.wallMs !== null) return { durationMs: limits.wallMs, basis: "declared" };
    let measured = this.#measured.get(scriptSha256);
    if (measured === undefined) {
      measured = median(await this.store.durationsOf(scriptSha256, RUNS_MAX));
      if (this.#measured.size >= SCRIPTS_MAX) this.#measured.clear();
      this.#measured.set(scriptSha256, measured);
    }
    return { durationMs: measured, basis: measured === null ? null : "measured" };
  }
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}
