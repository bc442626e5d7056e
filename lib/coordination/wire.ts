import { PRIORITIES, type WireLockType } from "./model.ts";

/** A lock as the original's clients read it; `lock_key` is always a string, and unknown fields are ignored. */
export interface DeviceLock {
  readonly device_name: string;
  readonly lock_type: WireLockType;
  readonly user_id: string;
  /** `sha256:` and 16 hex digits of the key's hash: its holder recognises its own, nobody else can use it. */
  readonly lock_key: string;
  readonly acquired_at: string;
  readonly expires_at: string | null;
  readonly reason: string | null;
  readonly plan_uid: string | null;
  readonly priority: number;
  /** Ours: fencing token of the grant. */
  readonly fence: number;
  /** Ours: `user_id` is what the client said of itself; nobody checked it. */
  readonly asserted: boolean;
}

/** What `DeviceLock` is rendered from: one device of a lock that stands. */
export interface StandingLock {
  readonly device: string;
  readonly type: WireLockType;
  readonly user: string;
  readonly shownKey: string;
  readonly acquiredAtMs: number;
  readonly expiresAtMs: number | null;
  readonly reason: string | null;
  readonly planUid: string | null;
  readonly fence: number;
  readonly asserted: boolean;
}

/**
 * UTC without a word of it, six digits below the second: `2026-01-31T04:31:09.856000`. The original's
 * clients compare it with a clock that knows no time zone; a `Z` makes them fail.
 */
export function naiveUtc(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, -1)}000`;
}

/** As Python's `str()` writes the same moment; `None` for never. */
export function pythonTime(atMs: number | null): string {
  return atMs === null ? "None" : naiveUtc(atMs).replace("T", " ");
}

export function deviceLock(lock: StandingLock): DeviceLock {
  return {
    device_name: lock.device,
    lock_type: lock.type,
    user_id: lock.user,
    lock_key: lock.shownKey,
    acquired_at: naiveUtc(lock.acquiredAtMs),
    expires_at: lock.expiresAtMs === null ? null : naiveUtc(lock.expiresAtMs),
    reason: lock.reason,
    plan_uid: lock.planUid,
    priority: PRIORITIES[lock.type],
    fence: lock.fence,
    asserted: lock.asserted,
  };
}

export function lockStatus(device: string, lock: StandingLock | null, nowMs: number) {
  return {
    device_name: device,
    locked: lock !== null,
    lock: lock === null ? null : deviceLock(lock),
    timestamp: naiveUtc(nowMs),
  };
}

export function locksStatus(locks: readonly StandingLock[], nowMs: number) {
  return {
    locks: locks.map(deviceLock),
    total_count: locks.length,
    timestamp: naiveUtc(nowMs),
  };
}

export function acquired(
  device: string,
  { key, fence, expiresAtMs }: { key: string; fence: number; expiresAtMs: number | null },
) {
  return {
    success: true,
    lock_key: key,
    message: `Lock acquired for ${device}`,
    expires_at: expiresAtMs === null ? null : naiveUtc(expiresAtMs),
    fence,
  };
}

/** A denial is an answer like any other there: 200, with `success` false. */
export function denied(message: string) {
  return { success: false, lock_key: null, message, expires_at: null };
}

export function lockedBy(device: string, type: string, expiresAtMs: number | null): string {
  return `Device ${device} is locked by ${type} (expires: ${pythonTime(expiresAtMs)})`;
}

export type LegacyAction = "acquired" | "released" | "force_released";

export function lockUpdate(
  action: LegacyAction,
  lock: StandingLock,
  nowMs: number,
  reason?: string,
) {
  return {
    type: "lock_update",
    action,
    device_name: lock.device,
    lock: deviceLock(lock),
    timestamp: naiveUtc(nowMs),
    ...(reason === undefined ? {} : { reason }),
  };
}
