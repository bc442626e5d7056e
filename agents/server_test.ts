import assert from "node:assert/strict";
import { DeviceError } from "../drivers/driver.ts";
import { newBench, TestActuator, TestSensor } from "../tests/agents/test_driver.ts";
import { Talk } from "../tests/agents/talk.ts";

const never = () => new Promise<void>(() => {});

Deno.test("an agent says hello first, with its devices and the methods it adds", () => {
  const bench = newBench();
  const talk = new Talk([new TestActuator("stirrer", bench)], {
    extensions: { fault: () => ({}) },
  });
  talk.server.hello();
  const [hello] = talk.said;
  assert.equal(hello.method, "hello");
  assert.deepEqual(hello.params.devices.map((one: { deviceId: string }) => one.deviceId), [
    "stirrer",
  ]);
  assert.deepEqual(hello.params.methods, ["fault"]);
  assert.equal(hello.params.v, 1);
});

Deno.test("devices that depend on the configuration are named in the answer to start", async () => {
  const bench = newBench();
  const talk = new Talk((config) => [new TestActuator(String(config.name), bench)]);
  talk.server.hello();
  assert.deepEqual(talk.said[0].params.devices, []);
  const id = talk.ask("start", { config: { name: "led" }, fences: {}, parentPid: 1 });
  await talk.clock.advance(0);
  const { devices, outcomes } = talk.answerTo(id).result;
  assert.equal(devices[0].deviceId, "led");
  assert.deepEqual(outcomes, [{
    deviceId: "led",
    ok: true,
    setpoint: { duty: 0 },
    readback: { duty: 0 },
    safe: true,
  }]);
});

Deno.test("no command is accepted before every actuator was brought to safe", async () => {
  const bench = newBench();
  const begun = Promise.withResolvers<void>();
  bench.waits.set("stirrer start", () => begun.promise);
  const talk = new Talk([new TestActuator("stirrer", bench)]);
  talk.server.hello();
  const early = talk.command("stirrer", 30);
  const start = talk.ask("start", { config: {}, fences: {}, parentPid: 1 });
  const during = talk.command("stirrer", 30);
  await talk.clock.advance(0);
  assert.equal(talk.errorOf(early), "not_started");
  assert.equal(talk.errorOf(during), "not_started");
  begun.resolve();
  await talk.clock.advance(0);
  assert.equal(talk.answerTo(start).result.outcomes[0].safe, true);
  const after = talk.command("stirrer", 30);
  await talk.clock.advance(0);
  assert.equal(talk.answerTo(after).result.readback.duty, 30);
});

Deno.test("a command answers setpoint, read-back and the channels that repeat it", async () => {
  const bench = newBench();
  const talk = await Talk.started([new TestActuator("stirrer", bench)]);
  const id = talk.command("stirrer", 30);
  await talk.clock.advance(0);
  assert.deepEqual(talk.answerTo(id).result, {
    setpoint: { duty: 30 },
    readback: { duty: 30 },
    safe: false,
    readings: [{
      deviceId: "stirrer",
      channel: "duty",
      unit: "%",
      atMs: talk.clock.nowMs(),
      value: 30,
      quality: "good",
    }],
  });
});

Deno.test("a fence below the highest seen is refused, also one handed over at the start", async () => {
  const bench = newBench();
  const talk = new Talk([new TestActuator("stirrer", bench)]);
  talk.server.hello();
  talk.ask("start", { config: {}, fences: { stirrer: 7 }, parentPid: 1 });
  await talk.clock.advance(0);
  const below = talk.command("stirrer", 10, { fence: 6 });
  await talk.clock.advance(0);
  assert.equal(talk.errorOf(below), "stale_fence");
  assert.deepEqual(
    [talk.answerTo(below).error.data.given, talk.answerTo(below).error.data.latest],
    [6, 7],
  );
  const higher = talk.command("stirrer", 20, { fence: 9 });
  const again = talk.command("stirrer", 30, { fence: 8 });
  await talk.clock.advance(0);
  assert.equal(talk.answerTo(higher).result.readback.duty, 20);
  assert.equal(talk.errorOf(again), "stale_fence");
  assert.equal(bench.outputs.get("stirrer"), 20);
});

