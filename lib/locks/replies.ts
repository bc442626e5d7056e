import { z } from "@hono/zod-openapi";
import {
  type AuditRecord,
  type Conflict,
  type Grant,
  type GroupLock,
  LOCK_TYPES,
  type LockOwner,
  type TicketView,
} from "./model.ts";

/** What the lock service says over HTTP: `snake_case`, times RFC 3339 in UTC with `Z`. */
export function rfc3339(atMs: number): string {
  // What no date can say must not keep everybody from reading the list it stands in.
  return new Date(Math.min(Math.max(atMs, 0), LAST_DATE_MS)).toISOString();
}

/** 9999-12-31T23:59:59.999Z: later years need more digits than RFC 3339 has. */
const LAST_DATE_MS = 253_402_300_799_999;

function timeOrNull(atMs: number | null): string | null {
  return atMs === null ? null : rfc3339(atMs);
}

const Time = z.iso.datetime().openapi({ example: "2026-01-25T20:00:00.000Z" });
const TypeReply = z.enum(LOCK_TYPES);
const ModeReply = z.enum(["exclusive", "shared"]);

export const OwnerReply = z.object({
  principal: z.string(),
  label: z.string(),
  client: z.string().nullable(),
  /** Only said, not proved by a login. */
  asserted: z.boolean(),
}).openapi("LockOwner");

export const LockReply = z.object({
  id: z.string(),
  devices: z.array(z.string()),
  type: TypeReply,
  priority: z.number().int(),
  mode: ModeReply,
  owner: OwnerReply,
  reason: z.string().nullable(),
  plan_uid: z.string().nullable(),
  item_uid: z.string().nullable(),
  acquired_at: Time,
  lease_ms: z.number().nullable(),
  /** `null`: until it is released. */
  expires_at: Time.nullable(),
  max_hold_at: Time.nullable(),
  on_expiry: z.enum(["safe", "keep"]),
  renewals: z.number().int(),
  state: z.enum(["held", "revoking"]),
  revoke: z.object({
    by: z.string(),
    reason: z.string(),
    deadline: Time,
    refusable: z.boolean(),
  }).nullable(),
  /** Fencing token of each device: commands carry it, and an older one is refused. */
  fences: z.record(z.string(), z.number().int()),
}).openapi("Lock");
export type LockReply = z.infer<typeof LockReply>;

export const GrantReply = LockReply.extend({
  /** Proves ownership; given to the owner alone. */
  key: z.string(),
  /** Fences of another realm mean nothing. */
  realm: z.string(),
  epoch: z.string(),
}).openapi("LockGrant");

export const ConflictReply = z.object({
  device: z.string(),
  /** What is held: the device itself, one around it, one inside it. */
  held_device: z.string(),
  lock_id: z.string().nullable(),
  ticket: z.string().nullable(),
  holder: OwnerReply,
  type: TypeReply,
  mode: ModeReply,
  since: Time,
  expires_at: Time.nullable(),
  reason: z.string().nullable(),
}).openapi("LockConflict");

export const TicketReply = z.object({
  ticket: z.string(),
  devices: z.array(z.string()),
  type: TypeReply,
  mode: ModeReply,
  owner: OwnerReply,
  reason: z.string().nullable(),
  since: Time,
  until: Time.nullable(),
  not_before: Time.nullable(),
  /** 1 is next. */
  position: z.number().int(),
  /** The class it waits in, after ageing. */
  priority: z.number().int(),
  /** Holders, then those who come first; the first ten. */
  blocked_by: z.array(ConflictReply),
}).openapi("LockTicket");

export const RecordReply = z.object({
  seq: z.number().int(),
  epoch: z.string(),
  at: Time,
  action: z.string(),
  id: z.string().nullable(),
  devices: z.array(z.string()),
  /** Of the lock as it stands after; empty when it is no more. */
  fences: z.record(z.string(), z.number().int()),
  owner: OwnerReply.nullable(),
  type: TypeReply.nullable(),
  reason: z.string().nullable(),
  by: z.string().nullable(),
  successor: z.string().nullable(),
  lock: LockReply.nullable(),
}).openapi("LockEvent");

export function ownerReply(owner: LockOwner): z.infer<typeof OwnerReply> {
  const { actor, label, client, asserted } = owner;
  return { principal: actor, label, client, asserted };
}

export function lockReply(lock: GroupLock): LockReply {
  return {
    id: lock.id,
    devices: lock.deviceIds,
    type: lock.type,
    priority: lock.priority,
    mode: lock.mode,
    owner: ownerReply(lock.owner),
    reason: lock.reason,
    plan_uid: lock.planUid,
    item_uid: lock.itemUid,
    acquired_at: rfc3339(lock.acquiredAtMs),
    lease_ms: lock.leaseMs,
    expires_at: timeOrNull(lock.expiresAtMs),
    max_hold_at: timeOrNull(lock.maxHoldAtMs),
    on_expiry: lock.onExpiry,
    renewals: lock.renewals,
    state: lock.state,
    revoke: lock.revoke === null ? null : {
      by: lock.revoke.by,
      reason: lock.revoke.reason,
      deadline: rfc3339(lock.revoke.deadlineAtMs),
      refusable: lock.revoke.refusable,
    },
    fences: lock.fences,
  };
}

export function grantReply({ lock, key, realm, epoch }: Grant): z.infer<typeof GrantReply> {
  return { ...lockReply(lock), key, realm, epoch };
}

export function conflictReply(conflict: Conflict): z.infer<typeof ConflictReply> {
  return {
    device: conflict.deviceId,
    held_device: conflict.heldDeviceId,
    lock_id: conflict.lockId,
    ticket: conflict.ticketId,
    holder: ownerReply(conflict.owner),
    type: conflict.type,
    mode: conflict.mode,
    since: rfc3339(conflict.sinceMs),
    expires_at: timeOrNull(conflict.expiresAtMs),
    reason: conflict.reason,
  };
}

export function ticketReply(ticket: TicketView): z.infer<typeof TicketReply> {
  return {
    ticket: ticket.id,
    devices: ticket.deviceIds,
    type: ticket.type,
    mode: ticket.mode,
    owner: ownerReply(ticket.owner),
    reason: ticket.reason,
    since: rfc3339(ticket.sinceMs),
    until: timeOrNull(ticket.untilMs),
    not_before: timeOrNull(ticket.notBeforeMs),
    position: ticket.position,
    priority: ticket.priority,
    blocked_by: ticket.blockedBy.map(conflictReply),
  };
}

/** One decision as events and the audit show it. */
export function recordReply(record: AuditRecord): z.infer<typeof RecordReply> {
  const fences = record.lock?.fences ?? {};
  return {
    seq: record.seq,
    epoch: record.epoch,
    at: rfc3339(record.atMs),
    action: record.action,
    id: record.id,
    devices: record.deviceIds,
    fences,
    owner: record.owner === null ? null : ownerReply(record.owner),
    type: record.type,
    reason: record.reason,
    by: record.by,
    successor: record.successor,
    lock: record.lock === null ? null : lockReply(record.lock),
  };
}
