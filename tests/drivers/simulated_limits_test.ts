import assert from "node:assert/strict";
import fc from "fast-check";
import { DeviceError, type DriverAnswer } from "../../drivers/driver.ts";
import { FaultKind } from "../../drivers/simulated_bioreactor/mod.ts";
import { type ArgumentSchema, fitting } from "./arguments.ts";
import { rig } from "./simulated_rig.ts";

const NO_SIGNAL = new AbortController().signal;
const RUNS = Deno.env.get("HOLDFAST_LONG") === "1" ? 2000 : 80;
/** Guarded relays, so that their limits are under test too. */
const CONFIG = {
  ledOnMaxS: 10,
  relays: [
    { name: "relay_1", gas: "co2", closedMaxS: 1, intervalMinS: 60 },
    { name: "relay_2", gas: "air", closedMaxS: 30 },
  ],
};

interface Op {
  op: string;
  args: ArgumentSchema;
}
const actuators = rig(CONFIG).drivers
  .map(({ capability }) => capability)
  .filter(({ kind }) => kind === "actuator");
const deviceIds = actuators.map(({ deviceId }) => deviceId);

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(...actuators).chain((capability) =>
      fc.constantFrom(...(capability.operations as Op[])).chain(({ op, args }) =>
        fitting(args).map((given) => ({
          do: "command" as const,
          deviceId: capability.deviceId,
          op,
          args: given as Record<string, unknown>,
        }))
      )
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...deviceIds).map((deviceId) => ({
      do: "safe" as const,
      deviceId,
    })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("fault" as const),
      deviceId: fc.constantFrom(...deviceIds, "*"),
      kind: fc.constantFrom(...FaultKind.options),
      durationS: fc.double({ min: 0.1, max: 100, noNaN: true }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(1, 10, 1000).map((scale) => ({
      do: "scale" as const,
      scale,
    })),
  },
);
const script = fc.array(
  fc.record({ step, waitMs: fc.constantFrom(0, 5, 300, 1000, 20_000) }),
  { minLength: 1, maxLength: 25 },
);

type Rig = ReturnType<typeof rig>;

async function perform(it: Rig, one: typeof step extends fc.Arbitrary<infer T> ? T : never) {
  switch (one.do) {
    case "fault":
      return void it.asks.fault({
        deviceId: one.deviceId,
        kind: one.kind,
        durationS: one.durationS,
      });
    case "scale":
      return void it.asks.timeScale({ scale: one.scale });
    case "safe":
      return await tolerant(it.driver(one.deviceId).safe());
    case "command":
      return await tolerant(it.driver(one.deviceId).command(one.op, one.args, NO_SIGNAL));
  }
}

/** Devices may refuse and fail; nothing else may go wrong. */
async function tolerant(act: Promise<DriverAnswer>): Promise<void> {
  try {
    await act;
  } catch (error) {
    if (!(error instanceof DeviceError || error instanceof RangeError)) throw error;
  }
}

Deno.test("no command sequence leaves an actuator outside its limits", async () => {
  await fc.assert(
    fc.asyncProperty(script, async (steps) => {
      const it = rig(CONFIG);
      for (const { step, waitMs } of steps) {
        await perform(it, step);
        await it.clock.wait(waitMs);
        assertWithinLimits(it);
      }
    }),
    { numRuns: RUNS },
  );
});

