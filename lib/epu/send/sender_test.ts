import assert from "node:assert/strict";
import { EventLog } from "../../events.ts";
import { silentLog } from "../../log.ts";
import { takenOf, testStore } from "../ingest_rig_test.ts";
import { EpuStore } from "../store.ts";
import { generateFiles } from "../tools/mod.ts";
import { type Remote, RemoteError } from "./remote.ts";
import { Sender } from "./sender.ts";

const PLAN = { micrographs: 24, squares: 4, holesPerSquare: 8, areas: 2 } as const;

/** A backend as strict as the original's database: parents first, and nothing twice. */
class Backend implements Remote {
  readonly rows = new Map<string, Record<string, unknown>>();
  readonly asked: string[] = [];
  /** Answers the next so many writes by taking them and losing the answer. */
  deaf = 0;
  isAway = false;

  ask(method: string, path: string, body: unknown): Promise<unknown> {
    this.asked.push(`${method} ${path}`);
    return Promise.resolve().then(() => {
      if (this.isAway) throw new RemoteError("away", null, "No answer");
      const answer = this.#answer(method, path, body);
      if (method !== "GET" && this.deaf > 0) {
        this.deaf--;
        throw new RemoteError("away", null, "The answer was lost");
      }
      return answer;
    });
  }

  #answer(method: string, path: string, body: unknown): unknown {
    if (/registered/.test(path)) return true;
    const [, collection, id, sub, last] = path.split("?")[0]!.split("/");
    if (method === "GET") {
      if (sub === "foilholes") {
        return [...this.rows.values()].filter((row) => row.gridsquare_uuid === id);
      }
      return this.rows.get(id!) ?? null;
    }
    if (method === "PUT") {
      if (!this.rows.has(id!)) throw new RemoteError("refused", 404, `No ${collection} ${id}`);
      this.rows.set(id!, body as Record<string, unknown>);
      return {};
    }
    if (id !== undefined && !this.rows.has(id)) {
      throw new RemoteError("refused", 404, `No ${collection} ${id}`);
    }
    const some = Array.isArray(body) ? body : [body as Record<string, unknown>];
    for (const one of some) {
      const uuid = last === undefined ? String(one.uuid) : `${id}/${last}`;
      if (this.rows.has(uuid)) throw new RemoteError("away", 500, `${uuid} is there already`);
      this.rows.set(uuid, one);
      for (const tile of (one.tiles ?? []) as Record<string, unknown>[]) {
        this.rows.set(String(tile.uuid), tile);
      }
    }
    return {};
  }

  count(has: string): number {
    return [...this.rows.values()].filter((row) => has in row).length;
  }
}

async function rig() {
  const store = await testStore();
  const { kv, clock } = store;
  const events = new EventLog(kv, clock, { countMax: 100_000, ageMaxMs: 1e12 });
  const backend = new Backend();
  const sender = () =>
    new Sender({ kv, store: new EpuStore(kv), events, remote: backend, clock, log: silentLog });
  return { ...store, backend, sender };
}

const ALWAYS = new AbortController().signal;

async function takeAll({ ingest }: Awaited<ReturnType<typeof rig>>) {
  const files = [...generateFiles(PLAN)].map(({ path, bytes }) => takenOf(path, bytes));
  files.sort((a, b) => Number(b.path.endsWith(".dm")) - Number(a.path.endsWith(".dm")));
  await ingest.take(files);
  await ingest.sweep(true);
}

Deno.test("a backend is sent every entity once, parents before children", async () => {
  const it = await rig();
  await takeAll(it);
  await it.sender().run(ALWAYS, { untilDone: true });
  const { backend } = it;
  assert.equal(backend.count("manifest_file"), 24);
  assert.equal(backend.count("foilhole_id") - 24, 16);
  const creations = backend.asked.filter((line) => line.startsWith("POST"));
  assert.equal(new Set(creations).size < creations.length, true, "lists go to one address");
  const before = backend.asked.length;
  await it.sender().run(ALWAYS, { untilDone: true });
  assert.equal(backend.asked.length, before, "nothing is sent twice");
  await it.kv.close();
});

Deno.test("answers that are lost lead to no duplicates, wherever they are lost", async () => {
  const whole = await rig();
  await takeAll(whole);
  await whole.sender().run(ALWAYS, { untilDone: true });
  const wanted = whole.backend.rows.size;
  await whole.kv.close();
  for (const at of [0, 1, 2, 3, 5, 8, 13, 20, 30]) {
    const it = await rig();
    await takeAll(it);
    let writes = 0;
    const { backend } = it;
    const ask = backend.ask.bind(backend);
    backend.ask = (method, path, body) => {
      if (method !== "GET" && writes++ === at) backend.deaf = 1;
      return ask(method, path, body);
    };
    // A new sender each time, as after a crash: what it does not know it asks.
    for (let life = 0; life < 3; life++) {
      const ended = new AbortController();
      const run = it.sender().run(ended.signal, { untilDone: true });
      const done = run.then(() => true);
      const tired = it.clock.advance(200).then(() => false);
      const finished = await Promise.race([done, tired.then(() => false)]);
      if (finished) break;
      if (life < 2) await it.clock.advance(120_000);
      ended.abort();
      await run;
    }
    await it.sender().run(ALWAYS, { untilDone: true });
    assert.equal(backend.rows.size, wanted, `the answer to write ${at} was lost`);
    await it.kv.close();
  }
});

Deno.test("while the network is away everything is kept, and sent when it is back", async () => {
  const it = await rig();
  it.backend.isAway = true;
  await takeAll(it);
  const ended = new AbortController();
  const run = it.sender().run(ended.signal, { untilDone: true });
  for (let i = 0; i < 5; i++) await it.clock.advance(60_000);
  assert.equal(it.backend.rows.size, 0);
  it.backend.isAway = false;
  let done = false;
  run.then(() => done = true);
  while (!done) await it.clock.advance(60_000);
  assert.equal(it.backend.count("manifest_file"), 24);
  await it.kv.close();
});
