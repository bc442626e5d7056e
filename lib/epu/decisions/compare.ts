/** What one hole came to, and when it was exposed. */
export interface Outcome {
  readonly holeId: number;
  readonly atMs: number;
  readonly exposures: number;
  readonly good: number;
}

/** A hole order as it was proposed. */
export interface Ordered {
  readonly atMs: number;
  readonly targetIds: readonly number[];
}

export interface ComparisonPoint {
  /** Exposures spent. */
  readonly exposures: number;
  readonly good: number;
  readonly baselineGood: number;
}

/** How an authority would have done with the holes that were exposed in the end. */
export interface Comparison {
  readonly authority: string;
  /** Exposed holes that both it and the baseline had ordered beforehand. */
  readonly holes: number;
  readonly exposures: number;
  readonly good: number;
  /** Good exposures it would have been behind the baseline, on average over the way; below 0: ahead. */
  readonly regret: number | null;
  readonly points: readonly ComparisonPoint[];
}

const POINTS = 10;

/**
 * Compares `orders` with `baseline` on what really came out. Each hole gets the place it had in the last
 * order proposed before it was exposed, so that nobody is judged by hindsight; holes that one of the two
 * never ordered are left out. Both spend the same exposures on the same holes, and differ in how early the
 * good ones come.
 */
export function compare(
  authority: string,
  orders: readonly Ordered[],
  baseline: readonly Ordered[],
  outcomes: readonly Outcome[],
): Comparison {
  const own = places(orders, outcomes);
  const base = places(baseline, outcomes);
  const both = outcomes.filter(({ holeId }) => own.has(holeId) && base.has(holeId));
  const inOrder = (place: ReadonlyMap<number, number>) =>
    both.toSorted((a, b) =>
      place.get(a.holeId)! - place.get(b.holeId)! || a.atMs - b.atMs || a.holeId - b.holeId
    );
  const exposures = both.reduce((sum, one) => sum + one.exposures, 0);
  const ownGood = goodAfter(inOrder(own));
  const baseGood = goodAfter(inOrder(base));
  const points = exposures === 0 ? [] : Array.from({ length: POINTS }, (_, i) => {
    const spent = exposures * (i + 1) / POINTS;
    return { exposures: spent, good: ownGood(spent), baselineGood: baseGood(spent) };
  });
  const behind = points.reduce((sum, { good, baselineGood }) => sum + baselineGood - good, 0);
  return {
    authority,
    holes: both.length,
    exposures,
    good: both.reduce((sum, one) => sum + one.good, 0),
    regret: points.length === 0 ? null : behind / points.length,
    points,
  };
}

/** Place of each exposed hole, 0 first to 1 last, in the last order that was proposed before. */
function places(orders: readonly Ordered[], outcomes: readonly Outcome[]): Map<number, number> {
  const sorted = orders.toSorted((a, b) => a.atMs - b.atMs);
  const atMs = new Map(outcomes.map((one) => [one.holeId, one.atMs]));
  const found = new Map<number, number>();
  for (const { atMs: proposedMs, targetIds } of sorted) {
    for (const [i, id] of targetIds.entries()) {
      const exposedMs = atMs.get(id);
      if (exposedMs !== undefined && proposedMs < exposedMs) found.set(id, i / targetIds.length);
    }
  }
  return found;
}

/** Good exposures after so many in all; within a hole they are spread evenly. */
function goodAfter(outcomes: readonly Outcome[]): (exposures: number) => number {
  return (exposures) => {
    let left = exposures;
    let good = 0;
    for (const one of outcomes) {
      if (left >= one.exposures) good += one.good;
      else return good + one.good * left / one.exposures;
      left -= one.exposures;
    }
    return good;
  };
}
