import type { GroupLock } from "../locks/mod.ts";
import type { StandingLock } from "./wire.ts";

/** How a key is shown: the service's `keyHash`, or the key itself in old set-ups. */
export type ShownKey = (lock: GroupLock) => string;

/** The original knows locks on one device each: one of these for each device of a group. */
export function standingLocks(
  lock: GroupLock,
  deviceIds: readonly string[],
  shownKey: ShownKey,
): StandingLock[] {
  const key = shownKey(lock);
  return deviceIds.map((device) => ({
    device,
    type: lock.type,
    user: userOf(lock),
    shownKey: key,
    acquiredAtMs: lock.acquiredAtMs,
    expiresAtMs: lock.expiresAtMs,
    reason: lock.reason,
    planUid: lock.planUid,
    fence: lock.fences[device] ?? 0,
    asserted: lock.owner.asserted,
  }));
}

/** The `user_id` a client gave; behind a login it is what the program calls itself. */
export function userOf({ owner }: GroupLock): string {
  return owner.asserted ? owner.label : owner.client ?? owner.label;
}
