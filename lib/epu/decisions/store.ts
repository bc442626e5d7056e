import type { Clock } from "../../clock.ts";
import { newId } from "../../ids.ts";
import { type Commit, ContentionError, type Kv } from "../../kv.ts";
import { accept, refuse, type Result } from "../../result.ts";
import { acquisitionKey } from "../keys.ts";
import { Acquisition } from "../model.ts";
import { decisionEvent, proposalEvent } from "./events.ts";
import {
  automationKey,
  decisionKey,
  inForceKey,
  openEffectKey,
  proposalKey,
  settingsKey,
  standingKey,
} from "./keys.ts";
import {
  Automation,
  Decision,
  type DecisionKind,
  DecisionSettings,
  type DecisionSettingsAsk,
  Effect,
  explain,
  Proposal,
  type ProposalDraft,
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

export interface LogQuery {
  readonly limit: number;
  /** Only those older than this id: the last of the page before. */
  readonly before?: string;
}

const RACES_MAX = 20;

/** Proposals, decisions and how they are to be made; each change one commit with its event. */
export class DecisionStore {
  constructor(private readonly kv: Kv, private readonly clock: Clock) {}

  async settings(a: string): Promise<DecisionSettings> {
    return settingsOf(await this.kv.get(settingsKey(a)));
  }

  async setSettings(
    a: string,
    ask: DecisionSettingsAsk,
    actor: string,
  ): Promise<Result<DecisionSettings, DecideRefusal>> {
    const { acting, shadows, ...rest } = ask;
    const nowMs = this.clock.nowMs();
    return await this.kv.transact<DecisionSettings, DecideRefusal>(
      [acquisitionKey(a), settingsKey(a)],
      ([seen, seenSettings]) => {
        if (seen!.value === null) return refuse({ kind: "unknown-acquisition", acquisitionId: a });
        const before = Acquisition.parse(seen!.value);
        const settings = DecisionSettings.parse({
          ...settingsOf(seenSettings!.value),
          ...rest,
        });
        const after: Acquisition = {
          ...before,
          actingAuthority: acting === undefined ? before.actingAuthority : acting,
          shadowAuthorities: shadows ?? before.shadowAuthorities,
          changedAtMs: nowMs,
        };
        return accept({
          value: settings,
          set: [[settingsKey(a), settings], [acquisitionKey(a), after]],
          events: [{
            type: "epu.decision_settings",
            subject: a,
            actor,
            text:
              `decisions: ${after.actingAuthority ?? "nobody"} acts over "${settings.channel}"` +
              (settings.policy?.enabled ? `, policy "${settings.policy.name}" may approve` : ""),
            data: {
              acting: after.actingAuthority,
              shadows: after.shadowAuthorities,
              channel: settings.channel,
              dryRun: settings.dryRun,
              policy: settings.policy,
            },
          }],
        });
      },
    );
  }

  async automation(): Promise<Automation | null> {
    const value = await this.kv.get(automationKey);
    return value === null ? null : Automation.parse(value);
  }

  /** The switch on every page: while it is off no policy approves anything. */
  async setAutomation(off: boolean, actor: string, reason: string): Promise<Automation> {
    const automation: Automation = { v: 1, off, actor, reason, atMs: this.clock.nowMs() };
    await this.kv.transact([], () =>
      accept({
        value: null,
        set: [[automationKey, Automation.parse(automation)]],
        events: [{
          type: "epu.automation",
          subject: "epu",
          actor,
          text: off ? `automatic approval switched off: ${reason}` : "automatic approval allowed",
          data: { off, reason },
        }],
      }));
    return automation;
  }

  /** Newest first. */
  proposals(a: string, query: LogQuery): Promise<Proposal[]> {
    return this.#newest(Proposal, proposalKey(a), query);
  }

  async proposal(a: string, id: string): Promise<Proposal | null> {
    const value = await this.kv.get(proposalKey(a, id));
    return value === null ? null : Proposal.parse(value);
  }

  /** The newest of every authority for each kind and square. */
  async standing(a: string): Promise<Proposal[]> {
    const found: Proposal[] = [];
    for await (const { value } of this.kv.list({ prefix: standingKey(a) })) {
      const one = await this.proposal(a, String(value));
      if (one !== null) found.push(one);
    }
    return found;
  }

  /** Newest first. */
  decisions(a: string, query: LogQuery): Promise<Decision[]> {
    return this.#newest(Decision, decisionKey(a), query);
  }

  async decision(a: string, id: string): Promise<Decision | null> {
    const value = await this.kv.get(decisionKey(a, id));
    return value === null ? null : Decision.parse(value);
  }

  /** Squares, or holes, that policies approved since `sinceMs`. */
  async approvedByPolicy(
    a: string,
    kinds: (kind: DecisionKind) => boolean,
    sinceMs: number,
  ): Promise<Set<number>> {
    const found = new Set<number>();
    for await (const { value } of this.kv.list({ prefix: decisionKey(a) }, { reverse: true })) {
      const { by, kind, targetIds, decidedAtMs } = value as Decision;
      if (decidedAtMs < sinceMs) break;
      if (by.kind === "policy" && kinds(kind)) { for (const id of targetIds) found.add(id); }
    }
    return found;
  }

  /**
   * Takes a proposal in; `refusal` is what the check found. `leftOf` gives what is left to do of an earlier
   * proposal: one that says the same for what is left only renews it.
   */
  async propose(
    a: string,
    author: Author,
    draft: ProposalDraft,
    refusal: ProposalRefusal | null,
    leftOf: (standing: Proposal) => readonly number[],
  ): Promise<Proposed> {
    const id = newId(this.clock);
    const nowMs = this.clock.nowMs();
    const standing = standingKey(a, author.authority, draft.kind, draft.squareId);
    for (let race = 0; race < RACES_MAX; race++) {
      const standingId = await this.kv.get(standing) as string | null;
      const keys = [standing, ...standingId === null ? [] : [proposalKey(a, standingId)]];
      const done = await this.kv.transact<Proposed, "raced">(keys, (seen) => {
        if (seen[0]!.value !== standingId) return refuse("raced");
        const before = seen[1]?.value == null ? null : Proposal.parse(seen[1]!.value);
        const fresh: Proposal = {
          ...draft,
          ...author,
          v: 1,
          id,
          acquisitionId: a,
          state: refusal === null ? "waiting" : "refused",
          why: refusal === null ? null : explain(refusal),
          createdAtMs: nowMs,
          renewedAtMs: nowMs,
          endedAtMs: refusal === null ? null : nowMs,
        };
        return accept(refusal === null ? taken(before, fresh, leftOf) : refused(fresh, before));
      });
      if (done.ok) return done.value;
    }
    throw new ContentionError(`Lost ${RACES_MAX} races for a proposal of "${author.authority}"`);
  }

  /** Ends proposals that nobody decided in time; gives how many. */
  async expire(a: string): Promise<number> {
    const nowMs = this.clock.nowMs();
    let expired = 0;
    for (const { id, state, expiresAtMs } of await this.standing(a)) {
      if (state !== "waiting" || nowMs < expiresAtMs) continue;
      const done = await this.kv.transact<boolean, never>([proposalKey(a, id)], ([seen]) => {
        const before = Proposal.parse(seen!.value);
        if (before.state !== "waiting" || nowMs < before.expiresAtMs) {
          return accept({ value: false });
        }
        const after = ended(before, "expired", null, nowMs);
        return accept({
          value: true,
          set: [[proposalKey(a, id), after]],
          events: [proposalEvent(after, "system")],
        });
      });
      if (done.ok && done.value) expired++;
    }
    return expired;
  }

  /**
   * Writes a decision, ends the proposal it is about, and puts the decision for the same kind and square that
   * was in force, and had no effect yet, out of force.
   */
  async decide(
    a: string,
    draft: DecisionDraft,
    { channel, dryRun }: { channel: string; dryRun: boolean },
    actor: string,
  ): Promise<Result<Decision, DecideRefusal>> {
    const id = newId(this.clock);
    const nowMs = this.clock.nowMs();
    const force = inForceKey(a, draft.kind, draft.squareId);
    const approved = draft.outcome === "approved";
    const effect: Effect | null = approved
      ? {
        channel,
        state: "pending",
        dryRun,
        attempts: 0,
        error: null,
        references: [],
        changedAtMs: nowMs,
      }
      : null;
    const decision = Decision.parse({
      ...draft,
      v: 1,
      id,
      acquisitionId: a,
      decidedAtMs: nowMs,
      effect,
    });
    for (let race = 0; race < RACES_MAX; race++) {
      const earlierId = await this.kv.get(force) as string | null;
      const keys = [
        acquisitionKey(a),
        force,
        ...draft.proposalId === null ? [] : [proposalKey(a, draft.proposalId)],
        ...earlierId === null ? [] : [decisionKey(a, earlierId)],
      ];
      const done = await this.kv.transact<Decision, DecideRefusal | "raced">(keys, (seen) => {
        if (seen[1]!.value !== earlierId) return refuse("raced");
        if (seen[0]!.value === null) {
          return refuse({ kind: "unknown-acquisition", acquisitionId: a });
        }
        const values = seen.slice(2).map(({ value }) => value);
        const proposal = draft.proposalId === null ? null : values.shift() ?? null;
        return commitOf(decision, actor, {
          acquisition: Acquisition.parse(seen[0]!.value),
          proposal: proposal === null ? null : Proposal.parse(proposal),
          earlier: values[0] == null ? null : Decision.parse(values[0]),
        });
      });
      if (done.ok) return done;
      if (done.refusal !== "raced") return refuse(done.refusal);
    }
    throw new ContentionError(`Lost ${RACES_MAX} races for a decision on "${a}"`);
  }

  /** What became of a decision outside; `outcome` where that ends it. */
  async setEffect(
    a: string,
    id: string,
    change: Partial<Pick<Effect, "state" | "attempts" | "error" | "references">>,
    { outcome, following = false }: {
      outcome?: Decision["outcome"];
      /** Somebody will still say what becomes of it. */
      following?: boolean;
    } = {},
  ): Promise<Decision | null> {
    const nowMs = this.clock.nowMs();
    const done = await this.kv.transact<Decision | null, never>([decisionKey(a, id)], ([seen]) => {
      if (seen!.value === null) return accept({ value: null });
      const before = Decision.parse(seen!.value);
      if (before.effect === null) return accept({ value: before });
      const effect = Effect.parse({ ...before.effect, ...change, changedAtMs: nowMs });
      const after: Decision = { ...before, effect, outcome: outcome ?? before.outcome };
      const open = following || effect.state === "pending";
      return accept({
        value: after,
        set: [
          [decisionKey(a, id), after],
          ...open ? [[openEffectKey(a, id), null] as const] : [],
        ],
        remove: open ? [] : [openEffectKey(a, id)],
        events: [decisionEvent(after, "system")],
      });
    });
    return done.ok ? done.value : null;
  }

  /** Decisions whose effect is under way: what a start goes on with. */
  async openEffects(): Promise<Decision[]> {
    const found: Decision[] = [];
    for await (const { key } of this.kv.list({ prefix: openEffectKey() })) {
      const one = await this.decision(String(key.at(-2)), String(key.at(-1)));
      if (one !== null) found.push(one);
    }
    return found;
  }

  async #newest<T>(
    schema: { parse(value: unknown): T },
    prefix: Deno.KvKey,
    { limit, before }: LogQuery,
  ): Promise<T[]> {
    const selector = before === undefined ? { prefix } : { prefix, end: [...prefix, before] };
    const found: T[] = [];
    for await (const { value } of this.kv.list(selector, { reverse: true, limit })) {
      found.push(schema.parse(value));
    }
    return found;
  }
}

export function settingsOf(value: unknown): DecisionSettings {
  return DecisionSettings.parse(value ?? { v: 1 });
}

function taken(
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

/** Kept for the record; what stands is not touched. The same wrong thing again is not kept again. */
function refused(fresh: Proposal, before: Proposal | null): Commit<Proposed> {
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

function commitOf(
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

function ended(
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
