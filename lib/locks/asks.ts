import { z } from "@hono/zod-openapi";
import { AuditAction, DeviceName, DeviceNames, LockMode, LockType, MAX_LEASE_MS } from "./model.ts";

/** What the native interface is asked: bodies, queries and headers, in `snake_case`. */
const Ulid = z.string().regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, "must be a ULID");

export const LockId = z.object({
  id: z.string().min(1).max(64).openapi({ example: "01KFPS2Y8E9N6VYPTT1MYH05CQ" }),
});

/** Epoch milliseconds or RFC 3339. */
const Moment = z.union([z.number().int(), z.iso.datetime({ offset: true }).transform(Date.parse)]);

const QueryMoment = z.string().transform((text, context) => {
  const atMs = /^\d{1,16}$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isFinite(atMs)) return atMs;
  context.addIssue({ code: "custom", message: "must be epoch milliseconds or RFC 3339" });
  return z.NEVER;
});

export const LockBody = z.strictObject({
  /** All of them or none. `a.b` lies inside `a`; `*` is everything. */
  devices: DeviceNames,
  type: LockType,
  mode: LockMode.optional(),
  /** `null`: until released, which needs `lock:unbounded`. Default 30 000; more than a day is cut to it. */
  lease_ms: z.number().positive().nullable().optional(),
  /** How long to wait in line; default 0: not at all. */
  wait_ms: z.number().nonnegative().max(MAX_LEASE_MS).optional(),
  /** No renewal goes beyond. */
  max_hold_ms: z.number().positive().nullable().optional(),
  reason: z.string().max(500).nullable().optional(),
  plan_uid: z.string().max(200).nullable().optional(),
  item_uid: z.string().max(200).nullable().optional(),
  /** Whether holders may be made to yield: as the policy says, never, or by force (`lock:force`). */
  preempt: z.enum(["policy", "never", "force"]).optional(),
  /** A slot in time: not granted before, ended at the latest at the other. */
  not_before: Moment.nullable().optional().openapi({ type: ["string", "number", "null"] }),
  not_after: Moment.nullable().optional().openapi({ type: ["string", "number", "null"] }),
  /** When the lease runs out: `safe` (default) brings the actuators to their safe state, `keep` leaves them. */
  on_expiry: z.enum(["safe", "keep"]).optional(),
  /** Says what the request would meet, and changes nothing. */
  dry_run: z.boolean().optional(),
}).openapi("LockRequest");
export type LockBody = z.output<typeof LockBody>;

export const RenewBody = z.strictObject({ lease_ms: z.number().positive().optional() });
export const ReleaseBody = z.strictObject({
  /** Default: all. */
  devices: z.array(DeviceName).min(1).max(64).optional(),
  reason: z.string().max(500).optional(),
});
export const ConvertBody = z.strictObject({ type: LockType.optional(), mode: LockMode.optional() })
  .refine(({ type, mode }) => type !== undefined || mode !== undefined, {
    message: "name a type or a mode",
  });
export const TransferBody = z.strictObject({
  /** A login such as `user:anna`; a bare name is that user's. */
  to: z.string().trim().min(1).max(200),
});
export const ExtendBody = z.strictObject({
  devices: DeviceNames,
  wait_ms: z.number().nonnegative().optional(),
});
export const AckBody = z.strictObject({
  /** `false` refuses, where the policy lets the holder. */
  yield: z.boolean().default(true),
  reason: z.string().max(500).optional(),
});
export const RevokeBody = z.strictObject({
  reason: z.string().trim().min(1, "say why").max(500),
  /** How long the holder has to stop by itself; default 0. */
  grace_ms: z.number().int().min(0).max(600_000).optional(),
});
export const GateBody = z.strictObject({
  device: DeviceName,
  fence: z.number().int().nonnegative(),
  /** The lock under which the command is sent; `null` for a device that is free. */
  lock_id: Ulid.nullable().default(null),
  /** As it came with the grant. */
  realm: z.string().max(100).optional(),
  /** What for; for the record. */
  command: z.string().max(200).optional(),
});

export const ListQuery = z.strictObject({
  device: DeviceName.optional().openapi({
    description: "Locks in the way of this device: on itself, around it, inside it.",
    example: "stirrer",
  }),
  owner: z.string().max(200).optional().openapi({ description: "Such as `user:anna`." }),
  type: LockType.optional(),
});

export const AuditQuery = z.strictObject({
  device: DeviceName.optional(),
  owner: z.string().max(200).optional(),
  action: AuditAction.optional(),
  since: QueryMoment.optional().openapi({
    type: "string",
    description: "Epoch milliseconds or RFC 3339.",
  }),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.coerce.number().int().positive().optional().openapi({
    description: "`next` of the page before.",
  }),
});

export const KeyHeader = z.object({
  "x-lock-key": z.string().max(200).optional().openapi({
    description: "The key that came with the grant; not needed by the login that owns the lock.",
  }),
});

export const RequestHeaders = z.object({
  "idempotency-key": z.string().regex(/^[\x21-\x7e]{1,255}$/, "1 to 255 visible ASCII characters")
    .optional().openapi({
      description: "The same key gives the same grant, and changes nothing, for 24 hours.",
    }),
  prefer: z.string().max(200).optional().openapi({
    description: "`respond-async`: a ticket at once instead of an answer after waiting.",
  }),
});
