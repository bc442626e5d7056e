import assert from "node:assert/strict";
import { runs } from "../../lib/experiments/test_rig.ts";
import { openFaces } from "./original_faces.ts";

const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?$/;

runs("on the node's port a run goes by the node's exchanges from start to deletion", async () => {
  await using faces = await openFaces();
  const { ask, rig } = faces;
  const script = "import time\nprint('up', flush=True)\nopen('a.csv', 'w').write('x')\n" +
    "time.sleep(60)";
  const started = await ask("node", "POST", "/api/experiments/start", {
    body: { script_content: script, experiment_id: "exp-7" },
  });
  assert.deepEqual(started, {
    status: 200,
    body: { status: "success", experiment_id: "exp-7", message: "Experiment started" },
  });
  const { id } = (await rig.experiments.list({ limit: 1 })).experiments[0]!;
  await rig.says(id, "up");
  const status = async () => (await ask("node", "GET", "/api/experiments/exp-7/status")).body;
  const running = await status();
  assert.deepEqual(running, {
    status: "success",
    experiment: {
      experiment_id: "exp-7",
      status: "running",
      start_time: running.experiment.start_time,
      end_time: null,
      exit_code: null,
      error_message: null,
    },
  });
  assert.match(running.experiment.start_time, STAMP);
  const logs = await ask("node", "GET", "/api/experiments/exp-7/logs?tail=10");
  assert.match(logs.body.logs, /^\d{4}-\d\d-\d\dT[\d:.]+Z up\n$/);
  assert.deepEqual((await ask("node", "GET", "/api/experiments/exp-7/results")).body, {
    status: "success",
    results: { experiment_id: "exp-7", output_files: ["a.csv"], exit_code: null },
  });

  // The same again, as a client sends that lost the answer, starts nothing.
  const again = await ask("node", "POST", "/api/experiments/start", {
    body: { script_content: script, experiment_id: "exp-7" },
  });
  assert.deepEqual(again, started);
  assert.equal((await rig.experiments.list({ limit: 5 })).experiments.length, 1);

  assert.deepEqual(await ask("node", "POST", "/api/experiments/exp-7/stop"), {
    status: 200,
    body: { status: "success", message: "Experiment stopped" },
  });
  await rig.experiments.whenEnded(id, 20_000);
  const stopped = (await status()).experiment;
  assert.equal(stopped.status, "stopped");
  assert.match(stopped.end_time, STAMP);
  const list = await ask("node", "GET", "/api/experiments");
  assert.deepEqual(list.body, {
    status: "success",
    experiments: [{
      experiment_id: "exp-7",
      status: "stopped",
      start_time: stopped.start_time,
      end_time: stopped.end_time,
    }],
  });
  const zip = await faces.fetch("node", "/api/experiments/exp-7/download");
  assert.equal(zip.headers.get("content-type"), "application/zip");
  assert.equal(
    zip.headers.get("content-disposition"),
    "attachment; filename=experiment_exp-7_results.zip",
  );
  await zip.body!.cancel();

  // An ended one keeps its name until it is deleted.
  const taken = await ask("node", "POST", "/api/experiments/start", {
    body: { script_content: "print(1)", experiment_id: "exp-7" },
  });
  assert.deepEqual(taken, {
    status: 409,
    body: { detail: 'There is an experiment "exp-7" already', code: "experiment_exists" },
  });
  assert.deepEqual((await ask("node", "DELETE", "/api/experiments/exp-7")).body, {
    status: "success",
    message: "Experiment deleted",
  });
  assert.deepEqual(await ask("node", "GET", "/api/experiments/exp-7/status"), {
    status: 404,
    body: { detail: "Experiment not found", code: "not_found" },
  });
  const anew = await ask("node", "POST", "/api/experiments/start", {
    body: { script_content: "print(1)", experiment_id: "exp-7" },
  });
  assert.equal(anew.body.experiment_id, "exp-7");
});

