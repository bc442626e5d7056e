import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CliHost, EXIT, runCli } from "../../lib/cli/mod.ts";
import { visitListing } from "./visit_listing.ts";

/** A new folder, and the command line in it. */
function bench(over: Partial<CliHost> = {}) {
  const cwd = mkdtempSync(join(tmpdir(), "holdfast-epu-tools-"));
  const out: string[] = [];
  const err: string[] = [];
  const nobody = () => Promise.reject(new RangeError("nobody is asked"));
  const host: CliHost = {
    version: "0.0.0",
    env: {},
    cwd,
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    readSecret: nobody,
    serve: nobody,
    agent: nobody,
    ...over,
  };
  return {
    cwd,
    out,
    err,
    async hf(...args: string[]) {
      out.length = 0;
      err.length = 0;
      return await runCli(["epu", ...args], host);
    },
    [Symbol.dispose]: () => rmSync(cwd, { recursive: true }),
  };
}

const SMALL = ["--micrographs", "12", "--squares", "3", "--holes", "16", "--areas", "2"];

Deno.test("a skeleton is built, invented or from a listing, and never over what is there", async () => {
  using t = bench();
  assert.equal(await t.hf("skeleton", "new", ...SMALL, "--seed", "5", "--json"), EXIT.ok);
  const made = JSON.parse(t.out.join());
  assert.equal(made.dir, join(t.cwd, "new"));
  assert(made.files > 20 && made.bytes > 100_000, t.out.join());
  assert.equal(await t.hf("skeleton", "new", ...SMALL), EXIT.failed);
  assert.match(t.err.join(), /is not empty/);
  writeFileSync(join(t.cwd, "visit.txt"), visitListing().split("\n").slice(0, 400).join("\n"));
  assert.equal(await t.hf("skeleton", "visit.txt", "listed", "--anonymous"), EXIT.ok);
  assert.match(t.err.join(), /^\d+ files/);
  assert.equal(await t.hf("skeleton", "nowhere.txt", "other"), EXIT.unreadable);
  writeFileSync(join(t.cwd, "bad.txt"), "../../etc/passwd\n");
  assert.equal(await t.hf("skeleton", "bad.txt", "other"), EXIT.unreadable);
  assert.equal(existsSync(join(t.cwd, "other")), false);
});

Deno.test("wrong options of a skeleton are told as such", async () => {
  using t = bench();
  const wrong: [string[], RegExp][] = [
    [["skeleton"], /needs DIR/],
    [["skeleton", "x", "--micrographs", "many"], /needs a number/],
    [["skeleton", "x", "--micrographs", "99999", "--squares", "1"], /the grid has 1/],
    [["skeleton", "x", "--start", "yesterday"], /needs a time/],
    [["skeleton", "x", "--anonymous"], /LISTING/],
    [["skeleton", "a.txt", "x", "--areas", "3"], /does not go with a LISTING/],
    [["skeleton", "x", "--previews", "loud"], /previews/],
  ];
  for (const [args, message] of wrong) {
    assert.equal(await t.hf(...args), EXIT.usage, args.join(" "));
    assert.match(t.err.join(), message);
  }
});

Deno.test("a session is simulated to its end, and goes on where it was", async () => {
  const controller = new AbortController();
  let lines = 0;
  using t = bench({
    interruption: controller.signal,
    out: () => ++lines === 10 && controller.abort(),
  });
  const args = ["simulate", "sim", ...SMALL, "--previews", "none", "--time-scale", "100000"];
  assert.equal(await t.hf(...args, "--json"), EXIT.ok);
  assert.match(t.err.join(), /Ended after 10 writes/);
  using again = bench();
  const dir = join(t.cwd, "sim");
  assert.equal(await again.hf("simulate", dir, "--seed", "9"), EXIT.unreadable);
  assert.match(again.err.join(), /seed 1, not 9/);
  assert.equal(await again.hf("simulate", dir, "--time-scale", "100000"), EXIT.ok);
  assert.match(again.err.join(), /The session is complete: 12 micrographs/);
  assert.equal(await again.hf("simulate", "workflow"), EXIT.usage);
  assert.equal(await again.hf("simulate", dir, "--time-scale", "fast"), EXIT.usage);
});

Deno.test("what changes in a folder is recorded as it happens, and replays", async () => {
  const controller = new AbortController();
  const seen = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  using t = bench({
    interruption: controller.signal,
    out: (line) => {
      if (line.includes('"first.xml"')) begun.resolve();
      if (line.includes('"later.xml"')) seen.resolve();
    },
  });
  mkdirSync(join(t.cwd, "watched"));
  writeFileSync(join(t.cwd, "watched/first.xml"), "<a/>");
  const recording = t.hf("record", "watched", "--out", "rec", "--json");
  await begun.promise;
  writeFileSync(join(t.cwd, "watched/later.xml"), "<b/>");
  await seen.promise;
  controller.abort();
  assert.equal(await recording, EXIT.ok);
  using r = bench();
  const rec = join(t.cwd, "rec");
  assert.equal(await r.hf("info", rec, "--json"), EXIT.ok);
  const info = JSON.parse(r.out.join("\n"));
  assert.equal(info.initial, 1);
  assert(info.kinds.write >= 2);
  assert.equal(await r.hf("replay", rec, "target", "--mode", "dev"), EXIT.ok);
  assert.match(r.out.join("\n"), /Verified/);
  assert.equal(readFileSync(join(r.cwd, "target/later.xml"), "utf8"), "<b/>");
});

