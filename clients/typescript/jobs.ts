import type { Bioreactor } from "./bioreactor.ts";
import { JobFailed } from "./errors.ts";
import { say } from "./transport.ts";

/** What a job does each turn; `elapsed` is seconds since the jobs began. */
export type JobCall = (bioreactor: Bioreactor, elapsed: number) => unknown;
/** Function, seconds between turns (`true`: without a pause), seconds it lasts (`true`: until stopped). */
export type Job = readonly [call: JobCall, period: number | true, duration: number | true];

export interface RunOptions {
  /** Failures in a row after which a job ends, once they also last `errorsForS`. */
  errorsMax?: number;
  errorsForS?: number;
  /** `interrupt`: when a job is given up the script ends too; `continue`: it goes on without it. */
  onFailure?: "interrupt" | "continue";
}

export interface JobCounts {
  calls: number;
  errors: number;
  /** Turns that passed while an earlier call was still working. */
  skipped: number;
  running: boolean;
}

/** The clock jobs run on; tests give their own. */
export interface JobClock {
  /** Never goes back, ms. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export const JOB_CLOCK: JobClock = {
  monotonicMs: () => performance.now(),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      // Longer than a timer can count is waited for in parts; the loop asks again.
      const timer = setTimeout(done, Math.min(ms, 2 ** 31 - 1));
      signal.addEventListener("abort", done);
    }),
};

interface Entry {
  readonly name: string;
  readonly call: JobCall;
  readonly periodMs: number | null;
  readonly durationMs: number;
  readonly counts: JobCounts;
}

/** The scheduler behind `Bioreactor.run`: fixed rates, turns skipped and counted, never piled up. */
export class Jobs {
  #entries: Entry[] = [];
  #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();
  #failure: JobFailed | null = null;
  #waiters = 0;

  constructor(
    private readonly bioreactor: Bioreactor,
    /** What ends the script when a job is given up and nobody waits for the jobs. */
    private readonly interrupt: (failure: JobFailed) => void,
    private readonly clock: JobClock = JOB_CLOCK,
  ) {}

  run(jobs: readonly Job[], options: RunOptions = {}): this {
    const entries = jobs.map(toEntry);
    if (this.#entries.some(({ counts }) => counts.running)) {
      throw new TypeError("Jobs are running already: end them with stopAll() first");
    }
    this.#entries = entries;
    this.#stop = new AbortController();
    const startMs = this.clock.monotonicMs();
    const { signal } = this.#stop;
    for (const { counts } of entries) counts.running = true;
    this.#done = Promise.all(entries.map(async (entry) => {
      try {
        await this.#work(entry, startMs, signal, options);
      } finally {
        entry.counts.running = false;
      }
    })).then(() => {});
    return this;
  }

  /** Asks every job to end after its present call. */
  stop(): void {
    this.#stop.abort();
  }

  /**
   * Resolves once every job has ended: true, or false after `timeoutS`.
   * @throws {JobFailed} one was given up with `interrupt`
   */
  async wait(timeoutS?: number): Promise<boolean> {
    this.#waiters++;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const ended = this.#done.then(() => true);
      const late = new Promise<boolean>((resolve) => {
        if (timeoutS !== undefined) timer = setTimeout(() => resolve(false), timeoutS * 1000);
      });
      const all = await Promise.race([ended, late]);
      this.raiseFailure();
      return all;
    } finally {
      clearTimeout(timer);
      this.#waiters--;
    }
  }

  counts(): Record<string, JobCounts> {
    return Object.fromEntries(this.#entries.map(({ name, counts }) => [name, { ...counts }]));
  }

  /** Throws the JobFailed that nobody has been told of yet. */
  raiseFailure(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
  }

  async #work(
    { name, call, periodMs, durationMs, counts }: Entry,
    startMs: number,
    signal: AbortSignal,
    { errorsMax = 20, errorsForS = 120, onFailure = "interrupt" }: RunOptions,
  ): Promise<void> {
    let turn = 0;
    let inARow = 0;
    let firstErrorMs = 0;
    const passedMs = () => this.clock.monotonicMs() - startMs;
    while (!signal.aborted) {
      const elapsedMs = passedMs();
      if (elapsedMs >= durationMs) return;
      try {
        counts.calls++;
        await call(this.bioreactor, elapsedMs / 1000);
        inARow = 0;
      } catch (error) {
        counts.errors++;
        inARow++;
        if (inARow === 1) firstErrorMs = passedMs();
        tell(name, error, inARow);
        if (inARow >= errorsMax && passedMs() - firstErrorMs >= errorsForS * 1000) {
          return this.#giveUp(name, error, inARow, onFailure);
        }
      }
      if (periodMs === null) {
        await this.clock.wait(5, signal);
        continue;
      }
      // The next turn that is still ahead; those that passed meanwhile are skipped, not made up.
      const following = Math.max(turn + 1, Math.ceil(passedMs() / periodMs));
      if (following > turn + 1) {
        if (counts.skipped === 0) {
          say(`job "${name}" takes longer than its ${periodMs / 1000} s: turns are skipped`);
        }
        counts.skipped += following - turn - 1;
      }
      turn = following;
      const nextMs = Math.min(turn * periodMs, durationMs);
      while (!signal.aborted && passedMs() < nextMs) {
        await this.clock.wait(nextMs - passedMs(), signal);
      }
    }
  }

  #giveUp(name: string, cause: unknown, inARow: number, onFailure: "interrupt" | "continue"): void {
    const failure = new JobFailed(
      `The job "${name}" failed ${inARow} times in a row and was ended: ${textOf(cause)}`,
      { component: name, code: "job_failed", cause },
    );
    say(failure.message);
    if (onFailure === "continue") return;
    this.#failure = failure;
    this.stop();
    if (this.#waiters === 0) this.interrupt(failure);
  }
}

function toEntry([call, period, duration]: Job): Entry {
  if (typeof call !== "function") {
    throw new TypeError(`A job is [function, period, duration]; ${String(call)} cannot be called`);
  }
  const name = call.name || "job";
  const periodMs = period === true ? null : seconds("period", period, name) * 1000;
  if (periodMs === 0) throw new RangeError(`The period of the job "${name}" must be above 0`);
  const durationMs = duration === true ? Infinity : seconds("duration", duration, name) * 1000;
  const counts = { calls: 0, errors: 0, skipped: 0, running: false };
  return { name, call, periodMs, durationMs, counts };
}

function seconds(what: string, value: unknown, name: string): number {
  if (typeof value !== "number" || !(value >= 0)) {
    throw new RangeError(
      `The ${what} of the job "${name}" must be seconds or true, not ${String(value)}`,
    );
  }
  return value;
}

function tell(name: string, error: unknown, inARow: number): void {
  if (inARow === 1) {
    const trace = error instanceof Error ? error.stack ?? error.message : String(error);
    say(`job "${name}" failed, it goes on:\n${trace}`);
  } else if ([2, 5, 10].includes(inARow) || inARow % 100 === 0) {
    say(`job "${name}" failed ${inARow} times in a row: ${textOf(error)}`);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
