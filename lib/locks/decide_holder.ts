import { accept, refuse, type Result } from "../result.ts";
import { conflictOfHeld, conflictOfWaiter, deviceLocked, leased, notPermitted } from "./asking.ts";
import { wholeMs } from "./asking.ts";
import { renewed, retyped } from "./decide_request.ts";
import type { Draft } from "./draft.ts";
import type { Proof } from "./face.ts";
import type { KeyRing } from "./key_ring.ts";
import {
  type Asker,
  DeviceNames,
  type GroupLock,
  type LockMode,
  type LockOwner,
  type LockRefusal,
  type LockScope,
  type LockType,
} from "./model.ts";
import { standAgain, turnAway } from "./queue.ts";
import { excludes, type Held } from "./standing.ts";
import { dependsOn, standingInWay } from "./waiting_graph.ts";

type Decision<T> = Result<T, LockRefusal>;

/** A lock its holder wants to change, or why it may not: it is no more, never was, or is another's. */
function ownedBy(draft: Draft, keys: KeyRing, lockId: string, proof: Proof): Decision<Held> {
  const { table } = draft;
  const held = table.held.get(lockId);
  const ended = table.ended.get(lockId);
  const lock = held?.lock ?? ended?.lock;
  if (lock === undefined) return refuse({ kind: "lock-unknown", lockId });
  if (!proof.asker.may.includes("lock:write")) {
    return denied(draft, lock, proof.asker, "lock:write");
  }
  if (!keys.owns(lock, proof)) return denied(draft, lock, proof.asker, null);
  if (held !== undefined) return accept(held);
  const { reason, atMs, by, successor } = ended!;
  return refuse({ kind: "lock-lost", lockId, reason, atMs, by, successor });
}

function denied(
  draft: Draft,
  lock: GroupLock,
  asker: Asker,
  needs: LockScope | null,
): { ok: false; refusal: LockRefusal } {
  draft.record("denied", lock, { reason: "not-permitted", by: asker.actor });
  const text = `Lock ${lock.id} is ${lock.owner.label}'s: neither its key nor its owner asks`;
  return refuse(
    needs === null ? { kind: "not-permitted" as const, text, needs } : notPermitted(needs),
  );
}

export function decideRenew(
  draft: Draft,
  keys: KeyRing,
  { lockId, proof, leaseMs }: { lockId: string; proof: Proof; leaseMs?: number },
): Decision<GroupLock> {
  const owned = ownedBy(draft, keys, lockId, proof);
  if (!owned.ok) return owned;
  const held = owned.value;
  const last = held.lock.leaseMs;
  const next = last === null ? null : leaseMs === undefined ? last : wholeMs(leaseMs);
  return accept(renewed(draft, leased(held, next, draft.now)).lock);
}

export function decideRelease(
  draft: Draft,
  keys: KeyRing,
  { lockId, proof, deviceIds, reason = null }: {
    lockId: string;
    proof: Proof;
    deviceIds?: readonly string[];
    reason?: string | null;
  },
): Decision<{ released: string[]; alreadyReleased: string[] }> {
  const owned = ownedBy(draft, keys, lockId, proof);
  if (!owned.ok) {
    if (owned.refusal.kind !== "lock-lost") return owned;
    const gone = draft.table.ended.get(lockId)!.lock.deviceIds;
    return accept({ released: [], alreadyReleased: [...new Set(deviceIds ?? gone)] });
  }
  const { lock } = owned.value;
  const asked = [...new Set(deviceIds ?? lock.deviceIds)];
  const released = asked.filter((id) => lock.deviceIds.includes(id));
  const alreadyReleased = asked.filter((id) => !lock.deviceIds.includes(id));
  if (released.length === lock.deviceIds.length) {
    draft.end(owned.value, { reason: "released", action: "released", text: reason });
  } else if (released.length > 0) {
    const rest = lock.deviceIds.filter((id) => !released.includes(id));
    const fences = Object.fromEntries(rest.map((id) => [id, lock.fences[id]!]));
    const next = { ...lock, deviceIds: rest, fences };
    draft.hold({ ...owned.value, lock: next });
    draft.raiseFences(released);
    draft.stir(released);
    draft.record("released", { ...lock, deviceIds: released }, {
      before: lock,
      lock: next,
      reason,
    });
  }
  return accept({ released, alreadyReleased });
}