Deno.test("a command that waited for its bus while a newer fence came is refused", async () => {
  const bench = newBench();
  const busy = Promise.withResolvers<void>();
  bench.waits.set("led set", () => busy.promise);
  const talk = await Talk.started([
    new TestActuator("led", bench, { bus: "gpio" }),
    new TestActuator("stirrer", bench, { bus: "gpio" }),
  ]);
  talk.command("led", 10);
  const old = talk.command("stirrer", 20, { fence: 1 });
  const newer = talk.command("stirrer", 30, { fence: 2 });
  busy.resolve();
  await talk.clock.advance(0);
  assert.equal(talk.errorOf(old), "stale_fence");
  assert.equal(talk.answerTo(newer).result.readback.duty, 30);
  assert.ok(!bench.log.includes("stirrer set 20 begin"));
});

Deno.test("arguments the driver refuses come back as invalid, with the hardware untouched", async () => {
  const bench = newBench();
  const talk = await Talk.started([new TestActuator("stirrer", bench)]);
  const ids = [101, "30", null, undefined].map((duty) => talk.command("stirrer", duty));
  const op = talk.command("stirrer", 1, { op: "toggle" });
  const device = talk.command("nobody", 1);
  await talk.clock.advance(0);
  for (const id of ids) assert.equal(talk.errorOf(id), "invalid_args");
  assert.equal(talk.errorOf(op), "operation_unknown");
  assert.equal(talk.errorOf(device), "device_unknown");
  assert.equal(bench.outputs.get("stirrer"), 0);
});

Deno.test("what is not an ask is answered with an error when it has an id, else only logged", async () => {
  const talk = await Talk.started([new TestActuator("stirrer", newBench())]);
  const before = talk.said.length;
  talk.raw("{ not json\n");
  talk.raw('"text"\n');
  talk.raw('{"jsonrpc":"2.0","v":1,"method":"ping","params":[]}\n');
  assert.equal(talk.said.length, before);
  assert.equal(talk.logged.length, 3);
  talk.raw('{"jsonrpc":"1.0","id":900}\n');
  talk.raw('{"jsonrpc":"2.0","v":2,"id":901,"method":"ping"}\n');
  talk.raw('{"jsonrpc":"2.0","v":1,"id":902,"method":"constructor"}\n');
  await talk.clock.advance(0);
  assert.equal(talk.errorOf(900), "invalid_ask");
  assert.equal(talk.errorOf(901), "invalid_ask");
  assert.equal(talk.errorOf(902), "no_method");
});

Deno.test("a line over the limit is skipped and the next one is heard", async () => {
  const talk = await Talk.started([new TestActuator("stirrer", newBench())]);
  talk.raw(`{"x":"${"a".repeat(1_100_000)}"}\n`);
  const id = talk.ask("ping");
  await talk.clock.advance(0);
  assert.deepEqual(talk.answerTo(id).result, {});
  assert.match(talk.logged.join(), /longer than the wire allows/);
});

Deno.test("every ask gets one answer, however it ends", async () => {
  const bench = newBench();
  bench.waits.set("hanging set", never);
  bench.faults.set("broken set", new DeviceError("no_ack", "no answer at 0x20"));
  const talk = await Talk.started([
    new TestActuator("stirrer", bench),
    new TestActuator("hanging", bench, { bus: "a" }),
    new TestActuator("broken", bench, { bus: "b" }),
  ]);
  const ids = [
    talk.command("stirrer", 30),
    talk.command("hanging", 30),
    talk.command("hanging", 31),
    talk.command("broken", 30),
    talk.command("stirrer", -1),
    talk.ask("safe", { reason: "test" }),
    talk.ask("ping"),
    talk.ask("nonsense"),
  ];
  await talk.clock.advance(60_000);
  for (const id of ids) assert.equal(talk.answersTo(id).length, 1, `ask ${id}`);
});

