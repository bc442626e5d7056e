import { type DecisionAuthority, draft, isOpen, openHoles, type Snapshot } from "../authority.ts";
import { namesHoles, namesSquares, type Proposal, PROPOSAL_KINDS } from "../model.ts";

/** What was proposed once, and after how many exposures. */
export interface Recorded {
  readonly exposures: number;
  readonly proposals: readonly Pick<
    Proposal,
    "kind" | "squareId" | "targetIds" | "reasons" | "confidence" | "expectedGain" | "exploration"
  >[];
}

/**
 * Proposes again what was recorded when as many exposures had been processed as now, without the targets
 * that are done: to compare an authority of another day with one of today on the same acquisition.
 */
export function replay(name: string, recording: readonly Recorded[]): DecisionAuthority {
  const sorted = recording.toSorted((a, b) => a.exposures - b.exposures);
  return {
    name,
    version: "1",
    kinds: PROPOSAL_KINDS,
    propose(snapshot, budget) {
      const exposures = snapshot.observations.reduce((sum, one) => sum + one.exposures, 0);
      const recorded = sorted.findLast((one) => one.exposures <= exposures);
      const open = openTargets(snapshot);
      return Promise.resolve((recorded?.proposals ?? []).flatMap((one) => {
        const targetIds = one.targetIds.filter((id) =>
          namesSquares(one.kind) ? open.squares.has(id) : open.holes.has(id)
        );
        const names = namesSquares(one.kind) || namesHoles(one.kind);
        return names && targetIds.length === 0
          ? []
          : [draft(snapshot, budget, { ...one, targetIds })];
      }));
    },
  };
}

function openTargets(snapshot: Snapshot) {
  return {
    squares: new Set(snapshot.squares.filter(isOpen).map(({ id }) => id)),
    holes: new Set(openHoles(snapshot).map(({ id }) => id)),
  };
}
