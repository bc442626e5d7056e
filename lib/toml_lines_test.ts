import assert from "node:assert/strict";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { tomlLines } from "./toml_lines.ts";

Deno.test("keys, headers and arrays of tables are found on their line", () => {
  const text = `# a = 1
title = "x = [ # no"
list = [
  1, # ] no end
  "]",
]
after.dotted."key two" = 3
text = """
inside = 1
""\\""" # escaped
"""
raw = '''
[not.a.table]
'''
[one.two]
three = { four = 4 }
[[rows]]
id = 1
[[rows]]
id = 2
[rows.sub]
deep = true
[[rows.inner]]
x = 1
`;
  parse(text);
  const lines = tomlLines(text);
  const expected = {
    title: 2,
    list: 3,
    after: 7,
    "after.dotted": 7,
    "after.dotted.key two": 7,
    text: 8,
    raw: 12,
    "one.two": 15,
    "one.two.three": 16,
    rows: 17,
    "rows.0": 17,
    "rows.0.id": 18,
    "rows.1": 19,
    "rows.1.id": 20,
    "rows.1.sub": 21,
    "rows.1.sub.deep": 22,
    "rows.1.inner": 23,
    "rows.1.inner.0": 23,
    "rows.1.inner.0.x": 24,
  };
  assert.deepEqual(Object.fromEntries(lines), expected);
});

Deno.test("every top-level key of any valid text has a line that starts with it", () => {
  const value = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.array(fc.string()));
  fc.assert(fc.property(
    fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), value, { minKeys: 1 }),
    (table) => {
      const text = stringify(table);
      const lines = tomlLines(text);
      const rows = text.split("\n");
      for (const key of Object.keys(table)) {
        const line = lines.get(key);
        assert(line !== undefined && rows[line - 1]!.startsWith(`${key} =`), `${key} in ${text}`);
      }
    },
  ));
});

Deno.test("text that is not TOML ends, whatever it says", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme-ascii", maxLength: 200 }), (text) => {
    tomlLines(text);
  }));
  for (const text of ["[", "[[", "=", '"', "a", "]\n]", '"a', "a = [", "'''"]) tomlLines(text);
});
