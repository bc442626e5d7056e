import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { actorOf } from "../auth/model.ts";
import { createApi, type HoldfastEnv, invalidRequest } from "../http.ts";
import { Problem } from "../problem.ts";
import type { Result } from "../result.ts";
import type { LockFeeds, Watcher } from "./api_feeds.ts";
import { askerOf, lockScopesOf } from "./api_asker.ts";
import { heirNamed, type People } from "./api_heir.ts";
import type { LockBody } from "./asks.ts";
import type { AuditQuery, LockService, Proof, Stated } from "./face.ts";
import type { Asker, AuditRecord, LockRefusal } from "./model.ts";
import { LockAsk } from "./model.ts";
import { gateProblem, lockProblem } from "./problems.ts";
import {
  conflictReply,
  grantReply,
  lockReply,
  recordReply,
  rfc3339,
  ticketReply,
} from "./replies.ts";
import {
  ackRoute,
  auditRoute,
  cancelTicketRoute,
  convertRoute,
  deviceRoute,
  eventsRoute,
  extendRoute,
  gateRoute,
  listRoute,
  oneRoute,
  policyRoute,
  queueRoute,
  releaseRoute,
  renewRoute,
  requestRoute,
  revokeRoute,
  setPolicyRoute,
  ticketRoute,
  transferRoute,
} from "./routes.ts";

/** Records of one page of the audit when it is streamed. */
const STREAM_PAGE = 500;

/**
 * Locks, the line, the record and the gate; to be mounted at `/api/v1`. Roles stand in `lib/access.ts`.
 * `people` are those who log in, `null` where nobody does.
 */
