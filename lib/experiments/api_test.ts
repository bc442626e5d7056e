import { OpenAPIHono } from "@hono/zod-openapi";
import assert from "node:assert/strict";
import type { Principal } from "../auth/model.ts";
import { type HoldfastEnv, problemHandler } from "../http.ts";
import { silentLog } from "../log.ts";
import { experimentsApi } from "./api.ts";
import { openRig, type Rig, runs } from "./test_rig.ts";

const anna: Principal = { kind: "user", name: "anna", role: "operator" };
const bo: Principal = { kind: "user", name: "bo", role: "operator" };
const admin: Principal = { kind: "user", name: "root", role: "admin" };

function face(rig: Rig) {
  let principal: Principal = anna;
  const app = new OpenAPIHono<HoldfastEnv>();
  app.use("*", async (c, next) => {
    c.set("principal", principal);
    c.set("requestId", "r1");
    c.set("remoteAddress", "127.0.0.1");
    await next();
  });
  app.route("/api/v1", experimentsApi(rig.experiments));
  app.onError(problemHandler(silentLog));
  return {
    app,
    as: (who: Principal) => {
      principal = who;
    },
    get: (path: string, headers: Record<string, string> = {}) =>
      app.request(`/api/v1${path}`, { headers }),
    post: (path: string, body?: unknown, headers: Record<string, string> = {}) =>
      app.request(`/api/v1${path}`, {
        method: "POST",
        headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
  };
}

runs(
  "an experiment is submitted, read by id and by number, listed and cancelled over HTTP",
  async () => {
    await using rig = await openRig({ begin: false });
    const { get, post } = face(rig);
    const submitted = await post("/experiments", { script: "print(1)", title: "One" });
    assert.equal(submitted.status, 201);
    const made = await submitted.json();
    assert.equal(submitted.headers.get("location"), `/api/v1/experiments/${made.id}`);
    assert.deepEqual(
      [made.number, made.title, made.state, made.position, made.ownerLabel],
      [1, "One", "queued", 1, "anna"],
    );
    for (const hidden of ["idempotencyKey", "rank", "process"]) assert.equal(hidden in made, false);
    assert.deepEqual(await (await get(`/experiments/${made.id}`)).json(), made);
    assert.deepEqual(await (await get("/experiments/1")).json(), made);
    const list = await (await get("/experiments?owner=me&state=queued,running")).json();
    assert.deepEqual(list, { experiments: [made], next: null });
    assert.equal((await post(`/experiments/${made.id}/pause`)).status, 202);
    assert.equal((await (await post("/experiments/1/resume")).json()).state, "queued");
    const cancelled = await post("/experiments/1/cancel", { reason: "the wrong medium" });
    assert.equal(cancelled.status, 202);
    assert.deepEqual((await cancelled.json()).error, { code: "cancel", text: "the wrong medium" });
    const again = await post("/experiments/1/cancel");
    assert.equal(again.status, 409);
    assert.deepEqual(
      [(await again.json()).current, again.headers.get("content-type")],
      ["cancelled", "application/problem+json"],
    );
  },
);

runs("a repeated submission under one key makes one experiment", async () => {
  await using rig = await openRig({ begin: false });
  const { post } = face(rig);
  const key = { "idempotency-key": "abc" };
  const first = await post("/experiments", { script: "print(1)" }, key);
  const second = await post("/experiments", { script: "print(1)" }, key);
  assert.deepEqual([first.status, second.status], [201, 200]);
  assert.equal((await first.json()).id, (await second.json()).id);
  const other = await post("/experiments", { script: "print(2)" }, key);
  assert.equal(other.status, 422);
  const problem = await other.json();
  assert.equal(problem.type, "/problems/invalid-request");
  assert.match(problem.detail, /"Idempotency-Key": was used for another experiment, number 1/);
});

runs(
  "a key is one experiment's: not another body's, not another user's, and one of many at once",
  async () => {
    await using rig = await openRig({ begin: false, config: { activeLimit: 20 } });
    const { post, as } = face(rig);
    const key = { "idempotency-key": "k1" };
    const script = '# parameters: {"n": {"type": "integer", "default": 1}}\nprint(1)';
    const body = { script, title: "One", parameters: { n: 1 }, limits: { wallMs: 1000 } };
    const made = await (await post("/experiments", body, key)).json();
    for (
      const other of [
        { parameters: { n: 2 } },
        { limits: { wallMs: 2000 } },
        { onInterrupt: "resume" },
        { endState: { stirrer: { duty: 1 } } },
        { holdState: { stirrer: "safe" } },
        { devices: ["stirrer"] },
      ]
    ) {
      const reply = await post("/experiments", { ...body, ...other }, key);
      assert.equal(reply.status, 422, JSON.stringify(other));
      assert.match((await reply.json()).detail, /used for another experiment, number 1/);
    }
    // What the script's default says is the same as saying it.
    const { parameters: _, ...brief } = body;
    assert.equal((await (await post("/experiments", brief, key)).json()).id, made.id);
    as(bo);
    const theirs = await post("/experiments", body, key);
    assert.equal(theirs.status, 201);
    assert.notEqual((await theirs.json()).id, made.id);
    const at = { "idempotency-key": "k2" };
    const many = await Promise.all(
      Array.from(
        { length: 12 },
        (_, i) => post("/experiments", { ...body, parameters: { n: i % 2 } }, at),
      ),
    );
    const statuses = many.map(({ status }) => status).sort();
    assert.deepEqual([statuses[0], statuses.filter((one) => one === 201).length], [200, 1]);
    assert.equal(
      statuses.filter((one) => one === 422).length,
      6,
      "the other half asked for another",
    );
    const ids = new Set<string>();
    for (const reply of many) {
      if (reply.ok) ids.add((await reply.json()).id);
      else await reply.body?.cancel();
    }
    assert.equal(ids.size, 1);
  },
);

runs("parameters that are huge or nested without end are refused at once", async () => {
  await using rig = await openRig({ begin: false });
  const { app } = face(rig);
  const nested = "[".repeat(500_000) + "]".repeat(500_000);
  for (
    const parameters of [
      `{"a": ${nested}}`,
      `{"a": "${"x".repeat(20_000)}"}`,
      `{${Array.from({ length: 5000 }, (_, i) => `"k${i}": 1`).join(",")}}`,
    ]
  ) {
    for (const member of ["parameters", "endState", "holdState"]) {
      const reply = await app.request("/api/v1/experiments", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: `{"script": "print(1)", "${member}": ${parameters}}`,
      });
      assert.equal(reply.status, 422);
      assert.equal((await reply.text()).length < 20_000, true, "what is wrong is told in short");
    }
  }
});

runs("a script's mistakes come back with their lines", async () => {
  await using rig = await openRig({ begin: false });
  const { post } = face(rig);
  const refused = await post("/experiments", { script: "a = 1\nb = = 2\n" });
  assert.equal(refused.status, 422);
  const problem = await refused.json();
  assert.equal(problem.type, "/problems/script-rejected");
  assert.equal(problem.errors[0].line, 2);
});

Deno.test("malformed, mistyped and unknown things are refused with what is wrong", async () => {
  await using rig = await openRig({ begin: false });
  const { app, get, post } = face(rig);
  const raw = (body: string, type = "application/json") =>
    app.request("/api/v1/experiments", { method: "POST", headers: { "content-type": type }, body });
  assert.equal((await raw("{")).status, 400);
  assert.equal((await raw('{"script":1}')).status, 422);
  assert.equal((await raw('{"script":"x","colour":"red"}')).status, 422);
  assert.equal((await raw('{"script":"x","limits":{"memoryMb":"much"}}')).status, 422);
  assert.equal((await raw("")).status, 400);
  for (const path of ["?limit=0", "?limit=x", "?cursor=-1", "?state=asleep"]) {
    assert.equal((await get(`/experiments${path}`)).status, 422, path);
  }
  for (const path of ["", "/log", "/files", "/files/x", "/archive.zip", "/data", "/script"]) {
    const missing = await get(`/experiments/01J0000000000000000000000A${path}`);
    assert.equal(missing.status, 404, path);
    assert.equal((await missing.json()).type, "/problems/experiment-unknown", path);
  }
  assert.equal((await post("/experiments/99/cancel")).status, 404);
});

runs("only its owner or an admin changes an experiment; everybody reads it", async () => {
  await using rig = await openRig({ begin: false });
  const { app, as, get, post } = face(rig);
  await post("/experiments", { script: "print(1)" });
  as(bo);
  assert.equal((await get("/experiments/1")).status, 200);
  for (
    const [path, body] of [
      ["cancel", undefined],
      ["pause", undefined],
      ["move", { position: 1 }],
      ["run-now", {}],
    ] as const
  ) {
    assert.equal((await post(`/experiments/1/${path}`, body)).status, 403, path);
  }
  assert.equal((await app.request("/api/v1/experiments/1", { method: "DELETE" })).status, 403);
  as(admin);
  assert.equal((await app.request("/api/v1/experiments/1", { method: "DELETE" })).status, 409);
  assert.equal((await post("/experiments/1/cancel")).status, 202);
  assert.equal((await app.request("/api/v1/experiments/1", { method: "DELETE" })).status, 204);
  assert.equal((await get("/experiments/1")).status, 404);
});

runs(
  "the queue has a version, and a move in another queue than the one seen is refused",
  async () => {
    await using rig = await openRig({ begin: false });
    const { get, post } = face(rig);
    for (let i = 0; i < 3; i++) await post("/experiments", { script: `print(${i})` });
    const queue = await get("/queue");
    const etag = queue.headers.get("etag")!;
    const { waiting, running, obstacle } = await queue.json();
    assert.deepEqual(waiting.map((one: { number: number }) => one.number), [1, 2, 3]);
    assert.deepEqual([running, obstacle], [null, null]);
    assert.equal(
      (await post("/experiments/3/move", { position: 1 }, { "if-match": etag })).status,
      202,
    );
    const stale = await post("/experiments/2/move", { position: 1 }, { "if-match": etag });
    assert.equal(stale.status, 412);
    const after = await (await get("/queue")).json();
    assert.deepEqual(after.waiting.map((one: { number: number }) => one.number), [3, 1, 2]);
  },
);

runs(
  "while a script runs its log is followed, its files and numbers are read, and its phase is told",
  async () => {
    await using rig = await openRig();
    const { app, get, post } = face(rig);
    const { id } = await (await post("/experiments", {
      script: `
import os, time
with open("experiment_data.csv", "w") as file:
    file.write("timestamp,elapsed_s,temperature\\n")
    for i in range(3):
        file.write("2026-01-25T20:35:1%d.000Z,%d,2%d.5\\n" % (i, i, i))
print("grün", flush=True)
while not os.path.exists("enough"):
    time.sleep(0.02)
print("last", flush=True)
`,
    })).json();
    await rig.says(id, "grün");
    const data = await (await get(`/experiments/${id}/data?columns=temperature`)).json();
    assert.deepEqual(data.columns, [{
      name: "temperature",
      unit: "°C",
      values: [20.5, 21.5, 22.5],
    }]);
    assert.deepEqual(data.elapsedMs, [0, 1000, 2000]);
    const { files } = await (await get(`/experiments/${id}/files`)).json();
    assert.deepEqual(files.map((f: { path: string }) => f.path), ["experiment_data.csv"]);
    const part = await get(`/experiments/${id}/files/experiment_data.csv`, { range: "bytes=0-8" });
    assert.deepEqual([part.status, await part.text()], [206, "timestamp"]);
    assert.equal((await get(`/experiments/${id}/files/..%2Flog.txt`)).status, 404);
    assert.equal((await get(`/experiments/${id}/files/%2Fetc%2Fpasswd`)).status, 404);
    const phase = await (await post(`/experiments/${id}/phase`, { phase: "lag" })).json();
    assert.equal(phase.phase, "lag");
    assert.equal((await post(`/experiments/${id}/notes`, { text: "inoculated" })).status, 202);

    const sse = await app.request(`/api/v1/experiments/${id}/log?follow=true`, {
      headers: { accept: "text/event-stream" },
    });
    assert.equal(sse.headers.get("content-type"), "text/event-stream");
    const events = sse.body!.pipeThrough(new TextDecoderStream()).getReader();
    assert.equal((await events.read()).value, 'event: log\nid: 6\ndata: "grün\\n"\n\n');
    const plain = await get(`/experiments/${id}/log?follow=1&from=6`);
    assert.equal(
      (await get(`/experiments/${id}/log?tail=1`)).headers.get("content-type"),
      "text/plain; charset=utf-8",
    );
    Deno.writeTextFileSync(`${rig.dir}/experiments/${id}/output/enough`, "");
    assert.equal(await plain.text(), "last\n");
    assert.equal((await events.read()).value, 'event: log\nid: 11\ndata: "last\\n"\n\n');
    assert.equal((await events.read()).value, "event: end\ndata: null\n\n");
    await rig.ended(id);
    assert.equal(await (await get(`/experiments/${id}/log`)).text(), "grün\nlast\n");
    assert.equal(await (await get(`/experiments/${id}/log?from=6`)).text(), "last\n");
    assert.match(
      await (await get(`/experiments/${id}/log?tail=1&stamps=true`)).text(),
      /^\d{4}-\d\d-\d\dT[\d:.]+Z last\n$/,
    );
    const zip = await get(`/experiments/${id}/archive.zip`);
    assert.equal(zip.headers.get("content-type"), "application/zip");
    assert.match(zip.headers.get("content-disposition")!, /experiment_1_results\.zip/);
    assert.equal(new TextDecoder().decode((await zip.bytes()).slice(0, 2)), "PK");
    assert.match(await (await get(`/experiments/${id}/script`)).text(), /while not os/);
    assert.equal((await post(`/experiments/${id}/phase`, { phase: "late" })).status, 409);
  },
);

runs(
  "run-now puts an experiment first and cancels the running one, its owner willing",
  async () => {
    await using rig = await openRig();
    const { as, get, post } = face(rig);
    const sleep = "import time\nprint('up', flush=True)\ntime.sleep(300)";
    const first = await (await post("/experiments", { script: sleep })).json();
    await rig.says(first.id, "up");
    as(bo);
    await post("/experiments", { script: "print('waits')" });
    const third = await (await post("/experiments", { script: "print('now')" })).json();
    assert.equal((await post("/experiments/3/run-now", {})).status, 403);
    as(admin);
    assert.equal((await post("/experiments/3/run-now", {})).status, 422, "it must say why");
    const notices: { subject: string; text: string }[] = [];
    rig.kv.onEvents((events) =>
      notices.push(...events.filter(({ type }) => type === "experiment.displaced"))
    );
    assert.equal((await post("/experiments/3/run-now", { reason: "it dies" })).status, 202);
    const displaced = await rig.ended(first.id);
    assert.equal(displaced.state, "cancelled");
    assert.equal(displaced.error!.code, "displaced");
    assert.equal(displaced.error!.text, "experiment 3 was run now: it dies");
    assert.deepEqual(notices.map(({ subject, text }) => [subject, text]), [[
      first.id,
      "experiment 1: experiment 3 was run now: it dies; it is cancelled",
    ]]);
    const done = await rig.ended(third.id);
    assert.equal(done.state, "completed");
    await rig.ended((await (await get("/experiments/2")).json()).id);
  },
);

runs(
  "a dry run over the API says what would be queued, and wrong values are told by name",
  async () => {
    await using rig = await openRig({ begin: false });
    const { get, post } = face(rig);
    const script = '# parameters: {"n": {"type": "integer", "default": 2}}\nprint(1)';
    const dry = await post("/experiments", { script, dryRun: true });
    assert.equal(dry.status, 200);
    const { dryRun, parameters, declared, queuePosition } = await dry.json();
    assert.deepEqual([dryRun, parameters, queuePosition], [true, { n: 2 }, 1]);
    assert.deepEqual(declared, { n: { type: "integer", default: 2 } });
    assert.deepEqual((await (await get("/queue")).json()).waiting, []);
    const wrong = await post("/experiments", { script, parameters: { n: "two" } });
    assert.equal(wrong.status, 422);
    const { code, errors } = await wrong.json();
    assert.deepEqual([code, errors[0].path, errors[0].in], [
      "invalid_request",
      "parameters.n",
      "json",
    ]);
  },
);

runs("a displaced run that is to be run again comes right behind what displaced it", async () => {
  await using rig = await openRig();
  const { get, post } = face(rig);
  const script = `
import os, time
print("up", os.environ["ATTEMPT"], flush=True)
open("mark" + os.environ["ATTEMPT"], "w").close()
time.sleep(300 if os.environ["ATTEMPT"] == "1" else 0)
`;
  const first = await (await post("/experiments", { script })).json();
  await rig.says(first.id, "up");
  const order: number[] = [];
  rig.experiments.onChange(({ state, number }) => {
    if (state === "running") order.push(number);
  });
  await post("/experiments", { script: "print('third')" });
  const now = await (await post("/experiments", { script: "print('now')" })).json();
  const third = rig.ended((await (await get("/experiments/2")).json()).id);
  await post(`/experiments/${now.id}/run-now`, { requeue: true });
  await third;
  const again = (await rig.experiments.get(first.id))!;
  assert.deepEqual([again.state, again.attempt, again.error], ["completed", 2, null]);
  assert.deepEqual(order, [3, 1, 2]);
  const files = (await rig.experiments.files(first.id)).map(({ path }) => path);
  assert.deepEqual(files, ["mark2"], "a run that begins anew begins with an empty folder");
});

runs(
  "a run's numbers are given as JSON, CSV and Parquet, with what was asked wrong told by name",
  async () => {
    await using rig = await openRig();
    const { get } = face(rig);
    const done = await rig.run(`
with open("experiment_data.csv", "w") as file:
    file.write("timestamp,temperature\\n")
    for i in range(5):
        file.write("2026-01-25T20:35:1%d.000Z,%d\\n" % (i, 20 + i))
`);
    assert.equal(done.state, "completed", done.log);
    const data = `/experiments/${done.id}/data`;
    const json = await (await get(`${data}?from=2026-01-25T20:35:12Z&to=2026-01-25T20:35:14Z`))
      .json();
    assert.deepEqual(json.columns, [{ name: "temperature", unit: "°C", values: [22, 23] }]);
    const csv = await get(`${data}?format=csv&every=2&fromElapsedMs=1000`);
    assert.match(csv.headers.get("content-disposition")!, /experiment_1_data\.csv/);
    assert.equal(
      await csv.text(),
      "timestamp,elapsed_s,temperature\n2026-01-25T20:35:11.000Z,1,21\n2026-01-25T20:35:13.000Z,3,23\n",
    );
    const parquet = await get(`${data}?format=parquet`);
    assert.equal(parquet.headers.get("content-type"), "application/vnd.apache.parquet");
    const bytes = new Uint8Array(await parquet.arrayBuffer());
    assert.equal(new TextDecoder().decode(bytes.subarray(0, 4)), "PAR1");
    // Given up before a byte was read: nothing stays open, which the test's own check of resources sees.
    await (await get(`${data}?format=csv`)).body!.cancel();
    for (const wrong of ["format=xlsx", "from=yesterday", "every=0", "toElapsedMs=-1"]) {
      assert.equal((await get(`${data}?${wrong}`)).status, 422, wrong);
    }
    const local = await rig.run(
      `open("experiment_data.csv", "w").write("time,x\\n2026-01-25 20:35:11,1\\n")`,
    );
    const refused = await get(`/experiments/${local.id}/data?from=2026-01-25T20:35:12Z`);
    assert.equal(refused.status, 422);
    assert.match(JSON.stringify(await refused.json()), /does not know the zone/);
    const none = await rig.run("print(1)");
    assert.equal((await get(`/experiments/${none.id}/data?format=csv`)).status, 404);
  },
);

runs("a long queue comes in pages, each with its own estimates", async () => {
  await using rig = await openRig({ begin: false });
  const { get, post } = face(rig);
  for (let i = 1; i <= 5; i++) {
    await post("/experiments", { script: "print(1)", title: `${i}`, limits: { wallMs: 60_000 } });
  }
  const seen: [string, number, number][] = [];
  let query = "?limit=2";
  for (let pages = 1;; pages++) {
    const page = await (await get(`/queue${query}`)).json();
    assert.equal(page.waitingCount, 5);
    assert.equal(Object.keys(page.estimates).length, page.waiting.length);
    for (const one of page.waiting) {
      seen.push([one.title, one.position, page.estimates[one.id].waitMs]);
    }
    if (page.next === null) {
      assert.equal(pages, 3);
      break;
    }
    query = `?limit=2&cursor=${page.next}`;
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5].map((n) => [`${n}`, n, (n - 1) * 60_000]));
  for (const wrong of ["limit=0", "limit=1001", "cursor=x"]) {
    assert.equal((await get(`/queue?${wrong}`)).status, 422, wrong);
  }
});

