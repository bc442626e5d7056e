import type { EventDraft } from "../../events.ts";
import { type Decision, namesSquares, type Proposal } from "./model.ts";

/** Beginnings of the event types that deciding itself causes: they are no news to decide on. */
export const OWN_EVENTS = [
  "epu.proposal",
  "epu.decision",
  "epu.automation",
  "epu.instruction",
  "epu.agent",
  "epu.outbox",
];
/** So many targets an event names; the rest is read from the record. */
const TOLD_MAX = 200;

export function proposalEvent(proposal: Proposal, actor: string): EventDraft {
  const { id, authority, role, kind, squareId, state, why, confidence, expectedGain } = proposal;
  const said = `${authority} proposes ${describe(proposal)}`;
  return {
    type: "epu.proposal",
    subject: proposal.acquisitionId,
    actor,
    text: state === "waiting" ? said : `${said}: ${state}${why === null ? "" : `, ${why}`}`,
    data: {
      id,
      authority,
      role,
      kind,
      squareId,
      state,
      why,
      confidence,
      expectedGain,
      targets: proposal.targetIds.length,
      targetIds: proposal.targetIds.slice(0, TOLD_MAX),
      expiresAtMs: proposal.expiresAtMs,
    },
  };
}

export function decisionEvent(decision: Decision, actor: string): EventDraft {
  const { id, proposalId, kind, squareId, outcome, by, note, effect } = decision;
  const become = effect === null ? "" : `, ${effect.dryRun ? "dry run" : effect.state}`;
  return {
    type: "epu.decision",
    subject: decision.acquisitionId,
    actor,
    text: `${describe(decision)} ${outcome} by ${by.name}${become}` +
      (effect?.error == null ? "" : `: ${effect.error}`),
    data: {
      id,
      proposalId,
      kind,
      squareId,
      outcome,
      by,
      note,
      effect,
      targets: decision.targetIds.length,
      targetIds: decision.targetIds.slice(0, TOLD_MAX),
      struckOff: decision.struckOff.length,
      edited: decision.edited,
    },
  };
}

function describe(
  { kind, targetIds, squareId }: Pick<Decision, "kind" | "targetIds" | "squareId">,
): string {
  const where = squareId === null ? "" : ` of square ${squareId}`;
  const many = (noun: string) => `${targetIds.length} ${noun}${targetIds.length === 1 ? "" : "s"}`;
  switch (kind) {
    case "squareOrder":
    case "holeOrder":
      return `an order of ${many(namesSquares(kind) ? "square" : "hole")}${where}`;
    case "squareSkip":
      return `to skip ${many("square")}`;
    case "holeSelect":
      return `to select ${many("hole")}${where}`;
    case "stop":
    case "pause":
    case "resume":
      return `to ${kind}`;
  }
}
