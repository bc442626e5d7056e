import assert from "node:assert/strict";
import { ManualClock } from "./clock.ts";
import { Kv } from "./kv.ts";
import { accept } from "./result.ts";

Deno.test("twenty callers adding to one counter lose no addition", async () => {
  const kv = await Kv.open(":memory:", new ManualClock());
  await Promise.all(
    Array.from({ length: 20 }, () =>
      kv.transact([["n"]], ([seen]) => {
        const value = Number(seen!.value ?? 0) + 1;
        return accept({
          value,
          set: [[["n"], value]],
          events: [{ type: "n.added", subject: "n", actor: "system", text: `${value}` }],
        });
      })),
  );
  assert.equal(await kv.get(["n"]), 20);
  assert.equal(kv.seq, 20);
  kv.close();
});
