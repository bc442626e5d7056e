import assert from "node:assert/strict";
import { formatAge, formatBytes, formatDuration, formatNumber, formatValue } from "./format.ts";

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
  assert.equal(formatAge(14_900), "14 s");
  assert.equal(formatAge(-5), "0.0 s");
  assert.equal(formatDuration(18_720_000), "5 h 12 m");
  assert.equal(formatDuration(184_000_000), "2 d 3 h");
});

Deno.test("sizes use powers of 1000", () => {
  assert.equal(formatBytes(999), "999 B");
  assert.equal(formatBytes(1234), "1.2 kB");
  assert.equal(formatBytes(999_999), "1.0 MB");
});
