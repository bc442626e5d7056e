import { Subscription } from "../event_subscription.ts";
import { TooManySubscribers } from "../events.ts";
import type { Kv } from "../kv.ts";
import { Listeners } from "../listeners.ts";
import { accept } from "../result.ts";
import { repacked, ROWS_MAX, rowsOf } from "../rows.ts";
import type { AuditQuery, LockDelivery } from "./face.ts";
import { LOG_BATCH, logKey } from "./keys.ts";
import { AuditRecord, isLockEvent, type LockEvent } from "./model.ts";
import { covers } from "./names.ts";

/** How much of the log is kept. */
export interface LogLimits {
  readonly countMax: number;
  readonly ageMaxMs: number;
}

const SUBSCRIBERS_MAX = 2000;
const READ_MAX = 1000;
const TRIM_BATCH = 500;

/**
 * Every decision about locks in order: the audit, and, without denials, the events that watchers resume by
 * `seq`. It stands beside the instrument's log, for it grows as fast as clients ask.
 */
export class LockLog implements Disposable {
  readonly #listeners = new Listeners<[readonly LockEvent[]]>();
  readonly #subscriptions = new Set<Subscription<AuditRecord>>();
  #seq = 0;
  #firstSeq = 1;
  #trimming = false;

  constructor(private readonly kv: Kv, private readonly limits: LogLimits) {}

  get seq(): number {
    return this.#seq;
  }

  /** Records that may be removed by count. */
  get surplus(): number {
    return this.#seq - this.#firstSeq + 1 - this.limits.countMax;
  }

  /** Takes up where the store stands, for the first time. */
  async open(seq: number): Promise<void> {
    this.#seq = seq;
    this.#firstSeq = seq + 1;
    for await (const { key } of this.kv.list({ prefix: logKey() }, { limit: 1 })) {
      this.#firstSeq = Number(key.at(-1));
    }
  }

