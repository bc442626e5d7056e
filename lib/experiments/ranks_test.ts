import assert from "node:assert/strict";
import fc from "fast-check";
import { RANK_START, rankBetween, rankOf, Ranks } from "./ranks.ts";

Deno.test("between any two ranks there is another, however often one is put between", () => {
  fc.assert(fc.property(
    fc.array(fc.boolean(), { maxLength: 200 }),
    (sides) => {
      let [low, high] = [rankOf(RANK_START), rankOf(RANK_START + 1)];
      for (const left of sides) {
        const middle = rankBetween(low, high);
        assert.ok(low < middle && middle < high, `${low} < ${middle} < ${high}`);
        if (left) high = middle;
        else low = middle;
      }
      // Each halving costs a third of a digit: the store's limit on keys is far.
      assert.ok(low.length <= 12 + sides.length);
    },
  ));
});

Deno.test("ranks that leave no room between them are refused, not searched for ever", () => {
  assert.throws(() => rankBetween("5", "5"), RangeError);
  assert.throws(() => rankBetween("6", "5"), RangeError);
  assert.throws(() => rankBetween("5", "50"), RangeError);
  assert.throws(() => rankOf(0), RangeError);
  assert.throws(() => rankOf(10 ** 12), RangeError);
});

Deno.test("positions are those of a plain list under any order of moves", () => {
  const ids = ["a", "b", "c", "d", "e"];
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.constantFrom(...ids), fc.integer({ min: -1, max: 7 })), { maxLength: 60 }),
    (moves) => {
      const ranks = new Ranks();
      let list: string[] = [];
      let next = RANK_START;
      for (const id of ids) {
        ranks.put(id, rankOf(next++));
        list.push(id);
      }
      let head = RANK_START;
      for (const [id, position] of moves) {
        const { low, high } = ranks.around(id, position);
        ranks.put(
          id,
          low === null ? rankOf(--head) : high === null ? rankOf(next++) : rankBetween(low, high),
        );
        list = list.filter((one) => one !== id);
        list.splice(Math.max(0, Math.min(list.length, position - 1)), 0, id);
        assert.deepEqual([...ranks], list);
        list.forEach((one, index) => assert.equal(ranks.position(one), index + 1));
      }
      ranks.put("c", null);
      assert.equal(ranks.position("c"), null);
      assert.equal(ranks.size, 4);
    },
  ));
});

Deno.test("pages of any size give the whole queue once, also when the cursor's entry has left", () => {
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 40 }),
    fc.integer({ min: 1, max: 45 }),
    fc.boolean(),
    (count, limit, leaves) => {
      const ranks = new Ranks();
      const ids = Array.from({ length: count }, (_, i) => `e${i}`);
      ids.forEach((id, i) => ranks.put(id, rankOf(RANK_START + i)));
      const seen: string[] = [];
      for (let cursor: string | null = null;;) {
        const page = ranks.page(cursor, limit);
        assert.ok(page.ids.length <= limit);
        seen.push(...page.ids);
        if (page.next === null) break;
        if (leaves) ranks.put(page.ids.at(-1)!, null);
        cursor = page.next;
      }
      assert.deepEqual(seen, ids);
    },
  ));
});
