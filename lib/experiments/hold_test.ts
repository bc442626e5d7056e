import assert from "node:assert/strict";
import { join } from "node:path";
import { accept, refuse } from "../result.ts";
import type { Experiment } from "./model.ts";
import { holdGate } from "./hold_gate.ts";
import { openRig, runs, until } from "./test_rig.ts";

const TWO_SECONDS = `import time\nprint("up", flush=True)\ntime.sleep(2)`;

runs("a held run's devices go where it declared, and end where it declared", async () => {
  await using rig = await openRig();
  const { id } = await rig.submit(TWO_SECONDS, {
    holdState: { "pump-inflow": { flow: 0.01 }, stirrer: "safe" },
    endState: { stirrer: { duty: 20 } },
  });
  await rig.says(id, "up");
  const held = await rig.experiments.hold(id, "user:anna", " a sample ");
  assert.ok(held.ok);
  assert.equal(rig.experiments.isHeld(`experiment:${id}`), true);
  assert.equal(rig.experiments.isHeld("user:anna"), false);
  // It ends by itself, held as it is.
  assert.equal((await rig.ended(id)).state, "completed");
  assert.equal(rig.experiments.isHeld(`experiment:${id}`), false);
  assert.deepEqual(rig.devices.brought.map(({ states }) => states), [
    { "pump-inflow": { flow: 0.01 }, stirrer: "safe" },
    { "pump-inflow": "safe", stirrer: { duty: 20 } },
  ]);
});

runs(
  "without a word about it, a hold leaves the stirrer alone and makes the pump safe",
  async () => {
    await using rig = await openRig();
    const { id } = await rig.submit(TWO_SECONDS);
    await rig.says(id, "up");
    const asked = async () => rig.experiments.scriptAsked((await rig.experiments.get(id))!);
    assert.equal((await asked()).holdAcknowledgedAtMs, null, "nothing to know yet");
    assert.ok((await rig.experiments.pause(id, "user:anna")).ok);
    const known = await asked();
    assert.notEqual(known.holdAcknowledgedAtMs, null);
    assert.deepEqual(await asked(), known, "the first asking counts");
    assert.ok((await rig.experiments.resume(id, "user:anna")).ok);
    // The release came after the last device stood.
    assert.deepEqual(rig.devices.brought.map(({ states }) => states), [{ "pump-inflow": "safe" }]);
    assert.equal((await rig.ended(id)).state, "completed");
  },
);

Deno.test("the gate of a held run refuses its commands and nobody else's", () => {
  const holder = { actor: "experiment:a", label: "a", sinceMs: 0, expiresAtMs: null };
  const gate = holdGate(
    {
      check: (deviceId, actor) =>
        actor === holder.actor ? accept(7) : refuse({ kind: "held", deviceId, holder }),
      holder: () => holder,
      fences: () => ({ pump: 7 }),
    },
    (actor) => actor === "experiment:a",
  );
  assert.deepEqual(
    gate.check("pump", "experiment:a"),
    refuse({ kind: "holding", deviceId: "pump" }),
  );
  assert.deepEqual(
    gate.check("pump", "user:b"),
    refuse({ kind: "held", deviceId: "pump", holder }),
  );
  assert.deepEqual([gate.holder("pump"), gate.fences()], [holder, { pump: 7 }]);
});

runs(
  "killed at each step of a hold and a release, a runtime leaves a run that the next one holds or lets go on",
  async () => {
    const seen = new Set<Experiment["state"]>();
    for (let killAt = 1;; killAt++) {
      const dir = await Deno.makeTempDir({ prefix: "holdfast-hold-" });
      const at = { dir, kvPath: join(dir, "kv") };
      const ask = { ...at, script: TWO_SECONDS, killAt, hold: true };
      const host = join(import.meta.dirname!, "restart_host.ts");
      const { signal, success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--quiet", host, JSON.stringify(ask)],
        stdin: "null",
      }).output();
      assert.ok(success || signal === "SIGKILL", new TextDecoder().decode(stderr));
      {
        await using rig = await openRig(at);
        const [found] = (await rig.experiments.list({ limit: 1 })).experiments;
        const { id, state } = found!;
        seen.add(state);
        if (state === "holding") {
          await until("it is held again", () => rig.devices.brought.length > 0);
          assert.deepEqual(rig.devices.brought[0]!.states, { "pump-inflow": "safe" });
          assert.equal(rig.experiments.isHeld(`experiment:${id}`), true);
          assert.ok((await rig.experiments.release(id, "user:anna")).ok);
        }
        const ended = await rig.ended(id);
        assert.deepEqual([ended.state, ended.attempt], ["completed", 1], `killed at ${killAt}`);
        assert.deepEqual(rig.locks.holders(), []);
      }
      await Deno.remove(dir, { recursive: true });
      if (signal !== "SIGKILL") break;
    }
    assert.ok(seen.has("holding") && seen.has("running"), [...seen].join(", "));
  },
);
