import assert from "node:assert/strict";
import fc from "fast-check";
import type { Reading } from "../devices/model.ts";
import { csvLines, type ExportAsk, jsonLines, textStream } from "./export.ts";
import { HOUR, MINUTE, reading, START, withStore } from "./testing.ts";

const TEMPERATURE = { deviceId: "temp", channel: "temperature" };
const DUTY = { deviceId: "stirrer", channel: "duty" };

function duty(atMs: number, value: Reading["value"]): Reading {
  return reading(atMs, value, { deviceId: "stirrer", channel: "duty", unit: "%" });
}

function ask(more: Partial<ExportAsk> = {}): ExportAsk {
  return {
    channels: [TEMPERATURE, DUTY],
    fromMs: START,
    toMs: START + HOUR,
    level: "auto",
    ...more,
  };
}

const two: Reading[] = [
  reading(START, 25.5),
  duty(START, 30),
  reading(START + 1000, null),
  duty(START + 1500, 30.25),
  // A month of nothing costs no rows.
  reading(START + 30 * 24 * HOUR, 26),
];

Deno.test("an export has a row for every stamp and a column for every channel", () =>
  withStore(({ telemetry }) => {
    telemetry.record(two);
    const table = telemetry.exportTable(ask({ toMs: START + 365 * 24 * HOUR }));
    assert.equal(
      [...csvLines(table)].join(""),
      "time,temp.temperature [°C],stirrer.duty [%]\n" +
        "2026-01-25T20:00:00.000Z,25.5,30\n" +
        "2026-01-25T20:00:01.000Z,,\n" +
        "2026-01-25T20:00:01.500Z,,30.25\n" +
        "2026-02-24T20:00:00.000Z,26,\n",
    );
  }));

Deno.test("the same export as JSON", () =>
  withStore(({ telemetry }) => {
    telemetry.record(two);
    const table = JSON.parse([...jsonLines(telemetry.exportTable(ask()))].join(""));
    assert.deepEqual(table.rows, [
      ["2026-01-25T20:00:00.000Z", 25.5, 30],
      ["2026-01-25T20:00:01.000Z", null, null],
      ["2026-01-25T20:00:01.500Z", null, 30.25],
    ]);
    assert.deepEqual(table.columns.map((c: { title: string }) => c.title), [
      "temp.temperature [°C]",
      "stirrer.duty [%]",
    ]);
    assert.equal(table.level, "raw");
  }));

Deno.test("an export of nothing is a valid table", () =>
  withStore(({ telemetry }) => {
    const nothing = () => telemetry.exportTable(ask({ channels: [DUTY] }));
    assert.equal([...csvLines(nothing())].join(""), "time,stirrer.duty\n");
    assert.deepEqual(JSON.parse([...jsonLines(nothing())].join("")).rows, []);
  }));

Deno.test("an export can say how far each sample is to be trusted", () =>
  withStore(({ telemetry }) => {
    telemetry.record([
      reading(START, 25),
      reading(START + 1, 99, { quality: "suspect" }),
      reading(START + 2, null, { quality: "stale" }),
    ]);
    const table = telemetry.exportTable(ask({ channels: [TEMPERATURE], quality: true }));
    assert.equal(
      [...csvLines(table)].join(""),
      "time,temp.temperature [°C],temp.temperature quality\n" +
        "2026-01-25T20:00:00.000Z,25,good\n" +
        "2026-01-25T20:00:00.001Z,99,suspect\n" +
        "2026-01-25T20:00:00.002Z,,stale\n",
    );
  }));

Deno.test("samples can be put on a grid, so that devices share rows; an empty step has none", () =>
  withStore(({ telemetry }) => {
    telemetry.record([
      reading(START + 100, 1),
      reading(START + 900, 2),
      reading(START + 950, null),
      duty(START + 555, 30),
      reading(START + 1500, null),
      duty(START + 5999, 40),
    ]);
    const table = telemetry.exportTable(ask({ everyMs: 1000 }));
    assert.equal(
      [...csvLines(table)].join(""),
      "time,temp.temperature [°C],stirrer.duty [%]\n" +
        "2026-01-25T20:00:00.000Z,2,30\n" +
        "2026-01-25T20:00:01.000Z,,\n" +
        "2026-01-25T20:00:05.000Z,,40\n",
    );
  }));

