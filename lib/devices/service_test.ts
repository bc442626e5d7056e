import assert from "node:assert/strict";
import { DeviceError } from "../../drivers/driver.ts";
import { Rig } from "../../tests/agents/open_devices.ts";
import { type Bench, TestActuator, TestSensor } from "../../tests/agents/test_driver.ts";
import { KvUnavailable } from "../kv.ts";
import type { DeviceView, Reading } from "./model.ts";

const never = () => new Promise<void>(() => {});
const bench = {
  main: (on: Bench) => [
    new TestActuator("stirrer", on, { bus: "pwm" }),
    new TestActuator("led", on, { bus: "gpio" }),
    new TestSensor("thermometer", on, { bus: "i2c" }),
  ],
};

Deno.test("after the start every device is ready and safe, and the record says so", async () => {
  await using rig = await Rig.open(bench);
  assert.deepEqual(
    rig.devices.list().map(({ capability, state }) => [
      capability.deviceId,
      state.status,
      state.safe,
    ]),
    [["stirrer", "ready", true], ["led", "ready", true], ["thermometer", "ready", true]],
  );
  assert.deepEqual((await rig.events()).map(({ type, text }) => `${type} ${text}`), [
    "device.status ready, safe at start",
    "device.status ready, safe at start",
    "device.status ready",
  ]);
});

Deno.test("a command drives the hardware, stores state and event together, and tells the listeners", async () => {
  await using rig = await Rig.open(bench);
  const views: DeviceView[] = [];
  const readings: Reading[] = [];
  rig.devices.onState((view) => views.push(view));
  rig.devices.onReadings((some) => readings.push(...some));
  const done = await rig.settle(rig.set("stirrer", 30));
  assert.ok(done.ok);
  const state = {
    deviceId: "stirrer",
    status: "ready",
    setpoint: { duty: 30 },
    readback: { duty: 30 },
    safe: false,
    actor: "user:anna",
    atMs: done.value.atMs,
    lastError: null,
  };
  assert.deepEqual(done.value, state);
  assert.equal(rig.agents.bench("main").outputs.get("stirrer"), 30);
  assert.deepEqual(views.at(-1)!.state, state);
  assert.equal(readings.find((one) => one.deviceId === "stirrer" && one.value === 30)?.unit, "%");
  const [event] = await rig.events("device.setpoint");
  assert.deepEqual([event!.subject, event!.actor, event!.text], [
    "stirrer",
    "user:anna",
    "set: duty 30",
  ]);
  assert.deepEqual(event!.data, { state });
  const stored = await rig.kv.get(["devices", "state", "stirrer"]);
  assert.deepEqual(stored, { v: 1, ...state, inForce: null });
});

Deno.test("what cannot be done is refused by name, before the hardware hears of it", async () => {
  await using rig = await Rig.open(bench);
  const { devices } = rig;
  const actor = "user:anna";
  assert.deepEqual(await devices.command({ deviceId: "pump", op: "set", args: {}, actor }), {
    ok: false,
    refusal: { kind: "device-unknown", deviceId: "pump" },
  });
  assert.deepEqual(await devices.command({ deviceId: "led", op: "blink", args: {}, actor }), {
    ok: false,
    refusal: { kind: "operation-unknown", deviceId: "led", op: "blink", known: ["set"] },
  });
  for (const [args, path] of [[{ duty: 101 }, "duty"], [{}, "duty"], [{ duty: 1, x: 1 }, ""]]) {
    const done = await devices.command({
      deviceId: "led",
      op: "set",
      args: args as Record<string, unknown>,
      actor,
    });
    assert.ok(!done.ok && done.refusal.kind === "invalid-args");
    assert.equal(done.refusal.errors[0]!.path, path);
  }
  assert.equal(rig.agents.bench("main").log.some((line) => line.includes("set")), false);
});

