import type { Clock } from "../../clock.ts";

export interface BreakerLimits {
  /** Failures in a row after which it opens. */
  readonly failures: number;
  /** How long it stays open the first time; doubled each time it fails again. */
  readonly openMs: number;
  readonly openMsMax: number;
}

export const BREAKER_LIMITS: BreakerLimits = { failures: 5, openMs: 30_000, openMsMax: 300_000 };

/**
 * Leaves a peer alone that keeps failing: after `failures` in a row nobody asks it for a while, then one
 * trial decides whether it is asked again.
 */
export class Breaker {
  #failed = 0;
  #openedMs = 0;
  #openUntilMs = -Infinity;

  constructor(private readonly clock: Clock, private readonly limits = BREAKER_LIMITS) {}

  /** How long nobody may ask, milliseconds; 0 when anybody may. */
  waitMs(): number {
    return Math.max(0, this.#openUntilMs - this.clock.monotonicMs());
  }

  succeeded(): void {
    this.#failed = 0;
    this.#openedMs = 0;
    this.#openUntilMs = -Infinity;
  }

  failed(): void {
    this.#failed++;
    if (this.#failed < this.limits.failures) return;
    this.#openedMs = Math.min(this.limits.openMsMax, this.#openedMs * 2 || this.limits.openMs);
    this.#openUntilMs = this.clock.monotonicMs() + this.#openedMs;
  }
}
