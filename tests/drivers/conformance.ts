import assert from "node:assert/strict";
import fc from "fast-check";
import { DeviceError, type Driver, type DriverReading } from "../../drivers/driver.ts";
import { Capability } from "../../lib/devices/model.ts";
import { type ArgumentSchema, example, fitting, misfits } from "./arguments.ts";

/** One driver with its fake, on a clock that the test moves. */
export interface Bench {
  readonly driver: Driver;
  /** Lets `ms` pass, during which readings are taken as its agent would. */
  pass(ms: number): Promise<void>;
  /** Lays a fault on the device until `heal`. */
  break(kind: FaultName): void;
  heal(): void;
}
export type FaultName = "no_answer" | "disconnect" | "crc" | "stuck" | "drift" | "slow";

const NO_SIGNAL = new AbortController().signal;
/** Faults under which a device cannot even be heard. */
const SILENCING: readonly FaultName[] = ["no_answer", "disconnect", "crc", "slow"];
const CODES: Record<FaultName, readonly string[]> = {
  no_answer: ["no_ack", "timeout"],
  disconnect: ["disconnected"],
  crc: ["crc"],
  stuck: ["stuck", "stall"],
  drift: ["drift"],
  slow: ["timeout"],
};

/** The rules every driver keeps, whatever it drives. Registers one test for each. */
export function conformance(name: string, start: () => Promise<Bench>): void {
  const test = (rule: string, act: (bench: Bench, capability: Capability) => Promise<void>) =>
    Deno.test(`${name}: ${rule}`, async () => {
      const bench = await start();
      await act(bench, Capability.parse(bench.driver.capability));
    });

  test("its capability has the wire's shape and explains every argument", (_bench, capability) => {
    const ids = capability.channels.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, "a channel twice");
    for (const { op, args } of capability.operations) {
      const schema = args as ArgumentSchema;
      assert.equal(schema.type, "object");
      assert.equal(schema.additionalProperties, false, `${op} takes unknown fields`);
      for (const [argument, { title, description }] of Object.entries(schema.properties ?? {})) {
        assert.ok(title && description, `${op}.${argument} has no title or description`);
      }
    }
    assert.equal(capability.kind === "actuator", capability.operations.length > 0);
    assert.equal(capability.kind === "actuator", capability.safeState !== undefined);
    return Promise.resolve();
  });

  test("it is safe after its start", async ({ driver }) => {
    await driver.start();
    assert.equal(driver.state().safe, true);
  });

  test("every channel is read once, good and within its range", async (bench, capability) => {
    for (let i = 0; i < 20; i++) {
      const readings = await bench.driver.read(NO_SIGNAL);
      assert.deepEqual(
        readings.map(({ channel }) => channel),
        capability.channels.map(({ id }) => id),
      );
      for (const reading of readings) {
        const channel = capability.channels.find(({ id }) => id === reading.channel)!;
        assert.equal(reading.quality, "good", JSON.stringify(reading));
        assert.equal(typeof reading.value, channel.type.replace("text", "string"));
        if (typeof reading.value !== "number") continue;
        assert.ok(reading.value >= (channel.min ?? -Infinity), JSON.stringify(reading));
        assert.ok(reading.value <= (channel.max ?? Infinity), JSON.stringify(reading));
      }
      await bench.pass(2000);
    }
  });

  test("a reading that is given up is bad, not an error", async ({ driver }, capability) => {
    const readings = await driver.read(AbortSignal.abort());
    assert.equal(readings.length, capability.channels.length);
    for (const one of readings) assert.deepEqual([one.value, one.quality], [null, "bad"]);
  });

  test("an unknown operation is refused", async ({ driver }) => {
    await assert.rejects(driver.command("explode", {}, NO_SIGNAL), RangeError);
  });

  test(
    "arguments that do not fit are refused, named and change nothing",
    async (bench, capability) => {
      const { driver } = bench;
      const before = driver.state();
      for (const { op, args } of capability.operations) {
        for (const { what, path, args: given } of misfits(args as ArgumentSchema)) {
          await assert.rejects(driver.command(op, given, NO_SIGNAL), (error) => {
            assert.ok(error instanceof RangeError, `${op} with ${what}: ${error}`);
            const { errors } = error as RangeError & { errors: { path: string }[] };
            assert.ok(errors.some((one) => one.path.startsWith(path)), `${op} with ${what}`);
            return true;
          });
        }
      }
      assert.deepEqual(driver.state().setpoint, before.setpoint);
    },
  );

  test("from any state it reaches safe, and twice is harmless", async (bench, capability) => {
    const { driver } = bench;
    for (const { op, args } of capability.operations) {
      for (const given of samples(args as ArgumentSchema, 10)) {
        await tolerant(driver.command(op, given, NO_SIGNAL));
        await bench.pass(700);
        for (let i = 0; i < 2; i++) {
          const answer = await driver.safe();
          assert.equal(answer.safe, true);
          assertHas(answer.setpoint, capability.safeState ?? {});
        }
        await bench.pass(120_000);
        assert.equal(driver.state().safe, true, `safe did not last after ${op}`);
      }
    }
  });

  test("a command that is given up throws and changes nothing", async ({ driver }, capability) => {
    for (const { op, args } of capability.operations) {
      const given = example(args as ArgumentSchema);
      await assert.rejects(driver.command(op, given, AbortSignal.abort()));
      assert.equal(driver.state().safe, true);
    }
  });

  for (const kind of Object.keys(CODES) as FaultName[]) {
    test(`under "${kind}" no reading looks good, and it comes back`, async (bench) => {
      const { driver } = bench;
      await driver.read(NO_SIGNAL);
      bench.break(kind);
      await bench.pass(10_000);
      const readings = await driver.read(NO_SIGNAL);
      for (const reading of readings) assertShows(kind, reading);
      bench.heal();
      // A device that lost its power warms up first.
      await driver.read(NO_SIGNAL);
      await bench.pass(30_000);
      for (const one of await driver.read(NO_SIGNAL)) {
        assert.equal(one.quality, "good", JSON.stringify(one));
      }
    });
  }

  for (const kind of [...SILENCING, "stuck"] as const) {
    test(
      `under "${kind}" a command fails by name, and safe arrives afterwards`,
      async (bench, capability) => {
        const [operation] = capability.operations;
        if (operation === undefined) return;
        const { driver } = bench;
        const away = awayFromSafe(capability);
        assert.equal((await driver.command(operation.op, away, NO_SIGNAL)).safe, false);
        bench.break(kind);
        for (const act of [driver.command(operation.op, away, NO_SIGNAL), driver.safe()]) {
          await assert.rejects(act, (error) => {
            assert.ok(error instanceof DeviceError, String(error));
            assert.ok([...CODES[kind], "readback"].includes(error.code), error.code);
            assert.ok(error.message.includes(capability.deviceId), error.message);
            return true;
          });
        }
        bench.heal();
        await driver.read(NO_SIGNAL);
        assert.equal(driver.state().safe, true, "the safe state that failed was forgotten");
      },
    );
  }
}

