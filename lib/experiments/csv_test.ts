import assert from "node:assert/strict";
import fc from "fast-check";
import { parseCell, parseStamp, RowScanner, splitRow } from "./csv.ts";

function cellsOf(line: string) {
  return splitRow(line).map(parseCell);
}

function rowsOf(text: string, pieceBytes = 7): string[] {
  const bytes = new TextEncoder().encode(text);
  const scanner = new RowScanner();
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    scanner.feed(bytes.subarray(at, at + pieceBytes), (from, to) => {
      rows.push(new TextDecoder().decode(bytes.subarray(from, to)).replace(/\r$/, ""));
    });
  }
  return rows;
}

Deno.test("a quoted Python list with None in it is one cell", () => {
  assert.deepEqual(
    cellsOf('2026-01-25T20:35:11.103915,633.0,,"[0.12, None, 0.18]",[],0.0,0.0,forward,0,0,0'),
    [
      "2026-01-25T20:35:11.103915",
      633,
      null,
      [0.12, null, 0.18],
      [],
      0,
      0,
      "forward",
      0,
      0,
      0,
    ],
  );
});

Deno.test("the guide's unquoted list is one cell too", () => {
  assert.deepEqual(
    cellsOf("2026-01-25T20:35:11.103915,633.0,25.4,[0.12,0.15,0.18],[],0.0,0.0,forward"),
    ["2026-01-25T20:35:11.103915", 633, 25.4, [0.12, 0.15, 0.18], [], 0, 0, "forward"],
  );
});

Deno.test("our own lists are JSON with null, and quotes inside quotes are kept", () => {
  assert.deepEqual(cellsOf('2026-01-25T20:35:11.103Z,"[0.12,null]","a ""b"", c",true'), [
    "2026-01-25T20:35:11.103Z",
    [0.12, null],
    'a "b", c',
    true,
  ]);
});

Deno.test("what is missing, not a number or infinite is never a number", () => {
  for (const text of ["", "None", "nan", "NaN", "null", "inf", "-inf", "1e999"]) {
    assert.equal(parseCell(text), null, text);
  }
  assert.deepEqual(parseCell("[nan, 1e999, '3']"), [null, null, 3]);
  assert.equal(parseCell("[a, b]"), "[a, b]");
});

Deno.test("rows of the library and of the older node are numbers by their columns", () => {
  assert.deepEqual(cellsOf("2026-01-25 20:35:11,12.5,0.123,31.0,nan,1"), [
    "2026-01-25 20:35:11",
    12.5,
    0.123,
    31,
    null,
    1,
  ]);
  assert.deepEqual(cellsOf("0.5,0.1,0.2,,25.0,-0.25"), [0.5, 0.1, 0.2, null, 25, -0.25]);
});

Deno.test("stamps are read with and without fraction, zone and T", () => {
  const atMs = Date.UTC(2026, 0, 25, 20, 35, 11);
  assert.deepEqual(parseStamp("2026-01-25T20:35:11.103915"), { atMs: atMs + 103, zoned: false });
  assert.deepEqual(parseStamp("2026-01-25T20:35:11"), { atMs, zoned: false });
  assert.deepEqual(parseStamp("2026-01-25 20:35:11"), { atMs, zoned: false });
  assert.deepEqual(parseStamp("2026-01-25T20:35:11.103Z"), { atMs: atMs + 103, zoned: true });
  assert.deepEqual(parseStamp("2026-01-25T22:35:11+0200"), { atMs, zoned: true });
  assert.equal(parseStamp("yesterday"), null);
  assert.equal(parseStamp("2026-13-45T20:35:11"), null);
});

Deno.test("rows end with CRLF or LF, line ends inside quotes belong to the cell, blank lines are none", () => {
  assert.deepEqual(rowsOf("a,b\r\n1,2\r\n\r\n3,4\r\n"), ["a,b", "1,2", "3,4"]);
  assert.deepEqual(rowsOf('a,b\n1,"x\ny"\n3,4\n'), ["a,b", '1,"x\ny"', "3,4"]);
  assert.deepEqual(rowsOf("a\n5\n"), ["a", "5"]);
});

Deno.test("a last line without its end is not accepted", () => {
  assert.deepEqual(rowsOf("a,b\n1,2\n3,"), ["a,b", "1,2"]);
  assert.deepEqual(rowsOf('a,b\n1,2\n3,"4\n'), ["a,b", "1,2"]);
});

Deno.test("what a CSV writer wrote comes back cell by cell, in whatever pieces it is read", () => {
  const cell = fc.string({ unit: fc.constantFrom("a", ",", '"', "\n", " ", "1", "é") });
  fc.assert(
    fc.property(
      fc.array(fc.array(cell, { minLength: 2, maxLength: 5 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 9 }),
      (table, piece) => {
        const text = table.map((row) =>
          row.map((one) => `"${one.replaceAll('"', '""')}"`).join(",") + "\n"
        ).join("");
        assert.deepEqual(rowsOf(text, piece).map(splitRow), table);
      },
    ),
  );
});
