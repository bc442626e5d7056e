import assert from "node:assert/strict";
import { epuSample } from "../../tests/epu_samples.ts";
import { canonicalDump } from "./dump.ts";
import { type Taken } from "./ingest.ts";
import { takenOf, testStore } from "./ingest_rig_test.ts";
import { EpuStore } from "./store.ts";
import { generateFiles, generateWrites } from "./tools/mod.ts";

const PLAN = {
  micrographs: 60,
  squares: 6,
  holesPerSquare: 12,
  areas: 2,
  previews: "empty",
} as const;

function generated(plan = PLAN): Taken[] {
  return [...generateFiles(plan)].map(({ path, bytes }) => takenOf(path, bytes));
}

async function dumpOf(files: readonly Taken[]): Promise<string> {
  await using store = await testStore();
  for (const file of files) await store.ingest.take([file]);
  await store.ingest.sweep(true);
  return await canonicalDump(store.kv);
}

Deno.test("a square of EPU 3.7 gives its 570 holes and 868 exposures, with one event", async () => {
  await using store = await testStore();
  const { ingest, kv } = store;
  await ingest.take([takenOf("grid/EpuSession.dm", epuSample("3.7/EpuSession.dm"))]);
  const seq = kv.seq;
  const square = epuSample("3.7/GridSquare_4590776.dm");
  await ingest.take([takenOf("grid/Metadata/GridSquare_4590776.dm", square)]);
  assert.equal(kv.seq, seq + 1);
  const epu = new EpuStore(kv);
  const { items: [acquisition] } = await epu.acquisitions({ limit: 10 });
  assert.equal(acquisition!.epuId, 4600928);
  const counts = await epu.counts(acquisition!.id);
  assert.equal(counts!.squares, 222);
  assert.equal(counts!.holes, 570);
  assert.equal(counts!.holesSelected, 276);
  assert.equal(counts!.holesFinished, 217);
  assert.deepEqual(counts!.exposures, { expected: 276 * 4, listed: 868, seen: 0 });
  const hole = await epu.hole(acquisition!.id, null, 5665438);
  assert.equal(hole!.xPx, 1396);
  assert.deepEqual(hole!.exposures, { expected: 4, listed: 4, seen: 0 });

  await ingest.take([takenOf("grid/Metadata/GridSquare_4590776.dm", square)]);
  assert.equal(kv.seq, seq + 1, "the same bytes again change nothing");
});

Deno.test("parsing a project twice changes nothing", async () => {
  await using store = await testStore();
  const files = generated();
  for (const file of files) await store.ingest.take([file]);
  await store.ingest.sweep(true);
  const before = await canonicalDump(store.kv);
  const { seq } = store.kv;
  assert(before.length > 10_000);
  for (const file of files) await store.ingest.take([file]);
  assert.equal(await canonicalDump(store.kv), before);
  assert.equal(store.kv.seq, seq);
});

Deno.test("files taken one by one, in batches and as EPU rewrites them end equal", async () => {
  const whole = await dumpOf(generated());
  {
    await using store = await testStore();
    await store.ingest.take(generated());
    await store.ingest.sweep(true);
    assert.equal(await canonicalDump(store.kv), whole);
  }
  {
    await using store = await testStore();
    for (const { path, render } of generateWrites(PLAN)) {
      await store.ingest.take([takenOf(path, render())]);
      await store.clock.advance(1000);
    }
    await store.ingest.sweep(true);
    assert.equal(await canonicalDump(store.kv), whole);
  }
});
