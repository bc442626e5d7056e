import assert from "node:assert/strict";
import { join } from "node:path";
import { generateFiles, writeFiles } from "../epu/tools/mod.ts";
import { type CliHost, EXIT, runCli } from "./mod.ts";

const PLAN = { micrographs: 12, squares: 3, holesPerSquare: 6, areas: 2 } as const;

function testHost() {
  const out: string[] = [];
  const err: string[] = [];
  const host: CliHost = {
    version: "1.2.3",
    env: {},
    cwd: import.meta.dirname!,
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    readSecret: () => Promise.resolve(""),
    serve: () => Promise.resolve(0),
    agent: () => Promise.resolve(0),
  };
  const run = (...args: string[]) => runCli(args, host);
  return { out, run, text: () => [...out, ...err].join("\n") };
}

/** Takes whatever is created or replaced, and counts it. */
function backend() {
  const created = new Map<string, Record<string, unknown>>();
  const twice: string[] = [];
  let asked = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    asked++;
    const { pathname } = new URL(request.url);
    if (request.method === "GET") {
      const row = created.get(pathname.split("/").at(-1)!);
      return row === undefined ? new Response("{}", { status: 404 }) : Response.json(row);
    }
    const text = await request.text();
    if (text === "" || request.method === "PUT") return Response.json(true);
    const body = JSON.parse(text);
    for (const one of Array.isArray(body) ? body : [body]) {
      if (one.uuid === undefined) continue;
      if (created.has(one.uuid)) twice.push(`${pathname} ${one.uuid}`);
      created.set(one.uuid, one);
    }
    return Response.json({}, { status: 201 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    created,
    twice,
    asked: () => asked,
    close: () => server.shutdown(),
  };
}

Deno.test("a folder is watched alone, sent to a backend elsewhere, and gone on with where it ended", async () => {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-epu-watch-" });
  const remote = backend();
  try {
    const visit = join(dir, "visit");
    const files = [...generateFiles(PLAN)];
    files.sort((a, b) => Number(b.path.endsWith(".dm")) - Number(a.path.endsWith(".dm")));
    writeFiles(visit, files.slice(0, -4));
    const watch = [
      "epu",
      "watch",
      visit,
      "--once",
      "--api-url",
      remote.url,
      "--buffer",
      join(dir, "buffer"),
    ];
    const first = testHost();
    assert.equal(await first.run(...watch), EXIT.ok, first.text());
    const seen = () => [...remote.created.values()].filter((row) => "manifest_file" in row).length;
    const before = seen();
    assert(before >= 8 && before < 12, `${before} micrographs`);

    writeFiles(visit, files.slice(-4));
    assert.equal(await testHost().run(...watch), EXIT.ok);
    assert.equal(seen(), 12);
    assert.deepEqual(remote.twice, []);

    const asked = remote.asked();
    const third = testHost();
    assert.equal(await third.run(...watch), EXIT.ok);
    assert.equal(remote.asked(), asked, "nothing new, nothing said");
    assert.match(third.out.join("\n"), /12 micrographs of 12 that EPU lists/);
  } finally {
    await remote.close();
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a dry run keeps and sends nothing, and its dump does not depend on how it went", async () => {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-epu-dry-" });
  try {
    const visit = join(dir, "visit");
    writeFiles(visit, generateFiles(PLAN));
    const dumps: string[] = [];
    for (const name of ["a", "b"]) {
      const t = testHost();
      const dump = join(dir, name);
      const code = await t.run(
        "epu",
        "watch",
        visit,
        "--dry-run",
        "--once",
        "--dump",
        dump,
        "--json",
      );
      assert.equal(code, EXIT.ok, t.text());
      const summary = JSON.parse(t.out.at(-1)!);
      assert.equal(summary.acquisitions[0].seen, 12);
      dumps.push(await Deno.readTextFile(dump));
    }
    assert.equal(dumps[0], dumps[1]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a folder that is not there and options that make no sense are told", async () => {
  const t = testHost();
  assert.equal(await t.run("epu", "watch", "nowhere"), EXIT.unreadable);
  assert.equal(await t.run("epu", "watch", ".", "--drive", "D:"), EXIT.usage);
  assert.equal(await t.run("epu", "watch", ".", "--api-url", "ftp://x"), EXIT.usage);
  assert.equal(await t.run("epu", "watch", ".", "--agent-id", "a", "--dry-run"), EXIT.usage);
});
