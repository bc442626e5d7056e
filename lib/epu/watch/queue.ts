/** A file that is to be taken. */
export interface Waiting {
  readonly root: string;
  readonly path: string;
  /** Parents before children: 0 is a session. */
  readonly rank: number;
  /** As it looked last. */
  sizeBytes: number;
  mtimeMs: number;
  /** When it was first seen to be other than what was taken, ms of the monotonic clock. */
  readonly sinceMs: number;
  /** When it may be looked at again. */
  dueMs: number;
  /** Failed reads in a row. */
  tries: number;
}

interface Timed {
  readonly dueMs: number;
  /** Those due at the same moment come in the order in which they were put. */
  readonly order: number;
  readonly one: Waiting;
}

function isBefore(a: Timed, b: Timed): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/** Ranks from here on are exposures: there are many of them, and people wait for them. */
const EXPOSURE_RANK = 4;
const EXPOSURE_SLOT = 8;

/**
 * What is to be done, once for each path: a later change finds the same entry, so there are never more
 * entries than files, and none is thrown out. In order of rank, then of age; every eighth goes to an
 * exposure, so that a storm of rewritten squares does not starve them.
 */
export class WorkQueue {
  readonly #byPath = new Map<string, Waiting>();
  readonly #ready = new Map<number, Set<Waiting>>();
  /** Binary heap by `dueMs`; entries that moved meanwhile are skipped when they surface. */
  readonly #timed: Timed[] = [];
  #given = 0;
  #pushed = 0;

  get size(): number {
    return this.#byPath.size;
  }

  get(key: string): Waiting | undefined {
    return this.#byPath.get(key);
  }

  /** Puts it in, or moves it to its new `dueMs`. */
  put(key: string, one: Waiting): void {
    this.#byPath.set(key, one);
    this.#ready.get(one.rank)?.delete(one);
    this.#push({ dueMs: one.dueMs, order: this.#pushed++, one });
  }

  delete(key: string): void {
    const one = this.#byPath.get(key);
    if (one === undefined) return;
    this.#byPath.delete(key);
    this.#ready.get(one.rank)?.delete(one);
  }

  /** The next that is due, which stays in the queue until it is deleted; `null`: none is. */
  take(nowMs: number): Waiting | null {
    this.#ripen(nowMs);
    const ranks = [...this.#ready].filter(([, some]) => some.size > 0).map(([rank]) => rank);
    if (ranks.length === 0) return null;
    ranks.sort((a, b) => a - b);
    this.#given++;
    const exposures = ranks.filter((rank) => rank >= EXPOSURE_RANK);
    const rank = this.#given % EXPOSURE_SLOT === 0 && exposures.length > 0
      ? exposures[0]!
      : ranks[0]!;
    const some = this.#ready.get(rank)!;
    const [one] = some;
    some.delete(one!);
    return one!;
  }

  /** When the next becomes due, ms of the monotonic clock; `Infinity` when nothing waits. */
  nextDueMs(): number {
    for (const some of this.#ready.values()) if (some.size > 0) return -Infinity;
    while (this.#timed.length > 0 && !this.#isCurrent(this.#timed[0]!)) this.#pop();
    return this.#timed[0]?.dueMs ?? Infinity;
  }

  #ripen(nowMs: number): void {
    while (this.#timed.length > 0 && this.#timed[0]!.dueMs <= nowMs) {
      const top = this.#pop();
      if (!this.#isCurrent(top)) continue;
      const some = this.#ready.get(top.one.rank) ?? new Set();
      some.add(top.one);
      this.#ready.set(top.one.rank, some);
    }
  }

  #isCurrent({ dueMs, one }: Timed): boolean {
    return one.dueMs === dueMs && this.#byPath.get(`${one.root}/${one.path}`) === one;
  }

  #push(entry: Timed): void {
    const heap = this.#timed;
    heap.push(entry);
    for (let i = heap.length - 1; i > 0;) {
      const up = (i - 1) >> 1;
      if (!isBefore(heap[i]!, heap[up]!)) break;
      [heap[up], heap[i]] = [heap[i]!, heap[up]!];
      i = up;
    }
  }

  #pop(): Timed {
    const heap = this.#timed;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      for (let i = 0;;) {
        const left = 2 * i + 1;
        if (left >= heap.length) break;
        const right = left + 1;
        const least = right < heap.length && isBefore(heap[right]!, heap[left]!) ? right : left;
        if (!isBefore(heap[least]!, heap[i]!)) break;
        [heap[i], heap[least]] = [heap[least]!, heap[i]!];
        i = least;
      }
    }
    return top;
  }
}
