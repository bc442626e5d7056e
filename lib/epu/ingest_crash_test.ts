import assert from "node:assert/strict";
import { FaultyStore } from "../../tests/faulty_store.ts";
import { ManualClock } from "../clock.ts";
import { Kv } from "../kv.ts";
import { canonicalDump } from "./dump.ts";
import type { Taken } from "./ingest.ts";
import { openIngest, takenOf } from "./ingest_rig_test.ts";
import { fileKey } from "./keys.ts";
import type { FileEntry } from "./model.ts";
import { generateFiles } from "./tools/mod.ts";

const IS_LONG = Deno.env.get("HOLDFAST_LONG") === "1";
const PLAN = {
  micrographs: 12,
  squares: 3,
  holesPerSquare: 6,
  areas: 2,
  previews: "empty",
} as const;

/** Last first: nearly everything comes before its parent. */
const FILES: readonly Taken[] = [...generateFiles(PLAN)]
  .map(({ path, bytes }) => takenOf(path, bytes))
  .sort((a, b) => a.path < b.path ? 1 : -1);

/** What a watcher would hand over again after a crash: what the manifest does not hold. */
async function left(kv: Kv): Promise<Taken[]> {
  const done = new Set<string>();
  for await (const { value } of kv.list({ prefix: fileKey() })) {
    const { path, digest, state } = value as FileEntry;
    const same = FILES.find((one) => one.path === path)?.digest === digest;
    if (same && (state === "taken" || state === "orphaned")) done.add(path);
  }
  return FILES.filter(({ path }) => !done.has(path));
}

async function takeAll(kv: Kv, clock: ManualClock): Promise<void> {
  const ingest = await openIngest(kv, clock);
  const files = await left(kv);
  for (let i = 0; i < files.length; i += 5) await ingest.take(files.slice(i, i + 5));
  await ingest.sweep(true);
}

Deno.test("a process that ends after any of its commits, and is started again, ends where one that lives does", async () => {
  const clock = new ManualClock();
  const calm = await FaultyStore.open();
  const kv = await Kv.over(calm, clock);
  await takeAll(kv, clock);
  const whole = await canonicalDump(kv);
  const { commits } = calm;
  await kv.close();
  assert(commits > 30, `${commits} commits`);
  assert(whole.includes('"seen":12'));
  for (let at = 0; at < commits; at += IS_LONG ? 1 : 9) {
    const store = await FaultyStore.open();
    store.faults.push(
      ...Array.from({ length: at }, () => "none" as const),
      // Dead from here on; the last one may have reached the disk.
      at % 2 === 0 ? "before" : "after",
      ...Array.from({ length: 1000 }, () => "before" as const),
    );
    await assert.rejects(async () => takeAll(await Kv.over(store, clock), clock));
    store.faults.length = 0;
    const again = await Kv.over(store, clock);
    await takeAll(again, clock);
    assert.equal(await canonicalDump(again), whole, `ended after commit ${at} of ${commits}`);
    await again.close();
  }
});
