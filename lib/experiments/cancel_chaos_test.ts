import assert from "node:assert/strict";
import { isTerminal } from "./model.ts";
import { isAlive, type ProcessId } from "./processes.ts";
import { openRig, processesWith, runs } from "./test_rig.ts";

const long = Deno.env.get("HOLDFAST_LONG") === "1";
const times = long ? 300 : 12;

runs(
  `cancelled at ${times} random instants, a run of 100 ms ends in exactly one state with nothing left`,
  async () => {
    await using rig = await openRig();
    const ends: Record<string, number> = {};
    for (let i = 0; i < times; i++) {
      const terminal: string[] = [];
      const supervisors: ProcessId[] = [];
      const { id } = await rig.submit("import time\ntime.sleep(0.1)");
      const stop = rig.experiments.onChange((one) => {
        if (one.id !== id) return;
        if (one.process !== null) supervisors.push(one.process);
        if (isTerminal(one.state)) terminal.push(one.state);
      });
      const over = rig.ended(id);
      await new Promise((done) => setTimeout(done, Math.random() * 350));
      const cancelled = await rig.experiments.cancel(id, "user:anna", "chance");
      const ended = await over;
      stop();
      assert.deepEqual(terminal.filter((state) => state !== ended.state), []);
      // Taken in time it ends as cancelled, whatever the script did; refused, as the script ended.
      assert.equal(ended.state, cancelled.ok ? "cancelled" : "completed");
      assert.deepEqual(rig.locks.holders(), []);
      assert.equal(rig.tokens.has(id), false);
      assert.equal(supervisors.some(isAlive), false);
      assert.deepEqual(processesWith(id), []);
      ends[ended.state] = (ends[ended.state] ?? 0) + 1;
    }
    assert.ok((ends.cancelled ?? 0) > 0, JSON.stringify(ends));
  },
);
