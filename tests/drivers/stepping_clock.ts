import type { DriverClock } from "../../drivers/driver.ts";

/** Time that moves only when somebody waits for it, and then at once: hours of a device in milliseconds. */
export class SteppingClock implements DriverClock {
  #ms = 0;
  constructor(private readonly startMs = Date.UTC(2026, 0, 25, 20, 0, 0)) {}
  nowMs(): number {
    return this.startMs + this.#ms;
  }
  monotonicMs(): number {
    return this.#ms;
  }
  wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.#ms += ms;
    return Promise.resolve();
  }
}
