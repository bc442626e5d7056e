import type { DriverClock } from "../drivers/driver.ts";

/** An operation was given up before it was done. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
  constructor(readonly code: "cancelled" | "safe" | "timeout" | "wedged", message: string) {
    super(message);
  }
}

/** Lower goes first. A safe state never waits behind a command, a command never behind a reading. */
export const PRIORITY = { safe: 0, command: 1, reading: 2 } as const;
export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY];

/** What an operation is, for whoever decides whether it is given up. */
export interface Operation {
  readonly deviceId: string;
  readonly priority: Priority;
}

interface Job extends Operation {
  readonly order: number;
  readonly abort: AbortController;
  readonly act: (signal: AbortSignal) => Promise<unknown>;
  readonly done: (value: unknown) => void;
  readonly fail: (error: unknown) => void;
  /** Resolves when `act` itself has ended, however late. */
  settled: Promise<void>;
}

export interface BusLimits {
  /** An aborted operation that has not ended after this is left behind and the bus goes on. */
  readonly graceMs: number;
  /** A safe state that takes longer no longer keeps the next device's safe state waiting. */
  readonly safeShareMs: number;
  readonly waitingMax: number;
}

const LIMITS: BusLimits = { graceMs: 1000, safeShareMs: 100, waitingMax: 256 };

/**
 * One bus, one operation at a time. What is given up gets a grace to end; then the bus goes on without it
 * and its device stays `wedged` until it does end, so that two commands never meet on one device.
 */
export class Bus {
  #waiting: Job[] = [];
  #running: Job | null = null;
  #left = new Map<string, number>();
  #order = 0;

  constructor(
    readonly name: string,
    private readonly clock: DriverClock,
    private readonly limits: BusLimits = LIMITS,
  ) {}

  /** Whether an operation that was given up still holds the device. */
  wedged(deviceId: string): boolean {
    return this.#left.has(deviceId);
  }

  /**
   * Runs `act` when the bus is free. After `deadlineMs`, or when `signal` aborts or `seize` takes the bus,
   * it rejects at once with `Cancelled`, whether or not `act` heeds its signal.
   */
  run<T>(
    operation: Operation & { readonly deadlineMs: number },
    act: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    return this.#enqueue(operation, act, signal);
  }

  /**
   * As `run`, ahead of all that waits: what `match`es is given up first, and what runs has `waitMs` to end
   * before `act` starts beside it. `onLate` is called when something that was left behind so has ended.
   */
  seize<T>(
    operation: Operation & { readonly deadlineMs: number; readonly waitMs: number },
    match: (other: Operation) => boolean,
    reason: Cancelled,
    act: (signal: AbortSignal) => Promise<T>,
    onLate: () => void,
  ): Promise<T> {
    const before = this.#waiting;
    const running = this.#running;
    const result = this.#enqueue(operation, act);
    for (const other of before) if (match(other)) this.#giveUp(other, reason);
    if (running !== null && match(running)) {
      this.#giveUp(running, reason);
      const ended = new AbortController();
      running.settled.then(() => ended.abort());
      this.clock.wait(operation.waitMs, ended.signal).then(() => {
        this.#leave(running);
        running.settled.then(onLate);
      }, () => {});
    }
    return result;
  }

  #enqueue<T>(
    { deviceId, priority, deadlineMs }: Operation & { readonly deadlineMs: number },
    act: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    if (signal?.aborted) return Promise.reject(asCancelled(signal.reason));
    if (this.#waiting.length >= this.limits.waitingMax && priority !== PRIORITY.safe) {
      const waiting = `${this.#waiting.length} operations wait for bus "${this.name}"`;
      return Promise.reject(new Cancelled("wedged", waiting));
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const job: Job = {
      deviceId,
      priority,
      order: this.#order++,
      abort: new AbortController(),
      act,
      done: resolve as (value: unknown) => void,
      fail: reject,
      settled: Promise.resolve(),
    };
    const ended = new AbortController();
    const onAbort = () => this.#giveUp(job, asCancelled(signal?.reason));
    signal?.addEventListener("abort", onAbort, { once: true, signal: ended.signal });
    job.abort.signal.addEventListener("abort", () => reject(job.abort.signal.reason), {
      signal: ended.signal,
    });
    this.clock.wait(deadlineMs, ended.signal).then(
      () =>
        this.#giveUp(
          job,
          new Cancelled("timeout", `"${deviceId}" did not finish within ${deadlineMs} ms`),
        ),
      () => {},
    );
    promise.then(() => ended.abort(), () => ended.abort());
    this.#waiting.push(job);
    this.#next();
    return promise;
  }

  #giveUp(job: Job, reason: Error): void {
    if (job.abort.signal.aborted) return;
    this.#waiting = this.#waiting.filter((other) => other !== job);
    job.abort.abort(reason);
    if (this.#running !== job) return;
    this.#leaveAfter(job, this.limits.graceMs);
  }

  /** Lets the bus go on without `job`, whose device stays wedged until it ends. */
  #leave(job: Job): void {
    if (this.#running !== job) return;
    this.#running = null;
    this.#left.set(job.deviceId, (this.#left.get(job.deviceId) ?? 0) + 1);
    job.settled.then(() => {
      const left = this.#left.get(job.deviceId)! - 1;
      if (left > 0) this.#left.set(job.deviceId, left);
      else this.#left.delete(job.deviceId);
    });
    this.#next();
  }

  #next(): void {
    if (this.#running !== null || this.#waiting.length === 0) return;
    const job = this.#waiting.reduce((best, one) =>
      one.priority < best.priority || (one.priority === best.priority && one.order < best.order)
        ? one
        : best
    );
    this.#waiting = this.#waiting.filter((other) => other !== job);
    this.#running = job;
    job.settled = this.#execute(job);
    if (job.priority === PRIORITY.safe) this.#leaveAfter(job, this.limits.safeShareMs);
  }

  #leaveAfter(job: Job, ms: number): void {
    const ended = new AbortController();
    job.settled.then(() => ended.abort());
    this.clock.wait(ms, ended.signal).then(() => this.#leave(job), () => {});
  }

  async #execute(job: Job): Promise<void> {
    try {
      if (job.priority !== PRIORITY.safe && this.wedged(job.deviceId)) {
        throw new Cancelled("wedged", `"${job.deviceId}" has not ended what it was told before`);
      }
      job.done(await job.act(job.abort.signal));
    } catch (error) {
      job.fail(error);
    }
    if (this.#running !== job) return;
    this.#running = null;
    this.#next();
  }
}

function asCancelled(reason: unknown): Error {
  return reason instanceof Cancelled ? reason : new Cancelled("cancelled", "Given up by the asker");
}
