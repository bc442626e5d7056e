import { accept, refuse, type Result } from "../../result.ts";
import { isOpen, type Snapshot, type SnapshotHole, type SnapshotSquare } from "./authority.ts";
import {
  type DecisionKind,
  namesHoles,
  namesSquares,
  type ProposalDraft,
  type ProposalKind,
  type ProposalRefusal,
} from "./model.ts";

/** Everything that can be wrong with a proposal, against what is known now; the first thing found. */
export function checkProposal(
  proposal: ProposalDraft,
  snapshot: Snapshot,
  kinds: readonly ProposalKind[],
): Result<ProposalDraft, ProposalRefusal> {
  const { kind, basedOnRevision, expiresAtMs } = proposal;
  if (!kinds.includes(kind)) return refuse({ kind: "kind-not-declared", proposed: kind });
  if (basedOnRevision < snapshot.revision) {
    return refuse({ kind: "older-revision", given: basedOnRevision, newest: snapshot.revision });
  }
  if (expiresAtMs <= snapshot.nowMs) return refuse({ kind: "expired", expiresAtMs });
  const wrong = checkTargets(proposal, snapshot);
  return wrong === null ? accept(proposal) : refuse(wrong);
}

interface Named {
  readonly kind: DecisionKind;
  readonly squareId: number | null;
  readonly targetIds: readonly number[];
}

/** The first target that cannot be gone to; `null` when all can. */
export function checkTargets(
  { kind, squareId, targetIds }: Named,
  snapshot: Snapshot,
): ProposalRefusal | null {
  const { squares, holes } = targetsOf(snapshot);
  if (!namesSquares(kind) && !namesHoles(kind)) {
    return targetIds.length === 0 ? null : { kind: "unknown-target", targetId: targetIds[0]! };
  }
  if (targetIds.length === 0) return { kind: "no-targets" };
  const seen = new Set<number>();
  for (const targetId of targetIds) {
    if (seen.has(targetId)) return { kind: "repeated-target", targetId };
    seen.add(targetId);
    const target = namesSquares(kind) ? squares.get(targetId) : holes.get(targetId);
    if (target === undefined) return { kind: "unknown-target", targetId };
    if (target.finished) return { kind: "finished-target", targetId };
    // To select a hole is what a selection is for.
    if (!target.selected && kind !== "holeSelect") return { kind: "unselected-target", targetId };
    if ("squareId" in target) {
      if (squareId !== null && target.squareId !== squareId) {
        return { kind: "other-square", targetId, squareId };
      }
      const square = squares.get(target.squareId);
      if (square !== undefined && !isOpen(square)) {
        return square.finished
          ? { kind: "finished-target", targetId }
          : { kind: "unselected-target", targetId };
      }
    }
  }
  return null;
}

/** What is left of a proposal while its targets are being worked off, and what is not. */
export function strikeOff(
  { kind, squareId, targetIds }: Named,
  snapshot: Snapshot,
): { readonly left: number[]; readonly struckOff: number[] } {
  const left: number[] = [];
  const struckOff: number[] = [];
  const gone = goneTargets(kind, snapshot);
  for (const id of targetIds) (gone(id, squareId) ? struckOff : left).push(id);
  return { left, struckOff };
}

function goneTargets(kind: DecisionKind, snapshot: Snapshot) {
  const { squares, holes } = targetsOf(snapshot);
  const squareOpen = (id: number) => {
    const square = squares.get(id);
    return square !== undefined && isOpen(square);
  };
  if (namesSquares(kind)) return (id: number) => !squareOpen(id);
  return (id: number, squareId: number | null) => {
    const hole = holes.get(id);
    return hole === undefined || hole.finished || !(hole.selected || kind === "holeSelect") ||
      !squareOpen(hole.squareId) || squareId !== null && hole.squareId !== squareId;
  };
}

interface Targets {
  readonly squares: ReadonlyMap<number, SnapshotSquare>;
  readonly holes: ReadonlyMap<number, SnapshotHole>;
}

/** By the list of holes: hundreds of proposals are checked against one snapshot of many thousands. */
const known = new WeakMap<Snapshot["holes"], Targets>();

function targetsOf(snapshot: Snapshot): Targets {
  const found = known.get(snapshot.holes);
  if (found !== undefined) return found;
  const targets = {
    squares: new Map(snapshot.squares.map((one) => [one.id, one])),
    holes: new Map(snapshot.holes.map((one) => [one.id, one])),
  };
  known.set(snapshot.holes, targets);
  return targets;
}
