import type { Metric } from "../quality/metrics.ts";
import type { ByModel } from "../quality/weights.ts";
import type { MetricSummaries } from "../results/store.ts";
import type { ProposalDraft, ProposalKind } from "./model.ts";
import type { Travel } from "./travel.ts";

/** What a model says, by metric or of every one. */
export type Said = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface SnapshotSquare {
  readonly id: number;
  readonly order: number | null;
  readonly selected: boolean;
  readonly finished: boolean;
  readonly stageXM: number | null;
  readonly stageYM: number | null;
  /** EPU's own ice category. */
  readonly category: number | null;
  readonly predictions: Said;
}

export interface SnapshotHole {
  readonly id: number;
  readonly squareId: number;
  readonly order: number | null;
  readonly selected: boolean;
  readonly finished: boolean;
  readonly epuQuality: number | null;
  readonly intensityMean: number | null;
  readonly intensitySd: number | null;
  readonly predictions: Said;
}

/** What was found in one hole so far. */
export interface SnapshotObservation {
  readonly holeId: number;
  readonly squareId: number;
  /** Of its first exposure that was processed. */
  readonly atMs: number;
  readonly exposures: number;
  /** Exposures that are better than the middle of the acquisition. */
  readonly good: number;
  /** 0 to 1 among all of the acquisition; `null` while there are too few to tell. */
  readonly quality: number | null;
  /** Means over its exposures. */
  readonly values: Partial<Record<Metric, number>>;
}

/** All an authority may know: plain numbers, as they were at one revision. */
export interface Snapshot {
  readonly acquisitionId: string;
  /** Grows with every change that is recorded. */
  readonly revision: number;
  readonly nowMs: number;
  readonly squares: readonly SnapshotSquare[];
  readonly holes: readonly SnapshotHole[];
  readonly observations: readonly SnapshotObservation[];
  readonly statistics: MetricSummaries;
  readonly weights: Partial<Record<Metric, ByModel>>;
  readonly plan: { readonly squares: readonly number[]; readonly holes: readonly number[] };
  readonly constraints: {
    readonly exposuresPerHole: number;
    readonly explorationShare: number;
    readonly travel: Travel;
  };
}

/** What one asking may cost. */
export interface Budget {
  readonly targetsMax: number;
  /** From the snapshot's time until a proposal expires. */
  readonly validMs: number;
}

/**
 * Proposes where to go next. It has no store, no clock and no network of its own: the same snapshot gives
 * the same proposals, and no data gives none.
 */
export interface DecisionAuthority {
  readonly name: string;
  readonly version: string;
  readonly kinds: readonly ProposalKind[];
  propose(snapshot: Snapshot, budget: Budget, signal: AbortSignal): Promise<ProposalDraft[]>;
}

/** Whether a square, or a hole, can still be gone to. */
export function isOpen(
  target: { readonly selected: boolean; readonly finished: boolean },
): boolean {
  return target.selected && !target.finished;
}

/** By EPU's order, then by id: what breaks every tie. */
export function byEpuOrder(
  a: { readonly order: number | null; readonly id: number },
  b: { readonly order: number | null; readonly id: number },
): number {
  return (a.order ?? Number.MAX_SAFE_INTEGER) - (b.order ?? Number.MAX_SAFE_INTEGER) ||
    a.id - b.id;
}

/** Holes that are open, in squares that are. */
export function openHoles({ squares, holes }: Snapshot): SnapshotHole[] {
  const open = new Set(squares.filter(isOpen).map(({ id }) => id));
  return holes.filter((hole) => isOpen(hole) && open.has(hole.squareId));
}

/** A proposal with everything left out filled in. */
export function draft(
  snapshot: Snapshot,
  budget: Budget,
  said: Pick<ProposalDraft, "kind" | "targetIds"> & Partial<ProposalDraft>,
): ProposalDraft {
  const targetIds = said.targetIds.slice(0, budget.targetsMax);
  const kept = new Set(targetIds);
  return {
    squareId: null,
    reasons: [],
    confidence: null,
    expectedGain: null,
    basedOnRevision: snapshot.revision,
    expiresAtMs: snapshot.nowMs + budget.validMs,
    ...said,
    targetIds,
    exploration: (said.exploration ?? []).filter((id) => kept.has(id)),
  };
}
