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

  constructor(
    private readonly store: ExperimentStore,
    private readonly clock: Clock,
    /** What it will hold. */
    private readonly devicesOf: (experiment: Experiment) => string[],
  ) {
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
    const plan = new Plan(this.store.concurrency);
    for (const running of live.runs()) {
      const { durationMs, basis } = await this.#durationOf(running);
      const sinceMs = this.clock.nowMs() - (running.startedAtMs ?? this.clock.nowMs());
      // Nobody knows how long it will be held; what is stopping is as good as over.
      const leftMs = running.state === "stopping"
        ? 0
        : durationMs === null || running.state === "holding"
        ? null
        : Math.max(0, durationMs - sinceMs);
      const waitMs = running.state === "stopping" && blocked ? null : leftMs;
      estimates[running.id] = { durationMs, basis, waitMs };
      plan.add(this.devicesOf(running), leftMs ?? Infinity);
    }
    // What stands still behind an obstacle starts at a time nobody knows.
    const standsStill = blocked && plan.isEmpty;
    const wanted = new Set(shown.map(({ id }) => id));
    for (const id of wanted) estimates[id] = UNKNOWN;
    // What cannot be added up any more is not looked through, nor what stands behind the last one shown.
    for (const experiment of live.eachWaiting()) {
      if (standsStill || plan.isUnknown || wanted.size === 0) break;
      const { durationMs, basis } = await this.#durationOf(experiment);
      const paused = experiment.state === "paused";
      const devices = this.devicesOf(experiment);
      const startMs = plan.startOf(devices);
      if (wanted.delete(experiment.id)) {
        const waitMs = paused || startMs === Infinity ? null : startMs;
        estimates[experiment.id] = { durationMs, basis, waitMs };
      }
      if (!paused) plan.add(devices, startMs + (durationMs ?? Infinity));
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

/** Ends of runs and of those expected before, from now in milliseconds; `Infinity` for what nobody knows. */
class Plan {
  /** The latest ones, latest first, as many as may run. */
  #ends: number[] = [];
  readonly #freeAtMs = new Map<string, number>();

  constructor(private readonly concurrency: number) {}

  get isEmpty(): boolean {
    return this.#ends.length === 0;
  }
  /** Nobody knows when there is room for another one. */
  get isUnknown(): boolean {
    return this.#ends[this.concurrency - 1] === Infinity;
  }
  add(devices: readonly string[], endMs: number): void {
    this.#ends = [...this.#ends, endMs].sort((a, b) => b === a ? 0 : b - a)
      .slice(0, this.concurrency);
    for (const id of devices) this.#freeAtMs.set(id, Math.max(endMs, this.#freeAtMs.get(id) ?? 0));
  }
  /** When all these devices are free of what came before, and fewer run than may. */
  startOf(devices: readonly string[]): number {
    const room = this.#ends[this.concurrency - 1] ?? 0;
    return Math.max(room, ...devices.map((id) => this.#freeAtMs.get(id) ?? 0));
  }
}
