import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { TelemetryFile } from "./file.ts";
import { Level } from "./model.ts";

const DAY_MS = 86_400_000;
/** Rows removed by one call, at most about this many. */
const ROWS_PER_CALL = 10_000;
/** A channel is trimmed once this much is past its time, so that pages are emptied whole. */
const SLACK_MS: Readonly<Record<Level, number>> = {
  raw: 3_600_000,
  minute: DAY_MS,
  hour: 30 * DAY_MS,
};
/** The wall clock stepped if it and the monotonic clock part by more than this between two calls. */
const STEP_MS = 60_000;
/** After a step nothing is removed for so long: a clock that is wrong must not cost the record. */
const HOLD_MS = 3_600_000;
/** Newest sample and clock lie further apart than this at start: off for long, or a clock not set yet. */
const AWAY_MS = DAY_MS;

/**
 * Removes what is past its retention, a little at a time. Retention is counted by the wall clock, and a
 * computer without a battery clock may think for minutes after a start that it is another year: so after
 * every step of the wall clock, and after a long absence, trimming holds off for an hour.
 */
export class Trimmer {
  #holdUntilMs = 0;
  #before: { wallMs: number; monotonicMs: number } | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
    /** How long each level is kept, days. */
    private readonly days: Readonly<Record<Level, number>>,
  ) {}

  /** Start of what is still to be kept. */
  cutoffMs(level: Level): number {
    return Math.floor(this.clock.nowMs() - this.days[level] * DAY_MS);
  }

  /** @returns how many rows were removed; call again while it is not 0. `newestMs`: newest sample known. */
  trim(file: TelemetryFile, newestMs: number | null): number {
    if (this.#mustHold(newestMs)) return 0;
    let removed = 0;
    const channels = file.channels();
    for (const level of Level.options) {
      const cutoffMs = this.cutoffMs(level);
      for (const { id } of channels) {
        const left = ROWS_PER_CALL - removed;
        if (left <= 0) return removed;
        const oldestMs = file.oldestMs(level, id);
        if (oldestMs === null || oldestMs >= cutoffMs - SLACK_MS[level]) continue;
        removed += file.trim(level, id, cutoffMs, left);
      }
    }
    return removed;
  }

  #mustHold(newestMs: number | null): boolean {
    const wallMs = this.clock.nowMs();
    const monotonicMs = this.clock.monotonicMs();
    const before = this.#before;
    this.#before = { wallMs, monotonicMs };
    const stepped = before === null
      ? newestMs !== null && Math.abs(wallMs - newestMs) > AWAY_MS
      : Math.abs(wallMs - before.wallMs - (monotonicMs - before.monotonicMs)) > STEP_MS;
    if (stepped) {
      this.#holdUntilMs = monotonicMs + HOLD_MS;
      this.log.warn("telemetry: the clock stepped, nothing is trimmed for an hour", { wallMs });
    }
    return monotonicMs < this.#holdUntilMs;
  }
}
