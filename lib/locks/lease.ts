import { z } from "zod";
import type { Holder } from "../devices/model.ts";
import { accept, refuse, type Result } from "../result.ts";

/** One holder's claim on a device. */
export const Lease = z.object({
  /** Actor string: `experiment:<id>`, `user:<name>`. */
  actor: z.string().min(1),
  /** What people read: `experiment 42`. */
  label: z.string(),
  sinceMs: z.number().int(),
  /** What it was last given to live; `null`: until it is released. */
  ttlMs: z.number().positive().nullable(),
  /** Wall clock; counts only across a restart. While running, the monotonic clock decides. */
  expiresAtMs: z.number().int().nullable(),
  /** How often it was given a new time to live: tells two states of one lease apart. */
  renewals: z.number().int().nonnegative(),
});
export type Lease = z.infer<typeof Lease>;

export const Lock = z.object({
  v: z.literal(1),
  deviceId: z.string().min(1),
  /** Fencing token. One higher at each grant, release and loss, so a late command shows its age. */
  fence: z.number().int().nonnegative(),
  lease: Lease.nullable(),
});
export type Lock = z.infer<typeof Lock>;

export type HeldRefusal = { kind: "held"; deviceId: string; holder: Holder };

export function unlocked(deviceId: string): Lock {
  return { v: 1, deviceId, fence: 0, lease: null };
}

export function holderOf({ actor, label, sinceMs, expiresAtMs }: Lease): Holder {
  return { actor, label, sinceMs, expiresAtMs };
}

/**
 * Gives the device to `actor` for `ttlMs`, `null` for until it is released. Its own holder keeps the fence
 * it has and lives `ttlMs` from now, or stays endless; anybody else is refused while a lease stands.
 */
export function grant(
  lock: Lock,
  ask: { actor: string; label: string; ttlMs: number | null; nowMs: number },
): Result<Lock, HeldRefusal> {
  const { actor, label, nowMs } = ask;
  const { lease } = lock;
  if (lease !== null && lease.actor !== actor) {
    return refuse({ kind: "held", deviceId: lock.deviceId, holder: holderOf(lease) });
  }
  const ttlMs = lease?.ttlMs === null ? null : ask.ttlMs;
  const expiresAtMs = ttlMs === null ? null : Math.round(nowMs + ttlMs);
  if (lease !== null) {
    const renewals = lease.renewals + 1;
    return accept({ ...lock, lease: { ...lease, label, ttlMs, expiresAtMs, renewals } });
  }
  return accept({
    ...lock,
    fence: lock.fence + 1,
    lease: { actor, label, sinceMs: nowMs, ttlMs, expiresAtMs, renewals: 0 },
  });
}

/** Whether `a` is a later state of the lock than `b`. */
export function isNewer(a: Lock, b: Lock): boolean {
  if (a.fence !== b.fence) return a.fence > b.fence;
  return (a.lease?.renewals ?? 0) > (b.lease?.renewals ?? 0);
}

/** Ends whatever lease there is, so that its holder's commands under way are refused where they arrive. */
export function end(lock: Lock): Lock {
  return { ...lock, fence: lock.fence + 1, lease: null };
}

/**
 * What is left of a lease read after a restart, milliseconds, `null` for endless: by the wall clock, never
 * more than it was given, for that clock may have stepped; and `graceMs` for its holder to come back.
 */
export function remainingMs({ ttlMs, expiresAtMs }: Lease, nowMs: number, graceMs: number) {
  if (ttlMs === null || expiresAtMs === null) return null;
  return Math.min(Math.max(0, expiresAtMs - nowMs), ttlMs) + graceMs;
}
