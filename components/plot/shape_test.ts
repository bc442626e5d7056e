import assert from "node:assert/strict";
import { nearest, panelsOf, timeTicks, traceOf } from "./shape.ts";

const bucket = (atMs: number, mean: number | null, count = 1, min = mean, max = mean) => ({
  atMs,
  mean,
  min,
  max,
  count,
});

Deno.test("a slow sensor in a fine window stays one line", () => {
  const trace = traceOf([bucket(0, 1), bucket(1, null, 0), bucket(2, null, 0), bucket(3, 2)], 5);
  assert.deepEqual(trace.line, [{ x: 0, y: 1 }, { x: 3, y: 2 }]);
  assert.deepEqual(trace.gaps, []);
});

Deno.test("an outage is a gap in the line and is named as one", () => {
  const trace = traceOf([bucket(0, 1), bucket(100, 2)], 50);
  assert.deepEqual(trace.line.map((p) => p.y), [1, null, 2]);
  assert.deepEqual(trace.gaps, [{ fromMs: 0, toMs: 100 }]);
});

Deno.test("the band is drawn only when a bucket holds more than one sample", () => {
  assert.deepEqual(traceOf([bucket(0, 1)], 50).low, []);
  const trace = traceOf([bucket(0, 2, 5, 1, 3)], 50);
  assert.deepEqual([trace.low, trace.high], [[{ x: 0, y: 1 }], [{ x: 0, y: 3 }]]);
});

Deno.test("one panel a unit, in order of first appearance", () => {
  const channel = (label: string, unit: string) => ({
    deviceId: "d",
    channel: label,
    label,
    unit,
    decimals: 1,
    periodMs: 1000,
    colour: 1,
  });
  const panels = panelsOf([channel("a", "V"), channel("b", "°C"), channel("c", "V")]);
  assert.deepEqual(panels.map((p) => [p.unit, p.channels.map((c) => c.label)]), [
    ["V", ["a", "c"]],
    ["°C", ["b"]],
  ]);
});

Deno.test("ticks are round on the reader's clock and never too many", () => {
  const h = 3_600_000;
  assert.deepEqual(timeTicks(0, 6 * h, 6, 0), [0, h, 2 * h, 3 * h, 4 * h, 5 * h, 6 * h]);
  const india = timeTicks(0, 6 * h, 6, 5.5 * h);
  assert.ok(india.every((at) => (at + 5.5 * h) % h === 0));
  for (const span of [1e3, 9e5, 1e8, 1e10, 1e12]) {
    assert.ok(timeTicks(0, span, 7, 0).length <= 8, `${span}`);
  }
});

Deno.test("the crosshair takes the nearest known point and nothing across a gap", () => {
  const points = [{ x: 0, y: 1 }, { x: 10, y: 2 }, { x: 55, y: null }, { x: 100, y: 3 }];
  assert.equal(nearest(points, 4, 20), 0);
  assert.equal(nearest(points, 6, 20), 1);
  assert.equal(nearest(points, 55, 20), -1);
  assert.equal(nearest(points, 99, 20), 3);
  assert.equal(nearest([], 1, 20), -1);
});
