import assert from "node:assert/strict";
import { createApi, problemHandler } from "../http.ts";
import { silentLog } from "../log.ts";
import { epuApi } from "./api.ts";
import { epuRig, hole, micrograph, square } from "./results/rig_test.ts";

async function opened() {
  const rig = await epuRig();
  const app = createApi();
  app.onError(problemHandler(silentLog));
  app.route("/", epuApi(rig.epu));
  const get = async (path: string) => {
    const reply = await app.request(`/epu${path}`);
    return { status: reply.status, body: await reply.json() };
  };
  return { rig, get, [Symbol.asyncDispose]: () => rig.kv.close() };
}

Deno.test("acquisitions come with their counts, newest first", async () => {
  await using api = await opened();
  await api.rig.acquisition({ id: "a1", name: "older" });
  await api.rig.acquisition({ id: "a2", name: "newer", startedAtMs: Date.UTC(2026, 1, 1) });
  const { status, body } = await api.get("/acquisitions");
  assert.equal(status, 200);
  assert.deepEqual(
    body.items.map(({ acquisition }: { acquisition: { name: string } }) => acquisition.name),
    ["newer", "older"],
  );
  assert.equal(body.items[0].counts.micrographs, 0);
  assert.equal((await api.get("/acquisitions/a2")).body.acquisition.name, "newer");
});

Deno.test("lists are paged with a cursor and lose nothing between two pages", async () => {
  await using api = await opened();
  await api.rig.acquisition();
  await api.rig.squares(...[1, 2, 3, 4, 5].map((id) => square(id, { selected: id % 2 === 1 })));
  const seen: number[] = [];
  let after = "";
  for (let turn = 0; turn < 5; turn++) {
    const { body } = await api.get(
      `/acquisitions/a1/squares?limit=2${
        after === "" ? "" : `&after=${encodeURIComponent(after)}`
      }`,
    );
    seen.push(...body.items.map(({ squareId }: { squareId: number }) => squareId));
    if (body.next === null) break;
    after = body.next;
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5]);
  const selected = await api.get("/acquisitions/a1/squares?selected=true&fields=state");
  for (const item of selected.body.items) {
    assert.deepEqual(Object.keys(item).sort(), ["acquisitionId", "id", "squareId", "state"]);
  }
  assert.equal(selected.body.items.length, 3);
});

Deno.test("the newest micrographs come first where they are asked for so, page by page", async () => {
  await using api = await opened();
  await api.rig.acquisition();
  await api.rig.squares(square(1), square(2));
  await api.rig.holes(hole(1, 10), hole(2, 20));
  const all = [micrograph(1, 10, 1), micrograph(1, 10, 2), micrograph(2, 20, 3)];
  for (const one of all) await api.rig.micrographs(one);
  async function listed(ask: string): Promise<string[]> {
    const ids: string[] = [];
    let after: string | null = null;
    do {
      const cursor: string = after === null ? "" : `&after=${encodeURIComponent(after)}`;
      const { body } = await api.get(`/acquisitions/a1/micrographs?limit=2${ask}${cursor}`);
      ids.push(...body.items.map(({ id }: { id: string }) => id));
      after = body.next;
    } while (after !== null);
    return ids;
  }
  const ids = all.map(({ id }) => id).sort();
  assert.deepEqual(await listed("&order=oldest"), ids);
  assert.deepEqual(await listed("&order=newest"), ids.toReversed());
  assert.deepEqual(await listed("&order=newest&square=1"), ids.slice(0, 2).toReversed());
});

Deno.test("a hole comes with its micrographs, and a micrograph by any of its names", async () => {
  await using api = await opened();
  await api.rig.acquisition();
  await api.rig.squares(square(1));
  await api.rig.holes(hole(1, 10));
  const one = micrograph(1, 10, 1);
  await api.rig.micrographs(one);
  const { body } = await api.get("/acquisitions/a1/holes/10");
  assert.equal(body.hole.holeId, 10);
  assert.deepEqual(body.micrographs.map(({ id }: { id: string }) => id), ["micrograph-1"]);
  assert.equal((await api.get("/micrographs/micrograph-1")).body.stem, one.stem);
  assert.equal((await api.get(`/micrographs/${one.stem}`)).body.id, "micrograph-1");
});

Deno.test("what is not there and what cannot be asked is said, not shown as empty", async () => {
  await using api = await opened();
  await api.rig.acquisition();
  for (
    const path of [
      "/acquisitions/none",
      "/acquisitions/none/squares",
      "/acquisitions/a1/squares/9",
      "/acquisitions/a1/holes/9",
      "/micrographs/none",
    ]
  ) assert.equal((await api.get(path)).status, 404, path);
  for (
    const path of [
      "/acquisitions/a1/squares?limit=0",
      "/acquisitions/a1/squares?limit=1001",
      "/acquisitions/a1/squares?after=%7B",
      "/acquisitions/a1/squares?selected=maybe",
      "/acquisitions/a1/micrographs?hole=3",
      "/acquisitions/a1/squares/abc",
    ]
  ) {
    const { status, body } = await api.get(path);
    assert.equal(status, 422, `${path}: ${JSON.stringify(body)}`);
  }
});

Deno.test("findings, orphans and files are lists of their own", async () => {
  await using api = await opened();
  await api.rig.acquisition();
  for (const path of ["/findings", "/orphans?acquisition=a1", "/files?root=main"]) {
    assert.deepEqual((await api.get(path)).body, { items: [], next: null }, path);
  }
});
