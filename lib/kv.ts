import { setImmediate } from "node:timers";
import type { Clock } from "./clock.ts";
import type { HoldfastEvent } from "./events.ts";
import type { Entry } from "./kv_cache.ts";
import { because, closedError, ContentionError, KvUnavailable } from "./kv_errors.ts";
import { type Decide, Group, type Pending, READS_MAX, type Seen, WRITES_MAX } from "./kv_group.ts";
import { type KvBackend, Store } from "./kv_store.ts";
import { keyName, keyRef } from "./kv_value.ts";
import { Listeners } from "./listeners.ts";
import type { Result } from "./result.ts";

export type { Commit, Decide, Seen } from "./kv_group.ts";
export { ContentionError, KvUnavailable } from "./kv_errors.ts";
export type { KvBackend } from "./kv_store.ts";

const ATTEMPTS_MAX = 20;
/** Transactions that may wait; with more the store has fallen behind and says so. */
const WAITING_MAX = 20_000;

/**
 * The one door to Deno KV. `transact` reads `keys`, asks `decide`, and commits what it accepts, checked
 * against every key it read. Transactions waiting at the same moment share one atomic commit (group
 * commit), so that one fsync serves many callers; the outcome equals running them one after another in
 * the order they came. Events get their gapless `seq` in that same commit.
 *
 * One `Kv` owns the file: it keeps what it read and wrote in memory. Should anybody else write, the
 * checks notice it and the transaction is decided again on what the store holds.
 */
export class Kv {
  #queue: Pending[] = [];
  #flushing = false;
  #closed = false;
  /** Set when a commit failed and nobody knows whether it was written. */
  #unsure = false;
  readonly #listeners = new Listeners<[readonly HoldfastEvent[]]>();
  readonly #idle: (() => void)[] = [];

