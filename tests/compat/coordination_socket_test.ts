import assert from "node:assert/strict";
import { LockAsk } from "../../lib/locks/mod.ts";
import { type CoordinationRig, openCoordination, START } from "./coordination_rig.ts";
import { SocketClient } from "./socket_client.ts";

interface Served extends AsyncDisposable {
  readonly rig: CoordinationRig;
  readonly url: string;
}

async function serveRig(options: Parameters<typeof openCoordination>[0] = {}): Promise<Served> {
  const rig = await openCoordination(options);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => rig.app.fetch(request, { face: "locks" }),
  );
  return {
    rig,
    url: `http://127.0.0.1:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]();
      await server.shutdown();
    },
  };
}

Deno.test("the socket begins with all locks, then tells of each change in three words", async () => {
  await using served = await serveRig();
  const { rig, url } = served;
  const kept = await rig.request({ device_name: "kept" });
  await using socket = await SocketClient.open(`${url}/ws`);
  const first = await socket.next();
  assert.equal(first.type, "initial_status");
  assert.equal(first.data.total_count, 1);
  assert.equal(first.data.timestamp, START);
  assert.equal(first.data.locks[0].device_name, "kept");

  const queued = await rig.request({ lock_type: "QUEUE_QUEUED", user_id: "queue" });
  const acquired = await socket.next();
  assert.deepEqual(acquired, {
    type: "lock_update",
    action: "acquired",
    device_name: "motor1",
    lock: (await rig.ask("GET", "/api/locks/device/motor1")).body.lock,
    timestamp: START,
  });

  const manual = await rig.request({ user_id: "anna" });
  assert.equal(manual.success, true);
  const forced = await socket.next();
  assert.equal(forced.action, "force_released");
  assert.equal(forced.reason, "Overridden by higher priority MANUAL_OPERATOR");
  assert.deepEqual(forced.lock, acquired.lock, "the lock as it was before");
  assert.equal(forced.lock.fence, queued.fence);
  assert.equal((await socket.next()).lock.user_id, "anna");

  await rig.release("motor1", manual.lock_key, "anna");
  const released = await socket.next();
  assert.deepEqual([released.action, released.lock.user_id], ["released", "anna"]);
  assert.equal(released.reason, undefined);

  await rig.request({ timeout: 5 });
  assert.equal((await socket.next()).action, "acquired");
  await rig.clock.advance(5000);
  const expired = await socket.next();
  assert.deepEqual([expired.action, expired.reason], ["force_released", "Expired"]);
  await rig.release("kept", kept.lock_key, "anna");
  assert.equal((await socket.next()).device_name, "kept");
});

Deno.test("a plan that begins to run is told as one acquisition, and longer leases are not told", async () => {
  await using served = await serveRig();
  const { rig, url } = served;
  await using socket = await SocketClient.open(`${url}/ws`);
  await socket.next();
  await rig.request({ lock_type: "QUEUE_QUEUED", plan_uid: "p", timeout: 10 });
  assert.equal((await socket.next()).lock.lock_type, "QUEUE_QUEUED");
  await rig.request({ lock_type: "QUEUE_QUEUED", plan_uid: "p", timeout: 99 });
  await rig.request({ lock_type: "QUEUE_EXECUTING", plan_uid: "p", timeout: 10 });
  const converted = await socket.next();
  assert.deepEqual([converted.action, converted.lock.lock_type], ["acquired", "QUEUE_EXECUTING"]);
  socket.send({ type: "ping" });
  assert.equal((await socket.next()).type, "pong");
});

Deno.test("the socket answers ping and get_status, and outlives what it does not understand", async () => {
  await using served = await serveRig();
  await using socket = await SocketClient.open(`${served.url}/ws`);
  await socket.next();
  for (const text of ["", "not json", "[]", "null", "3", '{"type":"subscribe"}', '{"type":null}']) {
    socket.send(text);
  }
  socket.send({ type: "ping" });
  assert.deepEqual(await socket.next(), { type: "pong", timestamp: START });
  socket.send({ type: "get_status" });
  assert.deepEqual(await socket.next(), {
    type: "status_response",
    data: { locks: [], total_count: 0, timestamp: START },
  });
});

Deno.test("who says hello in version 2 hears everything, in the native words", async () => {
  await using served = await serveRig();
  const { rig, url } = served;
  await using socket = await SocketClient.open(`${url}/ws`);
  await socket.next();
  socket.send({ type: "hello", version: 2 });
  const { seq, epoch, realm } = rig.locks;
  assert.deepEqual(await socket.next(), { type: "hello", version: 2, seq, epoch, realm });
  await rig.request({ timeout: 10 });
  const { type, event } = await socket.next();
  assert.deepEqual([type, event.action, event.seq], ["event", "acquired", seq + 1]);
  await rig.request({ timeout: 20 });
  assert.equal((await socket.next()).event.action, "renewed");
  await rig.clock.advance(20_000);
  assert.equal((await socket.next()).event.action, "expired");
});

Deno.test("a group of devices is one lock each to the old socket", async () => {
  await using served = await serveRig();
  const { rig, url } = served;
  await using socket = await SocketClient.open(`${url}/ws`);
  await socket.next();
  const made = await rig.ask("POST", "/api/v1/locks", {
    devices: ["b", "a"],
    type: "QUEUE_QUEUED",
  });
  assert.equal(made.status, 201);
  const told = [await socket.next(), await socket.next()];
  assert.deepEqual(told.map(({ action, device_name }) => `${action} ${device_name}`), [
    "acquired a",
    "acquired b",
  ]);
});

Deno.test("a subscriber that does not read is dropped and holds up nobody", async () => {
  await using served = await serveRig();
  const { rig, url } = served;
  const port = Number(new URL(url).port);
  using stalled = await Deno.connect({ hostname: "127.0.0.1", port });
  const upgrade = [
    "GET /ws HTTP/1.1",
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ].join("\r\n") + "\r\n\r\n";
  await stalled.write(new TextEncoder().encode(upgrade));
  await stalled.read(new Uint8Array(16));
  await using reader = await SocketClient.open(`${url}/ws`);
  await reader.next();
  while (rig.coordination.subscribers < 2) {
    reader.send({ type: "ping" });
    await reader.next();
  }

  const asker = {
    actor: "asserted:anna",
    label: "anna",
    client: null,
    asserted: true,
    may: ["lock:write"],
  } as const;
  const deviceIds = Array.from({ length: 64 }, (_, i) => `${"device".repeat(9)}${i}`);
  const ask = LockAsk.parse({ deviceIds, type: "QUEUE_QUEUED", reason: "r".repeat(500) });
  let grants = 0;
  while (rig.coordination.subscribers > 1 && grants < 5000) {
    const made = await rig.locks.request(ask, { ...asker, may: [...asker.may] });
    assert(made.ok && made.value.kind === "granted");
    const { lock, key } = made.value.grant;
    await rig.locks.release(lock.id, { asker: { ...asker, may: [...asker.may] }, key });
    grants++;
    for (let i = 0; i < 2 * deviceIds.length; i++) await reader.next();
    // Its queue is looked at again in its own time.
    await rig.clock.advance(20);
  }
  assert.equal(rig.coordination.subscribers, 1, `after ${grants} grants`);
  assert.equal((await rig.request({})).success, true);
  assert.equal((await reader.next()).device_name, "motor1", "who reads missed nothing");
});

Deno.test("more subscribers than are served are refused, and all are sent away at the end", async () => {
  await using served = await serveRig({ viewersMax: 1 });
  const { rig, url } = served;
  const socket = await SocketClient.open(`${url}/ws`);
  await socket.next();
  await assert.rejects(SocketClient.open(`${url}/ws`));
  const reply = await rig.fetch("/api/v1/locks/events");
  assert.equal(reply.status, 503);
  await reply.body?.cancel();
  await rig[Symbol.asyncDispose]();
  assert.equal((await socket.closed).code, 1001);
});

Deno.test("the native socket replays what was missed, goes on live, and refuses what is no handshake", async () => {
  await using served = await serveRig();
  const { rig, url } = served;
  const { seq, epoch, realm } = rig.locks;
  const { lock_key } = await rig.request({});
  await using socket = await SocketClient.open(`${url}/api/v1/locks/ws?since=${seq}`);
  assert.deepEqual(await socket.next(), { type: "hello", seq, epoch, realm });
  const missed = await socket.next();
  assert.deepEqual([missed.type, missed.event.action, missed.event.seq], [
    "event",
    "acquired",
    seq + 1,
  ]);
  await rig.release("motor1", lock_key, "anna");
  assert.equal((await socket.next()).event.action, "released");
  socket.send({ type: "ping" });
  assert.deepEqual(await socket.next(), { type: "pong", now: "2026-01-25T20:00:00.000Z" });
  await using ahead = await SocketClient.open(`${url}/api/v1/locks/ws?since=999999`);
  await ahead.next();
  assert.deepEqual(await ahead.next(), { type: "gap", from_seq: 1 });
  for (const path of ["/ws", "/api/v1/locks/ws", "/api/v1/locks/ws?since=x"]) {
    const reply = await fetch(url + path);
    assert([404, 422].includes(reply.status), `${path}: ${reply.status}`);
    await reply.body?.cancel();
    const half = await rig.fetch(path, { headers: { upgrade: "websocket" } });
    assert.equal(half.status, 422, path);
    await half.body?.cancel();
  }
});
