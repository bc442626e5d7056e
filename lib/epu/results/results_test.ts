import assert from "node:assert/strict";
import fc from "fast-check";
import { statisticsKey } from "./keys.ts";
import { acquisitionKey, countKey } from "../keys.ts";
import type { Counts } from "../model.ts";
import { PredictionStore } from "../predictions/mod.ts";
import { METRICS, metricValues } from "../quality/metrics.ts";
import { noStatistics, type Statistics, withValue } from "../quality/statistics.ts";
import { type ResultsAsk, ResultStore, statusOf } from "./mod.ts";
import { acquisition, epuRig, hole, micrograph, square } from "./rig_test.ts";

const BY = { actor: "token:pipeline" };
const motion = (totalA: number) => ({ motion: { totalA, averageA: totalA / 40 } });
const ctf = (maxResolutionA: number) => ({ ctf: { maxResolutionA } });

async function rig(micrographs = 12) {
  const epu = await epuRig();
  await epu.put([[acquisitionKey("a1"), acquisition()]]);
  await epu.squares(square(1), square(2));
  await epu.holes(hole(1, 11), hole(2, 21));
  const all = Array.from(
    { length: micrographs },
    (_, n) => n % 2 === 0 ? micrograph(1, 11, n) : micrograph(2, 21, n),
  );
  await epu.micrographs(...all);
  const results = new ResultStore(epu.kv, epu.clock, epu.epu);
  const counts = async () => (await epu.kv.get(countKey("a1")) as Counts | null)?.results ?? 0;
  return { ...epu, results, counts };
}

Deno.test("a result is found by id, by EPU's unique id and by file stem, and changes everything in one commit", async () => {
  const { kv, results, counts, events } = await rig();
  const asks = [
    { id: "micrograph-0" },
    { uniqueId: "unique-1" },
    { stem: "FoilHole_11_Data_2" },
    { stem: "FoilHole_21_Data_3", acquisitionId: "a1" },
  ];
  for (const [i, ask] of asks.entries()) {
    const taken = await results.take(ask, motion(10 + i), BY);
    assert(taken.ok);
    assert.equal(taken.value.micrograph.id, `micrograph-${i}`);
    assert.equal(taken.value.status, "motion correction completed");
  }
  assert.equal(await counts(), 4);
  const { totalMotion } = await results.summary("a1");
  assert.deepEqual([totalMotion!.count, totalMotion!.mean], [4, 11.5]);
  assert.equal((await results.squareSummary("a1", 2)).totalMotion!.mean, 12);
  assert.deepEqual([...(await results.squareSummaries("a1")).keys()], [1, 2]);
  const told = await events.read({ afterSeq: 0, limit: 10, types: ["epu.results"] });
  assert.deepEqual(told.map(({ subject, text }) => [subject, text]).at(-1), [
    "a1",
    "results of FoilHole_21_Data_3: motion 13.0 Å",
  ]);
  assert.deepEqual(await results.take({ stem: "nothing" }, motion(1), BY), {
    ok: false,
    refusal: { kind: "unknown-micrograph", ask: { stem: "nothing" } },
  });
  await kv.close();
});

Deno.test("the same result again changes nothing and tells nobody", async () => {
  const { kv, clock, results, counts } = await rig();
  const first = await results.take({ id: "micrograph-0" }, { ...motion(10), ...ctf(3.4) }, BY);
  const { seq } = kv;
  await clock.advance(5000);
  const again = await results.take({ id: "micrograph-0" }, { ...ctf(3.4), ...motion(10) }, BY);
  assert(first.ok && again.ok);
  assert.deepEqual([first.value.repeated, again.value.repeated], [false, true]);
  assert.deepEqual(again.value.micrograph, first.value.micrograph);
  assert.equal(kv.seq, seq);
  assert.equal(await counts(), 2);
  await kv.close();
});

