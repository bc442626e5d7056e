import type { EventDraft } from "../events.ts";
import { instrumentEvents } from "./events.ts";
import {
  type AuditAction,
  type AuditRecord,
  type GroupLock,
  type LockOwner,
  type LockRefusal,
  type LockType,
  type LostReason,
  type Policy,
} from "./model.ts";
import type { EndedLock, Held, Now, Waiter } from "./standing.ts";
import type { Change, Once, Table } from "./table.ts";
import { groupText, recordText } from "./texts.ts";

/** A record before the log gives it number, epoch and time. */
export type RecordDraft = Omit<AuditRecord, "v" | "seq" | "epoch" | "atMs">;

/** What became of somebody who waited. */
export type WaitEnd =
  | { readonly kind: "granted"; readonly lock: GroupLock }
  | { readonly kind: "refused"; readonly refusal: LockRefusal };

/** Idempotency keys remembered, and how long. */
const ONCE_MAX = 10_000;
const ONCE_MS = 86_400_000;
/** Writes one commit may gather; what one decision adds on top still fits the store's 1000. */
const WRITES_MAX = 700;
/** Their bytes, roughly; the store takes 800 KiB. */
const BYTES_MAX = 400_000;

/**
 * Decisions that will be one commit: each changes the table at once, so that the next one sees it, and is
 * noted here to be written. The table must be thrown away if the commit fails.
 */
export class Draft {
  readonly changes: Change[] = [];
  readonly records: RecordDraft[] = [];
  /** The same as JSON. */
  readonly recordTexts: string[] = [];
  /** For the instrument's log. */
  readonly events: EventDraft[] = [];
  readonly waitEnds: { readonly id: string; readonly end: WaitEnd }[] = [];
  /** Devices at which something became free: whoever waits there may get its turn. */
  readonly stirred = new Set<string>();
  /** Locks that stand in the way of waiters as they did not before. */
  readonly turned = new Set<string>();
  /** There was more to do than one commit takes. */
  unfinished = false;
  #writes = 0;
  #bytes = 0;

  constructor(readonly table: Table, readonly now: Now, readonly limits: { waitersMax: number }) {}

  get full(): boolean {
    return this.#writes >= WRITES_MAX || this.#bytes >= BYTES_MAX;
  }

  get empty(): boolean {
    return this.changes.length === 0 && this.records.length === 0;
  }

  hold(held: Held): void {
    this.#do({ kind: "hold", held }, 1, 40 + groupText(held.lock, held.yieldTo).length);
  }

  /** Ends the lock: its devices are free, their fences higher, its record written. */
  end(
    held: Held,
    how: {
      reason: LostReason;
      action: AuditAction;
      text: string | null;
      by?: string | null;
      successor?: string | null;
    },
  ): EndedLock {
    const { lock } = held;
    const { reason, action, text, by = null, successor = null } = how;
    const ended: EndedLock = { lock, reason, atMs: this.now.wallMs, by, successor };
    this.#do({ kind: "end", ended }, 1, 50);
    this.raiseFences(lock.deviceIds);
    this.stir(lock.deviceIds);
    this.record(action, lock, { before: lock, lock: null, reason: text, by, successor });
    return ended;
  }

  /** Gives each device a fence higher than any before; tells them. */
  raiseFences(deviceIds: readonly string[]): Record<string, number> {
    const fences: Record<string, number> = {};
    for (const deviceId of deviceIds) {
      fences[deviceId] = this.table.fences.next(deviceId);
      this.fence(deviceId, fences[deviceId]);
    }
    return fences;
  }

  fence(deviceId: string, fence: number): void {
    this.#do({ kind: "fence", deviceId, fence }, 1, 80 + 2 * deviceId.length);
  }

  wait(waiter: Waiter): void {
    this.#do({ kind: "wait", waiter }, 1, 900 + 3 * waiter.ask.deviceIds.length);
  }

  /** It waits no more; whoever stood behind it may get its turn. */
  leave(waiter: Waiter, end: WaitEnd): void {
    this.forget(waiter);
    this.waitEnds.push({ id: waiter.id, end });
    this.stir(waiter.ask.deviceIds);
  }

  /** It never stood in line. */
  forget(waiter: Waiter): void {
    this.#do({ kind: "leave", id: waiter.id }, 1, 50);
  }

  policy(policy: Policy): void {
    this.#do({ kind: "policy", policy }, 1, 1000);
  }

  once(key: string, once: Once): void {
    for (const [old, { atMs }] of this.table.once) {
      const young = atMs > this.now.wallMs - ONCE_MS && this.table.once.size < ONCE_MAX;
      if (young || this.full) break;
      this.#do({ kind: "once-over", key: old }, 1, 200);
    }
    this.#do({ kind: "once", key, once }, 1, 300 + once.fingerprint.length);
  }

  stir(deviceIds: readonly string[]): void {
    for (const deviceId of deviceIds) this.stirred.add(deviceId);
  }

  record(
    action: AuditAction,
    about: { id: string | null; deviceIds: readonly string[]; owner: LockOwner; type: LockType },
    more: Partial<RecordDraft> = {},
  ): void {
    const { id, deviceIds, owner, type } = about;
    this.note({
      action,
      id,
      deviceIds: [...deviceIds],
      owner,
      type,
      reason: null,
      by: null,
      successor: null,
      lock: null,
      before: null,
      policy: null,
      ...more,
    });
  }

  note(record: RecordDraft): void {
    const text = recordText(record);
    this.records.push(record);
    this.recordTexts.push(text);
    const events = instrumentEvents(record, (deviceId) => this.table.fences.of(deviceId));
    this.events.push(...events);
    this.#writes += 1 + events.length;
    this.#bytes += 120 + text.length;
    for (const { subject, actor, text: told } of events) {
      const { actor: by = "", label = "" } = record.owner ?? {};
      // Six bytes for a character at the most.
      this.#bytes += 400 +
        6 * (subject.length + actor.length + told.length + by.length + label.length);
    }
  }

  #do(change: Change, writes: number, bytes: number): void {
    this.table.apply(change);
    this.changes.push(change);
    this.#writes += writes;
    this.#bytes += bytes;
  }
}