Deno.test("a slow device delays only its own bus", async () => {
  const bench = newBench();
  bench.waits.set("slow set", never);
  const talk = await Talk.started([
    new TestActuator("slow", bench, { bus: "a" }),
    new TestActuator("neighbour", bench, { bus: "a" }),
    new TestActuator("other", bench, { bus: "b" }),
  ]);
  talk.command("slow", 10, { deadlineMs: 5000 });
  const neighbour = talk.command("neighbour", 20, { deadlineMs: 60_000 });
  const other = talk.command("other", 30);
  await talk.clock.advance(0);
  assert.equal(talk.answerTo(other).result.readback.duty, 30);
  assert.equal(talk.answerTo(neighbour), undefined);
  await talk.clock.advance(10_000);
  assert.equal(talk.answerTo(neighbour).result.readback.duty, 20);
});

Deno.test("commands to one device never overlap", async () => {
  const bench = newBench();
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let turn = 0;
  bench.waits.set("stirrer set", () => gates[turn++]!.promise);
  const talk = await Talk.started([new TestActuator("stirrer", bench)]);
  talk.command("stirrer", 1);
  talk.command("stirrer", 2);
  await talk.clock.advance(0);
  gates[1]!.resolve();
  await talk.clock.advance(0);
  assert.deepEqual(bench.log.filter((line) => line.includes("set")), ["stirrer set 1 begin"]);
  gates[0]!.resolve();
  await talk.clock.advance(0);
  assert.deepEqual(bench.log.filter((line) => line.includes("set")), [
    "stirrer set 1 begin",
    "stirrer set 1 end",
    "stirrer set 2 begin",
    "stirrer set 2 end",
  ]);
});

Deno.test("at its deadline a command is given up, and the actuator goes where we know it is", async () => {
  const bench = newBench();
  const stuck = Promise.withResolvers<void>();
  bench.waits.set("stirrer set", () => stuck.promise);
  const talk = await Talk.started([new TestActuator("stirrer", bench)]);
  const id = talk.command("stirrer", 30, { deadlineMs: 500 });
  await talk.clock.advance(499);
  assert.equal(talk.answerTo(id), undefined);
  await talk.clock.advance(2);
  assert.equal(talk.errorOf(id), "timeout");
  await talk.clock.advance(200);
  assert.equal(bench.log.at(-1), "stirrer safe");
  assert.equal(talk.notices("state").at(-1).safe, true);
  // What was left behind ends later and undoes the safe state: it is written again.
  stuck.resolve();
  await talk.clock.advance(0);
  assert.deepEqual(bench.log.slice(-2), ["stirrer set 30 end", "stirrer safe"]);
  assert.equal(bench.outputs.get("stirrer"), 0);
});

Deno.test("a device that has not ended its last command takes no new one", async () => {
  const bench = newBench();
  const stuck = Promise.withResolvers<void>();
  bench.waits.set("stirrer set", () => stuck.promise);
  const talk = await Talk.started([new TestActuator("stirrer", bench)]);
  talk.command("stirrer", 30, { deadlineMs: 100 });
  await talk.clock.advance(3000);
  const wedged = talk.command("stirrer", 40);
  await talk.clock.advance(0);
  assert.equal(talk.errorOf(wedged), "wedged");
  bench.waits.delete("stirrer set");
  stuck.resolve();
  await talk.clock.advance(0);
  const free = talk.command("stirrer", 50);
  await talk.clock.advance(0);
  assert.equal(talk.answerTo(free).result.readback.duty, 50);
});

Deno.test("cancel gives an ask up", async () => {
  const bench = newBench();
  bench.waits.set("stirrer set", never);
  const talk = await Talk.started([new TestActuator("stirrer", bench)]);
  const running = talk.command("stirrer", 30, { deadlineMs: 60_000 });
  const waiting = talk.command("stirrer", 40, { deadlineMs: 60_000 });
  await talk.clock.advance(0);
  talk.notify("cancel", { id: waiting });
  talk.notify("cancel", { id: running });
  talk.notify("cancel", { id: 12345 });
  await talk.clock.advance(200);
  assert.equal(talk.errorOf(running), "cancelled");
  assert.equal(talk.errorOf(waiting), "cancelled");
  assert.ok(!bench.log.includes("stirrer set 40 begin"));
  assert.equal(bench.log.at(-1), "stirrer safe");
});