runs(
  "the queue says how long each waits, from declared or measured durations, and null where nobody knows",
  async () => {
    await using rig = await openRig();
    const { get, post } = face(rig);
    const measured = "import time\ntime.sleep(0.3)";
    const { id: first } = await (await post("/experiments", { script: measured })).json();
    await rig.ended(first);
    const sleep = "import time\nprint('up', flush=True)\ntime.sleep(300)";
    const ask = async (script: string, wallMs: number | null = null) =>
      (await (await post("/experiments", { script, limits: { wallMs } })).json()).id as string;
    const running = await ask(sleep, 400_000);
    await rig.says(running, "up");
    const known = await ask(measured);
    const declared = await ask(sleep, 60_000);
    const unknown = await ask("print('who knows')");
    const { estimates } = await (await get("/queue")).json();
    assert.equal(estimates[running].basis, "declared");
    const left = estimates[running].waitMs;
    assert.ok(left > 300_000 && left < 400_000, String(left));
    assert.equal(estimates[known].basis, "measured");
    const median = estimates[known].durationMs;
    assert.ok(median >= 300 && median < 10_000, String(median));
    assert.equal(estimates[known].waitMs, left);
    assert.deepEqual(estimates[declared], {
      durationMs: 60_000,
      basis: "declared",
      waitMs: left + median,
    });
    assert.deepEqual(estimates[unknown], {
      durationMs: null,
      basis: null,
      waitMs: left + median + 60_000,
    });
    await post(`/experiments/${unknown}/move`, { position: 1 });
    await post(`/experiments/${known}/pause`);
    const after = (await (await get("/queue")).json()).estimates;
    assert.equal(after[declared].waitMs, null, "behind one that nobody knows");
    await rig.experiments.hold(running, "user:anna", "");
    const held = (await (await get("/queue")).json()).estimates;
    assert.equal(held[running].waitMs, null);
    for (const id of [known, declared, unknown]) await post(`/experiments/${id}/cancel`);
  },
);

Deno.test("every route is described with an answer and an example a reader can try", async () => {
  await using rig = await openRig({ begin: false });
  const { app } = face(rig);
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "t", version: "1" },
  });
  const paths = Object.keys(document.paths ?? {});
  assert.ok(paths.includes("/api/v1/experiments/{id}/files/{path}"), paths.join(" "));
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (
      const [method, operation] of Object.entries(
        item as Record<
          string,
          { summary?: string; requestBody?: { content: Record<string, { example?: unknown }> } }
        >,
      )
    ) {
      assert.ok(operation.summary, `${method} ${path}`);
      for (const content of Object.values(operation.requestBody?.content ?? {})) {
        assert.ok(content.example !== undefined, `${method} ${path}`);
      }
    }
  }
});
