import type { Clock } from "../clock.ts";
import type { Commit, Kv } from "../kv.ts";
import { accept, refuse, type Result } from "../result.ts";
import {
  ActiveCount,
  activeKey,
  annotationsKey,
  askedKey,
  byNumberKey,
  byNumberPrefix,
  byOwnerKey,
  byOwnerPrefix,
  byScriptKey,
  byScriptPrefix,
  byStateKey,
  byStatePrefix,
  experimentKey,
  type Order,
  orderKey,
  runKey,
  RunLeases,
  runLeasesOf,
  waitingKey,
} from "./keys.ts";
import {
  Experiment,
  type ExperimentState,
  holdsRun,
  isTerminal,
  isWaiting,
  type TerminalState,
} from "./model.ts";
import type { EventDraft } from "../events.ts";
import { displacedEvent, eventOf } from "./experiment_events.ts";
import { Live } from "./live.ts";
import { orderOf, placeOf } from "./order.ts";
import { RANK_LENGTH_MAX, rankBetween, rankOf } from "./ranks.ts";
import { type Change, describe, step, type TransitionRefusal } from "./transitions.ts";

/** What a submission says of an experiment; number, place and state are the store's to give. */
export type Draft =
  & Pick<
    Experiment,
    "id" | "title" | "owner" | "kind" | "scriptSha256" | "devices" | "limits" | "endState"
  >
  & Pick<Experiment, "onInterrupt" | "idempotencyKey">
  & Partial<Pick<Experiment, "holdState" | "parameters" | "createdAtMs">>
  & { readonly state?: "queued" | "paused" };

export type AddRefusal =
  | { kind: "active-limit"; active: number; limit: number }
  | { kind: "queue-full"; waiting: number; limit: number };

export type ChangeRefusal =
  | TransitionRefusal
  | { kind: "unknown"; id: string }
  /** What runs is somebody else's, and not for this caller to displace. */
  | { kind: "not-theirs"; id: string }
  /** As many experiments run as may; one of them. */
  | { kind: "run-held"; by: string }
  /** It is held, and does not get its devices back. */
  | { kind: "devices-held"; text: string };

export type MoveRefusal =
  | { kind: "unknown"; id: string }
  | { kind: "not-waiting"; state: ExperimentState }
  /** The queue's version is not the one the caller saw. */
  | { kind: "stale-queue"; given: number; version: number }
  | { kind: "rearranged-too-often" };

export interface Query {
  readonly owner?: string;
  readonly states?: readonly ExperimentState[];
  readonly limit: number;
  /** Only experiments with a smaller number: `next` of the page before. */
  readonly cursor?: number;
}

export interface Page {
  /** Newest first. */
  readonly experiments: Experiment[];
  /** Cursor of the next page, or `null` at the end. */
  readonly next: number | null;
}

/**
 * Every experiment, the queue and the run leases, in KV; those not ended also in memory, for this
 * process owns them. Each change is one commit that checks the experiment, the order and the run
 * leases, with its event.
 */
