import assert from "node:assert/strict";
import { join } from "node:path";
import { type Asker, type Grant, LOCK_SCOPES, LockAsk, Locks } from "../locks/mod.ts";
import { systemClock } from "../clock.ts";
import { Kv } from "../kv.ts";
import { openRig, type Rig, runs, until } from "./test_rig.ts";

const WAITS = `import time\nprint("up", flush=True)\ntime.sleep(300)`;

const bo: Asker = {
  actor: "user:bo",
  label: "Bo",
  client: null,
  asserted: false,
  may: LOCK_SCOPES,
};

async function take(
  locks: Locks,
  deviceIds: string[],
  more: Partial<LockAsk> = {},
): Promise<Grant> {
  const ask = LockAsk.parse({ deviceIds, type: "MANUAL_OPERATOR", ...more });
  const answer = await locks.request(ask, bo);
  assert.ok(answer.ok, JSON.stringify(answer));
  assert.equal(answer.value.kind, "granted");
  return (answer.value as { grant: Grant }).grant;
}

const release = (locks: Locks, { lock }: Grant) => locks.release(lock.id, { asker: bo });
const hasType = (rig: Rig, deviceId: string) => rig.locks.byDevice(deviceId).value?.type ?? null;
async function actionsOf(rig: Rig): Promise<string[]> {
  const records = await rig.locks.audit({ limit: 100, afterSeq: 0 });
  return records.map(({ action, owner }) => `${action} ${owner?.label}`);
}

runs("its reservation becomes the lock it runs under, with the same fences", async () => {
  await using rig = await openRig();
  await rig.run("print('x')", { devices: ["stirrer"] });
  assert.deepEqual(await actionsOf(rig), [
    "acquired experiment 1",
    "converted experiment 1",
    "released experiment 1",
  ]);
  const [first, second] = await rig.locks.audit({ limit: 10, afterSeq: 0 });
  assert.equal(first!.type, "QUEUE_QUEUED");
  assert.equal(second!.type, "QUEUE_EXECUTING");
  assert.deepEqual(second!.lock!.deviceIds, ["stirrer"]);
  assert.deepEqual(second!.lock!.fences, first!.lock!.fences);
});

runs(
  "an operator is asked once and may refuse: the experiment keeps its turn and says who refused",
  async () => {
    await using rig = await openRig();
    const grant = await take(rig.locks, ["stirrer"]);
    const { id } = await rig.submit("print('x')", { devices: ["stirrer"] });
    const next = await rig.submit("print('y')");
    await until("Bo is asked", () => rig.locks.byDevice("stirrer").value?.state === "revoking");
    assert.match(rig.locks.byDevice("stirrer").value!.revoke!.reason, /experiment 1 starts/);
    const asker = { asker: bo };
    assert.ok((await rig.locks.ack(grant.lock.id, asker, { yield: false })).ok);
    await rig.reach(id, "queued");
    await until(
      "it says who refused",
      () => rig.experiments.obstacle() === 'Bo refused to give up "stirrer"',
    );
    assert.equal(rig.experiments.position(id), 1, "it keeps its turn");
    // Whatever wakes the queue, Bo is left alone.
    await rig.experiments.move(next.id, 2, "user:anna");
    await rig.experiments.pause(next.id, "user:anna");
    const asked = (await actionsOf(rig)).filter((one) => one === "preempt_requested Bo");
    assert.equal(asked.length, 1);
    const over = rig.ended(id);
    await release(rig.locks, grant);
    const done = await over;
    assert.deepEqual([done.state, done.attempt], ["completed", 1]);
  },
);

runs("an operator that yields makes way at once", async () => {
  await using rig = await openRig();
  const grant = await take(rig.locks, ["stirrer"]);
  const { id } = await rig.submit("print('x')", { devices: ["stirrer"] });
  await until("Bo is asked", () => rig.locks.byDevice("stirrer").value?.state === "revoking");
  const over = rig.ended(id);
  assert.ok((await rig.locks.ack(grant.lock.id, { asker: bo }, { yield: true })).ok);
  assert.equal((await over).state, "completed");
});

