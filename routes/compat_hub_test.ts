import { Hono } from "hono";
import assert from "node:assert/strict";
import type { Principal } from "../lib/auth/model.ts";
import { limitBody } from "../lib/body_limit.ts";
import { systemClock } from "../lib/clock.ts";
import { openRig, type Rig, runs } from "../lib/experiments/test_rig.ts";
import { silentLog } from "../lib/log.ts";
import { type HoldfastEnv, problemHandler } from "../lib/http.ts";
import { hubCompat } from "./compat_hub.ts";
import { nodeRunsCompat } from "./compat_node_runs.ts";

/** As the security layer makes it of a loopback request: the session header names the owner. */
function face(rig: Rig, role: "local" | "operator" = "local") {
  const app = new Hono<HoldfastEnv>();
  app.use("*", async (c, next) => {
    const owner = c.req.header("x-session-id") ?? "browser";
    const principal: Principal = role === "local"
      ? { kind: "local", owner, role: "admin" }
      : { kind: "token", tokenId: "t", name: "web", role, scopes: [] };
    c.set("principal", principal);
    c.set("requestId", "r1");
    await next();
  });
  app.use("*", limitBody(8 * 1_048_576, systemClock));
  app.route("/", nodeRunsCompat(rig));
  app.route("/", hubCompat(rig.experiments));
  app.onError(problemHandler(silentLog));
  const ask = async (method: string, path: string, session?: string, body?: unknown) => {
    const reply = await app.request(path, {
      method,
      headers: {
        ...(session === undefined ? {} : { "x-session-id": session }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: reply.status, body: await reply.json() };
  };
  return {
    app,
    get: (path: string, session?: string) => ask("GET", path, session),
    post: (path: string, session?: string, body?: unknown) => ask("POST", path, session, body),
    del: (path: string, session?: string) => ask("DELETE", path, session),
    start: (session: string, script = "print(1)") =>
      ask("POST", "/api/experiments/start", session, { script_content: script, config: { x: 1 } }),
  };
}

const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?$/;

runs("starting gives the original's reply, and the sixth of one session is a 400", async () => {
  await using rig = await openRig({ begin: false });
  const { start } = face(rig);
  for (let n = 1; n <= 5; n++) {
    const { status, body } = await start("test-user");
    assert.equal(status, 200);
    assert.deepEqual(body, {
      experiment_id: body.experiment_id,
      status: "queued",
      queue_position: n,
      message: "Experiment added to queue",
    });
  }
  const sixth = await start("test-user");
  assert.equal(sixth.status, 400);
  assert.deepEqual(Object.keys(sixth.body), ["detail", "code"]);
  assert.equal(sixth.body.code, "active_limit");
  assert.equal((await start("somebody-else")).body.queue_position, 6);
});

runs("status has the original's members, places from 1 and stamps without a zone", async () => {
  await using rig = await openRig({ begin: false });
  const { start, get } = face(rig);
  const { body: { experiment_id: id } } = await start("test-user");
  const { status, body } = await get(`/api/experiments/${id}/status`);
  assert.equal(status, 200);
  assert.match(body.experiment.created_at, STAMP);
  assert.deepEqual(body, {
    experiment: {
      experiment_id: id,
      status: "queued",
      queue_position: 1,
      created_at: body.experiment.created_at,
      started_at: null,
      completed_at: null,
      exit_code: null,
      error_message: null,
    },
  });
  assert.deepEqual(await get("/api/experiments/nothing/status"), {
    status: 404,
    body: { detail: "Experiment not found", code: "not_found" },
  });
});

runs("the queue counts and lists what is not ended, your own session as you sent it", async () => {
  await using rig = await openRig({ begin: false });
  const { start, get, post } = face(rig);
  const one = (await start("anna-session")).body.experiment_id;
  const two = (await start("bo-session")).body.experiment_id;
  const three = (await start("anna-session")).body.experiment_id;
  await post(`/api/experiments/${two}/pause`, "bo-session");
  await post(`/api/experiments/${three}/cancel`, "anna-session");
  const { status, body } = await get("/api/queue/status", "anna-session");
  assert.equal(status, 200);
  assert.deepEqual(
    [body.total_queued, body.total_running, body.total_paused, body.estimated_wait_minutes],
    [1, 0, 1, 10],
  );
  assert.deepEqual(
    body.queue.map((e: Record<string, string>) => [e.experiment_id, e.status, e.user_session_id]),
    [[one, "queued", "anna-session"], [two, "paused", body.queue[1].user_session_id]],
  );
  assert.match(body.queue[1].user_session_id, /^[0-9a-f]{6}$/);
  assert.deepEqual(Object.keys(body.queue[0]), [
    "experiment_id",
    "user_session_id",
    "status",
    "created_at",
  ]);
});

runs("a session sees its own experiments, newest first", async () => {
  await using rig = await openRig({ begin: false });
  const { start, get } = face(rig);
  const one = (await start("anna")).body.experiment_id;
  await start("bo");
  const three = (await start("anna")).body.experiment_id;
  const { body } = await get("/api/experiments/user", "anna");
  assert.deepEqual(
    body.experiments.map((e: { experiment_id: string }) => e.experiment_id),
    [three, one],
  );
  assert.deepEqual((await get("/api/experiments/user", "nobody")).body, { experiments: [] });
});

runs(
  "cancel, pause, resume, reorder and run-now answer as the original, its errors included",
  async () => {
    await using rig = await openRig({ begin: false });
    const { start, get, post } = face(rig);
    const ids: string[] = [];
    for (let i = 0; i < 4; i++) ids.push((await start("anna")).body.experiment_id);
    const [one, two, three, four] = ids as [string, string, string, string];
    const order = async () =>
      (await get("/api/queue/status")).body.queue.map((e: { experiment_id: string }) =>
        e.experiment_id
      );
    const okay = { status: 200, success: true };
    const brief = ({ status, body }: { status: number; body: { success: boolean } }) => ({
      status,
      success: body.success,
    });
    assert.deepEqual(brief(await post(`/api/experiments/${two}/pause`, "anna")), okay);
    assert.equal((await post(`/api/experiments/${two}/pause`, "anna")).status, 400);
    assert.deepEqual(brief(await post(`/api/experiments/${two}/resume`, "anna")), okay);
    assert.equal((await post(`/api/experiments/${two}/resume`, "anna")).status, 400);
    // The legacy field counts from 0.
    assert.deepEqual(
      brief(await post(`/api/experiments/${four}/reorder?new_position=1`, "anna")),
      okay,
    );
    assert.deepEqual(await order(), [one, four, two, three]);
    await post(`/api/experiments/${one}/reorder?new_position=99`, "anna");
    assert.deepEqual(await order(), [four, two, three, one]);
    await post(`/api/experiments/${one}/reorder?new_position=-3`, "anna");
    assert.deepEqual(await order(), [one, four, two, three]);
    await post(`/api/experiments/${three}/pause`, "anna");
    assert.deepEqual(brief(await post(`/api/experiments/${three}/run-now`, "anna")), okay);
    assert.deepEqual(await order(), [three, one, four, two]);
    assert.equal((await get(`/api/experiments/${three}/status`)).body.experiment.status, "queued");
    assert.deepEqual(brief(await post(`/api/experiments/${one}/cancel`, "anna")), okay);
    assert.equal((await post(`/api/experiments/${one}/cancel`, "anna")).status, 400);
    assert.equal((await post(`/api/experiments/${one}/run-now`, "anna")).status, 400);

    for (
      const [verb, status] of [["cancel", 404], ["run-now", 404], ["pause", 400], ["resume", 400]]
    ) {
      assert.equal((await post(`/api/experiments/nothing/${verb}`)).status, status, String(verb));
    }
    assert.equal((await post("/api/experiments/nothing/reorder?new_position=1")).status, 400);
    assert.deepEqual((await post(`/api/experiments/${two}/reorder`)).body.detail, [
      { type: "missing", loc: ["query", "new_position"], msg: "Field required", input: null },
    ]);
    const text = await post(`/api/experiments/${two}/reorder?new_position=first`);
    assert.deepEqual([text.status, text.body.detail[0].type], [422, "int_parsing"]);
  },
);

runs(
  "a run's status, download, logs and results, and its removal, by the original's routes",
  async () => {
    await using rig = await openRig();
    const { app, start, get, del } = face(rig);
    const early = await start("anna", "import time\nprint('up', flush=True)\ntime.sleep(60)");
    await rig.says(early.body.experiment_id, "up");
    const running = await get(`/api/experiments/${early.body.experiment_id}/status`);
    assert.deepEqual(
      [running.body.experiment.status, running.body.experiment.queue_position],
      ["running", null],
    );
    assert.equal((await get("/api/queue/status")).body.total_running, 1);
    const waiting = (await start("anna", "raise SystemExit(3)")).body.experiment_id;
    assert.equal((await get(`/api/experiments/${waiting}/download`)).status, 404);
    assert.equal(
      (await get(`/api/experiments/${waiting}/logs`)).body.logs,
      "No container logs available",
    );
    const removed = await del(`/api/experiments/${early.body.experiment_id}`, "anna");
    assert.deepEqual(removed.body, { status: "success", message: "Experiment deleted" });
    assert.equal((await get(`/api/experiments/${early.body.experiment_id}/status`)).status, 404);
    await rig.ended(waiting);

    const { experiment } = (await get(`/api/experiments/${waiting}/status`)).body;
    assert.deepEqual([experiment.status, experiment.exit_code], ["failed", 3]);
    assert.match(experiment.error_message, /exited with code 3/);
    assert.match(experiment.started_at, STAMP);
    assert.match(experiment.completed_at, STAMP);

    const id = (await start("anna", "print('hello')\nopen('a.csv', 'w').write('x')")).body
      .experiment_id;
    await rig.ended(id);
    const logs = await get(`/api/experiments/${id}/logs?tail=5`);
    assert.equal(logs.body.status, "success");
    assert.match(logs.body.logs, /^\d{4}-\d\d-\d\dT[\d:.]+Z hello\n$/);
    assert.deepEqual((await get(`/api/experiments/${id}/results`)).body, {
      status: "success",
      results: { experiment_id: id, output_files: ["a.csv"], exit_code: 0 },
    });
    const zip = await app.request(`/api/experiments/${id}/download`);
    assert.equal(zip.headers.get("content-type"), "application/zip");
    assert.equal(
      zip.headers.get("content-disposition"),
      `attachment; filename=experiment_${id}_results.zip`,
    );
    await zip.body!.cancel();
    const { body } = await get("/api/experiments");
    assert.deepEqual(body.experiments.map((e: { status: string }) => e.status), [
      "completed",
      "failed",
    ]);
  },
);

runs("a script with a mistake is refused in the original's shape", async () => {
  await using rig = await openRig({ begin: false });
  const { start } = face(rig);
  const { status, body } = await start("anna", "if x\n");
  assert.equal(status, 422);
  assert.deepEqual(body, { detail: "Line 1: expected ':'", code: "script_rejected" });
});

Deno.test("bodies that are none, of other types or a hundred megabytes are refused as the original words it", async () => {
  await using rig = await openRig({ begin: false });
  const { app, post } = face(rig);
  assert.deepEqual((await post("/api/experiments/start", "anna", {})).body.detail, [
    { type: "missing", loc: ["body", "script_content"], msg: "Field required", input: {} },
  ]);
  const mistyped = await post("/api/experiments/start", "anna", { script_content: 5 });
  assert.deepEqual([mistyped.status, mistyped.body.detail[0].type], [422, "string_type"]);
  const raw = (body: BodyInit, headers: Record<string, string> = {}) =>
    app.request("/api/experiments/start", { method: "POST", body, headers });
  assert.equal((await raw("{")).status, 422);
  assert.equal((await raw("")).status, 422);

  let sent = 0;
  const upload = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent >= 100 * 1_048_576) return controller.close();
      sent += 1_048_576;
      controller.enqueue(new Uint8Array(1_048_576).fill(0x20));
    },
  });
  const huge = await raw(upload);
  assert.equal(huge.status, 413);
  assert.match((await huge.json()).detail, /larger than 8 MiB/);
  assert.ok(sent <= 12 * 1_048_576, `${sent} bytes were taken`);
  const announced = await raw("{}", { "content-length": String(100 * 1_048_576) });
  assert.equal(announced.status, 413);
});