Deno.test("safe takes the bus from what runs and waits, on all buses at once", async () => {
  const bench = newBench();
  bench.waits.set("a set", never);
  bench.waits.set("thermometer read", never);
  const talk = await Talk.started([
    new TestActuator("a", bench, { bus: "one" }),
    new TestActuator("b", bench, { bus: "one" }),
    new TestActuator("c", bench, { bus: "two" }),
    new TestSensor("thermometer", bench, { bus: "two" }),
  ]);
  await talk.clock.advance(0);
  const running = talk.command("a", 10, { deadlineMs: 60_000 });
  const waiting = talk.command("b", 20, { deadlineMs: 60_000 });
  const behindReading = talk.command("c", 30, { deadlineMs: 60_000 });
  await talk.clock.advance(0);
  const safe = talk.ask("safe", { reason: "stop" });
  await talk.clock.advance(150);
  const { outcomes } = talk.answerTo(safe).result;
  assert.deepEqual(outcomes.map((one: { safe: boolean }) => one.safe), [true, true, true]);
  for (const id of [running, waiting, behindReading]) assert.equal(talk.errorOf(id), "safe");
  assert.ok(!bench.log.includes("b set 20 begin"));
  assert.ok(!bench.log.includes("c set 30 begin"));
});

Deno.test("safe of named devices leaves the others alone", async () => {
  const bench = newBench();
  const talk = await Talk.started([
    new TestActuator("a", bench, { bus: "one" }),
    new TestActuator("b", bench, { bus: "one" }),
  ]);
  talk.command("a", 10);
  talk.command("b", 20);
  await talk.clock.advance(0);
  const safe = talk.ask("safe", { reason: "lease lost", deviceIds: ["a"] });
  await talk.clock.advance(0);
  assert.equal(talk.answerTo(safe).result.outcomes.length, 1);
  assert.deepEqual([bench.outputs.get("a"), bench.outputs.get("b")], [0, 20]);
});

Deno.test("one device whose safe state hangs does not keep its neighbours on the bus from theirs", async () => {
  const bench = newBench();
  const names = ["a", "b", "c", "d"];
  const talk = await Talk.started(
    names.map((name) => new TestActuator(name, bench, { bus: "one" })),
  );
  for (const name of names) talk.command(name, 50);
  await talk.clock.advance(0);
  bench.waits.set("a safe", never);
  bench.waits.set("b safe", never);
  const safe = talk.ask("safe", { reason: "stop" });
  await talk.clock.advance(250);
  assert.deepEqual([bench.outputs.get("c"), bench.outputs.get("d")], [0, 0]);
  await talk.clock.advance(1000);
  const { outcomes } = talk.answerTo(safe).result;
  assert.deepEqual(outcomes.map((one: { ok: boolean }) => one.ok), [false, false, true, true]);
  assert.equal(talk.notices("device").find((one) => one.deviceId === "a")?.status, "fault");
});

Deno.test("a safe state that failed is tried again until it is reached", async () => {
  const bench = newBench();
  const talk = await Talk.started([new TestActuator("stirrer", bench)]);
  talk.command("stirrer", 30);
  await talk.clock.advance(0);
  bench.faults.set("stirrer safe", new DeviceError("no_ack", "no answer"));
  const safe = talk.ask("safe", { reason: "stop" });
  await talk.clock.advance(0);
  assert.equal(talk.answerTo(safe).result.outcomes[0].ok, false);
  assert.equal(talk.answerTo(safe).result.outcomes[0].error.code, "no_ack");
  await talk.clock.advance(5000);
  bench.faults.delete("stirrer safe");
  await talk.clock.advance(5000);
  assert.equal(bench.outputs.get("stirrer"), 0);
  assert.equal(talk.notices("state").at(-1).safe, true);
  assert.equal(talk.notices("device").at(-1).status, "ready");
});