Deno.test("a held device obeys its holder alone, and names it to others", async () => {
  await using rig = await Rig.open(bench);
  rig.gate.grant("stirrer", "experiment:1");
  const other = await rig.settle(rig.set("stirrer", 30));
  assert.ok(!other.ok && other.refusal.kind === "held");
  assert.equal(other.refusal.holder.actor, "experiment:1");
  const holder = await rig.settle(rig.set("stirrer", 40, "experiment:1"));
  assert.ok(holder.ok);
  assert.equal(rig.devices.view("stirrer")!.holder!.actor, "experiment:1");
});

Deno.test("a script drives nothing that its experiment does not hold", async () => {
  await using rig = await Rig.open(bench);
  const free = await rig.settle(rig.set("led", 30, "experiment:1"));
  assert.deepEqual(free, {
    ok: false,
    refusal: { kind: "not-held", deviceId: "led", actor: "experiment:1" },
  });
});

Deno.test("a command that waited while the lease passed to somebody else is refused", async () => {
  await using rig = await Rig.open(bench);
  const busy = Promise.withResolvers<void>();
  rig.agents.bench("main").waits.set("stirrer set", () => busy.promise);
  rig.gate.grant("stirrer", "user:anna");
  const first = rig.set("stirrer", 10);
  const second = rig.set("stirrer", 20);
  await rig.pass(0);
  rig.gate.grant("stirrer", "user:bob");
  busy.resolve();
  assert.ok((await rig.settle(first)).ok);
  const refused = await rig.settle(second);
  assert.ok(!refused.ok && refused.refusal.kind === "held");
});

Deno.test("an agent that has seen a newer fence refuses the older command", async () => {
  await using rig = await Rig.open(bench);
  rig.gate.grant("stirrer", "user:anna");
  rig.gate.grant("stirrer", "user:anna");
  assert.ok((await rig.settle(rig.set("stirrer", 10))).ok);
  rig.gate.check = () => ({ ok: true, value: 1 });
  assert.deepEqual(await rig.settle(rig.set("stirrer", 20)), {
    ok: false,
    refusal: { kind: "stale-fence", deviceId: "stirrer", given: 1, latest: 2 },
  });
  assert.equal(rig.agents.bench("main").outputs.get("stirrer"), 10);
});

Deno.test("a new life of an agent knows the fences of the old one", async () => {
  await using rig = await Rig.open(bench);
  rig.gate.grant("stirrer", "user:anna");
  rig.gate.grant("stirrer", "user:anna");
  rig.agents.kill("main");
  await rig.pass(300);
  rig.gate.check = () => ({ ok: true, value: 1 });
  const refused = await rig.settle(rig.set("stirrer", 20));
  assert.ok(!refused.ok && refused.refusal.kind === "stale-fence");
});

Deno.test("the queue of a device is bounded and says so", async () => {
  await using rig = await Rig.open(bench);
  rig.agents.bench("main").waits.set("stirrer set", never);
  const asked = Array.from({ length: 40 }, (_, duty) => rig.set("stirrer", duty));
  await rig.pass(0);
  const last = await asked.at(-1)!;
  assert.deepEqual(last, {
    ok: false,
    refusal: { kind: "busy", deviceId: "stirrer", waiting: 32 },
  });
  assert.ok((await rig.settle(rig.set("led", 10))).ok, "another device is not concerned");
  await rig.settle(rig.devices.stop("user:anna", "test"));
  const kinds = (await Promise.all(asked)).map((one) => one.ok ? "ok" : one.refusal.kind);
  assert.deepEqual(new Set(kinds), new Set(["stopped", "busy"]));
});

Deno.test("a device that fails leaves its error in its state and its event in the record", async () => {
  await using rig = await Rig.open(bench);
  await rig.settle(rig.set("led", 10));
  rig.agents.bench("main").faults.set("led set", new DeviceError("no_ack", "no answer at 0x20"));
  assert.deepEqual(await rig.settle(rig.set("led", 20)), {
    ok: false,
    refusal: { kind: "fault", deviceId: "led", code: "no_ack", text: "no answer at 0x20" },
  });
  const { state } = rig.devices.view("led")!;
  assert.deepEqual([state.setpoint, state.lastError?.code], [{ duty: 10 }, "no_ack"]);
  assert.equal(
    (await rig.events("device.error"))[0]!.text,
    "set: duty 20: failed, no answer at 0x20",
  );
});

