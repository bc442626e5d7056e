/** Squares narrower than this on the atlas, pixels, are not worth a visit. */
const WIDTH_MIN_PX = 60;
const SQUARES_PER_CLUSTER = 2;
const HOLES_PER_CLUSTER = 4;

interface Candidate {
  readonly id: number;
  readonly prediction: number;
  readonly cluster: number | null;
}

/**
 * Squares a model would visit: the better half by prediction times area, at most two of a cluster, so that
 * different kinds are tried. Those without a cluster stand for themselves.
 */
export function suggestedSquares(
  squares: readonly (Candidate & { readonly widthPx: number | null })[],
): number[] {
  const worth = ({ prediction, widthPx }: { prediction: number; widthPx: number | null }) =>
    widthPx === null || widthPx < WIDTH_MIN_PX ? 0 : prediction * widthPx ** 2;
  const ranked = squares.toSorted((a, b) => worth(b) - worth(a) || a.id - b.id);
  return firstOfClusters(ranked, SQUARES_PER_CLUSTER, true);
}

/** Holes a model would expose: the better half by prediction, at most four of a cluster, those without one left out. */
export function suggestedHoles(holes: readonly Candidate[]): number[] {
  const ranked = holes.toSorted((a, b) => b.prediction - a.prediction || a.id - b.id);
  return firstOfClusters(ranked, HOLES_PER_CLUSTER, false);
}

function firstOfClusters(ranked: readonly Candidate[], most: number, alone: boolean): number[] {
  const taken = new Map<number, number>();
  return ranked.slice(0, Math.floor(ranked.length / 2)).filter(({ cluster }) => {
    if (cluster === null) return alone;
    const count = taken.get(cluster) ?? 0;
    taken.set(cluster, count + 1);
    return count < most;
  }).map(({ id }) => id);
}
