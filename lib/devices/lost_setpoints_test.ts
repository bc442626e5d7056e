import assert from "node:assert/strict";
import { Rig } from "../../tests/agents/open_devices.ts";
import { type Bench, TestActuator } from "../../tests/agents/test_driver.ts";

const RUN = "experiment:01";
const bench = {
  main: (on: Bench) => [
    new TestActuator("stirrer", on, { bus: "pwm" }),
    new TestActuator("led", on, { bus: "gpio" }),
  ],
};

/** A run that holds both devices and has set them. */
async function running(): Promise<Rig> {
  const rig = await Rig.open(bench);
  for (const id of ["stirrer", "led"]) rig.gate.grant(id, RUN);
  await rig.settle(rig.set("stirrer", 30, RUN));
  await rig.settle(rig.set("led", 15, RUN));
  return rig;
}
const lost = (rig: Rig) =>
  rig.devices.lostSetpoints.list().map(({ deviceId, args }) => [deviceId, args.duty]);
const output = (rig: Rig, id: string) => rig.agents.bench("main").outputs.get(id);

/** The agent dies and lives again. */
async function agentDies(rig: Rig): Promise<void> {
  const back = new Promise<void>((resolve) => {
    const stop = rig.devices.onReturn(() => {
      stop();
      resolve();
    });
  });
  rig.agents.kill("main");
  await rig.settle(back);
}

Deno.test("what a run had set is lost with its agent, and restored under the same lease", async () => {
  await using rig = await running();
  assert.deepEqual(lost(rig), []);
  await agentDies(rig);
  assert.equal(output(rig, "stirrer"), 0, "an agent begins with its devices safe");
  assert.deepEqual(lost(rig), [["stirrer", 30], ["led", 15]]);
  assert.ok(rig.devices.lostSetpoints.list()[0]!.lostForMs! > 0);
  const restored = await rig.settle(rig.devices.lostSetpoints.restore("stirrer"));
  assert.ok(restored.ok);
  assert.deepEqual([output(rig, "stirrer"), output(rig, "led")], [30, 0]);
  const [event] = await rig.events("device.restored");
  assert.deepEqual([event!.subject, event!.actor, event!.text], ["stirrer", RUN, "set: duty 30"]);
  assert.deepEqual(lost(rig), [["led", 15]]);
  await agentDies(rig);
  assert.deepEqual(
    lost(rig),
    [["stirrer", 30], ["led", 15]],
    "lost again, it can be restored again",
  );
});

Deno.test("what a run had set outlives the runtime, whether it ended in order or not", async () => {
  await using rig = await running();
  await rig.settle(rig.devices.close());
  assert.equal(output(rig, "stirrer"), 0);
  await rig.begin();
  assert.deepEqual(lost(rig), [["stirrer", 30], ["led", 15]]);
  assert.equal(rig.devices.lostSetpoints.list()[0]!.lostForMs, null, "how long ago nobody saw");
  assert.ok((await rig.settle(rig.devices.lostSetpoints.restore("led"))).ok);
  assert.equal(output(rig, "led"), 15);
});

Deno.test("what somebody moved since is not restored: a newer command, a stop, an end state, another lease", async () => {
  const since: [string, (rig: Rig) => Promise<unknown>][] = [
    ["a newer command", (rig) => rig.set("stirrer", 12, RUN)],
    ["a stop", (rig) => rig.devices.stop("user:anna", "smoke")],
    ["a lost lease", (rig) => rig.devices.leaseLost(["stirrer"], RUN)],
    ["an end state", (rig) => rig.devices.bring({ stirrer: { duty: 5 } }, RUN, "it ended")],
    ["safe", (rig) => rig.devices.bring({ stirrer: "safe" }, RUN, "it ended")],
  ];
  for (const [what, act] of since) {
    for (const when of ["before", "after"]) {
      await using rig = await running();
      if (when === "after") await agentDies(rig);
      await rig.settle(act(rig));
      const standing = output(rig, "stirrer");
      if (when === "before") await agentDies(rig);
      const expected = what === "a newer command" && when === "before" ? 12 : undefined;
      assert.equal(
        new Map(lost(rig) as [string, number][]).get("stirrer"),
        expected,
        `${what} ${when}`,
      );
      if (expected !== undefined) continue;
      assert.equal((await rig.settle(rig.devices.lostSetpoints.restore("stirrer"))).ok, false);
      assert.equal(output(rig, "stirrer"), when === "before" ? 0 : standing, `${what} ${when}`);
    }
  }
});

Deno.test("under another lease, and for one that holds nothing any more, nothing is restored", async () => {
  await using rig = await running();
  await agentDies(rig);
  rig.gate.grant("stirrer", RUN);
  const renewed = await rig.settle(rig.devices.lostSetpoints.restore("stirrer"));
  assert.equal(renewed.ok === false && renewed.refusal.kind, "stale-fence");
  rig.gate.holders.delete("led");
  const free = await rig.settle(rig.devices.lostSetpoints.restore("led"));
  assert.equal(free.ok === false && free.refusal.kind, "not-held");
  assert.deepEqual([output(rig, "stirrer"), output(rig, "led")], [0, 0]);
});

Deno.test("a run that asked for something else while its device was away does not get the old back", async () => {
  await using rig = await running();
  rig.agents.kill("main");
  await rig.pass(10);
  const refused = await rig.set("stirrer", 0, RUN);
  assert.equal(refused.ok === false && refused.refusal.kind, "offline");
  const same = await rig.set("led", 15, RUN);
  assert.equal(same.ok === false && same.refusal.kind, "offline");
  await rig.pass(20_000);
  assert.deepEqual(lost(rig), [["led", 15]]);
  const [event] = await rig.events("device.not_restored");
  assert.match(event!.text, /set: duty 30; is not restored: set: duty 0 was asked for/);
});

Deno.test("what is given up is told once and gone for good", async () => {
  await using rig = await running();
  await agentDies(rig);
  await rig.devices.lostSetpoints.giveUp("stirrer", "it was lost for 75 s");
  await rig.devices.lostSetpoints.giveUp("stirrer", "again");
  await rig.devices.lostSetpoints.giveUp("nobody", "again");
  const events = await rig.events("device.not_restored");
  assert.deepEqual(events.map(({ subject }) => subject), ["stirrer"]);
  assert.deepEqual(lost(rig), [["led", 15]]);
  await rig.settle(rig.devices.close());
  await rig.begin();
  assert.deepEqual(lost(rig), [["led", 15]]);
});

Deno.test("people's setpoints and those that ended by themselves are nobody's to restore", async () => {
  await using rig = await Rig.open(bench);
  await rig.settle(rig.set("stirrer", 30));
  rig.gate.grant("led", RUN);
  await rig.settle(rig.set("led", 20, RUN));
  await rig.settle(rig.set("led", 0, RUN));
  await agentDies(rig);
  assert.deepEqual(lost(rig), []);
});
