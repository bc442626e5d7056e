import { comesBefore, excludes, type Held, type Waiter } from "./standing.ts";
import type { Table } from "./table.ts";

/** A lock that stands in the way of an ask, and where they meet. */
export interface Standing {
  readonly deviceId: string;
  readonly heldDeviceId: string;
  readonly held: Held;
}

/** The locks that cannot stand beside this claim, each once. */
export function standingInWay(
  table: Table,
  claim: { deviceIds: readonly string[]; mode: string },
  except: ReadonlySet<string> = new Set(),
): Standing[] {
  const found = new Map<string, Standing>();
  for (const deviceId of claim.deviceIds) {
    for (const [heldDeviceId, held] of table.heldMeeting(deviceId)) {
      const { id } = held.lock;
      if (found.has(id) || except.has(id) || !excludes(claim, held.lock)) continue;
      found.set(id, { deviceId, heldDeviceId, held });
    }
  }
  return [...found.values()];
}

/** Those whose turn comes before this waiter's and who want what it wants, each once. */
export function* aheadOf(
  table: Table,
  waiter: Waiter,
): Generator<{ deviceId: string; at: string; waiter: Waiter }> {
  const seen = new Set<string>();
  for (const deviceId of waiter.ask.deviceIds) {
    for (const [at, other] of table.waitingMeeting(deviceId)) {
      if (other.id === waiter.id || !other.ready || seen.has(other.id)) continue;
      if (!excludes(waiter.ask, other.ask) || !comesBefore(other, waiter)) continue;
      seen.add(other.id);
      yield { deviceId, at, waiter: other };
    }
  }
}

/**
 * Whether `actor` waits, be it through others, for something `on` must give back or get first. Waits that
 * `except` makes do not count.
 */
export function dependsOn(table: Table, actor: string, on: string, except?: string): boolean {
  const seen = new Set<string>();
  const open = [actor];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    for (const waiter of table.waitedBy(next)) {
      if (waiter.id === except) continue;
      for (const owner of waitedFor(table, waiter)) {
        if (owner === on) return true;
        open.push(owner);
      }
    }
  }
  return false;
}

function* waitedFor(table: Table, waiter: Waiter): Generator<string> {
  for (const { held } of standingInWay(table, waiter.ask)) yield held.lock.owner.actor;
  for (const { waiter: other } of aheadOf(table, waiter)) yield other.owner.actor;
}

/**
 * Whether `waiter` need not wait for `other` to come first: `other` itself waits for what the waiter's
 * owner holds, so that each would wait for the other.
 */
export function passes(table: Table, waiter: Pick<Waiter, "owner">, other: Waiter): boolean {
  const { actor } = waiter.owner;
  if (actor === other.owner.actor || table.heldBy(actor).length === 0) return false;
  return dependsOn(table, other.owner.actor, actor);
}

/** Whether granting `waiter` would make two owners wait for each other: its owner waits for others' locks too. */
export function wouldTangle(table: Table, waiter: Waiter): boolean {
  const { actor } = waiter.owner;
  if (table.waitedBy(actor).every(({ id }) => id === waiter.id)) return false;
  for (const deviceId of waiter.ask.deviceIds) {
    for (const [, other] of table.waitingMeeting(deviceId)) {
      if (other.owner.actor === actor || !excludes(waiter.ask, other.ask)) continue;
      if (dependsOn(table, actor, other.owner.actor, waiter.id)) return true;
    }
  }
  return false;
}
