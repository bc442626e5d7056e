import assert from "node:assert/strict";
import { openCoordination, START } from "./coordination_rig.ts";

const NAIVE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/;

Deno.test("a lock is given as the original gives it, its times in UTC without a word of it", async () => {
  await using rig = await openCoordination();
  const given = await rig.request({ timeout: 60, reason: "align", plan_uid: "p1" });
  assert.deepEqual(given, {
    success: true,
    lock_key: given.lock_key,
    message: "Lock acquired for motor1",
    expires_at: "2026-01-25T20:01:00.000000",
    fence: given.fence,
  });
  assert.match(given.lock_key, /^[\w-]{43}$/);
  const { status, body } = await rig.ask("GET", "/api/locks/device/motor1");
  assert.equal(status, 200);
  assert.match(body.lock.lock_key, /^sha256:[0-9a-f]{16}$/);
  const lock = {
    device_name: "motor1",
    lock_type: "MANUAL_OPERATOR",
    user_id: "anna",
    lock_key: body.lock.lock_key,
    acquired_at: START,
    expires_at: "2026-01-25T20:01:00.000000",
    reason: "align",
    plan_uid: "p1",
    priority: 2,
    fence: given.fence,
    asserted: true,
  };
  assert.deepEqual(body, { device_name: "motor1", locked: true, lock, timestamp: START });
  assert.deepEqual((await rig.ask("GET", "/api/locks/status")).body, {
    locks: [lock],
    total_count: 1,
    timestamp: START,
  });
});

Deno.test("a denial is an answer like any other, and names type and end as Python writes them", async () => {
  await using rig = await openCoordination();
  await rig.request({ timeout: 60 });
  const denied = await rig.ask("POST", "/api/lock/request", {
    device_name: "motor1",
    lock_type: "QUEUE_QUEUED",
    user_id: "bert",
  });
  assert.deepEqual(denied, {
    status: 200,
    body: {
      success: false,
      lock_key: null,
      message: "Device motor1 is locked by MANUAL_OPERATOR (expires: 2026-01-25 20:01:00.000000)",
      expires_at: null,
    },
  });
  await rig.request({ device_name: "endless", timeout: null });
  assert.equal(
    (await rig.request({ device_name: "endless", user_id: "bert" })).message,
    "Device endless is locked by MANUAL_OPERATOR (expires: None)",
  );
});

Deno.test("a lock is released from the query, by its key and then its user, and only once", async () => {
  await using rig = await openCoordination();
  const { lock_key } = await rig.request({});
  const fails = [
    [await rig.release("nothing", lock_key, "anna"), 404, "No lock found for device nothing"],
    [await rig.release("motor1", "wrong", "bert"), 403, "Invalid lock key"],
    [await rig.release("motor1", lock_key, "bert"), 403, "Not authorized to release this lock"],
  ] as const;
  for (const [found, status, detail] of fails) {
    assert.deepEqual(found, { status, body: { detail } });
  }
  assert.deepEqual(await rig.release("motor1", lock_key, "anna"), {
    status: 200,
    body: { success: true, message: "Lock released for motor1" },
  });
  assert.equal((await rig.release("motor1", lock_key, "anna")).status, 404);
  const { status, body } = await rig.ask("POST", "/api/lock/release?device_name=motor1", {
    lock_key,
    user_id: "anna",
  });
  assert.equal(status, 422, "a body is not read");
  assert.deepEqual(body.detail, [
    { type: "missing", loc: ["query", "lock_key"], msg: "Field required", input: null },
    { type: "missing", loc: ["query", "user_id"], msg: "Field required", input: null },
  ]);
});

Deno.test("what does not fit is refused with every fault, where it stands", async () => {
  await using rig = await openCoordination();
  const asked = { device_name: 3, lock_type: "maintenance", timeout: "x", priority: 0 };
  const { status, body } = await rig.ask("POST", "/api/lock/request", asked);
  assert.equal(status, 422);
  const expected = "'MAINTENANCE', 'QUEUE_EXECUTING', 'MANUAL_OPERATOR' or 'QUEUE_QUEUED'";
  assert.deepEqual(body.detail, [
    {
      type: "string_type",
      loc: ["body", "device_name"],
      msg: "Input should be a valid string",
      input: 3,
    },
    {
      type: "enum",
      loc: ["body", "lock_type"],
      msg: `Input should be ${expected}`,
      input: "maintenance",
      ctx: { expected },
    },
    { type: "missing", loc: ["body", "user_id"], msg: "Field required", input: asked },
    {
      type: "int_parsing",
      loc: ["body", "timeout"],
      msg: "Input should be a valid integer, unable to parse string as an integer",
      input: "x",
    },
  ]);
  const kindOf = async (body: string) => {
    const { status, body: { detail } } = await rig.ask("POST", "/api/lock/request", body);
    assert.equal(status, 422);
    return [detail[0].type, detail[0].loc[0], detail[0].loc.length];
  };
  assert.deepEqual(await kindOf('{"device_name":"x",'), ["json_invalid", "body", 2]);
  assert.deepEqual(await kindOf(""), ["missing", "body", 1]);
  assert.deepEqual(await kindOf("[]"), ["model_attributes_type", "body", 1]);
  const text = await rig.fetch("/api/lock/request", {
    method: "POST",
    headers: { "content-type": "text/plain" },
    body: '{"device_name":"m","lock_type":"QUEUE_QUEUED","user_id":"b"}',
  });
  assert.equal(text.status, 422, "what does not call itself JSON is not read as JSON");
  assert.equal((await text.json()).detail[0].type, "model_attributes_type");
  assert.equal(rig.locks.list().value.length, 0);
});

