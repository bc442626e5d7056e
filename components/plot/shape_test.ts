import assert from "node:assert/strict";
import {
  binned,
  extend,
  extentOf,
  nearest,
  panelsOf,
  panelTitle,
  sparkPath,
  traceOf,
} from "./shape.ts";

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

const channel = (label: string, unit: string) => ({
  deviceId: "d",
  channel: label,
  label,
  unit,
  decimals: 1,
  periodMs: 1000,
  colour: 1,
});

Deno.test("one panel a unit, in order of first appearance", () => {
  const panels = panelsOf(
    [channel("a", "V"), channel("b", "°C"), channel("c", "V")].map((channel) => ({ channel })),
  );
  assert.deepEqual(panels.map((p) => [p.unit, p.drawn.map((d) => d.channel.label)]), [
    ["V", ["a", "c"]],
    ["°C", ["b"]],
  ]);
  assert.deepEqual(panels.map(panelTitle), ["V", "b (°C)"]);
  const ring = ["Ring light, red", "Ring light, green"].map((label) => ({
    channel: channel(label, ""),
  }));
  assert.equal(panelTitle({ unit: "", drawn: ring }), "Ring light");
});

Deno.test("a live reading makes the line longer, and breaks it after a silence", () => {
  let trace = traceOf([bucket(0, 1), bucket(10, 2)], 30);
  trace = extend(trace, 20, 3, 30);
  assert.deepEqual(trace.line.at(-1), { x: 20, y: 3 });
  assert.equal(extend(trace, 20, 9, 30), trace, "a reading seen already");
  trace = extend(trace, 100, 4, 30);
  assert.deepEqual(trace.line.slice(-2), [{ x: 60, y: null }, { x: 100, y: 4 }]);
  assert.deepEqual(trace.gaps, [{ fromMs: 20, toMs: 100 }]);
});

Deno.test("an axis is made for what is in sight, bands and setpoints included", () => {
  const trace = traceOf([bucket(0, 100), bucket(50, 5, 4, 2, 7), bucket(60, 6)], 99);
  const drawn = [{ channel: channel("a", "V"), trace, setpoint: [{ x: 55, y: 9 }] }];
  assert.deepEqual(extentOf(drawn, [40, 70]), [2, 9]);
  assert.equal(extentOf(drawn, [200, 300]), null);
});

Deno.test("a table has the mean of each stretch, and no row where nothing was measured", () => {
  const quick = [bucket(0, 1), bucket(10, 2), bucket(20, 6, 3), bucket(90, 9)];
  const slow = [bucket(15, 100)];
  assert.deepEqual(binned([quick, slow], [0, 100], 4), [
    { atMs: 0, means: [(1 + 2 + 18) / 5, 100] },
    { atMs: 75, means: [9, null] },
  ]);
  assert.deepEqual(binned([], [0, 100], 4), []);
});

Deno.test("a trend is drawn once there is enough to tell, with its gaps", () => {
  const rows = [0, 10, 20, 60, 70].map((at) => bucket(at, at));
  const path = (limit: number) => sparkPath(traceOf(rows, limit), [0, 100], [0, 70], [100, 24]);
  assert.equal(path(50), "M0.0 22.0L10.0 19.1L20.0 16.3L60.0 4.9L70.0 2.0");
  assert.equal(path(30)!.split("M").length - 1, 2);
  const few = traceOf(rows.slice(0, 3), 50);
  assert.equal(sparkPath(few, [0, 100], [0, 70], [100, 24]), null);
  assert.equal(sparkPath(traceOf(rows, 50), [0, 10_000], [0, 70], [100, 24]), null);
});

Deno.test("the crosshair takes the nearest known point and nothing across a gap", () => {
  const points = [{ x: 0, y: 1 }, { x: 10, y: 2 }, { x: 55, y: null }, { x: 100, y: 3 }];
  assert.equal(nearest(points, 4, 20), 0);
  assert.equal(nearest(points, 6, 20), 1);
  assert.equal(nearest(points, 55, 20), -1);
  assert.equal(nearest(points, 99, 20), 3);
  assert.equal(nearest([], 1, 20), -1);
});
