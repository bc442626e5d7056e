import assert from "node:assert/strict";
import { openRig, runs } from "./test_rig.ts";

runs("a script that uses up its CPU time is failed, and that is the reason", async () => {
  await using rig = await openRig();
  const alone = await rig.run("while True: pass", { limits: { cpuS: 1 } as never });
  assert.deepEqual([alone.state, alone.error], [
    "failed",
    { code: "cpu", text: "it used more CPU time than its limit of 1 s" },
  ]);
  // Shared out between processes, none of which has used a second of its own.
  const many = await rig.run(
    `
import os, time
for _ in range(40):
    if os.fork() == 0:
        end = time.process_time() + 0.2
        while time.process_time() < end: pass
        os._exit(0)
    os.wait()
print("did it all")
`,
    { limits: { cpuS: 2 } as never },
  );
  assert.equal(many.error?.code, "cpu", many.log);
  assert.doesNotMatch(many.log, /did it all/);
});

runs("the time in which a run is held does not count to its wall clock", async () => {
  await using rig = await openRig();
  const wallMs = 1500;
  const { id } = await rig.submit(
    `import time\nprint("up", flush=True)\ntime.sleep(${
      wallMs / 500
    })\nprint("later", flush=True)\ntime.sleep(600)`,
    { limits: { wallMs } as never },
  );
  await rig.says(id, "up");
  assert.ok((await rig.experiments.hold(id, "user:anna", "a sample")).ok);
  // Longer than its limit by far: held, it does not end.
  await rig.says(id, "later");
  assert.equal((await rig.experiments.get(id))!.state, "holding");
  const over = rig.ended(id);
  const released = await rig.experiments.release(id, "user:anna");
  assert.ok(released.ok && released.value.heldMs >= wallMs, "and that is on record");
  const ended = await over;
  assert.deepEqual([ended.state, ended.error!.code], ["timed_out", "wall"]);
  const ranMs = ended.endedAtMs! - ended.startedAtMs! - ended.heldMs;
  assert.ok(ranMs >= wallMs - 300, `it ran ${ranMs} ms`);
});
