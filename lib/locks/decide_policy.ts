import { accept, refuse, type Result } from "../result.ts";
import { notPermitted } from "./asking.ts";
import type { Draft } from "./draft.ts";
import { type Asker, LOCK_TYPES, type LockRefusal, Policy, priorityOf } from "./model.ts";

/** Another policy from now on; one that lets a lower class take from a higher or an equal one is refused. */
export function decidePolicy(
  draft: Draft,
  given: Policy,
  asker: Asker,
): Result<Policy, LockRefusal> {
  if (!asker.may.includes("lock:force")) return refuse(notPermitted("lock:force"));
  const parsed = Policy.safeParse(given);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    return refuse({ kind: "invalid", path: path.join("."), text: message });
  }
  const policy = parsed.data;
  for (const requester of LOCK_TYPES) {
    for (const holder of LOCK_TYPES) {
      const rule = policy.over[requester]?.[holder]?.rule ?? "never";
      if (rule === "never" || priorityOf(requester) < priorityOf(holder)) continue;
      const text = `${requester} is not above ${holder} and may never take from it`;
      return refuse({ kind: "invalid", path: `over.${requester}.${holder}`, text });
    }
  }
  draft.policy(policy);
  draft.note({
    action: "policy_changed",
    id: null,
    deviceIds: [],
    owner: null,
    type: null,
    reason: null,
    by: asker.actor,
    successor: null,
    lock: null,
    before: null,
    policy,
  });
  for (const id of draft.table.held.keys()) draft.turned.add(id);
  for (const waiter of draft.table.waiters.values()) draft.stir(waiter.ask.deviceIds);
  return accept(policy);
}