Deno.test("a corrected result takes the place of the first in statistics and counts", async () => {
  const { kv, results, counts } = await rig();
  for (let n = 0; n < 4; n++) await results.take({ id: `micrograph-${n}` }, ctf(3 + n / 10), BY);
  await results.take({ id: "micrograph-3" }, ctf(900), BY);
  await results.take({ id: "micrograph-3" }, ctf(3.3), BY);
  assert.equal(await counts(), 4);
  const { ctfResolution } = await results.summary("a1");
  assert.equal(ctfResolution!.count, 4);
  assert(Math.abs(ctfResolution!.mean! - 3.15) < 1e-8);
  await results.forget("micrograph-3", "user:anna");
  assert.equal(await counts(), 3);
  assert.equal((await results.summary("a1")).ctfResolution!.count, 3);
  assert.equal(await results.contribution("a1", "micrograph-3"), null);
  await kv.close();
});

Deno.test("an idempotency key that comes late does not undo a correction, and is refused for other results", async () => {
  const { kv, clock, results } = await rig();
  const keyed = { ...BY, idempotencyKey: "job-1" };
  await results.take({ id: "micrograph-0" }, ctf(5), keyed);
  await results.take({ id: "micrograph-0" }, ctf(3), BY);
  const late = await results.take({ id: "micrograph-0" }, ctf(5), keyed);
  assert(late.ok && late.value.repeated);
  assert.equal(late.value.micrograph.results.ctf!.maxResolutionA, 3);
  const other = await results.take({ id: "micrograph-1" }, ctf(5), keyed);
  assert.deepEqual(other, { ok: false, refusal: { kind: "key-reused", idempotencyKey: "job-1" } });
  assert.equal(await results.sweep(), 0);
  await clock.advance(8 * 86_400_000);
  assert.equal(await results.sweep(), 1);
  await kv.close();
});

Deno.test("results that cannot be are refused before anything is stored", async () => {
  const { kv, results } = await rig();
  const bad = [
    {},
    { motion: { totalA: -1, averageA: 0 } },
    { ctf: { maxResolutionA: NaN } },
    { ctf: { maxResolutionA: Infinity } },
    { picking: { picked: 1.5 } },
    { picking: { picked: 3, shape: "round" } },
  ];
  for (const ask of bad) {
    await assert.rejects(results.take({ id: "micrograph-0" }, ask as ResultsAsk, BY), {
      name: /ZodError/,
    });
  }
  assert.equal(kv.seq, 0);
  await kv.close();
});

Deno.test("the status is that of the furthest step with a result", () => {
  const results = micrograph(1, 11, 0).results;
  assert.equal(statusOf(results), "none");
  const ctfOnly = { ...results, ctf: { ...ctf(3).ctf, atMs: 1 } } as typeof results;
  assert.equal(statusOf(ctfOnly), "ctf completed");
});