export function locksApi(
  locks: LockService,
  feeds: LockFeeds,
  people: People | null = null,
): OpenAPIHono<HoldfastEnv> {
  const api = createApi();

  api.openapi(requestRoute, async (c) => {
    const body = c.req.valid("json");
    const { "idempotency-key": idempotencyKey, prefer } = c.req.valid("header");
    const asker = writerOf(c, idempotencyKey);
    const ask = lockAskOf(body);
    if (body.dry_run === true) {
      const found = locks.canAccess(ask, asker);
      return c.json({
        allowed: found.allowed,
        would_preempt: found.wouldPreempt,
        conflicts: found.conflicts.map(conflictReply),
      }, 200);
    }
    const respondAsync = /(^|[,;\s])respond-async($|[,;\s])/i.test(prefer ?? "");
    const outcome = valueOf(
      await locks.request(ask, asker, {
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        signal: c.req.raw.signal,
        respondAsync,
      }),
    );
    if (outcome.kind === "queued") {
      c.header("location", `/api/v1/tickets/${outcome.ticket.id}`);
      if (respondAsync) c.header("preference-applied", "respond-async");
      return c.json({ ...ticketReply(outcome.ticket), key: outcome.key }, 202);
    }
    c.header("location", `/api/v1/locks/${outcome.grant.lock.id}`);
    return outcome.created
      ? c.json(grantReply(outcome.grant), 201)
      : c.json(grantReply(outcome.grant), 200);
  });

  api.openapi(listRoute, (c) => {
    const { device, owner, type } = c.req.valid("query");
    const found = locks.list({
      ...(device === undefined ? {} : { deviceId: device }),
      ...(owner === undefined ? {} : { owner }),
      ...(type === undefined ? {} : { type }),
    });
    c.header("etag", etagOf(found));
    return c.json({ locks: found.value.map(lockReply), ...statedOf(found) }, 200);
  });

  api.openapi(queueRoute, (c) => {
    const { device } = c.req.valid("query");
    const found = locks.queue(device === undefined ? {} : { deviceId: device });
    return c.json({ queue: found.value.map(ticketReply), ...statedOf(found) }, 200);
  });

  api.openapi(auditRoute, async (c) => {
    const query = c.req.valid("query");
    const filter: Omit<AuditQuery, "limit"> = {
      ...(query.device === undefined ? {} : { deviceId: query.device }),
      ...(query.owner === undefined ? {} : { owner: query.owner }),
      ...(query.action === undefined ? {} : { actions: [query.action] }),
      ...(query.since === undefined ? {} : { sinceMs: query.since }),
    };
    if (/\bapplication\/x-ndjson\b/.test(c.req.header("accept") ?? "")) {
      return new Response(ndjson(allRecords(locks, filter)), {
        headers: { "content-type": "application/x-ndjson" },
        // The types know JSON replies only.
      }) as never;
    }
    const { limit, cursor } = query;
    const records = await locks.audit({
      ...filter,
      ...(cursor === undefined ? {} : { beforeSeq: cursor }),
      limit,
    });
    const next = records.length < limit ? null : records.at(-1)!.seq;
    return c.json({ records: records.map(recordReply), next }, 200);
  });

  api.openapi(eventsRoute, (c) => {
    const last = c.req.header("last-event-id") ?? "";
    const since = /^\d{1,15}$/.test(last) ? Number(last) : c.req.valid("query").since;
    return feeds.stream(watcherOf(c), since);
  });
  api.get("/locks/ws", (c) => {
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
      throw new Problem("invalid-request", "This address takes WebSockets only");
    }
    const since = c.req.query("since");
    if (since !== undefined && !/^\d{1,15}$/.test(since)) {
      throw invalidRequest([{ path: "since", message: "must be a number", in: "query" }]);
    }
    return feeds.socket(
      c.req.raw,
      watcherOf(c),
      since === undefined ? undefined : Number(since),
    );
  });

  api.openapi(policyRoute, (c) => c.json(locks.policy(), 200));
  api.openapi(
    setPolicyRoute,
    async (c) => c.json(valueOf(await locks.setPolicy(c.req.valid("json"), askedBy(c))), 200),
  );

  api.openapi(oneRoute, (c) => {
    const found = valueOf(locks.get(c.req.valid("param").id));
    const etag = etagOf(found);
    c.header("etag", etag);
    if (c.req.header("if-none-match") === etag) return c.body(null, 304);
    return c.json({ ...lockReply(found.value), ...statedOf(found) }, 200);
  });

  api.openapi(deviceRoute, (c) => {
    const { name } = c.req.valid("param");
    const found = locks.byDevice(name);
    const etag = etagOf(found);
    c.header("etag", etag);
    if (c.req.header("if-none-match") === etag) return c.body(null, 304);
    const lock = found.value === null ? null : lockReply(found.value);
    return c.json({ device: name, locked: lock !== null, lock, ...statedOf(found) }, 200);
  });

  api.openapi(renewRoute, async (c) => {
    const { lease_ms } = c.req.valid("json");
    const lock = valueOf(await locks.renew(c.req.valid("param").id, proofOf(c), lease_ms));
    return c.json({
      expires_at: lock.expiresAtMs === null ? null : rfc3339(lock.expiresAtMs),
      fences: lock.fences,
      lock: lockReply(lock),
    }, 200);
  });

  api.openapi(releaseRoute, async (c) => {
    const { devices, reason } = c.req.valid("json");
    const { released, alreadyReleased } = valueOf(
      await locks.release(c.req.valid("param").id, proofOf(c), {
        ...(devices === undefined ? {} : { deviceIds: devices }),
        ...(reason === undefined ? {} : { reason }),
      }),
    );
    return c.json({ released, already_released: alreadyReleased }, 200);
  });

  api.openapi(convertRoute, async (c) => {
    const { type, mode } = c.req.valid("json");
    const to = { ...(type === undefined ? {} : { type }), ...(mode === undefined ? {} : { mode }) };
    return c.json(
      lockReply(valueOf(await locks.convert(c.req.valid("param").id, proofOf(c), to))),
      200,
    );
  });

  api.openapi(transferRoute, async (c) => {
    const to = valueOf(heirNamed(c.req.valid("json").to, c.get("principal"), people));
    return c.json(
      lockReply(valueOf(await locks.transfer(c.req.valid("param").id, proofOf(c), to))),
      200,
    );
  });

  api.openapi(extendRoute, async (c) => {
    const { devices, wait_ms } = c.req.valid("json");
    const ask = { deviceIds: devices, ...(wait_ms === undefined ? {} : { waitMs: wait_ms }) };
    return c.json(
      lockReply(valueOf(await locks.extend(c.req.valid("param").id, proofOf(c), ask))),
      200,
    );
  });

  api.openapi(ackRoute, async (c) => {
    const { yield: yields, reason } = c.req.valid("json");
    const answer = { yield: yields, ...(reason === undefined ? {} : { reason }) };
    return c.json(
      lockReply(valueOf(await locks.ack(c.req.valid("param").id, proofOf(c), answer))),
      200,
    );
  });

  api.openapi(revokeRoute, async (c) => {
    const { reason, grace_ms } = c.req.valid("json");
    const ask = { reason, ...(grace_ms === undefined ? {} : { graceMs: grace_ms }) };
    return c.json(
      lockReply(valueOf(await locks.revoke(c.req.valid("param").id, askedBy(c), ask))),
      200,
    );
  });

  api.openapi(ticketRoute, (c) => {
    const state = valueOf(locks.ticket(c.req.valid("param").id, proofOf(c)));
    switch (state.kind) {
      case "waiting":
        return c.json({
          state: "waiting" as const,
          ticket: ticketReply(state.ticket),
          grant: null,
        }, 200);
      case "granted":
        return c.json({
          state: "granted" as const,
          ticket: null,
          grant: grantReply(state.grant),
        }, 200);
      case "refused":
        throw lockProblem(state.refusal);
    }
  });

  api.openapi(cancelTicketRoute, async (c) => {
    valueOf(await locks.cancelTicket(c.req.valid("param").id, proofOf(c)));
    return c.body(null, 204);
  });

  api.openapi(gateRoute, (c) => {
    const { device, fence, lock_id, realm, command } = c.req.valid("json");
    const passed = locks.gateCheck({
      deviceId: device,
      fence,
      lockId: lock_id,
      ...(realm === undefined ? {} : { realm }),
      ...(command === undefined ? {} : { command }),
      by: actorOf(c.get("principal")),
    });
    if (!passed.ok) throw gateProblem(device, passed.refusal);
    return c.json({ allow: true as const, fence: passed.value.fence }, 200);
  });

  return api;
}