Deno.test("a timeout is read as the original reads it, but for those that make no lock", async () => {
  await using rig = await openCoordination();
  const DAY = "2026-01-26T20:00:00.000000";
  const cases: [unknown, string | null | 422][] = [
    [1.0, "2026-01-25T20:00:01.000000"],
    [true, "2026-01-25T20:00:01.000000"],
    ["5", "2026-01-25T20:00:05.000000"],
    [null, null],
    [0, null],
    [1e15, DAY],
    ["99999999999999999999", DAY],
    [1.5, 422],
    [-1, 422],
    ["-5", 422],
    ["soon", 422],
    [[], 422],
  ];
  for (const [i, [timeout, end]] of cases.entries()) {
    const { status, body } = await rig.ask("POST", "/api/lock/request", {
      device_name: `m${i}`,
      lock_type: "MANUAL_OPERATOR",
      user_id: "anna",
      timeout,
    });
    assert.equal(status === 422 ? 422 : body.expires_at, end, JSON.stringify(timeout));
  }
  assert.equal((await rig.request({ device_name: "d" })).expires_at, "2026-01-25T20:05:00.000000");
});

Deno.test("who may not hold without an end gets a day, and nobody without the right gets maintenance", async () => {
  await using rig = await openCoordination();
  rig.principal = { kind: "user", name: "ola", role: "operator" };
  for (const timeout of [null, 0]) {
    const { expires_at } = await rig.request({ device_name: `m${timeout}`, timeout });
    assert.equal(expires_at, "2026-01-26T20:00:00.000000");
  }
  const { status, body } = await rig.ask("POST", "/api/lock/request", {
    device_name: "m",
    lock_type: "MAINTENANCE",
    user_id: "ola",
  });
  assert.equal(status, 403);
  assert.equal(typeof body.detail, "string");
});

Deno.test("a name may hold anything but nothing, control characters and more than 128 characters", async () => {
  await using rig = await openCoordination();
  for (const device of ["a b", "ä/µ", "stage:x", "x".repeat(128)]) {
    assert.equal((await rig.request({ device_name: device })).success, true, device);
    const { body } = await rig.ask("GET", `/api/locks/device/${encodeURIComponent(device)}`);
    assert.equal(body.device_name, device);
    assert.equal(body.locked, true, device);
  }
  for (const device of ["", "a\u0000b", "tab\t", "x".repeat(129)]) {
    assert.equal((await rig.request({ device_name: device })).detail[0].loc[1], "device_name");
  }
});

Deno.test("a device nobody ever named is free, and stays unnamed", async () => {
  await using rig = await openCoordination();
  assert.deepEqual(await rig.ask("GET", "/api/locks/device/never"), {
    status: 200,
    body: { device_name: "never", locked: false, lock: null, timestamp: START },
  });
});

Deno.test("asking again is harmless: same key, same fence, the later end", async () => {
  await using rig = await openCoordination();
  const first = await rig.request({ timeout: 60, plan_uid: "p" });
  const shorter = await rig.request({ timeout: 5, plan_uid: "p" });
  assert.deepEqual(shorter, first);
  await rig.clock.advance(1000);
  const longer = await rig.request({ timeout: 60, plan_uid: "p" });
  assert.deepEqual(longer, { ...first, expires_at: "2026-01-25T20:01:01.000000" });
  const other = await rig.request({ timeout: 60, plan_uid: "q" });
  assert.equal(other.success, false, "another plan of the same user is another");
});

Deno.test("a queued plan that runs keeps its lock, as another type", async () => {
  await using rig = await openCoordination();
  const queued = await rig.request({ lock_type: "QUEUE_QUEUED", plan_uid: "p" });
  const running = await rig.request({ lock_type: "QUEUE_EXECUTING", plan_uid: "p" });
  assert.equal(running.lock_key, queued.lock_key);
  assert.equal(running.fence, queued.fence);
  const { body } = await rig.ask("GET", "/api/locks/device/motor1");
  assert.equal(body.lock.lock_type, "QUEUE_EXECUTING");
  assert.equal(body.lock.priority, 1);
});

Deno.test("a higher type takes the device with a higher fence, an equal one does not", async () => {
  await using rig = await openCoordination();
  const queued = await rig.request({ lock_type: "QUEUE_QUEUED", user_id: "queue" });
  assert.equal((await rig.request({ lock_type: "QUEUE_QUEUED", user_id: "other" })).success, false);
  const manual = await rig.request({ user_id: "anna" });
  assert.equal(manual.success, true);
  assert(manual.fence > queued.fence);
  assert.deepEqual(await rig.release("motor1", queued.lock_key, "queue"), {
    status: 403,
    body: { detail: "Invalid lock key" },
  });
});

