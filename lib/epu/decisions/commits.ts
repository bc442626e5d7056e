import type { Commit } from "../../kv.ts";
import { accept, refuse, type Result } from "../../result.ts";
import { acquisitionKey } from "../keys.ts";
import type { Acquisition } from "../model.ts";
import { decisionEvent, proposalEvent } from "./events.ts";
import { decisionKey, inForceKey, openEffectKey, proposalKey, standingKey } from "./keys.ts";
import {
  type Decision,
  type DecisionKind,
  Proposal,
  type ProposalRefusal,
  type ProposalState,
} from "./model.ts";

export type DecideRefusal =
  | { readonly kind: "unknown-acquisition"; readonly acquisitionId: string }
  | { readonly kind: "unknown-proposal"; readonly id: string }
  | { readonly kind: "not-waiting"; readonly id: string; readonly state: ProposalState }
  /** Only what the acting authority proposes can be approved. */
  | { readonly kind: "shadow"; readonly id: string }
  /** Nothing of it is left to be done. */
  | { readonly kind: "nothing-left"; readonly id: string }
  | { readonly kind: "wrong-targets"; readonly why: ProposalRefusal }
  /** The acquisition is not running, or not paused. */
  | { readonly kind: "wrong-state"; readonly state: Acquisition["state"] };

export interface Author {
  readonly authority: string;
  readonly version: string;
  readonly role: Proposal["role"];
}

/** What came of a proposal that was handed in. */
export interface Proposed {
  /** `new`: stored; `renewed`: said again and still waiting; `repeated`: said again though decided; `refused`. */
  readonly was: "new" | "renewed" | "repeated" | "refused";
  readonly proposal: Proposal;
}

/** What is decided, by whom, and for which targets. */
export interface DecisionDraft {
  readonly proposalId: string | null;
  readonly kind: DecisionKind;
  readonly squareId: number | null;
  readonly targetIds: readonly number[];
  readonly edited: boolean;
  readonly struckOff: readonly number[];
  readonly by: Decision["by"];
  readonly outcome: "approved" | "rejected";
  readonly note: string | null;
}

/** A proposal that is right: new, or said again. */
export function taken(
  before: Proposal | null,
  fresh: Proposal,
  leftOf: (standing: Proposal) => readonly number[],
): Commit<Proposed> {
  const { acquisitionId: a, authority, kind, squareId } = fresh;
  const same = before !== null && before.role === fresh.role &&
    before.state !== "expired" && before.state !== "superseded" &&
    sameTargets(leftOf(before), fresh.targetIds);
  if (same && before.state !== "waiting") return { value: { was: "repeated", proposal: before } };
  if (same) {
    const { basedOnRevision, expiresAtMs, renewedAtMs, confidence, expectedGain } = fresh;
    const renewed: Proposal = {
      ...before,
      basedOnRevision,
      expiresAtMs,
      renewedAtMs,
      confidence,
      expectedGain,
    };
    // No event: nothing is new for those who look at it.
    return {
      value: { was: "renewed", proposal: renewed },
      set: [[proposalKey(a, before.id), renewed]],
    };
  }
  const superseded = before?.state === "waiting"
    ? ended(before, "superseded", fresh.id, fresh.createdAtMs)
    : null;
  return {
    value: { was: "new", proposal: Proposal.parse(fresh) },
    set: [
      [proposalKey(a, fresh.id), Proposal.parse(fresh)],
      [standingKey(a, authority, kind, squareId), fresh.id],
      ...superseded === null ? [] : [[proposalKey(a, superseded.id), superseded] as const],
    ],
    events: [proposalEvent(fresh, `authority:${authority}`)],
  };
}

/** A wrong one is kept for the record; what stands is not touched. The same wrong thing again is not kept again. */
export function refused(fresh: Proposal, before: Proposal | null): Commit<Proposed> {
  const { acquisitionId: a, authority, kind, squareId } = fresh;
  const known = before?.state === "refused" && before.why === fresh.why;
  if (known) return { value: { was: "refused", proposal: before } };
  return {
    value: { was: "refused", proposal: Proposal.parse(fresh) },
    set: [
      [proposalKey(a, fresh.id), Proposal.parse(fresh)],
      ...before === null || before.state === "refused"
        ? [[standingKey(a, authority, kind, squareId), fresh.id] as const]
        : [],
    ],
    events: [proposalEvent(fresh, `authority:${authority}`)],
  };
}

/** A decision with all it ends: the proposal it is about, the state it changes, the earlier one it replaces. */
export function decided(
  decision: Decision,
  actor: string,
  { acquisition, proposal, earlier }: {
    acquisition: Acquisition;
    proposal: Proposal | null;
    earlier: Decision | null;
  },
): Result<Commit<Decision>, DecideRefusal> {
  const { acquisitionId: a, id, outcome, kind, squareId, decidedAtMs: nowMs } = decision;
  const set: [Deno.KvKey, unknown][] = [[decisionKey(a, id), decision]];
  const events = [decisionEvent(decision, actor)];
  if (decision.proposalId !== null) {
    if (proposal === null) return refuse({ kind: "unknown-proposal", id: decision.proposalId });
    const { state, role } = proposal;
    const late = nowMs >= proposal.expiresAtMs;
    if (state !== "waiting" || late) {
      return refuse({ kind: "not-waiting", id: proposal.id, state: late ? "expired" : state });
    }
    if (role === "shadow") return refuse({ kind: "shadow", id: proposal.id });
    set.push([proposalKey(a, proposal.id), ended(proposal, outcome as ProposalState, id, nowMs)]);
  }
  if (kind === "pause" || kind === "resume") {
    const from = kind === "pause" ? "started" : "paused";
    if (acquisition.state !== from) {
      return refuse({ kind: "wrong-state", state: acquisition.state });
    }
    const state = kind === "pause" ? "paused" : "started";
    const pausedAtMs = kind === "pause" ? nowMs : null;
    set.push([acquisitionKey(a), { ...acquisition, state, pausedAtMs, changedAtMs: nowMs }]);
    events.push({
      type: "epu.acquisition",
      subject: a,
      actor,
      text: decision.note === null ? state : `${state}: ${decision.note}`,
      data: { acquisitionId: a, state, acquisition: true },
    });
  }
  if (outcome !== "approved") return accept({ value: decision, set, events });
  set.push([inForceKey(a, kind, squareId), id], [openEffectKey(a, id), null]);
  // What was not carried out yet gives way to the newer word.
  if (earlier?.outcome === "approved" && earlier.effect?.state === "pending") {
    const superseded: Decision = { ...earlier, outcome: "superseded" };
    set.push([decisionKey(a, earlier.id), superseded]);
    events.push(decisionEvent(superseded, actor));
    return accept({ value: decision, set, remove: [openEffectKey(a, earlier.id)], events });
  }
  return accept({ value: decision, set, events });
}

export function ended(
  proposal: Proposal,
  state: ProposalState,
  why: string | null,
  nowMs: number,
): Proposal {
  return { ...proposal, state, why, endedAtMs: nowMs };
}

function sameTargets(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
