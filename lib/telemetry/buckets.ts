import type { Group } from "./file.ts";
import { addSample, emptySum, type Sum } from "./rollup.ts";
import { type Bucket, BUCKETS_MAX } from "./model.ts";

/** Where buckets lie: bucket `k` covers `originMs + k * widthMs` up to the next. */
export interface Grid {
  readonly originMs: number;
  readonly widthMs: number;
  /** How many cover the range asked for. */
  readonly count: number;
}

/**
 * The finest grid of at most `buckets` whole buckets over `fromMs <= t < toMs` whose edges are multiples
 * of its width since the epoch, and so the same for every viewer; the width is a multiple of `unitMs`.
 * A single bucket starts at the last multiple of `unitMs` before the range instead.
 *
 * @throws {RangeError} if the range is empty or `buckets` is not 1 to `BUCKETS_MAX`.
 */
export function gridOver(fromMs: number, toMs: number, buckets: number, unitMs: number): Grid {
  if (!(fromMs < toMs)) throw new RangeError(`The range ${fromMs} to ${toMs} is empty`);
  if (!Number.isInteger(buckets) || buckets < 1 || buckets > BUCKETS_MAX) {
    throw new RangeError(`Buckets must be 1 to ${BUCKETS_MAX}, not ${buckets}`);
  }
  const widthFor = (parts: number) =>
    Math.max(1, Math.ceil((toMs - fromMs) / parts / unitMs)) * unitMs;
  if (buckets === 1) {
    const originMs = Math.floor(fromMs / unitMs) * unitMs;
    return { originMs, widthMs: Math.ceil((toMs - originMs) / unitMs) * unitMs, count: 1 };
  }
  const aligned = gridOfWidth(fromMs, toMs, widthFor(buckets));
  // A range that starts inside a bucket needs one more than its length alone.
  return aligned.count <= buckets ? aligned : gridOfWidth(fromMs, toMs, widthFor(buckets - 1));
}

function gridOfWidth(fromMs: number, toMs: number, widthMs: number): Grid {
  const first = Math.floor(fromMs / widthMs);
  return { originMs: first * widthMs, widthMs, count: Math.ceil(toMs / widthMs) - first };
}

/** Buckets of a grid while they are filled. */
export class Buckets {
  readonly #sums: (Sum | undefined)[];

  constructor(readonly grid: Grid) {
    this.#sums = new Array(grid.count);
  }

  addGroup({ k, ...sum }: Group): void {
    this.#sums[k] = sum;
  }

  addSample(atMs: number, value: number | null, quality: number): void {
    const k = Math.floor((atMs - this.grid.originMs) / this.grid.widthMs);
    if (k < 0 || k >= this.grid.count) return;
    addSample(this.#sums[k] ??= emptySum(), atMs, value, quality);
  }

  finish(): Bucket[] {
    const { originMs, widthMs, count } = this.grid;
    return Array.from({ length: count }, (_, k) => {
      const sum = this.#sums[k] ?? EMPTY;
      const bucket: Bucket = {
        atMs: originMs + k * widthMs,
        min: sum.min,
        max: sum.max,
        mean: sum.mean,
        last: sum.last,
        count: sum.count,
      };
      if (sum.suspect > 0) bucket.suspect = sum.suspect;
      if (sum.bad > 0) bucket.bad = sum.bad;
      return bucket;
    });
  }
}

const EMPTY: Readonly<Sum> = emptySum();
