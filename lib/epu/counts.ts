import type { Acquisition, Counts, Exposures, FoilHole, GridSquare } from "./model.ts";

export type { Counts } from "./model.ts";

/**
 * Sums that are kept with every write: what a row counts for is a pure function of it, so a change adds the
 * difference of two of these to the row's parents, and a repeated write adds nothing.
 */
export interface HoleShare {
  readonly holes: number;
  readonly holesSelected: number;
  readonly holesFinished: number;
  readonly listed: number;
  readonly seen: number;
}

const NO_HOLE: HoleShare = { holes: 0, holesSelected: 0, holesFinished: 0, listed: 0, seen: 0 };

/** A hole counts as selected by EPU's word; where EPU has not spoken, by having been exposed. */
export function isTarget(hole: Pick<FoilHole, "selected" | "exposures">): boolean {
  return hole.selected ?? (hole.exposures.seen > 0 || hole.exposures.listed > 0);
}

/** EPU's word; where it has not spoken, a hole is finished as far as anybody can tell. */
export function isFinished(hole: Pick<FoilHole, "state" | "exposures">): boolean {
  if (hole.state !== null) return hole.state === "Completed";
  return hole.exposures.seen > 0 && hole.exposures.seen >= hole.exposures.listed;
}

export function holeShare(hole: FoilHole | null): HoleShare {
  if (hole === null) return NO_HOLE;
  return {
    holes: 1,
    holesSelected: isTarget(hole) ? 1 : 0,
    holesFinished: isTarget(hole) && isFinished(hole) ? 1 : 0,
    listed: hole.exposures.listed,
    seen: hole.exposures.seen,
  };
}

/** What the square counts for in its acquisition, its holes included. */
export interface SquareShare extends HoleShare {
  readonly squares: number;
  readonly squaresSelected: number;
  readonly squaresImaged: number;
  readonly squaresFinished: number;
}

export function squareShare(square: GridSquare | null): SquareShare {
  if (square === null) {
    return { ...NO_HOLE, squares: 0, squaresSelected: 0, squaresImaged: 0, squaresFinished: 0 };
  }
  const { holes, holesSelected, holesFinished, exposures: { listed, seen } } = square;
  const finished = holesSelected > 0 && holesFinished >= holesSelected && listed === seen;
  return {
    holes,
    holesSelected,
    holesFinished,
    listed,
    seen,
    squares: 1,
    squaresSelected: square.selected === true ? 1 : 0,
    squaresImaged: square.imagePath === null ? 0 : 1,
    squaresFinished: finished ? 1 : 0,
  };
}

type Sums = Record<string, number>;

/** `after - before`, part by part. */
export function difference<T extends object>(before: T, after: T): T {
  const result: Sums = {};
  for (const name of Object.keys(after)) {
    result[name] = (after as Sums)[name]! - (before as Sums)[name]!;
  }
  return result as T;
}

export function isZero(share: object): boolean {
  return Object.values(share).every((value) => value === 0);
}

export function emptyCounts(nowMs: number): Counts {
  return {
    v: 1,
    squares: 0,
    squaresSelected: 0,
    squaresImaged: 0,
    squaresFinished: 0,
    holes: 0,
    holesSelected: 0,
    holesFinished: 0,
    micrographs: 0,
    exposures: { expected: null, listed: 0, seen: 0 },
    orphans: 0,
    findings: 0,
    filesTruncated: 0,
    results: 0,
    lastExposureAtMs: null,
    changedAtMs: nowMs,
  };
}

/**
 * With the exposures expected of `targets` holes: the session's template times their number. Not stored, for
 * the template may change at any time and each of thousands of rows would have to follow.
 */
export function withExpected<T extends { exposures: Exposures }>(
  row: T,
  acquisition: Acquisition | null,
  targets: number,
): T {
  const areas = acquisition?.areas.length ?? 0;
  const expected = areas === 0 ? null : areas * targets;
  return { ...row, exposures: { ...row.exposures, expected } };
}
