import { accept, refuse, type Result } from "../result.ts";
import type { Draft } from "./draft.ts";
import {
  type Asker,
  type Conflict,
  type GroupLock,
  type LockAsk,
  type LockOwner,
  type LockRefusal,
  type LockScope,
  MAX_LEASE_MS,
  priorityOf,
} from "./model.ts";
import type { Held, Now, Waiter } from "./standing.ts";

/** Thirty years: longer ones are not told from endless ones. */
const HOLD_MS_MAX = 1e12;
/** How far ahead a slot may begin: nobody plans further, and who waits for it takes up a place in line. */
const SLOT_AHEAD_MS_MAX = 366 * 86_400_000;
/** The end of the year 9999, the last one that dates are written for. */
const LAST_DATE_MS = 253_402_300_799_999;

/** What an asker lacks for this ask, or `null`. */
export function lacking(ask: LockAsk, asker: Asker): LockScope | null {
  const needs: LockScope[] = ["lock:write"];
  if (ask.type === "MAINTENANCE") needs.push("lock:maintenance");
  if (ask.leaseMs === null) needs.push("lock:unbounded");
  if (ask.preempt === "force") needs.push("lock:force");
  return needs.find((scope) => !asker.may.includes(scope)) ?? null;
}

const LACKING: Readonly<Record<LockScope, string>> = {
  "lock:read": "see locks",
  "lock:write": "take or change a lock",
  "lock:maintenance": "take a lock for maintenance",
  "lock:unbounded": "hold a lock without an end",
  "lock:force": "take a lock from its holder by force",
};

export function notPermitted(needs: LockScope): LockRefusal {
  return { kind: "not-permitted", text: `This login may not ${LACKING[needs]}`, needs };
}

/** The ask with its devices sorted, each once, and its lease within limits. */
export function normalized(ask: LockAsk, now: Now): Result<LockAsk, LockRefusal> {
  const { leaseMs, maxHoldMs, notBeforeMs, notAfterMs } = ask;
  const invalid = (path: string, text: string) => refuse({ kind: "invalid" as const, path, text });
  if (notBeforeMs !== null && notBeforeMs < 0) {
    return invalid("notBeforeMs", "must not lie before 1970");
  }
  if (notBeforeMs !== null && notBeforeMs > now.wallMs + SLOT_AHEAD_MS_MAX) {
    return invalid("notBeforeMs", "must lie within a year from now");
  }
  if (notAfterMs !== null && notAfterMs <= Math.max(now.wallMs, notBeforeMs ?? 0)) {
    return invalid("notAfterMs", "must lie in the future, and after the slot's begin");
  }
  return accept({
    ...ask,
    deviceIds: [...new Set(ask.deviceIds)].sort(),
    leaseMs: leaseMs === null ? null : wholeMs(leaseMs),
    maxHoldMs: maxHoldMs === null ? null : Math.ceil(Math.min(maxHoldMs, HOLD_MS_MAX)),
    // A later end is the same as none, and no date.
    notAfterMs: notAfterMs === null ? null : Math.min(notAfterMs, LAST_DATE_MS),
  });
}

/** A lease in whole milliseconds, `MAX_LEASE_MS` at the longest. */
export function wholeMs(leaseMs: number): number {
  return Math.ceil(Math.min(leaseMs, MAX_LEASE_MS));
}

export function ownerOf({ actor, label, client, asserted }: LockOwner): LockOwner {
  return { actor, label, client, asserted };
}

/** Makes the waiter's lock, fences and record with it. All its devices must be free. */
export function grantTo(draft: Draft, waiter: Waiter): Held {
  const { ask, owner, id, once } = waiter;
  const { now } = draft;
  const holdMs = Math.min(ask.maxHoldMs ?? Infinity, (ask.notAfterMs ?? Infinity) - now.wallMs);
  const maxHoldEndsMs = now.monoMs + holdMs;
  const lock: GroupLock = {
    v: 2,
    id,
    deviceIds: ask.deviceIds,
    type: ask.type,
    priority: priorityOf(ask.type),
    mode: ask.mode,
    owner,
    reason: ask.reason,
    planUid: ask.planUid,
    itemUid: ask.itemUid,
    acquiredAtMs: now.wallMs,
    leaseMs: ask.leaseMs,
    expiresAtMs: null,
    maxHoldAtMs: holdMs === Infinity ? null : Math.round(now.wallMs + holdMs),
    renewals: 0,
    state: "held",
    revoke: null,
    fences: draft.raiseFences(ask.deviceIds),
    onExpiry: ask.onExpiry,
    keyVersion: 0,
  };
  const held = leased(
    {
      lock,
      leaseEndsMs: Infinity,
      maxHoldEndsMs,
      revokeEndsMs: Infinity,
      yieldTo: null,
      offsetMs: 0,
      endedWhileDown: false,
    },
    ask.leaseMs,
    now,
  );
  draft.hold(held);
  draft.record("acquired", held.lock, { lock: held.lock });
  if (once !== null) {
    draft.once(once.key, { id, fingerprint: once.fingerprint, atMs: now.wallMs });
  }
  return held;
}

/** The lock living `leaseMs` from now, at most to its longest hold; its times by the wall clock as it is now. */
export function leased(held: Held, leaseMs: number | null, now: Now): Held {
  const leaseEndsMs = Math.min(now.monoMs + (leaseMs ?? Infinity), held.maxHoldEndsMs);
  return atWall({ ...held, leaseEndsMs, lock: { ...held.lock, leaseMs } }, now);
}

/** The same lock, its times told by the wall clock as it is now. */
export function atWall(held: Held, now: Now): Held {
  const offsetMs = now.wallMs - now.monoMs;
  const wallOf = (monoMs: number) => monoMs === Infinity ? null : Math.round(monoMs + offsetMs);
  const { lock } = held;
  const revoke = lock.revoke === null
    ? null
    : { ...lock.revoke, deadlineAtMs: wallOf(held.revokeEndsMs) ?? lock.revoke.deadlineAtMs };
  return {
    ...held,
    offsetMs,
    lock: {
      ...lock,
      revoke,
      expiresAtMs: wallOf(held.leaseEndsMs),
      maxHoldAtMs: wallOf(held.maxHoldEndsMs),
    },
  };
}

export function conflictOfHeld(deviceId: string, heldDeviceId: string, { lock }: Held): Conflict {
  const { id, owner, type, mode, acquiredAtMs, expiresAtMs, reason } = lock;
  return {
    deviceId,
    heldDeviceId,
    lockId: id,
    ticketId: null,
    owner,
    type,
    mode,
    sinceMs: acquiredAtMs,
    expiresAtMs,
    reason,
  };
}

export function conflictOfWaiter(deviceId: string, at: string, waiter: Waiter): Conflict {
  const { id, owner, ask, sinceMs } = waiter;
  return {
    deviceId,
    heldDeviceId: at,
    lockId: null,
    ticketId: id,
    owner,
    type: ask.type,
    mode: ask.mode,
    sinceMs,
    expiresAtMs: null,
    reason: ask.reason,
  };
}

export function deviceLocked(conflicts: Conflict[], now: Now): LockRefusal {
  const ends = conflicts.flatMap(({ expiresAtMs }) => expiresAtMs ?? []);
  const retryAfterMs = ends.length === 0 ? null : Math.max(0, Math.min(...ends) - now.wallMs);
  return { kind: "device-locked", conflicts, retryAfterMs };
}