Deno.test("the longest on-time brings an actuator back to safe and says so", async () => {
  const bench = newBench();
  const talk = await Talk.started([new TestActuator("led", bench, { onTimeMaxMs: 10_000 })]);
  talk.command("led", 20);
  await talk.clock.advance(8000);
  talk.command("led", 30);
  await talk.clock.advance(9000);
  assert.equal(bench.outputs.get("led"), 30);
  await talk.clock.advance(1001);
  assert.equal(bench.outputs.get("led"), 0);
  assert.deepEqual(talk.notices("state"), [{
    deviceId: "led",
    setpoint: { duty: 0 },
    readback: { duty: 0 },
    safe: true,
    reason: "longest on-time is over",
  }]);
});

Deno.test("a command that fails half way does not end the watch over the one before", async () => {
  const bench = newBench();
  const talk = await Talk.started([new TestActuator("led", bench, { onTimeMaxMs: 10_000 })]);
  talk.command("led", 20);
  await talk.clock.advance(0);
  bench.faults.set("led set", new DeviceError("no_ack", "no answer"));
  const failed = talk.command("led", 30);
  await talk.clock.advance(0);
  assert.equal(talk.errorOf(failed), "no_ack");
  assert.equal(talk.answerTo(failed).error.data.outcome.readback.duty, 20);
  await talk.clock.advance(10_001);
  assert.equal(bench.outputs.get("led"), 0);
});

Deno.test("a setpoint that nobody renews goes back to safe, a renewed one holds", async () => {
  const bench = newBench();
  const talk = await Talk.started([new TestActuator("pump", bench, { heartbeatMs: 30_000 })]);
  talk.command("pump", 50);
  for (let i = 0; i < 10; i++) {
    await talk.clock.advance(10_000);
    talk.notify("renew", { deviceIds: ["pump"] });
  }
  assert.equal(bench.outputs.get("pump"), 50);
  await talk.clock.advance(30_001);
  assert.equal(bench.outputs.get("pump"), 0);
  assert.equal(talk.notices("state").at(-1).reason, "heartbeat missed");
  talk.notify("renew", { deviceIds: ["pump"] });
  await talk.clock.advance(60_000);
  assert.equal(talk.notices("state").length, 1);
});

Deno.test("a guard that breaks cuts the device, and refuses what would leave the safe state", async () => {
  const bench = newBench();
  const guards = [{ deviceId: "thermometer", channel: "temperature", min: 2, max: 60 }];
  const talk = await Talk.started([
    new TestActuator("peltier", bench, { guards }),
    new TestSensor("thermometer", bench),
  ]);
  await talk.clock.advance(10);
  const on = talk.command("peltier", 40);
  await talk.clock.advance(0);
  assert.equal(talk.answerTo(on).result.readback.duty, 40);
  bench.outputs.set("thermometer", 61);
  await talk.clock.advance(1000);
  assert.equal(bench.outputs.get("peltier"), 0);
  assert.match(talk.notices("state").at(-1).reason, /"thermometer" temperature is 61 °C, above 60/);
  const refused = talk.command("peltier", 40);
  const off = talk.command("peltier", 0);
  await talk.clock.advance(0);
  assert.equal(talk.errorOf(refused), "guard");
  assert.equal(talk.answerTo(off).result.safe, true);
});

Deno.test("a guard whose sensor fails or falls silent cuts the device", async () => {
  for (const how of ["bad", "silent"]) {
    const bench = newBench();
    const guards = [{ deviceId: "thermometer", channel: "temperature" }];
    const talk = await Talk.started([
      new TestActuator("peltier", bench, { guards }),
      new TestSensor("thermometer", bench),
    ]);
    await talk.clock.advance(10);
    talk.command("peltier", 40);
    await talk.clock.advance(0);
    assert.equal(bench.outputs.get("peltier"), 40);
    if (how === "bad") bench.faults.set("thermometer read", new DeviceError("crc", "crc"));
    else bench.waits.set("thermometer read", never);
    await talk.clock.advance(6000);
    assert.equal(bench.outputs.get("peltier"), 0, how);
  }
});