runs("without a name of its own a run has ours, and what waits is starting", async () => {
  await using faces = await openFaces({ begin: false });
  const { ask } = faces;
  const started = await ask("node", "POST", "/api/experiments/start", {
    body: { script_content: "print(1)", experiment_id: null },
  });
  const { experiment_id: id } = started.body;
  assert.match(id, /^[0-9A-HJKMNP-TV-Z]{26}$/);
  const { body } = await ask("node", "GET", `/api/experiments/${id}/status`);
  assert.deepEqual([body.experiment.experiment_id, body.experiment.status], [id, "starting"]);
  assert.equal(
    (await ask("node", "GET", `/api/experiments/${id}/logs`)).body.logs,
    "No container logs available",
  );
  assert.equal((await ask("node", "GET", `/api/experiments/${id}/download`)).status, 404);
});

runs("the same path is the hub's on the hub's and the web's port", async () => {
  await using faces = await openFaces({ begin: false });
  const { ask } = faces;
  for (const face of ["hub", "web"] as const) {
    const { body } = await ask(face, "POST", "/api/experiments/start", {
      body: { script_content: "print(1)", experiment_id: "chosen" },
    });
    assert.equal(body.status, "queued");
    const shown = await ask(face, "GET", `/api/experiments/${body.experiment_id}/status`);
    assert.deepEqual(Object.keys(shown.body), ["experiment"]);
    assert.equal(shown.body.experiment.queue_position, body.queue_position);
  }
  assert.equal((await ask("hub", "GET", "/api/experiments/chosen/status")).status, 404);
});

runs(
  "a name nobody can use in a path, one that is another's, and a bad body are refused",
  async () => {
    await using faces = await openFaces({ begin: false, role: "operator" });
    const { ask } = faces;
    const start = (session: string, body: unknown) =>
      ask("node", "POST", "/api/experiments/start", { session, body });
    const name = await start("anna", { script_content: "print(1)", experiment_id: "a/b" });
    assert.deepEqual([name.status, name.body.detail[0].loc], [422, ["body", "experiment_id"]]);
    assert.deepEqual((await start("anna", {})).body.detail, [
      { type: "missing", loc: ["body", "script_content"], msg: "Field required", input: {} },
    ]);
    assert.equal((await start("anna", { script_content: "if x\n" })).status, 422);
    const body = { script_content: "print(1)", experiment_id: "mine" };
    assert.equal((await start("anna", body)).status, 200);
    assert.equal((await start("bo", body)).status, 409);
    for (const [method, path] of [["POST", "/stop"], ["DELETE", ""]] as const) {
      const refused = await ask(
        "node",
        method,
        `/api/experiments/mine${path}`,
        { session: "bo" },
      );
      assert.equal(refused.status, 403, method);
    }
  },
);

runs("of twenty that ask for one name at once, one has it", async () => {
  await using faces = await openFaces({ begin: false });
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      faces.ask("node", "POST", "/api/experiments/start", {
        session: `s${i}`,
        body: { script_content: "print(1)", experiment_id: "one" },
      })),
  );
  const statuses = answers.map(({ status }) => status).sort();
  assert.deepEqual(statuses, [200, ...Array(19).fill(409)]);
  assert.equal((await faces.rig.experiments.queue()).length, 1);
  const waiting = (await faces.rig.experiments.queue())[0]!;
  const { body } = await faces.ask("node", "GET", "/api/experiments/one/status");
  assert.equal(body.experiment.status, "starting");
  assert.equal((await faces.rig.experiments.get(waiting.id))?.idempotencyKey, "node:one");
});

Deno.test("the node says what it is at its root, and the others leave the root to the pages", async () => {
  await using faces = await openFaces({ begin: false });
  assert.deepEqual(await faces.ask("node", "GET", "/"), {
    status: 200,
    body: {
      service: "Bioreactor Node API",
      version: "3.0.0",
      status: "operational",
      docs: "/docs",
      health: "/health",
    },
  });
  for (const face of ["hub", "web"] as const) {
    assert.equal((await faces.fetch(face, "/")).status, 404, "no route of the originals");
  }
});
