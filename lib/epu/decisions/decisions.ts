import { accept, refuse, type Result } from "../../result.ts";
import type { Acquisition } from "../model.ts";
import { bayes } from "./authorities/bayes.ts";
import { epuOrder } from "./authorities/epu_order.ts";
import { intensity } from "./authorities/intensity.ts";
import { manual } from "./authorities/manual.ts";
import type { DecisionAuthority, Snapshot } from "./authority.ts";
import { checkApproval } from "./approval.ts";
import { Breath } from "../breath.ts";
import { checkProposal, checkTargets, strikeOff } from "./checks.ts";
import type { DecideRefusal, Proposed } from "./commits.ts";
import { compare, type Comparison, type Ordered } from "./compare.ts";
import type { EffectChannel } from "./effects/channel.ts";
import { recordChannel } from "./effects/record.ts";
import { EffectRunner } from "./effects/runner.ts";
import { OWN_EVENTS } from "./events.ts";
import {
  type Decision,
  type DecisionKind,
  type DecisionSettings,
  type DecisionSettingsAsk,
  namesHoles,
  namesSquares,
  type Proposal,
  PROPOSAL_KINDS,
  ProposalDraft,
  TARGETS_MAX,
} from "./model.ts";
import type { DecisionsOptions } from "./options.ts";
import { keepOverall } from "./overall.ts";
import { approvable } from "./policy.ts";
import { readSnapshot } from "./snapshot.ts";
import { DecisionStore } from "./store.ts";

/** Every authority is measured against what EPU would have done. */
export const BASELINE = epuOrder.name;
const BUILT_IN: readonly DecisionAuthority[] = [epuOrder, manual, intensity, bayes];
const THROTTLE_MS = 60_000;
const VALID_MS = 30 * 60_000;
const ASK_MS = 30_000;
const HOUR_MS = 3_600_000;
const COMPARED_MAX = 5000;

/** What one asking of the authorities came to. */
export interface Refreshed {
  readonly revision: number;
  readonly proposed: readonly Proposed[];
  readonly failed: readonly { readonly authority: string; readonly error: string }[];
}

export type SettingsRefusal =
  | DecideRefusal
  | { readonly kind: "unknown-authority"; readonly authority: string }
  | { readonly kind: "unknown-channel"; readonly channel: string };

/**
 * Who decides where the microscope goes next: authorities propose, people or a bounded policy decide, a
 * channel carries out. Whatever happens on an acquisition makes its authorities be asked again, at most
 * once in a while.
 */
export class Decisions {
  readonly store: DecisionStore;
  readonly #authorities: ReadonlyMap<string, DecisionAuthority>;
  readonly #runner: EffectRunner;
  readonly #channels: ReadonlyMap<string, EffectChannel>;
  readonly #stop = new AbortController();
  /** Newest snapshot given to anybody, per acquisition. */
  readonly #newest = new Map<string, number>();
  readonly #running = new Map<string, Promise<Refreshed | null>>();
  readonly #waiting = new Map<string, () => void>();
  readonly #askedMs = new Map<string, number>();
  #unlisten: () => void = () => {};

