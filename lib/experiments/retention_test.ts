import assert from "node:assert/strict";
import { join } from "node:path";
import { ManualClock } from "../clock.ts";
import { Kv } from "../kv.ts";
import { newId } from "../ids.ts";
import { Folders } from "./folders.ts";
import { Limits } from "./model.ts";
import { Retention } from "./retention.ts";
import { ExperimentStore } from "./store.ts";
import { silent } from "./test_rig.ts";

const DAY_MS = 86_400_000;

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

    const forever = new Retention({ clock, log: silent, store, folders, days: 0 });
    await forever.sweep();
    assert.equal(await kept(old.id), true);

    await new Retention({ clock, log: silent, store, folders, days: 7 }).sweep();
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