Deno.test("a running plan asks the operator, who has five seconds, within the one request", async () => {
  await using rig = await openCoordination();
  await rig.request({ user_id: "anna", timeout: 600 });
  const asked = rig.request({ lock_type: "QUEUE_EXECUTING", user_id: "queue_server" });
  await rig.clock.advance(4900);
  const { body } = await rig.ask("GET", "/api/locks/device/motor1");
  assert.equal(body.lock.user_id, "anna");
  await rig.clock.advance(200);
  assert.equal((await asked).success, true);
});

Deno.test("a lock that ran out is gone at once: not listed, not found, free", async () => {
  await using rig = await openCoordination();
  const { lock_key } = await rig.request({ timeout: 10 });
  await rig.clock.advance(9_999);
  assert.equal((await rig.ask("GET", "/api/locks/status")).body.total_count, 1);
  await rig.clock.advance(1);
  assert.deepEqual((await rig.ask("GET", "/api/locks/status")).body.locks, []);
  assert.equal((await rig.ask("GET", "/api/locks/device/motor1")).body.locked, false);
  assert.equal((await rig.release("motor1", lock_key, "anna")).status, 404);
  assert.equal((await rig.ask("GET", "/api/health/ready")).body.active_locks, 0);
  assert.equal((await rig.request({ user_id: "bert" })).success, true);
});

Deno.test("lists show the keys only where that was configured, and such a key releases", async () => {
  await using rig = await openCoordination({ exposeLockKeys: true });
  const { lock_key } = await rig.request({});
  const { body } = await rig.ask("GET", "/api/locks/status");
  assert.equal(body.locks[0].lock_key, lock_key);
  assert.equal((await rig.release("motor1", body.locks[0].lock_key, "anna")).status, 200);
});

Deno.test("health says what it said, and more", async () => {
  await using rig = await openCoordination();
  assert.deepEqual((await rig.ask("GET", "/api/health/live")).body, {
    status: "alive",
    timestamp: START,
  });
  await rig.request({});
  assert.deepEqual(await rig.ask("GET", "/api/health/ready"), {
    status: 200,
    body: {
      status: "ready",
      redis_connected: true,
      active_locks: 1,
      store: "ok",
      epoch: rig.locks.epoch,
    },
  });
});

Deno.test("another method and another path are refused in the original's words", async () => {
  await using rig = await openCoordination();
  for (
    const [method, path, allow] of [
      ["GET", "/api/lock/request", "POST"],
      ["DELETE", "/api/lock/release", "POST"],
      ["POST", "/api/locks/status", "GET"],
      ["PUT", "/api/locks/device/x", "GET"],
      ["POST", "/api/health/live", "GET"],
    ] as const
  ) {
    const reply = await rig.fetch(path, { method });
    assert.equal(reply.status, 405, path);
    assert.equal(reply.headers.get("allow"), allow);
    assert.match(reply.headers.get("content-type")!, /^application\/json/);
    assert.deepEqual(await reply.json(), { detail: "Method Not Allowed" });
  }
  for (const path of ["/", "/nope", "/api/locks", "/api/locks/device/"]) {
    const reply = await rig.fetch(path);
    assert.equal(reply.status, 404, path);
    assert.deepEqual(await reply.json(), { detail: "Not Found" });
  }
  const native = await rig.fetch("/api/v1/locks/01KFPS2Y8E9N6VYPTT1MYH05CQ");
  assert.equal(native.headers.get("content-type"), "application/problem+json");
  await native.body?.cancel();
});

Deno.test("behind a login the login owns the lock, and user_id tells its users apart", async () => {
  await using rig = await openCoordination();
  rig.principal = { kind: "token", tokenId: "t", name: "queue", role: "operator", scopes: [] };
  const { lock_key } = await rig.request({ user_id: "anna" });
  const { body } = await rig.ask("GET", "/api/locks/device/motor1");
  assert.equal(body.lock.user_id, "anna");
  assert.equal(body.lock.asserted, false);
  assert.equal(rig.locks.byDevice("motor1").value!.owner.actor, "token:queue");
  assert.equal((await rig.request({ user_id: "bert" })).success, false, "not his, same login");
  assert.equal((await rig.release("motor1", lock_key, "bert")).status, 403);
  assert.equal((await rig.release("motor1", lock_key, "anna")).status, 200);
});

Deno.test("every moment shown has six digits and no zone", async () => {
  await using rig = await openCoordination();
  await rig.clock.advance(123);
  await rig.request({});
  const { body } = await rig.ask("GET", "/api/locks/status");
  const [lock] = body.locks;
  for (const time of [body.timestamp, lock.acquired_at, lock.expires_at]) assert.match(time, NAIVE);
  assert.equal(lock.acquired_at, "2026-01-25T20:00:00.123000");
});
