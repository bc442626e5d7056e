import assert from "node:assert/strict";
import { acquisitionKey } from "../keys.ts";
import { acquisition, epuRig, hole, square } from "../results/rig_test.ts";
import { predictionsOf, PredictionStore, suggestedHoles, suggestedSquares } from "./mod.ts";

async function rig(holes = 3) {
  const epu = await epuRig();
  await epu.put([[acquisitionKey("a1"), acquisition()]]);
  await epu.squares(square(1), square(2));
  await epu.holes(...Array.from({ length: holes }, (_, i) => hole(1, 11 + i)));
  const predictions = new PredictionStore(epu.kv, epu.clock);
  await predictions.addModel({ name: "ice", level: "hole" }, "system");
  const ask = { acquisitionId: "a1", model: "ice", metric: null, value: 0.7 };
  return { ...epu, predictions, ask };
}

Deno.test("a prediction model is registered once, changed and removed", async () => {
  const { kv, predictions } = await rig();
  assert.deepEqual(await predictions.addModel({ name: "ice" }, "system"), {
    ok: false,
    refusal: { kind: "exists", model: "ice" },
  });
  const changed = await predictions.changeModel("ice", { description: "ice" }, "user:anna");
  assert(changed.ok && changed.value.level === "hole" && changed.value.canInfer);
  assert.deepEqual((await predictions.models()).map(({ name }) => name), ["ice"]);
  assert((await predictions.removeModel("ice", "user:anna")).ok);
  assert.equal(await predictions.model("ice"), null);
  const gone = await predictions.changeModel("ice", {}, "user:anna");
  assert.deepEqual(gone, { ok: false, refusal: { kind: "unknown-model", model: "ice" } });
  await kv.close();
});

Deno.test("a prediction is the target's current one and a row of its history", async () => {
  const { kv, clock, predictions, ask } = await rig();
  const target = { squareId: 1, holeId: 11 };
  for (const value of [0.2, 0.8]) {
    assert((await predictions.predict({ ...ask, value, targets: [target] }, "token:ml")).ok);
    await clock.advance(10);
  }
  const ofSquare = { ...ask, metric: "ctfResolution" as const, value: 0.4 };
  await predictions.predict({ ...ofSquare, targets: [{ squareId: 1, holeId: null }] }, "token:ml");
  const current = await predictions.current("a1", target);
  assert.equal(current!.models["ice"]!.every!.value, 0.8);
  const rows = await predictions.history("a1", 1, 11);
  assert.deepEqual(rows.map(({ value }) => value), [0.2, 0.8]);
  assert.equal((await predictions.history("a1", 1)).length, 3);
  const latest = await Array.fromAsync(predictions.latest("a1", "hole", 1));
  assert.deepEqual(latest.map(({ holeId }) => holeId), [11]);
  assert.equal((await Array.fromAsync(predictions.latest("a1", "square", 2))).length, 0);
  assert.equal((await Array.fromAsync(predictions.latest("a1", "square", 1))).length, 1);
  const totals = await predictions.totals();
  assert.deepEqual([totals.count, totals.min, totals.max], [3, 0.2, 0.8]);
  await kv.close();
});

Deno.test("a prediction of an unknown model or target, or one that is no share, is refused", async () => {
  const { kv, predictions, ask } = await rig();
  const targets = [{ squareId: 1, holeId: 11 }];
  const refusals = [
    await predictions.predict({ ...ask, model: "x", targets }, "system"),
    await predictions.predict({ ...ask, targets: [{ squareId: 1, holeId: 99 }] }, "system"),
    await predictions.predict({ ...ask, acquisitionId: "b", targets }, "system"),
    await predictions.predict({ ...ask, value: 1.01, targets }, "system"),
    await predictions.predict({ ...ask, value: NaN, targets }, "system"),
    await predictions.predictGroup({ ...ask, group: "g" }, "system"),
  ].map((one) => one.ok ? null : one.refusal.kind);
  assert.deepEqual(refusals, [
    "unknown-model",
    "unknown-target",
    "unknown-target",
    "not-a-share",
    "not-a-share",
    "unknown-group",
  ]);
  assert.equal((await predictions.totals()).count, 0);
  await kv.close();
});

Deno.test("a group's prediction holds for each of its holes, however many", async () => {
  const { kv, predictions, ask } = await rig(120);
  const holes = Array.from({ length: 120 }, (_, i) => ({ squareId: 1, holeId: 11 + i }));
  assert((await predictions.addGroup("a1", { id: "g", name: null, holes }, "system")).ok);
  const told = await predictions.predictGroup({ ...ask, group: "g" }, "system");
  assert(told.ok && told.value.length === 120);
  assert.equal((await Array.fromAsync(predictions.latest("a1", "hole"))).length, 120);
  await kv.close();
});

Deno.test("what a model says of the hole and the metric goes before what it says of the square and of all", () => {
  const said = (value: number) => ({ value, atMs: 0 });
  const square = { v: 1 as const, models: { a: { every: said(0.1) }, b: { every: said(0.2) } } };
  const hole = {
    v: 1 as const,
    models: { a: { every: said(0.3), ctfResolution: said(0.4) }, c: { totalMotion: said(0.5) } },
  };
  assert.deepEqual(predictionsOf("ctfResolution", hole, square), { b: 0.2, a: 0.4 });
  assert.deepEqual(predictionsOf("totalMotion", hole, square), { b: 0.2, a: 0.3, c: 0.5 });
  assert.deepEqual(predictionsOf("totalMotion", null, null), {});
});

Deno.test("latent points come from a model's newest coordinates and clusters", async () => {
  const { kv, predictions } = await rig();
  const of = (group: string, key: string, value: number) => ({
    model: "ice",
    group,
    key,
    value,
    metric: null,
  });
  const set = await predictions.setParameters("a1", [
    of("coordinates:s1", "x", 1),
    of("coordinates:s1", "y", 2),
    of("coordinates:s2", "x", 5),
    of("cluster_indices", "s1", 3),
  ], "token:ml");
  assert(set.ok);
  await predictions.setParameters("a1", [of("coordinates:s1", "x", 9)], "token:ml");
  assert.deepEqual(await predictions.latent("a1", "ice"), [
    { entityId: "s1", x: 9, y: 2, cluster: 3 },
  ]);
  assert.deepEqual(await predictions.latent("a1", "other"), []);
  const unknown = await predictions.setParameters("b", [of("g", "k", 1)], "token:ml");
  assert(!unknown.ok && unknown.refusal.kind === "unknown-acquisition");
  await kv.close();
});

Deno.test("suggestions take the better half, few of each cluster, and no tiny square", () => {
  const squares = Array.from({ length: 12 }, (_, i) => ({
    id: i,
    prediction: 1 - i / 100,
    cluster: 0,
    widthPx: i === 0 ? 59 : 100,
  }));
  assert.deepEqual(suggestedSquares(squares), [1, 2]);
  const mixed = squares.map((one) => ({ ...one, cluster: one.id % 3 === 0 ? null : one.id % 3 }));
  assert.deepEqual(suggestedSquares(mixed), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(suggestedHoles(mixed), [1, 2, 4, 5]);
  assert.deepEqual(suggestedHoles([]), []);
});
