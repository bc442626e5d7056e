/**
 * Ranks order the queue: decimal digits after an implied point, compared as text. Between any two there
 * is always another, so moving an entry rewrites that entry alone, however long the queue is.
 */

/** Digits of a rank that came from the counter. */
export const RANK_DIGITS = 12;
/** Where the first submission stands: room for as many before it as after it. */
export const RANK_START = 500_000_000_000;
/** Longer ones would come near the store's key limit of 2 KiB. */
export const RANK_LENGTH_MAX = 1000;

/** The counter's number as a rank. @throws {RangeError} outside the counter's digits. */
export function rankOf(counter: number): string {
  if (!Number.isInteger(counter) || counter <= 0 || counter >= 10 ** RANK_DIGITS) {
    throw new RangeError(`Cannot rank ${counter}: the counter has ${RANK_DIGITS} digits`);
  }
  return String(counter).padStart(RANK_DIGITS, "0");
}

/**
 * A rank strictly between `low` and `high`, of the fewest digits. No rank ends in 0, or there would be
 * none between it and the same without the 0.
 *
 * @throws {RangeError} if `low` is not below `high`.
 */
export function rankBetween(low: string, high: string): string {
  if (low >= high) throw new RangeError(`Cannot rank between "${low}" and "${high}"`);
  let rank = "";
  /** `rank` is still the beginning of `high`. */
  let tight = true;
  for (let i = 0; i <= Math.max(low.length, high.length); i++) {
    const from = i < low.length ? Number(low[i]) : 0;
    const to = tight ? (i < high.length ? Number(high[i]) : 0) : 10;
    if (to - from > 1) return rank + String(Math.floor((from + to) / 2));
    rank += String(from);
    if (from < to) tight = false;
  }
  throw new RangeError(
    `Cannot rank between "${low}" and "${high}": the second is the first and 0s`,
  );
}

interface Entry {
  readonly id: string;
  readonly rank: string;
}

/** The queue's order in memory: position and neighbours by binary search. */
export class Ranks {
  #entries: Entry[] = [];
  #rankOf = new Map<string, string>();

  get size(): number {
    return this.#entries.length;
  }
  /** Ids, foremost first. */
  *[Symbol.iterator](): Generator<string> {
    for (const { id } of this.#entries) yield id;
  }
  /** At most `limit` ids behind `rank`, foremost first, and the rank of the last where more follow. */
  page(rank: string | null, limit: number): { ids: string[]; next: string | null } {
    // Behind every id at that rank.
    const from = rank === null ? 0 : this.#indexOf({ id: "\uffff", rank });
    const entries = this.#entries.slice(from, from + limit);
    const more = from + entries.length < this.#entries.length;
    return {
      ids: entries.map(({ id }) => id),
      next: more ? entries.at(-1)?.rank ?? null : null,
    };
  }
  /** Puts `id` at `rank`, or takes it out with `null`. */
  put(id: string, rank: string | null): void {
    const earlier = this.#rankOf.get(id);
    if (earlier !== undefined) {
      this.#entries.splice(this.#indexOf({ id, rank: earlier }), 1);
      this.#rankOf.delete(id);
    }
    if (rank === null) return;
    this.#entries.splice(this.#indexOf({ id, rank }), 0, { id, rank });
    this.#rankOf.set(id, rank);
  }
  /** From 1; `null` when it does not wait. */
  position(id: string): number | null {
    const rank = this.#rankOf.get(id);
    return rank === undefined ? null : this.#indexOf({ id, rank }) + 1;
  }
  /** Ranks beside the place `position` (from 1, clamped) of a queue without `id`. */
  around(id: string, position: number): { low: string | null; high: string | null } {
    const others = this.#entries.filter((entry) => entry.id !== id);
    const index = Math.max(0, Math.min(others.length, position - 1));
    return { low: others[index - 1]?.rank ?? null, high: others[index]?.rank ?? null };
  }
  /** Index of the first entry that does not stand before this one. */
  #indexOf(entry: Entry): number {
    let from = 0;
    let to = this.#entries.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (before(this.#entries[middle]!, entry)) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.id < b.id);
}