Deno.test("a command that takes too long is refused, and its actuator ends safe", async () => {
  await using rig = await Rig.open(bench);
  rig.agents.bench("main").waits.set("led set", never);
  const refused = await rig.settle(rig.set("led", 20, "user:anna", { deadlineMs: 2000 }));
  assert.deepEqual(refused, {
    ok: false,
    refusal: { kind: "timeout", deviceId: "led", afterMs: 2000 },
  });
  await rig.pass(500);
  const { state } = rig.devices.view("led")!;
  assert.deepEqual([state.safe, state.lastError?.code], [true, "timeout"]);
});

Deno.test("one who gives up while waiting is not served", async () => {
  await using rig = await Rig.open(bench);
  const busy = Promise.withResolvers<void>();
  rig.agents.bench("main").waits.set("led set", () => busy.promise);
  const first = rig.set("led", 10);
  const gone = new AbortController();
  const second = rig.set("led", 20, "user:anna", { signal: gone.signal });
  await rig.pass(0);
  gone.abort();
  busy.resolve();
  assert.ok((await rig.settle(first)).ok);
  const refused = await rig.settle(second);
  assert.ok(!refused.ok && refused.refusal.kind === "fault");
  assert.equal(rig.agents.bench("main").outputs.get("led"), 10);
});

Deno.test("the same key drives the hardware once, at the same time, later and after a restart", async () => {
  await using rig = await Rig.open(bench);
  const keyed = () => rig.set("led", 20, "user:anna", { idempotencyKey: "k1" });
  const [first, second] = await rig.settle(Promise.all([keyed(), keyed()]));
  assert.ok(first!.ok);
  assert.deepEqual(second, first);
  await rig.pass(60_000);
  assert.deepEqual(await rig.settle(keyed()), first);
  await rig.settle(rig.devices.close());
  await rig.begin();
  assert.deepEqual(await rig.settle(keyed()), first);
  const sets = rig.agents.bench("main").log.filter((line) => line === "led set 20 begin");
  assert.equal(sets.length, 1);
  assert.equal(rig.agents.bench("main").outputs.get("led"), 0, "an answer is not a command");
});

Deno.test("a key belongs to its asker and to one command, for a day", async () => {
  await using rig = await Rig.open(bench);
  const keyed = (duty: number, actor: string) =>
    rig.settle(rig.set("led", duty, actor, { idempotencyKey: "k1" }));
  assert.ok((await keyed(20, "user:anna")).ok);
  assert.ok((await keyed(30, "user:bob")).ok);
  const other = await keyed(40, "user:anna");
  assert.ok(!other.ok && other.refusal.kind === "invalid-args");
  assert.equal(other.refusal.errors[0]!.path, "Idempotency-Key");
  rig.clock.stepWall(24 * 3600 * 1000 + 1);
  assert.ok((await keyed(40, "user:anna")).ok);
});

Deno.test("a refusal that never reached the hardware leaves its key free", async () => {
  await using rig = await Rig.open(bench);
  rig.gate.grant("led", "user:bob");
  const keyed = () => rig.set("led", 20, "user:anna", { idempotencyKey: "k1" });
  assert.equal((await rig.settle(keyed())).ok, false);
  rig.gate.holders.clear();
  assert.equal((await rig.settle(keyed())).ok, true);
});

Deno.test("a keyed command whose outcome was lost is not sent twice", async () => {
  const rig = await Rig.open(bench);
  rig.agents.bench("main").waits.set("led set", never);
  void rig.set("led", 20, "user:anna", { idempotencyKey: "k1" });
  await rig.pass(0);
  // As after a power cut: nothing of the first runtime goes on.
  const { kv } = rig;
  await using next = await Rig.open(bench, { kv });
  const outcome = await next.settle(
    next.set("led", 20, "user:anna", { idempotencyKey: "k1" }),
  );
  assert.ok(!outcome.ok && outcome.refusal.kind === "fault");
  assert.equal(outcome.refusal.code, "outcome_unknown");
  assert.ok((await next.settle(next.set("led", 20, "user:anna", { idempotencyKey: "k2" }))).ok);
  await rig.settle(rig.devices.close());
});