Deno.test("readings come by their period, in batches of a tenth of a second", async () => {
  const bench = newBench();
  const talk = await Talk.started([
    new TestSensor("fast", bench, { bus: "a", periodMs: 50 }),
    new TestSensor("slow", bench, { bus: "b", periodMs: 1000 }),
  ]);
  await talk.clock.advance(950);
  const batches = talk.notices("readings");
  assert.ok(batches.length <= 10, `${batches.length} batches in a second`);
  const readings = batches.flatMap((batch) => batch.readings);
  assert.ok(readings.filter((one) => one.deviceId === "fast").length >= 18);
  assert.equal(readings.filter((one) => one.deviceId === "slow").length, 1);
});

Deno.test("a device that lives faster is read more often, live and within reason", async () => {
  const bench = newBench();
  let pace = 1;
  const talk = await Talk.started([
    new TestSensor("t", bench, { periodMs: 2000, pace: () => pace }),
  ]);
  const reads = async (ms: number) => {
    const before = bench.log.length;
    await talk.clock.advance(ms);
    return bench.log.slice(before).filter((line) => line === "t read").length;
  };
  await talk.clock.advance(100);
  assert.equal(await reads(4000), 2);
  pace = 10;
  await talk.clock.advance(2000);
  assert.equal(await reads(2000), 10);
  pace = 1000;
  await talk.clock.advance(1000);
  assert.equal(await reads(1000), 10);
});

Deno.test("a reading that takes longer than its period is not caught up", async () => {
  const bench = newBench();
  const talk = await Talk.started([new TestSensor("slow", bench, { periodMs: 100 })]);
  bench.waits.set("slow read", () => new Promise((done) => talk.clock.timer(350, done)));
  await talk.clock.advance(4100);
  const reads = bench.log.filter((line) => line === "slow read").length;
  assert.ok(reads >= 9 && reads <= 12, `${reads} reads`);
});

Deno.test("no reading looks better than it is", async () => {
  const bench = newBench();
  const talk = await Talk.started([new TestSensor("t", bench, { periodMs: 1000 })]);
  const latest = () => talk.notices("readings").at(-1).readings.at(-1);
  const values: [number, unknown, string, string | undefined][] = [
    [25, 25, "good", undefined],
    [61, 61, "suspect", "out_of_range"],
    [NaN, null, "bad", "not_finite"],
    [Infinity, null, "bad", "not_finite"],
  ];
  for (const [given, value, quality, code] of values) {
    bench.outputs.set("t", given);
    await talk.clock.advance(1000);
    await talk.clock.advance(200);
    await talk.clock.advance(800);
    await talk.clock.advance(200);
    assert.deepEqual([latest().value, latest().quality, latest().code], [value, quality, code]);
    await talk.clock.advance(800);
  }
});

Deno.test("a device that does not answer is offline after three readings and ready with the next good one", async () => {
  const bench = newBench();
  const talk = await Talk.started([new TestSensor("t", bench)]);
  await talk.clock.advance(500);
  bench.faults.set("t read", new DeviceError("no_ack", "no answer"));
  await talk.clock.advance(2000);
  assert.deepEqual(talk.notices("device"), []);
  await talk.clock.advance(1000);
  assert.equal(talk.notices("device").at(-1).status, "offline");
  assert.equal(talk.notices("device").at(-1).code, "no_ack");
  bench.faults.delete("t read");
  await talk.clock.advance(1000);
  assert.equal(talk.notices("device").at(-1).status, "ready");
});

Deno.test("a reading that never ends is given up and shown as timed out", async () => {
  const bench = newBench();
  bench.waits.set("t read", never);
  const talk = await Talk.started([new TestSensor("t", bench)]);
  await talk.clock.advance(10_200);
  const latest = () => talk.notices("readings").at(-1).readings.at(-1);
  assert.deepEqual([latest().value, latest().quality, latest().code], [null, "bad", "timeout"]);
  await talk.clock.advance(3000);
  assert.deepEqual([latest().value, latest().quality, latest().code], [null, "bad", "wedged"]);
  assert.equal(talk.notices("device").at(-1).status, "offline");
});

