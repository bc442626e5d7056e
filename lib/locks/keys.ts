/** `["locks", "meta"]`: the `Meta` of the table. Every commit checks and sets it: there is one table. */
export const META_KEY: Deno.KvKey = ["locks", "meta"];

/** `["locks", "policy"]`: the `Policy`, once somebody set one. */
export const POLICY_KEY: Deno.KvKey = ["locks", "policy"];

/** `["locks", "group", id]`: a live `StoredLock`, as JSON. */
export function groupKey(id?: string): Deno.KvKey {
  return id === undefined ? ["locks", "group"] : ["locks", "group", id];
}

/**
 * `["locks", "fence", deviceId]`: its own counter where no live lock tells a higher one; kept for
 * good, for it must never start again.
 */
export function fenceKey(deviceId?: string): Deno.KvKey {
  return deviceId === undefined ? ["locks", "fence"] : ["locks", "fence", deviceId];
}

/** `["locks", "wait", id]`: a `StoredWaiter`. */
export function waitKey(id?: string): Deno.KvKey {
  return id === undefined ? ["locks", "wait"] : ["locks", "wait", id];
}

/** `["locks", "once", actor and idempotency key]`: a `Once`. */
export function onceKey(key?: string): Deno.KvKey {
  return key === undefined ? ["locks", "once"] : ["locks", "once", key];
}

/** `["locks", "log", seq]`: the `AuditRecord`s of one commit from this one on, as `packedRows` puts them together. */
export function logKey(seq?: number): Deno.KvKey {
  return seq === undefined ? ["locks", "log"] : ["locks", "log", seq];
}

/** Values of the log in memory at once: each may hold many records. */
export const LOG_BATCH = 50;

/** `["locks", "lock", deviceId]`: one device's lease and fence, as the version before this one kept them. */
export function oldLockKey(deviceId?: string): Deno.KvKey {
  return deviceId === undefined ? ["locks", "lock"] : ["locks", "lock", deviceId];
}