Deno.test("a command that cannot be recorded fails, and its device goes to safe", async () => {
  const rig = await Rig.open(bench);
  const begun = Promise.withResolvers<void>();
  rig.agents.bench("main").waits.set("led set", () => begun.promise);
  const command = rig.set("led", 20);
  await rig.pass(0);
  await rig.kv.close();
  begun.resolve();
  await assert.rejects(rig.settle(command), KvUnavailable);
  assert.equal(rig.agents.bench("main").outputs.get("led"), 0);
  assert.equal(rig.devices.view("led")!.state.safe, true);
  await rig.settle(rig.devices.close());
});

Deno.test("when an agent dies its devices are offline and unknown; it comes back with them safe", async () => {
  await using rig = await Rig.open(bench);
  await rig.settle(rig.set("stirrer", 30));
  const views: DeviceView[] = [];
  rig.devices.onState((view) => views.push(view));
  rig.agents.kill("main");
  await rig.pass(1);
  const dead = rig.devices.view("stirrer")!.state;
  assert.deepEqual([dead.status, dead.readback, dead.safe], ["offline", null, false]);
  assert.deepEqual(dead.setpoint, { duty: 30 });
  assert.equal(dead.lastError?.code, "agent_down");
  assert.ok(views.some(({ state }) => state.status === "offline"));
  assert.ok(rig.alarms.active.has("agent:main"));
  for (const { state, readings } of rig.devices.list()) {
    assert.equal(state.status, "offline");
    assert.deepEqual(readings.filter(({ quality }) => quality !== "stale"), []);
  }
  const refused = await rig.set("stirrer", 40);
  assert.ok(!refused.ok && refused.refusal.kind === "offline");
  assert.equal(rig.agents.bench("main").outputs.get("stirrer"), 30, "hardware keeps its output");
  await rig.pass(300);
  const back = rig.devices.view("stirrer")!.state;
  assert.deepEqual([back.status, back.setpoint, back.safe], ["ready", { duty: 0 }, true]);
  assert.equal(rig.agents.bench("main").outputs.get("stirrer"), 0);
  assert.ok(!rig.alarms.active.has("agent:main"));
  assert.deepEqual(views.map(({ capability, state }) => `${capability.deviceId} ${state.status}`), [
    "led offline",
    "thermometer offline",
    "stirrer offline",
    "led ready",
    "thermometer ready",
    "stirrer ready",
  ]);
  const told = (await rig.events()).slice(-3).map(({ subject, text }) => `${subject}: ${text}`);
  assert.deepEqual(told.toSorted(), [
    "main: ended: SIGKILL",
    "stirrer: offline: its agent ended: SIGKILL",
    'stirrer: ready, safe at start; was {"duty":30} by user:anna',
  ], "who stood safe has nothing to tell");
});

Deno.test("a setpoint is durable and never restored by itself", async () => {
  const rig = await Rig.open(bench);
  await rig.settle(rig.set("stirrer", 30));
  // The first runtime is gone without a word, its hardware still turning.
  await using next = await Rig.open(bench, { kv: rig.kv });
  const { state } = next.devices.view("stirrer")!;
  assert.deepEqual([state.setpoint, state.safe, state.actor], [{ duty: 0 }, true, "system"]);
  const told = (await next.events("device.status")).at(-1)!;
  assert.match(told.text, /safe at start; was \{"duty":30\} by user:anna/);
  await rig.settle(rig.devices.close());
});

