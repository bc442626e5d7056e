import assert from "node:assert/strict";
import { epuSample } from "../../tests/epu_samples.ts";
import { FaultyStore } from "../../tests/faulty_store.ts";
import { ManualClock } from "../clock.ts";
import { Kv } from "../kv.ts";
import { canonicalDump } from "./dump.ts";
import type { Taken } from "./ingest.ts";
import { openIngest, takenOf, testStore } from "./ingest_rig_test.ts";
import { fileKey } from "./keys.ts";
import { FileEntry, type Finding } from "./model.ts";
import { EpuStore } from "./store.ts";
import { generateFiles } from "./tools/mod.ts";

const PLAN = { micrographs: 8, squares: 2, holesPerSquare: 4, areas: 2 } as const;
const FILES: readonly Taken[] = [...generateFiles(PLAN)].map(({ path, bytes }) =>
  takenOf(path, bytes)
);
const isMicrograph = ({ path }: Taken) => /_Data_.*\d\.xml$/.test(path);

/** The file as a reader that lets everything through would give it. */
function unstorable(taken: Taken): Taken {
  return { ...taken, file: { ...taken.file!, computerName: "x".repeat(100_000) } as Taken["file"] };
}

/** A square's file with its holes so many times over, each under an id of its own. */
function largeSquare(times: number): Uint8Array {
  const text = new TextDecoder().decode(epuSample("3.7/GridSquare_4590776.dm"));
  const from = text.indexOf("<b:KeyValuePairOfintTargetLocation");
  const to = text.lastIndexOf("</a:m_serializationArray>");
  const holes = text.slice(from, to);
  const all = Array.from(
    { length: times },
    (_, i) => holes.replace(/(<[a-z]:key>)(\d+)/g, (_, tag, id) => `${tag}${+id + i * 10_000_000}`),
  );
  return new TextEncoder().encode(text.slice(0, from) + all.join("") + text.slice(to));
}

Deno.test("a file that cannot be kept is told as unreadable, and keeps nobody waiting", async () => {
  const bad = FILES.findIndex(isMicrograph);
  const given = FILES.map((taken, i) => i === bad ? unstorable(taken) : taken);
  for (const files of [given, given.toReversed()]) {
    await using store = await testStore();
    await store.ingest.take(files);
    await store.ingest.sweep(true);
    const epu = new EpuStore(store.kv);
    const { items: [acquisition] } = await epu.acquisitions({ limit: 2 });
    const counts = (await epu.counts(acquisition!.id))!;
    assert.equal(counts.exposures.seen, 7);
    assert.equal(counts.orphans, 0);
    const { path, root } = given[bad]!;
    const entry = FileEntry.parse(await store.kv.get(fileKey(root, path)));
    assert.equal(entry.state, "unreadable");
    const { items } = await epu.findings({ acquisitionId: acquisition!.id, limit: 100 });
    assert.equal(items.find((one: Finding) => one.path === path)!.code, "not-kept");

    await store.ingest.take([{ ...FILES[bad]!, digest: "another" }]);
    assert.equal((await epu.counts(acquisition!.id))!.exposures.seen, 8);
  }
});

Deno.test("a square too large for one commit waits for its session whole", async () => {
  const session = takenOf("grid/EpuSession.dm", epuSample("3.7/EpuSession.dm"));
  const path = "grid/Metadata/GridSquare_4590776.dm";
  const square = takenOf(path, largeSquare(3));
  await using store = await testStore();
  await store.ingest.take([square]);
  // Again, otherwise: what waits is replaced.
  await store.ingest.take([takenOf(path, largeSquare(2))]);
  await store.ingest.take([square]);
  const again = await openIngest(store.kv, store.clock);
  await again.take([session]);
  const epu = new EpuStore(store.kv);
  const { items: [acquisition] } = await epu.acquisitions({ limit: 2 });
  const counts = (await epu.counts(acquisition!.id))!;
  assert.equal(counts.holes, 3 * 570);
  assert.equal(counts.orphans, 0);
});

Deno.test("a store that fails for a while, anywhere, is gone on with by the same process", async () => {
  const clock = new ManualClock();
  // So many that those who waited for their session are written in several commits.
  const plan = { ...PLAN, micrographs: 40, squares: 3, holesPerSquare: 20 };
  const reversed = [...generateFiles(plan)].map(({ path, bytes }) => takenOf(path, bytes))
    .reverse();
  const run = async (at: number | null) => {
    const store = await FaultyStore.open();
    const kv = await Kv.over(store, clock);
    const ingest = await openIngest(kv, clock);
    if (at !== null) {
      store.faults.push(
        ...Array.from({ length: at }, () => "none" as const),
        at % 2 === 0 ? "before" : "after",
      );
    }
    let failures = 0;
    const again = async (work: () => Promise<void>) => {
      for (;;) {
        try {
          return await work();
        } catch {
          assert(++failures < 5);
        }
      }
    };
    for (let i = 0; i < reversed.length; i += 12) {
      await again(() => ingest.take(reversed.slice(i, i + 12)));
    }
    await again(() => ingest.sweep(true));
    const dump = await canonicalDump(kv);
    await kv.close();
    return { dump, commits: store.commits, failures };
  };
  const whole = await run(null);
  let failed = 0;
  for (let at = 0; at < whole.commits; at++) {
    const { dump, failures } = await run(at);
    failed += failures;
    assert.equal(dump, whole.dump, `commit ${at} of ${whole.commits} failed`);
  }
  assert(failed > 3, `${failed} failures`);
});
