import assert from "node:assert/strict";
import { runInstrument, type RunningInstrument } from "../running_instrument.ts";

const LONG = Deno.env.get("HOLDFAST_LONG") === "1";
const TRIALS = LONG ? 200 : 20;
const CYCLES = LONG ? 400 : 25;

/** The original's calls over HTTP, on the locks' own port. */
function clientOf(instrument: RunningInstrument) {
  const base = instrument.faces.locks;
  const post = async (path: string, body?: unknown) => {
    const reply = await fetch(base + path, {
      method: "POST",
      ...(body === undefined ? {} : {
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    });
    return await reply.json();
  };
  return {
    request: (device_name: string, lock_type: string, user_id: string) =>
      post("/api/lock/request", { device_name, lock_type, user_id, timeout: 60 }),
    release: (device_name: string, lock_key: string, user_id: string) =>
      post(`/api/lock/release?${new URLSearchParams({ device_name, lock_key, user_id })}`),
    async holder(device: string) {
      const reply = await fetch(`${base}/api/locks/device/${encodeURIComponent(device)}`);
      return (await reply.json()).lock;
    },
  };
}

Deno.test("races of the original over HTTP end as they must", async (t) => {
  await using instrument = await runInstrument({ COORDINATION_PORT: "0" });
  const client = clientOf(instrument);

  await t.step("of fifty equals at once exactly one holds the device, and it knows", async () => {
    const users = Array.from({ length: 50 }, (_, i) => `user${i}`);
    const replies = await Promise.all(
      users.map((user) => client.request("camera", "MANUAL_OPERATOR", user)),
    );
    const winners = users.filter((_, i) => replies[i].success);
    assert.equal(winners.length, 1);
    assert.equal((await client.holder("camera")).user_id, winners[0]);
    const key = replies.find(({ success }) => success).lock_key;
    assert.equal((await client.release("camera", key, winners[0]!)).success, true);
  });

  await t.step(`a lower type never ends up over a higher one: ${TRIALS} trials`, async () => {
    let inversions = 0;
    for (let trial = 0; trial < TRIALS; trial++) {
      const device = `stage${trial}`;
      assert((await client.request(device, "QUEUE_QUEUED", "first")).success);
      const [lower, higher] = await Promise.all([
        client.request(device, "QUEUE_QUEUED", "second"),
        client.request(device, "MAINTENANCE", "service"),
      ]);
      assert.equal(higher.success, true);
      assert.equal(lower.success, false);
      const { lock_type, fence } = await client.holder(device);
      if (lock_type !== "MAINTENANCE" || fence !== higher.fence) inversions++;
    }
    assert.equal(inversions, 0);
  });

  await t.step("no two of many clients ever hold one device at the same time", async () => {
    // Each holds only between the answer to its request and the sending of its release.
    const holding = new Map<string, string>();
    const fences = new Map<string, number>();
    let grants = 0;
    const work = async (user: string) => {
      for (let i = 0; i < CYCLES; i++) {
        const device = `shared${(i + user.length) % 3}`;
        const { success, lock_key, fence } = await client.request(device, "MANUAL_OPERATOR", user);
        if (!success) continue;
        assert.equal(holding.get(device), undefined, `${device} was ${holding.get(device)}'s`);
        assert(fence > (fences.get(device) ?? -1), `the fence of ${device} rose`);
        holding.set(device, user);
        fences.set(device, fence);
        grants++;
        assert.equal((await client.holder(device)).user_id, user);
        holding.delete(device);
        assert.equal((await client.release(device, lock_key, user)).success, true);
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, i) => work(`${"u".repeat(i % 4)}${i}`)));
    assert(grants >= 16, `${grants} grants`);
  });

  await t.step(
    "the socket goes through every check on both ports, foreign pages do not",
    async () => {
      for (const base of [instrument.url, instrument.faces.locks!]) {
        const socket = new WebSocket(`${base.replace("http", "ws")}/ws`);
        const first = await new Promise<MessageEvent>((resolve, reject) => {
          socket.onmessage = resolve;
          socket.onerror = reject;
        });
        assert.equal(JSON.parse(first.data).type, "initial_status");
        const closed = new Promise((resolve) => socket.onclose = resolve);
        socket.close();
        await closed;
        const foreign = await fetch(`${base}/api/lock/request`, {
          method: "POST",
          headers: { "content-type": "application/json", origin: "https://evil.example" },
          body: "{}",
        });
        assert.equal(foreign.status, 403);
        await foreign.body?.cancel();
      }
      assert.deepEqual(instrument.complaints, []);
    },
  );

  await t.step(
    "unknown paths and methods are refused as there, behind all checks too",
    async () => {
      const base = instrument.faces.locks!;
      for (
        const [method, path, status, detail] of [
          ["POST", "/nope", 404, "Not Found"],
          ["GET", "/nope", 404, "Not Found"],
          ["DELETE", "/api/locks/status", 405, "Method Not Allowed"],
          ["PUT", "/api/lock/request", 405, "Method Not Allowed"],
          ["GET", "/api/lock/release", 405, "Method Not Allowed"],
        ] as const
      ) {
        const reply = await fetch(base + path, { method });
        assert.equal(reply.status, status, `${method} ${path}`);
        assert.deepEqual(await reply.json(), { detail });
        assert.equal(reply.headers.has("allow"), status === 405);
      }
      const preflight = await fetch(`${base}/api/lock/request`, { method: "OPTIONS" });
      assert.equal(preflight.status, 200);
      assert.equal(await preflight.text(), "OK");
    },
  );
});

Deno.test("pages of an origin that is allowed may use the locks' port", async () => {
  const origin = "https://lab.example.org";
  await using instrument = await runInstrument({
    COORDINATION_PORT: "0",
    HOLDFAST_SERVER_ALLOWED_ORIGINS: origin,
  });
  const url = `${instrument.faces.locks}/api/lock/request`;
  const preflight = await fetch(url, {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": "POST" },
  });
  assert.equal(await preflight.text(), "OK");
  assert.match(preflight.headers.get("content-type")!, /^text\/plain/);
  for (const [name, value] of [["origin", origin], ["credentials", "true"]]) {
    assert.equal(preflight.headers.get(`access-control-allow-${name}`), value);
  }
  assert.equal(preflight.headers.get("access-control-max-age"), "600");
  const reply = await fetch(`${instrument.faces.locks}/api/locks/status`, { headers: { origin } });
  assert.equal(reply.headers.get("access-control-allow-origin"), origin);
  assert.equal(reply.headers.get("access-control-allow-credentials"), "true");
  await reply.body?.cancel();
});