runs("cancelled while an operator is asked, it asks no longer", async () => {
  await using rig = await openRig();
  await take(rig.locks, ["stirrer"]);
  const { id } = await rig.submit("print('x')", { devices: ["stirrer"] });
  await until("Bo is asked", () => rig.locks.byDevice("stirrer").value?.state === "revoking");
  const over = rig.ended(id);
  assert.ok((await rig.experiments.cancel(id, "user:anna", "never mind")).ok);
  assert.equal((await over).state, "cancelled");
  const { state, owner } = rig.locks.byDevice("stirrer").value!;
  assert.deepEqual([state, owner.label], ["held", "Bo"]);
});

runs(
  "the next one reserves what is free, and makes way for a person without its devices being moved",
  async () => {
    await using rig = await openRig();
    const lost: string[] = [];
    rig.locks.onLost((_names, actor) => lost.push(actor));
    const first = await rig.submit(WAITS, { devices: ["stirrer"] });
    const next = await rig.submit("print('x')", { devices: ["pump-inflow"] });
    await rig.says(first.id, "up");
    await until("it is reserved", () => hasType(rig, "pump-inflow") === "QUEUE_QUEUED");
    const grant = await take(rig.locks, ["pump-inflow"]);
    assert.equal((await rig.experiments.get(next.id))!.state, "queued");
    assert.deepEqual([lost, rig.devices.brought], [[], []]);
    await release(rig.locks, grant);
    await until("it is reserved again", () => hasType(rig, "pump-inflow") === "QUEUE_QUEUED");
    // Somebody else's turn is before: the reservation goes to the next one.
    await rig.experiments.pause(next.id, "user:anna");
    await until("it is free", () => hasType(rig, "pump-inflow") === null);
  },
);

for (
  const [how, more] of [
    ["maintenance", { type: "MAINTENANCE", reason: "service" }],
    ["force", { type: "QUEUE_EXECUTING", preempt: "force", reason: "a leak" }],
  ] as const
) {
  runs(
    `${how} over a run: it is held, its devices stand, and it goes on with them afterwards`,
    async () => {
      await using rig = await openRig();
      const { id } = await rig.submit(WAITS, {
        holdState: { stirrer: { duty: 5 } },
      });
      await rig.says(id, "up");
      const standing: unknown[] = [];
      rig.locks.onLost(() => standing.push(rig.devices.brought.at(-1)?.states));
      const grant = await take(rig.locks, ["stirrer", "pump-inflow"], more);
      await rig.reach(id, "holding");
      const hold = { stirrer: { duty: 5 }, "pump-inflow": "safe" };
      assert.deepEqual(standing, [hold], "they stood when the lock went");
      assert.equal(rig.experiments.isHeld(`experiment:${id}`), true);

      const refused = await rig.experiments.release(id, "user:anna");
      assert.deepEqual(refused, {
        ok: false,
        refusal: { kind: "devices-held", text: '"pump-inflow" is held by Bo' },
      });
      await release(rig.locks, grant);
      await until("it has them back", () => hasType(rig, "stirrer") === "QUEUE_EXECUTING");
      assert.equal((await rig.experiments.get(id))!.state, "holding", "a person releases it");
      const released = await rig.experiments.release(id, "user:anna");
      assert.ok(released.ok, JSON.stringify(released));
      assert.equal(released.value.state, "running");
      assert.deepEqual(rig.devices.brought.map(({ states }) => states), [hold, hold]);
    },
  );
}