export function decideConvert(
  draft: Draft,
  keys: KeyRing,
  { lockId, proof, to }: {
    lockId: string;
    proof: Proof;
    to: { type?: LockType; mode?: LockMode };
  },
): Decision<GroupLock> {
  const owned = ownedBy(draft, keys, lockId, proof);
  if (!owned.ok) return owned;
  const { lock } = owned.value;
  const { type = lock.type, mode = lock.mode } = to;
  if (type === lock.type && mode === lock.mode) return accept(lock);
  if (type === "MAINTENANCE" && !proof.asker.may.includes("lock:maintenance")) {
    return denied(draft, lock, proof.asker, "lock:maintenance");
  }
  const standing = standingInWay(draft.table, { ...lock, mode }, new Set([lockId]));
  if (standing.length > 0) {
    const conflicts = standing.map((one) =>
      conflictOfHeld(one.deviceId, one.heldDeviceId, one.held)
    );
    return refuse(deviceLocked(conflicts, draft.now));
  }
  return accept(retyped(draft, owned.value, { type, mode }).lock);
}

export function decideTransfer(
  draft: Draft,
  keys: KeyRing,
  { lockId, proof, to }: { lockId: string; proof: Proof; to: LockOwner },
): Decision<GroupLock> {
  const owned = ownedBy(draft, keys, lockId, proof);
  if (!owned.ok) return owned;
  const { lock } = owned.value;
  if (to.actor === lock.owner.actor) return accept(lock);
  const fences = draft.raiseFences(lock.deviceIds);
  const next = { ...lock, owner: to, fences, keyVersion: lock.keyVersion + 1 };
  draft.hold({ ...owned.value, lock: next });
  draft.record("transferred", next, { before: lock, lock: next, by: lock.owner.actor });
  draft.turned.add(lock.id);
  draft.stir(lock.deviceIds);
  return accept(next);
}

export function decideExtend(
  draft: Draft,
  keys: KeyRing,
  { lockId, proof, deviceIds, waitMs = 0 }: {
    lockId: string;
    proof: Proof;
    deviceIds: readonly string[];
    waitMs?: number;
  },
): Decision<GroupLock> {
  const owned = ownedBy(draft, keys, lockId, proof);
  if (!owned.ok) return owned;
  if (waitMs > 0) {
    const text = "Who holds a lock does not wait for more: ask for all devices at once";
    return refuse({ kind: "would-deadlock", text });
  }
  const { lock } = owned.value;
  const added = [...new Set(deviceIds)].filter((id) => !lock.deviceIds.includes(id));
  if (added.length === 0) return accept(lock);
  const all = [...lock.deviceIds, ...added].sort();
  const fits = DeviceNames.safeParse(all);
  if (!fits.success) {
    const text = fits.error.issues.map(({ message }) => message).join("; ");
    return refuse({ kind: "invalid", path: "deviceIds", text });
  }
  const conflicts = inWayOfMore(draft, lock, added);
  if (conflicts.length > 0) return refuse(deviceLocked(conflicts, draft.now));
  const next = {
    ...lock,
    deviceIds: all,
    fences: { ...lock.fences, ...draft.raiseFences(added) },
  };
  // A device around one it holds outdates that one's fence as well.
  for (const id of lock.deviceIds) next.fences[id] = draft.table.fences.of(id);
  draft.hold({ ...owned.value, lock: next });
  draft.record("extended", { ...next, deviceIds: added }, { before: lock, lock: next });
  return accept(next);
}

