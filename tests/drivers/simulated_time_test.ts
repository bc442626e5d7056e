import assert from "node:assert/strict";
import type { DriverReading } from "../../drivers/driver.ts";
import { SimulatedBioreactorConfig } from "../../drivers/simulated_bioreactor/mod.ts";
import { rig } from "./simulated_rig.ts";

const NO_SIGNAL = new AbortController().signal;

type Rig = ReturnType<typeof rig>;

/** A minute of an experiment: stir, heat, dose, light, a fault, two time scales. */
async function minute(it: Rig, looks: (it: Rig) => Promise<void>): Promise<DriverReading[]> {
  const at = async (ms: number, act: () => unknown) => {
    await it.clock.wait(ms - it.clock.monotonicMs());
    await looks(it);
    await act();
  };
  const command = (deviceId: string, op: string, args: Record<string, unknown>) => () =>
    it.driver(deviceId).command(op, args, NO_SIGNAL);
  await at(3000, command("stirrer", "set", { duty: 40 }));
  await at(5000, command("peltier", "set", { power: 50 }));
  await at(
    10_000,
    () => it.asks.fault({ deviceId: "*", kind: "crc", probability: 0.5, durationS: 9 }),
  );
  await at(20_000, command("pump-inflow", "dose", { volume: 5, flow: 1 }));
  await at(25_000, command("ring-light", "set", { red: 200, green: 0, blue: 90 }));
  await at(30_000, () => it.asks.timeScale({ scale: 100 }));
  await at(60_000, () => {});
  const readings: DriverReading[] = [];
  for (const driver of it.drivers) {
    await it.clock.wait(70_000 - it.clock.monotonicMs() + readings.length * 2000);
    readings.push(...await driver.read(NO_SIGNAL));
  }
  return readings;
}
const nobody = () => Promise.resolve();

Deno.test("one seed and the same commands give the same values, another seed others", async () => {
  const first = await minute(rig({ seed: 5 }), nobody);
  assert.deepEqual(await minute(rig({ seed: 5 }), nobody), first);
  assert.notDeepEqual(await minute(rig({ seed: 6 }), nobody), first);
});

Deno.test("looking changes nothing: watched or not, the run is the same", async () => {
  const watched = await minute(rig({ seed: 5 }), async (it) => {
    for (const deviceId of ["ambient", "led", "optical-density", "pump-inflow"]) {
      await it.driver(deviceId).read(NO_SIGNAL);
      it.driver(deviceId).state();
    }
    // Looking took time: the next act is still at its own moment.
  });
  const alone = await minute(rig({ seed: 5 }), async (it) => {
    // As long as the looks above take, without looking.
    await it.clock.wait(2 + 3 + (150 + 60) + 6);
  });
  assert.deepEqual(watched, alone);
});

Deno.test("at 1000x an hour passes in 3.6 seconds, and the scale can change while it runs", async () => {
  const it = rig({ timeScale: 1000 });
  await it.clock.wait(3600);
  it.world.catchUp();
  assert.ok(Math.abs(it.world.atS - 3600) < 0.5);
  assert.deepEqual(it.asks.timeScale({ scale: 1 }).scale, 1);
  await it.clock.wait(10_000);
  it.world.catchUp();
  assert.ok(Math.abs(it.world.atS - 3610) < 0.5, `${it.world.atS}`);
});

Deno.test("a process that slept for a week makes up a bounded stretch and goes on", async () => {
  const it = rig();
  await it.clock.wait(7 * 86_400_000);
  it.world.catchUp();
  assert.ok(it.world.atS <= 100_001, `${it.world.atS}`);
  const beforeS = it.world.atS;
  await it.clock.wait(1000);
  it.world.catchUp();
  assert.ok(Math.abs(it.world.atS - beforeS - 1) < 0.5);
});

Deno.test("a minute after its start a viewer has seen it live", async () => {
  const it = rig();
  const od = async () => (await it.driver("optical-density").read(NO_SIGNAL))[0]!.value as number;
  const temperature = async () =>
    (await it.driver("temperature").read(NO_SIGNAL))[0]!.value as number;
  const [startC, startV] = [await temperature(), await od()];
  assert.ok(startC > 23 && startC < 25, `${startC} °C`);
  assert.ok(startV > 0.1 && startV < 0.8, `${startV} V`);
  await it.driver("stirrer").command("set", { duty: 30 }, NO_SIGNAL);
  await it.clock.wait(60_000);
  assert.ok(await od() > startV + 0.001, `${startV} V became ${await od()} V`);
  const [co2] = await it.driver("co2").read(NO_SIGNAL);
  assert.ok((co2!.value as number) > 500 && (co2!.value as number) < 800, `${co2!.value} ppm`);
  await it.clock.wait(240_000);
  assert.ok(await temperature() < startC, "drifts to the room");
});

