import { createRoute, z } from "@hono/zod-openapi";
import { jsonBody, jsonReply, problems } from "../http.ts";
import {
  AckBody,
  AuditQuery,
  ConvertBody,
  ExtendBody,
  GateBody,
  KeyHeader,
  ListQuery,
  LockBody,
  LockId,
  ReleaseBody,
  RenewBody,
  RequestHeaders,
  RevokeBody,
  TransferBody,
} from "./asks.ts";
import { DeviceName, Policy } from "./model.ts";
import { ConflictReply, GrantReply, LockReply, RecordReply, TicketReply } from "./replies.ts";

const tags = ["locks"];

/** Where in the sequence of decisions a reply stands. */
const STATED = { seq: z.number().int(), epoch: z.string() };
export const OneReply = LockReply.extend(STATED);

const CHANGE = problems(
  "invalid-request",
  "malformed-body",
  "forbidden",
  "not-permitted",
  "lock-unknown",
  "lock-lost",
  "store-unavailable",
);

export const requestRoute = createRoute({
  method: "post",
  path: "/locks",
  tags,
  summary: "Ask for a lock on devices, all or none",
  description: "Waits in line for up to `wait_ms`, and for as long as a holder who is asked to " +
    "yield may take. The same owner asking again for the same gets the grant it has. Keep the " +
    "`key`, renew at a third of `lease_ms`, and stop working when the lock is lost.",
  request: {
    headers: RequestHeaders,
    body: jsonBody(LockBody, {
      devices: ["stirrer"],
      type: "MANUAL_OPERATOR",
      lease_ms: 30_000,
      reason: "cleaning the vessel",
    }),
  },
  responses: {
    200: jsonReply(
      "The grant that stands already, or what a `dry_run` found",
      z.union([
        GrantReply,
        z.object({
          allowed: z.boolean(),
          would_preempt: z.boolean(),
          conflicts: z.array(ConflictReply),
        }),
      ]),
    ),
    201: jsonReply("Granted", GrantReply),
    202: jsonReply(
      "It waits: ask for the ticket at least every 30 seconds, or follow the events as the same asker",
      TicketReply.extend({ key: z.string() }),
    ),
    ...problems(
      "invalid-request",
      "malformed-body",
      "forbidden",
      "not-permitted",
      "device-unknown",
      "device-locked",
      "wait-timeout",
      "wait-cancelled",
      "would-deadlock",
      "too-many-waiting",
      "store-unavailable",
    ),
  },
});

export const listRoute = createRoute({
  method: "get",
  path: "/locks",
  tags,
  summary: "List the locks that stand",
  request: { query: ListQuery },
  responses: {
    200: jsonReply(
      "Locks, and the number of the last decision in this list",
      z.object({ locks: z.array(LockReply), ...STATED }),
    ),
    ...problems("invalid-request"),
  },
});

export const oneRoute = createRoute({
  method: "get",
  path: "/locks/{id}",
  tags,
  summary: "Read one lock",
  request: { params: LockId },
  responses: {
    200: jsonReply("The lock", OneReply),
    304: { description: "As `If-None-Match` has it" },
    ...problems("lock-unknown", "lock-lost", "invalid-request"),
  },
});

export const deviceRoute = createRoute({
  method: "get",
  path: "/devices/{name}/lock",
  tags,
  summary: "Read who holds a device",
  description: "Itself or through a device around it. A `/` in the name is written `%2F`.",
  request: {
    params: z.object({ name: z.string().openapi({ example: "stirrer" }).pipe(DeviceName) }),
  },
  responses: {
    200: jsonReply(
      "The lock, `null` where nobody holds the device",
      z.object({
        device: z.string(),
        locked: z.boolean(),
        lock: LockReply.nullable(),
        ...STATED,
      }),
    ),
    304: { description: "As `If-None-Match` has it" },
    ...problems("invalid-request"),
  },
});

export const renewRoute = createRoute({
  method: "post",
  path: "/locks/{id}/renew",
  tags,
  summary: "Renew a lock",
  request: {
    params: LockId,
    headers: KeyHeader,
    body: { content: { "application/json": { schema: RenewBody, example: {} } } },
  },
  responses: {
    200: jsonReply(
      "It lives on",
      z.object({
        expires_at: z.string().nullable(),
        fences: z.record(z.string(), z.number().int()),
        lock: LockReply,
      }),
    ),
    ...CHANGE,
  },
});

export const releaseRoute = createRoute({
  method: "post",
  path: "/locks/{id}/release",
  tags,
  summary: "Give devices back, or the whole lock",
  description: "Asking again is harmless.",
  request: {
    params: LockId,
    headers: KeyHeader,
    body: { content: { "application/json": { schema: ReleaseBody, example: {} } } },
  },
  responses: {
    200: jsonReply(
      "What is free now",
      z.object({ released: z.array(z.string()), already_released: z.array(z.string()) }),
    ),
    ...CHANGE,
  },
});

const changed = { 200: jsonReply("The lock after", LockReply), ...CHANGE };

export const convertRoute = createRoute({
  method: "post",
  path: "/locks/{id}/convert",
  tags,
  summary: "Change a lock's type or mode in place",
  description: "Same devices, same fences, never a wait; refused where others stand in the way.",
  request: {
    params: LockId,
    headers: KeyHeader,
    body: jsonBody(ConvertBody, { type: "QUEUE_EXECUTING" }),
  },
  responses: { ...changed, ...problems("device-locked") },
});

export const transferRoute = createRoute({
  method: "post",
  path: "/locks/{id}/transfer",
  tags,
  summary: "Hand a lock over to somebody else",
  description:
    "Its fences rise and its key changes; the new owner asks for the same lock to get it.",
  request: { params: LockId, headers: KeyHeader, body: jsonBody(TransferBody, { to: "anna" }) },
  responses: { ...changed, ...problems("device-locked") },
});