  /** Tells what a commit added, which is on disk. */
  tell(records: readonly AuditRecord[]): void {
    if (records.length === 0) return;
    this.#seq = records.at(-1)!.seq;
    const events = records.filter(isLockEvent);
    if (events.length === 0) return;
    for (const subscription of this.#subscriptions) subscription.push(events);
    this.#listeners.tell(events);
  }

  onEvents(listener: (events: readonly LockEvent[]) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** @throws {RangeError} for a limit outside 1 to 1000. @throws {KvUnavailable} */
  async read(query: AuditQuery): Promise<AuditRecord[]> {
    const { afterSeq, beforeSeq, limit, sinceMs = -Infinity } = query;
    if (!Number.isInteger(limit) || limit < 1 || limit > READ_MAX) {
      throw new RangeError(`Cannot read ${limit} records: 1 to ${READ_MAX} at once`);
    }
    const newestFirst = afterSeq === undefined;
    const start = Math.max(1, (afterSeq ?? 0) + 1);
    const end = Math.min(beforeSeq ?? Infinity, this.#seq + 1);
    const found: AuditRecord[] = [];
    if (!(start < end)) return found;
    for await (const record of this.#stored(start, end, newestFirst)) {
      // The wall clock may have stepped: only far older ones end the search.
      if (record.atMs < sinceMs) continue;
      if (!matches(record, query)) continue;
      found.push(AuditRecord.parse(record));
      if (found.length === limit) break;
    }
    return found;
  }

  /** Records from after one up to another, which this process may not have been told. */
  async readStored(afterSeq: number, toSeq: number): Promise<AuditRecord[]> {
    const records: AuditRecord[] = [];
    for await (const record of this.#stored(afterSeq + 1, toSeq + 1)) {
      records.push(AuditRecord.parse(record));
    }
    return records;
  }

  /** Records from `start` on, before `end`, as they are stored. */
  async *#stored(start: number, end: number, newestFirst = false): AsyncGenerator<AuditRecord> {
    const selector = { start: logKey(Math.max(1, start - ROWS_MAX + 1)), end: logKey(end) };
    const options = { reverse: newestFirst, batchSize: LOG_BATCH };
    for await (const { value } of this.kv.list(selector, options)) {
      const rows = rowsOf(value) as AuditRecord[];
      for (const row of newestFirst ? rows.reverse() : rows) {
        if (start <= row.seq && row.seq < end) yield row;
      }
    }
  }

  /** Replay after `sinceSeq`, then live, without a gap or a repetition that is not told. */
  subscribe(
    { sinceSeq, capacity = 1000 }: { sinceSeq?: number; capacity?: number } = {},
  ): AsyncIterableIterator<LockDelivery> & Disposable {
    if (!(capacity >= 1)) throw new RangeError(`A queue of ${capacity} events can hold none`);
    if (this.#subscriptions.size >= SUBSCRIBERS_MAX) {
      throw new TooManySubscribers(`${SUBSCRIBERS_MAX} subscriptions are open already`);
    }
    const subscription = new Subscription<AuditRecord>({
      seq: () => this.#seq,
      read: (afterSeq, limit) => this.read({ afterSeq, limit }),
      ended: (one) => this.#subscriptions.delete(one),
    }, { afterSeq: sinceSeq, capacity });
    this.#subscriptions.add(subscription);
    return eventsOf(subscription);
  }

  /** Removes the oldest records beyond the limits, a slice at a time; gives how many. */
  async trim(nowMs: number): Promise<number> {
    if (this.#trimming) return 0;
    this.#trimming = true;
    try {
      return await this.#trim(nowMs);
    } finally {
      this.#trimming = false;
    }
  }

  async #trim(nowMs: number): Promise<number> {
    let removed = 0;
    for (;;) {
      const newest = this.#seq;
      const keepFromSeq = this.#firstSeq + Math.max(0, this.surplus);
      const keepFromMs = nowMs - this.limits.ageMaxMs;
      const remove: Deno.KvKey[] = [];
      let rest: AuditRecord[] = [];
      let firstSeq = this.#firstSeq;
      const selector = { start: logKey(firstSeq), end: logKey(newest) };
      for await (
        const { key, value } of this.kv.list(selector, { limit: TRIM_BATCH, batchSize: LOG_BATCH })
      ) {
        const rows = rowsOf(value) as AuditRecord[];
        const kept = rows.findIndex(({ seq, atMs }) =>
          seq >= newest || seq >= keepFromSeq && atMs >= keepFromMs
        );
        if (kept === 0) break;
        remove.push(key);
        firstSeq = kept === -1 ? rows.at(-1)!.seq + 1 : rows[kept]!.seq;
        if (kept === -1) continue;
        rest = rows.slice(kept);
        break;
      }
      if (remove.length === 0) return removed;
      // What stays of the value in the middle of which the log begins now is stored anew.
      const set = repacked(rest).map(([seq, value]) => [logKey(seq), value] as const);
      await this.kv.transact([], () => accept({ value: null, set, remove }));
      removed += firstSeq - this.#firstSeq;
      this.#firstSeq = firstSeq;
      if (remove.length < TRIM_BATCH) return removed;
    }
  }

  [Symbol.dispose](): void {
    for (const subscription of [...this.#subscriptions]) subscription[Symbol.dispose]();
  }
}

function matches(record: AuditRecord, { deviceId, owner, actions }: AuditQuery): boolean {
  if (actions !== undefined && !actions.includes(record.action)) return false;
  if (owner !== undefined && record.owner?.actor !== owner && record.by !== owner) return false;
  return deviceId === undefined ||
    record.deviceIds.some((one) => covers(one, deviceId) || covers(deviceId, one));
}

/** The subscription without what only the audit keeps. */
function eventsOf(
  subscription: Subscription<AuditRecord>,
): AsyncIterableIterator<LockDelivery> & Disposable {
  return {
    async next() {
      for (;;) {
        const next = await subscription.next();
        if (next.done) return next;
        const delivery = next.value;
        if (delivery.kind === "dropped") return { done: false, value: delivery };
        const { event } = delivery;
        if (isLockEvent(event)) return { done: false, value: { kind: "event", event } };
      }
    },
    return: () => subscription.return() as Promise<IteratorResult<LockDelivery>>,
    [Symbol.asyncIterator]() {
      return this;
    },
    [Symbol.dispose]: () => subscription[Symbol.dispose](),
  };
}
