import { accept, refuse, type Result } from "../../result.ts";
import type { Snapshot } from "./authority.ts";
import { checkTargets, strikeOff } from "./checks.ts";
import type { DecideRefusal } from "./commits.ts";
import { namesHoles, namesSquares, type Proposal } from "./model.ts";

/** What an approval comes to, as things are now. */
export interface Approval {
  readonly left: number[];
  readonly struckOff: number[];
  /** It differs from what was proposed beyond what is done. */
  readonly edited: boolean;
}

/** Checks a proposal, or with `targetIds` an edited form of it, against what can still be done. */
export function checkApproval(
  proposal: Proposal,
  snapshot: Snapshot,
  targetIds: readonly number[] = proposal.targetIds,
): Result<Approval, DecideRefusal> {
  const { kind, squareId, id } = proposal;
  const { left, struckOff } = strikeOff({ kind, squareId, targetIds: [...targetIds] }, snapshot);
  // A hand-written list may name what was never there: only what was proposed can have been done since.
  const proposed = new Set(proposal.targetIds);
  const foreign = struckOff.find((one) => !proposed.has(one));
  if (foreign !== undefined) {
    return refuse({ kind: "wrong-targets", why: { kind: "unknown-target", targetId: foreign } });
  }
  const names = namesSquares(kind) || namesHoles(kind);
  if (names && left.length === 0) return refuse({ kind: "nothing-left", id });
  const wrong = checkTargets({ kind, squareId, targetIds: left }, snapshot);
  if (wrong !== null) return refuse({ kind: "wrong-targets", why: wrong });
  const edited = targetIds.length !== proposal.targetIds.length ||
    targetIds.some((one, i) => one !== proposal.targetIds[i]);
  return accept({ left, struckOff, edited });
}