Deno.test("devices are known before their agent is up, as unknown", async () => {
  const rig = await Rig.open(bench);
  await rig.settle(rig.devices.close());
  rig.agents.bench("main").waits.set("stirrer start", never);
  const opening = rig.begin();
  await rig.pass(100);
  assert.deepEqual(
    rig.devices.list().map(({ capability, state }) => [capability.deviceId, state.status]),
    [["stirrer", "unknown"], ["led", "unknown"], ["thermometer", "unknown"]],
  );
  await rig.settle(opening, 60_000);
  assert.equal(rig.devices.view("stirrer")!.state.status, "offline");
  assert.equal(rig.devices.view("led")!.state.status, "ready");
  assert.ok(rig.alarms.active.has("offline:stirrer"));
  await rig[Symbol.asyncDispose]();
});

Deno.test("a device that its agent no longer has is forgotten", async () => {
  const rig = await Rig.open(bench);
  await rig.settle(rig.devices.close());
  const fewer = { main: (on: Bench) => [new TestActuator("led", on)] };
  await using next = await Rig.open(fewer, { kv: rig.kv });
  assert.deepEqual(next.devices.list().map(({ capability }) => capability.deviceId), ["led"]);
});

Deno.test("a reading older than three periods loses its number, and is told once", async () => {
  await using rig = await Rig.open(bench);
  await rig.pass(1500);
  const reading = () => rig.devices.view("thermometer")!.readings[0]!;
  assert.deepEqual([reading().value, reading().quality], [25, "good"]);
  const lastMs = reading().atMs;
  const views: DeviceView[] = [];
  rig.devices.onState((view) => views.push(view));
  const blocked = Promise.withResolvers<void>();
  rig.agents.bench("main").waits.set("thermometer read", () => blocked.promise);
  await rig.pass(lastMs + 2990 - rig.clock.nowMs());
  assert.equal(reading().quality, "good");
  await rig.pass(700);
  assert.deepEqual([reading().value, reading().quality, reading().atMs], [null, "stale", lastMs]);
  assert.ok(!rig.alarms.active.has("stale:thermometer"));
  // The bus gives the reading up only after this.
  await rig.pass(6000);
  const told = views.filter(({ capability }) => capability.deviceId === "thermometer");
  assert.equal(told.length, 1);
  assert.equal(told[0]!.readings[0]!.quality, "stale");
  rig.agents.bench("main").waits.clear();
  blocked.resolve();
  await rig.pass(1500);
  assert.equal(reading().quality, "good");
});

Deno.test("a reading that stays stale while its agent lives is an alarm until it comes again", async () => {
  await using rig = await Rig.open({
    main: (on: Bench) => ({
      name: "main",
      drivers: [new TestSensor("thermometer", on)],
      limits: { readMs: 60_000 },
    }),
  });
  await rig.pass(1500);
  const blocked = Promise.withResolvers<void>();
  rig.agents.bench("main").waits.set("thermometer read", () => blocked.promise);
  await rig.pass(10_000);
  assert.equal(rig.devices.view("thermometer")!.readings[0]!.quality, "stale");
  assert.ok(!rig.alarms.active.has("stale:thermometer"), "not at once");
  await rig.pass(5000);
  assert.ok(rig.alarms.active.has("stale:thermometer"));
  rig.agents.bench("main").waits.clear();
  blocked.resolve();
  await rig.pass(1500);
  assert.equal(rig.devices.view("thermometer")!.readings[0]!.quality, "good");
  assert.ok(!rig.alarms.active.has("stale:thermometer"));
});

Deno.test("a clock that steps makes nothing stale and nothing fresh", async () => {
  await using rig = await Rig.open(bench);
  await rig.pass(1500);
  for (const stepMs of [3_600_000, -7_200_000]) {
    rig.clock.stepWall(stepMs);
    assert.equal(rig.devices.view("thermometer")!.readings[0]!.quality, "good");
  }
  assert.ok((await rig.settle(rig.set("led", 10))).ok);
});