runs("a held run that ends while others have its devices moves none of theirs", async () => {
  await using rig = await openRig();
  const { id } = await rig.submit(WAITS);
  await rig.says(id, "up");
  await take(rig.locks, ["pump-inflow"], { type: "MAINTENANCE" });
  await rig.reach(id, "holding");
  const over = rig.ended(id);
  await rig.experiments.cancel(id, "user:anna", "enough");
  assert.equal((await over).state, "cancelled");
  assert.deepEqual(rig.devices.brought.map(({ states }) => states), [
    { "pump-inflow": "safe" },
    { stirrer: "safe" },
  ]);
  assert.equal(hasType(rig, "pump-inflow"), "MAINTENANCE");
});

runs("a run that lost its lock while no runtime ran is held by the next one", async () => {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-lost-" });
  try {
    const at = { dir, kvPath: `${dir}/kv` };
    const first = await openRig(at);
    const { id } = await first.submit(WAITS);
    await first.says(id, "up");
    await first.close();
    {
      const kv = await Kv.open(at.kvPath, systemClock);
      const locks = await Locks.open(kv, systemClock);
      await take(locks, ["stirrer"], { preempt: "force", reason: "while it was away" });
      locks.close();
      await kv.close();
    }
    await using rig = await openRig(at);
    await rig.reach(id, "holding");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

const two = { config: { concurrency: 2 } } as const;

runs("on devices of their own two run side by side, and nobody passes one that waits", async () => {
  await using rig = await openRig(two);
  const marked = (text: string) => `print("${text}", flush=True)\n${WAITS}`;
  const stirring = await rig.submit(marked("a"), { devices: ["stirrer"] });
  await rig.says(stirring.id, "up");
  const everything = await rig.submit("print('all')");
  const pumping = await rig.submit(marked("b"), { devices: ["pump-inflow"] });
  assert.match(rig.experiments.obstacle()!, /"stirrer" is held by experiment 1/);
  // The pump is free, and who wants it stands behind one that waits for it.
  const states = async () =>
    await Promise.all(
      [stirring, everything, pumping].map(async ({ id }) => (await rig.experiments.get(id))!.state),
    );
  assert.deepEqual(await states(), ["running", "queued", "queued"]);
  // Passed over, it is in nobody's way.
  await rig.experiments.pause(everything.id, "user:anna");
  await rig.says(pumping.id, "up");
  assert.deepEqual(await states(), ["running", "paused", "running"]);
  assert.deepEqual(rig.experiments.runs().map(({ number }) => number), [1, 3]);
  assert.equal(rig.experiments.running()!.number, 1);

  const held = await rig.experiments.hold(pumping.id, "user:anna", "");
  assert.ok(held.ok);
  assert.equal(rig.experiments.isHeld(`experiment:${pumping.id}`), true);
  assert.equal(rig.experiments.isHeld(`experiment:${stirring.id}`), false);
  await rig.experiments.resume(everything.id, "user:anna");
  const over = rig.ended(everything.id);
  await rig.experiments.cancel(stirring.id, "user:anna", "");
  await rig.ended(stirring.id);
  assert.equal((await rig.experiments.get(everything.id))!.state, "queued", "the pump is not free");
  await rig.experiments.cancel(pumping.id, "user:anna", "");
  assert.equal((await over).state, "completed");
});

runs("STOP ends all that run", async () => {
  await using rig = await openRig(two);
  const ids = ["stirrer", "pump-inflow"].map(async (deviceId) => {
    const { id } = await rig.submit(WAITS, { devices: [deviceId] });
    await rig.says(id, "up");
    return id;
  });
  const overs = (await Promise.all(ids)).map((id) => rig.ended(id));
  await rig.devices.press("smoke");
  for (const over of overs) {
    assert.deepEqual((await over).error, { code: "stop", text: "STOP: smoke" });
  }
});

runs("run now ends only the run that has its devices", async () => {
  await using rig = await openRig(two);
  const stirring = await rig.submit(WAITS, { devices: ["stirrer"] });
  const pumping = await rig.submit(WAITS, { devices: ["pump-inflow"] });
  await rig.says(stirring.id, "up");
  await rig.says(pumping.id, "up");
  const { id } = await rig.submit("print('now')", { devices: ["pump-inflow"] });
  const [over, displaced] = [rig.ended(id), rig.ended(pumping.id)];
  const begun = await rig.experiments.runNow(id, "user:anna", "urgent");
  assert.ok(begun.ok);
  assert.equal((await displaced).error!.code, "displaced");
  assert.equal((await over).state, "completed");
  assert.equal((await rig.experiments.get(stirring.id))!.state, "running");
});

runs("a runtime takes up all runs that the one before it left, and each ends once", async () => {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-both-" });
  try {
    const at = { dir, kvPath: `${dir}/kv`, ...two };
    const first = await openRig(at);
    const ends = `import os, time
print("up", flush=True)
while not os.path.exists(os.path.join(os.environ["OUTPUT_DIR"], "end")):
    time.sleep(0.05)`;
    const ids: string[] = [];
    for (const deviceId of ["stirrer", "pump-inflow"]) {
      const { id } = await first.submit(ends, { devices: [deviceId] });
      await first.says(id, "up");
      ids.push(id);
    }
    await first.close();
    // Fewer may run from now on: what runs goes on, and nothing is started beside it.
    await using rig = await openRig({ ...at, config: { concurrency: 1 } });
    assert.deepEqual(rig.experiments.runs().map(({ id }) => id), ids);
    assert.deepEqual(["stirrer", "pump-inflow"].map((one) => hasType(rig, one)), [
      "QUEUE_EXECUTING",
      "QUEUE_EXECUTING",
    ]);
    const last = await rig.submit("print('last')", { devices: ["stirrer"] });
    const overs = ids.map((id) => rig.ended(id));
    for (const id of ids) {
      assert.equal((await rig.experiments.get(last.id))!.state, "queued");
      await Deno.writeTextFile(join(dir, "experiments", id, "output", "end"), "");
      const over = await overs.shift()!;
      assert.deepEqual([over.state, over.attempt], ["completed", 1]);
    }
    assert.equal((await rig.ended(last.id)).state, "completed");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

/** Every place to be killed at, or one in four. */
const STEP = Deno.env.get("HOLDFAST_LONG") === "1" ? 1 : 4;

runs(
  "killed at each step of a lock's loss and its return, a runtime leaves a run that is held or goes on",
  async () => {
    for (let killAt = 1;; killAt += STEP) {
      const dir = await Deno.makeTempDir({ prefix: "holdfast-take-" });
      const at = { dir, kvPath: `${dir}/kv` };
      const script = `import time\nprint("up", flush=True)\ntime.sleep(2)`;
      const { signal, success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          "--quiet",
          "--no-check",
          join(import.meta.dirname!, "restart_host.ts"),
          JSON.stringify({ ...at, script, killAt, maintain: true }),
        ],
        stdin: "null",
      }).output();
      assert.ok(success || signal === "SIGKILL", new TextDecoder().decode(stderr));
      {
        await using rig = await openRig(at);
        for (const { id, owner } of rig.locks.list({ type: "MAINTENANCE" }).value) {
          await rig.locks.release(id, { asker: { ...bo, ...owner } });
        }
        const [found] = (await rig.experiments.list({ limit: 1 })).experiments;
        const { id, state } = found!;
        const released = await rig.experiments.release(id, "user:anna");
        assert.equal(released.ok, state === "holding", `killed at ${killAt}, it was ${state}`);
        const ended = await rig.ended(id);
        assert.deepEqual([ended.state, ended.attempt], ["completed", 1], `killed at ${killAt}`);
        assert.deepEqual(rig.locks.holders(), []);
      }
      await Deno.remove(dir, { recursive: true });
      if (signal !== "SIGKILL") {
        assert.ok(killAt > 5, `only ${killAt} places to be killed at`);
        break;
      }
    }
  },
);
