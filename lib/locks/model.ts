import { z } from "zod";
import type { Holder } from "../devices/model.ts";

/** What a lock is for, most urgent first: its place here is its priority, and the lower one wins. */
export const LOCK_TYPES = [
  "MAINTENANCE",
  "QUEUE_EXECUTING",
  "MANUAL_OPERATOR",
  "QUEUE_QUEUED",
] as const;
export const LockType = z.enum(LOCK_TYPES);
export type LockType = z.infer<typeof LockType>;

/** 0 for `MAINTENANCE` to 3 for `QUEUE_QUEUED`; the lower one wins. */
export function priorityOf(type: LockType): number {
  return LOCK_TYPES.indexOf(type);
}

/** `exclusive`: its holder alone drives. `shared`: any number hold it beside each other and nobody drives. */
export const LockMode = z.enum(["exclusive", "shared"]);
export type LockMode = z.infer<typeof LockMode>;

/** Longest lease; longer ones asked for are cut to it. */
export const MAX_LEASE_MS = 86_400_000;
export const DEFAULT_LEASE_MS = 30_000;
/** Devices of one group. */
export const GROUP_DEVICES_MAX = 64;
/** Names of one group, all together: what a group writes must fit one value of the store. */
const GROUP_NAMES_LENGTH_MAX = 4000;
/** Who waits longer than this moves up one class, and again after as long, never into `MAINTENANCE`. */
export const AGING_MS = 60_000;
/** Leases that would end within this after a restart are stretched to it. */
export const RESTART_GRACE_MS = 10_000;
/** Who asked not to wait in line must ask for its ticket at least this often. */
export const TICKET_POLL_MS = 30_000;

/** A device's name: `a.b` lies inside `a`; `*` is everything; `@environment` and `@queue` are no hardware. */
export const DeviceName = z.string().min(1, "must not be empty").max(
  128,
  "has more than 128 characters",
)
  // deno-lint-ignore no-control-regex
  .regex(/^[^\u0000-\u001f\u007f-\u009f]*$/, "must not contain control characters")
  // The store would write two that differ in a broken character as one.
  .refine((name) => name.isWellFormed(), "must not contain half a character");

export const DeviceNames = z.array(DeviceName).min(1).max(GROUP_DEVICES_MAX)
  .refine((names) => names.reduce((sum, name) => sum + name.length, 0) <= GROUP_NAMES_LENGTH_MAX, {
    message: `have more than ${GROUP_NAMES_LENGTH_MAX} characters together`,
  });

export const LockOwner = z.object({
  /** Actor string: `user:anna`, `experiment:<id>`; for those who only say who they are, what they say. */
  actor: z.string().min(1),
  /** What people read. */
  label: z.string(),
  /** The program that asked, as it names itself, to tell two of one person apart. */
  client: z.string().nullable(),
  /** Only said, not proved by a login. */
  asserted: z.boolean(),
});
export type LockOwner = z.infer<typeof LockOwner>;

/** Somebody with the right to asks for this lock; at `deadlineAtMs` it ends. */
export const Revoke = z.object({
  by: z.string(),
  reason: z.string(),
  deadlineAtMs: z.number().int(),
  /** Whether the holder may refuse. */
  refusable: z.boolean(),
});
export type Revoke = z.infer<typeof Revoke>;

/** One grant: all its devices or none. */
export const GroupLock = z.object({
  v: z.literal(2),
  /** ULID. */
  id: z.string(),
  /** Sorted. */
  deviceIds: z.array(z.string()),
  type: LockType,
  priority: z.number().int().min(0).max(3),
  mode: LockMode,
  owner: LockOwner,
  reason: z.string().nullable(),
  planUid: z.string().nullable(),
  itemUid: z.string().nullable(),
  acquiredAtMs: z.number().int(),
  /** What it was last given to live; `null`: until it is released. */
  leaseMs: z.number().int().positive().nullable(),
  /** By the wall clock, for people and restarts; while running the monotonic clock decides. */
  expiresAtMs: z.number().int().nullable(),
  /** No renewal goes beyond. */
  maxHoldAtMs: z.number().int().nullable(),
  /** How often it was given a new time to live. */
  renewals: z.number().int().nonnegative(),
  state: z.enum(["held", "revoking"]),
  revoke: Revoke.nullable(),
  /** Each device's fencing token: higher at every grant, release and loss. */
  fences: z.record(z.string(), z.number().int().nonnegative()),
  /** What becomes of its actuators when its lease runs out; taken away by others, they go safe in any case. */
  onExpiry: z.enum(["safe", "keep"]).default("safe"),
  /** How often its owner changed: each owner has another key. */
  keyVersion: z.number().int().nonnegative(),
});
export type GroupLock = z.infer<typeof GroupLock>;

/** What a login may do with locks, beyond reading them. */
export const LOCK_SCOPES = [
  "lock:read",
  "lock:write",
  "lock:maintenance",
  "lock:unbounded",
  "lock:force",
] as const;
export type LockScope = typeof LOCK_SCOPES[number];

