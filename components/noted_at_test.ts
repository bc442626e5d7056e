import assert from "node:assert/strict";
import { momentOf, sinceZero, withAnnotation } from "./noted_at.ts";

Deno.test("a moment is typed in minutes after the start, and nothing typed is now", () => {
  assert.equal(momentOf("1,5", 1000), 91_000);
  assert.equal(momentOf(" 0 ", 1000), 1000);
  assert.equal(momentOf("", 1000), undefined);
  assert.equal(momentOf("5", null), undefined);
  assert.equal(momentOf("soon", 1000), null);
});

Deno.test("a moment is told as the chart's axis counts it", () => {
  assert.equal(sinceZero(90_000), "1.5 min");
  assert.equal(sinceZero(-120_000), "−2.0 min");
  assert.equal(sinceZero(3 * 3_600_000 + 240_000), "3 h 4 m");
  assert.equal(sinceZero(3 * 86_400_000), "3 d 0 h");
});

Deno.test("a note that is heard and answered stands once, in the order of the moments", () => {
  const note = (id: string, atMs: number) => ({ id, atMs, text: id, actor: "x", createdAtMs: 9 });
  const one = withAnnotation([note("b", 20)], note("a", 10));
  assert.deepEqual(one.map(({ id }) => id), ["a", "b"]);
  assert.deepEqual(withAnnotation(one, note("a", 10)).map(({ id }) => id), ["a", "b"]);
});