  private constructor(private readonly options: DecisionsOptions) {
    const { kv, clock, log, epu, agents, authorities = [], channels = [] } = options;
    this.store = new DecisionStore(kv, clock);
    this.#authorities = byName([...BUILT_IN, ...authorities]);
    this.#channels = byName([recordChannel, ...channels]);
    this.#runner = new EffectRunner({
      store: this.store,
      clock,
      log,
      channels: this.#channels,
      agents: agents ?? null,
      acquisition: (id) => epu.acquisition(id),
    });
  }

  /** Goes on with effects that were under way, and asks again for every acquisition that runs. */
  static async open(options: DecisionsOptions): Promise<Decisions> {
    const decisions = new Decisions(options);
    await decisions.#runner.resume();
    decisions.#unlisten = options.kv.onEvents((events) => {
      const touched = new Set<string>();
      for (const { type, subject } of events) {
        if (type.startsWith("epu.") && !OWN_EVENTS.some((own) => type.startsWith(own))) {
          touched.add(subject);
        }
      }
      for (const a of touched) decisions.#touch(a);
    });
    const running = await options.epu.acquisitions({ states: ["started", "paused"], limit: 1000 });
    for (const { id } of running.items) decisions.#touch(id);
    return decisions;
  }

  /** Names of the authorities that can be chosen. */
  authorities(): {
    readonly name: string;
    readonly version: string;
    readonly kinds: readonly string[];
  }[] {
    return [...this.#authorities.values()].map(({ name, version, kinds }) => ({
      name,
      version,
      kinds,
    }));
  }

  /** Names of the channels that can be chosen, with what they can carry out. */
  channels(): { readonly name: string; readonly capabilities: readonly DecisionKind[] }[] {
    return [...this.#channels.values()].map(({ name, capabilities }) => ({ name, capabilities }));
  }

  settings(a: string): Promise<DecisionSettings> {
    return this.store.settings(a);
  }

  /** Who acts, who shadows, over which channel, under which policy. Takes effect at the next asking, at once. */
  async setSettings(
    a: string,
    ask: DecisionSettingsAsk,
    actor: string,
  ): Promise<Result<DecisionSettings, SettingsRefusal>> {
    for (const authority of [ask.acting, ...ask.shadows ?? []]) {
      if (authority != null && !this.#authorities.has(authority)) {
        return refuse({ kind: "unknown-authority", authority });
      }
    }
    if (ask.channel !== undefined && !this.#channels.has(ask.channel)) {
      return refuse({ kind: "unknown-channel", channel: ask.channel });
    }
    const done = await this.store.setSettings(a, ask, actor);
    if (done.ok) {
      this.#askedMs.delete(a);
      this.#touch(a);
    }
    return done;
  }

  /** What an authority would be told now; `null` for an unknown acquisition. */
  async snapshot(a: string): Promise<Snapshot | null> {
    const snapshot = await this.#read(a);
    if (snapshot === null) return null;
    this.#newest.set(a, Math.max(snapshot.revision, this.#newest.get(a) ?? 0));
    return snapshot;
  }

  /** Asks the acquisition's authorities now; a second asking meanwhile gets the first one's answer. */
  refresh(a: string): Promise<Refreshed | null> {
    if (this.#stop.signal.aborted) return Promise.resolve(null);
    const running = this.#running.get(a);
    if (running !== undefined) return running;
    this.#askedMs.set(a, this.options.clock.monotonicMs());
    // This asking sees all there is by now; what comes while it runs arms it anew.
    this.#waiting.get(a)?.();
    this.#waiting.delete(a);
    const started = this.#refresh(a).finally(() => this.#running.delete(a));
    this.#running.set(a, started);
    return started;
  }

  /**
   * Takes proposals of somebody who is no authority here, such as a service that posts them by itself. They
   * are checked like all others, and shown beside them; nobody but a person acts on them.
   */
  async submit(
    a: string,
    author: { readonly authority: string; readonly version: string },
    drafts: readonly unknown[],
  ): Promise<Result<Proposed[], DecideRefusal>> {
    const parsed = drafts.map((one) => ProposalDraft.parse(one));
    const newest = this.#newest.get(a);
    const snapshot = await this.#read(a);
    if (snapshot === null) return refuse({ kind: "unknown-acquisition", acquisitionId: a });
    // Judged by the newest snapshot anybody was given; this one, nobody was.
    const revision = newest ?? snapshot.revision;
    const proposed: Proposed[] = [];
    for (const one of parsed) {
      proposed.push(
        await this.#propose(
          { ...snapshot, revision },
          { ...author, role: "shadow" },
          one,
          PROPOSAL_KINDS,
        ),
      );
    }
    return accept(proposed);
  }

  /**
   * A person approves what was proposed, or with `targetIds` an edited form of it. Targets that were done
   * meanwhile are struck off; if none is left it is refused.
   */
  async approve(
    a: string,
    proposalId: string,
    { actor, note = null, targetIds }: {
      actor: string;
      note?: string | null;
      targetIds?: readonly number[];
    },
  ): Promise<Result<Decision, DecideRefusal>> {
    const proposal = await this.store.proposal(a, proposalId);
    const snapshot = await this.#read(a);
    if (snapshot === null) return refuse({ kind: "unknown-acquisition", acquisitionId: a });
    if (proposal === null) return refuse({ kind: "unknown-proposal", id: proposalId });
    return await this.#approve(snapshot, proposal, { kind: "person", name: actor }, {
      note,
      targetIds,
    });
  }

  async reject(
    a: string,
    proposalId: string,
    { actor, note = null }: { actor: string; note?: string | null },
  ): Promise<Result<Decision, DecideRefusal>> {
    const proposal = await this.store.proposal(a, proposalId);
    if (proposal === null) return refuse({ kind: "unknown-proposal", id: proposalId });
    return await this.#write(a, {
      proposalId,
      kind: proposal.kind,
      squareId: proposal.squareId,
      targetIds: proposal.targetIds,
      edited: false,
      struckOff: [],
      by: { kind: "person", name: actor },
      outcome: "rejected",
      note,
    }, actor);
  }

  /** A person decides without a proposal: an order of their own, to skip, to stop, to pause, to go on. */
  async decide(
    a: string,
    { kind, squareId = null, targetIds = [], actor, note = null }: {
      kind: DecisionKind;
      squareId?: number | null;
      targetIds?: readonly number[];
      actor: string;
      note?: string | null;
    },
  ): Promise<Result<Decision, DecideRefusal>> {
    const snapshot = await this.#read(a);
    if (snapshot === null) return refuse({ kind: "unknown-acquisition", acquisitionId: a });
    const wrong = checkTargets({ kind, squareId, targetIds }, snapshot);
    if (wrong !== null) return refuse({ kind: "wrong-targets", why: wrong });
    return await this.#write(a, {
      proposalId: null,
      kind,
      squareId,
      targetIds,
      edited: false,
      struckOff: [],
      by: { kind: "person", name: actor },
      outcome: "approved",
      note,
    }, actor);
  }

  /** Carries a decision out once more whose effect failed. */
  async retry(
    a: string,
    id: string,
  ): Promise<Result<Decision, { kind: "not-failed"; id: string }>> {
    const decision = await this.store.decision(a, id);
    if (decision?.effect?.state !== "failed" || decision.outcome !== "approved") {
      return refuse({ kind: "not-failed", id });
    }
    const pending = await this.store.setEffect(a, id, { state: "pending", attempts: 0 });
    this.#runner.run(pending!);
    return accept(pending!);
  }

  /** Every authority that proposed hole orders, against what EPU would have done. */
  async compare(a: string): Promise<Comparison[] | null> {
    const snapshot = await this.#read(a);
    if (snapshot === null) return null;
    const orders = new Map<string, Ordered[]>([[BASELINE, []]]);
    for (const one of await this.store.proposals(a, { limit: COMPARED_MAX })) {
      if (one.kind !== "holeOrder" || one.state === "refused") continue;
      const own = orders.get(one.authority) ?? [];
      own.push({ atMs: one.createdAtMs, targetIds: one.targetIds });
      orders.set(one.authority, own);
    }
    const baseline = orders.get(BASELINE)!;
    return [...orders].sort(([x], [y]) => x < y ? -1 : 1).map(([authority, own]) =>
      compare(authority, own, baseline, snapshot.observations)
    );
  }

  /** Resolves when nothing is under way now. */
  async idle(): Promise<void> {
    await Promise.all([...this.#running.values()]);
    await this.#runner.idle();
  }

  async close(): Promise<void> {
    this.#unlisten();
    this.#stop.abort(new DOMException("closing", "AbortError"));
    for (const cancel of this.#waiting.values()) cancel();
    await Promise.allSettled([...this.#running.values()]);
    await this.#runner.close();
  }

  async #read(a: string): Promise<Snapshot | null> {
    const acquisition = await this.options.epu.acquisition(a);
    if (acquisition === null) return null;
    const settings = await this.store.settings(a);
    return await readSnapshot(this.options, acquisition, settings, this.options.clock.nowMs());
  }

  /** Something happened: ask again as soon as the last asking is long enough ago. */
  #touch(a: string): void {
    if (this.#stop.signal.aborted || this.#waiting.has(a)) return;
    const { clock, throttleMs = THROTTLE_MS, log } = this.options;
    const sinceMs = clock.monotonicMs() - (this.#askedMs.get(a) ?? -Infinity);
    const cancel = clock.timer(Math.max(0, throttleMs - sinceMs), () => {
      this.#waiting.delete(a);
      this.refresh(a).catch((error) => {
        if (!this.#stop.signal.aborted) {
          log.error("authorities could not be asked", { acquisition: a, error });
        }
      });
    });
    this.#waiting.set(a, cancel);
  }

  async #refresh(a: string): Promise<Refreshed | null> {
    const acquisition = await this.options.epu.acquisition(a);
    if (acquisition === null || !isRunning(acquisition)) return null;
    await this.store.expire(a);
    const asked = this.#asked(acquisition);
    if (asked.length === 0) return null;
    const snapshot = (await this.snapshot(a))!;
    const failed: { authority: string; error: string }[] = [];
    const answers = await Promise.all(asked.map(async ({ authority, role }) => {
      try {
        return { authority, role, drafts: await this.#ask(authority, snapshot) };
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        failed.push({ authority: authority.name, error: text });
        this.options.log.warn("an authority did not answer", { authority: authority.name, error });
        return { authority, role, drafts: [] };
      }
    }));
    const proposed: Proposed[] = [];
    const breath = new Breath();
    for (const { authority, role, drafts } of answers) {
      const author = { authority: authority.name, version: authority.version, role };
      for (const one of drafts) {
        proposed.push(await this.#propose(snapshot, author, one, authority.kinds));
        await breath.take();
      }
    }
    await keepOverall(this.options.kv, snapshot);
    await this.#automate(acquisition, snapshot, proposed);
    return { revision: snapshot.revision, proposed, failed };
  }

  /** The acting one, its shadows, and the baseline beside them. */
  #asked({ actingAuthority, shadowAuthorities }: Acquisition) {
    const names = [actingAuthority, ...shadowAuthorities].filter((name) => name !== null);
    if (names.length === 0) return [];
    return [...new Set([...names, BASELINE])].flatMap((name) => {
      const authority = this.#authorities.get(name);
      const role = name === actingAuthority ? "acting" as const : "shadow" as const;
      return authority === undefined ? [] : [{ authority, role }];
    });
  }

  async #ask(authority: DecisionAuthority, snapshot: Snapshot): Promise<ProposalDraft[]> {
    const timeout = new AbortController();
    const cancel = this.options.clock.timer(
      ASK_MS,
      () => timeout.abort(new DOMException(`no answer in ${ASK_MS / 1000} s`, "TimeoutError")),
    );
    const signal = AbortSignal.any([this.#stop.signal, timeout.signal]);
    const budget = { targetsMax: TARGETS_MAX, validMs: this.options.validMs ?? VALID_MS };
    try {
      return await Promise.race([authority.propose(snapshot, budget, signal), aborted(signal)]);
    } finally {
      cancel();
    }
  }

  #propose(
    snapshot: Snapshot,
    author: { authority: string; version: string; role: Proposal["role"] },
    draft: ProposalDraft,
    kinds: readonly (typeof PROPOSAL_KINDS)[number][],
  ): Promise<Proposed> {
    const now = { ...snapshot, nowMs: this.options.clock.nowMs() };
    const checked = checkProposal(draft, now, kinds);
    return this.store.propose(
      snapshot.acquisitionId,
      author,
      draft,
      checked.ok ? null : checked.refusal,
      (standing) => strikeOff(standing, snapshot).left,
    );
  }

  /** What a policy may approve of what is new. */
  async #automate(
    acquisition: Acquisition,
    snapshot: Snapshot,
    proposed: readonly Proposed[],
  ): Promise<void> {
    const { policy } = await this.store.settings(acquisition.id);
    const automation = await this.store.automation();
    for (const { was, proposal } of proposed) {
      if (was !== "new" && was !== "renewed") continue;
      const approvedInHour = await this.store.approvedByPolicy(
        acquisition.id,
        namesSquares(proposal.kind) ? namesSquares : namesHoles,
        this.options.clock.nowMs() - HOUR_MS,
      );
      const paused = acquisition.state !== "started";
      const may = approvable(proposal, policy, { automation, paused, approvedInHour });
      if (!may.ok) continue;
      await this.#approve(snapshot, proposal, { kind: "policy", name: policy!.name }, {
        note: null,
        targetIds: may.value,
      });
    }
  }

  async #approve(
    snapshot: Snapshot,
    proposal: Proposal,
    by: Decision["by"],
    { note, targetIds }: { note: string | null; targetIds?: readonly number[] },
  ): Promise<Result<Decision, DecideRefusal>> {
    const { kind, squareId, id, acquisitionId: a } = proposal;
    const checked = checkApproval(proposal, snapshot, targetIds);
    if (!checked.ok) return checked;
    const { left, struckOff } = checked.value;
    const edited = by.kind === "person" && checked.value.edited;
    const actor = by.kind === "policy" ? `policy:${by.name}` : by.name;
    return await this.#write(a, {
      proposalId: id,
      kind,
      squareId,
      targetIds: left,
      edited,
      struckOff,
      by,
      outcome: "approved",
      note,
    }, actor);
  }

  async #write(
    a: string,
    draft: Parameters<DecisionStore["decide"]>[1],
    actor: string,
  ): Promise<Result<Decision, DecideRefusal>> {
    const { channel, dryRun } = await this.store.settings(a);
    // Pausing is our own act: it needs no channel that can do it.
    const own = draft.kind === "pause" || draft.kind === "resume";
    const able = this.#channels.get(channel)?.capabilities.includes(draft.kind);
    const over = own && !able ? recordChannel.name : channel;
    const done = await this.store.decide(a, draft, { channel: over, dryRun }, actor);
    if (done.ok && done.value.effect !== null) this.#runner.run(done.value);
    if (done.ok && own) {
      await this.options.onState?.(a, draft.kind === "pause" ? "paused" : "started", actor);
      this.#touch(a);
    }
    return done;
  }
}

function isRunning({ state }: Acquisition): boolean {
  return state === "started" || state === "paused" || state === "planned";
}

function byName<T extends { readonly name: string }>(all: readonly T[]): Map<string, T> {
  const found = new Map<string, T>();
  for (const one of all) {
    if (found.has(one.name)) throw new RangeError(`Two are called "${one.name}"`);
    found.set(one.name, one);
  }
  return found;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
