import assert from "node:assert/strict";
import fc from "fast-check";
import { ManualClock } from "../../clock.ts";
import { bayes } from "./authorities/bayes.ts";
import { epuOrder } from "./authorities/epu_order.ts";
import { AuthorityFailed, httpAuthority } from "./authorities/http.ts";
import { intensity } from "./authorities/intensity.ts";
import { manual } from "./authorities/manual.ts";
import { replay } from "./authorities/replay.ts";
import type {
  DecisionAuthority,
  Snapshot,
  SnapshotHole,
  SnapshotObservation,
  SnapshotSquare,
} from "./authority.ts";
import { openHoles } from "./authority.ts";
import { checkProposal } from "./checks.ts";
import type { ProposalDraft } from "./model.ts";
import { ASSUMED_TRAVEL } from "./travel.ts";

const NOW_MS = 1_000_000;
const BUDGET = { targetsMax: 4000, validMs: 60_000 };
const runs = { numRuns: Deno.env.get("HOLDFAST_LONG") === "1" ? 2000 : 100 };

const share = fc.double({ min: 0, max: 1, noNaN: true });
const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: null });
const said = fc.dictionary(
  fc.constantFrom("ice", "dirt", "crack"),
  fc.dictionary(fc.constantFrom("every", "ctfResolution"), share, { minKeys: 1 }),
);
const states = { selected: fc.boolean(), finished: fc.boolean(), order: maybe(fc.nat(5)) };
const square = fc.record({
  ...states,
  stageXM: maybe(fc.double({ min: -1e-3, max: 1e-3, noNaN: true })),
  stageYM: maybe(fc.double({ min: -1e-3, max: 1e-3, noNaN: true })),
  category: maybe(fc.nat(4)),
  predictions: said,
});
const hole = fc.record({
  ...states,
  at: fc.nat(),
  epuQuality: maybe(share),
  intensityMean: maybe(fc.integer({ min: 100, max: 900 })),
  intensitySd: maybe(fc.integer({ min: 10, max: 60 })),
  predictions: said,
  seen: maybe(fc.record({
    atMs: fc.nat(),
    quality: maybe(share),
    ctf: fc.double({ min: 2, max: 9, noNaN: true }),
  })),
});
const snapshots: fc.Arbitrary<Snapshot> = fc.record({
  squares: fc.array(square, { minLength: 1, maxLength: 4 }),
  holes: fc.array(hole, { maxLength: 60 }),
  explorationShare: fc.double({ min: 0, max: 0.5, noNaN: true }),
  changeMs: fc.constantFrom(0, 30_000, 3_000_000),
}).map(({ squares, holes, explorationShare, changeMs }) => {
  const placed = holes.map((one, i) => ({
    ...one,
    id: 100 + i,
    squareId: one.at % squares.length,
  }));
  return {
    acquisitionId: "a1",
    revision: 7,
    nowMs: NOW_MS,
    squares: squares.map((one, id): SnapshotSquare => ({ ...one, id })),
    holes: placed.map(({ seen: _, at: __, ...one }): SnapshotHole => one),
    observations: placed.flatMap(({ id, squareId, seen }): SnapshotObservation[] =>
      seen === null ? [] : [{
        holeId: id,
        squareId,
        atMs: seen.atMs,
        exposures: 2,
        good: 1,
        quality: seen.quality,
        values: { ctfResolution: seen.ctf },
      }]
    ),
    statistics: {},
    weights: { ctfResolution: { ice: 0.7, dirt: 0.3 } },
    plan: { squares: [3, 1, 3, 99], holes: [103, 101, 999, 100] },
    constraints: {
      exposuresPerHole: 2,
      explorationShare,
      travel: { ...ASSUMED_TRAVEL, changeMs },
    },
  };
});

const ask = (authority: DecisionAuthority, snapshot: Snapshot) =>
  authority.propose(snapshot, BUDGET, new AbortController().signal);