/** Who asks, and what it may. */
export interface Asker extends LockOwner {
  readonly may: readonly LockScope[];
}

export const LockAsk = z.object({
  deviceIds: DeviceNames,
  type: LockType,
  mode: LockMode.default("exclusive"),
  /** `null`: until released, which needs `lock:unbounded`. More than `MAX_LEASE_MS` is cut to it. */
  leaseMs: z.number().positive().finite().nullable().default(DEFAULT_LEASE_MS),
  /** How long to wait in line; 0: not at all. */
  waitMs: z.number().nonnegative().max(MAX_LEASE_MS).default(0),
  maxHoldMs: z.number().positive().finite().nullable().default(null),
  reason: z.string().max(500).nullable().default(null),
  planUid: z.string().max(200).nullable().default(null),
  itemUid: z.string().max(200).nullable().default(null),
  /** `policy`: as the table says; `never`; `force`, which needs `lock:force`, ends whoever holds. */
  preempt: z.enum(["policy", "never", "force"]).default("policy"),
  /**
   * What becomes of the devices when the lease runs out: `safe` brings their actuators to their safe state;
   * `keep` leaves them as they are, for a person who sets something by hand and goes.
   */
  onExpiry: z.enum(["safe", "keep"]).default("safe"),
  /** A slot in time: granted not before the one, and ended at the other at the latest. Epoch ms. */
  notBeforeMs: z.number().int().nullable().default(null),
  notAfterMs: z.number().int().nullable().default(null),
});
export type LockAsk = z.infer<typeof LockAsk>;

/** Who stands in the way. */
export const Conflict = z.object({
  /** The device that was asked for. */
  deviceId: z.string(),
  /** The device held or waited for that it meets: itself, one around it, one inside it. */
  heldDeviceId: z.string(),
  lockId: z.string().nullable(),
  /** Somebody waits for it who came earlier. */
  ticketId: z.string().nullable(),
  owner: LockOwner,
  type: LockType,
  mode: LockMode,
  sinceMs: z.number().int(),
  expiresAtMs: z.number().int().nullable(),
  reason: z.string().nullable(),
});
export type Conflict = z.infer<typeof Conflict>;

/** How a lock that is no more ended. */
export const LOST_REASONS = ["expired", "preempted", "forced", "released"] as const;
export type LostReason = typeof LOST_REASONS[number];

export type LockRefusal =
  /** Held, or waited for by others. `retryAfterMs`: when the first of them ends at the latest. */
  | { kind: "device-locked"; conflicts: Conflict[]; retryAfterMs: number | null }
  | { kind: "wait-timeout"; waitedMs: number; conflicts: Conflict[] }
  | { kind: "would-deadlock"; text: string }
  | { kind: "unknown-device"; deviceIds: string[] }
  | { kind: "not-permitted"; text: string; needs: LockScope | null }
  | { kind: "invalid"; path: string; text: string }
  | {
    kind: "lock-lost";
    lockId: string;
    reason: LostReason;
    atMs: number;
    by: string | null;
    /** Id of the lock it had to make way for. */
    successor: string | null;
  }
  | { kind: "lock-unknown"; lockId: string }
  | { kind: "ticket-unknown"; ticketId: string }
  /** Its asker gave up. */
  | { kind: "cancelled"; text: string }
  /** More wait than this instrument serves. */
  | { kind: "queue-full"; waiting: number }
  /** Nobody asks for this lock: there is nothing to yield to. */
  | { kind: "not-revoking"; lockId: string }
  /** Nothing was granted; with `maybeDone` nobody can say: ask again with the same idempotency key. */
  | { kind: "store-unavailable"; maybeDone: boolean };

export interface Grant {
  readonly lock: GroupLock;
  /** 256 bits, base64url: proves ownership. Given to its owner alone. */
  readonly key: string;
  /** Stamps the fences: those of another store mean nothing here. */
  readonly realm: string;
  readonly epoch: string;
}

/** Somebody who waits. */
export const TicketView = z.object({
  id: z.string(),
  deviceIds: z.array(z.string()),
  type: LockType,
  mode: LockMode,
  owner: LockOwner,
  reason: z.string().nullable(),
  sinceMs: z.number().int(),
  /** When it stops waiting. */
  untilMs: z.number().int().nullable(),
  notBeforeMs: z.number().int().nullable(),
  /** 1 is next among those who want a device of its own. */
  position: z.number().int().positive(),
  /** The class it waits in now, after ageing. */
  priority: z.number().int().min(0).max(3),
  /** Holders, then those who come first; the first ten. */
  blockedBy: z.array(Conflict),
});
export type TicketView = z.infer<typeof TicketView>;

export type RequestOutcome =
  /** `created` is false where the owner held it already or repeated its request. */
  | { readonly kind: "granted"; readonly grant: Grant; readonly created: boolean }
  | { readonly kind: "queued"; readonly ticket: TicketView; readonly key: string };

