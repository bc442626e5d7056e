import assert from "node:assert/strict";
import { lastRow } from "./last_row.ts";

/** A file of that text, which counts the bytes read of it. */
function file(text: string) {
  const all = new TextEncoder().encode(text);
  return {
    bytes: all.length,
    taken: 0,
    read(position: number, count: number) {
      const piece = all.slice(position, position + count);
      this.taken += piece.length;
      return piece;
    },
  };
}

Deno.test("the last whole row counts: no header, no row, a row being written, a torn one", () => {
  const cases: [string, Record<string, unknown> | null][] = [
    ["", null],
    ["a,b", null],
    ["a,b\n", null],
    ["a,b\n\n", null],
    ["a,b\n1,2", null],
    ["a,b\n1,2\n", { a: 1, b: 2 }],
    ["a,b\r\n1,2\r\n3,", { a: 1, b: 2 }],
    ["a,b\n1,2\n3\n", { a: 1, b: 2 }],
    ["a,b\n1,2\n\n\n", { a: 1, b: 2 }],
    ["\ufeffa,b\nnan,None\n", { a: null, b: null }],
    ['a,b\n"[1, None]",inf\n', { a: [1, null], b: null }],
    ["a,b\n[1, 2],x\n", { a: [1, 2], b: "x" }],
  ];
  for (const [text, row] of cases) assert.deepEqual(lastRow(file(text)), row, JSON.stringify(text));
});

Deno.test("a long file costs no more than its end, and a long last line is still found", () => {
  const long = file("a,b\n" + "1,2\n".repeat(1_000_000) + "3,4\n");
  assert.deepEqual(lastRow(long), { a: 3, b: 4 });
  assert.ok(long.taken < 100_000, `${long.taken} bytes were read`);
  const wide = file(`a,b\n1,2\n3,"${"x".repeat(50_000)}"\n`);
  assert.equal(lastRow(wide)?.a, 3);
  const endless = file("a,b\n1,2\n" + "y".repeat(3_000_000));
  assert.equal(lastRow(endless), null, "nothing is made up where no row is near the end");
});
