import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import type { Reading } from "../devices/model.ts";
import type { Bucket } from "./model.ts";
import type { Telemetry } from "./store.ts";
import { DAY, HOUR, MINUTE, reading, START, withStore } from "./testing.ts";

const TEMPERATURE = { deviceId: "temp", channel: "temperature" };

function buckets(t: Telemetry, fromMs: number, toMs: number, count: number): Bucket[] {
  return t.series({ channels: [TEMPERATURE], fromMs, toMs, buckets: count })[0]!.buckets;
}

/** What a bucket must be, from all samples there ever were. */
function bruteForce(rows: readonly Reading[], fromMs: number, toMs: number): Omit<Bucket, "atMs"> {
  const inside = rows.filter((r) => r.atMs >= fromMs && r.atMs < toMs);
  const numbers = inside.filter((r) => r.value !== null);
  const values = numbers.map((r) => r.value as number);
  const newest = numbers.reduce<Reading | null>(
    (best, r) => best === null || r.atMs >= best.atMs ? r : best,
    null,
  );
  const suspect = numbers.filter((r) => r.quality === "suspect").length;
  const bad = inside.length - numbers.length;
  return {
    min: values.length === 0 ? null : Math.min(...values),
    max: values.length === 0 ? null : Math.max(...values),
    mean: values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length,
    last: newest === null ? null : newest.value as number,
    count: values.length,
    ...(suspect > 0 ? { suspect } : {}),
    ...(bad > 0 ? { bad } : {}),
  };
}

function assertBucket(found: Bucket, expected: Omit<Bucket, "atMs">): void {
  const { atMs: _, mean, ...rest } = found;
  const { mean: meanExpected, ...restExpected } = expected;
  assert.deepEqual(rest, restExpected);
  if (mean === null || meanExpected === null) assert.equal(mean, meanExpected);
  else {
    const scale = Math.max(1, Math.abs(meanExpected));
    assert.ok(Math.abs(mean - meanExpected) <= 1e-9 * scale, `mean ${mean}, not ${meanExpected}`);
  }
}

Deno.test("samples are on disk one second after they were recorded", () =>
  withStore(async ({ telemetry, clock, path }) => {
    telemetry.record([reading(START, 25.5)]);
    using other = new DatabaseSync(path);
    const count = () => other.prepare("SELECT count(*) AS n FROM inbox").get()!["n"];
    assert.equal(count(), 0);
    await clock.advance(1000);
    assert.equal(count(), 1);
  }));

Deno.test("closing writes what was recorded in the last second", () =>
  withStore((b) => {
    b.telemetry.record([reading(START, 25.5)]);
    b.reopen();
    assert.equal(buckets(b.telemetry, START, START + 1000, 1)[0]!.last, 25.5);
  }));

Deno.test("a sample is seen at once, in memory, in the inbox and when settled", () =>
  withStore(async ({ telemetry, clock }) => {
    telemetry.record([reading(START + 10, 1), reading(START + 20, 3)]);
    const see = () => buckets(telemetry, START, START + 100, 1)[0]!;
    const expected = { atMs: START, min: 1, max: 3, mean: 2, last: 3, count: 2 };
    assert.deepEqual(see(), expected);
    await clock.advance(1000);
    assert.deepEqual(see(), expected);
    telemetry.settle();
    assert.deepEqual(see(), expected);
  }));

Deno.test("the same sample delivered again counts once, even after a restart", () =>
  withStore((b) => {
    const twice = [reading(START, 1), reading(START + 1000, 2)];
    b.telemetry.record([...twice, twice[1]!]);
    b.reopen();
    b.telemetry.record(twice);
    b.telemetry.settle();
    const [bucket] = buckets(b.telemetry, START, START + 2000, 1);
    assert.deepEqual(bucket, { atMs: START, min: 1, max: 2, mean: 1.5, last: 2, count: 2 });
  }));

