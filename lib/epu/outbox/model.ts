import { z } from "zod";

const Int = z.number().int();

/** What leaves this instrument: one event of the log, as it was committed with the change it tells of. */
export const OutboxEvent = z.strictObject({
  v: z.literal(1),
  /** Distinct per event and the same for every delivery of it: what receivers know a repetition by. */
  id: z.string().min(1),
  seq: Int.positive(),
  atMs: Int,
  /** Such as `epu.micrograph.results`. */
  type: z.string().min(1),
  /** What it is about. */
  subject: z.string(),
  actor: z.string(),
  text: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type OutboxEvent = z.infer<typeof OutboxEvent>;

/** `["epu", "outbox", consumer, seq]`: not delivered yet. */
export const OutboxEntry = z.strictObject({
  v: z.literal(1),
  event: OutboxEvent,
  attempts: Int.nonnegative(),
  /** Not tried again before. */
  nextAtMs: Int,
  lastError: z.string().nullable(),
});
export type OutboxEntry = z.infer<typeof OutboxEntry>;

/** `["epu", "dead_letter", consumer, seq]`: given up, kept until somebody replays or discards it. */
export const DeadLetter = z.strictObject({
  v: z.literal(1),
  consumer: z.string(),
  event: OutboxEvent,
  attempts: Int.nonnegative(),
  error: z.string(),
  diedAtMs: Int,
});
export type DeadLetter = z.infer<typeof DeadLetter>;

/** `["epu", "outbox_cursor", consumer]`: events up to `seq` are in its queue, delivered, or not for it. */
export const Cursor = z.strictObject({
  v: z.literal(1),
  seq: Int.nonnegative(),
  /** Events that left the log before they were copied: never delivered. */
  lost: Int.nonnegative(),
});
export type Cursor = z.infer<typeof Cursor>;

/** Where events go: a webhook, a message broker, a handler of this process. */
export interface Consumer {
  /** Stable: its queue is stored under it. */
  readonly name: string;
  /** Beginnings of the event types it takes. */
  readonly types: readonly string[];
  /**
   * Resolves when the other side has it. It may come again with the same `event.id`, and then must change
   * nothing. Throws `Undeliverable` for an event that will never be taken, anything else to be tried again.
   */
  deliver(event: OutboxEvent, signal: AbortSignal): Promise<void>;
}

/** The other side understood the event and will never take it. */
export class Undeliverable extends Error {
  override readonly name = "Undeliverable";
}

export interface ConsumerStatus {
  readonly consumer: string;
  readonly waiting: number;
  readonly oldestAtMs: number | null;
  readonly dead: number;
  readonly lost: number;
  /** `open`: it failed so often that it is left alone until `retryAtMs`. */
  readonly breaker: "closed" | "open";
  readonly lastError: string | null;
}

export type LetterRefusal = {
  readonly kind: "unknown";
  readonly consumer: string;
  readonly seq: number;
};
