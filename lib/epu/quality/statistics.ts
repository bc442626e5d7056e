import { z } from "zod";

/** Values are counted in steps of 2^-30 of their unit, so that sums are whole numbers. */
const SCALE = 2 ** 30;
/** Largest value taken in; a step of it still fits a double exactly. */
export const VALUE_MAX = 1e6;

/** Values closer than this ratio share a bin, and so a rank. */
const BIN_RATIO = 1.02;
const SMALLEST_BIN = 1e-3;
const EDGES: readonly number[] = edges();

const Count = z.number().int().nonnegative();

/**
 * What is known of many values without keeping them: exact sums, and how many fell in each of about a
 * thousand bins. Adding and taking away in any order gives exactly what a recount of the values that are
 * left would, so a corrected value leaves no trace of the wrong one.
 */
export const Statistics = z.strictObject({
  v: z.literal(1),
  count: Count,
  /** Sum of the values in steps of 2^-30. */
  sum: z.bigint(),
  /** Sum of their squares in steps of 2^-60. */
  squares: z.bigint(),
  /** Bins that are not empty, in order: which one, and how many values it holds. */
  bins: z.array(z.tuple([z.number().int().nonnegative(), z.number().int().positive()])),
});
export type Statistics = z.infer<typeof Statistics>;

export const noStatistics: Statistics = { v: 1, count: 0, sum: 0n, squares: 0n, bins: [] };

/** @throws {RangeError} for a value that is not from 0 to `VALUE_MAX`. */
export function withValue(statistics: Statistics, value: number): Statistics {
  const steps = stepsOf(value);
  return {
    v: 1,
    count: statistics.count + 1,
    sum: statistics.sum + steps,
    squares: statistics.squares + steps * steps,
    bins: changed(statistics.bins, binOf(value), 1),
  };
}

/** @throws {RangeError} for a value that was never added. */
export function withoutValue(statistics: Statistics, value: number): Statistics {
  const steps = stepsOf(value);
  if (statistics.count === 1 && statistics.sum !== steps) throw neverAdded(value);
  return {
    v: 1,
    count: statistics.count - 1,
    sum: statistics.sum - steps,
    squares: statistics.squares - steps * steps,
    bins: changed(statistics.bins, binOf(value), -1),
  };
}

/** Both together, as if all values had been added to one. */
export function merged(a: Statistics, b: Statistics): Statistics {
  let { bins } = a;
  for (const [bin, count] of b.bins) bins = changed(bins, bin, count);
  return {
    v: 1,
    count: a.count + b.count,
    sum: a.sum + b.sum,
    squares: a.squares + b.squares,
    bins,
  };
}

/** `null` when there is nothing to take a mean of. */
export function meanOf({ count, sum }: Statistics): number | null {
  return count === 0 ? null : Number(sum) / count / SCALE;
}

/** Sum of squared deviations from the mean; never negative, 0 for equal values. */
export function m2Of({ count, sum, squares }: Statistics): number {
  if (count === 0) return 0;
  return Number(squares * BigInt(count) - sum * sum) / count / (SCALE * SCALE);
}

/** With n - 1; `null` for fewer than two values. */
export function standardDeviationOf(statistics: Statistics): number | null {
  return statistics.count < 2 ? null : Math.sqrt(m2Of(statistics) / (statistics.count - 1));
}

/**
 * Share of the values below `value`, those of its own bin counted half: 0 below all, 1 above all, 0.5 in
 * the middle and among equals. `null` without values.
 */
export function midRankOf(statistics: Statistics, value: number): number | null {
  if (statistics.count === 0) return null;
  const own = binOf(value);
  let below = 0;
  for (const [bin, count] of statistics.bins) {
    if (bin < own) below += count;
    else if (bin === own) below += count / 2;
  }
  return below / statistics.count;
}

/** The value below which `share` of the values lie, to the width of a bin (2 %); `null` without values. */
export function quantileOf(statistics: Statistics, share: number): number | null {
  if (statistics.count === 0) return null;
  let left = share * statistics.count;
  let last = 0;
  for (const [bin, count] of statistics.bins) {
    last = bin;
    left -= count;
    if (left <= 0) break;
  }
  return last === 0 ? 0 : EDGES[last - 1]! * Math.sqrt(BIN_RATIO);
}

function stepsOf(value: number): bigint {
  if (!(value >= 0 && value <= VALUE_MAX)) {
    throw new RangeError(`Cannot take ${value} into statistics: 0 to ${VALUE_MAX} are counted`);
  }
  return BigInt(Math.round(value * SCALE));
}

type Bins = Statistics["bins"];

function changed(bins: Bins, bin: number, by: number): Bins {
  const at = bins.findIndex(([one]) => one >= bin);
  const place = at === -1 ? bins.length : at;
  const found = bins[place]?.[0] === bin ? bins[place]![1] : 0;
  const count = found + by;
  if (count < 0) throw neverAdded(EDGES[bin - 1] ?? 0);
  const next: Bins = [...bins];
  next.splice(
    place,
    found === 0 ? 0 : 1,
    ...(count === 0 ? [] : [[bin, count] as [number, number]]),
  );
  return next;
}

function neverAdded(value: number): RangeError {
  return new RangeError(`Cannot take ${value} out of statistics it was never added to`);
}

/** By products only, which every machine rounds alike: a value leaves through the bin it came in by. */
function edges(): number[] {
  const found: number[] = [];
  for (let edge = SMALLEST_BIN; edge <= VALUE_MAX; edge *= BIN_RATIO) found.push(edge);
  return found;
}

/** How many edges are at or below `value`. */
function binOf(value: number): number {
  let low = 0;
  let high = EDGES.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (EDGES[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
