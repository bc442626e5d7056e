import { accept, refuse, type Result } from "../result.ts";
import type { CommandRefusal } from "./model.ts";

interface Job<T> {
  readonly act: (signal: AbortSignal) => Promise<Result<T, CommandRefusal>>;
  readonly abort: AbortController;
  readonly done: (outcome: Result<T, CommandRefusal>) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Commands to one device, one after another. `flush` answers all of them at once with a refusal: what
 * waits never starts, what runs is told by its signal and its outcome no longer counts.
 */
export class CommandQueue<T> {
  #waiting: Job<T>[] = [];
  #running: Job<T> | null = null;

  constructor(private readonly waitingMax: number) {}

  /** Commands that wait behind the running one. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Refuses at once, with how many wait, when the queue is full. */
  push(
    act: (signal: AbortSignal) => Promise<Result<T, CommandRefusal>>,
  ): Result<Promise<Result<T, CommandRefusal>>, { waiting: number }> {
    if (this.#waiting.length >= this.waitingMax) return refuse({ waiting: this.#waiting.length });
    const { promise, resolve, reject } = Promise.withResolvers<Result<T, CommandRefusal>>();
    this.#waiting.push({ act, abort: new AbortController(), done: resolve, fail: reject });
    this.#next();
    return accept(promise);
  }

  flush(refusal: CommandRefusal): void {
    const running = this.#running;
    const jobs = [...this.#waiting, ...(running === null ? [] : [running])];
    this.#waiting = [];
    for (const job of jobs) {
      job.done(refuse(refusal));
      job.abort.abort();
    }
  }

  #next(): void {
    if (this.#running !== null) return;
    const job = this.#waiting.shift();
    if (job === undefined) return;
    this.#running = job;
    void this.#run(job);
  }

  async #run(job: Job<T>): Promise<void> {
    try {
      job.done(await job.act(job.abort.signal));
    } catch (error) {
      job.fail(error);
    }
    this.#running = null;
    this.#next();
  }
}
