import assert from "node:assert/strict";
import { ManualClock } from "../clock.ts";
import { Kv } from "../kv.ts";
import { silentLog } from "../log.ts";
import { takenOf } from "./ingest_rig_test.ts";
import { Epu } from "./service.ts";
import { generateFiles } from "./tools/mod.ts";

const PLAN = { micrographs: 12, squares: 3, holesPerSquare: 6, areas: 2, lateShare: 0 } as const;
const FILES = [...generateFiles(PLAN)].map(({ path, bytes }) => takenOf(path, bytes))
  .sort((a, b) => Number(b.path.endsWith(".dm")) - Number(a.path.endsWith(".dm")));

const MICROGRAPH = [...generateFiles(PLAN)].find(({ path }) => /_Data_.*\d\.xml$/.test(path))!
  .bytes;

async function rig() {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  const folders = [{ name: "epu", dir: "/visit", atlasRoots: [], drives: [] }];
  const epu = await Epu.open({ kv, clock, log: silentLog, folders });
  return { clock, kv, epu };
}

async function end({ kv, epu }: Awaited<ReturnType<typeof rig>>) {
  await epu.close();
  await kv.close();
}

async function onlyAcquisition(epu: Epu) {
  const { items: [first] } = await epu.acquisitions({ limit: 1 });
  return first!;
}

Deno.test("a caller's uuid stays, and the same session told with another uuid gets a further name", async () => {
  const it = await rig();
  const { epu } = it;
  const fields = { name: "grid", epuId: 7, startedAtMs: 1_700_000_000_000 };
  const first = await epu.upsertAcquisition({ id: "uuid-a", fields }, "agent");
  assert.equal(first.id, "uuid-a");
  const again = await epu.upsertAcquisition({ id: "uuid-b", fields }, "agent");
  assert.equal(again.id, "uuid-a");
  assert.equal((await epu.entity("uuid-b"))?.id, "uuid-a");
  assert.equal((await epu.acquisitions({ limit: 10 })).items.length, 1);

  const write = (suffix: string, quality: number | undefined) =>
    epu.upsert("uuid-a", [
      { on: "square", id: `square-${suffix}`, squareId: 1, fields: { stageXM: 1e-3 } },
      {
        on: "hole",
        id: `hole-${suffix}`,
        squareId: 1,
        holeId: 2,
        fields: quality === undefined ? {} : { quality },
      },
      {
        on: "micrograph",
        id: `micrograph-${suffix}`,
        squareId: 1,
        holeId: 2,
        stem: "FoilHole_2_Data_3_4_20260101_000000",
        areaId: 3,
        k: 4,
        fields: { defocusM: -1e-6 },
      },
    ], "agent");
  assert.equal((await write("a", 0.5)).ok, true);
  assert.equal((await write("b", undefined)).ok, true);
  assert.equal((await epu.hole("uuid-a", 1, 2))?.quality, 0.5, "what is left out stays");
  assert.equal((await epu.micrograph({ id: "micrograph-b" }))?.id, "micrograph-a");
  const counts = await epu.counts("uuid-a");
  assert.deepEqual([counts?.squares, counts?.holes, counts?.micrographs], [1, 1, 1]);
  assert.equal(counts?.exposures.seen, 1);
  await end(it);
});

Deno.test("a child without its parent is refused, and nothing of the ask is kept", async () => {
  const it = await rig();
  const { epu } = it;
  await epu.upsertAcquisition({ id: "a", fields: { name: "grid" } }, "agent");
  assert.deepEqual(
    await epu.upsert("a", [
      { on: "square", squareId: 1, fields: {} },
      { on: "hole", squareId: 9, holeId: 2, fields: {} },
    ], "agent"),
    { ok: false, refusal: { kind: "unknown-square", squareId: 9 } },
  );
  assert.equal((await epu.counts("a"))?.squares, 0);
  const nowhere = await epu.upsert("b", [], "agent");
  assert.equal(nowhere.ok, false);
  await end(it);
});

