import { setImmediate } from "node:timers";

/**
 * The one source of time. Wall time (`nowMs`) stamps records; monotonic time measures every duration
 * and every lease inside this process, so a clock that steps changes no deadline.
 */
export interface Clock {
  /** Unix epoch, milliseconds, UTC. May step. */
  nowMs(): number;
  /** Milliseconds since an arbitrary start. Never goes back. */
  monotonicMs(): number;
  /** Calls `fire` once after `delayMs`; the returned function cancels it. */
  timer(delayMs: number, fire: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  timer(delayMs, fire) {
    const id = setTimeout(fire, delayMs);
    return () => clearTimeout(id);
  },
};

/** Resolves after `delayMs`, or rejects with the signal's reason as soon as it aborts. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.timer(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** A clock that stands still until `advance` moves it. Wall and monotonic time can be parted with `stepWall`. */
export class ManualClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #timers: { dueMs: number; order: number; fire: () => void }[] = [];
  #order = 0;

  constructor(startMs = Date.UTC(2026, 0, 25, 20, 0, 0)) {
    this.#wallMs = startMs;
  }
  nowMs(): number {
    return this.#wallMs;
  }
  monotonicMs(): number {
    return this.#monotonicMs;
  }
  timer(delayMs: number, fire: () => void): () => void {
    const entry = { dueMs: this.#monotonicMs + Math.max(0, delayMs), order: this.#order++, fire };
    this.#timers.push(entry);
    return () => {
      this.#timers = this.#timers.filter((t) => t !== entry);
    };
  }
  /** Steps the wall clock alone, as a time server or a person would. */
  stepWall(byMs: number): void {
    this.#wallMs += byMs;
  }
  /** Moves both clocks, firing timers at their due time in order; lets promises settle between them. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#monotonicMs + byMs;
    for (;;) {
      await settle();
      const next = this.#timers
        .filter((t) => t.dueMs <= endMs)
        .sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((t) => t !== next);
      this.#moveTo(next.dueMs);
      next.fire();
    }
    this.#moveTo(endMs);
    await settle();
  }
  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
