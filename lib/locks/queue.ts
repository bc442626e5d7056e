import { conflictOfHeld, conflictOfWaiter, deviceLocked, grantTo } from "./asking.ts";
import type { Draft } from "./draft.ts";
import {
  type Conflict,
  type LockAsk,
  type LockOwner,
  type LockRefusal,
  type PolicyRule,
  priorityOf,
} from "./model.ts";
import { comesBefore, excludes, type Held, type Waiter } from "./standing.ts";
import type { Table } from "./table.ts";
import {
  aheadOf,
  dependsOn,
  passes,
  type Standing,
  standingInWay,
  wouldTangle,
} from "./waiting_graph.ts";

/** While many locks are taken from their holders, more than one commit writes. */
const CLEARING_MS = 5000;

/** What keeps a waiter from its turn: holders, and those who come first; the first `max` of them. */
export function blockersOf(table: Table, waiter: Waiter, max = Infinity): Conflict[] {
  const holders = standingOf(table, waiter).slice(0, max)
    .map(({ deviceId, heldDeviceId, held }) => conflictOfHeld(deviceId, heldDeviceId, held));
  return [...holders, ...inFrontOf(table, waiter, max - holders.length)];
}

export function inFrontOf(table: Table, waiter: Waiter, max = Infinity): Conflict[] {
  const found: Conflict[] = [];
  if (max <= 0) return found;
  for (const { deviceId, at, waiter: other } of aheadOf(table, waiter)) {
    if (passes(table, waiter, other)) continue;
    found.push(conflictOfWaiter(deviceId, at, other));
    if (found.length >= max) break;
  }
  return found;
}

/** Locks in the waiter's way; its own plan's reservation is none, it becomes the lock. */
export function standingOf(table: Table, waiter: Waiter): Standing[] {
  return standingInWay(table, waiter.ask, new Set(reservationsOf(table, waiter).map(idOf)));
}

