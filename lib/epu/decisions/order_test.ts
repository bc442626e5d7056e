import assert from "node:assert/strict";
import fc from "fast-check";
import { compare } from "./compare.ts";
import type { Automation, Policy, Proposal } from "./model.ts";
import { type ScoredHole, visitOrder, withExploration } from "./order.ts";
import { approvable } from "./policy.ts";
import { ASSUMED_TRAVEL, costInHoles, measuredTravel } from "./travel.ts";

const runs = { numRuns: Deno.env.get("HOLDFAST_LONG") === "1" ? 5000 : 300 };

const holes = fc.array(
  fc.record({
    squareId: fc.nat(5),
    order: fc.option(fc.nat(3), { nil: null }),
    score: fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 0.5, 1)),
  }),
  { maxLength: 50 },
).map((all) => all.map((one, id): ScoredHole => ({ ...one, id })));
const start = fc.option(fc.nat(7), { nil: null });

Deno.test("the order names every hole once, whatever the ways cost", () => {
  const cost = fc.oneof(fc.constantFrom(0, 10, 1e9, Infinity), fc.double({ min: 0, noNaN: true }));
  fc.assert(
    fc.property(
      holes,
      fc.array(cost, { minLength: 36, maxLength: 36 }),
      start,
      (all, costs, at) => {
        const order = visitOrder(all, (from, to) => costs[(from * 6 + to) % 36]!, at);
        assert.deepEqual(order.toSorted((a, b) => a - b), all.map(({ id }) => id));
      },
    ),
    runs,
  );
});

Deno.test("where the way is free the holes come by score, ties by EPU's order and then by id", () => {
  fc.assert(
    fc.property(holes, start, (all, at) => {
      const last = Number.MAX_SAFE_INTEGER;
      const expected = all.toSorted((a, b) =>
        b.score - a.score || (a.order ?? last) - (b.order ?? last) || a.id - b.id
      );
      assert.deepEqual(visitOrder(all, () => 0, at), expected.map(({ id }) => id));
    }),
    runs,
  );
});

Deno.test("where the way is very long no square is visited twice", () => {
  fc.assert(
    fc.property(holes, start, fc.constantFrom(1e9, Infinity), (all, at, cost) => {
      const squareOf = new Map(all.map(({ id, squareId }) => [id, squareId]));
      const visited = visitOrder(all, () => cost, at).map((id) => squareOf.get(id)!);
      const changes = visited.filter((square, i) => square !== visited[i - 1]).length;
      assert.equal(changes, new Set(visited).size);
    }),
    runs,
  );
});

Deno.test("a short way is taken for better holes, a long one is not", () => {
  const all: ScoredHole[] = [
    { id: 1, squareId: 1, order: null, score: 0.9 },
    { id: 2, squareId: 1, order: null, score: 0.3 },
    { id: 3, squareId: 2, order: null, score: 0.8 },
    { id: 4, squareId: 2, order: null, score: 0.7 },
  ];
  assert.deepEqual(visitOrder(all, () => 1, 1), [1, 3, 4, 2]);
  assert.deepEqual(visitOrder(all, () => 10, 1), [1, 2, 3, 4]);
});

Deno.test("a hundred thousand holes are ordered in one go", () => {
  const all = Array.from({ length: 100_000 }, (_, id): ScoredHole => ({
    id,
    squareId: id % 300,
    order: id,
    score: (id * 7919 % 100_003) / 100_003,
  }));
  const order = visitOrder(all, () => 10, null);
  assert.equal(new Set(order).size, all.length);
});

Deno.test("exploration takes its share from the worse half, spread out, and always the same", () => {
  const order = fc.uniqueArray(fc.nat(), { maxLength: 200 });
  fc.assert(
    fc.property(order, fc.double({ min: 0, max: 0.5, noNaN: true }), (ids, share) => {
      const mixed = withExploration(ids, share, "a1");
      assert.deepEqual(mixed, withExploration(ids, share, "a1"));
      assert.deepEqual(mixed.order.toSorted(), ids.toSorted());
      assert.equal(mixed.exploration.length, Math.floor(share * ids.length));
      const worse = new Set(ids.slice(Math.ceil(ids.length / 2)));
      assert(mixed.exploration.every((id) => worse.has(id)));
      const explored = new Set(mixed.exploration);
      const kept = mixed.order.filter((id) => !explored.has(id));
      assert.deepEqual(kept, ids.filter((id) => !explored.has(id)));
    }),
    runs,
  );
});

