import assert from "node:assert/strict";
import { packed, setpointSteps, tracesOf, unpacked } from "./source.ts";

const series = {
  deviceId: "temperature",
  channel: "temperature",
  unit: "°C",
  fromMs: 0,
  toMs: 3000,
  bucketMs: 1000,
  buckets: [
    { atMs: 0, min: 1, max: 3, mean: 2.123456, last: 3, count: 4 },
    { atMs: 1000, min: null, max: null, mean: null, last: null, count: 0 },
    { atMs: 2000, min: 5, max: 5, mean: 5, last: 5, count: 1 },
  ],
};
const channel = {
  deviceId: "temperature",
  channel: "temperature",
  label: "Temperature",
  unit: "°C",
  decimals: 2,
  periodMs: 1000,
  colour: 2,
};

Deno.test("what a page carries draws what the store holds, to two digits more than are shown", () => {
  const data = unpacked(packed([series], [channel]));
  assert.deepEqual(data.rows, [[
    { atMs: 0, mean: 2.1235, min: 1, max: 3, count: 4 },
    { atMs: 2000, mean: 5, min: 5, max: 5, count: 1 },
  ]]);
  const [trace] = tracesOf(data, [channel]);
  assert.deepEqual(trace!.line, [{ x: 0, y: 2.1235 }, { x: 2000, y: 5 }]);
  assert.deepEqual(trace!.gaps, []);
});

Deno.test("setpoints are steps: the old value up to the moment of the new one, the last up to now", () => {
  const at = (atMs: number, duty: unknown) => ({ atMs, data: { state: { setpoint: { duty } } } });
  assert.deepEqual(setpointSteps([at(30, 50), at(20, "auto"), at(10, 20)], "duty", 40), [
    { x: 10, y: 20 },
    { x: 30, y: 20 },
    { x: 30, y: 50 },
    { x: 40, y: 50 },
  ]);
  assert.deepEqual(setpointSteps([], "duty", 40), []);
  assert.deepEqual(setpointSteps([{ atMs: 1, data: {} }], "duty", 40), []);
});
