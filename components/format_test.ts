import assert from "node:assert/strict";
import {
  formatActor,
  formatAge,
  formatBytes,
  formatDuration,
  formatNumber,
  formatTime,
  formatValue,
  zoneAheadMs,
} from "./format.ts";

Deno.test("a missing value is a dash, never a number", () => {
  assert.equal(formatValue(null, { decimals: 2 }), "—");
  assert.equal(formatNumber(NaN, 2), "—");
});

Deno.test("a value rounds to its channel's decimals and never shows minus zero", () => {
  assert.equal(formatValue(37.036, { decimals: 2 }), "37.04");
  assert.equal(formatNumber(-0.001, 2), "0.00");
  assert.equal(formatNumber(-1.5, 1), "−1.5");
});

Deno.test("ages and durations use the two largest units", () => {
  assert.equal(formatAge(400), "0.4 s");
  assert.equal(formatAge(9_960), "9 s");
  assert.equal(formatAge(14_900), "14 s");
  assert.equal(formatAge(-5), "0.0 s");
  assert.equal(formatDuration(18_720_000), "5 h 12 m");
  assert.equal(formatDuration(184_000_000), "2 d 3 h");
});

Deno.test("a time is written on the reader's clock, with the year where it is another one", () => {
  const at = Date.UTC(2026, 11, 31, 23, 30, 5);
  assert.equal(formatTime(at, "clock", "UTC"), "23:30:05");
  assert.equal(formatTime(at, "minute", "Europe/Berlin"), "00:30");
  assert.equal(formatTime(at, "stamp", "UTC"), "31 Dec 23:30:05");
  assert.equal(
    formatTime(at, "stamp", "Europe/Berlin", Date.UTC(2026, 0, 1)),
    "1 Jan 2027 00:30:05",
  );
  assert.equal(formatTime(at, "day", "UTC"), "Thursday 31 December");
});

Deno.test("a zone's distance from UTC follows its summer time", () => {
  assert.equal(zoneAheadMs("Europe/Berlin", Date.UTC(2026, 0, 1)), 3_600_000);
  assert.equal(zoneAheadMs("Europe/Berlin", Date.UTC(2026, 6, 1)), 7_200_000);
  assert.equal(zoneAheadMs("Asia/Kolkata", 0), 19_800_000);
  assert.equal(zoneAheadMs("UTC", 1234), 0);
});

Deno.test("who did something is said as people say it", () => {
  assert.equal(formatActor("local:4f1c2233", "local:4f1c2233"), "you");
  assert.equal(formatActor("local:4f1c2233"), "local 4f1c22");
  assert.equal(formatActor("user:anna"), "anna");
  assert.equal(formatActor("system"), "Holdfast");
});

Deno.test("sizes use powers of 1000", () => {
  assert.equal(formatBytes(999), "999 B");
  assert.equal(formatBytes(1234), "1.2 kB");
  assert.equal(formatBytes(999_999), "1.0 MB");
});
