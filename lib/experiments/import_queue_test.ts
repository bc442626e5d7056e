import assert from "node:assert/strict";
import { ownerOf } from "./owner.ts";
import { readQueueFile } from "./queue_file.ts";
import { openRig, runs } from "./test_rig.ts";

const entry = (id: string, status: string, more: Record<string, unknown> = {}) => ({
  experiment_id: id,
  user_session_id: "7f3a-anna",
  script_content: `print("${id} {}")`,
  status,
  created_at: "2026-01-25T20:34:58.120411",
  started_at: null,
  completed_at: null,
  exit_code: null,
  error_message: null,
  priority: 0,
  ...more,
});

/** As the original hub writes it: everything, in place, indented by two. */
const FILE = JSON.stringify(
  {
    experiments: {
      "done": entry("done", "completed", {
        started_at: "2026-01-25T20:35:00",
        completed_at: "2026-01-25T20:36:00.5",
        exit_code: 0,
      }),
      "bad": entry("bad", "failed", { error_message: "Traceback", exit_code: 1 }),
      "ran": entry("ran", "running", { started_at: "2026-01-25T20:37:00" }),
      "first": entry("first", "queued"),
      "second": entry("second", "paused"),
      "third": entry("third", "queued"),
      "odd": entry("odd", "sleeping"),
      "empty": entry("empty", "queued", { script_content: "" }),
      "when": entry("when", "queued", { created_at: "yesterday" }),
      "broken": entry("broken", "queued", { script_content: "print(" }),
      "other": entry("another", "queued"),
      "text": "what is this",
    },
    queue_order: ["done", "third", "first", "second", "third", "gone", "empty", "broken"],
  },
  null,
  2,
);

runs(
  "the original's queue is taken over: order, pauses, ends and owners; bad entries come back; twice is once",
  async () => {
    await using rig = await openRig({ begin: false, config: { activeLimit: 1 } });
    const { imported, repeated, quarantined } = await rig.experiments.import(FILE, "user:admin");
    assert.deepEqual(imported.map(({ id, state }) => [id, state]), [
      ["done", "completed"],
      ["bad", "failed"],
      ["ran", "interrupted"],
      ["third", "queued"],
      ["first", "queued"],
      ["second", "paused"],
    ]);
    assert.equal(repeated, 0);
    const reasons = Object.fromEntries(quarantined.map(({ id, reason }) => [id, reason]));
    assert.deepEqual(Object.keys(reasons).sort(), [
      "broken",
      "empty",
      "gone",
      "odd",
      "other",
      "text",
      "when",
    ]);
    assert.match(reasons.odd!, /^status: /);
    assert.match(reasons.when!, /"yesterday" is not a time/);
    assert.match(reasons.broken!, /Line 1/);
    assert.match(reasons.other!, /calls itself "another"/);
    const waiting = await rig.experiments.queue();
    assert.deepEqual(waiting.map(({ state }) => state), ["queued", "queued", "paused"]);
    const owner = ownerOf({ kind: "local", owner: "x", role: "admin" }, "7f3a-anna");
    const page = await rig.experiments.list({ owner, limit: 10 });
    assert.equal(page.experiments.length, 6);
    const done = page.experiments.find(({ state }) => state === "completed")!;
    assert.equal(done.endedAtMs! - done.startedAtMs!, 60_500);
    assert.equal(done.createdAtMs, new Date(2026, 0, 25, 20, 34, 58, 120).getTime());
    assert.equal(await rig.experiments.script(done), `print("done {}")`);
    assert.equal(
      page.experiments.find(({ state }) => state === "failed")!.error!.text,
      "Traceback",
    );

    const again = await rig.experiments.import(FILE, "user:admin");
    assert.deepEqual([again.imported, again.repeated], [[], 6]);
    assert.equal(again.quarantined.length, quarantined.length);
    assert.equal((await rig.experiments.queue()).length, 3);
  },
);

Deno.test("cut off anywhere, the file gives every entry before the cut and says what is missing", () => {
  const whole = readQueueFile(FILE);
  const ids = new Set([...whole.experiments, ...whole.quarantined].map(({ id }) => id));
  let kept = 0;
  for (let at = 0; at < FILE.length; at += 7) {
    const { experiments, quarantined } = readQueueFile(FILE.slice(0, at));
    for (const one of experiments) {
      const full = whole.experiments.find(({ id }) => id === one.id);
      assert.deepEqual(one, full, `cut at ${at}: an entry is whole or it is not taken`);
    }
    for (const { id } of quarantined) assert.ok(id === "" || ids.has(id), `${id} at ${at}`);
    assert.ok(experiments.length >= kept, `cut at ${at}: a longer file never gives less`);
    kept = experiments.length;
  }
  assert.equal(kept, whole.experiments.length);
  const cut = readQueueFile(FILE.slice(0, FILE.indexOf('"third"') + 40));
  assert.deepEqual(cut.experiments.map(({ id }) => id), ["done", "bad", "ran", "first", "second"]);
  assert.deepEqual(cut.quarantined.map(({ id, reason }) => [id, reason]), [
    ["third", "the file is cut off in it"],
  ]);
});

Deno.test("what is no queue of the original at all is given back whole", () => {
  for (const text of ["", "null", "[]", "{}", "\0\0\0\0", `{"experiments": 3}`]) {
    const { experiments, quarantined } = readQueueFile(text);
    assert.deepEqual(experiments, []);
    assert.equal(quarantined.length, 1, text);
  }
  assert.deepEqual(readQueueFile(`{"experiments": {}, "queue_order": []}`), {
    experiments: [],
    quarantined: [],
  });
});
