import assert from "node:assert/strict";
import fc from "fast-check";
import { tickText, timeTicks, valueAxis } from "./axis.ts";

const H = 3_600_000;

Deno.test("a steady value is not zoomed into its noise", () => {
  const { min, max, ticks } = valueAxis([24.56, 24.62], [{ decimals: 2 }], 3);
  assert.ok(max - min >= 1, `${min} to ${max}`);
  assert.deepEqual(ticks, [24, 24.5, 25, 25.5]);
});

Deno.test("an axis stays within what a channel can read", () => {
  const duty = { decimals: 0, min: 0, max: 100 };
  assert.deepEqual(valueAxis([0, 0], [duty], 2).ticks, [0, 50, 100]);
  assert.deepEqual(valueAxis([97, 100], [duty], 2).ticks, [0, 50, 100]);
  assert.deepEqual(valueAxis(null, [duty], 2).ticks, [0, 50, 100]);
  assert.deepEqual(valueAxis([600, 610], [{ decimals: 0, min: 0, max: 10_000 }], 3).ticks, [
    550,
    600,
    650,
    700,
  ]);
});

Deno.test("an axis begins and ends where people chose, and still shows what lies beyond", () => {
  const chosen = { decimals: 1, min: -50, max: 150, axis: { min: 20, max: 45 } };
  const ends = (extent: [number, number] | null, channel: Parameters<typeof valueAxis>[1][0]) => {
    const { min, max } = valueAxis(extent, [channel], 5);
    return [min, max];
  };
  assert.deepEqual(ends([36.9, 37.1], chosen), [20, 45]);
  assert.deepEqual(ends(null, chosen), [20, 45]);
  assert.deepEqual(valueAxis([36.9, 37.1], [chosen], 2), {
    min: 20,
    max: 45,
    ticks: [20, 40],
    decimals: 0,
  });
  const narrow = { decimals: 1, axis: { min: 36.3, max: 37.2 } };
  assert.deepEqual(valueAxis([37, 37], [narrow], 1).ticks, [36.3, 37.2]);
  const [, above] = ends([36, 61], chosen);
  assert.ok(above! >= 61);
  const [below] = ends([11, 37], chosen);
  assert.ok(below! <= 11);
  assert.deepEqual(ends([30, 31], { decimals: 1, axis: { max: 40 } })[1], 40);
  // Another channel on the same axis keeps its room.
  const both = valueAxis([36, 80], [chosen, { decimals: 1 }], 5);
  assert.ok(both.min === 20 && both.max >= 80);
});

Deno.test("an axis holds every value and its lines are round", () => {
  fc.assert(fc.property(
    fc.double({ min: -1e6, max: 1e6, noNaN: true }),
    fc.double({ min: 0, max: 1e6, noNaN: true }),
    fc.integer({ min: 0, max: 6 }),
    fc.integer({ min: 1, max: 8 }),
    (low, span, decimals, most) => {
      const { min, max, ticks, decimals: shown } = valueAxis(
        [low, low + span],
        [{ decimals }],
        most,
      );
      const slack = (max - min) * 1e-8;
      assert.ok(min <= low + slack && max >= low + span - slack, `${min} to ${max}`);
      assert.ok(ticks.length >= 2 && ticks.length <= Math.max(most, 2) + 1, `${ticks}`);
      for (const tick of ticks) assert.equal(Number(tick.toFixed(shown)), tick);
    },
  ));
});

Deno.test("ticks are round on the reader's clock and never too many", () => {
  assert.deepEqual(timeTicks(0, 6 * H, 6, 0), [0, H, 2 * H, 3 * H, 4 * H, 5 * H, 6 * H]);
  const india = timeTicks(0, 6 * H, 6, 5.5 * H);
  assert.ok(india.every((at) => (at + 5.5 * H) % H === 0));
  for (const span of [1e3, 9e5, 1e8, 1e10, 1e12]) {
    assert.ok(timeTicks(0, span, 7, 0).length <= 8, `${span}`);
  }
});

Deno.test("a tick says no more than its range needs", () => {
  const at = Date.UTC(2026, 10, 21, 14, 10, 32);
  assert.equal(tickText(at, 5 * 60_000, "UTC"), "14:10:32");
  assert.equal(tickText(at, 6 * H, "Europe/Berlin"), "15:10");
  assert.equal(tickText(at, 20 * 24 * H, "UTC"), "21 Nov");
  assert.equal(tickText(90_000, 120_000, null), "90 s");
  assert.equal(tickText(90_000, 600_000, null), "1.5 min");
  assert.equal(tickText(12 * H, 24 * H, null), "12 h");
});
