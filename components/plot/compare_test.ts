import assert from "node:assert/strict";
import { comparedLines, comparedNumbers, type ComparedRun, sharedColumns } from "./compare.ts";

function run(number: number, unit: string, values: (number | null)[] | null): ComparedRun {
  return {
    id: `id-${number}`,
    number,
    title: `Growth ${number}`,
    state: "completed",
    live: false,
    numbers: values === null ? null : {
      columns: [{ name: "temperature", unit, values }],
      elapsedMs: values.map((_, index) => index * 1000),
      startedAtMs: null,
      rows: values.length,
    },
  };
}

Deno.test("an address names runs once each, six at most, and nothing else", () => {
  const of = (text: string) => comparedNumbers(new URLSearchParams(text));
  assert.deepEqual(of("ids=3,1&ids=3&ids=2"), [3, 1, 2]);
  assert.deepEqual(of("ids=1,2,3,4,5,6,7,8"), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(of("ids=-1,0,x,1e3,%3Cb%3E,99999999999"), []);
  assert.deepEqual(of(""), []);
});

Deno.test("columns that all runs have come first, in the order of the files", () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => ({ name, unit: "V" }));
  assert.deepEqual(
    sharedColumns([[a!, b!, c!], [c!, b!]]).map(({ name, runs }) => [name, runs]),
    [["b", 2], ["c", 2], ["a", 1]],
  );
});

Deno.test("runs are drawn in one panel, each from its own start, in a colour that stays its own", () => {
  const runs = [run(7, "°C", [20, 21]), run(8, "°C", null), run(9, "", [30, null, 32])];
  const lines = comparedLines(runs, "temperature");
  assert.deepEqual(
    lines.map(({ channel: { label, unit, colour } }) => [label, unit, colour]),
    [["7 Growth 7", "°C", 1], ["9 Growth 9", "°C", 3]],
  );
  assert.deepEqual(lines[0]!.trace.line, [{ x: 0, y: 20 }, { x: 1000, y: 21 }]);
  assert.equal(lines[1]!.trace.line.at(-1)!.x, 2000);
  assert.deepEqual(comparedLines(runs, "pressure"), []);
});
