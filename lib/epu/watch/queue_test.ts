import assert from "node:assert/strict";
import { ManualClock } from "../../clock.ts";
import { epuSample } from "../../../tests/epu_samples.ts";
import { MemoryFs } from "./memory_fs_test.ts";
import { type Waiting, WorkQueue } from "./queue.ts";
import { Watcher } from "./watcher.ts";

const IS_LONG = Deno.env.get("HOLDFAST_LONG") === "1";

function waiting(path: string, rank: number, dueMs: number): Waiting {
  return { root: "r", path, rank, sizeBytes: 0, mtimeMs: 0, sinceMs: 0, dueMs, tries: 0 };
}

Deno.test("parents go before children, and every eighth is an exposure however many squares are rewritten", () => {
  const queue = new WorkQueue();
  for (let i = 0; i < 20; i++) {
    queue.put(`r/m${i}`, waiting(`m${i}`, 4, 0));
    queue.put(`r/s${i}`, waiting(`s${i}`, 2, 0));
  }
  queue.put("r/session", waiting("session", 0, 0));
  const order: string[] = [];
  for (let one = queue.take(0); one !== null; one = queue.take(0)) {
    queue.delete(`r/${one.path}`);
    order.push(one.path);
  }
  assert.equal(order[0], "session");
  assert.equal(order.length, 41);
  assert.deepEqual(order.slice(1, 17).filter((path) => path.startsWith("m")), ["m0", "m1"]);
  assert.equal(queue.size, 0);
});

Deno.test("a later change finds the entry that is there, and nothing is given before it is due", () => {
  const queue = new WorkQueue();
  const one = waiting("a", 4, 100);
  queue.put("r/a", one);
  assert.equal(queue.take(99), null);
  assert.equal(queue.nextDueMs(), 100);
  one.dueMs = 200;
  queue.put("r/a", one);
  assert.equal(queue.size, 1);
  assert.equal(queue.take(150), null);
  assert.equal(queue.nextDueMs(), 200);
  assert.equal(queue.take(200), one);
  assert.equal(queue.take(200), null, "given once");
});

Deno.test("very many files at once come in bounded batches, each once, the session first of all", async () => {
  const count = IS_LONG ? 100_000 : 5000;
  const clock = new ManualClock();
  const fs = new MemoryFs();
  for (let i = 0; i < count; i++) {
    const time = String(i % 1_000_000).padStart(6, "0");
    const name = `FoilHole_${i}_Data_1_2_20260101_${time}.jpg`;
    fs.write(`/v/g/Images-Disc1/GridSquare_1/Data/${name}`, new Uint8Array(), i);
  }
  fs.write("/v/g/EpuSession.dm", epuSample("3.7/EpuSession.dm"), 1);
  const watcher = new Watcher({ roots: [{ name: "v", dir: "/v" }], fs, clock });
  const { signal } = new AbortController();
  const seen = new Set<string>();
  let first: string | null = null;
  while (seen.size < count + 1) {
    const next = watcher.next(signal);
    let batch: Awaited<typeof next> | null = null;
    next.then((files) => batch = files);
    while (batch === null) await clock.advance(500);
    const files: Awaited<typeof next> = batch;
    assert(files.length <= 48);
    for (const { path } of files) {
      first ??= path;
      assert(!seen.has(path), path);
      seen.add(path);
    }
  }
  assert.equal(first, "g/EpuSession.dm");
  watcher.close();
});
