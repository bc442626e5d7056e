import { setImmediate } from "node:timers";
import type { Clock } from "../clock.ts";
import { type Kv, KvUnavailable } from "../kv.ts";
import { commitDraft } from "./commit.ts";
import { followWallClock, passTime } from "./decide_time.ts";
import { Draft, type WaitEnd } from "./draft.ts";
import type { EndedLock, Now, Waiter } from "./standing.ts";
import { Table } from "./table.ts";
import type { LockLog } from "./lock_log.ts";
import type { AuditRecord, GroupLock } from "./model.ts";
import { endOf } from "./ended.ts";
import { serve } from "./queue.ts";
import { byWallClock, type Meta, readTable } from "./stored.ts";

/** After the store failed. */
const RETRY_MS = 1000;
/** Timers count in 32 bits. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** Requests that may wait for the loop; with more the store has fallen behind and says so. */
const JOBS_MAX = 20_000;

interface Job {
  /** Decides on the table as it is now. May be called again, on another table. */
  readonly decide: (draft: Draft) => void;
  /** What it decided is on disk. */
  readonly settle: () => void;
  readonly fail: (error: unknown) => void;
}

export interface LoopEnds {
  /** What became of those who waited. */
  waitEnded(id: string, end: WaitEnd): void;
  /** Locks that ended against their holder's will. */
  lost(ended: readonly EndedLock[]): void;
}

/**
 * The one place where the table changes. Requests that are ready together are decided one after another in
 * memory and written in one commit; answers leave only after it. `published` is the table as it is on disk,
 * which readers and the gate look at.
 */
export class DecisionLoop {
  published: Table;
  #working: Table;
  #jobs: Job[] = [];
  #running = false;
  /** Those who want to know when nothing is left to do. */
  readonly #resting: (() => void)[] = [];
  #closed = false;
  /** The last commit failed: nothing is granted and the gate is shut until one succeeds. */
  #down = false;
  /** Nobody knows what the store holds: it is read again before anything is decided. */
  #stale = false;
  /** Devices where something was freed and not everybody could be served yet. */
  #stirred = new Set<string>();
  /** Wall minus monotonic time as the locks' times were last reckoned. */
  #offsetMs = NaN;
  #cancelTimer: () => void = () => {};
  #timerAtMs = Infinity;

  constructor(
    private readonly kv: Kv,
    private readonly clock: Clock,
    private readonly log: LockLog,
    private readonly ends: LoopEnds,
    private readonly limits: { waitersMax: number },
    table: Table,
    private meta: Meta,
  ) {
    this.#working = table;
    this.published = table.copy();
  }

  get healthy(): boolean {
    return !this.#down && !this.#closed;
  }

  get now(): Now {
    return { wallMs: this.clock.nowMs(), monoMs: this.clock.monotonicMs() };
  }

