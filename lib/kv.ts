import type { Result } from "./result.ts";
import type { Clock } from "./clock.ts";
import { type EventDraft, eventKey, HoldfastEvent } from "./events.ts";

/** One key as `decide` sees it; `value` is `null` when nothing is stored. */
export interface Seen {
  readonly key: Deno.KvKey;
  readonly value: unknown;
}

/** What an accepted transaction writes, and what its caller gets back. */
export interface Commit<T> {
  readonly value: T;
  readonly set?: readonly (readonly [Deno.KvKey, unknown])[];
  readonly remove?: readonly Deno.KvKey[];
  readonly events?: readonly EventDraft[];
}

/** Pure: it may be called again with newer values when a race was lost. */
export type Decide<T, R> = (seen: readonly Seen[]) => Result<Commit<T>, R>;

/** The store cannot be read or written: disk, file or closed store. */
export class KvUnavailable extends Error {
  override readonly name = "KvUnavailable";
}

/** A transaction lost its check more often than `ATTEMPTS_MAX`. */
export class ContentionError extends Error {
  override readonly name = "ContentionError";
}

const ATTEMPTS_MAX = 20;
/** Limits of one Deno KV commit, with room for the events' keys. */
const CHECKS_MAX = 100;
const MUTATIONS_MAX = 900;
const BYTES_MAX = 700 * 1024;

interface Pending {
  readonly keys: readonly Deno.KvKey[];
  readonly decide: Decide<unknown, unknown>;
  readonly settle: (result: Result<unknown, unknown>) => void;
  readonly fail: (error: Error) => void;
  attempts: number;
}

interface Ready {
  readonly pending: Pending;
  readonly entries: readonly Deno.KvEntryMaybe<unknown>[];
  readonly commit: Commit<unknown>;
}

/**
 * The one door to Deno KV. `transact` reads `keys`, asks `decide`, and commits what it accepts, checked
 * against every key it read. Transactions ready at the same moment with disjoint keys share one atomic
 * commit (group commit), so that one fsync serves many callers. Events get their gapless `seq` in that
 * same commit.
 */
export class Kv {
  #queue: Pending[] = [];
  #flushing = false;
  #listeners = new Set<(events: readonly HoldfastEvent[]) => void>();

  private constructor(
    private readonly kv: Deno.Kv,
    private readonly clock: Clock,
    private lastSeq: number,
  ) {}

  /** @throws {KvUnavailable} when the file cannot be opened as a KV store. */
  static async open(path: string, clock: Clock): Promise<Kv> {
    try {
      const kv = await Deno.openKv(path);
      return new Kv(kv, clock, await lastSeqOf(kv));
    } catch (cause) {
      throw new KvUnavailable(`Cannot open the store "${path}"`, { cause });
    }
  }

  /** The newest event's number, 0 before the first. */
  get seq(): number {
    return this.lastSeq;
  }

