import { Problem } from "../problem.ts";
import type { Conflict, GateRefusal, LockRefusal } from "./model.ts";
import { conflictReply, rfc3339 } from "./replies.ts";

/** As many as a group may have devices: a wish for everything may meet thousands. */
const CONFLICTS_TOLD = 64;

/** A refusal of the lock service as the error its caller gets. */
export function lockProblem(refusal: LockRefusal): Problem {
  switch (refusal.kind) {
    case "device-locked":
      return new Problem("device-locked", lockedText(refusal.conflicts), {
        ...conflictsOf(refusal.conflicts),
        retry_after_ms: refusal.retryAfterMs,
        ...(refusal.retryAfterMs === null
          ? {}
          : { retryAfterS: Math.max(1, Math.ceil(refusal.retryAfterMs / 1000)) }),
      });
    case "wait-timeout":
      return new Problem(
        "wait-timeout",
        `Waited ${Math.round(refusal.waitedMs)} ms. ${lockedText(refusal.conflicts)}`,
        { waited_ms: refusal.waitedMs, ...conflictsOf(refusal.conflicts) },
      );
    case "would-deadlock":
      return new Problem("would-deadlock", refusal.text);
    case "unknown-device":
      return new Problem(
        "device-unknown",
        `There is no device ${refusal.deviceIds.map((id) => `"${id}"`).join(", ")}`,
        { devices: refusal.deviceIds },
      );
    case "not-permitted":
      return new Problem("not-permitted", refusal.text, { needs: refusal.needs });
    case "invalid":
      return invalidField(refusal.path, refusal.text);
    case "lock-lost":
      return new Problem("lock-lost", `The lock ended: ${refusal.reason}`, {
        lock_id: refusal.lockId,
        reason: refusal.reason,
        at: rfc3339(refusal.atMs),
        by: refusal.by,
        successor: refusal.successor,
      });
    case "lock-unknown":
      return new Problem("lock-unknown", `There is no lock "${refusal.lockId}"`);
    case "ticket-unknown":
      return new Problem("ticket-unknown", `Nobody waits with the ticket "${refusal.ticketId}"`);
    case "cancelled":
      return new Problem("wait-cancelled", refusal.text);
    case "queue-full":
      return new Problem("too-many-waiting", `${refusal.waiting} wait already`, {
        waiting: refusal.waiting,
      });
    case "not-revoking":
      return new Problem("not-revoking", "Nobody asks for this lock");
    case "store-unavailable":
      return new Problem(
        "store-unavailable",
        refusal.maybeDone
          ? "The store failed and does not say whether it wrote; ask again with the same Idempotency-Key"
          : "The store does not answer; nothing was granted",
        { maybe_done: refusal.maybeDone },
      );
  }
}

export function gateProblem(device: string, refusal: GateRefusal): Problem {
  return new Problem("gate-refused", `"${device}" must not be driven with this fence`, {
    why: refusal.why.replaceAll("-", "_"),
    holder: refusal.holder,
    // "type" is the problem's own.
    lock_type: refusal.type,
    current_fence: refusal.currentFence,
  });
}

/** The first of those in the way, and how many they are. */
function conflictsOf(conflicts: readonly Conflict[]): Record<string, unknown> {
  return {
    conflicts: conflicts.slice(0, CONFLICTS_TOLD).map(conflictReply),
    conflicts_total: conflicts.length,
  };
}

/** A field as the interface spells it: `notAfterMs` is `not_after` there, `leaseMs` is `lease_ms`. */
function invalidField(field: string, text: string): Problem {
  if (field === "Idempotency-Key") {
    const errors = [{ path: "idempotency-key", message: text, in: "header" }];
    return new Problem("invalid-request", `"${field}": ${text}`, { errors });
  }
  const path = field.split(".").map((part) => WIRE_FIELDS[part] ?? part).join(".");
  const errors = [{ path, message: text, in: "json" }];
  return new Problem("invalid-request", `"${path}": ${text}`, { errors });
}

const WIRE_FIELDS: Readonly<Record<string, string>> = {
  deviceIds: "devices",
  leaseMs: "lease_ms",
  waitMs: "wait_ms",
  maxHoldMs: "max_hold_ms",
  graceMs: "grace_ms",
  planUid: "plan_uid",
  itemUid: "item_uid",
  onExpiry: "on_expiry",
  notBeforeMs: "not_before",
  notAfterMs: "not_after",
};

function lockedText(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (first === undefined) return "The devices are not free";
  const { deviceId, heldDeviceId, owner, type, lockId } = first;
  const through = heldDeviceId === deviceId ? "" : ` through "${heldDeviceId}"`;
  const more = conflicts.length > 1 ? `, and ${conflicts.length - 1} more stand in the way` : "";
  return lockId === null
    ? `"${deviceId}" is waited for by ${owner.label} (${type})${through}${more}`
    : `"${deviceId}" is held by ${owner.label} (${type})${through}${more}`;
}
