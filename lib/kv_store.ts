import { eventKey, HoldfastEvent } from "./events.ts";
import { type Entry, ReadCache } from "./kv_cache.ts";
import { because, closedError, KvUnavailable } from "./kv_errors.ts";
import type { Group, Pending, Seen } from "./kv_group.ts";
import { bytesOf, type KeyRef } from "./kv_value.ts";
import { ROWS_MAX, rowsOf } from "./rows.ts";

/** What `Kv` asks of the store below it: `Deno.Kv`, or a wrapper that fails on purpose. */
export type KvBackend = Pick<Deno.Kv, "get" | "getMany" | "list" | "atomic" | "close">;

/** Deno KV with what its one owner remembers of it, and every failure under one name. */
export class Store {
  readonly #cache = new ReadCache();
  #closed = false;

  constructor(private readonly kv: KvBackend) {}

  /** SQLite's failures reach us as `TypeError`, so every read that fails is the store's failure. */
  async read<T>(act: (kv: KvBackend) => Promise<T>): Promise<T> {
    if (this.#closed) throw closedError();
    try {
      return await act(this.kv);
    } catch (cause) {
      if (this.#closed) throw closedError();
      throw new KvUnavailable(`The store cannot be read${because(cause)}`, { cause });
    }
  }

  async *list(
    selector: Deno.KvListSelector,
    options: { limit?: number; reverse?: boolean; batchSize?: number } = {},
  ): AsyncGenerator<Seen> {
    const batchSize = Math.min(500, Math.max(1, options.limit ?? 500));
    if (this.#closed) throw closedError();
    const entries = this.kv.list(selector, { batchSize, ...options });
    for (;;) {
      const next = await this.read(() => entries.next());
      if (next.done) return;
      yield { key: next.value.key, value: next.value.value };
    }
  }

  /** The committed state of all their keys. No commit is under way, so this is one state of the store. */
  async entriesOf(
    pendings: readonly Pending[],
  ): Promise<{ entries: Map<string, Entry>; read: boolean }> {
    const entries = new Map<string, Entry>();
    const missing = new Map<string, KeyRef>();
    for (const { refs } of pendings) {
      for (const ref of refs) {
        const entry = this.#cache.get(ref.text);
        if (entry === undefined) missing.set(ref.text, ref);
        else entries.set(ref.text, entry);
      }
    }
    const refs = [...missing.values()];
    const reads: Promise<void>[] = [];
    for (let i = 0; i < refs.length; i += 10) {
      reads.push(this.#readSome(refs.slice(i, i + 10), entries));
    }
    await Promise.all(reads);
    return { entries, read: reads.length > 0 };
  }

  async #readSome(refs: readonly KeyRef[], into: Map<string, Entry>): Promise<void> {
    const found = await this.read((kv) => kv.getMany(refs.map(({ key }) => key)));
    for (const [i, { value, versionstamp }] of found.entries()) {
      const entry = { value, versionstamp, bytes: bytesOf(value) };
      this.#cache.put(refs[i]!.text, entry);
      into.set(refs[i]!.text, entry);
    }
  }

  /** After a commit: what it wrote is what the store holds. */
  keep(group: Group, versionstamp: string): void {
    for (const [text, entry] of group.written(versionstamp)) {
      // What nobody ever asked for, such as a log, must not push out what is asked for again and again.
      if (group.read(text) || this.#cache.has(text)) this.#cache.put(text, entry);
    }
  }

  /** After a commit that failed: read these again. */
  forget(group: Group): void {
    for (const text of group.texts) this.#cache.delete(text);
  }

  forgetAll(): void {
    this.#cache.clear();
  }

  atomic(): Deno.AtomicOperation {
    if (this.#closed) throw closedError();
    return this.kv.atomic();
  }

  /** The newest event's number, 0 before the first. */
  async newestSeq(): Promise<number> {
    const newest = this.list({ prefix: eventKey() }, { reverse: true, limit: 1 });
    for await (const { key, value } of newest) return Number(key.at(-1)) + rowsOf(value).length - 1;
    return 0;
  }

  /** Events after `seq`, up to `newest`. */
  async eventsBetween(seq: number, newest: number): Promise<HoldfastEvent[]> {
    const events: HoldfastEvent[] = [];
    if (newest <= seq) return events;
    for await (
      const { value } of this.list({
        start: eventKey(Math.max(1, seq + 2 - ROWS_MAX)),
        end: eventKey(newest + 1),
      })
    ) {
      for (const row of rowsOf(value)) {
        const event = HoldfastEvent.parse(row);
        if (event.seq > seq) events.push(event);
      }
    }
    return events;
  }

  /** Whether a commit that threw is in the store; `null` when that cannot be found out. */
  async landed(group: Group, events: readonly HoldfastEvent[]): Promise<boolean | null> {
    try {
      if (events.length > 0) {
        return (await this.kv.get(eventKey(events[0]!.seq))).versionstamp !== null;
      }
      const { witness } = group;
      if (witness === null) return null;
      return (await this.kv.get(witness.key)).versionstamp !== witness.before;
    } catch {
      return null;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.kv.close();
  }
}