Deno.test("an actuator that its agent cut is recorded with the reason", async () => {
  await using rig = await Rig.open({
    main: (on: Bench) => [new TestActuator("led", on, { onTimeMaxMs: 10_000 })],
  });
  await rig.settle(rig.set("led", 30));
  await rig.pass(10_001);
  assert.equal(rig.devices.view("led")!.state.safe, true);
  const [event] = await rig.events("device.safe");
  assert.deepEqual([event!.actor, event!.text], [
    "system",
    "brought to its safe state: longest on-time is over",
  ]);
});

Deno.test("the runtime keeps a heartbeat alive for as long as it lives itself", async () => {
  const rig = await Rig.open({
    main: (on: Bench) => [new TestActuator("pump", on, { heartbeatMs: 5000 })],
  });
  await rig.settle(rig.set("pump", 30));
  await rig.pass(60_000);
  assert.equal(rig.agents.bench("main").outputs.get("pump"), 30);
  await rig[Symbol.asyncDispose]();
});

Deno.test("a guard on another agent's device cuts and refuses as one of its own", async () => {
  await using rig = await Rig.open({
    heat: (on: Bench) => [
      new TestActuator("peltier", on, {
        guards: [{ deviceId: "thermometer", channel: "temperature", max: 60 }],
      }),
    ],
    bus: (on: Bench) => [new TestSensor("thermometer", on)],
  });
  await rig.pass(1200);
  assert.ok((await rig.settle(rig.set("peltier", 40))).ok);
  rig.agents.kill("bus");
  await rig.pass(100);
  rig.agents.bench("bus").waits.set("thermometer start", never);
  await rig.pass(4000);
  assert.equal(rig.agents.bench("heat").outputs.get("peltier"), 0);
  const refused = await rig.settle(rig.set("peltier", 40));
  assert.ok(!refused.ok && refused.refusal.kind === "fault" && refused.refusal.code === "guard");
  assert.ok((await rig.settle(rig.set("peltier", 0))).ok);
});

Deno.test("end states: arguments are set, the rest goes to safe, each device tells how it went", async () => {
  await using rig = await Rig.open(bench);
  rig.gate.grant("stirrer", "experiment:1");
  rig.gate.grant("led", "experiment:1");
  await rig.settle(rig.set("stirrer", 50, "experiment:1"));
  await rig.settle(rig.set("led", 50, "experiment:1"));
  const states = { stirrer: { duty: 20 }, led: "safe", nobody: "safe" } as const;
  const reports = await rig.settle(rig.devices.bring(states, "system", "experiment 1 ended"));
  assert.deepEqual(reports.map(({ deviceId, ok }) => [deviceId, ok]), [
    ["nobody", false],
    ["led", true],
    ["stirrer", true],
  ]);
  const { outputs } = rig.agents.bench("main");
  assert.deepEqual([outputs.get("stirrer"), outputs.get("led")], [20, 0]);
});

Deno.test("an end state that is refused becomes the safe state", async () => {
  await using rig = await Rig.open(bench);
  await rig.settle(rig.set("stirrer", 50));
  await rig.settle(rig.set("led", 50));
  rig.agents.bench("main").faults.set("led set", new DeviceError("no_ack", "no answer"));
  const states = { stirrer: { duty: 500 }, led: { duty: 10 } };
  const reports = await rig.settle(rig.devices.bring(states, "system", "experiment 1 ended"));
  for (const { deviceId, ok, error } of reports) {
    assert.equal(ok, false, deviceId);
    assert.match(error!, /End state refused/);
  }
  const { outputs } = rig.agents.bench("main");
  assert.deepEqual([outputs.get("stirrer"), outputs.get("led")], [0, 0]);
});

