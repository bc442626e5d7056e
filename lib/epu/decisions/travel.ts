/** What it costs to go from one square to another, in time, and what a hole costs. */
export interface Travel {
  /** From one hole to the next in the same square. */
  readonly holeMs: number;
  /** Of every change of square, and on top of that per metre of stage travel. */
  readonly changeMs: number;
  readonly msPerMetre: number;
  /** Changes of square it was measured from; 0: assumed. */
  readonly changes: number;
}

/** Holes are about half a minute apart, and a change costs ten of them. Source: SmartEM's own constant. */
export const ASSUMED_TRAVEL: Travel = {
  holeMs: 30_000,
  changeMs: 300_000,
  msPerMetre: 0,
  changes: 0,
};

/** Changes needed before the distance is looked at, and before anything is believed. */
const FIT_MIN = 6;
const CHANGES_MIN = 3;
/** A longer gap is a pause, not a way. */
const GAP_MAX_MS = 3_600_000;

interface Visit {
  readonly squareId: number;
  readonly holeId: number;
  readonly atMs: number;
}
interface Place {
  readonly stageXM: number | null;
  readonly stageYM: number | null;
}

/**
 * Measures the way from when exposures were made: medians of the gaps between holes and between squares,
 * and with changes enough the slope over the distance, the median of all pairs' slopes (Theil and Sen), so
 * that a pause for coffee does not count.
 */
export function measuredTravel(
  visits: readonly Visit[],
  places: ReadonlyMap<number, Place>,
): Travel {
  const sorted = visits.toSorted((a, b) => a.atMs - b.atMs || a.holeId - b.holeId);
  const holeGaps: number[] = [];
  const changes: { gapMs: number; distanceM: number }[] = [];
  for (const [i, visit] of sorted.entries()) {
    const before = sorted[i - 1];
    if (before === undefined || before.holeId === visit.holeId) continue;
    const gapMs = visit.atMs - before.atMs;
    if (gapMs > GAP_MAX_MS) continue;
    if (before.squareId === visit.squareId) holeGaps.push(gapMs);
    else {
      const distanceM = distance(places.get(before.squareId), places.get(visit.squareId));
      changes.push({ gapMs, distanceM: distanceM ?? 0 });
    }
  }
  const holeMs = holeGaps.length < CHANGES_MIN
    ? ASSUMED_TRAVEL.holeMs
    : Math.max(1, median(holeGaps));
  if (changes.length < CHANGES_MIN) {
    const changeMs = holeMs * ASSUMED_TRAVEL.changeMs / ASSUMED_TRAVEL.holeMs;
    return { ...ASSUMED_TRAVEL, holeMs, changeMs };
  }
  // What a change costs beyond the hole that would have followed anyway.
  const extra = changes.map(({ gapMs, distanceM }) => ({
    distanceM,
    ms: Math.max(0, gapMs - holeMs),
  }));
  const slope = changes.length < FIT_MIN ? 0 : Math.max(0, medianSlope(extra));
  const changeMs = Math.max(0, median(extra.map(({ ms, distanceM }) => ms - slope * distanceM)));
  return { holeMs, changeMs, msPerMetre: slope, changes: changes.length };
}

/** How many holes could be exposed in the time it takes from one square to another; 0 within one. */
export function costInHoles(travel: Travel, from: Place, to: Place): number {
  const ms = travel.changeMs + travel.msPerMetre * (distance(from, to) ?? 0);
  return ms / travel.holeMs;
}

function distance(a: Place | undefined, b: Place | undefined): number | null {
  if (a?.stageXM == null || a.stageYM == null || b?.stageXM == null || b.stageYM == null) {
    return null;
  }
  return Math.hypot(a.stageXM - b.stageXM, a.stageYM - b.stageYM);
}

function medianSlope(points: readonly { distanceM: number; ms: number }[]): number {
  // The newest changes say enough, and their pairs stay few.
  const some = points.slice(-200);
  const slopes: number[] = [];
  for (const [i, a] of some.entries()) {
    for (const b of some.slice(i + 1)) {
      if (a.distanceM !== b.distanceM) slopes.push((b.ms - a.ms) / (b.distanceM - a.distanceM));
    }
  }
  return slopes.length === 0 ? 0 : median(slopes);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