Deno.test("when the clock is set back an hour and forward again, both passes are kept in order", () =>
  withStore(async ({ telemetry, clock, path }) => {
    const sample = (value: number) => telemetry.record([reading(clock.nowMs(), value)]);
    const minutes = async (n: number, value: number) => {
      for (let i = 0; i < n; i++) {
        sample(value);
        await clock.advance(MINUTE);
      }
    };
    await minutes(90, 1);
    clock.stepWall(-HOUR);
    await minutes(10, 2);
    clock.stepWall(HOUR);
    await minutes(5, 3);
    telemetry.settle();
    const all = buckets(telemetry, START, START + 105 * MINUTE, 105);
    assert.equal(all.reduce((sum, { count }) => sum + count, 0), 105);
    assert.deepEqual(
      [29, 30, 39, 40, 90, 100].map((i) => [all[i]!.min, all[i]!.max, all[i]!.last, all[i]!.count]),
      [[1, 1, 1, 1], [1, 2, 2, 2], [1, 2, 2, 2], [1, 1, 1, 1], [null, null, null, 0], [3, 3, 3, 1]],
    );
    using db = new DatabaseSync(path);
    const stamps = db.prepare("SELECT at_ms, value FROM raw WHERE at_ms = ? ORDER BY n")
      .all(START + 35 * MINUTE).map(({ value }) => value);
    assert.deepEqual(stamps, [1, 2], "of two with one stamp, the order of arrival");
  }));

Deno.test("booleans are stored as 0 and 1, words and numbers that are none are not", () =>
  withStore(({ telemetry }) => {
    const other = (channel: string, value: Reading["value"], atMs = START) =>
      reading(atMs, value, { deviceId: "relay", channel, unit: "", quality: "good" });
    telemetry.record([
      other("closed", true),
      other("closed", false, START + 1),
      other("direction", "heat"),
      other("volts", 1),
      other("volts", NaN, START + 1),
      other("volts", Infinity, START + 2),
    ]);
    telemetry.settle();
    assert.deepEqual(
      telemetry.channels().map(({ channel, type }) => [channel, type]),
      [["closed", "boolean"], ["volts", "number"]],
    );
    const [closed, volts] = telemetry.series({
      channels: [{ deviceId: "relay", channel: "closed" }, { deviceId: "relay", channel: "volts" }],
      fromMs: START,
      toMs: START + 10,
      buckets: 1,
    });
    const rest = { atMs: START, min: 0, max: 1, mean: 0.5, last: 0, count: 2 };
    assert.deepEqual(closed!.buckets, [rest]);
    assert.deepEqual(volts!.buckets, [{ ...rest, min: 1, mean: 1, last: 1, count: 1, bad: 2 }]);
  }));

Deno.test("a stale or bad reading is a gap, a suspect one is a number that is counted apart", () =>
  withStore(({ telemetry }) => {
    telemetry.record([
      reading(START, 20),
      reading(START + 1000, 99, { quality: "suspect" }),
      reading(START + 2000, null),
      reading(START + 3000, null, { quality: "stale" }),
    ]);
    for (const settle of [false, true]) {
      if (settle) telemetry.settle();
      const found = buckets(telemetry, START, START + 4000, 4);
      assert.deepEqual(found.map(({ mean, count, suspect, bad }) => [mean, count, suspect, bad]), [
        [20, 1, undefined, undefined],
        [99, 1, 1, undefined],
        [null, 0, undefined, 1],
        [null, 0, undefined, 1],
      ]);
    }
  }));

Deno.test("a channel whose unit changes goes on as a second one, never mixed into the first", () =>
  withStore((b) => {
    b.telemetry.record([reading(START, 25)]);
    b.telemetry.record([reading(START + 1000, 298, { unit: "K" })]);
    b.reopen();
    assert.deepEqual(b.telemetry.channels().map(({ unit }) => unit), ["K", "°C"]);
    const [series] = b.telemetry.series({
      channels: [TEMPERATURE],
      fromMs: START,
      toMs: START + 2000,
      buckets: 1,
    });
    assert.deepEqual([series!.unit, series!.buckets[0]!.max, series!.buckets[0]!.count], [
      "K",
      298,
      1,
    ]);
  }));

Deno.test("a series says how often its channel is sampled, also after a restart", () =>
  withStore((b) => {
    b.telemetry.record(Array.from({ length: 20 }, (_, i) => reading(START + i * 5000, i)));
    const period = () =>
      b.telemetry.series({
        channels: [TEMPERATURE],
        fromMs: START,
        toMs: START + 1,
        buckets: 1,
      })[0]!
        .periodMs;
    assert.equal(period(), 5000);
    b.reopen();
    assert.equal(period(), 5000);
  }));

Deno.test("a channel nobody has recorded has empty buckets", () =>
  withStore(({ telemetry }) => {
    const [series] = telemetry.series({
      channels: [{ deviceId: "nobody", channel: "x" }],
      fromMs: START,
      toMs: START + 1000,
      buckets: 2,
    });
    assert.equal(series!.unit, "");
    assert.deepEqual(series!.buckets.map(({ count, mean }) => [count, mean]), [[0, null], [
      0,
      null,
    ]]);
  }));

