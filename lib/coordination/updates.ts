import type { GroupLock, LockEvent, LockType } from "../locks/mod.ts";
import { type ShownKey, standingLocks } from "./standing.ts";
import { type LegacyAction, lockUpdate } from "./wire.ts";

/**
 * What one decision is to clients of the original, which know three actions. Renewals and the line they
 * know nothing of. `typeOf` gives the type of a lock by its id.
 */
export function legacyUpdates(
  event: LockEvent,
  shownKey: ShownKey,
  typeOf: (lockId: string) => LockType | null,
): Record<string, unknown>[] {
  const { before, lock, deviceIds, atMs } = event;
  const told = (action: LegacyAction, of: GroupLock | null, reason?: string) =>
    of === null
      ? []
      : standingLocks(of, deviceIds, shownKey).map((one) => lockUpdate(action, one, atMs, reason));
  switch (event.action) {
    case "acquired":
    case "converted":
    case "extended":
    case "transferred":
      return told("acquired", lock);
    case "released":
      return told("released", before ?? lock);
    case "expired":
      return told("force_released", before ?? lock, "Expired");
    case "preempted": {
      const type = event.successor === null ? null : typeOf(event.successor);
      const reason = type === null
        ? event.reason ?? "Overridden"
        : `Overridden by higher priority ${type}`;
      return told("force_released", before ?? lock, reason);
    }
    case "force_released":
      return told("force_released", before ?? lock, event.reason ?? "Forced release");
    case "renewed":
    case "preempt_requested":
    case "preempt_refused":
    case "preempt_withdrawn":
    case "queued":
    case "dequeued":
    case "policy_changed":
      return [];
  }
}
