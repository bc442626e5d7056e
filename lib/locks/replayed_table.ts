import assert from "node:assert/strict";
import { type AuditRecord, type GroupLock, type LockType, priorityOf } from "./mod.ts";

/**
 * For tests: the table as the log alone tells it, with every rule of locks that a record can break. Knows
 * nothing of how decisions are made.
 */
export class ReplayedTable {
  readonly live = new Map<string, GroupLock>();
  readonly ended = new Map<string, AuditRecord>();
  readonly waiting = new Set<string>();
  /** Types that were asked for, by the id of ticket or lock. */
  readonly types = new Map<string, LockType>();
  /** Every fence that was granted is above the one before on the same device, around it, and inside it. */
  readonly #fences = new Map<string, number>();
  seq = 0;

  take(record: AuditRecord): void {
    assert.equal(record.seq, ++this.seq, "seq has a gap");
    const { action, id, lock, before } = record;
    switch (action) {
      case "acquired":
        assert.ok(!this.live.has(id!) && !this.ended.has(id!), `${id} was granted twice`);
        this.#meetsNobody(lock!);
        this.#fencesRise(lock!, lock!.deviceIds);
        this.types.set(id!, lock!.type);
        this.waiting.delete(id!);
        this.live.set(id!, lock!);
        return;
      case "extended":
      case "converted":
      case "renewed":
      case "transferred":
      case "preempt_requested":
      case "preempt_refused":
      case "preempt_withdrawn":
        assert.ok(this.live.has(id!), `${action} of a lock that is not live`);
        this.#meetsNobody(lock!);
        if (action === "transferred") this.#fencesRise(lock!, lock!.deviceIds);
        if (action === "extended") this.#fencesRise(lock!, record.deviceIds);
        this.live.set(id!, lock!);
        return;
      case "released":
      case "expired":
      case "preempted":
      case "force_released":
        return this.#ends(record, before!);
      case "queued":
        this.types.set(id!, record.type!);
        this.waiting.add(id!);
        return;
      case "dequeued":
        assert.ok(this.waiting.delete(id!), `${id} left a line it did not stand in`);
        return;
      case "policy_changed":
      case "denied":
      case "gate_refused":
        return;
    }
  }

  /** No lower class took from a higher one, and no equal from an equal, but by force. */
  checkPreemptions(): void {
    for (const { action, before, successor } of this.ended.values()) {
      if (action !== "preempted") continue;
      const taker = this.types.get(successor!);
      if (taker === undefined) continue;
      assert.ok(priorityOf(taker) < before!.priority, `${taker} took from ${before!.type}`);
    }
  }

  #ends(record: AuditRecord, before: GroupLock): void {
    const { id, lock } = record;
    assert.ok(this.live.has(id!), `${record.action} of ${id}, which is not live`);
    assert.deepEqual(this.live.get(id!)!.deviceIds, before.deviceIds);
    if (lock !== null) this.live.set(id!, lock);
    else {
      this.live.delete(id!);
      this.ended.set(id!, record);
    }
  }

  #meetsNobody(lock: GroupLock): void {
    for (const other of this.live.values()) {
      if (other.id === lock.id || (other.mode === "shared" && lock.mode === "shared")) continue;
      for (const mine of lock.deviceIds) {
        for (const its of other.deviceIds) {
          assert.ok(
            !inside(mine, its) && !inside(its, mine),
            `"${mine}" was given to ${lock.owner.actor} while ${other.owner.actor} held "${its}"`,
          );
        }
      }
    }
  }

  #fencesRise(lock: GroupLock, deviceIds: readonly string[]): void {
    for (const deviceId of deviceIds) {
      const fence = lock.fences[deviceId]!;
      for (const [other, last] of this.#fences) {
        if (!inside(deviceId, other) && !inside(other, deviceId)) continue;
        if (deviceIds.includes(other) && lock.fences[other] === last) continue;
        // Inside a device, only what it covers is driven with its fence.
        if (inside(deviceId, other) && other !== deviceId && fence > last) continue;
        assert.ok(fence > last, `fence ${fence} of "${deviceId}" after ${last} of "${other}"`);
      }
    }
    for (const deviceId of deviceIds) this.#fences.set(deviceId, lock.fences[deviceId]!);
  }
}

/** Whether `inner` is `outer` or lies inside it. */
function inside(inner: string, outer: string): boolean {
  return outer === "*" || inner === outer || inner.startsWith(`${outer}.`);
}
