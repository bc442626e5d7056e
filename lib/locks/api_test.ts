import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { type CoordinationRig, openCoordination } from "../../tests/compat/coordination_rig.ts";
import { commandActor } from "./api_asker.ts";

type Headers = Record<string, string>;

/** Asks the native interface; the answer with its headers. */
async function call(
  rig: CoordinationRig,
  method: string,
  path: string,
  body?: unknown,
  headers: Headers = {},
) {
  const reply = await rig.fetch(`/api/v1${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  return {
    status: reply.status,
    headers: reply.headers,
    // deno-lint-ignore no-explicit-any
    body: (text === "" ? null : JSON.parse(text)) as any,
  };
}

const as = (client: string): Headers => ({ "x-lock-client": client });
const withKey = (key: string): Headers => ({ "x-lock-key": key });

/** Resolves once `holds` does. The store needs its turns meanwhile. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!await holds()) await new Promise((resolve) => setImmediate(resolve));
}

async function granted(
  rig: CoordinationRig,
  ask: Record<string, unknown> = {},
  headers: Headers = {},
) {
  const { status, body } = await call(
    rig,
    "POST",
    "/locks",
    { devices: ["stage"], type: "MANUAL_OPERATOR", ...ask },
    headers,
  );
  assert.equal(status, 201, JSON.stringify(body));
  return body;
}

Deno.test("a grant says all there is to know, with times that name their zone", async () => {
  await using rig = await openCoordination();
  const { status, headers, body } = await call(rig, "POST", "/locks", {
    devices: ["stage", "camera"],
    type: "MANUAL_OPERATOR",
    reason: "focus",
    plan_uid: "p",
    max_hold_ms: 60_000,
  }, as("scan"));
  assert.equal(status, 201);
  assert.equal(headers.get("location"), `/api/v1/locks/${body.id}`);
  assert.match(body.key, /^[\w-]{43}$/);
  assert.deepEqual(body, {
    id: body.id,
    devices: ["camera", "stage"],
    type: "MANUAL_OPERATOR",
    priority: 2,
    mode: "exclusive",
    owner: { principal: "local:local/scan", label: "scan", client: "scan", asserted: true },
    reason: "focus",
    plan_uid: "p",
    item_uid: null,
    acquired_at: "2026-01-25T20:00:00.000Z",
    lease_ms: 30_000,
    expires_at: "2026-01-25T20:00:30.000Z",
    max_hold_at: "2026-01-25T20:01:00.000Z",
    renewals: 0,
    state: "held",
    revoke: null,
    on_expiry: "safe",
    fences: body.fences,
    key: body.key,
    realm: rig.locks.realm,
    epoch: rig.locks.epoch,
  });
  assert.deepEqual(Object.keys(body.fences), ["camera", "stage"]);
  const listed = (await call(rig, "GET", "/locks")).body;
  assert.equal(JSON.stringify(listed).includes(body.key), false, "the key is nobody else's");
});

Deno.test("the same Idempotency-Key gives the same grant, another request under it is refused", async () => {
  await using rig = await openCoordination();
  const once = { "idempotency-key": "k1" };
  const first = await granted(rig, {}, once);
  const again = await call(rig, "POST", "/locks", {
    devices: ["stage"],
    type: "MANUAL_OPERATOR",
  }, once);
  assert.equal(again.status, 200);
  assert.equal(again.body.id, first.id);
  assert.equal(again.body.key, first.key);
  const other = await call(rig, "POST", "/locks", {
    devices: ["camera"],
    type: "MANUAL_OPERATOR",
  }, once);
  assert.equal(other.status, 422);
});

Deno.test("two programs without a name never share a lock, one with a name recovers its own", async () => {
  await using rig = await openCoordination();
  const ask = { devices: ["stage"], type: "MANUAL_OPERATOR" };
  await granted(rig);
  assert.equal((await call(rig, "POST", "/locks", ask)).status, 409);
  const named = await granted(rig, { devices: ["camera"] }, as("scan"));
  const again = await call(rig, "POST", "/locks", { ...ask, devices: ["camera"] }, as("scan"));
  assert.equal(again.status, 200);
  assert.equal(again.body.key, named.key);
});

Deno.test("a refusal names who stands in the way, until when, and when to ask again", async () => {
  await using rig = await openCoordination();
  const held = await granted(rig, { devices: ["arm"], reason: "tuning" }, as("tuner"));
  const { status, headers, body } = await call(rig, "POST", "/locks", {
    devices: ["camera", "arm.wrist"],
    type: "QUEUE_QUEUED",
  });
  assert.equal(status, 409);
  assert.equal(headers.get("content-type"), "application/problem+json");
  assert.equal(headers.get("retry-after"), "30");
  assert.equal(body.code, "device_locked");
  assert.equal(body.retry_after_ms, 30_000);
  assert.deepEqual(body.conflicts, [{
    device: "arm.wrist",
    held_device: "arm",
    lock_id: held.id,
    ticket: null,
    holder: held.owner,
    type: "MANUAL_OPERATOR",
    mode: "exclusive",
    since: "2026-01-25T20:00:00.000Z",
    expires_at: "2026-01-25T20:00:30.000Z",
    reason: "tuning",
  }]);
  const free = await call(rig, "GET", "/devices/camera/lock");
  assert.equal(free.body.locked, false, "none of the group was taken");
});

Deno.test("who waits is served when the devices are free, and not served late", async () => {
  await using rig = await openCoordination();
  const first = await granted(rig);
  const ask = { devices: ["stage"], type: "MANUAL_OPERATOR", wait_ms: 10_000 };
  const waits = call(rig, "POST", "/locks", ask);
  await until(async () => (await call(rig, "GET", "/locks/queue")).body.queue.length > 0);
  const { queue } = (await call(rig, "GET", "/locks/queue?device=stage")).body;
  assert.equal(queue[0].position, 1);
  assert.equal(queue[0].blocked_by[0].lock_id, first.id);
  await call(rig, "POST", `/locks/${first.id}/release`, {}, withKey(first.key));
  assert.equal((await waits).status, 201);
  const late = call(rig, "POST", "/locks", ask);
  await until(async () => (await call(rig, "GET", "/locks/queue")).body.queue.length > 0);
  await rig.clock.advance(10_000);
  const { status, body } = await late;
  assert.deepEqual([status, body.code, body.waited_ms], [409, "wait_timeout", 10_000]);
});

Deno.test("a ticket is polled until it is a grant, or given up, by who has its key", async () => {
  await using rig = await openCoordination();
  const first = await granted(rig);
  const prefer = { prefer: "respond-async" };
  const ask = { devices: ["stage"], type: "MANUAL_OPERATOR", wait_ms: 60_000 };
  const queued = await call(rig, "POST", "/locks", ask, prefer);
  assert.equal(queued.status, 202);
  assert.equal(queued.headers.get("location"), `/api/v1/tickets/${queued.body.ticket}`);
  assert.equal(queued.headers.get("preference-applied"), "respond-async");
  const path = `/tickets/${queued.body.ticket}`;
  assert.equal((await call(rig, "GET", path)).status, 403);
  const waiting = await call(rig, "GET", path, undefined, withKey(queued.body.key));
  assert.deepEqual([waiting.body.state, waiting.body.ticket.position], ["waiting", 1]);
  await call(rig, "POST", `/locks/${first.id}/release`, {}, withKey(first.key));
  const { body } = await call(rig, "GET", path, undefined, withKey(queued.body.key));
  assert.equal(body.state, "granted");
  assert.deepEqual(body.grant.devices, ["stage"]);

  const next = await call(rig, "POST", "/locks", ask, prefer);
  const given = `/tickets/${next.body.ticket}`;
  rig.principal = { kind: "user", name: "ola", role: "operator" };
  assert.equal((await call(rig, "DELETE", given)).status, 403);
  assert.equal((await call(rig, "DELETE", given, undefined, withKey(next.body.key))).status, 204);
  assert.deepEqual((await call(rig, "GET", "/locks/queue")).body.queue, []);
});

Deno.test("a renewal lives on from now; after its end it tells how the lock was lost", async () => {
  await using rig = await openCoordination();
  const { id, key, fences } = await granted(rig);
  await rig.clock.advance(20_000);
  const renewed = await call(rig, "POST", `/locks/${id}/renew`, {}, withKey(key));
  assert.equal(renewed.status, 200);
  assert.equal(renewed.body.expires_at, "2026-01-25T20:00:50.000Z");
  assert.deepEqual(renewed.body.fences, fences);
  assert.equal((await call(rig, "POST", `/locks/${id}/renew`, {}, withKey("wrong"))).status, 403);
  assert.equal((await call(rig, "POST", `/locks/${id}/renew`, {})).status, 403);
  await rig.clock.advance(30_000);
  const lost = await call(rig, "POST", `/locks/${id}/renew`, {}, withKey(key));
  assert.deepEqual([lost.status, lost.body.code, lost.body.reason, lost.body.at], [
    410,
    "lock_lost",
    "expired",
    "2026-01-25T20:00:50.000Z",
  ]);
  const unknown = await call(rig, "POST", "/locks/01KFPS2Y8E9N6VYPTT1MYH05CQ/renew", {});
  assert.deepEqual([unknown.status, unknown.body.code], [404, "lock_unknown"]);
});

Deno.test("devices are given back singly or together, and twice is harmless", async () => {
  await using rig = await openCoordination();
  const { id, key } = await granted(rig, { devices: ["a", "b"] });
  const release = (body: unknown) => call(rig, "POST", `/locks/${id}/release`, body, withKey(key));
  assert.deepEqual((await release({ devices: ["a"] })).body, {
    released: ["a"],
    already_released: [],
  });
  assert.equal((await call(rig, "GET", "/devices/b/lock")).body.locked, true);
  assert.deepEqual((await release({})).body.released, ["b"]);
  const { status, body } = await release({});
  assert.equal(status, 200);
  assert.deepEqual(body.released, []);
});

Deno.test("a lock is converted, extended and handed over in place", async () => {
  await using rig = await openCoordination();
  const { id, key, fences } = await granted(rig, {}, as("scan"));
  const act = (verb: string, body: unknown) =>
    call(rig, "POST", `/locks/${id}/${verb}`, body, { ...withKey(key), ...as("scan") });
  const converted = await act("convert", { type: "QUEUE_QUEUED" });
  assert.deepEqual([converted.body.type, converted.body.fences], ["QUEUE_QUEUED", fences]);
  assert.equal((await act("convert", {})).status, 422);
  const extended = await act("extend", { devices: ["camera"] });
  assert.deepEqual(extended.body.devices, ["camera", "stage"]);
  assert.equal(extended.body.fences.stage, fences.stage);
  await granted(rig, { devices: ["lamp"] });
  assert.equal((await act("extend", { devices: ["lamp"] })).body.code, "device_locked");
  assert.equal(
    (await act("extend", { devices: ["x"], wait_ms: 1000 })).body.code,
    "would_deadlock",
  );
  const moved = await act("transfer", { to: "anna" });
  assert.equal(moved.body.owner.principal, "asserted:anna");
  assert(moved.body.fences.stage > fences.stage);
  assert.equal((await act("renew", {})).status, 403, "the old key is void");
});

Deno.test("a holder who is asked yields or refuses, and who has the right takes the lock away", async () => {
  await using rig = await openCoordination();
  const { id, key } = await granted(rig);
  const act = (verb: string, body: unknown) =>
    call(rig, "POST", `/locks/${id}/${verb}`, body, withKey(key));
  assert.equal((await act("ack", {})).body.code, "not_revoking");
  const ask = { devices: ["stage"], type: "QUEUE_EXECUTING" };
  const refusedAsk = call(rig, "POST", "/locks", ask);
  await until(async () => (await call(rig, "GET", `/locks/${id}`)).body.state === "revoking");
  const { revoke } = (await call(rig, "GET", `/locks/${id}`)).body;
  assert.deepEqual([revoke.refusable, revoke.deadline], [true, "2026-01-25T20:00:05.000Z"]);
  assert.equal((await act("ack", { yield: false, reason: "mid-focus" })).status, 200);
  assert.equal((await refusedAsk).status, 409);
  const yieldedAsk = call(rig, "POST", "/locks", ask);
  await until(async () => (await call(rig, "GET", `/locks/${id}`)).body.state === "revoking");
  await act("ack", { yield: true });
  const won = await yieldedAsk;
  assert.equal(won.status, 201);

  assert.equal((await call(rig, "POST", `/locks/${won.body.id}/revoke`, {})).status, 422);
  const taken = await call(rig, "POST", `/locks/${won.body.id}/revoke`, { reason: "fire drill" });
  assert.equal(taken.status, 200);
  const lost = await call(
    rig,
    "POST",
    `/locks/${won.body.id}/renew`,
    {},
    withKey(won.body.key),
  );
  assert.deepEqual([lost.body.code, lost.body.reason], ["lock_lost", "forced"]);
});

Deno.test("an operator takes and gives back; maintenance, endless and force are an admin's", async () => {
  await using rig = await openCoordination();
  rig.principal = { kind: "user", name: "ola", role: "operator" };
  const { id } = await granted(rig);
  for (
    const [ask, needs] of [
      [{ type: "MAINTENANCE" }, "lock:maintenance"],
      [{ type: "MANUAL_OPERATOR", lease_ms: null }, "lock:unbounded"],
      [{ type: "MANUAL_OPERATOR", preempt: "force" }, "lock:force"],
    ] as const
  ) {
    const { status, body } = await call(rig, "POST", "/locks", { devices: ["x"], ...ask });
    assert.deepEqual([status, body.code, body.needs], [403, "not_permitted", needs]);
  }
  assert.equal((await call(rig, "POST", `/locks/${id}/renew`, {})).status, 200, "by login alone");
  rig.principal = { kind: "user", name: "eve", role: "operator" };
  assert.equal((await call(rig, "POST", `/locks/${id}/release`, {})).status, 403);
  rig.principal = {
    kind: "token",
    tokenId: "t",
    name: "logger",
    role: "admin",
    scopes: ["telemetry"],
  };
  assert.equal(
    (await call(rig, "POST", "/locks", { devices: ["x"], type: "QUEUE_QUEUED" })).status,
    403,
  );
  const revoked = await call(rig, "POST", `/locks/${id}/revoke`, { reason: "mine" });
  assert.deepEqual([revoked.status, revoked.body.needs], [403, "lock:force"]);
});

Deno.test("what a request would meet is told without changing anything", async () => {
  await using rig = await openCoordination();
  await granted(rig, { type: "QUEUE_QUEUED" });
  const { seq } = rig.locks;
  const dry = async (type: string) =>
    (await call(rig, "POST", "/locks", { devices: ["stage"], type, dry_run: true })).body;
  assert.equal((await dry("QUEUE_QUEUED")).allowed, false);
  const higher = await dry("MANUAL_OPERATOR");
  assert.deepEqual([higher.allowed, higher.would_preempt], [true, true]);
  assert.equal(rig.locks.seq, seq);
});

Deno.test("reads carry the decision they stand at, and are not sent twice", async () => {
  await using rig = await openCoordination();
  const { id } = await granted(rig, { devices: ["stage/x"] });
  for (const path of [`/locks/${id}`, "/devices/stage%2Fx/lock"]) {
    const { status, headers, body } = await call(rig, "GET", path);
    assert.deepEqual([status, body.seq, body.epoch], [200, rig.locks.seq, rig.locks.epoch]);
    const etag = headers.get("etag")!;
    const same = await call(rig, "GET", path, undefined, { "if-none-match": etag });
    assert.equal(same.status, 304);
  }
  const none = await call(rig, "GET", "/locks?type=MAINTENANCE");
  assert.deepEqual(none.body.locks, []);
  assert.equal((await call(rig, "GET", "/locks?device=stage%2Fx")).body.locks[0].id, id);
  assert.equal((await call(rig, "GET", "/locks?typ=x")).status, 422);
});

Deno.test("the record holds every decision, denials too, in pages or line by line", async () => {
  await using rig = await openCoordination();
  const { id, key } = await granted(rig);
  await call(rig, "POST", "/locks", { devices: ["stage"], type: "QUEUE_QUEUED" });
  await call(rig, "POST", `/locks/${id}/release`, { reason: "done" }, withKey(key));
  const page = (await call(rig, "GET", "/locks/audit?limit=2")).body;
  assert.deepEqual(page.records.map((r: { action: string }) => r.action), ["released", "denied"]);
  const rest = (await call(rig, "GET", `/locks/audit?limit=2&cursor=${page.next}`)).body;
  assert.equal(rest.records[0].action, "acquired");
  const lines = await rig.fetch("/api/v1/locks/audit?device=stage", {
    headers: { accept: "application/x-ndjson" },
  });
  assert.equal(lines.headers.get("content-type"), "application/x-ndjson");
  const records = (await lines.text()).trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(records.map(({ action }) => action), ["acquired", "denied", "released"]);
  const denied = (await call(rig, "GET", "/locks/audit?action=denied")).body;
  assert.equal(denied.records.length, 1);
});

Deno.test("the stream resumes after the last decision seen and says where something is gone", async () => {
  await using rig = await openCoordination();
  const { id, key } = await granted(rig);
  const { seq } = rig.locks;
  await call(rig, "POST", `/locks/${id}/renew`, {}, withKey(key));
  const reply = await rig.fetch("/api/v1/locks/events", {
    headers: { "last-event-id": String(seq) },
  });
  assert.equal(reply.headers.get("content-type"), "text/event-stream");
  const reader = reply.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const seen = async (wanted: RegExp) => {
    while (!wanted.test(text)) text += (await reader.read()).value ?? assert.fail(text);
    return wanted.exec(text)!;
  };
  await seen(/"action":"renewed"/);
  assert.equal(text.includes('"acquired"'), false, "what was seen before is not repeated");
  await call(rig, "POST", `/locks/${id}/release`, {}, withKey(key));
  const [, last] = await seen(/id: (\d+)\nevent: lock\ndata: [^\n]*"released"/);
  assert.equal(Number(last), rig.locks.seq);
  await rig.clock.advance(15_000);
  await seen(/event: ping/);
  await reader.cancel();

  const ahead = await rig.fetch("/api/v1/locks/events?since=999999");
  const first = ahead.body!.pipeThrough(new TextDecoderStream()).getReader();
  text = "";
  while (!text.includes("event: gap")) text += (await first.read()).value ?? assert.fail(text);
  await first.cancel();
});

Deno.test("hardware outside asks before it moves, and an old fence is refused", async () => {
  await using rig = await openCoordination();
  const old = await granted(rig, { type: "QUEUE_QUEUED" });
  const check = (fence: number, lock_id: string | null) =>
    call(rig, "POST", "/gate/check", { device: "stage", fence, lock_id, command: "move" });
  assert.deepEqual((await check(old.fences.stage, old.id)).body, {
    allow: true,
    fence: old.fences.stage,
  });
  const next = await granted(rig);
  const stale = await check(old.fences.stage, old.id);
  assert.equal(stale.status, 423);
  assert.equal(stale.body.code, "gate_refused");
  assert.equal(stale.body.current_fence, next.fences.stage);
  assert.equal((await check(next.fences.stage, next.id)).status, 200);
});

Deno.test("a command is its holder's when it brings the lock's key", async () => {
  await using rig = await openCoordination();
  const { key, owner } = await granted(rig);
  const actor = (of: Parameters<typeof commandActor>[3]) =>
    commandActor(rig.locks, rig.principal, "stage", of);
  assert.equal(actor({ key }), owner.principal);
  assert.throws(() => actor({ key: "wrong" }), /no lock on "stage" now/);
  assert.equal(actor({}), "local:local");
  assert.equal(actor({ client: "scan" }), "local:local/scan");
  assert.equal(
    commandActor(rig.locks, { kind: "user", name: "anna", role: "operator" }, "stage", {
      client: "scan",
    }),
    "user:anna",
    "a name is no login",
  );
});

Deno.test("the policy is read and changed, and the change is on record", async () => {
  await using rig = await openCoordination();
  const policy = (await call(rig, "GET", "/locks/policy")).body;
  assert.equal(policy.over.MANUAL_OPERATOR.QUEUE_QUEUED.rule, "immediate");
  const changed = await call(rig, "PUT", "/locks/policy", {
    ...policy,
    equalPriorityOverride: true,
  });
  assert.equal(changed.status, 200);
  await granted(rig);
  await granted(rig);
  const { records } = (await call(rig, "GET", "/locks/audit?action=policy_changed")).body;
  assert.equal(records.length, 1);
});

Deno.test("a body that does not fit is refused with every fault", async () => {
  await using rig = await openCoordination();
  for (
    const body of [
      {},
      { devices: [], type: "MANUAL_OPERATOR" },
      { devices: ["a"], type: "manual" },
      { devices: ["a"], type: "MANUAL_OPERATOR", lease_ms: 0 },
      { devices: ["a"], type: "MANUAL_OPERATOR", lease: 5 },
      { devices: ["a\n"], type: "MANUAL_OPERATOR" },
      { devices: Array.from({ length: 65 }, (_, i) => `d${i}`), type: "QUEUE_QUEUED" },
      { devices: ["a"], type: "MANUAL_OPERATOR", not_before: "tomorrow" },
    ]
  ) {
    const { status, body: problem } = await call(rig, "POST", "/locks", body);
    assert.equal(status, 422, JSON.stringify(body));
    assert.equal(problem.code, "invalid_request");
  }
  const slot = await call(rig, "POST", "/locks", {
    devices: ["a"],
    type: "QUEUE_QUEUED",
    not_before: "2026-01-25T21:30:00+01:00",
    not_after: Date.UTC(2026, 0, 25, 21),
  }, { prefer: "respond-async" });
  assert.equal(slot.status, 202);
  assert.equal(slot.body.not_before, "2026-01-25T20:30:00.000Z");
});
