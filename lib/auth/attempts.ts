import type { Clock } from "../clock.ts";

interface Record {
  failures: number;
  /** Monotonic; no attempt is taken before it. */
  waitUntilMs: number;
  lastMs: number;
}

const FREE_FAILURES = 5;
const WAIT_MS_MAX = 15 * 60_000;
const FORGET_MS = 30 * 60_000;
const RECORDS_MAX = 10_000;

/**
 * Slows guessing down: five failures are free, after that each one doubles the wait, from one second to
 * a quarter of an hour. An attempt counts when it begins, so that a hundred at once gain nothing. Kept in
 * memory, on the monotonic clock.
 */
export class Attempts {
  #records = new Map<string, Record>();

  constructor(private readonly clock: Clock, private readonly freeFailures = FREE_FAILURES) {}

  /** Counts an attempt by `who`; seconds to wait when it came too early, or 0 when it may go ahead. */
  begin(who: string): number {
    const nowMs = this.clock.monotonicMs();
    const known = this.#records.get(who);
    const record = known !== undefined && nowMs - known.lastMs < FORGET_MS
      ? known
      : { failures: 0, waitUntilMs: 0, lastMs: nowMs };
    if (nowMs < record.waitUntilMs) return Math.ceil((record.waitUntilMs - nowMs) / 1000);
    record.failures++;
    record.lastMs = nowMs;
    const over = record.failures - this.freeFailures;
    if (over >= 0) record.waitUntilMs = nowMs + Math.min(WAIT_MS_MAX, 1000 * 2 ** over);
    this.#records.delete(who);
    this.#records.set(who, record);
    this.#forgetOldest();
    return 0;
  }

  /** The attempt was right: `who` starts anew. */
  succeeded(who: string): void {
    this.#records.delete(who);
  }

  /** Takes one attempt back, for what many share: an address behind which one of many got it right. */
  forgive(who: string): void {
    const record = this.#records.get(who);
    if (record === undefined) return;
    record.failures--;
    record.waitUntilMs = 0;
    if (record.failures <= 0) this.#records.delete(who);
  }

  #forgetOldest(): void {
    for (const who of this.#records.keys()) {
      if (this.#records.size <= RECORDS_MAX) return;
      this.#records.delete(who);
    }
  }
}