Deno.test("a device that does not start is reported, tried again, and stops nobody else", async () => {
  const bench = newBench();
  bench.faults.set("dead start", new DeviceError("no_ack", "no answer at 0x37"));
  const talk = await Talk.started([
    new TestActuator("dead", bench, { bus: "a" }),
    new TestActuator("alive", bench, { bus: "a" }),
  ]);
  const { outcomes } = talk.said.find((message) => message.id === 1).result;
  assert.deepEqual(outcomes.map((one: { ok: boolean }) => one.ok), [false, true]);
  const refused = talk.command("dead", 10);
  const taken = talk.command("alive", 10);
  await talk.clock.advance(0);
  assert.equal(talk.errorOf(refused), "offline");
  assert.equal(talk.answerTo(taken).result.readback.duty, 10);
  bench.faults.delete("dead start");
  await talk.clock.advance(5001);
  const later = talk.command("dead", 10);
  await talk.clock.advance(0);
  assert.equal(talk.answerTo(later).result.readback.duty, 10);
  assert.equal(talk.notices("device").at(-1).status, "ready");
});

Deno.test("closing brings everything to safe, also what hangs beside it, and ends the readings", async () => {
  const bench = newBench();
  const talk = await Talk.started([
    new TestActuator("a", bench, { bus: "one" }),
    new TestActuator("b", bench, { bus: "two" }),
    new TestSensor("t", bench),
  ]);
  talk.command("a", 10);
  await talk.clock.advance(0);
  bench.waits.set("b set", never);
  const pending = talk.command("b", 20, { deadlineMs: 60_000 });
  await talk.clock.advance(0);
  const closed = talk.server.close("stdin closed");
  await talk.clock.advance(200);
  const outcomes = await closed;
  assert.deepEqual(outcomes.map(({ safe }) => safe), [true, true]);
  assert.equal(talk.answersTo(pending).length, 1);
  assert.deepEqual([bench.outputs.get("a"), bench.outputs.get("b")], [0, 0]);
  const reads = bench.log.length;
  await talk.clock.advance(10_000);
  assert.equal(bench.log.length, reads);
});

Deno.test("a pipe that closes during start still leaves everything safe and starts nothing", async () => {
  const bench = newBench();
  const begun = Promise.withResolvers<void>();
  bench.waits.set("stirrer start", () => begun.promise);
  const talk = new Talk([new TestActuator("stirrer", bench)]);
  talk.server.hello();
  const start = talk.ask("start", { config: {}, fences: {}, parentPid: 1 });
  await talk.clock.advance(0);
  const closed = talk.server.close("stdin closed");
  await talk.clock.advance(200);
  await closed;
  begun.resolve();
  await talk.clock.advance(0);
  assert.equal(talk.errorOf(start), "closed");
  assert.equal(bench.outputs.get("stirrer"), 0);
  const after = talk.command("stirrer", 30);
  await talk.clock.advance(0);
  assert.equal(talk.errorOf(after), "not_started");
});

Deno.test("a guard that stays broken while the safe state fails is not hammered", async () => {
  const bench = newBench();
  const guards = [{ deviceId: "thermometer", channel: "temperature", max: 60 }];
  const talk = await Talk.started([
    new TestActuator("peltier", bench, { guards }),
    new TestSensor("thermometer", bench, { periodMs: 100 }),
  ]);
  await talk.clock.advance(200);
  talk.command("peltier", 40);
  await talk.clock.advance(0);
  let tries = 0;
  bench.waits.set("peltier safe", () => {
    tries++;
    return Promise.reject(new DeviceError("no_ack", "no answer"));
  });
  bench.outputs.set("thermometer", 61);
  await talk.clock.advance(20_000);
  assert.ok(tries >= 4 && tries <= 5, `${tries} tries in 20 s`);
  bench.waits.clear();
  await talk.clock.advance(5000);
  assert.equal(bench.outputs.get("peltier"), 0);
});
