import { z } from "zod";
import { type GroupLock, priorityOf } from "./model.ts";

/** Version 1: one device, its fence and perhaps its lease. */
export const oldLock = z.object({
  v: z.literal(1),
  deviceId: z.string().min(1),
  fence: z.number().int().nonnegative(),
  lease: z.object({
    actor: z.string().min(1),
    label: z.string(),
    sinceMs: z.number().int(),
    ttlMs: z.number().positive().nullable(),
    expiresAtMs: z.number().int().nullable(),
    renewals: z.number().int().nonnegative(),
  }).nullable(),
});
export type OldLock = z.infer<typeof oldLock>;

/** The lease as a lock of one device, `null` where there was none. Its id tells where it came from. */
export function upgraded({ deviceId, fence, lease }: OldLock): GroupLock | null {
  if (lease === null) return null;
  const { actor, label, sinceMs, ttlMs, expiresAtMs, renewals } = lease;
  const type = actor.startsWith("experiment:") ? "QUEUE_EXECUTING" : "MANUAL_OPERATOR";
  return {
    v: 2,
    id: `v1:${deviceId}`,
    deviceIds: [deviceId],
    type,
    priority: priorityOf(type),
    mode: "exclusive",
    owner: { actor, label, client: null, asserted: false },
    reason: null,
    planUid: null,
    itemUid: null,
    acquiredAtMs: sinceMs,
    leaseMs: ttlMs === null ? null : Math.ceil(ttlMs),
    expiresAtMs,
    maxHoldAtMs: null,
    renewals,
    state: "held",
    revoke: null,
    fences: { [deviceId]: fence },
    onExpiry: "safe",
    keyVersion: 0,
  };
}
