import assert from "node:assert/strict";
import fc from "fast-check";
import { METRIC_KINDS, metricOf, METRICS } from "./metrics.ts";
import { normalShareBelow, qualityOf, VALUES_MIN } from "./quality.ts";
import {
  m2Of,
  meanOf,
  merged,
  midRankOf,
  noStatistics,
  quantileOf,
  standardDeviationOf,
  type Statistics,
  withoutValue,
  withValue,
} from "./statistics.ts";
import { rollingMedian, thinned } from "./trends.ts";
import {
  type ByModel,
  likelihoods,
  MODELS_MAX,
  reweighed,
  scoreOf,
  startWeights,
  WEIGHT_FLOOR,
  withModels,
} from "./weights.ts";

const runs = { numRuns: Deno.env.get("HOLDFAST_LONG") === "1" ? 5000 : 200 };
const of = (values: readonly number[]) => values.reduce(withValue, noStatistics);
const near = (a: number | null, b: number, within = 1e-9) =>
  assert(a !== null && Math.abs(a - b) <= within * Math.max(1, Math.abs(b)), `${a} is not ${b}`);

const value = fc.oneof(
  fc.double({ min: 0, max: 1e6, noNaN: true }),
  fc.double({ min: 3, max: 3.001, noNaN: true }),
  fc.nat(500),
);

Deno.test("statistics after any additions, corrections and removals are exactly those of a recount", () => {
  const step = fc.record({ value, at: fc.nat(), act: fc.constantFrom("add", "replace", "remove") });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const kept: number[] = [];
      let statistics: Statistics = noStatistics;
      for (const { value, at, act } of steps) {
        if (act === "add" || kept.length === 0) {
          kept.push(value);
          statistics = withValue(statistics, value);
          continue;
        }
        const [gone] = kept.splice(at % kept.length, 1);
        statistics = withoutValue(statistics, gone!);
        if (act === "replace") {
          kept.push(value);
          statistics = withValue(statistics, value);
        }
      }
      assert.deepEqual(statistics, of(kept.toSorted((a, b) => b - a)));
      if (kept.length === 0) return assert.deepEqual(statistics, noStatistics);
      const mean = kept.reduce((a, b) => a + b, 0) / kept.length;
      near(meanOf(statistics), mean);
      const m2 = kept.reduce((sum, x) => sum + (x - mean) ** 2, 0);
      near(m2Of(statistics), m2, 1e-6);
    }),
    runs,
  );
});

Deno.test("an outlier that is taken out again leaves the spread of the others as it was", () => {
  const steady = [3.1, 3.2, 3.15, 3.12, 3.18];
  const visited = withoutValue(withValue(of(steady), 999_999.5), 999_999.5);
  assert.deepEqual(visited, of(steady));
  near(standardDeviationOf(visited), 0.0412310562561766, 1e-6);
});

Deno.test("a value that was never added cannot be taken out, and one out of range not added", () => {
  assert.throws(() => withoutValue(noStatistics, 3), RangeError);
  assert.throws(() => withoutValue(of([3]), 5), RangeError);
  assert.throws(() => withoutValue(of([3]), 3.00001), RangeError);
  for (const bad of [NaN, -1, Infinity, 1e7]) {
    assert.throws(() => withValue(noStatistics, bad), RangeError);
  }
});

Deno.test("statistics of two parts merge to those of the whole", () => {
  fc.assert(
    fc.property(fc.array(value), fc.array(value), (a, b) => {
      assert.deepEqual(merged(of(a), of(b)), of([...a, ...b]));
    }),
    runs,
  );
});

Deno.test("the mid rank is 0 below all, 1 above all, one half among equals; the median is where it is", () => {
  const statistics = of([2, 4, 4, 8]);
  assert.equal(midRankOf(statistics, 1), 0);
  assert.equal(midRankOf(statistics, 4), 0.5);
  assert.equal(midRankOf(statistics, 100), 1);
  assert.equal(midRankOf(noStatistics, 1), null);
  near(quantileOf(of([1, 2, 3, 4, 5]), 0.5), 3, 0.02);
  assert.equal(quantileOf(noStatistics, 0.5), null);
});