  private constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private lastSeq: number,
  ) {}

  /** @throws {KvUnavailable} when the file cannot be opened as a KV store. */
  static async open(path: string, clock: Clock): Promise<Kv> {
    try {
      const kv = await Deno.openKv(path);
      try {
        return await Kv.over(kv, clock);
      } catch (error) {
        kv.close();
        throw error;
      }
    } catch (cause) {
      throw new KvUnavailable(`Cannot open the store "${path}"${because(cause)}`, { cause });
    }
  }

  /** On a store that is open already; it is closed with this. */
  static async over(kv: KvBackend, clock: Clock): Promise<Kv> {
    const store = new Store(kv);
    return new Kv(store, clock, await store.newestSeq());
  }

  /** The newest event's number, 0 before the first. */
  get seq(): number {
    return this.lastSeq;
  }

  /** The stored value, `null` when there is none. */
  async get(key: Deno.KvKey): Promise<unknown> {
    keyRef(key);
    return (await this.store.read((kv) => kv.get(key))).value;
  }

  /**
   * Entries below `prefix`, or between `start` (inclusive) and `end`, in key order; `batchSize` of them, at the
   * most 500, are in memory at once.
   */
  list(
    selector: Deno.KvListSelector,
    options: { limit?: number; reverse?: boolean; batchSize?: number } = {},
  ): AsyncGenerator<Seen> {
    return this.store.list(selector, options);
  }

  /**
   * Resolves with what `decide` made of the values of `keys`: a refusal as it is, an acceptance once its
   * writes are on the disk.
   *
   * Rejects with what `decide` throws; `TypeError` for a key, value (64 KiB) or event that cannot be
   * stored; `RangeError` for more than `READS_MAX` keys or more writes than one commit takes;
   * `KvUnavailable` when the store fails; `ContentionError`.
   */
  transact<T, R>(keys: readonly Deno.KvKey[], decide: Decide<T, R>): Promise<Result<T, R>> {
    return new Promise((resolve, reject) => {
      if (keys.length > READS_MAX) {
        throw new RangeError(
          `A transaction may read ${READS_MAX} keys, not ${keys.length} as from ${
            keyName(keys[0]!)
          }`,
        );
      }
      if (this.#closed) throw closedError();
      if (this.#queue.length >= WAITING_MAX) {
        throw new KvUnavailable(`The store is ${WAITING_MAX} transactions behind`);
      }
      this.#queue.push({
        refs: keys.map(keyRef),
        decide: decide as Decide<unknown, unknown>,
        settle: resolve as (result: Result<unknown, unknown>) => void,
        fail: reject,
        attempts: 0,
      });
      if (!this.#flushing) {
        this.#flushing = true;
        queueMicrotask(() => this.#flush());
      }
    });
  }

  /**
   * Calls `listener` with the events of each commit, in order, after it is durable. Listeners must not
   * throw or wait; one that throws is reported as an uncaught error and disturbs nobody else.
   */
  onEvents(listener: (events: readonly HoldfastEvent[]) => void): () => void {
    return this.#listeners.add(listener);
  }

  /**
   * Refuses what comes or waits with `KvUnavailable`, lets the commit under way finish, and closes the
   * file; resolves when it is closed. Twice is harmless.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const pending of this.#queue.splice(0)) pending.fail(closedError());
    if (this.#flushing) await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.store.close();
  }

  async #flush(): Promise<void> {
    while (this.#queue.length > 0) await this.#round();
    this.#flushing = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Decides the oldest waiting transactions and commits them together. */
  async #round(): Promise<void> {
    const taken = this.#take();
    let found: { entries: Map<string, Entry>; read: boolean };
    try {
      if (this.#unsure) await this.#resync();
      found = await this.store.entriesOf(taken);
      if (this.#closed) throw closedError();
    } catch (error) {
      for (const pending of taken) pending.fail(error);
      return;
    }
    const group = new Group(found.entries);
    const left = taken.findIndex((pending) => !group.add(pending));
    if (left !== -1) this.#queue.unshift(...taken.slice(left));
    if (!group.empty) await this.#commit(group);
    // Nothing above waited for the disk: give timers and sockets their turn.
    else if (!found.read) await new Promise((resolve) => setImmediate(resolve));
  }

  /** As many as one commit can check and write; one that lost a race goes alone. */
  #take(): Pending[] {
    const texts = new Set<string>();
    let count = 0;
    for (const pending of this.#queue) {
      const full = count >= WRITES_MAX || texts.size + pending.refs.length > READS_MAX;
      if (count > 0 && (full || pending.attempts > 0)) break;
      for (const { text } of pending.refs) texts.add(text);
      count++;
      if (pending.attempts > 0) break;
    }
    return this.#queue.splice(0, count);
  }

  async #commit(group: Group): Promise<void> {
    let events: HoldfastEvent[] = [];
    let answer: Deno.KvCommitResult | Deno.KvCommitError;
    try {
      const atomic = this.store.atomic();
      events = group.fill(atomic, this.lastSeq + 1, this.clock.nowMs());
      answer = await atomic.commit();
    } catch (cause) {
      return await this.#afterFailure(group, events, cause);
    }
    if (!answer.ok) return await this.#afterLoss(group);
    this.store.keep(group, answer.versionstamp);
    this.#finish(group, events);
  }

  #finish(group: Group, events: readonly HoldfastEvent[]): void {
    this.lastSeq += events.length;
    group.tellAll();
    if (events.length > 0) this.#listeners.tell(events);
  }

  /** The commit threw. A failing disk may have kept it all the same, so look before telling anybody. */
  async #afterFailure(group: Group, events: readonly HoldfastEvent[], cause: unknown) {
    this.store.forget(group);
    const landed = await this.store.landed(group, events);
    if (landed === true) return this.#finish(group, events);
    this.#unsure = landed === null;
    const message = landed === null
      ? "The store failed and does not say whether it wrote"
      : "The store cannot be written";
    for (const pending of group.pendings) {
      pending.fail(
        new KvUnavailable(message + because(cause), { cause, maybeWritten: landed === null }),
      );
    }
  }

  /** A check failed: somebody else wrote. Forget what we knew and decide each again, alone. */
  async #afterLoss(group: Group): Promise<void> {
    this.#unsure = true;
    try {
      await this.#resync();
    } catch {
      // Still unsure: the next round tries again and tells its callers.
    }
    this.#again(group.pendings);
  }

  #again(pendings: readonly Pending[]): void {
    const tired = pendings.filter((pending) => ++pending.attempts >= ATTEMPTS_MAX);
    for (const { refs, fail } of tired) {
      const names = refs.slice(0, 3).map(({ key }) => keyName(key)).join(", ");
      fail(new ContentionError(`Lost ${ATTEMPTS_MAX} races for ${names}`));
    }
    this.#queue.unshift(...pendings.filter((pending) => pending.attempts < ATTEMPTS_MAX));
  }

  /** Takes the newest `seq` and all entries from the store again, and publishes events it did not know. */
  async #resync(): Promise<void> {
    this.store.forgetAll();
    const newest = await this.store.newestSeq();
    const missed = await this.store.eventsBetween(this.lastSeq, newest);
    this.lastSeq = Math.max(newest, this.lastSeq);
    this.#unsure = false;
    if (missed.length > 0) this.#listeners.tell(missed);
  }
}
