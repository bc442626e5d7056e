import assert from "node:assert/strict";
import { baseName, columnsOf, drawnOf, firstColumns, shownColumns } from "./run.ts";

const NUMBERS = {
  columns: [
    { name: "co2_ppm", unit: "ppm", values: [600, 601, null] },
    { name: "temperature", unit: "°C", values: [24.51, 24.6, 24.72] },
    { name: "od_voltages[0]", unit: "V", values: [0.23, 0.2345, 0.24] },
    { name: "od_voltages[1]", unit: "V", values: [0.49, 0.5, 0.51] },
    { name: "eyespy_voltages[0]", unit: "V", values: [0.1, 0.2, 0.3] },
    { name: "stirrer_duty", unit: "%", values: [30, 30, 30] },
    { name: "offset", unit: "", values: [-1, 0, 1] },
    { name: "empty", unit: "A", values: [null, null, null] },
  ],
  elapsedMs: [0, 2000, 4000],
  startedAtMs: 0,
  rows: 3,
};

Deno.test("of what a run measures, optical density, temperature and CO₂ are drawn first", () => {
  assert.deepEqual(firstColumns(NUMBERS), [
    "od_voltages[0]",
    "od_voltages[1]",
    "temperature",
    "co2_ppm",
  ]);
});

Deno.test("an address names columns, and what the file does not have is left out", () => {
  const shown = (text: string) => shownColumns(new URLSearchParams(text), NUMBERS);
  assert.deepEqual(shown("columns=stirrer_duty,nonsense"), ["stirrer_duty"]);
  assert.deepEqual(shown("columns=nonsense"), firstColumns(NUMBERS));
  assert.equal(baseName("od_voltages[12]"), "od_voltages");
});

Deno.test("columns are drawn over the run's own time, with the digits their numbers have", () => {
  const columns = columnsOf(NUMBERS);
  const [co2, temperature, offset] = drawnOf(
    NUMBERS,
    ["co2_ppm", "temperature", "offset", "gone"],
    columns,
  );
  assert.deepEqual(co2!.trace.line, [{ x: 0, y: 600 }, { x: 2000, y: 601 }]);
  assert.deepEqual([co2!.channel.decimals, co2!.channel.min], [0, 0]);
  assert.deepEqual([temperature!.channel.decimals, temperature!.channel.label], [2, "temperature"]);
  assert.equal(offset!.channel.min, undefined);
  assert.equal(columns[2]!.colour, 3);
});
