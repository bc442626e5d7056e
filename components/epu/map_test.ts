import assert from "node:assert/strict";
import { holeColouring, orderPath, squareColouring, stepsOf, tally } from "./colour.ts";
import { listedHoles, listedSquares, micrographsQuery, sorted } from "./list.ts";
import {
  currentSquare,
  exposuresInWords,
  shareSeen,
  type ShownHole,
  type ShownSquare,
} from "./shown.ts";
import { changed, searchOf, START, viewOf } from "./view.ts";
import { isWhole, middleOf, neighbour, showing, whole, within, zoomed } from "./zoom.ts";

const NO_EXPOSURES = { expected: null, listed: 0, seen: 0 };

function square(squareId: number, more: Partial<ShownSquare> = {}): ShownSquare {
  return {
    squareId,
    state: "Defined",
    selected: false,
    unusable: null,
    lowMag: false,
    order: null,
    category: null,
    atlasXPx: 0,
    atlasYPx: 0,
    atlasWidthPx: 10,
    atlasHeightPx: 10,
    atlasRotationRad: 0,
    imageWidthPx: null,
    imageHeightPx: null,
    imagedAtMs: null,
    holes: 0,
    holesSelected: 0,
    holesFinished: 0,
    exposures: NO_EXPOSURES,
    note: null,
    ...more,
  };
}

function hole(holeId: number, more: Partial<ShownHole> = {}): ShownHole {
  return {
    squareId: 1,
    holeId,
    state: "Defined",
    selected: true,
    order: null,
    nearGridBar: false,
    xPx: 0,
    yPx: 0,
    diameterPx: 10,
    intensityMean: null,
    intensitySd: null,
    epuQuality: null,
    quality: null,
    exposures: NO_EXPOSURES,
    imagedAtMs: null,
    ...more,
  };
}

Deno.test("progress is told from what was seen of what is expected, and unusable squares stand apart", () => {
  const { of } = squareColouring("progress", {});
  const selected = (seen: number) =>
    of(square(1, { selected: true, exposures: { expected: 10, listed: 2, seen } })).words;
  assert.equal(of(square(1)).words, "not selected");
  assert.equal(selected(0), "selected, nothing yet");
  assert.equal(selected(4), "under half seen");
  assert.equal(selected(5), "half seen or more");
  assert.equal(selected(10), "all seen");
  assert.equal(of(square(1, { unusable: true, selected: true })).words, "unusable");
});

Deno.test("without an expected number, progress is measured against EPU's ledger", () => {
  assert.equal(shareSeen({ expected: null, listed: 4, seen: 1 }), 0.25);
  assert.equal(shareSeen({ expected: null, listed: 0, seen: 0 }), null);
  assert.equal(shareSeen({ expected: 2, listed: 0, seen: 3 }), 1);
  assert.equal(exposuresInWords(NO_EXPOSURES), "0 seen, 0 listed, expected number unknown");
});

Deno.test("a scale's steps hold the same number each, and a value outside takes the last", () => {
  const values = Array.from({ length: 100 }, (_, i) => i);
  const steps = stepsOf(values, (from, to) => `${from} to ${to}`);
  assert.deepEqual(steps.shades.map(({ key }) => key), [
    "step1",
    "step2",
    "step3",
    "step4",
    "step5",
  ]);
  const counts = new Map<string, number>();
  for (const value of values) {
    counts.set(steps.of(value).key, (counts.get(steps.of(value).key) ?? 0) + 1);
  }
  for (const count of counts.values()) assert.ok(Math.abs(count - 20) <= 1, String(count));
  assert.equal(steps.of(1000).key, "step5");
});

Deno.test("equal values make one step, and none at all is said in words", () => {
  const one = holeColouring("intensity", [
    hole(1, { intensityMean: 5 }),
    hole(2, { intensityMean: 5 }),
  ]);
  assert.equal(one.of(hole(3, { intensityMean: 5 })).words, "5 to 5");
  const none = holeColouring("quality", [hole(1)]);
  assert.deepEqual(tally(none, [hole(1)]), [{
    shade: { key: "off", words: "no quality" },
    count: 1,
  }]);
});

Deno.test("better resolution is lighter, and the legend's words name it in ångström", () => {
  const colouring = squareColouring("quality", { 1: 3, 2: 4, 3: 5, 4: 6, 5: 7, 6: 8 });
  assert.equal(colouring.of(square(1)).key, "step5");
  assert.equal(colouring.of(square(6)).key, "step1");
  assert.equal(colouring.of(square(1)).words, "4.00 to 3.00 Å");
  assert.equal(colouring.of(square(9)).words, "no CTF result");
});

Deno.test("a hole near a grid bar is so only until it was exposed", () => {
  const { of } = holeColouring("state", []);
  assert.equal(of(hole(1, { nearGridBar: true, selected: false })).words, "near a grid bar");
  assert.equal(of(hole(1, { nearGridBar: true, state: "Completed" })).words, "completed");
  assert.equal(
    of(hole(1, { exposures: { expected: 6, listed: 6, seen: 2 } })).words,
    "in progress",
  );
  const unsaid = hole(1, {
    state: null,
    selected: null,
    exposures: { expected: null, listed: 2, seen: 2 },
  });
  assert.equal(of(unsaid).words, "completed");
});

