import assert from "node:assert/strict";
import { DeviceError } from "../../drivers/driver.ts";
import { Rig } from "../../tests/agents/open_devices.ts";
import { type Bench, TestActuator, TestSensor } from "../../tests/agents/test_driver.ts";

const never = () => new Promise<void>(() => {});
const two = {
  one: (on: Bench) => [
    new TestActuator("stirrer", on, { bus: "pwm" }),
    new TestActuator("led", on, { bus: "gpio" }),
    new TestSensor("thermometer", on),
  ],
  two: (on: Bench) => [new TestActuator("pump", on)],
};

Deno.test("STOP brings everything to safe, whoever holds it, and refuses until it is cleared", async () => {
  await using rig = await Rig.open(two);
  rig.gate.grant("stirrer", "experiment:1");
  await rig.settle(rig.set("stirrer", 50, "experiment:1"));
  await rig.settle(rig.set("pump", 50));
  const stops: unknown[] = [];
  rig.devices.onStop((stopped) => stops.push(stopped?.reason ?? null));
  const report = await rig.settle(rig.devices.stop("user:bob", "foam"));
  assert.deepEqual(report.devices.map(({ deviceId, ok }) => [deviceId, ok]), [
    ["stirrer", true],
    ["led", true],
    ["pump", true],
  ]);
  assert.equal(report.recorded, true);
  for (const name of ["one", "two"]) {
    for (const output of rig.agents.bench(name).outputs.values()) assert.equal(output, 0);
  }
  assert.deepEqual(rig.devices.stopped(), {
    sinceMs: rig.devices.stopped()!.sinceMs,
    actor: "user:bob",
    reason: "foam",
  });
  const refused = await rig.set("stirrer", 50, "experiment:1");
  assert.deepEqual(refused, { ok: false, refusal: { kind: "stopped", reason: "foam" } });
  assert.ok(rig.alarms.active.has("stop"));
  await assert.rejects(rig.devices.clearStop("user:bob", "  "), RangeError);
  await rig.settle(rig.devices.clearStop("user:bob", "foam removed"));
  assert.equal(rig.devices.stopped(), null);
  assert.deepEqual(stops, ["foam", null]);
  assert.ok(!rig.alarms.active.has("stop"));
  assert.equal(rig.agents.bench("one").outputs.get("stirrer"), 0, "nothing moves by itself");
  assert.ok((await rig.settle(rig.set("pump", 50))).ok);
  const told = await rig.events("instrument.stopped", "instrument.stop_cleared");
  assert.deepEqual(told.map(({ actor, text }) => `${actor} ${text}`), [
    "user:bob stopped: foam",
    "user:bob stop cleared: foam removed",
  ]);
});

Deno.test("a stop outlives a restart of the runtime", async () => {
  await using rig = await Rig.open(two);
  await rig.settle(rig.devices.stop("user:bob", "foam"));
  await rig.settle(rig.devices.close());
  await rig.begin();
  assert.equal(rig.devices.stopped()?.reason, "foam");
  const refused = await rig.set("led", 10);
  assert.ok(!refused.ok && refused.refusal.kind === "stopped");
});

Deno.test("pressed again, STOP acts again and keeps since when it has been stopped", async () => {
  await using rig = await Rig.open(two);
  await rig.settle(rig.devices.stop("user:bob", "first"));
  const first = rig.devices.stopped();
  await rig.pass(60_000);
  // Somebody turns a knob on the device itself.
  rig.agents.bench("one").outputs.set("led", 70);
  const report = await rig.settle(rig.devices.stop("user:anna", "second"));
  assert.ok(report.devices.every(({ ok }) => ok));
  assert.equal(rig.agents.bench("one").outputs.get("led"), 0);
  assert.deepEqual(rig.devices.stopped(), first);
  assert.equal((await rig.events("instrument.stopped")).length, 2);
});

Deno.test("STOP does not wait behind commands: running and waiting ones are refused at once", async () => {
  await using rig = await Rig.open(two);
  rig.agents.bench("one").waits.set("stirrer set", never);
  const asked = Array.from({ length: 20 }, () => rig.set("stirrer", 50));
  await rig.pass(0);
  const stopped = rig.devices.stop("user:bob", "foam");
  for (const command of asked) {
    assert.deepEqual(await command, { ok: false, refusal: { kind: "stopped", reason: "foam" } });
  }
  const report = await rig.settle(stopped);
  assert.ok(report.totalMs <= 150, `${report.totalMs} ms`);
  await rig.pass(100);
  assert.deepEqual(await rig.events("device.error"), [], "to be stopped is no failure");
  assert.equal(rig.devices.view("stirrer")!.state.safe, true);
});

Deno.test("STOP kills an agent that hangs; its new life begins by bringing its devices to safe", async () => {
  await using rig = await Rig.open(two);
  await rig.settle(rig.set("stirrer", 50));
  await rig.settle(rig.set("pump", 50));
  rig.agents.hang("one");
  const stopped = rig.devices.stop("user:bob", "foam");
  await rig.pass(100);
  assert.equal(rig.agents.bench("two").outputs.get("pump"), 0, "the other agent is not concerned");
  const report = await rig.settle(stopped);
  assert.ok(report.devices.every(({ ok }) => ok));
  assert.equal(rig.agents.bench("one").outputs.get("stirrer"), 0);
  assert.ok(report.totalMs >= 500 && report.totalMs < 1000, `${report.totalMs} ms`);
  assert.equal(rig.devices.agents()[0]!.restarts, 1);
});

