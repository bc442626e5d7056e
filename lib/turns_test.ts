import assert from "node:assert/strict";
import { Turns } from "./turns.ts";

Deno.test("work is done one after another, in order, and a failure is its asker's alone", async () => {
  const turns = new Turns();
  const order: string[] = [];
  const work = (name: string, fails = false) =>
    turns.take(async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
      if (fails) throw new RangeError(name);
      return name;
    });
  const results = await Promise.allSettled([work("a"), work("b", true), work("c")]);
  assert.deepEqual(order, ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.equal(await work("d"), "d");
});
