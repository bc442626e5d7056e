import assert from "node:assert/strict";
import fc from "fast-check";
import { Ring } from "./ring.ts";

const message = (id: number, size: number, atMs = 0) => ({ id, atMs, bytes: new Uint8Array(size) });

Deno.test("a ring keeps what fits, and says from where it can tell everything", () => {
  const ring = new Ring(30, 1000);
  assert.equal(ring.covers(0), false, "an empty one knows nothing");
  for (let id = 11; id <= 15; id++) ring.add(message(id, 10));
  assert.deepEqual(ring.after(0, 10).map(({ id }) => id), [13, 14, 15]);
  assert.deepEqual(ring.after(13, 1).map(({ id }) => id), [14]);
  assert.deepEqual([11, 12, 13, 15, 16].map((id) => ring.covers(id)), [
    false,
    true,
    true,
    true,
    false,
  ]);
});

Deno.test("what is too old leaves the ring, and one message larger than it leaves nothing", () => {
  const ring = new Ring(30, 1000);
  ring.add(message(1, 10, 0));
  ring.add(message(2, 10, 1000));
  ring.add(message(3, 10, 1001));
  assert.deepEqual(ring.after(0, 10).map(({ id }) => id), [2, 3]);
  ring.add(message(4, 31, 1002));
  assert.deepEqual(ring.after(0, 10), []);
  assert.equal(ring.covers(4), false);
});

Deno.test("a ring is the tail of what was added, whatever the sizes", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5000 }), (sizes) => {
      const ring = new Ring(100, 1000);
      for (const [i, size] of sizes.entries()) ring.add(message(i + 1, size));
      let sum = 0;
      let first = sizes.length;
      while (first > 0 && sum + sizes[first - 1]! <= 100) sum += sizes[--first]!;
      const kept = ring.after(0, 10_000).map(({ id }) => id);
      assert.deepEqual(kept, sizes.map((_, i) => i + 1).slice(first));
    }),
    { numRuns: 30, seed: 7 },
  );
});