Deno.test("every authority says the same of the same snapshot, and only what can be done", async () => {
  const recorded = [{
    exposures: 0,
    proposals: [{
      kind: "holeOrder" as const,
      squareId: null,
      targetIds: [105, 100, 101],
      reasons: [],
      confidence: null,
      expectedGain: null,
      exploration: [],
    }],
  }];
  const authorities = [epuOrder, manual, intensity, bayes, replay("earlier", recorded)];
  await fc.assert(
    fc.asyncProperty(snapshots, fc.constantFrom(...authorities), async (snapshot, authority) => {
      const drafts = await ask(authority, snapshot);
      assert.deepEqual(await ask(authority, structuredClone(snapshot)), drafts);
      for (const one of drafts) {
        const checked = checkProposal(one, snapshot, authority.kinds);
        assert(checked.ok, checked.ok ? "" : JSON.stringify(checked.refusal));
        assert(one.exploration.every((id) => one.targetIds.includes(id)));
      }
    }),
    runs,
  );
});

Deno.test("EPU's own order and the models' order are permutations of what they order", async () => {
  await fc.assert(
    fc.asyncProperty(snapshots, async (snapshot) => {
      const holes = openHoles(snapshot).map(({ id }) => id).sort();
      const order = (drafts: ProposalDraft[]) =>
        drafts.find(({ kind }) => kind === "holeOrder")?.targetIds ?? [];
      assert.deepEqual(order(await ask(epuOrder, snapshot)).toSorted(), holes);
      const squares = new Map(snapshot.squares.map(({ id, predictions }) => [id, predictions]));
      const foretold = openHoles(snapshot).filter(({ squareId, predictions }) =>
        Object.keys(predictions).length + Object.keys(squares.get(squareId)!).length > 0
      );
      const named = order(await ask(bayes, snapshot)).toSorted();
      assert.deepEqual(named, foretold.map(({ id }) => id).sort());
    }),
    runs,
  );
});

function plain(over: Partial<Snapshot> = {}): Snapshot {
  return {
    acquisitionId: "a1",
    revision: 7,
    nowMs: NOW_MS,
    squares: [squareOf(1), squareOf(2)],
    holes: [],
    observations: [],
    statistics: {},
    weights: {},
    plan: { squares: [], holes: [] },
    constraints: { exposuresPerHole: 2, explorationShare: 0, travel: ASSUMED_TRAVEL },
    ...over,
  };
}
function squareOf(id: number, over: Partial<SnapshotSquare> = {}): SnapshotSquare {
  return {
    id,
    order: id,
    selected: true,
    finished: false,
    stageXM: 0,
    stageYM: 0,
    category: null,
    predictions: {},
    ...over,
  };
}
function holeOf(squareId: number, id: number, over: Partial<SnapshotHole> = {}): SnapshotHole {
  return {
    id,
    squareId,
    order: id,
    selected: true,
    finished: false,
    epuQuality: null,
    intensityMean: null,
    intensitySd: null,
    predictions: {},
    ...over,
  };
}

Deno.test("without data no authority makes anything up", async () => {
  const bare = plain({ holes: [holeOf(1, 11), holeOf(1, 12)] });
  assert.deepEqual(await ask(intensity, bare), []);
  assert.deepEqual(await ask(bayes, bare), []);
  assert.deepEqual(await ask(manual, bare), []);
  assert.deepEqual(await ask(epuOrder, plain({ squares: [] })), []);
});

Deno.test("intensity orders a square's holes by what like holes gave, and is silent where they disagree", async () => {
  const holes = Array.from(
    { length: 30 },
    (_, i) =>
      holeOf(1, 100 + i, { intensityMean: 100 + 20 * i, intensitySd: 20, finished: i % 2 === 0 }),
  );
  const observed = (value: (i: number) => number) =>
    holes.flatMap((one, i): SnapshotObservation[] =>
      one.finished
        ? [{
          holeId: one.id,
          squareId: 1,
          atMs: i,
          exposures: 1,
          good: 1,
          quality: null,
          values: { ctfResolution: value(i) },
        }]
        : []
    );
  const [proposal] = await ask(
    intensity,
    plain({ holes, observations: observed((i) => 3 + i / 10) }),
  );
  assert.equal(proposal!.squareId, 1);
  assert.deepEqual(proposal!.targetIds, holes.filter((one) => !one.finished).map(({ id }) => id));
  assert(proposal!.confidence! > 0.5, String(proposal!.confidence));
  const noise = observed((i) => i % 4 === 0 ? 3 : 9);
  assert.deepEqual(await ask(intensity, plain({ holes, observations: noise })), []);
});