Deno.test("ways are measured from the exposures, pauses left out, and with the distance once it shows", () => {
  const places = new Map(
    [1, 2, 3].map((id) => [id, { stageXM: id * 1e-4, stageYM: 0 }]),
  );
  assert.deepEqual(measuredTravel([], places), ASSUMED_TRAVEL);
  const visits: { squareId: number; holeId: number; atMs: number }[] = [];
  let atMs = 0;
  let holeId = 0;
  let before = 1;
  for (const squareId of [1, 2, 3, 1, 2, 1, 3, 2, 3]) {
    const distanceM = Math.abs(squareId - before) * 1e-4;
    atMs += 100_000 + distanceM * 1e9;
    before = squareId;
    for (let i = 0; i < 4; i++) {
      visits.push({ squareId, holeId: ++holeId, atMs });
      atMs += 20_000;
    }
  }
  // Coffee.
  for (const visit of visits.slice(22)) visit.atMs += 2 * 3_600_000;
  const travel = measuredTravel(visits, places);
  assert.equal(travel.holeMs, 20_000);
  assert.equal(travel.changes, 8);
  assert(Math.abs(travel.msPerMetre - 1e9) < 1e-3, String(travel.msPerMetre));
  assert(Math.abs(travel.changeMs - 100_000) < 1e-3, String(travel.changeMs));
  const [one, three] = [places.get(1)!, places.get(3)!];
  assert(Math.abs(costInHoles(travel, one, three) - 15) < 1e-6);
});

const POLICY: Policy = {
  name: "night",
  enabled: true,
  kinds: ["holeOrder", "squareSkip"],
  confidenceMin: 0.6,
  holesPerHour: 3,
  squaresPerHour: 1,
};
const PROPOSAL: Proposal = {
  v: 1,
  id: "p",
  acquisitionId: "a1",
  authority: "bayes",
  version: "1",
  role: "acting",
  state: "waiting",
  why: null,
  kind: "holeOrder",
  squareId: null,
  targetIds: [5, 4, 3, 2, 1],
  reasons: [],
  confidence: 0.7,
  expectedGain: null,
  exploration: [],
  basedOnRevision: 1,
  expiresAtMs: 1,
  createdAtMs: 0,
  renewedAtMs: 0,
  endedAtMs: null,
};
const FREE = { automation: null, paused: false, approvedInHour: new Set<number>() };

Deno.test("a policy approves only its kinds, when sure enough, within the hour's bound", () => {
  const kindOf = (proposal: Partial<Proposal>, policy: Policy | null, over = {}) => {
    const done = approvable({ ...PROPOSAL, ...proposal }, policy, { ...FREE, ...over });
    return done.ok ? done.value : done.refusal.kind;
  };
  const off: Automation = { v: 1, off: true, actor: "user:anna", reason: "", atMs: 0 };
  assert.deepEqual(kindOf({}, POLICY), [5, 4, 3]);
  assert.deepEqual(kindOf({}, POLICY, { approvedInHour: new Set([4, 9]) }), [5, 4]);
  assert.equal(kindOf({}, POLICY, { approvedInHour: new Set([7, 8, 9]) }), "bound-reached");
  assert.equal(kindOf({}, null), "no-policy");
  assert.equal(kindOf({}, { ...POLICY, enabled: false }), "no-policy");
  assert.equal(kindOf({}, POLICY, { automation: off }), "switched-off");
  assert.equal(kindOf({}, POLICY, { paused: true }), "paused");
  assert.equal(kindOf({ role: "shadow" }, POLICY), "shadow");
  assert.equal(kindOf({ kind: "holeSelect" }, POLICY), "kind-not-covered");
  assert.equal(kindOf({ kind: "stop", targetIds: [] }, POLICY), "kind-not-covered");
  assert.equal(kindOf({ confidence: 0.5 }, POLICY), "not-confident");
  assert.equal(kindOf({ confidence: null }, POLICY), "not-confident");
  assert.deepEqual(kindOf({ kind: "squareSkip" }, POLICY), [5]);
});

Deno.test("an authority that puts the good holes first is ahead of the baseline by what it gained early", () => {
  const outcomes = Array.from({ length: 10 }, (_, i) => ({
    holeId: i,
    atMs: 100 + i,
    exposures: 2,
    good: i < 5 ? 0 : 2,
  }));
  const ids = outcomes.map(({ holeId }) => holeId);
  const baseline = [{ atMs: 1, targetIds: ids }];
  const better = compare("bayes", [{ atMs: 2, targetIds: ids.toReversed() }], baseline, outcomes);
  assert.deepEqual([better.holes, better.exposures, better.good], [10, 20, 10]);
  assert.equal(better.regret, -5);
  assert.deepEqual(better.points[4], { exposures: 10, good: 10, baselineGood: 0 });
  assert.equal(compare("epu-order", baseline, baseline, outcomes).regret, 0);
  // Said after the fact, or never: not counted.
  const late = compare("late", [{ atMs: 1000, targetIds: ids.toReversed() }], baseline, outcomes);
  assert.deepEqual([late.holes, late.regret], [0, null]);
  const some = compare("some", [{ atMs: 2, targetIds: [7, 8] }], baseline, outcomes);
  assert.equal(some.holes, 2);
});
