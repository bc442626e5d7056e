import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { ManualClock } from "./clock.ts";
import type { AgentStatus } from "./devices/model.ts";
import { healthApi, type HealthSource } from "./health.ts";
import { createApi } from "./http.ts";
import { Kv } from "./kv.ts";
import { prometheusText, RequestMeter } from "./metrics.ts";

function agent(name: string, state: AgentStatus["state"]): AgentStatus {
  return {
    name,
    state,
    pid: 1,
    deviceIds: [],
    methods: [],
    restarts: 3,
    lastError: null,
    garbage: 0,
    late: 0,
    duplicates: 0,
    lastHelloAtMs: null,
  };
}

async function setUp(over: Partial<HealthSource> = {}, dir = tmpdir(), diskFloorMb = 1) {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  const startedAtMs = clock.nowMs();
  await clock.advance(90_000);
  const source: HealthSource = {
    version: "0.1.0",
    clock,
    kv,
    config: { data: { dir, diskFloorMb } },
    devices: { list: () => [], agents: () => [agent("bus-1", "ready")] },
    telemetry: { status: () => ({ buffered: 1, written: 20, lost: 0, fault: null }) },
    stream: { status: () => ({ viewers: 2, deliveries: 9, dropped: 0 }) },
    status: () => ({
      name: 'Vessel "A"',
      stripe: "#000000",
      simulated: true,
      state: "idle",
      holder: null,
      alarms: [],
      stopped: null,
      version: "0.1.0",
      startedAtMs,
      nowMs: clock.nowMs(),
    }),
    ...over,
  };
  const meter = new RequestMeter(clock);
  const app = createApi();
  app.use("*", meter.middleware);
  app.route("/", healthApi(source, meter));
  app.get("/experiments/:id", (c) => c.text("x"));
  return { app, clock, kv, [Symbol.asyncDispose]: async () => await kv.close() };
}

Deno.test("a working instrument is alive and ready", async () => {
  await using s = await setUp();
  assert.deepEqual(await (await s.app.request("/healthz")).json(), {
    status: "ok",
    version: "0.1.0",
  });
  const ready = await s.app.request("/readyz");
  assert.equal(ready.status, 200);
  const { status, checks } = await ready.json();
  assert.equal(status, "ok");
  assert.deepEqual(checks.map((c: { name: string }) => c.name), [
    "store",
    "disk",
    "telemetry",
    "agent bus-1",
  ]);
});

Deno.test("an agent that is away, a disk below its floor and a store that is closed each make it not ready", async () => {
  const failing = async (s: Awaited<ReturnType<typeof setUp>>) => {
    const ready = await s.app.request("/readyz");
    assert.equal(ready.status, 503);
    const { checks } = await ready.json();
    return checks.filter((c: { ok: boolean }) => !c.ok).map((c: { name: string }) => c.name);
  };
  {
    await using s = await setUp({
      devices: { list: () => [], agents: () => [agent("bus-2", "broken")] },
    });
    assert.deepEqual(await failing(s), ["agent bus-2"]);
  }
  {
    await using s = await setUp({}, tmpdir(), 1e12);
    assert.deepEqual(await failing(s), ["disk"]);
  }
  {
    await using s = await setUp({}, "/no/such/folder");
    assert.deepEqual(await failing(s), ["disk"]);
  }
  {
    const s = await setUp();
    await s.kv.close();
    assert.deepEqual(await failing(s), ["store"]);
  }
});

Deno.test("a store that does not answer is told after two seconds", async () => {
  await using s = await setUp({ kv: { seq: 0, get: () => new Promise(() => {}) } });
  const asked = s.app.request("/readyz");
  await s.clock.advance(2000);
  const { checks } = await (await asked).json();
  assert.deepEqual(checks[0], { name: "store", ok: false, text: "no answer within 2000 ms" });
});

Deno.test("metrics are Prometheus text, requests counted by route and not by path", async () => {
  await using s = await setUp();
  // As in the whole application, where what no other route answers is a page.
  s.app.all("*", (c) => c.text("a page"));
  for (const id of ["1", "2", "3"]) await s.app.request(`/experiments/${id}`);
  await s.app.request("/nothing/here");
  const reply = await s.app.request("/metrics");
  assert.match(reply.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
  const text = await reply.text();
  for (const line of text.trimEnd().split("\n")) {
    assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? [-+\d.e]+)$/, line);
  }
  assert.match(text, /^holdfast_uptime_seconds 90$/m);
  assert.match(text, /^holdfast_agent_restarts_total\{agent="bus-1"\} 3$/m);
  assert.match(
    text,
    /^holdfast_http_request_seconds_count\{method="GET",route="\/experiments\/:id",status="200"\} 3$/m,
  );
  assert(!text.includes("/nothing/here"), "a path that anyone can type became a label");
});

Deno.test("labels are escaped", () => {
  assert.equal(
    prometheusText([{ name: "a", help: "b", type: "gauge", samples: [[{ l: 'x"\\\n' }, 1]] }]),
    '# HELP a b\n# TYPE a gauge\na{l="x\\"\\\\\\n"} 1\n',
  );
});