  async get(key: Deno.KvKey): Promise<unknown> {
    return (await this.#guard(() => this.kv.get(key))).value;
  }

  /** Entries below `prefix`, or between `start` (inclusive) and `end`, in key order. */
  async *list(
    selector: Deno.KvListSelector,
    options: { limit?: number; reverse?: boolean } = {},
  ): AsyncGenerator<Seen> {
    const entries = this.kv.list(selector, { batchSize: 500, ...options });
    for (;;) {
      const next = await this.#guard(() => entries.next());
      if (next.done) return;
      yield { key: next.value.key, value: next.value.value };
    }
  }

  transact<T, R>(keys: readonly Deno.KvKey[], decide: Decide<T, R>): Promise<Result<T, R>> {
    return new Promise((resolve, reject) => {
      this.#queue.push({
        keys,
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

  /** Calls `listener` with the events of each commit, in order, after it is durable. Listeners must not throw or wait. */
  onEvents(listener: (events: readonly HoldfastEvent[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.kv.close();
  }

  async #flush(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.#takeDisjoint();
      try {
        const ready = await this.#decideAll(group);
        if (ready.length > 0) await this.#commitGroup(ready);
      } catch (error) {
        for (const pending of group) pending.fail(error as Error);
      }
    }
    this.#flushing = false;
  }

  /** Takes waiting transactions, oldest first, whose read keys do not meet; the others stay in order. */
  #takeDisjoint(): Pending[] {
    const taken: Pending[] = [];
    const later: Pending[] = [];
    const keys = new Set<string>();
    let checks = 0;
    for (const pending of this.#queue) {
      const own = pending.keys.map(keyText);
      const fits = checks + own.length <= CHECKS_MAX && !own.some((key) => keys.has(key));
      for (const key of own) keys.add(key);
      if (!fits && taken.length > 0) {
        later.push(pending);
        continue;
      }
      checks += own.length;
      taken.push(pending);
    }
    this.#queue = later;
    return taken;
  }

  async #decideAll(group: readonly Pending[]): Promise<Ready[]> {
    const entries = await this.#readAll(group.flatMap((pending) => [...pending.keys]));
    const ready: Ready[] = [];
    let from = 0;
    for (const pending of group) {
      const own = entries.slice(from, from + pending.keys.length);
      from += pending.keys.length;
      try {
        const decision = pending.decide(own.map(({ key, value }) => ({ key, value })));
        if (decision.ok) ready.push({ pending, entries: own, commit: decision.value });
        else pending.settle(decision);
      } catch (error) {
        pending.fail(error as Error);
      }
    }
    return ready;
  }

  async #readAll(keys: readonly Deno.KvKey[]): Promise<Deno.KvEntryMaybe<unknown>[]> {
    const reads: Promise<Deno.KvEntryMaybe<unknown>[]>[] = [];
    for (let i = 0; i < keys.length; i += 10) {
      reads.push(this.#guard(() => this.kv.getMany(keys.slice(i, i + 10) as Deno.KvKey[])));
    }
    return (await Promise.all(reads)).flat();
  }

  /** Commits what fits together; the rest waits for the next round. */
  async #commitGroup(ready: readonly Ready[]): Promise<void> {
    const group: Ready[] = [];
    const later: Pending[] = [];
    const keys = new Set<string>();
    let mutations = 0;
    let bytes = 0;
    for (const one of ready) {
      const { set = [], remove = [], events = [] } = one.commit;
      const written = [...set.map(([key]) => key), ...remove].map(keyText);
      const read = one.pending.keys.map(keyText);
      const size = set.reduce((sum, [, value]) => sum + sizeOf(value), 0) +
        events.reduce((sum, event) => sum + sizeOf(event), 0);
      const count = written.length + events.length;
      const fits = mutations + count <= MUTATIONS_MAX && bytes + size <= BYTES_MAX &&
        ![...written, ...read].some((key) => keys.has(key));
      if (!fits && group.length > 0) {
        later.push(one.pending);
        continue;
      }
      for (const key of [...written, ...read]) keys.add(key);
      mutations += count;
      bytes += size;
      group.push(one);
    }
    this.#queue.unshift(...later);
    if (await this.#commit(group)) return;
    if (group.length === 1) return this.#again(group[0]!.pending);
    for (const one of group) {
      if (!await this.#commit([one])) this.#again(one.pending);
    }
  }

  #again(pending: Pending): void {
    if (++pending.attempts < ATTEMPTS_MAX) this.#queue.push(pending);
    else {
      pending.fail(
        new ContentionError(
          `Lost ${ATTEMPTS_MAX} races for ${pending.keys.map(keyText).join(", ")}`,
        ),
      );
    }
  }

  async #commit(group: readonly Ready[]): Promise<boolean> {
    const atomic = this.kv.atomic();
    const events: HoldfastEvent[] = [];
    const atMs = this.clock.nowMs();
    for (const { entries, commit } of group) {
      for (const entry of entries) atomic.check(entry as Deno.AtomicCheck);
      for (const [key, value] of commit.set ?? []) atomic.set(key, value);
      for (const key of commit.remove ?? []) atomic.delete(key);
      for (const draft of commit.events ?? []) {
        const seq = this.lastSeq + events.length + 1;
        const event: HoldfastEvent = { v: 1, seq, atMs, data: {}, ...draft };
        events.push(event);
        atomic.set(eventKey(seq), event);
      }
    }
    const { ok } = await this.#guard(() => atomic.commit());
    if (!ok) return false;
    this.lastSeq += events.length;
    for (const { pending, commit } of group) {
      pending.settle({ ok: true, value: commit.value });
    }
    if (events.length > 0) { for (const listener of this.#listeners) listener(events); }
    return true;
  }

  async #guard<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      if (cause instanceof TypeError || cause instanceof RangeError) throw cause;
      throw new KvUnavailable("The store does not answer", { cause });
    }
  }
}

async function lastSeqOf(kv: Deno.Kv): Promise<number> {
  for await (const entry of kv.list({ prefix: eventKey() }, { reverse: true, limit: 1 })) {
    return Number(entry.key.at(-1));
  }
  return 0;
}

function keyText(key: Deno.KvKey): string {
  return key.map((part) => `${typeof part}:${String(part)}`).join("\u0000");
}

function sizeOf(value: unknown): number {
  return JSON.stringify(value)?.length ?? 8;
}