Deno.test("faults start and end by the simulated clock and are listed until they ended", async () => {
  const it = rig({ timeScale: 10 });
  const fault = it.asks.fault({ deviceId: "co2", kind: "crc", startInS: 100, durationS: 50 });
  const quality = async () => (await it.driver("co2").read(NO_SIGNAL))[0]!.quality;
  assert.equal(await quality(), "good");
  assert.deepEqual(it.asks.faults().faults.map(({ id, active }) => [id, active]), [[
    fault.id,
    false,
  ]]);
  await it.clock.wait(10_000);
  assert.equal(await quality(), "bad");
  assert.deepEqual(it.asks.faults().faults.map(({ active }) => active), [true]);
  await it.clock.wait(5000);
  assert.equal(await quality(), "good");
  assert.deepEqual(it.asks.faults().faults, []);
});

Deno.test("a fault on one channel leaves the others alone", async () => {
  const it = rig();
  it.asks.fault({ deviceId: "temperature", channel: "heat_sink", kind: "disconnect" });
  const [vessel, sink] = await it.driver("temperature").read(NO_SIGNAL);
  assert.equal(vessel!.quality, "good");
  assert.deepEqual([sink!.value, sink!.code], [null, "disconnected"]);
});

Deno.test("an intermittent fault hits about as often as it is told, the same ones each time", async () => {
  const hits = async () => {
    const it = rig();
    it.asks.fault({ deviceId: "ambient", kind: "no_answer", probability: 0.3 });
    const found: boolean[] = [];
    for (let i = 0; i < 400; i++) {
      await it.clock.wait(1000);
      found.push((await it.driver("ambient").read(NO_SIGNAL))[0]!.value === null);
    }
    return found;
  };
  const first = await hits();
  const share = first.filter(Boolean).length / first.length;
  assert.ok(share > 0.2 && share < 0.4, `${share}`);
  assert.deepEqual(await hits(), first);
});

Deno.test("a gas sensor that got its power back warms up before it speaks", async () => {
  const it = rig();
  const { id } = it.asks.fault({ deviceId: "co2", kind: "disconnect" });
  await it.driver("co2").read(NO_SIGNAL);
  it.asks.clearFaults({ id });
  const [warming] = await it.driver("co2").read(NO_SIGNAL);
  assert.deepEqual([warming!.value, warming!.code], [null, "warming_up"]);
  await it.clock.wait(10_000);
  assert.equal((await it.driver("co2").read(NO_SIGNAL))[0]!.quality, "good");
});

Deno.test("asks that do not fit are refused with what is wrong", () => {
  const { asks } = rig();
  const refused: [() => unknown, RegExp][] = [
    [() => asks.fault({ deviceId: "toaster", kind: "crc" }), /there is no device "toaster"/],
    [() => asks.fault({ deviceId: "co2", kind: "melt" }), /kind/],
    [() => asks.fault({ deviceId: "co2", kind: "crc", channel: "o2" }), /no channel "o2"/],
    [() => asks.fault({ deviceId: "co2", kind: "crc", durationS: -1 }), /durationS/],
    [() => asks.clearFaults({ id: 9 }), /none with id 9/],
    [() => asks.timeScale({ scale: 0 }), /scale/],
    [() => asks.timeScale({ scale: 1001 }), /scale/],
    [() => asks.timeScale({ pace: 2 }), /pace/],
  ];
  for (const [ask, message] of refused) assert.throws(ask, { name: "RangeError", message });
  for (let i = 0; i < 256; i++) asks.fault({ deviceId: "co2", kind: "crc" });
  assert.throws(() => asks.fault({ deviceId: "co2", kind: "crc" }), /256 are scheduled/);
});

Deno.test("a configuration that does not fit is refused by key", () => {
  const issues = (config: unknown) => {
    const parsed = SimulatedBioreactorConfig.safeParse(config);
    return parsed.success ? [] : parsed.error.issues.map(({ path }) => path.join("."));
  };
  assert.deepEqual(issues({}), []);
  assert.deepEqual(issues({ timeScale: 5000 }), ["timeScale"]);
  assert.deepEqual(issues({ sed: 1 }), [""]);
  assert.deepEqual(issues({ vessel: { growthTemperatureC: [40, 30, 20] } }), [
    "vessel.growthTemperatureC",
  ]);
  assert.deepEqual(
    issues({ pumps: [{ name: "a", role: "inflow" }, { name: "a", role: "outflow" }] }),
    [
      "pumps",
    ],
  );
  assert.deepEqual(issues({ relays: [{ name: "1x" }] }), ["relays.0.name"]);
  assert.deepEqual(issues({ relays: ["relay_1", { name: "relay_1", gas: "air" }] }), [
    "relays",
  ]);
});

Deno.test("pumps and relays carry the names they are configured with", () => {
  const it = rig({
    pumps: ["tube_1_in", "tube_1_out", { name: "spare", role: "outflow" }],
    relays: ["relay_7", { name: "valve", gas: "air" }],
  });
  const ids = it.drivers.map(({ capability }) => capability.deviceId);
  for (const id of ["pump-tube_1_in", "pump-tube_1_out", "pump-spare", "relay-7", "relay-valve"]) {
    assert.ok(ids.includes(id), id);
  }
  const role = (id: string) => (it.driver(id).capability.facts as { role: string }).role;
  assert.deepEqual(["pump-tube_1_in", "pump-tube_1_out"].map(role), ["inflow", "outflow"]);
});