Deno.test("a session with nothing left to do is finished after half an hour, and a later file reopens it", async () => {
  const it = await rig();
  const { epu, clock } = it;
  const late = FILES.findLast(({ kind }) => kind === "micrograph-image")!;
  await epu.take(FILES);
  const { id } = await onlyAcquisition(epu);
  const state = async () => (await epu.acquisition(id))?.state;
  const counts = await epu.counts(id);
  assert.equal(counts!.holesFinished, counts!.holesSelected);
  let elapsedMs = 0;
  while (await state() !== "completed") {
    await clock.advance(10_000);
    elapsedMs += 10_000;
  }
  assert(elapsedMs >= 30 * 60_000, `finished after ${elapsedMs} ms`);
  const closed = await epu.setState(id, "completed", "user:ada", "done for today");
  assert.equal(closed.ok, true);
  const text = late.path.replace(/_\d{6}\.xml$/, "_235959.xml");
  await epu.take([{
    ...late,
    path: text,
    file: { ...late.file!, stem: text.split("/").at(-1)!.slice(0, -4) } as typeof late.file,
  }]);
  assert.equal(await state(), "started");
  await end(it);
});

Deno.test("a deletion names what it deletes, spares what is watched, and leaves nothing behind", async () => {
  const it = await rig();
  const { epu, kv } = it;
  await epu.take(FILES);
  // No square is known of that number: it waits.
  const square = FILES.find(({ path }) => /_Data_.*\d\.xml$/.test(path))!;
  const path = square.path.replace(/GridSquare_\d+/, "GridSquare_1").replace(
    /FoilHole_\d+/,
    "FoilHole_1",
  );
  const [session, ...others] = FILES;
  const stray = takenOf(path, MICROGRAPH);
  await epu.take([session!, stray, ...others]);
  const watched = await onlyAcquisition(epu);
  assert.equal((await epu.counts(watched.id))!.orphans, 1);
  const ask = { confirm: watched.name, actor: "user:ada" };
  const refused = await epu.deleteAcquisition(watched.id, ask);
  assert.equal(refused.ok === false && refused.refusal.kind, "watched");
  await epu.take(
    [...FILES, stray].map((one) => ({ ...one, state: "gone" as const, file: null })),
  );
  const unconfirmed = await epu.deleteAcquisition(watched.id, { ...ask, confirm: "yes" });
  assert.equal(unconfirmed.ok === false && unconfirmed.refusal.kind, "unconfirmed");
  assert.equal((await epu.deleteAcquisition(watched.id, ask)).ok, true);
  const left: string[] = [];
  for await (const { key, value } of kv.list({ prefix: ["epu"] })) {
    // What waited for a parent lies under its path.
    if (key[1] === "orphan_part") left.push(JSON.stringify(key));
    if (JSON.stringify([key, value]).includes(watched.id)) left.push(JSON.stringify(key));
  }
  assert.deepEqual(left, []);
  await end(it);
});

Deno.test("a note stays through every rewrite of the square, and an owner's null takes back only its own word", async () => {
  const it = await rig();
  const { epu } = it;
  await epu.take(FILES);
  const { id } = await onlyAcquisition(epu);
  const { items: [square] } = await epu.squares({ acquisitionId: id, limit: 1 });
  const noted = await epu.note(id, square!.squareId, "ice too thick", "user:ada");
  assert.equal(noted.ok, true);
  await epu.take(FILES);
  const after = await epu.square(id, square!.squareId);
  assert.equal(after?.note, "ice too thick");
  assert.equal(after?.stageXM, square!.stageXM);
  await end(it);
});

Deno.test("lists go page by page without a gap or a repetition", async () => {
  const it = await rig();
  const { epu } = it;
  await epu.take(FILES);
  const { id } = await onlyAcquisition(epu);
  const all = (await epu.micrographs({ acquisitionId: id, limit: 1000 })).items;
  const paged: string[] = [];
  for (let after: string | null = null;;) {
    const page: Awaited<ReturnType<Epu["micrographs"]>> = await epu.micrographs({
      acquisitionId: id,
      limit: 5,
      after,
    });
    paged.push(...page.items.map((one) => one.id));
    if (page.next === null) break;
    after = page.next;
  }
  assert.deepEqual(paged, all.map((one) => one.id));
  await assert.rejects(epu.squares({ acquisitionId: id, limit: 5, after: "nonsense" }), RangeError);
  await end(it);
});
