import { deviceLocked, lacking, leased, normalized, notPermitted, ownerOf } from "./asking.ts";
import type { Draft } from "./draft.ts";
import {
  type Asker,
  type GroupLock,
  type LockAsk,
  type LockMode,
  type LockRefusal,
  type LockType,
  priorityOf,
} from "./model.ts";
import {
  blockersOf,
  DEADLOCK,
  ownAlready,
  ruleOver,
  standAgain,
  takeTurn,
  waitsForItself,
} from "./queue.ts";
import type { Held, Waiter } from "./standing.ts";
import type { Table } from "./table.ts";

export interface Request {
  /** Of the lock to be, and of the ticket until then. */
  readonly id: string;
  readonly ask: LockAsk;
  readonly asker: Asker;
  readonly idempotencyKey: string | null;
  readonly async: boolean;
}

export type RequestDecision =
  | { readonly kind: "granted"; readonly lock: GroupLock; readonly created: boolean }
  /** In line under this id, which is another one's where a request was repeated. */
  | { readonly kind: "waiting"; readonly id: string }
  | { readonly kind: "refused"; readonly refusal: LockRefusal };

/** Decides one request: granted, in line, or refused, the last on record as well. */
export function decideRequest(draft: Draft, request: Request): RequestDecision {
  const decision = decide(draft, request);
  if (decision.kind === "refused") {
    const { ask, asker } = request;
    draft.record("denied", { id: null, ...ask, owner: ownerOf(asker) }, {
      reason: decision.refusal.kind,
    });
  }
  return decision;
}

function decide(draft: Draft, request: Request): RequestDecision {
  const { asker } = request;
  const lacks = lacking(request.ask, asker);
  if (lacks !== null) return refused(notPermitted(lacks));
  const whole = normalized(request.ask, draft.now);
  if (!whole.ok) return refused(whole.refusal);
  const ask = whole.value;
  const once = request.idempotencyKey === null ? null : {
    key: `${asker.actor}\n${request.idempotencyKey}`,
    fingerprint: JSON.stringify(ask),
  };
  const repeated = once === null ? null : repeatOf(draft.table, asker.actor, once);
  if (repeated !== null) return repeated;
  const own = ownExtended(draft, ask, asker);
  if (own !== null) {
    if (once !== null) {
      draft.once(once.key, {
        id: own.lock.id,
        fingerprint: once.fingerprint,
        atMs: draft.now.wallMs,
      });
    }
    return { kind: "granted", lock: own.lock, created: false };
  }
  return inLine(draft, waiterFor(draft, { ...request, ask }, once));
}

function refused(refusal: LockRefusal): RequestDecision {
  return { kind: "refused", refusal };
}

/** What a request under a key used before came to then; `null` for a new one. */
function repeatOf(
  table: Table,
  actor: string,
  { key, fingerprint }: { key: string; fingerprint: string },
): RequestDecision | null {
  const waiter = table.waitedBy(actor).find(({ once }) => once?.key === key);
  const before = waiter?.once ?? table.once.get(key);
  if (before === undefined) return null;
  if (before.fingerprint !== fingerprint) {
    return refused({
      kind: "invalid",
      path: "Idempotency-Key",
      text: "was used before for another request",
    });
  }
  if (waiter !== undefined) return { kind: "waiting", id: waiter.id };
  const { id } = table.once.get(key)!;
  const lock = table.held.get(id)?.lock ?? table.ended.get(id)?.lock;
  if (lock === undefined) return refused({ kind: "lock-unknown", lockId: id });
  // Handed over since: its key is its new owner's alone.
  if (lock.owner.actor !== actor) {
    const text = `The lock this key was used for is ${lock.owner.label}'s now`;
    return refused({ kind: "not-permitted", text, needs: null });
  }
  return { kind: "granted", lock, created: false };
}

