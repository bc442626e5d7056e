import { z } from "zod";
import type { Clock } from "./clock.ts";
import { Subscription } from "./event_subscription.ts";
import type { Kv } from "./kv.ts";
import { repacked, ROWS_MAX, rowsOf } from "./rows.ts";

/** What a transaction says happened; it becomes an event in the same commit. */
export interface EventDraft {
  /** Dotted, past or state, lower case: `device.setpoint`, `experiment.state`, `instrument.stopped`. */
  readonly type: string;
  /** What it is about: a device id, an experiment id, `instrument`. */
  readonly subject: string;
  /** Who did it: an actor string as `lib/auth` spells it, or `system`. */
  readonly actor: string;
  /** One sentence a person reads in the event list, without subject and time: `stopped: script ended`. */
  readonly text: string;
  /** The whole new state where there is one, never a delta; at most a few KiB. */
  readonly data?: Record<string, unknown>;
}

export const HoldfastEvent = z.object({
  v: z.literal(1),
  /** Gapless, from 1. */
  seq: z.number().int().positive(),
  /** Unix epoch, milliseconds. */
  atMs: z.number().int(),
  type: z.string(),
  subject: z.string(),
  actor: z.string(),
  text: z.string(),
  data: z.record(z.string(), z.unknown()).default({}),
});
export type HoldfastEvent = z.infer<typeof HoldfastEvent>;

/** What a live subscriber receives: events in order, or word that it was too slow and must read again from `fromSeq`. */
export type EventDelivery<E = HoldfastEvent> =
  | { readonly kind: "event"; readonly event: E }
  | { readonly kind: "dropped"; readonly fromSeq: number };

/**
 * Key of event `seq` and of those of the same commit after it, as `packedRows` puts them together; without a
 * number, the prefix of all events.
 */
export function eventKey(seq?: number): Deno.KvKey {
  return seq === undefined ? ["event"] : ["event", seq];
}

/** Which events: those of one subject, those whose type starts with one of `types`, or both. */
export interface EventFilter {
  readonly types?: readonly string[];
  readonly subject?: string;
}

export interface EventQuery extends EventFilter {
  /** Events after this one, oldest first. */
  readonly afterSeq?: number;
  /** Events before this one; without `afterSeq` newest first. */
  readonly beforeSeq?: number;
  /** 1 to `READ_LIMIT_MAX`. */
  readonly limit: number;
}

export const READ_LIMIT_MAX = 10_000;
const SUBSCRIBERS_MAX = 2000;
const TRIM_BATCH = 500;
/** A value may hold many events. */
const READ_BATCH = 100;

/** More subscriptions are open than this instrument serves. */
export class TooManySubscribers extends Error {
  override readonly name = "TooManySubscribers";
}

/** Whether `event` passes `filter`. */
export function eventMatches(
  event: Pick<HoldfastEvent, "type" | "subject">,
  { types, subject }: EventFilter,
): boolean {
  return (subject === undefined || event.subject === subject) &&
    (types === undefined || types.some((prefix) => event.type.startsWith(prefix)));
}

/** The record of everything that happened: read in both directions, followed live, trimmed at its old end. */
export class EventLog implements Disposable {
  readonly #subscriptions = new Set<Subscription<HoldfastEvent>>();
  readonly #unlisten: () => void;

