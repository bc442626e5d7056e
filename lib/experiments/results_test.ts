import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { archiveOf } from "./archive.ts";
import { Folders, isInnerPath } from "./folders.ts";
import type { Experiment } from "./model.ts";
import { fileReply } from "./replies.ts";

const ID = "01J0000000000000000000000A";
const OTHER = "01J0000000000000000000000B";

async function place() {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-results-" });
  const folders = new Folders(dir);
  for (const id of [ID, OTHER]) await Deno.mkdir(folders.outputFolder(id), { recursive: true });
  const output = folders.outputFolder(ID);
  const put = async (path: string, text: string) => {
    await Deno.mkdir(join(output, path, ".."), { recursive: true });
    await Deno.writeTextFile(join(output, path), text);
  };
  return {
    dir,
    folders,
    output,
    put,
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

const experiment = {
  id: ID,
  number: 7,
  title: "Growth",
  owner: "session:0123456789abcdef",
  kind: "python",
  scriptSha256: "ab",
  devices: [],
  limits: {},
  endState: {},
  onInterrupt: "fail",
  state: "running",
  attempt: 1,
  createdAtMs: 1000,
  startedAtMs: 2000,
  endedAtMs: null,
  exitCode: null,
  error: null,
} as unknown as Experiment;

/** Entries of a ZIP whose files are stored as they are. Source: PKWARE APPNOTE 4.3. */
function unzip(zip: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const entries = new Map<string, Uint8Array>();
  let at = zip.length - 22;
  while (view.getUint32(at, true) !== 0x06054b50) at--;
  const count = view.getUint16(at + 10, true);
  at = view.getUint32(at + 16, true);
  for (let i = 0; i < count; i++) {
    assert.equal(view.getUint32(at, true), 0x02014b50);
    assert.equal(view.getUint16(at + 10, true), 0, "stored");
    const size = view.getUint32(at + 24, true);
    const [name, extra, comment] = [28, 30, 32].map((o) => view.getUint16(at + o, true));
    const local = view.getUint32(at + 42, true);
    const path = new TextDecoder().decode(zip.subarray(at + 46, at + 46 + name!));
    const data = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    entries.set(path, zip.slice(data, data + size));
    at += 46 + name! + extra! + comment!;
  }
  return entries;
}

async function pack(folders: Folders, script: string | null = "print(1)\n") {
  const zip = archiveOf(experiment, folders, script, 3000);
  const entries = unzip(new Uint8Array(await new Response(zip).arrayBuffer()));
  const text = (path: string) => new TextDecoder().decode(entries.get(path));
  return { entries, text, manifest: JSON.parse(text("manifest.json")) };
}

Deno.test("the archive holds the files at its root, the script, the log and a manifest with every digest", async () => {
  await using p = await place();
  await p.put("experiment_data.csv", "a\n1\n");
  await p.put("plots/über.png", "png");
  await Deno.writeTextFile(p.folders.logPath(ID), "hello\n");
  const { entries, text, manifest } = await pack(p.folders);
  assert.deepEqual([...entries.keys()].sort(), [
    "container_logs.txt",
    "experiment_data.csv",
    "manifest.json",
    "plots/über.png",
    "user_script.py",
  ]);
  assert.equal(text("container_logs.txt"), "hello\n");
  assert.equal(text("user_script.py"), "print(1)\n");
  assert.equal(manifest.experiment.number, 7);
  assert.equal(manifest.complete, false);
  assert.equal(manifest.experiment.owner, "guest 012345");
  assert.equal(manifest.files.length, 4);
  for (const { path, bytes, sha256 } of manifest.files) {
    const data = entries.get(path)!;
    assert.equal(data.length, bytes);
    assert.equal(createHash("sha256").update(data).digest("hex"), sha256, path);
  }
});

Deno.test("a script's own file of one of our names is kept under another", async () => {
  await using p = await place();
  await p.put("manifest.json", "mine");
  await p.put("user_script.py", "mine too");
  const { text, manifest } = await pack(p.folders);
  assert.equal(text("output/manifest.json"), "mine");
  assert.equal(text("output/user_script.py"), "mine too");
  assert.equal(text("user_script.py"), "print(1)\n");
  assert.equal(manifest.files.length, 3);
});

Deno.test("an archive is packed as it is read, whatever its size, and closes its files when it is given up", async () => {
  await using p = await place();
  const piece = "x".repeat(1_048_576);
  for (let i = 0; i < 64; i++) {
    await Deno.writeTextFile(join(p.output, "big.bin"), piece, { append: true });
  }
  const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
  const before = open();
  const heapBefore = Deno.memoryUsage().rss;
  const reader = archiveOf(experiment, p.folders, null, 0).getReader();
  await reader.read();
  await reader.read();
  // Two reads of 64 MiB have been taken: the file was not read ahead.
  assert.ok(Deno.memoryUsage().rss - heapBefore < 40 * 1_048_576);
  await reader.cancel();
  assert.equal(open(), before, "no file is left open");
});

Deno.test("no name leads out of the output folder", () => {
  for (
    const path of [
      "",
      "..",
      "../x",
      "a/../../x",
      "/etc/passwd",
      "a//b",
      "./a",
      "a/.",
      "a\0b",
      "a\\b",
    ]
  ) {
    assert.equal(isInnerPath(path), false, path);
  }
  for (const path of ["a", "a/b.csv", "...", "..a", "a b/ü"]) assert.equal(isInnerPath(path), true);
});

Deno.test("links, pipes and folders that a script leaves are neither listed, opened nor packed", async () => {
  await using p = await place();
  await p.put("real.txt", "real");
  await p.put("folder/inner.txt", "inner");
  await Deno.writeTextFile(join(p.folders.outputFolder(OTHER), "theirs.txt"), "theirs");
  await Deno.symlink("/etc/passwd", join(p.output, "passwd"));
  await Deno.symlink(p.folders.outputFolder(OTHER), join(p.output, "others"));
  await Deno.symlink("../../../../etc", join(p.output, "etc"));
  await new Deno.Command("/usr/bin/mkfifo", { args: [join(p.output, "pipe")] }).output();
  assert.deepEqual((await p.folders.files(ID)).map((f) => f.path), [
    "folder/inner.txt",
    "real.txt",
  ]);
  for (
    const path of [
      "passwd",
      "others/theirs.txt",
      "etc/passwd",
      "pipe",
      "folder",
      "../log.txt",
      `../../${OTHER}/output/theirs.txt`,
      "nothing",
      "real.txt/x",
    ]
  ) {
    assert.equal(p.folders.openOutput(ID, path), null, path);
  }
  using file = p.folders.openOutput(ID, "folder/inner.txt")!;
  assert.equal(file.text(), "inner");
  const { entries } = await pack(p.folders);
  assert.deepEqual([...entries.keys()].filter((path) => path.includes("passwd")), []);
});

Deno.test("a file is served whole or in the range asked for, and never as a page of ours", async () => {
  await using p = await place();
  await p.put("data.csv", "0123456789");
  await p.put("page.html", "<script>alert(1)</script>");
  const ask = (path: string, range?: string, head = false) =>
    fileReply(p.folders.openOutput(ID, path)!, path, { range, head });
  const cases: [string | undefined, number, string, string | null][] = [
    [undefined, 200, "0123456789", null],
    ["bytes=2-4", 206, "234", "bytes 2-4/10"],
    ["bytes=7-", 206, "789", "bytes 7-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=0-99", 206, "0123456789", "bytes 0-9/10"],
    ["bytes=10-", 416, "", "bytes */10"],
    ["bytes=-0", 416, "", "bytes */10"],
    ["bytes=0-1,3-4", 200, "0123456789", null],
    ["lines=1-2", 200, "0123456789", null],
  ];
  for (const [range, status, body, contentRange] of cases) {
    const reply = ask("data.csv", range);
    assert.equal(reply.status, status, range);
    assert.equal(await reply.text(), body, range);
    assert.equal(reply.headers.get("content-range"), contentRange, range);
  }
  const head = ask("data.csv", undefined, true);
  assert.equal(head.headers.get("content-length"), "10");
  assert.equal(await head.text(), "");
  const page = ask("page.html");
  assert.equal(page.headers.get("content-type"), "application/octet-stream");
  assert.match(page.headers.get("content-disposition")!, /^attachment; filename="page.html"/);
  assert.equal(page.headers.get("x-content-type-options"), "nosniff");
  await page.body!.cancel();
});
