/** `OutboxEntry`; without `seq` the prefix of a consumer's queue. */
export function outboxKey(consumer: string, seq?: number): Deno.KvKey {
  return seq === undefined ? ["epu", "outbox", consumer] : ["epu", "outbox", consumer, seq];
}

/** `Cursor`. */
export function cursorKey(consumer: string): Deno.KvKey {
  return ["epu", "outbox_cursor", consumer];
}

/** `DeadLetter`. */
export function deadLetterKey(consumer?: string, seq?: number): Deno.KvKey {
  if (consumer === undefined) return ["epu", "dead_letter"];
  return seq === undefined
    ? ["epu", "dead_letter", consumer]
    : ["epu", "dead_letter", consumer, seq];
}