Deno.test("a replay ends with 1 when the result is not what was recorded, with 3 when it is no recording", async () => {
  using t = bench();
  const original = (name: string) => join(import.meta.dirname!, "../data/epu_recordings", name);
  assert.equal(await t.hf("replay", original("true.tar.gz"), "a", "--mode", "dev"), EXIT.ok);
  assert.equal(await t.hf("replay", original("lossy.tar.gz"), "b", "--burst"), EXIT.failed);
  assert.match(t.out.join("\n"), /1 are not as they were recorded:\n {2}"EpuSession.dm"/);
  assert.equal(
    await t.hf("replay", original("lossy.tar.gz"), "c", "--burst", "--no-verify"),
    EXIT.ok,
  );
  assert.equal(await t.hf("replay", original("true.tar.gz"), "a"), EXIT.failed);
  assert.equal(await t.hf("replay", original("README.md"), "d"), EXIT.unreadable);
  assert.equal(await t.hf("info", "nothing"), EXIT.unreadable);
  const wrong = [
    ["--mode", "slow"],
    ["--mode", "fast", "--burst"],
    ["--speed", "0"],
    ["--from", "5"],
    ["--seed", "x"],
  ];
  for (const options of wrong) {
    assert.equal(await t.hf("replay", original("true.tar.gz"), "e", ...options), EXIT.usage);
  }
});

Deno.test("XML goes to stdout unless files are to be changed, and bad files do not stop the good", async () => {
  using t = bench();
  mkdirSync(join(t.cwd, "d"));
  writeFileSync(join(t.cwd, "d/good.dm"), "<a><b/></a>");
  writeFileSync(join(t.cwd, "d/bad.xml"), "<a><b>");
  writeFileSync(join(t.cwd, "d/other.txt"), "not XML");
  assert.equal(await t.hf("format-xml", "d/good.dm"), EXIT.ok);
  assert.equal(t.out.join("\n"), "<a>\n  <b/>\n</a>");
  assert.equal(await t.hf("format-xml", "d"), EXIT.usage);
  assert.equal(await t.hf("format-xml", "-r", "d"), EXIT.usage);
  assert.equal(await t.hf("format-xml", "-r", "--in-place", "-d", "d"), EXIT.unreadable);
  assert.match(t.out.join("\n"), /^would change.*good\.dm$/);
  assert.equal(readFileSync(join(t.cwd, "d/good.dm"), "utf8"), "<a><b/></a>");
  assert.equal(await t.hf("format-xml", "-r", "--in-place", "--json", "d"), EXIT.unreadable);
  const done = JSON.parse(t.out.join("\n")) as { isChanged: boolean; error: string | null }[];
  assert.deepEqual(done.map(({ isChanged, error }) => [isChanged, error !== null]), [
    [false, true],
    [true, false],
  ]);
  assert.equal(readFileSync(join(t.cwd, "d/good.dm"), "utf8"), "<a>\n  <b/>\n</a>\n");
  assert.equal(await t.hf("format-xml", "nowhere.dm"), EXIT.unreadable);
});

Deno.test("duplicates are listed from a folder by their manifests, and from a listing by their names", async () => {
  using t = bench();
  await t.hf("skeleton", "s", ...SMALL);
  assert.equal(await t.hf("duplicates", "s", "--json"), EXIT.ok);
  const found = JSON.parse(t.out.join("\n"));
  const groups = Object.values(found.duplicates) as { in_force: boolean }[][];
  assert.equal(groups.length, found.summary.total_groups);
  assert(groups.length > 0);
  for (const group of groups) {
    assert.deepEqual(group.map((one) => one.in_force), group.map((_, i) => i === group.length - 1));
  }
  writeFileSync(join(t.cwd, "visit.txt"), visitListing());
  assert.equal(await t.hf("duplicates", "visit.txt", "--summary"), EXIT.ok);
  assert.match(t.out.join(), /^47 holes with 100 images/);
  assert.equal(await t.hf("duplicates", "nowhere"), EXIT.unreadable);
});

Deno.test("smoke ends with 0 when the interface is well, with 1 otherwise", async () => {
  using t = bench();
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => Response.json({ status: "ok" }),
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  assert.equal(await t.hf("smoke", url), EXIT.ok);
  assert.match(t.out.join("\n"), /\/health +ok +200/);
  await server.shutdown();
  assert.equal(await t.hf("smoke", url, "--json"), EXIT.failed);
  assert.equal(await t.hf("smoke", "not an address"), EXIT.usage);
  assert.equal(await t.hf("smoke", url, "-t", "soon"), EXIT.usage);
});
