/** One value with the time it belongs to, epoch ms. */
export interface TrendPoint {
  readonly atMs: number;
  readonly value: number;
}

/** A value with the median of those around it. */
export interface MedianPoint extends TrendPoint {
  readonly median: number;
}

/**
 * The median of the last `window` values up to each, in the order given. A window that is not full yet
 * takes what there is.
 */
export function rollingMedian(points: readonly TrendPoint[], window: number): MedianPoint[] {
  if (!Number.isInteger(window) || window < 1) {
    throw new RangeError(`Cannot take the median of ${window} values`);
  }
  const sorted: number[] = [];
  return points.map((point, i) => {
    if (i >= window) sorted.splice(placeOf(sorted, points[i - window]!.value), 1);
    sorted.splice(placeOf(sorted, point.value), 0, point.value);
    const middle = sorted.length >> 1;
    const median = sorted.length % 2 === 1
      ? sorted[middle]!
      : (sorted[middle - 1]! + sorted[middle]!) / 2;
    return { ...point, median };
  });
}

/**
 * At most `countMax` of `points`, evenly picked by order, the first and the last among them: for a plot
 * that has no more pixels than that.
 */
export function thinned<T>(points: readonly T[], countMax: number): T[] {
  if (countMax < 2) throw new RangeError(`Cannot thin to ${countMax} points: at least 2 stay`);
  if (points.length <= countMax) return [...points];
  const step = (points.length - 1) / (countMax - 1);
  return Array.from({ length: countMax }, (_, i) => points[Math.round(i * step)]!);
}

/** The first place at which `value` keeps `sorted` in order. */
function placeOf(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