Deno.test("statistics after any order of results, repetitions and corrections equal a recount of what is stored", async () => {
  const step = fc.record({
    n: fc.nat(4),
    metric: fc.constantFrom("motion", "ctf", "picking", "selection"),
    value: fc.option(fc.nat(500), { freq: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { kv, results, epu, counts } = await rig(5);
      const asks = steps.map(({ n, metric, value }) => {
        const given: Record<string, unknown> = {
          motion: { totalA: value, averageA: 1 },
          ctf: { maxResolutionA: value },
          picking: { picked: value },
          selection: { selected: value, rejected: 0 },
        };
        const ask = { [metric]: value === null ? null : given[metric] } as ResultsAsk;
        return results.take({ id: `micrograph-${n}` }, ask, BY);
      });
      // At once: they race for the same statistics.
      await Promise.all(asks);
      const recount: Record<string, Statistics> = {};
      let steps_ = 0;
      for (const { results } of (await epu.micrographs({ acquisitionId: "a1", limit: 10 })).items) {
        steps_ += Object.values(results).filter((one) => one !== null).length;
        for (const [metric, value] of Object.entries(metricValues(results))) {
          recount[metric] = withValue(recount[metric] ?? noStatistics, value);
        }
      }
      for (const metric of METRICS) {
        const stored = await kv.get(statisticsKey("a1", metric)) ?? noStatistics;
        assert.deepEqual(stored, recount[metric] ?? noStatistics);
      }
      assert.equal(await counts(), steps_);
      await kv.close();
    }),
    { numRuns: Deno.env.get("HOLDFAST_LONG") === "1" ? 500 : 25 },
  );
});

Deno.test("models gain weight by what they foretold before the exposure, and a correction replaces its step", async () => {
  const { kv, clock, results } = await rig(12);
  const predictions = new PredictionStore(kv, clock);
  for (const name of ["seer", "blind"]) await predictions.addModel({ name }, "system");
  const say = (model: string, value: number) =>
    predictions.predict({
      acquisitionId: "a1",
      model,
      metric: null,
      value,
      targets: [{ squareId: 1, holeId: 11 }],
    }, "token:ml");
  assert((await say("seer", 0.9)).ok);
  assert((await say("blind", 0.1)).ok);
  // Holes of square 2, of which nobody foretold anything.
  for (const n of [1, 3, 5, 7, 9, 11]) {
    await results.take({ id: `micrograph-${n}` }, ctf(4 + n / 100), BY);
  }
  await results.take({ id: "micrograph-0" }, ctf(4), BY);
  await results.take({ id: "micrograph-2" }, ctf(4), BY);
  assert.deepEqual(await predictions.weights("a1"), {});
  await results.take({ id: "micrograph-4" }, ctf(3), BY);
  const good = (await predictions.weights("a1")).ctfResolution!;
  assert(good["seer"]! > 0.85, String(good["seer"]));
  await results.take({ id: "micrograph-4" }, ctf(3), BY);
  assert.deepEqual((await predictions.weights("a1")).ctfResolution, good);
  await clock.advance(1);
  // It was the worst of all: what had been counted as good now counts as bad, once.
  await say("seer", 0.5);
  await results.take({ id: "micrograph-4" }, ctf(9), BY);
  const bad = (await predictions.weights("a1")).ctfResolution!;
  assert(Math.abs(bad["seer"]! - 0.1) < 1e-9, String(bad["seer"]));
  await results.forget("micrograph-4", "user:anna");
  const forgotten = (await predictions.weights("a1")).ctfResolution!;
  assert(Math.abs(forgotten["seer"]! - 0.5) < 1e-9);
  const history = await predictions.weightHistory("a1", 100);
  assert.deepEqual(history.map(({ micrographId, quality }) => [micrographId, quality]), [
    ["micrograph-4", 1],
    ["micrograph-4", 0],
  ]);
  await kv.close();
});

Deno.test("the trend follows the time of exposure, whatever order the results came in", async () => {
  const { kv, results } = await rig(6);
  for (const n of [5, 0, 3, 1, 4, 2]) {
    await results.take({ id: `micrograph-${n}` }, ctf(n === 2 ? 30 : 3 + n), BY);
  }
  const all = { acquisitionId: "a1", metric: "ctfResolution", window: 3, countMax: 100 } as const;
  const trend = await results.trend(all);
  assert.deepEqual(trend.map(({ value }) => value), [3, 4, 30, 6, 7, 8]);
  assert.deepEqual(trend.map(({ median }) => median), [3, 3.5, 4, 6, 7, 7]);
  const { atMs } = trend[3]!;
  assert.equal((await results.trend({ ...all, fromMs: atMs })).length, 3);
  assert.equal((await results.trend({ ...all, countMax: 2 })).length, 2);
  await kv.close();
});

Deno.test("a result is counted once, whichever way a commit fails before it is sent again", async () => {
  for (const fault of ["before", "after", "blind before", "blind after"] as const) {
    const { kv, store, results, counts } = await rig();
    await results.take({ id: "micrograph-1" }, ctf(4), BY);
    store.faults.push(fault);
    const failed = await results.take({ id: "micrograph-0" }, ctf(3), BY).catch(() => null);
    assert(fault === "after" ? failed !== null : failed === null, fault);
    const again = await results.take({ id: "micrograph-0" }, ctf(3), BY);
    assert.equal(again.ok && again.value.repeated, fault.endsWith("after"), fault);
    assert.equal(await counts(), 2);
    assert.equal((await results.summary("a1")).ctfResolution!.count, 2);
    await kv.close();
  }
});
