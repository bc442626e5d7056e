import assert from "node:assert/strict";
import { epuSample } from "../../tests/epu_samples.ts";
import { canonicalDump } from "./dump.ts";
import { chooseAtlas, mappedPath } from "./ingest_atlas.ts";
import { takenOf, testStore } from "./ingest_rig_test.ts";
import { EpuStore } from "./store.ts";

const SESSION = new TextDecoder().decode(epuSample("3.7/EpuSession.dm"));
const ATLAS_PATH = /<AtlasId[^>]*>([^<]+)</.exec(SESSION)?.[1] ?? "";
const utf8 = new TextEncoder();

Deno.test("a drive is mapped by its longest word, whatever the case and the slash", () => {
  const drives = [{ from: "D:", to: "/mnt/d/" }, { from: "D:\\atlas", to: "/mnt/a" }];
  assert.equal(mappedPath("d:\\ATLAS\\x\\Atlas.dm", drives), "/mnt/a/x/Atlas.dm");
  assert.equal(mappedPath("D:\\atlases\\Atlas.dm", drives), "/mnt/d/atlases/Atlas.dm");
  assert.equal(mappedPath("E:\\x", drives), null);
});

Deno.test("an atlas is the one its path leads to, else the only one with the same last four folders", () => {
  const dirOf = (root: string) => `/mnt/${root}`;
  const path = "D:\\v\\atlas\\Supervisor_1\\Sample4\\Atlas\\Atlas.dm";
  const here = (root: string) => ({ root, path: "atlas/Supervisor_1/Sample4/Atlas/Atlas.dm" });
  const choose = (
    known: { root: string; path: string }[],
    drives = [{ from: "D:\\v", to: "/mnt/b" }],
  ) => chooseAtlas(path, known, { drives, dirOf });
  assert.deepEqual(choose([here("a"), here("b")]), { kind: "found", atlas: here("b") });
  assert.deepEqual(choose([here("a")]), { kind: "found", atlas: here("a") });
  assert.equal(choose([here("a"), here("b")], []).kind, "several");
  assert.equal(choose([{ root: "a", path: "Sample5/Atlas/Atlas.dm" }]).kind, "missing");
  assert.equal(chooseAtlas(null, [here("a")], { drives: [], dirOf }).kind, "unnamed");
});

Deno.test("two sessions share one atlas, whichever file comes first", async () => {
  const [, ...segments] = ATLAS_PATH.replaceAll("\\", "/").split("/").slice(-5);
  const atlasFile = takenOf(`atlas/${segments.join("/")}`, epuSample("3.7/Atlas.dm"));
  const first = takenOf("grid1/EpuSession.dm", utf8.encode(SESSION));
  const other = SESSION.replace(">4600928<", ">4600999<");
  assert.notEqual(other, SESSION);
  const second = takenOf("grid2/EpuSession.dm", utf8.encode(other));
  const dumps: string[] = [];
  for (
    const files of [[atlasFile, first, second], [first, atlasFile, second], [
      second,
      first,
      atlasFile,
    ]]
  ) {
    await using store = await testStore();
    await store.ingest.take(files);
    const epu = new EpuStore(store.kv);
    const { items } = await epu.acquisitions({ limit: 10 });
    assert.equal(items.length, 2);
    for (const { id } of items) {
      assert.equal((await epu.atlas(id))?.epuId, 3436163);
      assert.equal((await epu.tiles(id)).length, 35);
      assert.equal((await epu.tileLinks(id)).length, 306);
      const square = await epu.square(id, 4590306);
      assert.equal(square?.atlasXPx, 2236.751);
      assert.equal(square?.category, 1);
      assert.equal((await epu.counts(id))?.findings, 0);
    }
    dumps.push(await canonicalDump(store.kv));
  }
  assert.equal(dumps[1], dumps[0]);
  assert.equal(dumps[2], dumps[0]);
});

Deno.test("an atlas that is nowhere is a finding, and it is over once it is found", async () => {
  await using store = await testStore();
  await store.ingest.take([takenOf("grid/EpuSession.dm", utf8.encode(SESSION))]);
  const epu = new EpuStore(store.kv);
  const codes = async () =>
    (await epu.findings({ acquisitionId: null, limit: 10 })).items.map(({ code }) => code);
  assert.deepEqual(await codes(), ["atlas-unreachable"]);
  const segments = ATLAS_PATH.replaceAll("\\", "/").split("/").slice(-4).join("/");
  await store.ingest.take([takenOf(`atlas/${segments}`, epuSample("3.7/Atlas.dm"))]);
  assert.deepEqual(await codes(), []);
});