/** Who asks, as the program names itself in `x-lock-client`. */
function askedBy(c: Context<HoldfastEnv>, once?: string): Asker {
  return askerOf(c.get("principal"), c.req.header("x-lock-client"), once);
}

function watcherOf(c: Context<HoldfastEnv>): Watcher {
  return { actor: actorOf(c.get("principal")), asks: askedBy(c).actor };
}

function writerOf(c: Context<HoldfastEnv>, once: string | undefined): Asker {
  if (!lockScopesOf(c.get("principal")).includes("lock:write")) {
    throw new Problem("not-permitted", "Your role or token may not take locks", {
      needs: "lock:write",
    });
  }
  return askedBy(c, once);
}

function proofOf(c: Context<HoldfastEnv>): Proof {
  return { asker: askedBy(c), key: c.req.header("x-lock-key") ?? null };
}

function lockAskOf(body: LockBody): LockAsk {
  return LockAsk.parse({
    deviceIds: body.devices,
    type: body.type,
    mode: body.mode,
    leaseMs: body.lease_ms,
    waitMs: body.wait_ms,
    maxHoldMs: body.max_hold_ms,
    reason: body.reason,
    planUid: body.plan_uid,
    itemUid: body.item_uid,
    preempt: body.preempt,
    onExpiry: body.on_expiry,
    notBeforeMs: body.not_before,
    notAfterMs: body.not_after,
  });
}

function valueOf<T>(result: Result<T, LockRefusal>): T {
  if (!result.ok) throw lockProblem(result.refusal);
  return result.value;
}

function statedOf({ seq, epoch }: Stated<unknown>): { seq: number; epoch: string } {
  return { seq, epoch };
}

function etagOf({ seq, epoch }: Stated<unknown>): string {
  return `"${epoch}.${seq}"`;
}

async function* allRecords(
  locks: LockService,
  filter: Omit<AuditQuery, "limit">,
): AsyncGenerator<AuditRecord> {
  for (let afterSeq = 0;;) {
    const page = await locks.audit({ ...filter, afterSeq, limit: STREAM_PAGE });
    yield* page;
    if (page.length < STREAM_PAGE) return;
    afterSeq = page.at(-1)!.seq;
  }
}

function ndjson(records: AsyncGenerator<AuditRecord>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await records.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(JSON.stringify(recordReply(value)) + "\n"));
    },
    async cancel() {
      await records.return(undefined);
    },
  });
}