export type TicketState =
  | { readonly kind: "waiting"; readonly ticket: TicketView }
  | { readonly kind: "granted"; readonly grant: Grant }
  | { readonly kind: "refused"; readonly refusal: LockRefusal };

/** What a requester of one type may do to a holder of another. */
export const PolicyRule = z.object({
  /** `request`: the holder is asked and has `graceMs`. */
  rule: z.enum(["never", "immediate", "request"]),
  graceMs: z.number().int().min(0).max(600_000).default(0),
  /** Whether the holder may refuse. */
  refusable: z.boolean().default(false),
});
export type PolicyRule = z.infer<typeof PolicyRule>;

const RulesOver = z.partialRecord(LockType, PolicyRule);

/** Who may take a device from whom: `over[requester][holder]`; what it does not name is `never`. */
export const Policy = z.object({
  v: z.literal(1).default(1),
  over: z.partialRecord(LockType, RulesOver),
  /** The original's rule, for comparison: equals take from equals. */
  equalPriorityOverride: z.boolean().default(false),
});
export type Policy = z.infer<typeof Policy>;

const NOW: PolicyRule = { rule: "immediate", graceMs: 0, refusable: false };

export const DEFAULT_POLICY: Policy = {
  v: 1,
  over: {
    MAINTENANCE: {
      // Its experiment is held first, then the devices are taken.
      QUEUE_EXECUTING: { rule: "request", graceMs: 5000, refusable: false },
      MANUAL_OPERATOR: NOW,
      QUEUE_QUEUED: NOW,
    },
    QUEUE_EXECUTING: {
      MANUAL_OPERATOR: { rule: "request", graceMs: 5000, refusable: true },
      QUEUE_QUEUED: NOW,
    },
    MANUAL_OPERATOR: { QUEUE_QUEUED: NOW },
  },
  equalPriorityOverride: false,
};

export const LOCK_ACTIONS = [
  "acquired",
  "extended",
  "renewed",
  "converted",
  "transferred",
  "released",
  "expired",
  "preempt_requested",
  "preempt_refused",
  "preempt_withdrawn",
  "preempted",
  "force_released",
  "queued",
  "dequeued",
  "policy_changed",
] as const;
export const LockAction = z.enum(LOCK_ACTIONS);
export type LockAction = z.infer<typeof LockAction>;

/** Recorded, and no change of the table. */
export const AUDIT_ONLY = ["denied", "gate_refused"] as const;
export const AuditAction = z.enum([...LOCK_ACTIONS, ...AUDIT_ONLY]);
export type AuditAction = z.infer<typeof AuditAction>;

/**
 * One decision. The record and the stream of lock events are one log: `seq` counts all of them without a
 * gap, and those with an action of `LOCK_ACTIONS` are the events.
 */
export const AuditRecord = z.object({
  v: z.literal(2),
  seq: z.number().int().positive(),
  /** The start of the runtime it was decided in. */
  epoch: z.string(),
  atMs: z.number().int(),
  action: AuditAction,
  /** The lock's id, for those who wait their ticket's; `null` for the policy and for who got neither. */
  id: z.string().nullable(),
  /** What the decision is about: for a partial release the devices given back. */
  deviceIds: z.array(z.string()),
  owner: LockOwner.nullable(),
  type: LockType.nullable(),
  /** Why, or with which refusal. */
  reason: z.string().nullable(),
  /** Whose doing, where it was not the owner's. */
  by: z.string().nullable(),
  /** The lock that made this one end. */
  successor: z.string().nullable(),
  /** The lock as it stands after, `null` when it is no more. */
  lock: GroupLock.nullable(),
  /** The lock before, where this took devices from it or ended it. */
  before: GroupLock.nullable(),
  /** The policy from now on, for `policy_changed`. */
  policy: Policy.nullable(),
});
export type AuditRecord = z.infer<typeof AuditRecord>;
export type LockEvent = AuditRecord & { readonly action: LockAction };

export function isLockEvent(record: AuditRecord): record is LockEvent {
  return LockAction.safeParse(record.action).success;
}

/** Why the gate refuses a command. */
export interface GateRefusal {
  readonly kind: "gate-refused";
  readonly why:
    | "held"
    | "shared"
    | "stale-fence"
    | "lock-lost"
    | "foreign-realm"
    | "store-unavailable";
  readonly holder: Holder | null;
  readonly type: LockType | null;
  readonly currentFence: number;
}

export type HeldRefusal = { kind: "held"; deviceId: string; holder: Holder };

/** A lock's holder as devices and pages show it. */
export function holderOf(
  { owner, acquiredAtMs, expiresAtMs }: Pick<GroupLock, "owner" | "acquiredAtMs" | "expiresAtMs">,
): Holder {
  return { actor: owner.actor, label: owner.label, sinceMs: acquiredAtMs, expiresAtMs };
}