  /**
   * Resolves with what `decide` made of the table once that is on disk; `settled` is called just before,
   * in the same step in which the table becomes public. `decide` must be repeatable.
   * @throws {KvUnavailable}
   */
  run<T>(decide: (draft: Draft) => T, settled: (value: T) => void = () => {}): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new KvUnavailable("The locks are closed"));
      if (this.#jobs.length >= JOBS_MAX) {
        return reject(new KvUnavailable(`The locks are ${JOBS_MAX} requests behind`));
      }
      let value: T;
      this.#jobs.push({
        decide: (draft) => value = decide(draft),
        settle: () => {
          settled(value);
          resolve(value);
        },
        fail: reject,
      });
      this.#start();
    });
  }

  /** Changes that are not stored: when a ticket was asked for last. */
  touch(change: (table: Table) => void): void {
    change(this.#working);
    change(this.published);
  }

  /** Resolves when nothing that is ready waits to be decided, or the store fails. */
  async rest(): Promise<void> {
    if (this.#running) await new Promise<void>((resolve) => this.#resting.push(resolve));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelTimer();
    for (const job of this.#jobs.splice(0)) job.fail(new KvUnavailable("The locks are closed"));
  }

  /** Looks at the clock; a timer does it when it is time. */
  #start(): void {
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => this.#drain());
  }

  async #drain(): Promise<void> {
    while (!this.#closed && this.#work()) {
      const going = await this.#round();
      if (!going) break;
    }
    this.#running = false;
    this.#arm();
    for (const resolve of this.#resting.splice(0)) resolve();
  }

  #work(): boolean {
    return this.#jobs.length > 0 || this.#stirred.size > 0 || this.#down ||
      this.#working.quietUntilMs <= this.clock.monotonicMs();
  }

  /** One commit's worth; `false` to rest until the timer, for the store fails. */
  async #round(): Promise<boolean> {
    if (this.#stale && !await this.#reload()) return false;
    const draft = new Draft(this.#working, this.now, this.limits);
    draft.stir([...this.#stirred]);
    this.#stirred.clear();
    const taken = this.#decide(draft);
    if (draft.empty && !this.#down) {
      this.#carry(draft);
      for (const job of taken) job.settle();
      // Nothing waited for the disk: give timers and sockets their turn.
      await new Promise((resolve) => setImmediate(resolve));
      return true;
    }
    try {
      const done = await commitDraft(this.kv, draft, this.meta, this.published.waiters);
      if (done.kind === "foreign") {
        this.#jobs.unshift(...taken);
        this.#stale = true;
        return true;
      }
      this.meta = done.meta;
      this.#down = false;
      this.#carry(draft);
      this.#publish(draft, taken);
      this.log.tell(done.records);
      this.#trim();
      return true;
    } catch (error) {
      this.#failed(error, taken);
      return false;
    }
  }

  /** Time first: nobody meets a lock whose time is up. */
  #decide(draft: Draft): Job[] {
    const taken: Job[] = [];
    const offsetMs = draft.now.wallMs - draft.now.monoMs;
    if (!(Math.abs(offsetMs - this.#offsetMs) <= 10)) {
      followWallClock(draft);
      if (draft.unfinished) return taken;
      this.#offsetMs = offsetMs;
    }
    if (this.#working.quietUntilMs <= draft.now.monoMs) passTime(draft);
    if (!draft.unfinished) serve(draft);
    while (!draft.unfinished && !draft.full) {
      const job = this.#jobs.shift();
      if (job === undefined) break;
      try {
        job.decide(draft);
        taken.push(job);
      } catch (error) {
        job.fail(error);
      }
      serve(draft);
    }
    return taken;
  }

  #carry(draft: Draft): void {
    for (const deviceId of draft.stirred) this.#stirred.add(deviceId);
  }

  #publish(draft: Draft, taken: readonly Job[]): void {
    const lost: EndedLock[] = [];
    for (const change of draft.changes) {
      this.published.apply(change);
      if (change.kind === "end" && change.ended.reason !== "released") lost.push(change.ended);
    }
    for (const job of taken) job.settle();
    for (const { id, end } of draft.waitEnds) this.ends.waitEnded(id, end);
    if (lost.length > 0) this.ends.lost(lost);
  }

  /** The commit failed: what was decided never was. */
  #failed(error: unknown, taken: readonly Job[]): void {
    this.#down = true;
    this.#reset(this.published.copy());
    this.#stale ||= !(error instanceof KvUnavailable) || error.maybeWritten;
    for (const job of taken) job.fail(error);
    for (const job of this.#jobs.splice(0)) job.fail(error);
  }

  /** Begins again with `table`; everybody who waits is looked at. */
  #reset(table: Table): void {
    this.#working = table;
    this.#offsetMs = NaN;
    table.rest();
    for (const { ask } of table.waiters.values()) {
      for (const deviceId of ask.deviceIds) this.#stirred.add(deviceId);
    }
  }

  /** Takes the table from the store, and tells what it holds that was never told. */
  async #reload(): Promise<boolean> {
    try {
      const { now } = this;
      const before = this.published;
      const stored = await readTable(this.kv, now, (lock) => {
        const known = before.held.get(lock.id);
        const same = known !== undefined && known.lock.renewals === lock.renewals &&
          known.lock.revoke?.deadlineAtMs === lock.revoke?.deadlineAtMs;
        if (!same) return byWallClock(lock, now);
        const { leaseEndsMs, maxHoldEndsMs, revokeEndsMs } = known;
        return { leaseEndsMs, maxHoldEndsMs, revokeEndsMs };
      });
      const seq = stored.meta?.seq ?? 0;
      const missed = seq > this.log.seq ? await this.log.readStored(this.log.seq, seq) : [];
      this.meta = stored.meta ?? { ...this.meta, revision: 0, seq: 0 };
      this.#takeOver(stored.table, before, missed);
      this.#stale = false;
      this.log.tell(missed);
      return true;
    } catch (error) {
      this.#down = true;
      for (const job of this.#jobs.splice(0)) job.fail(error);
      return false;
    }
  }

  #takeOver(table: Table, before: Table, missed: readonly AuditRecord[]): void {
    const lost: EndedLock[] = [];
    const ends = new Map(missed.flatMap(endOf).map((ended) => [ended.lock.id, ended]));
    for (const ended of [...before.ended.values(), ...ends.values()]) {
      table.ended.set(ended.lock.id, ended);
    }
    for (const waiter of before.waiters.values()) {
      const stored = table.waiters.get(waiter.id);
      if (stored === undefined) this.ends.waitEnded(waiter.id, endUnseen(waiter, table, missed));
      else table.apply({ kind: "wait", waiter: { ...waiter, untilMs: stored.untilMs } });
    }
    for (const { lock } of before.held.values()) {
      if (table.held.has(lock.id)) continue;
      const ended = ends.get(lock.id) ?? endedUnseen(lock, this.now);
      table.apply({ kind: "end", ended });
      if (ended.reason !== "released") lost.push(ended);
    }
    this.published = table.copy();
    this.#reset(table);
    if (lost.length > 0) this.ends.lost(lost);
  }

  #trim(): void {
    if (this.log.surplus < 500) return;
    // The log may be longer for a while when the store fails now.
    this.log.trim(this.clock.nowMs()).catch(() => {});
  }

  #arm(): void {
    if (this.#closed) return;
    const monoMs = this.clock.monotonicMs();
    const atMs = this.#down ? monoMs + RETRY_MS : this.#working.quietUntilMs;
    if (atMs === this.#timerAtMs) return;
    this.#cancelTimer();
    this.#timerAtMs = atMs;
    if (atMs === Infinity) return;
    this.#cancelTimer = this.clock.timer(
      Math.min(Math.max(0, atMs - monoMs), TIMER_MS_MAX),
      () => {
        this.#timerAtMs = Infinity;
        this.#start();
      },
    );
  }
}

/** A lock that somebody else ended, who left no record of it. */
function endedUnseen(lock: GroupLock, { wallMs }: Now): EndedLock {
  return { lock, reason: "forced", atMs: wallMs, by: null, successor: null };
}

/** How a wait ended in a commit that was written though it failed. */
function endUnseen(waiter: Waiter, table: Table, missed: readonly AuditRecord[]): WaitEnd {
  const { id, sinceMs } = waiter;
  const lock = table.held.get(id)?.lock ?? table.ended.get(id)?.lock;
  if (lock !== undefined) return { kind: "granted", lock };
  const left = missed.find((one) => one.id === id && one.action === "dequeued");
  if (left?.reason === "wait-timeout") {
    const refusal = { kind: left.reason, waitedMs: left.atMs - sinceMs, conflicts: [] } as const;
    return { kind: "refused", refusal: { ...refusal, conflicts: [] } };
  }
  return { kind: "refused", refusal: { kind: "cancelled", text: "The store failed meanwhile" } };
}
