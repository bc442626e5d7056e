import assert from "node:assert/strict";
import { startText, takesText } from "./experiments.ts";
import { placeAt, placeForKey } from "./queue.ts";

Deno.test("the keys of a handle move one place or to an end, and never out of the queue", () => {
  assert.equal(placeForKey("ArrowUp", 3, 7), 2);
  assert.equal(placeForKey("ArrowUp", 1, 7), 1);
  assert.equal(placeForKey("ArrowDown", 3, 7), 4);
  assert.equal(placeForKey("ArrowDown", 7, 7), 7);
  assert.equal(placeForKey("Home", 5, 7), 1);
  assert.equal(placeForKey("End", 5, 7), 7);
  assert.equal(placeForKey("Enter", 5, 7), null);
});

Deno.test("a dropped row takes the place between the middles it was dropped between", () => {
  assert.equal(placeAt(0, [10, 20, 30]), 1);
  assert.equal(placeAt(15, [10, 20, 30]), 2);
  assert.equal(placeAt(99, [10, 20, 30]), 4);
  assert.equal(placeAt(5, []), 1);
});

Deno.test("an estimate is said with its ground, and what is not known is unknown", () => {
  const known = { durationMs: 3_600_000, basis: "declared", waitMs: 1_200_000 } as const;
  assert.equal(startText("queued", known), "in about 20 min");
  assert.equal(startText("queued", { ...known, waitMs: 0 }), "next");
  assert.equal(startText("paused", known), "not while paused");
  assert.equal(startText("queued", { ...known, waitMs: null }), "unknown");
  assert.equal(startText("queued", undefined), "unknown");
  assert.equal(takesText(known), "takes at most 1 h 0 m");
  assert.equal(takesText({ ...known, basis: "measured" }), "took 1 h 0 m before");
  assert.equal(takesText({ durationMs: null, basis: null, waitMs: 5 }), "duration unknown");
});
