import { z } from "zod";
import { type Kv, KvUnavailable } from "../kv.ts";
import { rowOf } from "../rows.ts";
import { atWall } from "./asking.ts";
import { fenceKey, groupKey, META_KEY, oldLockKey, onceKey, POLICY_KEY, waitKey } from "./keys.ts";
import { Once, Table } from "./table.ts";
import { GroupLock, Policy, priorityOf, RESTART_GRACE_MS } from "./model.ts";
import { type OldLock, oldLock, upgraded } from "./old_lock.ts";
import { type Held, type Now, StoredWaiter, type Waiter } from "./standing.ts";

export const Meta = z.object({
  v: z.literal(2),
  /** ULID of this store's table: fences of another mean nothing here. */
  realm: z.string(),
  /** Where the keys of locks come from. */
  secret: z.string(),
  /** ULID of the start that wrote last. */
  epoch: z.string(),
  /** One higher at every commit. */
  revision: z.number().int().nonnegative(),
  /** The log's newest record. */
  seq: z.number().int().nonnegative(),
  /** Wall clock at the last commit: time that is earlier now went backwards. */
  wallMs: z.number().int(),
});
export type Meta = z.infer<typeof Meta>;

/** A live lock as it is stored: with what the monotonic clock knows told by the wall clock. */
export const StoredLock = z.object({
  v: z.literal(2),
  lock: GroupLock,
  yieldTo: z.string().nullable(),
});
export type StoredLock = z.infer<typeof StoredLock>;

/** A live lock from its row, which is JSON, or an object where it was written by the version before or is long. */
export function storedLock(row: unknown): StoredLock {
  return StoredLock.parse(rowOf(row));
}

/** What the store holds of the table. */
export interface Stored {
  readonly meta: Meta | null;
  readonly table: Table;
  /** Rows of the version before this one, whose locks are in the table already. */
  readonly old: readonly OldLock[];
}

/** How the deadlines of a lock that was read are found on the monotonic clock. */
export type Deadlines = (lock: GroupLock, meta: Meta | null) => Partial<Held>;

/** @throws {KvUnavailable} when the store fails, or holds what this version cannot read. */
export async function readTable(kv: Kv, now: Now, deadlines: Deadlines): Promise<Stored> {
  try {
    return await read(kv, now, deadlines);
  } catch (cause) {
    if (cause instanceof z.ZodError || cause instanceof SyntaxError) {
      throw new KvUnavailable("The store holds locks this version cannot read", { cause });
    }
    throw cause;
  }
}

async function read(kv: Kv, now: Now, deadlines: Deadlines): Promise<Stored> {
  const found = await kv.get(META_KEY);
  const meta = found === null ? null : Meta.parse(found);
  const table = new Table();
  for await (const { key, value } of kv.list({ prefix: fenceKey() })) {
    table.apply({ kind: "fence", deviceId: String(key.at(-1)), fence: z.int().parse(value) });
  }
  for await (const { value } of kv.list({ prefix: groupKey() })) {
    const { lock, yieldTo } = storedLock(value);
    table.apply({ kind: "hold", held: heldOf(lock, yieldTo, now, deadlines(lock, meta)) });
    for (const [deviceId, told] of Object.entries(lock.fences)) {
      const fence = Math.max(told, table.fences.own(deviceId));
      table.apply({ kind: "fence", deviceId, fence });
    }
  }
  for await (const { value } of kv.list({ prefix: waitKey() })) {
    table.apply({ kind: "wait", waiter: waiterOf(StoredWaiter.parse(value), now) });
  }
  const once: [string, Once][] = [];
  for await (const { key, value } of kv.list({ prefix: onceKey() })) {
    once.push([String(key.at(-1)), Once.parse(value)]);
  }
  once.sort(([, a], [, b]) => a.atMs - b.atMs);
  for (const [key, one] of once) table.apply({ kind: "once", key, once: one });
  const policy = await kv.get(POLICY_KEY);
  if (policy !== null) table.apply({ kind: "policy", policy: Policy.parse(policy) });
  const old: OldLock[] = [];
  for await (const { value } of kv.list({ prefix: oldLockKey() })) old.push(oldLock.parse(value));
  for (const one of old) {
    table.apply({ kind: "fence", deviceId: one.deviceId, fence: one.fence });
    const lock = upgraded(one);
    if (lock === null || table.held.has(lock.id)) continue;
    table.apply({ kind: "hold", held: heldOf(lock, null, now, deadlines(lock, meta)) });
  }
  return { meta, table, old };
}

