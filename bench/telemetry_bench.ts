/**
 * Range queries over a year of ten channels at 1 Hz, and the rate at which samples are taken in.
 *
 * The year is built as the store itself would have left it: raw samples for the days they are kept, minutes
 * and hours for all of it. `HOLDFAST_BENCH_RAW_DAYS` (default 3) is how many of those days are raw.
 *
 * deno run -A bench/telemetry_bench.ts
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Clock, systemClock } from "../lib/clock.ts";
import type { Reading } from "../lib/devices/model.ts";
import { silentLog } from "../lib/log.ts";
import { type Series, Telemetry } from "../lib/telemetry/mod.ts";
import { csvLines, textStream } from "../lib/telemetry/export.ts";
import { type Figure, quantile, tellFigures } from "./figures.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const CHANNELS = Array.from({ length: 10 }, (_, i) => ({
  deviceId: `device-${i}`,
  channel: "value",
}));
const RAW_DAYS = Number(Deno.env.get("HOLDFAST_BENCH_RAW_DAYS") ?? 3);
const NOW = Date.UTC(2026, 0, 25, 20);
/** Its timers never fire: the bench decides when the store writes. */
const frozen: Clock = { ...systemClock, nowMs: () => NOW, timer: () => () => {} };
/** Windows that stand in the table of all benches. */
const SHOWN = ["1 hour", "1 day", "1 year"];
const OPTIONS = { rawDays: RAW_DAYS, minuteDays: 400, hourDays: 4000 };

const folder = mkdtempSync(join(tmpdir(), "telemetry-bench-"));
try {
  const figures = [await ingest(join(folder, "ingest.sqlite"))];
  const path = join(folder, "year.sqlite");
  build(path);
  figures.push(...ranges(path));
  await exports(path);
  if (Deno.build.os === "linux") wear(join(folder, "wear.sqlite"));
  else console.log("Wear: skipped: bytes written are read from /proc, which only Linux has");
  tellFigures(figures);
} finally {
  rmSync(folder, { recursive: true });
}

function readings(atMs: number): Reading[] {
  return CHANNELS.map((channel, i) => ({
    ...channel,
    unit: "V",
    atMs,
    value: Math.sin(atMs / HOUR + i) + (atMs % 977) / 1e4,
    quality: "good",
  }));
}

function ms(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}

async function ingest(path: string): Promise<Figure> {
  const telemetry = Telemetry.open(path, frozen, silentLog, { bufferMax: 10_000_000 });
  const seconds = 30_000;
  const batches = Array.from({ length: seconds }, (_, i) => readings(NOW - DAY + i * SECOND));
  const started = performance.now();
  let settleMax = 0;
  for (let i = 0; i < seconds; i += 60) {
    for (const batch of batches.slice(i, i + 60)) telemetry.record(batch);
    telemetry.flush();
    const settling = performance.now();
    telemetry.settle();
    settleMax = Math.max(settleMax, performance.now() - settling);
  }
  const took = performance.now() - started;
  await Promise.resolve();
  telemetry.close();
  const perSecond = Math.round(seconds * CHANNELS.length / took * 1000);
  console.log("Ingest: samples recorded, written, and settled with their minutes and hours");
  console.table([{
    samples: seconds * CHANNELS.length,
    "samples/s": perSecond,
    "longest settling of 600, ms": ms(settleMax),
    "bytes a sample": (statSync(path).size / seconds / CHANNELS.length).toFixed(1),
  }]);
  return {
    what: "readings taken in and rolled up",
    measured: `${perSecond.toLocaleString("en-US")} readings/s`,
  };
}

/** Writes the tables as the store lays them out, in SQL, for 315 million samples would take half an hour. */
function build(path: string): void {
  const started = performance.now();
  Telemetry.open(path, frozen, silentLog, OPTIONS).close();
  const db = new DatabaseSync(path);
  db.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN");
  const numbers = (from: number, to: number, step: number) =>
    `WITH RECURSIVE t(at) AS (SELECT ${from} UNION ALL SELECT at + ${step} FROM t WHERE at + ${step} < ${to})`;
  const wave = (id: number) => `(abs(at % 7200000 - 3600000) / 3600000.0 + ${id})`;
  CHANNELS.forEach(({ deviceId, channel }, i) => {
    const id = i + 1;
    db.prepare("INSERT INTO channel VALUES (?, ?, ?, 'V', 'number')").run(id, deviceId, channel);
    const rawFrom = NOW - RAW_DAYS * DAY;
    db.exec(
      `${numbers(rawFrom, NOW, SECOND)} INSERT INTO raw SELECT ${id}, at, 0, ${wave(id)}, 0 FROM t`,
    );
    for (const [table, width] of [["minute", MINUTE], ["hour", HOUR]] as const) {
      db.exec(
        `${numbers(NOW - 365 * DAY, NOW, width)} INSERT INTO ${table}
          SELECT ${id}, at, ${wave(id)} - 0.1, ${wave(id)} + 0.1, ${wave(id)}, ${wave(id)},
            at + ${width} - 1000, ${width / SECOND}, 0, 0 FROM t`,
      );
    }
  });
  db.exec(`INSERT INTO meta VALUES ('raw_kept_from_ms', ${NOW - RAW_DAYS * DAY}); COMMIT`);
  db.close();
  console.log(
    `A year of ${CHANNELS.length} channels at 1 Hz, ${RAW_DAYS} days of it raw: ` +
      `${Math.round(statSync(path).size / 1e6)} MB, built in ${
        ((performance.now() - started) / 1000).toFixed(1)
      } s`,
  );
}

