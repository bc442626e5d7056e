import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { DAY, HOUR, MINUTE, reading, START, withStore } from "./testing.ts";

const SLOW = { flushMs: DAY / 4, rawDays: 10, minuteDays: 100, hourDays: 1000 };
const TEMPERATURE = { deviceId: "temp", channel: "temperature" };

function count(path: string, table: string): number {
  using db = new DatabaseSync(path);
  return db.prepare(`SELECT count(*) AS n FROM ${table}`).get()!["n"] as number;
}

/** One reading a minute for `hours` from START. */
function hoursOfReadings(hours: number) {
  return Array.from({ length: hours * 60 }, (_, i) => reading(START + i * MINUTE, i % 100));
}

Deno.test("each level is trimmed after its own retention, and charts go on with the next coarser one", () =>
  withStore(async ({ telemetry, clock, path }) => {
    telemetry.record(hoursOfReadings(5));
    await clock.advance(DAY);
    assert.equal(count(path, "raw"), 300);

    await clock.advance(11 * DAY);
    assert.deepEqual([count(path, "raw"), count(path, "minute"), count(path, "hour")], [0, 300, 5]);
    const ask = { channels: [TEMPERATURE], fromMs: START, toMs: START + 5 * HOUR, buckets: 5 };
    const [series] = telemetry.series(ask);
    assert.equal(series!.level, "minute");
    assert.deepEqual(series!.buckets.map(({ min, max, count }) => [min, max, count]), [
      [0, 59, 60],
      [0, 99, 60],
      [20, 79, 60],
      [0, 99, 60],
      [40, 99, 60],
    ]);

    await clock.advance(100 * DAY);
    assert.deepEqual([count(path, "minute"), count(path, "hour")], [0, 5]);
    const [late] = telemetry.series(ask);
    assert.equal(late!.level, "hour");
    assert.deepEqual(late!.buckets.map(({ min, max, count }) => [min, max, count]), [
      [0, 59, 60],
      [0, 99, 60],
      [20, 79, 60],
      [0, 99, 60],
      [40, 99, 60],
    ]);
  }, SLOW));

Deno.test("one call of trim removes a bounded number of rows", () =>
  withStore(async ({ telemetry, clock, path }) => {
    const days = 25;
    telemetry.record(hoursOfReadings(days * 24));
    telemetry.settle();
    assert.equal(count(path, "raw"), days * 1440);
    assert.equal(telemetry.trim(), 0, "nothing is past its time yet");
    await clock.advance((days + 10) * DAY);
    const removed: number[] = [];
    do removed.push(telemetry.trim()); while (removed.at(-1) !== 0);
    assert.deepEqual(removed, [10_000, 10_000, 10_000, 6000, 0]);
    assert.equal(count(path, "raw"), 0);
  }, { ...SLOW, flushMs: 400 * DAY }));

Deno.test("a clock that jumps ahead costs no samples", () =>
  withStore(async ({ telemetry, clock, path }) => {
    telemetry.record(hoursOfReadings(5));
    telemetry.settle();
    assert.equal(telemetry.trim(), 0);
    clock.stepWall(365 * DAY);
    assert.equal(telemetry.trim(), 0);
    await clock.advance(30 * MINUTE);
    assert.equal(telemetry.trim(), 0, "half an hour later it still holds off");
    clock.stepWall(-365 * DAY);
    assert.equal(telemetry.trim(), 0);
    await clock.advance(2 * HOUR);
    assert.equal(telemetry.trim(), 0, "and now nothing is past its time");
    assert.equal(count(path, "raw"), 300);
  }, { ...SLOW, flushMs: 400 * DAY }));

Deno.test("after a long absence nothing is trimmed for an hour, then everything that is due", () =>
  withStore(async (b) => {
    b.telemetry.record(hoursOfReadings(5));
    b.telemetry.settle();
    b.clock.stepWall(60 * DAY);
    b.reopen();
    assert.equal(b.telemetry.trim(), 0);
    await b.clock.advance(HOUR + 1);
    assert.equal(b.telemetry.trim(), 300);
  }, { ...SLOW, flushMs: 400 * DAY }));

Deno.test("a cutoff from a clock that was ahead does not hide samples recorded since", () =>
  withStore(async ({ telemetry, clock }) => {
    telemetry.record(hoursOfReadings(1));
    telemetry.settle();
    telemetry.trim();
    clock.stepWall(365 * DAY);
    telemetry.trim();
    await clock.advance(2 * HOUR);
    assert.equal(telemetry.trim(), 120, "a clock wrong for hours is believed");
    clock.stepWall(-365 * DAY);
    const now = clock.nowMs();
    telemetry.record([reading(now - 1000, 7), reading(now, 8)]);
    const [series] = telemetry.series({
      channels: [TEMPERATURE],
      fromMs: now - 10_000,
      toMs: now + 1000,
      buckets: 100,
    });
    assert.equal(series!.level, "raw");
    assert.equal(series!.buckets.filter((bucket) => bucket.count > 0).length, 2);
  }, { ...SLOW, flushMs: 400 * DAY }));