function assertWithinLimits(it: Rig): void {
  it.world.catchUp();
  const { inputs, vessel, parameters, timeScale } = it.world;
  assert.ok(inputs.peltier >= -1 && inputs.peltier <= 0.7, `peltier ${inputs.peltier}`);
  assert.ok(inputs.stirRpm >= 0 && inputs.stirRpm <= 2000, `rpm ${inputs.stirRpm}`);
  assert.ok(inputs.light >= 0 && inputs.light <= 1, `light ${inputs.light}`);
  assert.ok(inputs.inflowMlPerS >= 0 && inputs.inflowMlPerS <= 2.5 + 1e-9);
  assert.ok(inputs.outflowMlPerS >= 0 && inputs.outflowMlPerS <= 2.5 + 1e-9);
  assert.ok(vessel.volumeMl <= parameters.volumeMaxMl + 1e-6, `${vessel.volumeMl} ml`);
  assert.equal(vessel.spilledMl, 0);
  const relay = it.driver("relay-1").state();
  const stuck = it.asks.faults().faults.some(({ kind }) => kind === "stuck");
  if (!stuck && relay.readback.closed === true) {
    const opensInS = relay.readback.opens_in_s as number;
    assert.ok(opensInS <= 1 + 1e-6, `relay-1 opens in ${opensInS} s at ${timeScale}x`);
  }
  for (
    const { capability } of it.drivers.filter(({ capability }) => capability.kind === "actuator")
  ) {
    const { readback } = it.driver(capability.deviceId).state();
    for (const channel of capability.channels as { id: string; min?: number; max?: number }[]) {
      const value = readback[channel.id];
      if (typeof value !== "number") continue;
      assert.ok(
        value >= (channel.min ?? -Infinity),
        `${capability.deviceId} ${channel.id} ${value}`,
      );
      assert.ok(
        value <= (channel.max ?? Infinity),
        `${capability.deviceId} ${channel.id} ${value}`,
      );
    }
  }
}

Deno.test("after any fault script the safe state is the last thing in force", async () => {
  await fc.assert(
    fc.asyncProperty(script, async (steps) => {
      const it = rig(CONFIG);
      for (const { step, waitMs } of steps) {
        await perform(it, step);
        await it.clock.wait(waitMs);
      }
      // STOP while the faults are still there; then they end, and the agents go on reading.
      for (const deviceId of deviceIds) await tolerant(it.driver(deviceId).safe());
      it.asks.timeScale({ scale: 1 });
      await it.clock.wait(101_000);
      for (const deviceId of deviceIds) await it.driver(deviceId).read(NO_SIGNAL);
      it.asks.clearFaults({});
      for (const deviceId of deviceIds) await it.driver(deviceId).read(NO_SIGNAL);
      for (const deviceId of deviceIds) {
        const { safe, setpoint } = it.driver(deviceId).state();
        assert.ok(safe, `${deviceId} stands at ${JSON.stringify(setpoint)}`);
      }
      await it.clock.wait(2000);
      it.world.catchUp();
      const { inflowMlPerS, outflowMlPerS, peltier, light, co2MlPerS } = it.world.inputs;
      assert.deepEqual(
        { inflowMlPerS, outflowMlPerS, peltier, light, co2MlPerS },
        { inflowMlPerS: 0, outflowMlPerS: 0, peltier: 0, light: 0, co2MlPerS: 0 },
      );
    }),
    { numRuns: RUNS },
  );
});

