import type { AuditAction, AuditRecord, LostReason } from "./model.ts";
import type { EndedLock } from "./standing.ts";

const REASONS: Partial<Record<AuditAction, LostReason>> = {
  released: "released",
  expired: "expired",
  preempted: "preempted",
  force_released: "forced",
};

/** The lock this record ended, if it ended one. */
export function endOf({ action, before, lock, atMs, by, successor }: AuditRecord): EndedLock[] {
  const reason = REASONS[action];
  if (reason === undefined || before === null || lock !== null) return [];
  return [{ lock: before, reason, atMs, by, successor }];
}