function ranges(path: string): Figure[] {
  const telemetry = Telemetry.open(path, frozen, silentLog, OPTIONS);
  const rows: Record<string, string | number>[] = [];
  const figures: Figure[] = [];
  const windows: [string, number, number][] = [
    ["1 minute", MINUTE, 0],
    ["1 hour", HOUR, 0],
    ["1 hour, 2 days ago", HOUR, 2 * DAY],
    ["6 hours", 6 * HOUR, 0],
    ["1 day", DAY, 0],
    ["1 week", 7 * DAY, 0],
    ["1 month", 30 * DAY, 0],
    ["1 month, in summer", 30 * DAY, 180 * DAY],
    ["1 year", 365 * DAY, 0],
  ];
  for (const [window, span, ago] of windows) {
    for (const buckets of [300, 2000]) {
      const all: number[] = [];
      const one: number[] = [];
      let series: Series[] = [];
      for (let run = 0; run < 12; run++) {
        // Not twice the same range, as when a person drags a chart.
        const toMs = NOW - ago - run * Math.floor(span / 100);
        const started = performance.now();
        let before = started;
        series = [];
        const ask = { channels: CHANNELS, fromMs: toMs - span, toMs, buckets };
        for (const s of telemetry.seriesOneByOne(ask)) {
          series.push(s);
          one.push(performance.now() - before);
          before = performance.now();
        }
        all.push(performance.now() - started);
      }
      rows.push({
        window,
        asked: buckets,
        got: series[0]!.buckets.length,
        level: series[0]!.level!,
        "10 channels p50 ms": ms(quantile(all, 0.5)),
        "p99 ms": ms(quantile(all, 0.99)),
        "longest turn ms": ms(Math.max(...one)),
        "JSON kB": Math.round(JSON.stringify({ series }).length / 1000),
      });
      if (SHOWN.includes(window)) {
        figures.push({
          what: `${window} of 10 channels at 1 Hz, ${buckets} buckets`,
          measured: `p50 ${ms(quantile(all, 0.5))} ms, p99 ${ms(quantile(all, 0.99))} ms`,
        });
      }
    }
  }
  telemetry.close();
  console.log("Range queries, 10 channels each; other work has its turn between two channels");
  console.table(rows);
  return figures;
}

async function exports(path: string): Promise<void> {
  const telemetry = Telemetry.open(path, frozen, silentLog, OPTIONS);
  const rows: Record<string, string | number>[] = [];
  for (const [window, span] of [["1 day, raw", DAY], ["3 months, minutes", 90 * DAY]] as const) {
    const level = span === DAY ? "raw" : "minute";
    const before = Deno.memoryUsage().rss;
    let peak = 0;
    let bytes = 0;
    const started = performance.now();
    const table = telemetry.exportTable({
      channels: CHANNELS,
      fromMs: NOW - span,
      toMs: NOW,
      level,
    });
    for await (const chunk of textStream(csvLines(table))) {
      bytes += chunk.byteLength;
      peak = Math.max(peak, Deno.memoryUsage().rss);
    }
    const seconds = (performance.now() - started) / 1000;
    rows.push({
      window,
      MB: Math.round(bytes / 1e6),
      seconds: seconds.toFixed(1),
      "MB/s": (bytes / 1e6 / seconds).toFixed(1),
      "RSS more by MB": Math.round((peak - before) / 1e6),
    });
  }
  telemetry.close();
  console.log("CSV exports of 10 channels");
  console.table(rows);
}

/** Bytes handed to the disk in an hour, 40 channels at 1 Hz: what an SD card has to bear. */
function wear(path: string): void {
  const written = () =>
    Number(/^write_bytes: (\d+)/m.exec(Deno.readTextFileSync("/proc/self/io"))![1]);
  const wchar = () => Number(/^wchar: (\d+)/m.exec(Deno.readTextFileSync("/proc/self/io"))![1]);
  const telemetry = Telemetry.open(path, frozen, silentLog);
  const channels = Array.from({ length: 40 }, (_, i) => `c_${i}`);
  const minutes = 20;
  const [disk, calls] = [written(), wchar()];
  for (let second = 0; second < minutes * 60; second++) {
    const atMs = NOW + second * SECOND;
    telemetry.record(channels.map((channel) => ({
      deviceId: "device",
      channel,
      unit: "V",
      atMs,
      value: Math.random(),
      quality: "good" as const,
    })));
    telemetry.flush();
    if (second % 60 === 59) telemetry.settle();
  }
  telemetry.close();
  console.log("Wear: 40 channels at 1 Hz, written once a second, settled once a minute");
  console.table([{
    "MB an hour written": ((wchar() - calls) / 1e6 * 60 / minutes).toFixed(1),
    "MB an hour at the disk": ((written() - disk) / 1e6 * 60 / minutes).toFixed(1),
    "MB an hour kept": (statSync(path).size / 1e6 * 60 / minutes).toFixed(1),
  }]);
}