Deno.test("what a run had waiting does not act after its end state", async () => {
  await using rig = await Rig.open(bench);
  const busy = Promise.withResolvers<void>();
  rig.agents.bench("main").waits.set("stirrer set", () => busy.promise);
  const running = rig.set("stirrer", 90);
  const waiting = rig.set("stirrer", 95);
  await rig.pass(0);
  const brought = rig.devices.bring({ stirrer: "safe" }, "system", "experiment 1 ended");
  await rig.pass(200);
  busy.resolve();
  await rig.settle(brought);
  await rig.pass(1000);
  for (const outcome of await Promise.all([running, waiting])) {
    assert.ok(!outcome.ok && outcome.refusal.kind === "fault");
    assert.equal(outcome.refusal.code, "superseded");
  }
  assert.equal(rig.agents.bench("main").outputs.get("stirrer"), 0);
  assert.equal(rig.devices.view("stirrer")!.state.safe, true);
});

Deno.test("a lost lease brings its devices to safe", async () => {
  await using rig = await Rig.open(bench);
  rig.gate.grant("led", "experiment:1");
  await rig.settle(rig.set("led", 50, "experiment:1"));
  const [report] = await rig.settle(rig.devices.leaseLost(["led"], "experiment:1"));
  assert.equal(report!.ok, true);
  assert.equal(rig.agents.bench("main").outputs.get("led"), 0);
  assert.match((await rig.events("device.safe"))[0]!.text, /experiment:1 lost its lease/);
});

Deno.test("closing brings everything to safe, ends the agents and refuses what comes after", async () => {
  const rig = await Rig.open(bench);
  await rig.settle(rig.set("stirrer", 50));
  rig.agents.bench("main").waits.set("led set", never);
  const pending = rig.set("led", 10);
  await rig.pass(0);
  await rig.settle(rig.devices.close());
  await rig.devices.close();
  assert.equal(rig.agents.bench("main").outputs.get("stirrer"), 0);
  assert.deepEqual(rig.devices.agents().map(({ state }) => state), ["ended"]);
  for (const outcome of [await pending, await rig.set("led", 20)]) {
    assert.ok(!outcome.ok && outcome.refusal.kind === "offline");
  }
  const stored = await rig.kv.get(["devices", "state", "stirrer"]) as { safe: boolean };
  assert.equal(stored.safe, true);
  await rig.kv.close();
});

Deno.test("two agents that name the same device do not share it", async () => {
  await using rig = await Rig.open({
    one: (on: Bench) => [new TestActuator("led", on)],
    two: (on: Bench) => [new TestActuator("led", on), new TestActuator("ring", on)],
  });
  assert.deepEqual(rig.devices.list().map(({ capability }) => capability.deviceId).sort(), [
    "led",
    "ring",
  ]);
  assert.ok(rig.log.lines.some((line) => line.includes("another agent has a device of that name")));
});

Deno.test("a listener that throws disturbs nobody", async () => {
  await using rig = await Rig.open(bench);
  let told = 0;
  rig.devices.onState(() => {
    throw new TypeError("broken listener");
  });
  const off = rig.devices.onState(() => void told++);
  assert.ok((await rig.settle(rig.set("led", 10))).ok);
  assert.equal(told, 1);
  off();
  await rig.settle(rig.set("led", 20));
  assert.equal(told, 1);
});

Deno.test("without a simulator its asks are refused", async () => {
  await using rig = await Rig.open(bench);
  assert.deepEqual(await rig.devices.simulate("faults", {}), {
    ok: false,
    refusal: { kind: "no-simulator", method: "faults" },
  });
  assert.deepEqual(await rig.devices.simulate("fault", {}, "nobody"), {
    ok: false,
    refusal: { kind: "device-unknown", deviceId: "nobody" },
  });
});

Deno.test("an agent that dies again and again of the same is one event, not one a try", async () => {
  let lives = 0;
  await using rig = await Rig.open({
    main: (on: Bench) => {
      if (++lives > 1) throw new RangeError("no such board");
      return [new TestActuator("led", on)];
    },
  });
  rig.agents.kill("main");
  await rig.pass(120_000);
  assert.ok(lives > 6, `${lives} lives`);
  assert.deepEqual((await rig.events("agent.ended")).map(({ text }) => text), [
    "ended: SIGKILL",
    "ended: it could not be started: no such board",
  ]);
  assert.equal(rig.devices.agents()[0]!.state, "broken");
});
