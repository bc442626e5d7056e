import type { EventLog, HoldfastEvent } from "../../events.ts";
import type { Kv } from "../../kv.ts";
import { accept } from "../../result.ts";
import { cursorKey, outboxKey } from "./keys.ts";
import { type Consumer, Cursor, type OutboxEntry, OutboxEvent } from "./model.ts";

/** Events looked at in one round, and entries written in one commit. */
const BATCH = 200;
/** A cursor that found nothing for its consumer is written this often all the same. */
const CURSOR_EVERY = 2000;
/** What the outbox itself reports must not go through it. */
export const OUTBOX_EVENTS = "epu.outbox.";

/** Where a consumer is in the log; one that is new starts at its end. */
export async function cursorOf(kv: Kv, consumer: string): Promise<Cursor> {
  const stored = await kv.get(cursorKey(consumer));
  if (stored !== null) return Cursor.parse(stored);
  const fresh: Cursor = { v: 1, seq: kv.seq, lost: 0 };
  await kv.transact([], () => accept({ value: null, set: [[cursorKey(consumer), fresh]] }));
  return fresh;
}

/**
 * Copies events after the cursor into the consumer's queue, with the cursor in the same commit: every
 * event is queued once, whenever this process dies. Gives the cursor afterwards.
 */
export async function relay(
  kv: Kv,
  events: EventLog,
  consumer: Consumer,
  from: Cursor,
): Promise<Cursor> {
  let cursor = from;
  let written = from;
  while (cursor.seq < kv.seq) {
    const batch = await events.read({ afterSeq: cursor.seq, limit: BATCH });
    const first = batch[0];
    if (first === undefined) break;
    const lost = first.seq - cursor.seq - 1;
    cursor = { v: 1, seq: batch.at(-1)!.seq, lost: cursor.lost + lost };
    const wanted = batch.filter((event) => isFor(consumer, event)).map(entryOf);
    if (wanted.length === 0 && lost === 0 && cursor.seq - written.seq < CURSOR_EVERY) continue;
    await kv.transact([cursorKey(consumer.name)], () =>
      accept({
        value: null,
        set: [
          [cursorKey(consumer.name), cursor],
          ...wanted.map((one) => [outboxKey(consumer.name, one.event.seq), one] as const),
        ],
      }));
    written = cursor;
  }
  return cursor;
}

function isFor({ types }: Consumer, { type }: HoldfastEvent): boolean {
  return !type.startsWith(OUTBOX_EVENTS) && types.some((prefix) => type.startsWith(prefix));
}

function entryOf({ seq, atMs, type, subject, actor, text, data }: HoldfastEvent): OutboxEntry {
  const event = OutboxEvent.parse({
    v: 1,
    // A store put back from a backup counts the same numbers again, at other times.
    id: `${seq}-${atMs}`,
    seq,
    atMs,
    type,
    subject,
    actor,
    text,
    data,
  });
  return { v: 1, event, attempts: 0, nextAtMs: 0, lastError: null };
}