Deno.test("a guarded relay is closed no longer and no oftener than its guard allows", async () => {
  const closing = fc.oneof(
    fc.record({ op: fc.constant("set"), args: fc.record({ closed: fc.boolean() }) }),
    fc.record({
      op: fc.constant("pulse"),
      args: fc.record({ seconds: fc.double({ min: 0.05, max: 1, noNaN: true }) }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(closing, fc.integer({ min: 0, max: 30_000 })), { maxLength: 60 }),
      async (steps) => {
        const it = rig(CONFIG);
        const relay = it.driver("relay-1");
        const closedAtS: number[] = [];
        for (const [{ op, args }, waitMs] of steps) {
          const wasClosed = relay.state().readback.closed;
          await tolerant(relay.command(op, args, NO_SIGNAL));
          const { closed } = relay.state().readback;
          if (closed === true && wasClosed !== true) closedAtS.push(it.world.atS);
          await it.clock.wait(waitMs);
        }
        const totalS = relay.state().readback.closed_s as number;
        assert.ok(totalS <= closedAtS.length + 1e-6, `${totalS} s closed`);
        closedAtS.slice(1).forEach((atS, i) => {
          assert.ok(
            atS - closedAtS[i]! >= 60 - 1e-6,
            `closed again after ${atS - closedAtS[i]!} s`,
          );
        });
      },
    ),
    { numRuns: RUNS },
  );
});

Deno.test("the peltier passes through nothing and waits before it changes its direction", async () => {
  const it = rig();
  const peltier = it.driver("peltier");
  await peltier.command("set", { power: 60 }, NO_SIGNAL);
  await it.clock.wait(500);
  await peltier.command("set", { power: -60 }, NO_SIGNAL);
  const powers: number[] = [];
  for (let i = 0; i < 80; i++) {
    await it.clock.wait(100);
    powers.push(peltier.state().readback.power as number);
  }
  const first = powers.findIndex((power) => power < 0);
  assert.ok(first >= 12, `reversed after ${first / 10} s`);
  assert.ok(powers.slice(0, first).every((power) => power === 0));
  assert.equal(powers.at(-1), -60);
  powers.slice(1).forEach((power, i) => assert.ok(powers[i]! - power <= 5 + 1e-9, "rose too fast"));
});

Deno.test("the block's thermostat ends heating by itself and says so", async () => {
  const it = rig({ timeScale: 1000, vessel: { ambientC: 35, startC: 55 } });
  const peltier = it.driver("peltier");
  await peltier.command("set", { power: 70 }, NO_SIGNAL);
  await it.clock.wait(3000);
  const { setpoint, readback, safe } = peltier.state();
  assert.deepEqual([setpoint, readback.cause, safe], [{ power: 0 }, "cut_over_temp", true]);
  assert.ok(it.world.vessel.cultureC < 68);
});

Deno.test("a dose is measured, ends by itself and is exact at every time scale", async () => {
  for (const timeScale of [1, 7, 1000]) {
    const it = rig({ timeScale });
    const pump = it.driver("pump-outflow");
    await pump.command("dose", { volume: 3.21, flow: 0.5 }, NO_SIGNAL);
    await it.clock.wait(7000);
    const { readback, safe } = pump.state();
    assert.deepEqual(readback.dose, { asked_ml: 3.21, done_ml: 3.21, running: false });
    assert.deepEqual([readback.volume, readback.cause, safe], [3.21, "dose_done", true]);
  }
});

Deno.test("a dose cut short says what it delivered", async () => {
  const it = rig();
  const pump = it.driver("pump-inflow");
  // Neither the start nor the end falls on a step of the integration.
  await it.clock.wait(77);
  await pump.command("dose", { volume: 10, flow: 1 }, NO_SIGNAL);
  const atMs = it.clock.monotonicMs();
  await it.clock.wait(4111);
  const { readback } = await pump.safe();
  const lastedS = (it.clock.monotonicMs() - atMs) / 1000;
  const dose = readback.dose as { done_ml: number; running: boolean };
  assert.equal(dose.running, false);
  assert.ok(Math.abs(dose.done_ml - lastedS) < 1e-6, `${dose.done_ml} ml in ${lastedS} s`);
  assert.ok(Math.abs(it.world.vessel.volumeMl - 400 - lastedS) < 0.01);
});

Deno.test("the inflow pump stops at the vessel's maximum and is refused there", async () => {
  const it = rig();
  const pump = it.driver("pump-inflow");
  await assert.rejects(pump.command("dose", { volume: 101 }, NO_SIGNAL), { code: "volume_limit" });
  await pump.command("set", { flow: 2 }, NO_SIGNAL);
  await it.clock.wait(120_000);
  const { readback, safe } = pump.state();
  assert.deepEqual([readback.volume, readback.cause, safe], [100, "volume_limit", true]);
  await assert.rejects(pump.command("set", { flow: 0.1 }, NO_SIGNAL), { code: "volume_limit" });
  await it.driver("pump-outflow").command("dose", { volume: 5, flow: 2 }, NO_SIGNAL);
  await it.clock.wait(5000);
  await pump.command("set", { flow: 0.1 }, NO_SIGNAL);
});

Deno.test("a pump that hears nothing stops within its own command timeout", async () => {
  for (const kind of ["no_answer", "disconnect"]) {
    const it = rig();
    const pump = it.driver("pump-outflow");
    await pump.command("set", { flow: 1 }, NO_SIGNAL);
    it.asks.fault({ deviceId: "pump-outflow", kind });
    await it.clock.wait(10_000);
    const { readback, setpoint } = pump.state();
    assert.deepEqual([setpoint, readback.cause], [{ flow: 0 }, "timeout_stop"], kind);
    assert.ok((readback.volume as number) <= 1.3, `${readback.volume} ml`);
  }
});

Deno.test("the LED shines for a reading only, and a dark one gives no number", async () => {
  const it = rig();
  const od = it.driver("optical-density");
  assert.ok((await od.read(NO_SIGNAL)).every(({ quality }) => quality === "good"));
  assert.deepEqual(it.driver("led").state().setpoint, { power: 0 });
  it.asks.fault({ deviceId: "led", kind: "disconnect" });
  for (const one of await od.read(NO_SIGNAL)) {
    assert.deepEqual([one.value, one.code], [null, "no_light"]);
  }
});

Deno.test("an optical density means the same whatever the lights are set to", async () => {
  const it = rig({ vessel: { growthMaxPerH: 0 } });
  const read = async () => {
    const values = (await it.driver("optical-density").read(NO_SIGNAL)).map(({ value }) => value);
    return values as number[];
  };
  const dark = await read();
  await it.driver("led").command("set", { power: 100 }, NO_SIGNAL);
  await it.driver("ring-light").command("set", { red: 255, green: 255, blue: 255 }, NO_SIGNAL);
  const lit = await read();
  dark.forEach((volts, i) => assert.ok(Math.abs(volts / lit[i]! - 1) < 0.02, `${volts} ${lit[i]}`));
  it.asks.fault({ deviceId: "ring-light", kind: "stuck" });
  for (const one of await it.driver("optical-density").read(NO_SIGNAL)) {
    assert.deepEqual([one.quality, one.code], ["suspect", "ring_light_on"]);
  }
});

Deno.test("one pixel is one pixel, and a frame too bright for its supply is dimmed as a whole", async () => {
  const it = rig({ ringLight: { pixels: 8, currentMaxMa: 240 } });
  const ring = it.driver("ring-light");
  const one = await ring.command("set", { red: 255, green: 0, blue: 0, pixel: 3 }, NO_SIGNAL);
  const pixels = one.readback.pixels as string[];
  assert.deepEqual(pixels.map((colour) => colour !== "#000000"), [
    ...[false, false, false, true, false, false, false, false],
  ]);
  assert.deepEqual(one.setpoint, { red: 32, green: 0, blue: 0, uniform: false });
  const all = await ring.command("set", { red: 255, green: 255, blue: 255 }, NO_SIGNAL);
  assert.deepEqual([all.readback.current_ma, all.readback.dimming], [240, 0.5]);
  assert.ok((await ring.read(NO_SIGNAL)).every(({ code }) => code === "current_cap"));
  await assert.rejects(
    ring.command("set", { red: 1, green: 1, blue: 1, pixel: 8 }, NO_SIGNAL),
    RangeError,
  );
});

Deno.test("a dead bridge shows in the current, a blocked bar in the speed", async () => {
  const it = rig();
  await it.driver("peltier").command("set", { power: 50 }, NO_SIGNAL);
  await it.driver("stirrer").command("set", { duty: 40 }, NO_SIGNAL);
  await it.clock.wait(10_000);
  const [current] = await it.driver("peltier-current").read(NO_SIGNAL);
  assert.ok(Math.abs(current!.value as number - 2.5) < 0.1, `${current!.value} A`);
  it.asks.fault({ deviceId: "peltier", kind: "no_answer" });
  it.asks.fault({ deviceId: "stirrer", kind: "stuck" });
  await it.clock.wait(5000);
  const [open] = await it.driver("peltier-current").read(NO_SIGNAL);
  assert.equal(open!.code, "open_load");
  it.asks.clearFaults({});
  const [, rpm] = await it.driver("stirrer").read(NO_SIGNAL);
  assert.deepEqual([rpm!.quality, rpm!.code, rpm!.value], ["suspect", "stall", 0]);
});