export class ExperimentStore {
  /** The queue and what runs, as last committed. */
  readonly live = new Live();
  #listeners = new Set<(experiment: Experiment) => void>();
  #moving: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly kv: Kv,
    private readonly clock: Clock,
    /** How many may run at the same time. */
    readonly concurrency: number,
  ) {}

  static async open(kv: Kv, clock: Clock, concurrency = 1): Promise<ExperimentStore> {
    const store = new ExperimentStore(kv, clock, concurrency);
    store.live.begin(orderOf(await kv.get(orderKey)));
    const states: ExperimentState[] = [
      "queued",
      "paused",
      "starting",
      "running",
      "holding",
      "stopping",
    ];
    for (const state of states) {
      for await (const { key } of kv.list({ prefix: byStatePrefix(state) })) {
        const experiment = await store.get(String(key.at(-1)));
        if (experiment !== null) store.live.keep(experiment, null);
      }
    }
    return store;
  }

  /** Adds at the end of the queue. A repeated idempotency key of one owner gives the first one again. */
  async add(
    draft: Draft,
    limits: { active: number; waiting: number },
    actor: string,
  ): Promise<Result<{ experiment: Experiment; repeated: boolean }, AddRefusal>> {
    const asked = draft.idempotencyKey === null
      ? null
      : askedKey(draft.owner, draft.idempotencyKey);
    const earlier = asked === null ? null : await this.kv.get(asked);
    if (typeof earlier === "string") {
      const experiment = await this.get(earlier);
      if (experiment !== null) return accept({ experiment, repeated: true });
    }
    const keys = [orderKey, activeKey(draft.owner), ...(asked === null ? [] : [asked])];
    const added = await this.kv.transact<
      { experiment: Experiment | string; order: Order },
      AddRefusal
    >(
      keys,
      ([seenOrder, seenActive, seenAsked]) => {
        const order = orderOf(seenOrder!.value);
        if (typeof seenAsked?.value === "string") {
          return accept({ value: { experiment: seenAsked.value, order } });
        }
        const active = countOf(seenActive!.value);
        if (active >= limits.active) {
          return refuse({ kind: "active-limit", active, limit: limits.active });
        }
        if (order.waiting >= limits.waiting) {
          return refuse({ kind: "queue-full", waiting: order.waiting, limit: limits.waiting });
        }
        const experiment = Experiment.parse({
          ...draft,
          title: draft.title || `Experiment ${order.nextNumber}`,
          v: 1,
          number: order.nextNumber,
          state: draft.state ?? "queued",
          attempt: 0,
          createdAtMs: draft.createdAtMs ?? this.clock.nowMs(),
          startedAtMs: null,
          endedAtMs: null,
          exitCode: null,
          error: null,
          process: null,
          phase: null,
          rank: rankOf(order.tail),
        });
        const after: Order = {
          ...order,
          version: order.version + 1,
          nextNumber: order.nextNumber + 1,
          tail: order.tail + 1,
          waiting: order.waiting + 1,
        };
        const { id, number, owner } = experiment;
        return accept({
          value: { experiment, order: after },
          set: [
            [experimentKey(id), experiment],
            [orderKey, after],
            [activeKey(owner), ActiveCount.parse({ v: 1, count: active + 1 })],
            [waitingKey(experiment.rank!, id), null],
            [byNumberKey(number, id), null],
            [byOwnerKey(owner, number, id), null],
            [byStateKey(experiment.state, number, id), null],
            [byScriptKey(experiment.scriptSha256, id), null],
            ...(asked === null ? [] : [[asked, id] as const]),
          ],
          events: [eventOf(experiment, null, actor, experiment.state)],
        });
      },
    );
    if (!added.ok) return added;
    const { experiment, order } = added.value;
    if (typeof experiment === "string") {
      const first = await this.get(experiment);
      if (first === null) throw new TypeError(`Index names experiment "${experiment}", not stored`);
      return accept({ experiment: first, repeated: true });
    }
    this.#committed(experiment, order);
    return accept({ experiment, repeated: false });
  }

  /** Adds one that ended elsewhere. Its idempotency key, which it must have, gives the first one again. */
  async addEnded(
    draft: Omit<Draft, "state"> & { idempotencyKey: string },
    end:
      & Pick<Experiment, "startedAtMs" | "endedAtMs" | "exitCode" | "error">
      & { state: TerminalState },
    actor: string,
  ): Promise<{ experiment: Experiment; repeated: boolean }> {
    const asked = askedKey(draft.owner, draft.idempotencyKey);
    const added = await this.kv.transact<Experiment | string, never>(
      [orderKey, asked],
      ([seenOrder, seenAsked]) => {
        if (typeof seenAsked!.value === "string") return accept({ value: seenAsked!.value });
        const order = orderOf(seenOrder!.value);
        const experiment = Experiment.parse({
          createdAtMs: this.clock.nowMs(),
          ...draft,
          ...end,
          title: draft.title || `Experiment ${order.nextNumber}`,
          v: 1,
          number: order.nextNumber,
          attempt: end.startedAtMs === null ? 0 : 1,
          process: null,
          phase: null,
        });
        const { id, number, owner, state, scriptSha256 } = experiment;
        return accept({
          value: experiment,
          set: [
            [experimentKey(id), experiment],
            [orderKey, { ...order, nextNumber: number + 1 }],
            [byNumberKey(number, id), null],
            [byOwnerKey(owner, number, id), null],
            [byStateKey(state, number, id), null],
            [byScriptKey(scriptSha256, id), null],
            [asked, id],
          ],
          events: [eventOf(experiment, null, actor, `imported as ${state}`)],
        });
      },
    );
    if (!added.ok) throw new TypeError("A transaction that refuses nothing was refused");
    if (typeof added.value !== "string") {
      for (const listener of this.#listeners) listener(added.value);
      return { experiment: added.value, repeated: false };
    }
    const first = await this.get(added.value);
    if (first === null) throw new TypeError(`Index names experiment "${added.value}", not stored`);
    return { experiment: first, repeated: true };
  }

  /** One arrow of the state diagram, in one commit. */
  async change(
    id: string,
    change: Change,
    actor: string,
  ): Promise<Result<Experiment, ChangeRefusal>> {
    const known = this.live.get(id) ?? await this.get(id);
    if (known === null) return refuse({ kind: "unknown", id });
    // The owner never changes, so its count's key is known before the commit reads it.
    const keys = [experimentKey(id), orderKey, runKey, activeKey(known.owner)];
    const changed = await this.kv.transact<{ experiment: Experiment; order: Order }, ChangeRefusal>(
      keys,
      ([seen, seenOrder, seenRun, seenActive]) => {
        if (seen!.value === null) return refuse({ kind: "unknown", id });
        const before = Experiment.parse(seen!.value);
        const stepped = step(before, change, this.clock.nowMs());
        if (!stepped.ok) return stepped;
        return this.#commitOf(before, stepped.value, orderOf(seenOrder!.value), {
          run: seenRun!.value,
          active: countOf(seenActive!.value),
          actor,
          text: describe(before, stepped.value, change),
          ...(change.kind === "displace"
            ? { notice: displacedEvent(stepped.value, change, actor) }
            : {}),
        });
      },
    );
    if (!changed.ok) return changed;
    this.#committed(changed.value.experiment, changed.value.order);
    return accept(changed.value.experiment);
  }

  /** An event about a run that moves no state, with fields that change by it. */
  async annotate(
    id: string,
    fields: Partial<Pick<Experiment, "phase">>,
    actor: string,
    event: { type: string; text: string },
  ): Promise<Result<Experiment, ChangeRefusal>> {
    const written = await this.kv.transact<Experiment, ChangeRefusal>(
      [experimentKey(id)],
      ([seen]) => {
        if (seen!.value === null) return refuse({ kind: "unknown", id });
        const before = Experiment.parse(seen!.value);
        if (!holdsRun(before.state)) {
          return refuse({ kind: "wrong-state", state: before.state, asked: "start", allowed: [] });
        }
        const experiment = Experiment.parse({ ...before, ...fields });
        return accept({
          value: experiment,
          set: [[experimentKey(id), experiment]],
          events: [{ ...eventOf(experiment, before.state, actor, event.text), type: event.type }],
        });
      },
    );
    if (written.ok) this.#committed(written.value, null);
    return written;
  }

  /**
   * Moves a waiting experiment to `position` (from 1, clamped). With `version`, only if the queue is
   * still as the caller saw it.
   */
  move(
    id: string,
    position: number,
    actor: string,
    version?: number,
  ): Promise<Result<Experiment, MoveRefusal>> {
    // One after another: of twenty at once each would see its neighbours move nineteen times.
    const moved = this.#moving.then(() => this.#move(id, position, actor, version));
    this.#moving = moved.catch(() => {});
    return moved;
  }

  async #move(
    id: string,
    position: number,
    actor: string,
    version?: number,
  ): Promise<Result<Experiment, MoveRefusal>> {
    for (;;) {
      const seenVersion = this.live.queueVersion();
      const { low, high } = this.live.around(id, position);
      const between = low !== null && high !== null ? rankBetween(low, high) : null;
      if (between !== null && between.length > RANK_LENGTH_MAX) {
        return refuse({ kind: "rearranged-too-often" });
      }
      type Moved = { experiment: Experiment; order: Order } | "again";
      const moved = await this.kv.transact<Moved, MoveRefusal>(
        [experimentKey(id), orderKey],
        ([seen, seenOrder]) => {
          if (seen!.value === null) return refuse({ kind: "unknown", id });
          const before = Experiment.parse(seen!.value);
          if (before.rank === null) return refuse({ kind: "not-waiting", state: before.state });
          const order = orderOf(seenOrder!.value);
          if (version !== undefined && version !== order.version) {
            return refuse({ kind: "stale-queue", given: version, version: order.version });
          }
          // The neighbours were read from memory; they hold for the version they were read at.
          if (order.version !== seenVersion) return accept({ value: "again" as const });
          const place = between === null ? placeOf(order, low === null ? "front" : "end") : {
            rank: between,
            order,
          };
          const experiment = Experiment.parse({ ...before, rank: place.rank });
          const after = { ...place.order, version: order.version + 1 };
          const text = `moved to place ${position}`;
          return accept({
            value: { experiment, order: after },
            set: [
              [experimentKey(id), experiment],
              [orderKey, after],
              [waitingKey(place.rank, id), null],
            ],
            // Put back where it stood, its rank can be the one it had.
            remove: place.rank === before.rank ? [] : [waitingKey(before.rank, id)],
            events: [eventOf(experiment, before.state, actor, text)],
          });
        },
      );
      if (!moved.ok) return moved;
      if (moved.value === "again") continue;
      this.#committed(moved.value.experiment, moved.value.order);
      return accept(moved.value.experiment);
    }
  }

  /** Forgets an ended experiment: its record and its indexes, not its files. */
  async remove(id: string, actor: string): Promise<Result<Experiment, ChangeRefusal>> {
    const removed = await this.kv.transact<Experiment, ChangeRefusal>(
      [experimentKey(id)],
      ([seen]) => {
        if (seen!.value === null) return refuse({ kind: "unknown", id });
        const gone = Experiment.parse(seen!.value);
        if (!isTerminal(gone.state)) {
          return refuse({ kind: "wrong-state", state: gone.state, asked: "ended", allowed: [] });
        }
        return accept({
          value: gone,
          remove: [
            experimentKey(id),
            annotationsKey(id),
            byNumberKey(gone.number, id),
            byOwnerKey(gone.owner, gone.number, id),
            byStateKey(gone.state, gone.number, id),
            byScriptKey(gone.scriptSha256, id),
            ...(gone.idempotencyKey === null ? [] : [askedKey(gone.owner, gone.idempotencyKey)]),
          ],
          events: [{
            type: "experiment.removed",
            subject: id,
            actor,
            text: `experiment ${gone.number} removed from the records`,
            data: { number: gone.number },
          }],
        });
      },
    );
    return removed;
  }

  /** The stored experiment, or `null`. */
  async get(id: string): Promise<Experiment | null> {
    const known = this.live.get(id);
    if (known !== undefined) return known;
    const value = await this.kv.get(experimentKey(id));
    return value === null ? null : Experiment.parse(value);
  }

  async byNumber(number: number): Promise<Experiment | null> {
    for await (const { key } of this.kv.list({ prefix: byNumberPrefix(number) }, { limit: 1 })) {
      return await this.get(String(key.at(-1)));
    }
    return null;
  }

  /** Newest first. Costs one page of index entries, and those passed over where two filters meet. */
  async list(query: Query): Promise<Page> {
    const states = query.states === undefined ? null : new Set(query.states);
    const prefix = query.owner !== undefined
      ? byOwnerPrefix(query.owner)
      : states !== null && states.size === 1
      ? byStatePrefix([...states][0]!)
      : byNumberPrefix();
    const selector = query.cursor === undefined
      ? { prefix }
      : { prefix, end: [...prefix, query.cursor] };
    const experiments: Experiment[] = [];
    for await (const { key } of this.kv.list(selector, { reverse: true })) {
      const experiment = await this.get(String(key.at(-1)));
      if (experiment === null || (states !== null && !states.has(experiment.state))) continue;
      if (experiments.length === query.limit) {
        return { experiments, next: experiments.at(-1)!.number };
      }
      experiments.push(experiment);
    }
    return { experiments, next: null };
  }

  /** Whether any stored experiment still needs this script. */
  async needsScript(sha256: string): Promise<boolean> {
    for await (const _ of this.kv.list({ prefix: byScriptPrefix(sha256) }, { limit: 1 })) {
      return true;
    }
    return false;
  }

  /** How long the last completed runs of a script took, milliseconds; at most `most` are looked at. */
  async durationsOf(sha256: string, most: number): Promise<number[]> {
    const durations: number[] = [];
    const options = { reverse: true, limit: most };
    for await (const { key } of this.kv.list({ prefix: byScriptPrefix(sha256) }, options)) {
      const one = await this.get(String(key.at(-1)));
      if (one?.state !== "completed" || one.startedAtMs === null || one.endedAtMs === null) {
        continue;
      }
      durations.push(one.endedAtMs - one.startedAtMs);
    }
    return durations;
  }

  /** Calls `listener` with the whole experiment after each durable change. Listeners must not throw or wait. */
  onChange(listener: (experiment: Experiment) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #commitOf(
    before: Experiment,
    stepped: Experiment,
    orderBefore: Order,
    seen: { run: unknown; active: number; actor: string; text: string; notice?: EventDraft },
  ): Result<Commit<{ experiment: Experiment; order: Order }>, ChangeRefusal> {
    const { id, number, owner } = before;
    const runs = runLeasesOf(seen.run);
    const runsAlready = runs.some((run) => run.id === id);
    if (holdsRun(stepped.state) && !runsAlready && runs.length >= this.concurrency) {
      return refuse({ kind: "run-held", by: runs[0]!.id });
    }
    let order = orderBefore;
    let rank = before.rank;
    if (isWaiting(stepped.state) && rank === null) {
      // Only what was cut off comes back to the queue, and it had its turn: to the front, or behind the
      // one that took its place.
      ({ rank, order } = before.ending?.code === "displaced"
        ? this.#secondPlace(id, order)
        : placeOf(order, "front"));
      order = { ...order, waiting: order.waiting + 1 };
    } else if (!isWaiting(stepped.state) && rank !== null) {
      order = { ...order, waiting: order.waiting - 1 };
      rank = null;
    }
    order = { ...order, version: order.version + 1 };
    const experiment = Experiment.parse({ ...stepped, rank });
    const set: (readonly [Deno.KvKey, unknown])[] = [
      [experimentKey(id), experiment],
      [orderKey, order],
    ];
    const remove: Deno.KvKey[] = [];
    if (before.rank !== null && before.rank !== rank) remove.push(waitingKey(before.rank, id));
    if (rank !== null && before.rank !== rank) set.push([waitingKey(rank, id), null]);
    if (before.state !== experiment.state) {
      remove.push(byStateKey(before.state, number, id));
      set.push([byStateKey(experiment.state, number, id), null]);
    }
    if (holdsRun(experiment.state) !== runsAlready) {
      const after = runsAlready
        ? runs.filter((run) => run.id !== id)
        : [...runs, { id, sinceMs: this.clock.nowMs() }];
      if (after.length === 0) remove.push(runKey);
      else set.push([runKey, RunLeases.parse({ v: 2, runs: after })]);
    }
    if (isTerminal(experiment.state)) {
      if (seen.active > 1) set.push([activeKey(owner), { v: 1, count: seen.active - 1 }]);
      else remove.push(activeKey(owner));
    }
    return accept({
      value: { experiment, order },
      set,
      remove,
      events: [
        eventOf(experiment, before.state, seen.actor, seen.text),
        ...(seen.notice === undefined ? [] : [seen.notice]),
      ],
    });
  }

  /** Behind the foremost. Its neighbours come from memory; a race costs the exact place, never the entry. */
  #secondPlace(id: string, order: Order): { rank: string; order: Order } {
    const { low, high } = this.live.around(id, 2);
    if (low === null) return placeOf(order, "front");
    const between = high === null ? null : rankBetween(low, high);
    return between === null || between.length > RANK_LENGTH_MAX
      ? placeOf(order, "end")
      : { rank: between, order };
  }

  #committed(experiment: Experiment, order: Order | null): void {
    this.live.keep(experiment, order);
    for (const listener of this.#listeners) listener(experiment);
  }
}

function countOf(value: unknown): number {
  return value === null ? 0 : ActiveCount.parse(value).count;
}
