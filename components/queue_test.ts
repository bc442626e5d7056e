import assert from "node:assert/strict";
import { startText, takesText } from "./experiments.ts";
import { fetchBoard, placeAt, placeForKey, waitingShown } from "./queue.ts";

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

Deno.test("an address asks for whole pages of the queue, and never for all of thousands", () => {
  const asked = ["400", "201", "0", "-3", null, "many", "1e9", "Infinity", "NaN"];
  assert.deepEqual(asked.map(waitingShown), [400, 400, 200, 200, 200, 200, 2000, 200, 200]);
});

Deno.test("a board that shows more than one page is of one version of the queue", async () => {
  const all = Array.from({ length: 450 }, (_, at) => ({ id: `e${at}` }));
  const real = globalThis.fetch;
  let changesAt = Infinity;
  globalThis.fetch = (input) => {
    const { pathname, searchParams } = new URL(String(input), "http://here");
    if (pathname !== "/api/v1/queue") {
      return Promise.resolve(Response.json({ experiments: [], next: null }));
    }
    const from = Number(searchParams.get("cursor") ?? 0);
    const waiting = all.slice(from, from + 200);
    return Promise.resolve(Response.json({
      version: from >= changesAt ? 8 : 7,
      waiting,
      waitingCount: all.length,
      next: from + 200 < all.length ? String(from + 200) : null,
      estimates: Object.fromEntries(waiting.map(({ id }) => [id, {}])),
    }));
  };
  try {
    const shows = async (shown?: number) => {
      const board = (await fetchBoard({ limit: 5 }, shown))!;
      assert.equal(Object.keys(board.estimates).length, board.waiting.length);
      assert.deepEqual(
        board.waiting.map(({ id }) => id),
        all.slice(0, board.waiting.length).map(({ id }) => id),
      );
      return [board.version, board.waiting.length];
    };
    assert.deepEqual(await shows(), [7, 200]);
    assert.deepEqual(await shows(400), [7, 400]);
    assert.deepEqual(await shows(2000), [7, 450]);
    changesAt = 400;
    assert.deepEqual(await shows(2000), [7, 400]);
  } finally {
    globalThis.fetch = real;
  }
});
