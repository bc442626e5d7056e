import assert from "node:assert/strict";
import { Bioreactor, BioreactorClient } from "../../clients/typescript/mod.ts";
import * as library from "../../clients/typescript/mod.ts";
import { COLUMNS } from "../../clients/typescript/columns.ts";

const folder = new URL("../../clients/python/", import.meta.url);

async function python(args: string[], cwd: URL): Promise<Deno.CommandOutput | null> {
  try {
    return await new Deno.Command("python3", {
      args,
      cwd,
      env: { PYTHONDONTWRITEBYTECODE: "1", PYTHONPATH: folder.pathname },
    }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

const VERSION = ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"];
const ignore = !((await python(VERSION, folder))?.success ?? false);
const why = ignore ? " (skipped: no python3 of version 3.9 or later)" : "";

for (
  const [module, what] of [
    ["test_client", "the Python library speaks to the instrument"],
    ["test_csv", "the Python library writes its CSV files"],
    ["test_jobs", "the Python library runs jobs"],
    ["test_laboratory", "the laboratory library's names"],
    ["test_launcher", "the launcher of Python scripts"],
  ] as const
) {
  Deno.test({
    name: `${what}${why}`,
    ignore,
    async fn() {
      const tests = new URL("tests/", folder);
      const output = await python(["-m", "unittest", module], tests);
      const text = new TextDecoder().decode(output?.stderr);
      assert.ok(output?.success, text);
      assert.match(text, /Ran [1-9]\d* tests/, "it ran tests at all");
    },
  });
}

/** What the Python library offers, and what its methods take. */
const VOCABULARY = `
import inspect, json
import bioreactor_client as bc
from bioreactor_client.columns import COLUMNS
def members(kind):
    return sorted(n for n, m in inspect.getmembers(kind) if not n.startswith("_") and callable(m))
print(json.dumps({
    "exports": bc.__all__,
    "Bioreactor": members(bc.Bioreactor),
    "BioreactorClient": members(bc.BioreactorClient),
    "columns": [[name, *column] for name, column in COLUMNS.items()],
}))
`;

Deno.test({
  name: `the Python and the TypeScript library have one vocabulary${why}`,
  ignore,
  async fn() {
    const output = await python(["-c", VOCABULARY], folder);
    assert.ok(output?.success, new TextDecoder().decode(output?.stderr));
    const words = JSON.parse(new TextDecoder().decode(output.stdout));
    // Python's constructor waits for the instrument; a constructor of TypeScript cannot.
    const own = { Bioreactor: ["connect"], BioreactorClient: [] as string[] };
    for (const [name, kind] of Object.entries({ Bioreactor, BioreactorClient })) {
      const methods = Object.getOwnPropertyNames(kind.prototype)
        .filter((one) => one !== "constructor" && one !== "apiUrl");
      const expected = words[name].map(camel);
      assert.deepEqual(methods.sort(), expected.sort(), name);
      for (const one of own[name as keyof typeof own]) assert.ok(one in kind);
    }
    const exports = new Set(Object.keys(library));
    const pythonOnly = new Set([
      "Config", // an object literal does
      "Reading", // a type here, and types leave nothing behind
      "time_scale", // only Python scripts are rehearsed in scaled time
    ]);
    for (const name of words.exports) {
      if (!pythonOnly.has(name)) assert.ok(exports.has(camel(name)), `no ${camel(name)}`);
    }
    const columns = Object.entries(COLUMNS)
      .map(([name, { type, unit, description }]) => [name, type, unit, description]);
    assert.deepEqual(columns, words.columns);
  },
});

/** Python in a page: it compiles, and what it imports from the library is there. */
const PAGE = `
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
blocks = re.findall(r"\`\`\`python\\n(.*?)\`\`\`", text, re.S)
for block in blocks:
    compile(block, sys.argv[1], "exec")
    for line in re.findall(r"^from bioreactor_client import .*$", block, re.M):
        exec(line)
print(len(blocks))
`;

Deno.test({
  name: `every Python example in the documentation is valid${why}`,
  ignore,
  async fn() {
    for (const page of ["docs/guides/writing-scripts.md", "clients/python/README.md"]) {
      const path = new URL(`../../${page}`, import.meta.url).pathname;
      const output = await python(["-c", PAGE, path], folder);
      assert.ok(output?.success, new TextDecoder().decode(output?.stderr));
      assert.ok(Number(new TextDecoder().decode(output.stdout)) > 0, page);
    }
  },
});

function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
