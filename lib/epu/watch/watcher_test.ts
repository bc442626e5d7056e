import assert from "node:assert/strict";
import { ManualClock } from "../../clock.ts";
import { Kv } from "../../kv.ts";
import { canonicalDump } from "../dump.ts";
import type { Ingest } from "../ingest.ts";
import { openIngest } from "../ingest_rig_test.ts";
import { fileKey } from "../keys.ts";
import { FileEntry } from "../model.ts";
import { EpuStore } from "../store.ts";
import { generateFiles, generateWrites } from "../tools/mod.ts";
import { MemoryFs } from "./memory_fs_test.ts";
import { Watcher } from "./watcher.ts";

const PLAN = {
  micrographs: 24,
  squares: 4,
  holesPerSquare: 8,
  areas: 2,
  previews: "empty",
  lateShare: 0.2,
} as const;
const IS_LONG = Deno.env.get("HOLDFAST_LONG") === "1";
const ROOT = "/visit";

/** A watcher and a store joined as in the runtime, on a clock that the test moves. */
class Run {
  readonly clock = new ManualClock();
  readonly fs = new MemoryFs();
  kv!: Kv;
  ingest!: Ingest;
  watcher!: Watcher;
  #ended = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  static async start(): Promise<Run> {
    const run = new Run();
    run.kv = await Kv.open(":memory:", run.clock);
    await run.boot();
    return run;
  }

  /** Begins a life: what the store knows is all that is left of earlier ones. */
  async boot(): Promise<void> {
    this.ingest = await openIngest(this.kv, this.clock);
    this.watcher = new Watcher({
      roots: [{ name: "epu", dir: ROOT }],
      fs: this.fs,
      clock: this.clock,
      random: () => 0.5,
    });
    for await (const { value } of this.kv.list({ prefix: fileKey() })) {
      this.watcher.know(FileEntry.parse(value));
    }
    this.#ended = new AbortController();
    this.#loop = this.#follow(this.watcher, this.#ended.signal);
  }

  async #follow(watcher: Watcher, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        const batch = await watcher.next(signal);
        // Killed after the batch was made and before it was written: it must come again.
        signal.throwIfAborted();
        await this.ingest.take(batch);
      }
    } catch (error) {
      if (!signal.aborted) this.#failure = error;
    }
  }

  /** Ends the life at once. */
  async kill(): Promise<void> {
    this.#ended.abort();
    this.watcher.close();
    await this.#loop;
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      await this.#rest();
      await this.clock.advance(500);
      await this.#rest();
    }
  }

  /** Until the watcher waits for time: the store's disk takes real time, which the clock does not know. */
  async #rest(): Promise<void> {
    while (!this.watcher.status().isResting) {
      if (this.#failure !== null) throw this.#failure;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  /** Until nothing is left to do, all graces included. */
  async settle(): Promise<void> {
    do await this.pass(25_000); while (this.watcher.status().waiting > 0);
    await this.ingest.sweep(true);
    await this.pass(1000);
  }

  async dump(): Promise<string> {
    return await canonicalDump(this.kv);
  }

  async end(): Promise<void> {
    await this.kill();
    await this.kv.close();
  }
}

const FINAL = [...generateFiles(PLAN)];

async function parsedAfter(): Promise<string> {
  const run = await Run.start();
  for (const { path, bytes, atMs } of FINAL) run.fs.write(`${ROOT}/${path}`, bytes, atMs);
  await run.settle();
  const dump = await run.dump();
  await run.end();
  return dump;
}

const whole = await parsedAfter();

function seeded(seed: number): () => number {
  return () => {
    seed = (seed * 1664525 + 1013904223) % 2 ** 32;
    return seed / 2 ** 32;
  };
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const left = [...items];
  const out: T[] = [];
  while (left.length > 0) out.push(left.splice(Math.floor(random() * left.length), 1)[0]!);
  return out;
}

Deno.test("a session that is finished, one that begins and one that runs when the watch starts end equal", async () => {
  assert(whole.includes('"seen":24'), "the finished session is all there");
  for (const share of [0, 0.5]) {
    const writes = [...generateWrites(PLAN)];
    const run = await Run.start();
    await run.kill();
    const cut = Math.floor(writes.length * share);
    for (const { path, atMs, render } of writes.slice(0, cut)) {
      run.fs.write(`${ROOT}/${path}`, render(), atMs);
    }
    await run.boot();
    for (const { path, atMs, render } of writes.slice(cut)) {
      run.fs.write(`${ROOT}/${path}`, render(), atMs);
      await run.pass(500);
    }
    await run.settle();
    assert.equal(await run.dump(), whole, `started when ${share} of it was written`);
    await run.end();
  }
});

Deno.test("files that come shuffled, doubled, in pieces and late end equal, on a share that tells of nothing", async () => {
  for (let seed = 1; seed <= (IS_LONG ? 40 : 3); seed++) {
    const random = seeded(seed);
    const run = await Run.start();
    run.fs.tells = seed % 2 === 0;
    for (const { path, bytes, atMs } of shuffled(FINAL, random)) {
      const at = `${ROOT}/${path}`;
      if (random() < 0.3) {
        // The same length of time as a whole file, but cut anywhere.
        run.fs.write(at, bytes.subarray(0, Math.floor(random() * bytes.length)), atMs - 5);
        await run.pass(random() < 0.3 ? 12_000 : 500);
      }
      run.fs.write(at, bytes, atMs);
      if (random() < 0.1) run.fs.overflow();
      if (random() < 0.1) await run.pass(70_000);
      if (random() < 0.2) run.fs.write(at, bytes, atMs);
      if (random() < 0.1) {
        run.clock.stepWall(Math.round((random() - 0.5) * 7_200_000));
      }
    }
    await run.settle();
    assert.equal(await run.dump(), whole, `seed ${seed}`);
    await run.end();
  }
});

Deno.test("a watch that is killed at any moment and started again ends equal", async () => {
  for (let seed = 1; seed <= (IS_LONG ? 40 : 3); seed++) {
    const random = seeded(seed + 100);
    const run = await Run.start();
    for (const { path, bytes, atMs } of shuffled(FINAL, random)) {
      run.fs.write(`${ROOT}/${path}`, bytes, atMs);
      if (random() > 0.15) continue;
      await run.pass(Math.floor(random() * 5000));
      await run.kill();
      await run.boot();
    }
    await run.settle();
    assert.equal(await run.dump(), whole, `seed ${seed}`);
    await run.end();
  }
});

Deno.test("a start with nothing changed reads no file and writes nothing", async () => {
  const run = await Run.start();
  for (const { path, bytes, atMs } of FINAL) run.fs.write(`${ROOT}/${path}`, bytes, atMs);
  await run.settle();
  await run.kill();
  const { seq } = run.kv;
  run.fs.reads = 0;
  await run.boot();
  await run.pass(60_000);
  assert.equal(run.fs.reads, 0);
  assert.equal(run.kv.seq, seq);
  await run.end();
});

Deno.test("a folder that is renamed keeps its acquisition, and its old files are marked, not erased", async () => {
  const run = await Run.start();
  for (const { path, bytes, atMs } of FINAL) run.fs.write(`${ROOT}/${path}`, bytes, atMs);
  await run.settle();
  const store = new EpuStore(run.kv);
  const { items: [before] } = await store.acquisitions({ limit: 10 });
  const counts = await store.counts(before!.id);
  const folder = before!.folder;
  run.fs.move(`${ROOT}/${folder}`, `${ROOT}/renamed`);
  await run.settle();
  const { items } = await store.acquisitions({ limit: 10 });
  assert.deepEqual(items.map(({ id, folder }) => ({ id, folder })), [
    { id: before!.id, folder: "renamed" },
  ]);
  const after = await store.counts(before!.id);
  assert.deepEqual({ ...after, changedAtMs: 0 }, { ...counts, changedAtMs: 0 });
  const gone = await store.files({
    acquisitionId: null,
    root: "epu",
    limit: 1000,
    states: ["gone"],
  });
  assert.equal(gone.items.length, FINAL.filter(({ path }) => path.startsWith(`${folder}/`)).length);
  await run.end();
});

Deno.test("a share that goes away loses nothing, and is said to be away", async () => {
  const run = await Run.start();
  for (const { path, bytes, atMs } of FINAL) run.fs.write(`${ROOT}/${path}`, bytes, atMs);
  await run.settle();
  run.fs.isAway = true;
  run.fs.forget();
  await run.pass(60_000);
  assert.deepEqual(run.watcher.status().unreachable.map(({ root }) => root), ["epu"]);
  run.fs.isAway = false;
  await run.settle();
  assert.deepEqual(run.watcher.status().unreachable, []);
  assert.equal(await run.dump(), whole);
  const { scans } = run.watcher.status();
  while (run.watcher.status().scans === scans) await run.pass(500);
  run.fs.reads = 0;
  const { path, bytes, atMs } = FINAL.find(({ path }) => path.endsWith("EpuSession.dm"))!;
  run.fs.write(`${ROOT}/${path}`, bytes, atMs + 1);
  await run.pass(6000);
  assert.equal(run.fs.reads, 1, "the system's word is heard again");
  await run.end();
});

Deno.test("a file that stays unfinished is shown as truncated after five minutes, and taken once it is whole", async () => {
  const run = await Run.start();
  for (const { path, bytes, atMs } of FINAL) run.fs.write(`${ROOT}/${path}`, bytes, atMs);
  const cut = FINAL.find(({ path }) => /_Data_.*\d\.xml$/.test(path))!;
  const at = `${ROOT}/${cut.path}`;
  run.fs.write(at, cut.bytes.subarray(0, cut.bytes.length - 20), cut.atMs);
  await run.pass(290_000);
  const store = new EpuStore(run.kv);
  const { items: [acquisition] } = await store.acquisitions({ limit: 1 });
  assert.equal((await store.counts(acquisition!.id))!.filesTruncated, 0);
  await run.pass(90_000);
  assert.equal((await store.counts(acquisition!.id))!.filesTruncated, 1);
  const found = await store.findings({ acquisitionId: acquisition!.id, limit: 10 });
  assert.deepEqual(found.items.map(({ code, path }) => ({ code, path })), [
    { code: "truncated-xml", path: cut.path },
  ]);
  run.fs.write(at, cut.bytes, cut.atMs);
  await run.settle();
  assert.equal(await run.dump(), whole);
  await run.end();
});

Deno.test("files and folders that cannot be read are told, and read when they can be", async () => {
  const run = await Run.start();
  for (const { path, bytes, atMs } of FINAL) run.fs.write(`${ROOT}/${path}`, bytes, atMs);
  const broken = `${ROOT}/${FINAL.find(({ path }) => /_Data_.*\d\.xml$/.test(path))!.path}`;
  run.fs.files.get(broken)!.unreadable = true;
  const folder = broken.slice(0, broken.lastIndexOf("/"));
  await run.pass(60_000);
  const store = new EpuStore(run.kv);
  const { items: [acquisition] } = await store.acquisitions({ limit: 1 });
  const codes = async () =>
    (await store.findings({ acquisitionId: acquisition!.id, limit: 10 })).items
      .map(({ code }) => code);
  assert.deepEqual(await codes(), ["unreadable-file"]);
  run.fs.closed.add(folder);
  await run.pass(60_000);
  assert.equal((await store.counts(acquisition!.id))!.exposures.seen, 23, "nothing is forgotten");
  run.fs.closed.delete(folder);
  run.fs.files.get(broken)!.unreadable = false;
  await run.settle();
  assert.deepEqual((await codes()).filter((code) => code === "unreadable-file"), []);
  assert.equal((await store.counts(acquisition!.id))!.exposures.seen, 24);
  await run.end();
});

Deno.test("a link that leads out of the folder is not followed, and said", async () => {
  const run = await Run.start();
  const [session] = FINAL.filter(({ path }) => path.endsWith("EpuSession.dm"));
  run.fs.write(`${ROOT}/${session!.path}`, session!.bytes, session!.atMs);
  const folder = session!.path.slice(0, session!.path.lastIndexOf("/"));
  run.fs.link(`${ROOT}/${folder}/Metadata`, "/etc");
  await run.settle();
  const store = new EpuStore(run.kv);
  const { items } = await store.findings({ acquisitionId: null, limit: 10 });
  assert.deepEqual(
    items.map(({ code }) => code).filter((code) => code === "link-skipped"),
    ["link-skipped"],
  );
  await run.end();
});

Deno.test("one square's file that is rewritten all the time is read every five seconds, and exposures go on", async () => {
  const run = await Run.start();
  for (const { path, bytes, atMs } of FINAL) run.fs.write(`${ROOT}/${path}`, bytes, atMs);
  await run.settle();
  const square = FINAL.findLast(({ path }) => /GridSquare_\d+\.dm$/.test(path))!;
  run.fs.reads = 0;
  const text = new TextDecoder().decode(square.bytes);
  for (let i = 1; i <= 30; i++) {
    const bytes = new TextEncoder().encode(text + " ".repeat(i));
    run.fs.write(`${ROOT}/${square.path}`, bytes, square.atMs + i);
    await run.pass(2000);
  }
  assert(run.fs.reads <= 13 && run.fs.reads >= 8, `${run.fs.reads} reads in a minute`);
  await run.end();
});

Deno.test("a path that no store could hold is said once and stands in nobody's way", async () => {
  const run = await Run.start();
  const deep = Array.from({ length: 12 }, () => "d".repeat(200)).join("/");
  for (const { path, bytes, atMs } of FINAL) {
    run.fs.write(`${ROOT}/${path}`, bytes, atMs);
    run.fs.write(`${ROOT}/${deep}/${path}`, bytes, atMs);
  }
  await run.settle();
  const said: FileEntry[] = [];
  for await (const { value } of run.kv.list({ prefix: fileKey("epu") })) {
    const entry = FileEntry.parse(value);
    if (entry.state === "ignored") said.push(entry);
  }
  assert(said.length > 0 && said.length < 20, `${said.length} folders`);
  assert.match(said[0]!.error!, /longer than 400/);
  const { items } = await new EpuStore(run.kv).acquisitions({ limit: 2 });
  assert.equal(items.length, 1);
  const { seq } = run.kv;
  await run.pass(30_000);
  assert.equal(run.kv.seq, seq, "not again at every look");
  await run.end();
});

Deno.test("a pipe under a square's name and a name that is no text are told and never opened", async () => {
  const run = await Run.start();
  for (const { path, bytes, atMs } of FINAL) run.fs.write(`${ROOT}/${path}`, bytes, atMs);
  const [square] = FINAL.filter(({ path }) => /Metadata\/GridSquare_\d+\.dm$/.test(path));
  const pipe = square!.path.replace(/\d+\.dm$/, "99.dm");
  for (const path of [pipe, "visit\uFFFD"]) {
    run.fs.write(`${ROOT}/${path}`, new Uint8Array(0), 1);
    run.fs.files.get(`${ROOT}/${path}`)!.special = true;
  }
  await run.settle();
  const state = async (path: string) =>
    FileEntry.parse(await run.kv.get(fileKey("epu", path))).state;
  assert.equal(await state(pipe), "unreadable");
  assert.equal(await state("visit\uFFFD"), "unreadable");
  run.fs.files.delete(`${ROOT}/${pipe}`);
  run.fs.write(`${ROOT}/${pipe}`, square!.bytes, 2);
  await run.settle();
  assert.equal(await state(pipe), "taken");
  await run.end();
});

Deno.test("a share that never answers is said to be away, and gone on with once it does", async () => {
  const run = await Run.start();
  const answers = Promise.withResolvers<void>();
  run.fs.gate = answers.promise;
  for (const { path, bytes, atMs } of FINAL) run.fs.write(`${ROOT}/${path}`, bytes, atMs);
  while (run.fs.reads === 0) {
    await run.clock.advance(500);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert.deepEqual(run.watcher.status().unreachable, []);
  await run.clock.advance(60_000);
  assert.match(run.watcher.status().unreachable[0]!.error, /has not answered for 30 s/);
  answers.resolve();
  await run.settle();
  assert.deepEqual(run.watcher.status().unreachable, []);
  assert.equal(await run.dump(), whole);
  await run.end();
});