Deno.test("the models' order follows weights, marks what it explores, and skips what all think bad", async () => {
  const holes = Array.from(
    { length: 40 },
    (_, i) =>
      holeOf(1, 100 + i, { predictions: { ice: { every: i / 40 }, dirt: { every: 1 - i / 40 } } }),
  );
  const believed = (ice: number) => ({ ctfResolution: { ice, dirt: 1 - ice } });
  const squares = [squareOf(1), squareOf(2, { predictions: { ice: { every: 0.1 } } })];
  const first = async (ice: number) =>
    await ask(bayes, plain({ holes, squares, weights: believed(ice) }));
  const orderOf = (drafts: ProposalDraft[]) => drafts.find((one) => one.kind === "holeOrder")!;
  assert.equal(orderOf(await first(0.9)).targetIds[0], 139);
  assert.equal(orderOf(await first(0.1)).targetIds[0], 100);
  assert.deepEqual((await first(0.9)).find((one) => one.kind === "squareSkip")!.targetIds, [2]);
  const [, , explored] = await ask(
    bayes,
    plain({
      holes,
      squares,
      weights: believed(0.9),
      constraints: { exposuresPerHole: 2, explorationShare: 0.1, travel: ASSUMED_TRAVEL },
    }),
  );
  assert.equal(explored!.exploration.length, 4);
  assert(explored!.exploration.every((id) => id < 120));
  assert(explored!.targetIds.indexOf(explored!.exploration[0]!) < 11);
});

Deno.test("the models are as sure as their scores ordered what was exposed", async () => {
  const holes = Array.from(
    { length: 20 },
    (_, i) => holeOf(1, 100 + i, { finished: i < 10, predictions: { ice: { every: i / 20 } } }),
  );
  const seen = (quality: (i: number) => number) =>
    holes.slice(0, 10).map((one, i): SnapshotObservation => ({
      holeId: one.id,
      squareId: 1,
      atMs: i,
      exposures: 1,
      good: 1,
      quality: quality(i),
      values: {},
    }));
  const confidence = async (observations: SnapshotObservation[]) =>
    (await ask(bayes, plain({ holes, observations })))[0]!.confidence;
  assert.equal(await confidence(seen((i) => i / 10)), 1);
  assert.equal(await confidence(seen((i) => 1 - i / 10)), 0);
  assert.equal(await confidence(seen((i) => i / 10).slice(0, 5)), null);
});

Deno.test("a proposal of another time, or of what cannot be done, is refused with the reason", () => {
  const snapshot = plain({
    squares: [squareOf(1), squareOf(2, { selected: false })],
    holes: [
      holeOf(1, 11),
      holeOf(1, 12, { finished: true }),
      holeOf(1, 13, { selected: false }),
      holeOf(2, 21),
    ],
  });
  const base: ProposalDraft = {
    kind: "holeOrder",
    squareId: null,
    targetIds: [11],
    reasons: [],
    confidence: null,
    expectedGain: null,
    exploration: [],
    basedOnRevision: 7,
    expiresAtMs: NOW_MS + 1,
  };
  const kindOf = (over: Partial<ProposalDraft>) => {
    const checked = checkProposal({ ...base, ...over }, snapshot, [
      "holeOrder",
      "holeSelect",
      "stop",
    ]);
    return checked.ok ? "ok" : checked.refusal.kind;
  };
  assert.equal(kindOf({}), "ok");
  assert.equal(kindOf({ basedOnRevision: 6 }), "older-revision");
  assert.equal(kindOf({ expiresAtMs: NOW_MS }), "expired");
  assert.equal(kindOf({ targetIds: [] }), "no-targets");
  assert.equal(kindOf({ targetIds: [11, 11] }), "repeated-target");
  assert.equal(kindOf({ targetIds: [99] }), "unknown-target");
  assert.equal(kindOf({ targetIds: [12] }), "finished-target");
  assert.equal(kindOf({ targetIds: [13] }), "unselected-target");
  assert.equal(kindOf({ kind: "holeSelect", targetIds: [13] }), "ok");
  assert.equal(kindOf({ targetIds: [21] }), "unselected-target");
  assert.equal(kindOf({ squareId: 2 }), "other-square");
  assert.equal(kindOf({ kind: "squareOrder", targetIds: [1] }), "kind-not-declared");
  assert.equal(kindOf({ kind: "stop", targetIds: [] }), "ok");
});