runs(
  "where people log in, another's experiment is not changed by the old routes either",
  async () => {
    await using rig = await openRig({ begin: false });
    const { start, post, del } = face(rig, "operator");
    const id = (await start("anna")).body.experiment_id;
    assert.equal((await post(`/api/experiments/${id}/cancel`, "bo")).status, 403);
    assert.equal((await post(`/api/experiments/${id}/stop`, "bo")).status, 403);
    assert.equal((await del(`/api/experiments/${id}`, "bo")).status, 403);
    assert.equal((await post(`/api/experiments/${id}/stop`, "anna")).status, 200);
  },
);

runs(
  "run-now ends what runs, and its owner can read why; another's only an admin can end",
  async () => {
    await using rig = await openRig();
    const { get, post, start } = face(rig);
    const sleep = 'import time\nprint("up", flush=True)\ntime.sleep(60)';
    const first = (await start("bo", sleep)).body.experiment_id;
    await rig.says(first, "up");
    const second = (await start("anna")).body.experiment_id;
    const program = face(rig, "operator");
    const own = (await program.start("program")).body.experiment_id;
    const refused = await program.post(`/api/experiments/${own}/run-now`);
    assert.deepEqual([refused.status, refused.body.code], [403, "forbidden"]);
    assert.equal((await get(`/api/experiments/${first}/status`)).body.experiment.status, "running");
    const over = rig.ended(first);
    const done = await post(`/api/experiments/${second}/run-now`, "anna");
    assert.deepEqual([done.status, done.body.success], [200, true]);
    const ended = await over;
    assert.equal(ended.state, "cancelled");
    assert.match(ended.error!.text, /was run now: asked for with Run Now on the old interface/);
    assert.equal((await rig.ended(second)).state, "completed");
  },
);