/** The owner's lock that is what it asks for already, living as long as the ask and itself let it. */
function ownExtended(draft: Draft, ask: LockAsk, asker: Asker): Held | null {
  const held = ownAlready(draft.table, ask, asker);
  if (held === null) return null;
  return extended(
    draft,
    held.lock.type === ask.type ? held : retyped(draft, held, ask),
    ask.leaseMs,
  );
}

/** The lock with a later end, if the lease gives one. */
export function extended(draft: Draft, held: Held, leaseMs: number | null): Held {
  const longer = leased(held, leaseMs, draft.now);
  if (longer.leaseEndsMs <= held.leaseEndsMs) return held;
  return renewed(draft, longer);
}

export function renewed(draft: Draft, longer: Held): Held {
  const next = { ...longer, lock: { ...longer.lock, renewals: longer.lock.renewals + 1 } };
  draft.hold(next);
  draft.record("renewed", next.lock, { lock: next.lock });
  return next;
}

/** The lock as another type, its fences as they are. Who asked for it may have no right to it any more. */
export function retyped(
  draft: Draft,
  held: Held,
  { type, mode }: { type: LockType; mode: LockMode },
): Held {
  const lock = { ...held.lock, type, mode, priority: priorityOf(type) };
  const next = { ...held, lock };
  draft.hold(next);
  draft.record("converted", lock, { lock });
  draft.stir(lock.deviceIds);
  draft.turned.add(lock.id);
  const waiter = held.yieldTo === null ? undefined : draft.table.waiters.get(held.yieldTo);
  return waiter !== undefined && ruleOver(draft.table, waiter, next).rule === "never"
    ? standAgain(draft, next, "preempt_withdrawn", waiter.owner.actor, null)
    : next;
}

function waiterFor(
  { now, table }: Draft,
  { id, ask, asker, async }: Request,
  once: Waiter["once"],
): Waiter {
  const onMono = (wallMs: number) => now.monoMs + wallMs - now.wallMs;
  const beginMs = ask.notBeforeMs === null ? now.monoMs : onMono(ask.notBeforeMs);
  const ready = beginMs <= now.monoMs;
  const slotEndMs = ask.notAfterMs === null ? Infinity : onMono(ask.notAfterMs);
  // A reservation with an end waits for as long as its slot goes on.
  const patienceMs = ready || slotEndMs === Infinity || ask.waitMs > 0 ? ask.waitMs : Infinity;
  return {
    id,
    number: table.lastNumber + 1,
    ask,
    owner: ownerOf(asker),
    once,
    since: now,
    sinceMs: now.wallMs,
    untilMs: Math.min(Math.max(beginMs, now.monoMs) + patienceMs, slotEndMs),
    notBeforeMs: ready ? -Infinity : beginMs,
    ready,
    async,
    orphan: false,
    polledMs: now.monoMs,
    priority: priorityOf(ask.type),
    refusedBy: [],
  };
}

function inLine(draft: Draft, waiter: Waiter): RequestDecision {
  const { table } = draft;
  draft.wait(waiter);
  const came = takeTurn(draft, waiter.id);
  if (typeof came === "object") return { kind: "granted", lock: came.lock, created: true };
  const waits = waiter.ask.waitMs > 0 || !waiter.ready || came === "pending";
  if (waits && came === "blocked" && waiter.ready && waitsForItself(table, waiter)) {
    draft.forget(waiter);
    return refused(DEADLOCK);
  }
  if (!waits) {
    draft.forget(waiter);
    return refused(deviceLocked(blockersOf(table, waiter), draft.now));
  }
  // Who is granted at once, or holders are asked for, takes no place of those who only wait.
  const others = table.waiters.size - 1;
  if (came === "blocked" && others >= draft.limits.waitersMax) {
    draft.forget(waiter);
    return refused({ kind: "queue-full", waiting: others });
  }
  const { ask, owner } = waiter;
  draft.record("queued", { id: waiter.id, ...ask, owner }, { reason: ask.reason });
  // Those behind it that wait for its owner may pass it, and some that came later stand behind it now.
  return { kind: "waiting", id: waiter.id };
}
