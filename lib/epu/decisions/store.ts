import type { Clock } from "../../clock.ts";
import { newId } from "../../ids.ts";
import { ContentionError, type Kv } from "../../kv.ts";
import { accept, refuse, type Result } from "../../result.ts";
import { acquisitionKey } from "../keys.ts";
import { Acquisition } from "../model.ts";
import {
  type Author,
  decided,
  type DecideRefusal,
  type DecisionDraft,
  ended,
  type Proposed,
  refused,
  taken,
} from "./commits.ts";
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
} from "./model.ts";

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
        return decided(decision, actor, {
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