Deno.test("heads and fields with commas, quotes and line breaks are quoted", () =>
  withStore(({ telemetry }) => {
    telemetry.record([reading(START, 1, { unit: 'g,"l"\n' })]);
    const table = telemetry.exportTable(ask({ channels: [TEMPERATURE] }));
    assert.equal([...csvLines(table)][0], 'time,"temp.temperature [g,""l""\n]"\n');
  }));

Deno.test("minutes and hours are exported with their mean, min, max and count", () =>
  withStore(({ telemetry }) => {
    telemetry.record([
      reading(START, 10),
      reading(START + 1000, 20),
      reading(START + MINUTE, 40),
    ]);
    const table = telemetry.exportTable(ask({ channels: [TEMPERATURE], level: "minute" }));
    assert.equal(
      [...csvLines(table)].join(""),
      "time,temp.temperature mean [°C],temp.temperature min [°C],temp.temperature max [°C],temp.temperature count\n" +
        "2026-01-25T20:00:00.000Z,15,10,20,2\n" +
        "2026-01-25T20:01:00.000Z,40,40,40,1\n",
    );
  }));

Deno.test("an export holds every sample once, in order, whatever is settled while it is read", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          channel: fc.boolean(),
          at: fc.integer({ min: 0, max: 6000 }),
          value: fc.integer(),
          settle: fc.boolean(),
        }),
        { minLength: 1, maxLength: 200 },
      ),
      fc.integer({ min: 0, max: 200 }),
      (samples, settleAt) =>
        withStore(({ telemetry }) => {
          const kept = new Set<string>();
          for (const { channel, at, value, settle } of samples) {
            const one = (channel ? reading : duty)(START + at, value);
            telemetry.record([one]);
            kept.add(`${one.deviceId} ${one.atMs} ${value}`);
            if (settle) telemetry.settle();
          }
          telemetry.settle();
          // Waits in memory while the export begins, and is settled in the middle of it.
          telemetry.record([reading(START + 7000, 1), duty(START + 7000, 2)]);
          const found: string[] = [];
          let lastMs = 0;
          const { rows } = telemetry.exportTable(ask());
          let row = 0;
          for (const { atMs, cells } of rows) {
            assert.ok(atMs >= lastMs);
            lastMs = atMs;
            if (row++ === settleAt) telemetry.settle();
            if (cells[0] !== null) found.push(`temp ${atMs} ${cells[0]}`);
            if (cells[1] !== null) found.push(`stirrer ${atMs} ${cells[1]}`);
          }
          kept.add(`temp ${START + 7000} 1`).add(`stirrer ${START + 7000} 2`);
          assert.deepEqual(found.sort(), [...kept].sort());
        }),
    ),
    { numRuns: 40 },
  ));

Deno.test("a long export is read in chunks, also through many samples of one stamp", () =>
  withStore(({ telemetry }) => {
    const many = 4500;
    for (let i = 0; i < many; i++) telemetry.record([reading(START + 5, i)]);
    for (let i = 0; i < many; i++) telemetry.record([reading(START + 10 + i, i)]);
    telemetry.settle();
    const rows = [...telemetry.exportTable(ask({ channels: [TEMPERATURE] })).rows];
    assert.equal(rows.length, 2 * many);
    assert.deepEqual(rows.slice(0, many).map(({ cells }) => cells[0]), [...Array(many).keys()]);
    assert.deepEqual(rows.slice(many).map(({ cells }) => cells[0]), [...Array(many).keys()]);
  }));

Deno.test("an export that nobody reads on is not made", () =>
  withStore(async ({ telemetry }) => {
    for (let i = 0; i < 20_000; i++) telemetry.record([reading(START + i, i)]);
    let made = 0;
    const counted = function* () {
      for (const line of csvLines(telemetry.exportTable(ask({ channels: [TEMPERATURE] })))) {
        made++;
        yield line;
      }
    };
    const reader = textStream(counted()).getReader();
    const { value } = await reader.read();
    assert.ok(value!.byteLength >= 65_536 && value!.byteLength < 70_000);
    await reader.cancel();
    assert.ok(made < 8000, `${made} lines were made`);
  }));

Deno.test("an export is the same bytes as its lines", () =>
  withStore(async ({ telemetry }) => {
    for (let i = 0; i < 9000; i++) telemetry.record([reading(START + i, i / 7)]);
    const table = () => telemetry.exportTable(ask({ channels: [TEMPERATURE] }));
    const streamed = await new Response(textStream(csvLines(table()))).text();
    assert.equal(streamed, [...csvLines(table())].join(""));
    assert.equal(streamed.split("\n").length, 9002);
  }));
