import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigFile } from "../config_schema.ts";
import { silentLog } from "../log.ts";
import { Epu, type OutboxEvent, ResultStore, Steering } from "./mod.ts";
import { acquisitionKey } from "./keys.ts";
import { acquisition, epuRig, hole, micrograph, square } from "./results/rig_test.ts";

Deno.test("a result is told to the pipeline's webhook, an order becomes a target list, a pause is known to the reader", async () => {
  const got: OutboxEvent[] = [];
  let arrived: () => void = () => {};
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      got.push(await request.json());
      arrived();
      return new Response(null, { status: 204 });
    },
  );
  const dir = mkdtempSync(join(tmpdir(), "holdfast-steering-"));
  const rig = await epuRig();
  await rig.put([[acquisitionKey("a1"), acquisition()]]);
  await rig.squares(square(1));
  await rig.holes(hole(1, 11), hole(1, 12));
  await rig.micrographs(micrograph(1, 11, 1));
  const epu = await Epu.open({ ...rig, log: silentLog });
  const { epu: config } = ConfigFile.parse({
    epu: {
      webhooks: [{
        name: "pipeline",
        url: `http://127.0.0.1:${server.addr.port}/`,
        types: ["epu.results"],
      }],
    },
  });
  const steering = await Steering.open({ ...rig, epu, log: silentLog, dir, config });
  try {
    const { decisions, results } = steering;
    await results.take({ stem: "FoilHole_11_Data_1" }, { ctf: { maxResolutionA: 3.2 } }, {
      actor: "token:pipeline",
    });
    while (got.length === 0) await new Promise<void>((resolve) => arrived = resolve);
    assert.equal(got[0]!.type, "epu.results");
    assert.equal(got[0]!.data["micrographId"], "micrograph-1");
    assert((await decisions.setSettings("a1", { channel: "file" }, "user:anna")).ok);
    const order = { kind: "holeOrder" as const, targetIds: [12, 11], actor: "user:anna" };
    assert((await decisions.decide("a1", order)).ok);
    await decisions.idle();
    assert.equal((await readdir(join(dir, "epu", "targets"))).length, 2);
    assert((await decisions.decide("a1", { kind: "pause", actor: "user:anna" })).ok);
    const { items } = await epu.acquisitions({ states: ["paused"], limit: 10 });
    assert.deepEqual(items.map(({ id }) => id), ["a1"]);
    const channels = decisions.channels().map(({ name }) => name);
    assert.deepEqual(channels, ["record", "agent", "file"]);
  } finally {
    await steering.close();
    await epu.close();
    await rig.kv.close();
    rmSync(dir, { recursive: true });
  }
});

Deno.test("two webhooks of one name, a short secret and a built-in authority's name are mistakes", () => {
  const hook = { name: "a", url: "http://127.0.0.1:1/" };
  const bad = [
    { webhooks: [hook, hook] },
    { webhooks: [{ ...hook, secret: "short" }] },
    { webhooks: [{ ...hook, url: "ftp://127.0.0.1/" }] },
    { authorities: [{ ...hook, name: "bayes" }] },
  ];
  for (const epu of bad) assert(!ConfigFile.safeParse({ epu }).success, JSON.stringify(epu));
  assert(ConfigFile.safeParse({ epu: { authorities: [hook], webhooks: [hook] } }).success);
});

Deno.test("a micrograph that is deleted leaves no trace in the statistics", async () => {
  const rig = await epuRig();
  await rig.put([[acquisitionKey("a1"), acquisition()]]);
  await rig.squares(square(1));
  await rig.holes(hole(1, 11));
  await rig.micrographs(micrograph(1, 11, 1, { sources: {} }), micrograph(1, 11, 2));
  const epu = await Epu.open({ ...rig, log: silentLog });
  const results = new ResultStore(rig.kv, rig.clock, epu);
  for (const n of [1, 2]) {
    const taken = await results.take(
      { id: `micrograph-${n}` },
      { ctf: { maxResolutionA: 3 + n } },
      {
        actor: "token:pipeline",
      },
    );
    assert(taken.ok);
  }
  const deleted = await epu.deleteEntity("micrograph-1", "user:anna");
  assert(deleted.ok, JSON.stringify(deleted));
  assert.equal((await results.summary("a1")).ctfResolution!.mean, 5);
  assert.equal(await results.contribution("a1", "micrograph-1"), null);
  await epu.close();
  await rig.kv.close();
});
