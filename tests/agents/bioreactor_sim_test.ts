import assert from "node:assert/strict";
import { bioreactorSimAgent } from "../../agents/bioreactor_sim.ts";
import { AgentServer } from "../../agents/server.ts";
import { ManualClock } from "../../lib/clock.ts";
import type { Reading } from "../../lib/devices/model.ts";
import { driverClock } from "./driver_clock.ts";

type Json = Record<string, unknown>;

/** The agent without its process, on a clock that the test moves. */
function agent() {
  const clock = new ManualClock();
  const lines: Json[] = [];
  const server = new AgentServer(bioreactorSimAgent(driverClock(clock)), {
    line: (text) => void lines.push(JSON.parse(text)),
    log: () => {},
  }, 1);
  let nextId = 1;
  return {
    clock,
    server,
    lines,
    /** Sends an ask and moves the clock until it is answered. */
    async ask(method: string, params: Json): Promise<{ result?: Json; error?: Json }> {
      const id = nextId++;
      server.push(
        new TextEncoder().encode(
          JSON.stringify({ jsonrpc: "2.0", v: 1, id, method, params }) + "\n",
        ),
      );
      for (let i = 0; i < 500; i++) {
        const answer = lines.find((line) => line.id === id);
        if (answer !== undefined) return answer;
        await clock.advance(10);
      }
      throw new Error(`no answer to ${method}`);
    },
    start(config: Json = {}) {
      return this.ask("start", { config, fences: {}, parentPid: 1 });
    },
    command(deviceId: string, op: string, args: Json) {
      return this.ask("command", { deviceId, op, args, fence: 1, deadlineMs: 5000 });
    },
    async close() {
      const closing = server.close("the runtime ends");
      await clock.advance(400);
      return await closing;
    },
    states(deviceId: string) {
      return lines.filter(({ method }) => method === "state")
        .map(({ params }) => params as Json).filter((one) => one.deviceId === deviceId);
    },
    readings(deviceId: string) {
      return lines.filter(({ method }) => method === "readings")
        .flatMap(({ params }) => (params as { readings: Reading[] }).readings)
        .filter((one) => one.deviceId === deviceId);
    },
  };
}

Deno.test("the simulator names its devices at start, all of them safe", async () => {
  const it = agent();
  it.server.hello();
  const hello = it.lines[0]!.params as Json;
  assert.deepEqual(hello.methods, ["fault", "faults", "clear-faults", "time-scale"]);
  const { result } = await it.start({ pumps: ["tube_1_in"], relays: ["relay_1"] });
  const devices = (result!.devices as { deviceId: string }[]).map(({ deviceId }) => deviceId);
  assert.deepEqual(devices, [
    "temperature",
    "ambient",
    "co2",
    "o2",
    "optical-density",
    "eyespy",
    "peltier-current",
    "peltier",
    "stirrer",
    "led",
    "ring-light",
    "relay-1",
    "pump-tube_1_in",
  ]);
  for (const outcome of result!.outcomes as { ok: boolean; safe: boolean }[]) {
    assert.deepEqual([outcome.ok, outcome.safe], [true, true]);
  }
  await it.close();
});

Deno.test("a configuration that does not fit is refused by key, and a right one still starts it", async () => {
  const it = agent();
  const { error } = await it.start({ timeScale: 9999, vessel: { volumeMl: -1 } });
  assert.match(String(error!.message), /timeScale: .*vessel\.volumeMl: /s);
  assert.ok((await it.start({})).result);
  await it.close();
});

Deno.test("a simulation that was not started has nothing to steer", async () => {
  const it = agent();
  for (const method of ["fault", "faults", "clear-faults", "time-scale"]) {
    const { error } = await it.ask(method, {});
    assert.match(String(error!.message), /has not been started/);
  }
});