/** The owner's lock that is what it asks for already, or becomes it in place: the same plan's on the same devices. */
export function ownAlready(
  table: Table,
  ask: LockAsk,
  { actor, asserted }: Pick<LockOwner, "actor" | "asserted">,
): Held | null {
  return table.heldBy(actor).find(({ lock }) =>
    lock.owner.asserted === asserted && lock.mode === ask.mode && lock.planUid === ask.planUid &&
    sameNames(lock.deviceIds, ask.deviceIds) && (lock.type === ask.type || ask.planUid !== null)
  ) ?? null;
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

function reservationsOf(table: Table, { owner, ask }: Waiter): Held[] {
  if (ask.type !== "QUEUE_EXECUTING" || ask.planUid === null) return [];
  return table.heldBy(owner.actor).filter(({ lock }) =>
    lock.type === "QUEUE_QUEUED" && lock.planUid === ask.planUid
  );
}

const NEVER: PolicyRule = { rule: "never", graceMs: 0, refusable: false };
const AT_ONCE: PolicyRule = { rule: "immediate", graceMs: 0, refusable: false };

/** What the policy lets `waiter` do to this holder. No rule lets a lower class take from a higher one. */
export function ruleOver(
  { policy }: Table,
  { ask, owner, refusedBy }: Pick<Waiter, "ask" | "owner" | "refusedBy">,
  { lock }: Held,
): PolicyRule {
  if (owner.actor === lock.owner.actor || ask.preempt === "never") return NEVER;
  if (ask.preempt === "force") return AT_ONCE;
  if (refusedBy.includes(lock.id)) return NEVER;
  const ahead = lock.priority - priorityOf(ask.type);
  if (ahead === 0 && policy.equalPriorityOverride) return AT_ONCE;
  if (ahead <= 0) return NEVER;
  const rule = policy.over[ask.type]?.[lock.type] ?? NEVER;
  return rule.rule === "request" && rule.graceMs === 0 ? AT_ONCE : rule;
}

/**
 * Grants the waiter its devices if nothing is in the way, or what is may be taken. `pending`: holders were
 * asked to yield, or are being removed.
 */
export function tryGrant(draft: Draft, waiter: Waiter): Held | "blocked" | "pending" {
  const { table } = draft;
  const standing = standingOf(table, waiter).map(({ held }) => held);
  const rules = new Map(standing.map((held) => [held, ruleOver(table, waiter, held)]));
  if (standing.some((held) => rules.get(held)!.rule === "never")) return "blocked";
  if (wouldTangle(table, waiter)) return "blocked";
  const asked = standing.filter((held) => rules.get(held)!.rule === "request");
  for (const held of asked) {
    if (held.lock.state === "held") askToYield(draft, held, waiter, rules.get(held)!);
  }
  if (asked.length > 0) return "pending";
  for (const held of standing) {
    if (draft.full) {
      draft.unfinished = true;
      draft.stir(waiter.ask.deviceIds);
      return "pending";
    }
    takeFrom(draft, held, waiter);
  }
  for (const held of reservationsOf(table, waiter)) {
    draft.end(held, {
      reason: "released",
      action: "released",
      text: "its plan executes",
      successor: waiter.id,
    });
  }
  return grantTo(draft, waiter);
}

function takeFrom(draft: Draft, held: Held, { id, ask, owner }: Waiter): void {
  const forced = ask.preempt === "force";
  draft.end(held, {
    reason: forced ? "forced" : "preempted",
    action: forced ? "force_released" : "preempted",
    text: ask.reason ?? `Overridden by higher priority ${ask.type}`,
    by: owner.actor,
    successor: id,
  });
}

function askToYield(draft: Draft, held: Held, waiter: Waiter, rule: PolicyRule): void {
  const { now } = draft;
  const revoke = {
    by: waiter.owner.label,
    reason: waiter.ask.reason ?? `${waiter.ask.type} asks for it`,
    deadlineAtMs: now.wallMs + rule.graceMs,
    refusable: rule.refusable,
  };
  const next: Held = {
    ...held,
    revokeEndsMs: now.monoMs + rule.graceMs,
    yieldTo: waiter.id,
    lock: { ...held.lock, state: "revoking", revoke },
  };
  draft.hold(next);
  draft.record("preempt_requested", next.lock, {
    lock: next.lock,
    reason: revoke.reason,
    by: waiter.owner.actor,
    successor: waiter.id,
  });
}

/** Nobody asks for this lock any more. */
export function withdraw(draft: Draft, waiterId: string): void {
  const waiter = draft.table.waiters.get(waiterId);
  if (waiter === undefined) return;
  for (const { held } of standingInWay(draft.table, waiter.ask)) {
    if (held.yieldTo === waiterId) {
      standAgain(draft, held, "preempt_withdrawn", waiter.owner.actor, null);
    }
  }
}

/** The lock is held as before it was asked for. */
export function standAgain(
  draft: Draft,
  held: Held,
  action: "preempt_withdrawn" | "preempt_refused",
  by: string,
  reason: string | null,
): Held {
  const lock = { ...held.lock, state: "held" as const, revoke: null };
  const next: Held = { ...held, revokeEndsMs: Infinity, yieldTo: null, lock };
  draft.hold(next);
  draft.record(action, lock, { lock, by, reason });
  draft.stir(lock.deviceIds);
  draft.turned.add(lock.id);
  return next;
}

export const DEADLOCK: LockRefusal = {
  kind: "would-deadlock",
  text: "It would wait for somebody who waits for what its owner holds",
};

/** Whether a holder in the waiter's way waits for its owner, or is its owner. */
export function waitsForItself(table: Table, waiter: Waiter): boolean {
  return standingOf(table, waiter).some(({ held }) =>
    held.lock.owner.actor === waiter.owner.actor || isCircle(table, waiter, held)
  );
}

function isCircle(table: Table, waiter: Waiter, held: Held): boolean {
  return held.lock.state === "held" && ruleOver(table, waiter, held).rule === "never" &&
    dependsOn(table, held.lock.owner.actor, waiter.owner.actor);
}

/** Locks that came to stand in the way otherwise than by a grant may close a circle of waits: it is opened. */
function openCircles(draft: Draft): void {
  const { table } = draft;
  for (const id of draft.turned) {
    const held = table.held.get(id);
    draft.turned.delete(id);
    if (held === undefined) continue;
    for (const waiter of waitersFor(table, held)) {
      if (isCircle(table, waiter, held)) turnAway(draft, waiter, DEADLOCK);
    }
  }
}

function waitersFor(table: Table, { lock }: Held): Waiter[] {
  const found = new Map<string, Waiter>();
  for (const deviceId of lock.deviceIds) {
    for (const [, waiter] of table.waitingMeeting(deviceId)) {
      const others = waiter.owner.actor !== lock.owner.actor;
      if (others && excludes(waiter.ask, lock)) found.set(waiter.id, waiter);
    }
  }
  return [...found.values()];
}

/** Takes somebody out of the line without a lock. */
export function turnAway(
  draft: Draft,
  waiter: Waiter,
  refusal: LockRefusal,
  by: string | null = null,
): void {
  withdraw(draft, waiter.id);
  draft.record("dequeued", { ...waiter, deviceIds: waiter.ask.deviceIds, type: waiter.ask.type }, {
    reason: refusal.kind,
    by,
  });
  draft.leave(waiter, { kind: "refused", refusal });
}

/** What somebody hears whose time in line is over. */
export function timedOut(draft: Draft, waiter: Waiter): LockRefusal {
  const conflicts = blockersOf(draft.table, waiter);
  if (waiter.ask.waitMs === 0) return deviceLocked(conflicts, draft.now);
  return { kind: "wait-timeout", waitedMs: draft.now.wallMs - waiter.sinceMs, conflicts };
}

/**
 * One waiter's turn, if it is: `granted` ends its wait. Holders that were asked to yield give it until they
 * have, whatever it wanted to wait.
 */
export function takeTurn(draft: Draft, id: string): Held | "blocked" | "pending" {
  const waiter = draft.table.waiters.get(id);
  if (waiter === undefined || !waiter.ready) return "blocked";
  if (inFrontOf(draft.table, waiter, 1).length > 0) return "blocked";
  const came = tryGrant(draft, waiter);
  if (came === "pending") {
    const endsMs = standingOf(draft.table, waiter)
      .map(({ held }) => held.revokeEndsMs).filter((ms) => ms !== Infinity);
    const untilMs = Math.max(
      waiter.untilMs,
      ...(endsMs.length > 0 ? endsMs : [draft.now.monoMs + CLEARING_MS]),
    );
    if (untilMs !== waiter.untilMs) draft.wait({ ...waiter, untilMs });
  } else if (came !== "blocked") {
    draft.leave(draft.table.waiters.get(id)!, { kind: "granted", lock: came.lock });
  }
  return came;
}

/** Gives everybody their turn whom something that became free concerns. */
export function serve(draft: Draft): void {
  while (draft.stirred.size > 0 || draft.turned.size > 0) {
    openCircles(draft);
    if (draft.full) {
      draft.unfinished = true;
      return;
    }
    const names = [...draft.stirred];
    draft.stirred.clear();
    const woken = new Map<string, Waiter>();
    for (const name of names) {
      for (const [, waiter] of draft.table.waitingMeeting(name)) woken.set(waiter.id, waiter);
    }
    const inTurn = [...woken.values()].sort((a, b) => comesBefore(a, b) ? -1 : 1);
    for (const { id, ask } of inTurn) {
      if (draft.full) draft.stir(ask.deviceIds);
      else takeTurn(draft, id);
    }
  }
}
const idOf = ({ lock }: Held) => lock.id;
