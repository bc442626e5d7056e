import { type Clock, delay } from "../clock.ts";
import type { Log } from "../log.ts";

/** The runtime ends while a run is under way: the next one goes on from what is recorded. */
export class ClosedError extends Error {
  override readonly name = "ClosedError";
}

const PAUSE_MS = 250;
const PAUSE_MS_MAX = 30_000;

/** For what must be done in the end: a run must not be lost to a disk that is full for an hour. */
export class Persistence {
  #closing = new AbortController();

  constructor(private readonly clock: Clock, private readonly log: Log) {}

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }
  close(): void {
    this.#closing.abort(new ClosedError("The runtime is ending"));
  }

  /** @throws {ClosedError} as soon as we are closed */
  pause(ms: number): Promise<void> {
    return delay(this.clock, ms, this.#closing.signal);
  }

  /** Repeats `act` until it works. @throws what it throws, once we are closed */
  async insist<T>(what: string, act: () => Promise<T>): Promise<T> {
    for (let pauseMs = PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      try {
        return await act();
      } catch (error) {
        if (this.closed) throw error;
        this.log.error(`could not ${what}; it will be tried again`, { error });
        await delay(this.clock, pauseMs, this.#closing.signal);
      }
    }
  }

  /** Waits for `promise`. @throws {ClosedError} as soon as we are closed */
  async orClosed<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this.#closing;
    signal.throwIfAborted();
    const closed = Promise.withResolvers<never>();
    const onAbort = () => closed.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([promise, closed.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