Deno.test("a metric has no quality before it has values enough, and equal values are in the middle", () => {
  const seven = of(Array(VALUES_MIN - 1).fill(3.4));
  assert.equal(qualityOf("ctfResolution", 3.4, seven), null);
  const eight = withValue(seven, 3.4);
  const middle = qualityOf("ctfResolution", 3.4, eight)!;
  assert.equal(middle.rank, 0.5);
  near(middle.normal, 0.5, 1e-6);
  // A hair beside eight equal ones: the floor of the spread keeps it from being a certainty.
  const hair = qualityOf("ctfResolution", 3.41, eight)!;
  assert(hair.normal > 0.35 && hair.normal < 0.5, String(hair.normal));
});

Deno.test("less motion and finer resolution are better, more particles are better", () => {
  const eight = of([10, 11, 12, 13, 14, 15, 16, 17]);
  for (const metric of METRICS) {
    const low = qualityOf(metric, 9, eight)!;
    const high = qualityOf(metric, 18, eight)!;
    const better = METRIC_KINDS[metric].better === "less" ? low : high;
    const worse = better === low ? high : low;
    assert.equal(better.rank, 1);
    assert.equal(worse.rank, 0);
    assert(better.normal > 0.95 && worse.normal < 0.05);
  }
});

Deno.test("quality is always a number from 0 to 1", () => {
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 8 }),
      value,
      fc.constantFrom(...METRICS),
      (a, x, m) => {
        const quality = qualityOf(m, x, of(a))!;
        for (const q of [quality.rank, quality.normal]) assert(q >= 0 && q <= 1, String(q));
      },
    ),
    runs,
  );
});

Deno.test("the normal share agrees with tables", () => {
  near(normalShareBelow(0), 0.5, 1e-7);
  near(normalShareBelow(1), 0.8413447, 1e-6);
  near(normalShareBelow(-1.96), 0.0249979, 1e-6);
  assert.equal(normalShareBelow(50), 1);
  assert.equal(normalShareBelow(-50), 0);
});

const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}$/), { minLength: 2, maxLength: 12 });
const share = fc.double({ min: 0, max: 1, noNaN: true });
const observations = fc.array(fc.record({ quality: share, predictions: fc.array(share) }), {
  minLength: 1,
  maxLength: 40,
});

function assertWeights(weights: ByModel): void {
  const sum = Object.values(weights).reduce((a, b) => a + b, 0);
  near(sum, 1);
  for (const weight of Object.values(weights)) {
    assert(weight >= WEIGHT_FLOOR - 1e-12 && weight <= 1, `${weight} is no weight`);
  }
}

Deno.test("weights stay between floor and 1 and sum to 1, whatever is predicted and observed", () => {
  fc.assert(
    fc.property(names, observations, (models, steps) => {
      let weights = startWeights(models);
      for (const { quality, predictions } of steps) {
        const told = Object.fromEntries(
          models.slice(0, predictions.length).map((model, i) => [model, predictions[i]!]),
        );
        weights = reweighed(weights, likelihoods(told, quality));
        assertWeights(weights);
      }
      assertWeights(withModels(weights, [...models, "newcomer"]));
    }),
    runs,
  );
  assert.throws(
    () => startWeights(Array.from({ length: MODELS_MAX + 1 }, (_, i) => `m${i}`)),
    RangeError,
  );
});

Deno.test("a better prediction of a good exposure never lowers its model's weight", () => {
  const arbitrary = fc.record({
    quality: fc.double({ min: 0.5, max: 1, minExcluded: true, noNaN: true }),
    low: share,
    high: share,
    others: fc.array(share, { minLength: 1, maxLength: 6 }),
    history: observations,
  });
  fc.assert(
    fc.property(arbitrary, ({ quality, low, high, others, history }) => {
      const models = ["own", ...others.map((_, i) => `m${i}`)];
      let weights = startWeights(models);
      for (const { quality, predictions } of history) {
        const told = Object.fromEntries(
          models.slice(0, predictions.length).map((model, i) => [model, predictions[i]!]),
        );
        weights = reweighed(weights, likelihoods(told, quality));
      }
      const after = (own: number) => {
        const told = Object.fromEntries(others.map((p, i) => [`m${i}`, p]));
        return reweighed(weights, likelihoods({ ...told, own }, quality))["own"]!;
      };
      assert(after(Math.max(low, high)) >= after(Math.min(low, high)) - 1e-12);
    }),
    runs,
  );
});