  constructor(
    private readonly kv: Kv,
    private readonly clock: Clock,
    /** `countMax` at least 1. The newest event stays, however old: it carries the count. */
    private readonly limits: { readonly countMax: number; readonly ageMaxMs: number },
  ) {
    if (!(limits.countMax >= 1)) {
      throw new RangeError(`Cannot keep ${limits.countMax} events: at least 1 is kept`);
    }
    this.#unlisten = kv.onEvents((events) => {
      for (const subscription of this.#subscriptions) subscription.push(events);
    });
  }

  /**
   * At most `limit` events: ascending with `afterSeq`, else newest first.
   *
   * @throws {RangeError} for a limit outside 1 to `READ_LIMIT_MAX`.
   * @throws {KvUnavailable} when the store fails.
   */
  async read(query: EventQuery): Promise<HoldfastEvent[]> {
    const { afterSeq, beforeSeq, limit, types, subject } = query;
    if (!Number.isInteger(limit) || limit < 1 || limit > READ_LIMIT_MAX) {
      throw new RangeError(`Cannot read ${limit} events: 1 to ${READ_LIMIT_MAX} at once`);
    }
    const start = Math.max(1, (afterSeq ?? 0) + 1);
    const end = Math.min(beforeSeq ?? Infinity, this.kv.seq + 1);
    if (!(start < end)) return [];
    const selector = { start: eventKey(Math.max(1, start - ROWS_MAX + 1)), end: eventKey(end) };
    const plain = types === undefined && subject === undefined;
    const found: HoldfastEvent[] = [];
    const newestFirst = afterSeq === undefined;
    const batchSize = plain ? Math.min(limit, READ_BATCH) : READ_BATCH;
    for await (const { value } of this.kv.list(selector, { reverse: newestFirst, batchSize })) {
      const rows = rowsOf(value) as HoldfastEvent[];
      for (const row of newestFirst ? rows.reverse() : rows) {
        if (!(start <= row.seq && row.seq < end)) continue;
        // Filtered before it is parsed: a rare subject means walking over the whole log.
        if (!plain && !eventMatches(row, query)) continue;
        found.push(HoldfastEvent.parse(row));
        if (found.length === limit) return found;
      }
    }
    return found;
  }

  /**
   * First what is stored after `afterSeq`, then live, without a gap or a repetition; without `afterSeq`
   * live only. What is gone for this subscriber, be it trimmed or because `capacity` (1000) events
   * waited for it, is told by one `dropped`: events from `fromSeq` up to the next one delivered.
   * An `afterSeq` this log never reached gives `dropped` from 1 and goes on live. A store that fails
   * ends the subscription with its error.
   *
   * @throws {TooManySubscribers}
   */
  subscribe(
    { afterSeq, capacity = 1000 }: { afterSeq?: number; capacity?: number } = {},
  ): AsyncIterableIterator<EventDelivery> & Disposable {
    if (!(capacity >= 1)) throw new RangeError(`A queue of ${capacity} events can hold none`);
    if (this.#subscriptions.size >= SUBSCRIBERS_MAX) {
      throw new TooManySubscribers(`${SUBSCRIBERS_MAX} subscriptions are open already`);
    }
    const subscription = new Subscription<HoldfastEvent>({
      seq: () => this.kv.seq,
      read: (afterSeq, limit) => this.read({ afterSeq, limit }),
      ended: (subscription) => this.#subscriptions.delete(subscription),
    }, { afterSeq, capacity });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /**
   * Removes events beyond `countMax`, and the oldest ones older than `ageMaxMs`; gives how many.
   * Age ends at the first event young enough, so that a clock that stepped leaves no hole.
   */
  async trim(): Promise<number> {
    const newest = this.kv.seq;
    const keepFromSeq = newest - this.limits.countMax + 1;
    const keepFromMs = this.clock.nowMs() - this.limits.ageMaxMs;
    if (newest <= 1) return 0;
    let removed = 0;
    let batch: Deno.KvKey[] = [];
    const remove = async (set: [Deno.KvKey, unknown][] = []) => {
      if (batch.length === 0) return;
      await this.kv.transact([], () => ({ ok: true, value: { value: null, set, remove: batch } }));
      batch = [];
    };
    const selector = { start: eventKey(1), end: eventKey(newest) };
    for await (const { key, value } of this.kv.list(selector, { batchSize: READ_BATCH })) {
      const rows = rowsOf(value) as HoldfastEvent[];
      const young = rows.findIndex(({ seq, atMs }) =>
        seq >= newest || seq >= keepFromSeq && atMs >= keepFromMs
      );
      if (young === 0) break;
      batch.push(key);
      removed += young === -1 ? rows.length : young;
      if (young > 0) {
        // The rest of this value stays, under the number it begins with now.
        await remove(repacked(rows.slice(young)).map(([seq, rest]) => [eventKey(seq), rest]));
        break;
      }
      if (batch.length === TRIM_BATCH) await remove();
    }
    await remove();
    return removed;
  }

  /** The oldest event still kept; one more than the newest when there is none. */
  async firstSeq(): Promise<number> {
    for await (const { key } of this.kv.list({ prefix: eventKey() }, { limit: 1 })) {
      return Number(key.at(-1));
    }
    return this.kv.seq + 1;
  }

  /** Ends every subscription. */
  [Symbol.dispose](): void {
    this.#unlisten();
    for (const subscription of [...this.#subscriptions]) subscription[Symbol.dispose]();
  }
}