/** Arguments of the first operation that lead away from safe, far enough to show. */
function awayFromSafe(capability: Capability): Record<string, unknown> {
  const found = samples(capability.operations[0]!.args as ArgumentSchema, 50).find((args) => {
    const safe = capability.safeState ?? {};
    return Object.keys(safe).every((key) => args[key] !== safe[key] && args[key] !== 0);
  });
  assert.ok(found, "no arguments lead away from safe");
  return found;
}

function samples(schema: ArgumentSchema, count: number): Record<string, unknown>[] {
  return fc.sample(fitting(schema), { numRuns: count, seed: 11 }) as Record<string, unknown>[];
}

/** A guard may refuse a command that fits its schema; nothing else may go wrong. */
async function tolerant(act: Promise<unknown>): Promise<void> {
  try {
    await act;
  } catch (error) {
    if (!(error instanceof DeviceError || error instanceof RangeError)) throw error;
  }
}

function assertShows(kind: FaultName, reading: DriverReading): void {
  if (SILENCING.includes(kind)) {
    assert.deepEqual([reading.value, reading.quality], [null, "bad"], JSON.stringify(reading));
  } else if (typeof reading.value === "number" || kind === "stuck") {
    assert.equal(reading.quality, "suspect", JSON.stringify(reading));
  } else return;
  assert.ok(CODES[kind].includes(reading.code ?? ""), JSON.stringify(reading));
}

function assertHas(actual: Record<string, unknown>, expected: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(expected)) assert.deepEqual(actual[key], value, key);
}
