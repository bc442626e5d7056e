import assert from "node:assert/strict";
import fc from "fast-check";
import { Rig } from "../../tests/agents/open_devices.ts";
import { type Bench, TestActuator } from "../../tests/agents/test_driver.ts";

const RUNS = Deno.env.get("HOLDFAST_LONG") === "1" ? 500 : 40;
const DEVICES = ["stirrer", "led", "pump"] as const;
const make = {
  one: (on: Bench) => [
    new TestActuator("stirrer", on, { bus: "pwm" }),
    new TestActuator("led", on, { bus: "gpio" }),
  ],
  two: (on: Bench) => [new TestActuator("pump", on, { bus: "usb" })],
};

type Step =
  | {
    act: "command";
    device: typeof DEVICES[number];
    duty: number;
    takesMs: number;
    heeds: boolean;
  }
  | { act: "stop" | "clear" }
  | { act: "kill" | "hang"; agent: "one" | "two" }
  | { act: "bring"; device: typeof DEVICES[number]; duty: number }
  | { act: "pass"; ms: number };

const agent = fc.constantFrom("one" as const, "two" as const);
const device = fc.constantFrom(...DEVICES);
const duty = fc.integer({ min: 1, max: 100 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      act: fc.constant("command" as const),
      device,
      duty,
      takesMs: fc.integer({ min: 0, max: 400 }),
      heeds: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constantFrom("stop" as const, "clear" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constantFrom("kill" as const, "hang" as const), agent }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("bring" as const), device, duty }) },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant("pass" as const),
      ms: fc.integer({ min: 0, max: 700 }),
    }),
  },
);

/** How long the next command takes on each device, and whether it heeds being given up. */
function paces(
  rig: Rig,
  name: string,
  on: Bench,
  waits: Map<string, { ms: number; heeds: boolean }>,
) {
  on.waits.set(`${name} set`, (signal) => {
    const { ms, heeds } = waits.get(name) ?? { ms: 0, heeds: true };
    return new Promise((done, fail) => {
      rig.clock.timer(ms, done);
      if (heeds) signal?.addEventListener("abort", () => fail(signal.reason));
    });
  });
}

function outputs(rig: Rig): Record<string, number> {
  return Object.fromEntries(["one", "two"].flatMap((name) => [...rig.agents.bench(name).outputs]));
}

async function play(
  steps: readonly Step[],
  check: (rig: Rig, step: Step) => Promise<void>,
  drivers: Parameters<typeof Rig.open>[0] = make,
) {
  const rig = await Rig.open(drivers);
  const waits = new Map<string, { ms: number; heeds: boolean }>();
  for (const name of DEVICES) {
    paces(rig, name, rig.agents.bench(name === "pump" ? "two" : "one"), waits);
  }
  const pending: Promise<unknown>[] = [];
  for (const step of steps) {
    switch (step.act) {
      case "command":
        waits.set(step.device, { ms: step.takesMs, heeds: step.heeds });
        pending.push(rig.set(step.device, step.duty));
        break;
      case "stop":
        pending.push(rig.devices.stop("user:bob", "test"));
        break;
      case "clear":
        pending.push(rig.devices.clearStop("user:bob", "test"));
        break;
      case "kill":
        rig.agents.kill(step.agent);
        break;
      case "hang":
        rig.agents.hang(step.agent);
        break;
      case "bring":
        pending.push(rig.devices.bring({ [step.device]: { duty: step.duty } }, "system", "ended"));
        break;
      case "pass":
        await rig.pass(step.ms);
    }
    await check(rig, step);
  }
  await rig.settle(Promise.allSettled(pending), 120_000);
  return rig;
}

Deno.test("no order of commands, stops, deaths and clearings leaves a stopped instrument away from safe", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await using rig = await play(steps, () => Promise.resolve());
      const report = await rig.settle(rig.devices.stop("user:bob", "last"), 120_000);
      assert.ok(report.devices.every(({ ok }) => ok), JSON.stringify(report));
      // Whatever was under way has the time to do harm.
      await rig.pass(3000);
      assert.deepEqual(new Set(Object.values(outputs(rig))), new Set([0]));
      for (const { state } of rig.devices.list()) assert.equal(state.safe, true, state.deviceId);
    }),
    { numRuns: RUNS },
  );
});

Deno.test("a command accepted before a stop never acts after it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      let stopped = false;
      const acted: string[] = [];
      const watched = Object.fromEntries(
        Object.entries(make).map(([name, drivers]) => [name, (on: Bench) => {
          on.onChange = (deviceId, duty) => {
            if (stopped && duty !== 0) acted.push(`${deviceId} ${duty}`);
          };
          return drivers(on);
        }]),
      );
      // A driver that does not heed being given up may act late, and is brought to safe again: see above.
      const heeding = steps.map((one) => one.act === "command" ? { ...one, heeds: true } : one);
      await using _rig = await play(heeding, async (rig, { act }) => {
        if (act === "clear") stopped = false;
        if (act !== "stop") return;
        await rig.settle(rig.devices.stop("user:bob", "settled"), 120_000);
        stopped = true;
      }, watched);
      assert.deepEqual(acted, []);
    }),
    { numRuns: RUNS },
  );
});

Deno.test("commands to one device never overlap, and the state is what the hardware was last told", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const quiet = steps.filter(({ act }) => act !== "kill" && act !== "hang");
      await using rig = await play(quiet, () => Promise.resolve());
      await rig.pass(3000);
      for (const name of ["one", "two"]) {
        const { log } = rig.agents.bench(name);
        for (const deviceId of DEVICES) {
          let running = 0;
          for (const line of log) {
            if (!line.startsWith(`${deviceId} set`)) continue;
            running += line.endsWith("begin") ? 1 : -1;
            // A command that was given up leaves its begin behind; it never lets two run at once.
            if (line.endsWith("begin")) running = 1;
            assert.ok(running === 0 || running === 1, log.join("\n"));
          }
        }
      }
      for (const [deviceId, output] of Object.entries(outputs(rig))) {
        const { state } = rig.devices.view(deviceId)!;
        assert.deepEqual([state.readback, state.safe], [{ duty: output }, output === 0], deviceId);
      }
    }),
    { numRuns: RUNS },
  );
});