Deno.test("replay says what was said at as many exposures, without what is done", async () => {
  const proposal = (targetIds: number[]) => ({
    kind: "holeOrder" as const,
    squareId: null,
    targetIds,
    reasons: ["then"],
    confidence: 0.5,
    expectedGain: null,
    exploration: [],
  });
  const authority = replay("earlier", [
    { exposures: 4, proposals: [proposal([12, 11, 13])] },
    { exposures: 2, proposals: [proposal([13, 12, 11])] },
  ]);
  const holes = [holeOf(1, 11), holeOf(1, 12), holeOf(1, 13, { finished: true })];
  const at = async (exposures: number) => {
    const seen = { holeId: 13, squareId: 1, atMs: 0, good: 0, quality: null, values: {} };
    const drafts = await ask(authority, plain({ holes, observations: [{ ...seen, exposures }] }));
    return drafts.map(({ targetIds }) => targetIds);
  };
  assert.deepEqual(await at(1), []);
  assert.deepEqual(await at(3), [[12, 11]]);
  assert.deepEqual(await at(9), [[12, 11]]);
});

Deno.test("a service is asked with the snapshot, and its answer must fit, come in time and be small", async () => {
  const asked: unknown[] = [];
  let answer: () => Response | Promise<Response> = () => Response.json({ proposals: [] });
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      asked.push({ body: await request.json(), signed: request.headers.has("holdfast-signature") });
      return await answer();
    },
  );
  const clock = new ManualClock();
  const authority = httpAuthority({
    name: "lab",
    url: `http://127.0.0.1:${server.addr.port}/propose`,
    secret: "sixteen letters!",
    timeoutMs: 5000,
    clock,
  });
  const snapshot = plain({ holes: [holeOf(1, 11), holeOf(1, 12, { finished: true })] });
  const good = {
    kind: "holeOrder",
    targetIds: [11],
    basedOnRevision: 7,
    expiresAtMs: NOW_MS + 1000,
  };
  answer = () => Response.json({ proposals: [good] });
  const [proposal] = await ask(authority, snapshot);
  assert.deepEqual([proposal!.targetIds, proposal!.confidence], [[11], null]);
  const [first] = asked as { body: { snapshot: Snapshot }; signed: boolean }[];
  assert(first!.signed);
  assert.deepEqual(first!.body.snapshot.holes.map(({ id }) => id), [11]);
  const fails = async (next: typeof answer, message: RegExp) => {
    answer = next;
    await assert.rejects(ask(authority, snapshot), message);
  };
  await fails(() => new Response("no", { status: 500 }), /answered 500/);
  await fails(() => new Response("<html>"), /not JSON/);
  await fails(() => Response.json({ proposals: [{ ...good, targetIds: ["x"] }] }), /does not fit/);
  await fails(() => new Response("x".repeat(5_000_000)), /larger than/);
  let release: (reply: Response) => void = () => {};
  let came: () => void = () => {};
  const arrived = new Promise<void>((resolve) => came = resolve);
  answer = () => {
    came();
    return new Promise((resolve) => release = resolve);
  };
  const late = assert.rejects(ask(authority, snapshot), AuthorityFailed);
  await arrived;
  await clock.advance(5001);
  await late;
  release(new Response());
  const before = asked.length;
  await fails(() => Response.json({ proposals: [] }), /left alone for another 30 s/);
  assert.equal(asked.length, before);
  await clock.advance(30_000);
  assert.deepEqual(await ask(authority, snapshot), []);
});
