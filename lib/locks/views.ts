import type { Holder } from "../devices/model.ts";
import { atWall, lacking } from "./asking.ts";
import type { LockFilter } from "./face.ts";
import type { Table } from "./table.ts";
import { type Asker, type Conflict, type GroupLock, LockAsk, priorityOf } from "./model.ts";
import { holderOf, type LockMode, type LockType, type TicketView } from "./model.ts";
import { covers } from "./names.ts";
import { blockersOf, inFrontOf, ownAlready, ruleOver, standingOf } from "./queue.ts";
import { comesBefore, type Held, isOver, type Now, type Waiter } from "./standing.ts";
import { aheadOf } from "./waiting_graph.ts";

/** The wall clock may drift by this much before the times people see are reckoned anew. */
const DRIFT_MS = 50;
/** Blockers told of one who waits: with all, a line of a thousand would be told in half a million. */
const BLOCKERS_SHOWN = 10;

/** The lock with its times told by the wall clock as it goes now. */
export function lockView(held: Held, now: Now): GroupLock {
  const driftMs = Math.abs(now.wallMs - now.monoMs - held.offsetMs);
  return driftMs < DRIFT_MS ? held.lock : atWall(held, now).lock;
}

export function locksOf(table: Table, filter: LockFilter, now: Now): GroupLock[] {
  const { deviceId, owner, type } = filter;
  const some = deviceId !== undefined
    ? new Set([...table.heldMeeting(deviceId)].map(([, held]) => held))
    : owner !== undefined
    ? table.heldBy(owner)
    : table.held.values();
  const locks: GroupLock[] = [];
  for (const held of some) {
    if (isOver(held, now.monoMs)) continue;
    if (owner !== undefined && held.lock.owner.actor !== owner) continue;
    if (type !== undefined && held.lock.type !== type) continue;
    locks.push(lockView(held, now));
  }
  return locks;
}

/** The live lock on the device or around it. */
export function lockOn(table: Table, deviceId: string, now: Now): Held | null {
  for (const [at, held] of table.heldMeeting(deviceId)) {
    if (covers(at, deviceId) && !isOver(held, now.monoMs)) return held;
  }
  return null;
}

export function holderView(held: Held, now: Now): Holder {
  return holderOf(lockView(held, now));
}

export function ticketView(table: Table, waiter: Waiter, now: Now): TicketView {
  const { id, ask, owner, sinceMs, untilMs, priority } = waiter;
  return {
    id,
    deviceIds: ask.deviceIds,
    type: ask.type,
    mode: ask.mode,
    owner,
    reason: ask.reason,
    sinceMs,
    untilMs: untilMs === Infinity ? null : Math.round(untilMs + now.wallMs - now.monoMs),
    notBeforeMs: ask.notBeforeMs,
    position: positionOf(table, waiter),
    priority,
    blockedBy: blockersOf(table, waiter, BLOCKERS_SHOWN),
  };
}

function positionOf(table: Table, waiter: Waiter): number {
  let position = 1;
  for (const _ of aheadOf(table, waiter)) position++;
  return position;
}

export function queueOf(table: Table, filter: LockFilter, now: Now): TicketView[] {
  const { deviceId, owner, type } = filter;
  const some = deviceId === undefined
    ? table.waiters.values()
    : new Set([...table.waitingMeeting(deviceId)].map(([, waiter]) => waiter));
  return [...some]
    .filter((one) => owner === undefined || one.owner.actor === owner)
    .filter((one) => type === undefined || one.ask.type === type)
    .sort((a, b) => comesBefore(a, b) ? -1 : 1)
    .map((one) => ticketView(table, one, now));
}

/** What a request would meet. */
export function accessOf(
  table: Table,
  ask: { deviceIds: readonly string[]; type: LockType; mode?: LockMode },
  asker: Asker,
  now: Now,
): { allowed: boolean; wouldPreempt: boolean; conflicts: Conflict[] } {
  const whole = LockAsk.parse({ ...ask, deviceIds: [...new Set(ask.deviceIds)].sort() });
  const waiter: Waiter = {
    id: "",
    number: table.lastNumber + 1,
    ask: whole,
    owner: asker,
    once: null,
    since: now,
    sinceMs: now.wallMs,
    untilMs: now.monoMs,
    notBeforeMs: -Infinity,
    ready: true,
    async: false,
    orphan: false,
    polledMs: now.monoMs,
    priority: priorityOf(ask.type),
    refusedBy: [],
  };
  const mayAsk = lacking(whole, asker) === null;
  if (mayAsk && ownAlready(table, whole, asker) !== null) {
    return { allowed: true, wouldPreempt: false, conflicts: [] };
  }
  const standing = standingOf(table, waiter).map(({ held }) => held);
  const allowed = mayAsk && inFrontOf(table, waiter, 1).length === 0 &&
    standing.every((held) => ruleOver(table, waiter, held).rule !== "never");
  const wouldPreempt = standing.some(({ lock }) => lock.owner.actor !== asker.actor);
  return { allowed, wouldPreempt, conflicts: blockersOf(table, waiter) };
}
