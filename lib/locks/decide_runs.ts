import { accept, refuse, type Result } from "../result.ts";
import { leased, wholeMs } from "./asking.ts";
import { renewed } from "./decide_request.ts";
import type { Draft } from "./draft.ts";
import { type HeldRefusal, LockAsk, type LockType, priorityOf } from "./model.ts";
import { covers } from "./names.ts";
import { blockersOf, takeTurn } from "./queue.ts";
import type { Held } from "./standing.ts";

export interface GrantAllAsk {
  readonly deviceIds: readonly string[];
  readonly actor: string;
  readonly label: string;
  readonly ttlMs: number | null;
}

/** Runs of experiments hold what they execute on; everybody else who takes a lease drives by hand. */
function typeFor(actor: string): LockType {
  return actor.startsWith("experiment:") ? "QUEUE_EXECUTING" : "MANUAL_OPERATOR";
}

/** All devices or none; those the actor holds already keep their fence and are renewed. */
export function decideGrantAll(
  draft: Draft,
  id: string,
  { deviceIds, actor, label, ttlMs }: GrantAllAsk,
): Result<Record<string, number>, HeldRefusal> {
  const { table, now } = draft;
  const leaseMs = ttlMs === null ? null : wholeMs(ttlMs);
  const own = new Set<Held>();
  const missing: string[] = [];
  for (const deviceId of new Set(deviceIds)) {
    const held = table.heldBy(actor).find(({ lock }) =>
      lock.mode === "exclusive" && lock.deviceIds.some((outer) => covers(outer, deviceId))
    );
    if (held === undefined) missing.push(deviceId);
    else own.add(held);
  }
  if (missing.length > 0) {
    const waiter = {
      id,
      number: table.lastNumber + 1,
      ask: LockAsk.parse({
        deviceIds: missing.sort(),
        type: typeFor(actor),
        leaseMs,
        preempt: "never",
      }),
      owner: { actor, label, client: null, asserted: false },
      once: null,
      since: now,
      sinceMs: now.wallMs,
      untilMs: now.monoMs,
      notBeforeMs: -Infinity,
      ready: true,
      async: false,
      orphan: false,
      polledMs: now.monoMs,
      priority: priorityOf(typeFor(actor)),
      refusedBy: [],
    };
    draft.wait(waiter);
    if (typeof takeTurn(draft, id) !== "object") {
      draft.forget(waiter);
      const { deviceId, owner, sinceMs, expiresAtMs } = blockersOf(table, waiter)[0]!;
      const holder = { actor: owner.actor, label: owner.label, sinceMs, expiresAtMs };
      return refuse({ kind: "held", deviceId, holder });
    }
  }
  for (const held of own) {
    if (held.lock.leaseMs !== null) renewed(draft, leased(held, leaseMs, now));
  }
  return accept(
    Object.fromEntries([...new Set(deviceIds)].map((one) => [one, table.fences.of(one)])),
  );
}

/** Lets all of the actor's locks live `ttlMs` from now; gives whether there were any, and whether some are left. */
export function decideRenewAll(
  draft: Draft,
  { actor, ttlMs }: { actor: string; ttlMs: number },
): { any: boolean; more: boolean } {
  const leaseMs = wholeMs(ttlMs);
  const all = draft.table.heldBy(actor);
  for (const held of all) {
    if (held.lock.leaseMs === null) continue;
    const longer = leased(held, leaseMs, draft.now);
    if (longer.leaseEndsMs === held.leaseEndsMs && held.lock.leaseMs === leaseMs) continue;
    if (draft.full) return { any: true, more: true };
    renewed(draft, longer);
  }
  return { any: all.length > 0, more: false };
}

/** Ends the actor's locks; gives whether some are left for the next commit. */
export function decideReleaseAll(
  draft: Draft,
  { actor, reason }: { actor: string; reason: string },
): boolean {
  for (const held of draft.table.heldBy(actor)) {
    if (draft.full) return true;
    draft.end(held, { reason: "released", action: "released", text: reason });
  }
  return false;
}
