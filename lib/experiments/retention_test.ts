import assert from "node:assert/strict";
import { join } from "node:path";
import { ManualClock } from "../clock.ts";
import { Kv } from "../kv.ts";
import { newId } from "../ids.ts";
import { silentLog } from "../log.ts";
import { Folders } from "./folders.ts";
import { Limits } from "./model.ts";
import { Retention } from "./retention.ts";
import { ExperimentStore } from "./store.ts";

const DAY_MS = 86_400_000;

Deno.test("beyond its bytes the oldest ended runs lose their files; a record goes only after them", async () => {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-retention-" });
  const clock = new ManualClock(Date.now());
  const kv = await Kv.open(":memory:", clock);
  try {
    const store = await ExperimentStore.open(kv, clock);
    const folders = new Folders(dir);
    const ids: string[] = [];
    for (let i = 0; i < 4; i++) {
      const id = newId(clock);
      ids.push(id);
      const added = await store.add(
        {
          id,
          title: "",
          owner: "user:anna",
          kind: "python",
          scriptSha256: "00",
          devices: [],
          limits: Limits.parse({}),
          endState: {},
          onInterrupt: "fail",
          idempotencyKey: null,
        },
        { active: 9, waiting: 9 },
        "user:anna",
      );
      assert.ok(added.ok);
      const output = folders.outputFolder(id);
      await Deno.mkdir(join(output, "below"), { recursive: true });
      await Deno.writeFile(join(output, "below", "data"), new Uint8Array(600 * 1024));
      // The last goes on waiting: whatever it has is not looked at.
      if (i < 3) await store.change(id, { kind: "cancel", text: "over" }, "user:anna");
      await clock.advance(DAY_MS);
    }
    const has = async () =>
      await Promise.all(
        ids.map((id) => Deno.stat(folders.runFolder(id)).then(() => true, () => false)),
      );
    const rules = { clock, log: silentLog, store, folders, days: 0 };
    await new Retention({ ...rules, filesMb: 2, recordDays: 1 }).sweep();
    assert.deepEqual(await has(), [true, true, true, true]);
    assert.notEqual(await store.get(ids[0]!), null, "its files are still there");
    await new Retention({ ...rules, filesMb: 1, recordDays: 3 }).sweep();
    assert.deepEqual(await has(), [false, false, true, true]);
    assert.equal(await store.get(ids[0]!), null, "older than three days, and without files");
    assert.notEqual(await store.get(ids[1]!), null, "not old enough");
    assert.notEqual(await store.get(ids[3]!), null, "not ended");
  } finally {
    kv.close();
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("files of old runs go, their records and everything younger stay; so do scripts that are needed", async () => {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-retention-" });
  const clock = new ManualClock(Date.now());
  const kv = await Kv.open(":memory:", clock);
  try {
    const store = await ExperimentStore.open(kv, clock);
    const folders = new Folders(dir);
    const make = async (script: string) => {
      const added = await store.add(
        {
          id: newId(clock),
          title: "",
          owner: "user:anna",
          kind: "python",
          scriptSha256: await folders.keepScript(script, "python"),
          devices: [],
          limits: Limits.parse({}),
          endState: {},
          onInterrupt: "fail",
          idempotencyKey: null,
        },
        { active: 9, waiting: 9 },
        "user:anna",
      );
      assert.ok(added.ok);
      const { experiment } = added.value;
      await Deno.mkdir(folders.outputFolder(experiment.id), { recursive: true });
      return experiment;
    };
    const end = (id: string) => store.change(id, { kind: "cancel", text: "over" }, "user:anna");
    const kept = async (id: string) =>
      await Deno.stat(folders.runFolder(id)).then(() => true, () => false);
    const old = await make("print('old')");
    const forgotten = await make("print('forgotten')");
    const waiting = await make("print('waiting')");
    await end(old.id);
    await end(forgotten.id);
    await store.remove(forgotten.id, "user:anna");
    await clock.advance(10 * DAY_MS);
    const young = await make("print('young')");
    await end(young.id);

    const forever = new Retention({
      clock,
      log: silentLog,
      store,
      folders,
      days: 0,
      filesMb: 0,
      recordDays: 0,
    });
    await forever.sweep();
    assert.equal(await kept(old.id), true);

    await new Retention({
      clock,
      log: silentLog,
      store,
      folders,
      days: 7,
      filesMb: 0,
      recordDays: 0,
    })
      .sweep();
    assert.deepEqual(
      [await kept(old.id), await kept(young.id), await kept(waiting.id)],
      [false, true, true],
    );
    assert.equal((await store.get(old.id))!.state, "cancelled");
    const scripts = [...Deno.readDirSync(join(dir, "scripts"))].map(({ name }) => name).sort();
    const needed = [old, young, waiting].map((one) => `${one.scriptSha256}.py`).sort();
    assert.deepEqual(scripts, needed);
  } finally {
    kv.close();
    await Deno.remove(dir, { recursive: true });
  }
});
