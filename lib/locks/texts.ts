import { jsonText } from "../rows.ts";
import type { RecordDraft } from "./draft.ts";
import type { AuditRecord, GroupLock } from "./model.ts";

/** A lock is never changed but replaced, and stands in its row and in up to three records: written out once. */
const texts = new WeakMap<GroupLock, string>();

export function lockText(lock: GroupLock): string {
  let text = texts.get(lock);
  if (text === undefined) {
    text = jsonText(lock);
    texts.set(lock, text);
  }
  return text;
}

/** The row of a live lock. */
export function groupText(lock: GroupLock, yieldTo: string | null): string {
  return `{"v":2,"lock":${lockText(lock)},"yieldTo":${jsonText(yieldTo)}}`;
}

/** A record without what the log gives it. */
export function recordText({ lock, before, ...record }: RecordDraft): string {
  const text = `${jsonText(record).slice(0, -1)},"lock":${lockOrNull(lock)},"before":${
    lockOrNull(before)
  }}`;
  // A lock that has ended may be remembered for long, its text need not.
  if (lock === null && before !== null) texts.delete(before);
  return text;
}

/** The record as it is stored, from what `recordText` gave. */
export function stampedText({ v, seq, epoch, atMs }: AuditRecord, text: string): string {
  return `{"v":${v},"seq":${seq},"epoch":${jsonText(epoch)},"atMs":${atMs},${text.slice(1)}`;
}

function lockOrNull(lock: GroupLock | null): string {
  return lock === null ? "null" : lockText(lock);
}