Deno.test("models that did not predict keep their weight, and one that is alone too", () => {
  const weights = { a: 0.5, b: 0.3, c: 0.2 };
  const after = reweighed(weights, likelihoods({ a: 0.9, b: 0.1 }, 1));
  assert.equal(after["c"], 0.2);
  near(after["a"]! + after["b"]!, 0.8);
  assert(after["a"]! > 0.7);
  assert.deepEqual(reweighed(weights, likelihoods({ a: 0.01 }, 1)), weights);
});

Deno.test("equal likelihoods change nothing, and a correction takes the place of what was counted", () => {
  const weights = { a: 0.6, b: 0.4 };
  const same = reweighed(weights, likelihoods({ a: 0.7, b: 0.7 }, 0.9));
  near(same["a"]!, 0.6);
  const predictions = { a: 0.9, b: 0.2 };
  const wrong = likelihoods(predictions, 0.1);
  const right = likelihoods(predictions, 0.8);
  const ratio = { a: right["a"]! / wrong["a"]!, b: right["b"]! / wrong["b"]! };
  const corrected = reweighed(reweighed(weights, wrong), ratio);
  near(corrected["a"]!, reweighed(weights, right)["a"]!);
});

Deno.test("a score leaves out metrics without prediction instead of guessing one half", () => {
  const weights = { a: 0.75, b: 0.25 };
  near(scoreOf([{ weights, predictions: { a: 0.8, b: 0.4 } }]), 0.7);
  near(scoreOf([{ weights, predictions: { a: 0.8 } }, { weights, predictions: {} }]), 0.8);
  near(scoreOf([{ weights, predictions: { a: 0.9 } }, { weights, predictions: { b: 0.4 } }]), 0.6);
  assert.equal(scoreOf([{ weights, predictions: {} }]), null);
  assert.equal(scoreOf([]), null);
});

Deno.test("the rolling median is that of the last values, outliers or not", () => {
  const points = [1, 9, 2, 100, 3, 4].map((value, i) => ({ atMs: i, value }));
  assert.deepEqual(rollingMedian(points, 3).map(({ median }) => median), [1, 5, 2, 9, 3, 4]);
  fc.assert(
    fc.property(
      fc.array(value, { maxLength: 80 }),
      fc.integer({ min: 1, max: 20 }),
      (values, w) => {
        const found = rollingMedian(values.map((value, i) => ({ atMs: i, value })), w);
        for (const [i, { median }] of found.entries()) {
          const last = values.slice(Math.max(0, i - w + 1), i + 1).sort((a, b) => a - b);
          const middle = last.length >> 1;
          const expected = last.length % 2
            ? last[middle]!
            : (last[middle - 1]! + last[middle]!) / 2;
          assert.equal(median, expected);
        }
      },
    ),
    runs,
  );
});

Deno.test("thinning keeps the ends and the order", () => {
  const points = Array.from({ length: 1000 }, (_, i) => i);
  const few = thinned(points, 10);
  assert.equal(few.length, 10);
  assert.deepEqual([few[0], few.at(-1)], [0, 999]);
  assert.deepEqual(few, few.toSorted((a, b) => a - b));
  assert.deepEqual(thinned([1, 2], 10), [1, 2]);
});

Deno.test("names of the SmartEM API stand for the same metrics", () => {
  assert.equal(metricOf("ctfmaxresolution"), "ctfResolution");
  assert.equal(metricOf("totalMotion"), "totalMotion");
  assert.equal(metricOf("beauty"), null);
});