Deno.test("STOP does not wait out the back-off of an agent that is down", async () => {
  await using rig = await Rig.open(two, {
    supervisor: { backoffMinMs: 60_000, backoffMaxMs: 60_000 },
  });
  await rig.settle(rig.set("stirrer", 50));
  rig.agents.kill("one");
  await rig.pass(10);
  assert.equal(rig.agents.bench("one").outputs.get("stirrer"), 50);
  const report = await rig.settle(rig.devices.stop("user:bob", "foam"));
  assert.ok(report.devices.every(({ ok }) => ok), JSON.stringify(report));
  assert.ok(report.totalMs < 1000);
  assert.equal(rig.agents.bench("one").outputs.get("stirrer"), 0);
});

Deno.test("a device that cannot be brought to safe is named, alarmed and tried again", async () => {
  await using rig = await Rig.open(two);
  await rig.settle(rig.set("led", 50));
  rig.agents.bench("one").faults.set("led safe", new DeviceError("no_ack", "no answer"));
  const report = await rig.settle(rig.devices.stop("user:bob", "foam"));
  assert.deepEqual(report.devices.find(({ ok }) => !ok), {
    deviceId: "led",
    ok: false,
    ms: report.devices.find(({ ok }) => !ok)!.ms,
    error: "no answer",
  });
  await rig.pass(0);
  const { state } = rig.devices.view("led")!;
  assert.deepEqual([state.status, state.safe, state.lastError?.code], ["fault", false, "no_ack"]);
  assert.ok(rig.alarms.active.has("offline:led"));
  rig.agents.bench("one").faults.clear();
  await rig.pass(6000);
  assert.equal(rig.agents.bench("one").outputs.get("led"), 0);
  assert.equal(rig.devices.view("led")!.state.safe, true);
});

Deno.test("STOP stops also when nothing can be stored, and says that a restart would forget it", async () => {
  const rig = await Rig.open(two);
  await rig.settle(rig.set("stirrer", 50));
  await rig.kv.close();
  const report = await rig.settle(rig.devices.stop("user:bob", "foam"));
  assert.equal(report.recorded, false);
  assert.equal(rig.agents.bench("one").outputs.get("stirrer"), 0);
  const refused = await rig.set("stirrer", 50);
  assert.ok(!refused.ok && refused.refusal.kind === "stopped");
  await rig.settle(rig.devices.close());
});

Deno.test("end states of a run that a stop ended are the safe states", async () => {
  await using rig = await Rig.open(two);
  await rig.settle(rig.set("stirrer", 50));
  const setting = Promise.withResolvers<void>();
  rig.agents.bench("one").waits.set("stirrer set", () => setting.promise);
  const during = rig.devices.bring({ stirrer: { duty: 20 } }, "system", "ended");
  await rig.pass(0);
  await rig.settle(rig.devices.stop("user:bob", "foam"));
  setting.resolve();
  await rig.settle(during);
  await rig.settle(rig.devices.bring({ stirrer: { duty: 20 } }, "system", "ended"));
  await rig.pass(1000);
  assert.equal(rig.agents.bench("one").outputs.get("stirrer"), 0);
});

Deno.test("an agent that starts while the instrument is stopped starts safe, and stays so", async () => {
  await using rig = await Rig.open(two);
  await rig.settle(rig.set("stirrer", 50));
  rig.agents.kill("one");
  const stopped = rig.devices.stop("user:bob", "foam");
  await rig.settle(stopped);
  const refused = await rig.set("stirrer", 50);
  assert.ok(!refused.ok && refused.refusal.kind === "stopped");
  assert.equal(rig.agents.bench("one").outputs.get("stirrer"), 0);
});

Deno.test("clearing a stop waits until it has been carried out", async () => {
  await using rig = await Rig.open(two);
  await rig.settle(rig.set("led", 50));
  const slow = Promise.withResolvers<void>();
  rig.agents.bench("one").waits.set("led safe", () => slow.promise);
  const stopped = rig.devices.stop("user:bob", "foam");
  const cleared = rig.devices.clearStop("user:bob", "never mind");
  await rig.pass(200);
  assert.notEqual(rig.devices.stopped(), null);
  slow.resolve();
  await rig.settle(stopped);
  await rig.settle(cleared);
  assert.equal(rig.devices.stopped(), null);
});

Deno.test("a stop pressed while an earlier one is being cleared holds, over a restart too", async () => {
  await using rig = await Rig.open(two);
  await rig.settle(rig.devices.stop("user:bob", "first"));
  const cleared = rig.devices.clearStop("user:bob", "never mind");
  const again = rig.devices.stop("user:anna", "second");
  await rig.settle(Promise.all([cleared, again]));
  assert.notEqual(rig.devices.stopped(), null);
  await rig.settle(rig.devices.close());
  await rig.begin();
  assert.notEqual(rig.devices.stopped(), null);
});
