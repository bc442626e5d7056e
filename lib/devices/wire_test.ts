import assert from "node:assert/strict";
import fc from "fast-check";
import { LineSplitter } from "./wire.ts";

const encoder = new TextEncoder();

function split(chunks: Iterable<Uint8Array>, bytesMax?: number): string[] {
  const splitter = new LineSplitter(bytesMax);
  const lines: string[] = [];
  for (const chunk of chunks) {
    for (const line of splitter.push(chunk)) {
      lines.push(line.kind === "line" ? line.text : "TOO LONG");
    }
  }
  return lines;
}

Deno.test("however the bytes arrive, the lines are the same", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\n", " "))),
      fc.array(fc.nat(20)),
      (lines, cuts) => {
        const bytes = encoder.encode(lines.map((line) => line + "\n").join(""));
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const cut of cuts) chunks.push(bytes.subarray(at, at += cut));
        chunks.push(bytes.subarray(at));
        assert.deepEqual(split(chunks), lines);
      },
    ),
  );
});

Deno.test("bytes without a newline are never a line", () => {
  assert.deepEqual(split([encoder.encode("one\ntwo")]), ["one"]);
});

Deno.test("a line over the limit is reported once, skipped to its end, and never held", () => {
  const chunks = ["ok\n", "x".repeat(8), "y".repeat(8), "z".repeat(100), "\nnext\n"];
  assert.deepEqual(split(chunks.map((chunk) => encoder.encode(chunk)), 10), [
    "ok",
    "TOO LONG",
    "next",
  ]);
  assert.deepEqual(split([encoder.encode("0123456789\n")], 10), ["0123456789"]);
  assert.deepEqual(split([encoder.encode("0123456789a\nb\n")], 10), ["TOO LONG", "b"]);
});
