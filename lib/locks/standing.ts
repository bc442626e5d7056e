import { z } from "zod";
import { AGING_MS, type GroupLock, LockAsk, LockOwner, type LostReason } from "./model.ts";
import { priorityOf, TICKET_POLL_MS } from "./model.ts";

/** One moment on both clocks. */
export interface Now {
  readonly wallMs: number;
  readonly monoMs: number;
}

/** A lock as it stands, its deadlines on the monotonic clock; `Infinity` for none. Never changed, replaced. */
export interface Held {
  readonly lock: GroupLock;
  readonly leaseEndsMs: number;
  readonly maxHoldEndsMs: number;
  readonly revokeEndsMs: number;
  /** Who waits for its holder to yield; `null` with `lock.revoke` for a revocation by right. */
  readonly yieldTo: string | null;
  /** Wall minus monotonic time when the lock's own times were written. */
  readonly offsetMs: number;
  /** Its lease ended while no runtime ran. */
  readonly endedWhileDown: boolean;
}

export interface EndedLock {
  readonly lock: GroupLock;
  readonly reason: LostReason;
  readonly atMs: number;
  readonly by: string | null;
  readonly successor: string | null;
}

/** Somebody who waits, as it is stored. */
export const StoredWaiter = z.object({
  v: z.literal(2),
  /** Its lock will have the same. */
  id: z.string(),
  /** Grows with every request: who came first. */
  number: z.number().int(),
  ask: LockAsk,
  owner: LockOwner,
  sinceMs: z.number().int(),
  untilMs: z.number().int().nullable(),
  /** Whether its asker polls a ticket; else it hangs on the line, and is gone with the process. */
  async: z.boolean(),
  /** The idempotency key it came with, and what it asked. */
  once: z.object({ key: z.string(), fingerprint: z.string() }).nullable(),
});
export type StoredWaiter = z.infer<typeof StoredWaiter>;

/** Somebody who waits. Never changed, replaced. */
export interface Waiter extends Omit<StoredWaiter, "v" | "untilMs"> {
  /** Its asker may do what the ask needs; checked when it came. */
  readonly since: Now;
  /** Until when it waits at the longest, monotonic. */
  readonly untilMs: number;
  /** When its slot begins, monotonic; `-Infinity`: at once. */
  readonly notBeforeMs: number;
  /** Its slot has begun: it stands in line. */
  readonly ready: boolean;
  /** Nobody is on its line any more: it is turned away. */
  readonly orphan: boolean;
  readonly polledMs: number;
  /** The class it was last ordered in. */
  readonly priority: number;
  /** Locks whose holders refused it. */
  readonly refusedBy: readonly string[];
}

/** When the clock alone changes something about this lock. */
export function nextTimeOf({ leaseEndsMs, maxHoldEndsMs, revokeEndsMs }: Held): number {
  return Math.min(leaseEndsMs, maxHoldEndsMs, revokeEndsMs);
}

/** Whether its time is up, however it ends. */
export function isOver(held: Held, monoMs: number): boolean {
  return nextTimeOf(held) <= monoMs;
}

/** When the clock alone changes something about this waiter: it gives up, its turn begins, it is moved up. */
export function nextWaiterTime(waiter: Waiter): number {
  if (waiter.orphan) return -Infinity;
  let next = waiter.untilMs;
  if (waiter.async) next = Math.min(next, pollEndsMs(waiter));
  if (!waiter.ready) return Math.min(next, waiter.notBeforeMs);
  if (waiter.priority > 1) next = Math.min(next, agesAtMs(waiter));
  return next;
}

/** When a ticket nobody asks for is dropped; a reservation's not before its slot. */
export function pollEndsMs({ polledMs, notBeforeMs }: Waiter): number {
  return Math.max(polledMs, notBeforeMs) + TICKET_POLL_MS;
}

/** When it moves up from the class it is in. */
function agesAtMs({ ask, since, notBeforeMs, priority }: Waiter): number {
  const classesUp = priorityOf(ask.type) - priority + 1;
  return Math.max(since.monoMs, notBeforeMs) + classesUp * AGING_MS;
}

/** The class it waits in at `monoMs`: one lower for every `AGING_MS` of waiting, never 0 by age. */
export function priorityNow(waiter: Waiter, monoMs: number): number {
  let { priority } = waiter;
  while (priority > 1 && agesAtMs({ ...waiter, priority }) <= monoMs) priority--;
  return priority;
}

/** Whether two claims on one device cannot stand beside each other. */
export function excludes(a: { mode: string }, b: { mode: string }): boolean {
  return a.mode === "exclusive" || b.mode === "exclusive";
}

/** The order of turns. */
export function comesBefore(a: Waiter, b: Waiter): boolean {
  return a.priority !== b.priority ? a.priority < b.priority : a.number < b.number;
}