function heldOf(
  lock: GroupLock,
  yieldTo: string | null,
  now: Now,
  deadlines: Partial<Held>,
): Held {
  const held: Held = {
    lock,
    leaseEndsMs: Infinity,
    maxHoldEndsMs: Infinity,
    revokeEndsMs: Infinity,
    yieldTo,
    offsetMs: 0,
    endedWhileDown: false,
    ...deadlines,
  };
  return atWall(held, now);
}

/**
 * What is left after a restart, by the wall clock: no more than the lease, and when that clock went
 * backwards the whole lease. What would end soon is stretched, for its holder has to come back first.
 */
export function afterRestart(lock: GroupLock, meta: Meta | null, now: Now): Partial<Held> {
  const backwards = meta !== null && now.wallMs < meta.wallMs;
  const left = (atMs: number | null, wholeMs: number) =>
    atMs === null ? Infinity : backwards ? wholeMs : Math.min(atMs - now.wallMs, wholeMs);
  const leaseLeftMs = left(lock.expiresAtMs, lock.leaseMs ?? Infinity);
  const holdLeftMs = left(lock.maxHoldAtMs, (lock.maxHoldAtMs ?? 0) - lock.acquiredAtMs);
  const endedWhileDown = Math.min(leaseLeftMs, holdLeftMs) <= 0;
  const stretchedMs = endedWhileDown ? leaseLeftMs : Math.max(leaseLeftMs, RESTART_GRACE_MS);
  return {
    leaseEndsMs: now.monoMs + Math.min(stretchedMs, holdLeftMs),
    maxHoldEndsMs: now.monoMs + holdLeftMs,
    revokeEndsMs: lock.revoke === null ? Infinity : now.monoMs + RESTART_GRACE_MS,
    endedWhileDown,
  };
}

/** What is left in the middle of a run, for a lock that is known from the store alone. */
export function byWallClock(lock: GroupLock, now: Now): Partial<Held> {
  const onMono = (atMs: number | null, mostMs: number) =>
    atMs === null ? Infinity : now.monoMs + Math.min(atMs - now.wallMs, mostMs);
  return {
    leaseEndsMs: onMono(lock.expiresAtMs, lock.leaseMs ?? Infinity),
    maxHoldEndsMs: onMono(lock.maxHoldAtMs, Infinity),
    revokeEndsMs: onMono(lock.revoke?.deadlineAtMs ?? null, Infinity),
  };
}

export function storedWaiter(waiter: Waiter, now: Now): StoredWaiter {
  const { id, number, ask, owner, sinceMs, once, async, untilMs } = waiter;
  const untilAtMs = untilMs === Infinity ? null : Math.round(untilMs + now.wallMs - now.monoMs);
  return { v: 2, id, number, ask, owner, sinceMs, untilMs: untilAtMs, async, once };
}

function waiterOf(stored: StoredWaiter, now: Now): Waiter {
  const { untilMs, ask, sinceMs } = stored;
  const onMono = (wallMs: number) => now.monoMs + wallMs - now.wallMs;
  const beginMs = ask.notBeforeMs === null ? -Infinity : onMono(ask.notBeforeMs);
  return {
    ...stored,
    since: { wallMs: sinceMs, monoMs: Math.min(now.monoMs, onMono(sinceMs)) },
    untilMs: untilMs === null ? Infinity : onMono(untilMs),
    notBeforeMs: beginMs,
    ready: beginMs <= now.monoMs,
    orphan: !stored.async,
    polledMs: now.monoMs,
    priority: priorityOf(ask.type),
    refusedBy: [],
  };
}