Deno.test("a dose that ends by itself is told to the runtime", async () => {
  const it = agent();
  await it.start();
  const { result } = await it.command("pump-outflow", "dose", { volume: 2, flow: 1 });
  assert.equal(result!.safe, false);
  assert.deepEqual(it.states("pump-outflow"), []);
  await it.clock.advance(3500);
  const [told] = it.states("pump-outflow");
  assert.deepEqual([told!.reason, told!.safe, told!.setpoint], ["dose_done", true, { flow: 0 }]);
  await it.clock.advance(5000);
  assert.equal(it.states("pump-outflow").length, 1, "told once");
  await it.close();
});

Deno.test("heat without a temperature is cut within three periods and refused until it is back", async () => {
  const it = agent();
  await it.start();
  await it.clock.advance(3000);
  assert.ok((await it.command("peltier", "set", { power: 50 })).result);
  const { result } = await it.ask("fault", { deviceId: "temperature", kind: "disconnect" });
  await it.clock.advance(6000);
  const [cut] = it.states("peltier");
  assert.deepEqual([cut!.setpoint, cut!.safe], [{ power: 0 }, true]);
  assert.match(String(cut!.reason), /temperature/);
  const refused = await it.command("peltier", "set", { power: 20 });
  assert.equal((refused.error!.data as Json).code, "guard");
  assert.ok((await it.command("peltier", "set", { power: 0 })).result, "off is always allowed");
  await it.ask("clear-faults", { id: result!.id });
  await it.clock.advance(5000);
  assert.ok((await it.command("peltier", "set", { power: 20 })).result);
  await it.close();
});

Deno.test("a setpoint nobody renews goes to safe after its heartbeat, a renewed one stays", async () => {
  const it = agent();
  await it.start();
  await it.clock.advance(3000);
  await it.command("led", "set", { power: 20 });
  await it.command("pump-outflow", "set", { flow: 0.01 });
  for (let i = 0; i < 12; i++) {
    await it.clock.advance(5000);
    const renew = { jsonrpc: "2.0", v: 1, method: "renew", params: { deviceIds: ["led"] } };
    it.server.push(new TextEncoder().encode(JSON.stringify(renew) + "\n"));
  }
  assert.deepEqual(it.states("led"), []);
  assert.deepEqual(it.states("pump-outflow").map(({ safe }) => safe), [true]);
  await it.close();
});

Deno.test("readings come at their periods of the simulated clock, within what the machine can bear", async () => {
  const it = agent();
  await it.start();
  await it.clock.advance(10_000);
  const slow = it.readings("temperature").length;
  const { result } = await it.ask("time-scale", { scale: 1000 });
  assert.equal(result!.scale, 1000);
  it.lines.length = 0;
  await it.clock.advance(10_000);
  const fast = it.readings("temperature").length;
  assert.ok(fast > 10 * slow && fast <= 220, `${slow} and ${fast}`);
  const last = it.readings("temperature").filter(({ channel }) => channel === "temperature").at(
    -1,
  )!;
  assert.ok((last.value as number) < 24, "hours later it stands nearer to the room");
  await it.close();
});

Deno.test("at the end of the runtime every actuator is safe", async () => {
  const it = agent();
  await it.start();
  await it.clock.advance(3000);
  const asks: [string, string, Json][] = [
    ["stirrer", "set", { duty: 50 }],
    ["peltier", "set", { power: -40 }],
    ["led", "set", { power: 30 }],
    ["ring-light", "set", { red: 9, green: 9, blue: 9 }],
    ["relay-3", "set", { closed: true }],
    ["pump-inflow", "set", { flow: 0.1 }],
    ["pump-outflow", "dose", { volume: 50 }],
  ];
  for (const [deviceId, op, args] of asks) {
    assert.equal((await it.command(deviceId, op, args)).result!.safe, false, deviceId);
  }
  const outcomes = await it.close();
  assert.equal(outcomes.length, 10);
  for (const { deviceId, ok, safe } of outcomes) {
    assert.deepEqual([ok, safe], [true, true], deviceId);
  }
});
