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