export const extendRoute = createRoute({
  method: "post",
  path: "/locks/{id}/extend",
  tags,
  summary: "Add devices to a lock",
  description: "Never waits: a holder that waits for more could wait for ever.",
  request: {
    params: LockId,
    headers: KeyHeader,
    body: jsonBody(ExtendBody, { devices: ["heater"] }),
  },
  responses: {
    ...changed,
    ...problems("device-locked", "device-unknown", "would-deadlock", "lock-unknown"),
  },
});

export const ackRoute = createRoute({
  method: "post",
  path: "/locks/{id}/ack",
  tags,
  summary: "Answer whoever asks for one's lock: yield, or refuse",
  request: { params: LockId, headers: KeyHeader, body: jsonBody(AckBody, { yield: true }) },
  responses: { ...changed, ...problems("not-revoking") },
});

export const revokeRoute = createRoute({
  method: "post",
  path: "/locks/{id}/revoke",
  tags,
  summary: "Take a lock away, with a reason",
  description: "Needs `lock:force`. The reason is recorded and shown to the holder.",
  request: {
    params: LockId,
    body: jsonBody(RevokeBody, { reason: "the bath is overheating", grace_ms: 5000 }),
  },
  responses: changed,
});

export const queueRoute = createRoute({
  method: "get",
  path: "/locks/queue",
  tags,
  summary: "List who waits for locks",
  request: { query: ListQuery.pick({ device: true }) },
  responses: {
    200: jsonReply(
      "In the order of their turn",
      z.object({ queue: z.array(TicketReply), ...STATED }),
    ),
    ...problems("invalid-request"),
  },
});

export const ticketRoute = createRoute({
  method: "get",
  path: "/tickets/{id}",
  tags,
  summary: "Ask how a ticket stands",
  description:
    "Also says that its asker is still there, as following the events does; without either for " +
    "30 seconds it is withdrawn.",
  request: { params: LockId, headers: KeyHeader },
  responses: {
    200: jsonReply(
      "Waiting, or granted",
      z.object({
        state: z.enum(["waiting", "granted"]),
        ticket: TicketReply.nullable(),
        grant: GrantReply.nullable(),
      }),
    ),
    ...problems(
      "ticket-unknown",
      "not-permitted",
      "wait-timeout",
      "wait-cancelled",
      "lock-lost",
      "invalid-request",
      "store-unavailable",
    ),
  },
});

export const cancelTicketRoute = createRoute({
  method: "delete",
  path: "/tickets/{id}",
  tags,
  summary: "Leave the line",
  description: "With `lock:force` also for others.",
  request: { params: LockId, headers: KeyHeader },
  responses: {
    204: { description: "The ticket waits no more" },
    ...problems("ticket-unknown", "not-permitted", "invalid-request", "store-unavailable"),
  },
});

export const auditRoute = createRoute({
  method: "get",
  path: "/locks/audit",
  tags,
  summary: "Read the record of every decision about locks",
  description:
    "Newest first, denials included. With `Accept: application/x-ndjson` all that fit, " +
    "oldest first, one a line.",
  request: { query: AuditQuery },
  responses: {
    200: {
      description: "One page; `next` is the `cursor` of the next one, `null` after the last",
      content: {
        "application/json": {
          schema: z.object({
            records: z.array(RecordReply),
            next: z.number().int().nullable(),
          }),
        },
        "application/x-ndjson": { schema: z.string() },
      },
    },
    ...problems("invalid-request", "store-unavailable"),
  },
});

export const eventsRoute = createRoute({
  method: "get",
  path: "/locks/events",
  tags,
  summary: "Follow the locks live",
  description:
    "Server-sent events `lock`, one a decision, `id` its `seq`; `gap` where events are no " +
    "longer kept; `ping` every 15 s. A browser comes back with `Last-Event-ID` and misses nothing. " +
    "The same over a WebSocket at `/api/v1/locks/ws?since=`.",
  request: {
    query: z.strictObject({
      since: z.coerce.number().int().nonnegative().optional().openapi({
        description: "Begin after this decision; absent: with the next one.",
      }),
    }),
  },
  responses: {
    200: { description: "A stream", content: { "text/event-stream": { schema: z.string() } } },
    ...problems("invalid-request", "too-many-viewers"),
  },
});

export const policyRoute = createRoute({
  method: "get",
  path: "/locks/policy",
  tags,
  summary: "Read who may take a device from whom",
  responses: { 200: jsonReply("The policy", Policy) },
});

export const setPolicyRoute = createRoute({
  method: "put",
  path: "/locks/policy",
  tags,
  summary: "Change who may take a device from whom",
  description: "Needs `lock:force`; recorded.",
  request: {
    body: jsonBody(Policy, {
      over: { MANUAL_OPERATOR: { QUEUE_QUEUED: { rule: "immediate" } } },
    }),
  },
  responses: {
    200: jsonReply("The policy from now on", Policy),
    ...problems("invalid-request", "malformed-body", "not-permitted", "store-unavailable"),
  },
});

export const gateRoute = createRoute({
  method: "post",
  path: "/gate/check",
  tags,
  summary: "Ask whether a command may reach hardware outside this process",
  request: { body: jsonBody(GateBody, { device: "goniometer", fence: 0, lock_id: null }) },
  responses: {
    200: jsonReply("It may", z.object({ allow: z.literal(true), fence: z.number().int() })),
    ...problems("gate-refused", "invalid-request", "malformed-body", "store-unavailable"),
  },
});