Deno.test("the path follows EPU's order through the holes it means to expose", () => {
  const holes = [
    hole(3, { order: 2 }),
    hole(1, { order: 0 }),
    hole(2, { order: -1 }),
    hole(4, { order: 1, selected: false }),
    hole(5, { order: 1, xPx: null }),
    hole(6, { order: 1 }),
  ];
  assert.deepEqual(orderPath(holes).map(({ holeId }) => holeId), [1, 6, 3]);
});

Deno.test("lists are filtered and sorted by what the address says, and what has no value comes last", () => {
  const squares = [
    square(1, { order: 2, selected: true }),
    square(2, { order: null, note: "Cracked" }),
    square(3, { order: 0, selected: true, exposures: { expected: 4, listed: 4, seen: 4 } }),
  ];
  const ids = (view: Partial<typeof START>) =>
    listedSquares(squares, { ...START, ...view }, {}).map(({ squareId }) => squareId);
  assert.deepEqual(ids({ sort: "order" }), [3, 1, 2]);
  assert.deepEqual(ids({ sort: "-order" }), [1, 3, 2]);
  assert.deepEqual(ids({ only: "unfinished" }), [1]);
  assert.deepEqual(ids({ find: "crack" }), [2]);
  assert.deepEqual(ids({ sort: "constructor", only: "no such word" }), [1, 2, 3]);
  const holes = [hole(12), hole(21, { nearGridBar: true })];
  assert.deepEqual(listedHoles(holes, { ...START, only: "bar" }).map(({ holeId }) => holeId), [21]);
  assert.deepEqual(sorted(["b", "a"], "self", { self: (one) => one }), ["a", "b"]);
});

Deno.test("micrographs are asked for newest first, and a hole's only with its square", () => {
  assert.deepEqual(micrographsQuery(START), { order: "newest" });
  assert.deepEqual(micrographsQuery({ ...START, hole: 3, only: "4", sort: "oldest" }), {
    order: "oldest",
    resolution_max: "4",
  });
  assert.deepEqual(micrographsQuery({ ...START, square: 2, hole: 3, only: "listed" }), {
    order: "newest",
    square: "2",
    hole: "3",
    seen: "false",
  });
});

Deno.test("the address holds the view, says only what differs, and forgives what it cannot read", () => {
  const view = { ...START, square: 7, hole: 8, path: true, list: "holes", sort: "-order" } as const;
  assert.equal(searchOf(view), "?square=7&hole=8&path=on&list=holes&sort=-order");
  assert.deepEqual(viewOf(new URLSearchParams(searchOf(view))), view);
  assert.equal(searchOf(START), "");
  assert.deepEqual(viewOf(new URLSearchParams("square=x&list=none&squaresBy=0&from=-1")), START);
});

Deno.test("another square forgets the hole, another list its own filters", () => {
  const view = { ...START, square: 1, hole: 2, list: "holes", only: "bar", sort: "order" } as const;
  assert.equal(changed(view, { square: 3 }).hole, null);
  assert.equal(changed(view, { square: 3, hole: 4 }).hole, 4);
  assert.equal(changed(view, { square: 1 }).hole, 2);
  assert.deepEqual(
    [changed(view, { list: "squares" }).only, changed(view, { list: "squares" }).sort],
    ["", ""],
  );
  assert.equal(changed(view, { sort: "hole" }).only, "bar");
});

Deno.test("what is under the pointer stays there while zooming, and the map's edge is never passed", () => {
  const map = { width: 400, height: 200 };
  const at = { x: 300, y: 50 };
  const box = zoomed(whole(map), map, 2, at);
  assert.deepEqual(box, { x: 150, y: 25, width: 200, height: 100 });
  assert.ok(isWhole(zoomed(box, map, 0.01, at), map));
  assert.deepEqual(within({ x: -50, y: 500, width: 200, height: 100 }, map), {
    x: 0,
    y: 100,
    width: 200,
    height: 100,
  });
  assert.deepEqual(middleOf(showing(box, map, { x: 120, y: 150 })), { x: 120, y: 150 });
  assert.equal(showing(box, map, { x: 250, y: 75 }), box);
});

Deno.test("arrows go to the nearest place in their direction", () => {
  const places = [
    { id: 1, x: 0, y: 0 },
    { id: 2, x: 10, y: 1 },
    { id: 3, x: 12, y: 9 },
    { id: 4, x: 1, y: 10 },
  ];
  assert.equal(neighbour(places, 1, "ArrowRight"), 2);
  assert.equal(neighbour(places, 1, "ArrowDown"), 4);
  assert.equal(neighbour(places, 3, "ArrowUp"), 2);
  assert.equal(neighbour(places, 1, "ArrowLeft"), null);
  assert.equal(neighbour(places, 9, "ArrowLeft"), null);
  assert.equal(neighbour(places, 1, "Enter"), null);
});

Deno.test("without a choice the square is shown where EPU is", () => {
  const seen = { expected: 4, listed: 4, seen: 4 };
  const done = square(1, { holes: 5, exposures: seen, imagedAtMs: 10, state: "Completed" });
  const now = square(2, { holes: 5, imagedAtMs: 20, state: "InProgress" });
  assert.equal(currentSquare([done, now, square(3)]), 2);
  assert.equal(currentSquare([done, square(3, { holes: 9 })]), 1);
  assert.equal(currentSquare([square(3)]), null);
});