/** Holders and those in line, but for who waits for this very owner. */
function inWayOfMore({ table }: Draft, lock: GroupLock, added: readonly string[]) {
  const claim = { deviceIds: added, mode: lock.mode };
  const conflicts = standingInWay(table, claim, new Set([lock.id])).map((one) =>
    conflictOfHeld(one.deviceId, one.heldDeviceId, one.held)
  );
  const { actor } = lock.owner;
  for (const deviceId of added) {
    for (const [at, waiter] of table.waitingMeeting(deviceId)) {
      if (!waiter.ready || !excludes(claim, waiter.ask)) continue;
      if (waiter.owner.actor === actor || dependsOn(table, waiter.owner.actor, actor)) continue;
      conflicts.push(conflictOfWaiter(deviceId, at, waiter));
    }
  }
  return conflicts;
}

export function decideAck(
  draft: Draft,
  keys: KeyRing,
  { lockId, proof, answer }: {
    lockId: string;
    proof: Proof;
    answer: { yield: boolean; reason?: string };
  },
): Decision<GroupLock> {
  const owned = ownedBy(draft, keys, lockId, proof);
  if (!owned.ok) return owned;
  const held = owned.value;
  const { lock, yieldTo } = held;
  if (lock.revoke === null) return refuse({ kind: "not-revoking", lockId });
  if (answer.yield) {
    endRevoked(draft, held, answer.reason ?? null);
    return accept(lock);
  }
  const waiter = yieldTo === null ? undefined : draft.table.waiters.get(yieldTo);
  if (!lock.revoke.refusable || waiter === undefined) {
    const text = `${lock.revoke.by} may take this lock; its holder cannot refuse`;
    return refuse({ kind: "not-permitted", text, needs: null });
  }
  const untilMs = waiter.since.monoMs + waiter.ask.waitMs;
  const refusedOne = { ...waiter, untilMs, refusedBy: [...waiter.refusedBy, lock.id] };
  draft.wait(refusedOne);
  const { owner } = lock;
  const again = standAgain(draft, held, "preempt_refused", owner.actor, answer.reason ?? null);
  if (untilMs <= draft.now.monoMs) {
    const { deviceId, heldDeviceId } = standingInWay(draft.table, waiter.ask).find((one) =>
      one.held.lock.id === lockId
    )!;
    const conflicts = [conflictOfHeld(deviceId, heldDeviceId, again)];
    turnAway(draft, refusedOne, deviceLocked(conflicts, draft.now));
  }
  return accept(again.lock);
}

/** Ends a lock whose holder yields, or whose time to yield is over. */
export function endRevoked(draft: Draft, held: Held, text: string | null): void {
  const revoke = held.lock.revoke!;
  const forced = held.yieldTo === null;
  draft.end(held, {
    reason: forced ? "forced" : "preempted",
    action: forced ? "force_released" : "preempted",
    text: text ?? revoke.reason,
    by: revoke.by,
    successor: held.yieldTo,
  });
}

export function decideRevoke(
  draft: Draft,
  { lockId, asker, reason, graceMs = 0 }: {
    lockId: string;
    asker: Asker;
    reason: string;
    graceMs?: number;
  },
): Decision<GroupLock> {
  const { table, now } = draft;
  const held = table.held.get(lockId);
  if (held === undefined) {
    const ended = table.ended.get(lockId);
    if (ended === undefined) return refuse({ kind: "lock-unknown", lockId });
    const { atMs, by, successor } = ended;
    return refuse({ kind: "lock-lost", lockId, reason: ended.reason, atMs, by, successor });
  }
  const { lock } = held;
  if (!asker.may.includes("lock:force")) return denied(draft, lock, asker, "lock:force");
  if (graceMs <= 0) {
    draft.end(held, { reason: "forced", action: "force_released", text: reason, by: asker.actor });
    return accept(lock);
  }
  const revokeEndsMs = Math.min(held.revokeEndsMs, now.monoMs + graceMs);
  const deadlineAtMs = Math.round(now.wallMs + revokeEndsMs - now.monoMs);
  const next = {
    ...lock,
    state: "revoking" as const,
    revoke: { by: asker.actor, reason, deadlineAtMs, refusable: false },
  };
  draft.hold({ ...held, revokeEndsMs, yieldTo: null, lock: next });
  draft.record("preempt_requested", next, { lock: next, reason, by: asker.actor });
  return accept(next);
}