Deno.test("an empty range and a senseless number of buckets are refused", () =>
  withStore(({ telemetry }) => {
    assert.throws(() => buckets(telemetry, START, START, 5), RangeError);
    for (const n of [0, -1, 1.5, 5001, NaN]) {
      assert.throws(() => buckets(telemetry, START, START + 1000, n), RangeError);
    }
    assert.equal(buckets(telemetry, START, START + 5000, 5000).length, 5000);
  }));

Deno.test("buckets, roll-ups and raw rows agree with brute force, whatever the order, restarts and clock", async () => {
  const sample = fc.record({
    // Two hours and a bit, so that minutes and hours are crossed; coarse, so that stamps collide.
    at: fc.integer({ min: 0, max: 800 }).map((n) => n * 10_000),
    value: fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((v) => v + 0), {
      nil: null,
      freq: 6,
    }),
    suspect: fc.boolean(),
  });
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ record: fc.array(sample, { maxLength: 8 }) }) },
    { weight: 2, arbitrary: fc.constant({ flush: true }) },
    { weight: 2, arbitrary: fc.constant({ settle: true }) },
    { weight: 1, arbitrary: fc.constant({ reopen: true }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 40 }), async (
      steps,
      asked,
    ) => {
      await withStore((b) => {
        const kept: Reading[] = [];
        const seen = new Set<string>();
        for (const one of steps) {
          if ("record" in one) {
            for (const { at, value, suspect } of one.record) {
              const r = reading(START + at, value);
              if (value !== null && suspect) r.quality = "suspect";
              // The store finds its channel with the first number; the same sample twice is one.
              const key = JSON.stringify([r.atMs, r.value, r.quality]);
              if ((seen.size === 0 && value === null) || seen.has(key)) continue;
              seen.add(key);
              kept.push(r);
              b.telemetry.record([r]);
            }
          } else if ("flush" in one) b.telemetry.flush();
          else if ("settle" in one) b.telemetry.settle();
          else b.reopen();
        }
        for (
          const [fromMs, toMs] of [
            [START, START + 3 * HOUR],
            [START + 7 * 10_000 + 1, START + 95 * 10_000],
            [START - 40 * DAY, START + 40 * DAY],
            [START - 4000 * DAY, START + 4000 * DAY],
          ] as const
        ) {
          const [series] = b.telemetry.series({
            channels: [TEMPERATURE],
            fromMs,
            toMs,
            buckets: asked,
          });
          const { buckets, bucketMs } = series!;
          assert.ok(buckets.length <= asked, `${buckets.length} buckets for ${asked}`);
          assert.ok(buckets[0]!.atMs <= fromMs && buckets.at(-1)!.atMs + bucketMs >= toMs);
          for (const [i, bucket] of buckets.entries()) {
            if (asked > 1) assert.equal(bucket.atMs % bucketMs, 0);
            if (i > 0) assert.equal(bucket.atMs, buckets[i - 1]!.atMs + bucketMs);
            assertBucket(bucket, bruteForce(kept, bucket.atMs, bucket.atMs + bucketMs));
          }
        }
        b.telemetry.settle();
        assertRollUps(b.path, kept);
      });
    }),
    { numRuns: 100 },
  );
});

/** Reads the tables behind the store's back. */
function assertRollUps(path: string, kept: readonly Reading[]): void {
  using db = new DatabaseSync(path);
  for (const [table, width] of [["minute", MINUTE], ["hour", HOUR]] as const) {
    const rows = db.prepare(`SELECT * FROM ${table} ORDER BY at_ms`).all();
    const starts = [...new Set(kept.map((r) => Math.floor(r.atMs / width) * width))].sort();
    assert.deepEqual(rows.map((r) => r["at_ms"]), starts);
    for (const { at_ms, min, max, mean, last, count, suspect, bad } of rows) {
      assertBucket(
        {
          atMs: at_ms,
          min,
          max,
          mean,
          last,
          count,
          ...(suspect === 0 ? {} : { suspect }),
          ...(bad === 0 ? {} : { bad }),
        } as Bucket,
        bruteForce(kept, at_ms as number, (at_ms as number) + width),
      );
    }
  }
  assert.equal(db.prepare("SELECT count(*) AS n FROM raw").get()!["n"], kept.length);
}
