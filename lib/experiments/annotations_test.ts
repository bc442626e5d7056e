import { OpenAPIHono } from "@hono/zod-openapi";
import assert from "node:assert/strict";
import type { Principal } from "../auth/model.ts";
import { systemClock } from "../clock.ts";
import { type HoldfastEnv, problemHandler } from "../http.ts";
import type { HoldfastEvent } from "../events.ts";
import { silentLog } from "../log.ts";
import { experimentsApi } from "./api.ts";
import { annotationsKey } from "./keys.ts";
import { ExperimentStore } from "./store.ts";
import { openRig, type Rig } from "./test_rig.ts";

const anna: Principal = { kind: "user", name: "anna", role: "operator" };

function face(rig: Rig) {
  const app = new OpenAPIHono<HoldfastEnv>();
  app.use("*", async (c, next) => {
    c.set("principal", anna);
    c.set("requestId", "r1");
    await next();
  });
  app.route("/api/v1", experimentsApi(rig.experiments));
  app.onError(problemHandler(silentLog));
  return async (path: string, body?: unknown) => {
    const reply = await app.request(`/api/v1/experiments${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const isJson = reply.headers.get("content-type")?.includes("json") ?? false;
    return { status: reply.status, body: isJson ? await reply.json() : await reply.text() };
  };
}

/** A rig with one experiment that ended elsewhere: no script has to run for it. */
async function withEnded() {
  const rig = await openRig({ begin: false });
  const store = await ExperimentStore.open(rig.kv, systemClock);
  const nowMs = systemClock.nowMs();
  const { experiment } = await store.addEnded(
    {
      id: "01JQZ3T5V8Y2K4M6N8P0R2S4T6",
      title: "Growth",
      owner: "user:anna",
      kind: "python",
      scriptSha256: "0".repeat(64),
      devices: [],
      limits: { wallMs: null, cpuS: null, memoryMb: 512, outputMb: 2048, logMb: 50, processes: 64 },
      endState: {},
      onInterrupt: "fail",
      idempotencyKey: "elsewhere",
      createdAtMs: nowMs - 60_000,
    },
    {
      state: "completed",
      startedAtMs: nowMs - 50_000,
      endedAtMs: nowMs - 10_000,
      exitCode: 0,
      error: null,
    },
    "user:anna",
  );
  return { rig, store, experiment };
}

Deno.test("annotations are kept in the order of their moments, each with an event and its author", async () => {
  const { rig, experiment } = await withEnded();
  await using _ = rig;
  const ask = face(rig);
  const events: HoldfastEvent[] = [];
  rig.kv.onEvents((some) => events.push(...some));
  const late = await ask("/1/annotations", { text: " sample taken " });
  assert.equal(late.status, 201);
  assert.equal(late.body.text, "sample taken");
  assert.equal(late.body.actor, "user:anna");
  assert.equal(late.body.atMs, late.body.createdAtMs);
  const atMs = experiment.startedAtMs! + 1000;
  const early = await ask(`/${experiment.id}/annotations`, { atMs, text: "inoculated" });
  assert.equal(early.body.atMs, atMs);
  const { status, body } = await ask("/1/annotations");
  assert.equal(status, 200);
  assert.deepEqual(body, { annotations: [early.body, late.body] });
  assert.deepEqual(
    events.map(({ type, subject, actor, text }) => [type, subject, actor, text]),
    [
      ["experiment.annotation", experiment.id, "user:anna", "experiment 1: sample taken"],
      ["experiment.annotation", experiment.id, "user:anna", "experiment 1: inoculated"],
    ],
  );
  assert.deepEqual(events[1]!.data!.annotation, early.body);
});

Deno.test("an annotation outside the experiment's time, without words or too long is refused", async () => {
  const { rig, experiment } = await withEnded();
  await using _ = rig;
  const ask = face(rig);
  const wrongs = [
    { text: "   " },
    { text: "x".repeat(501) },
    { text: "before", atMs: experiment.createdAtMs - 1 },
    { text: "ahead", atMs: systemClock.nowMs() + 3_600_000 },
    { text: "half", atMs: experiment.createdAtMs + 0.5 },
    { text: "x", colour: "red" },
  ];
  for (const wrong of wrongs) {
    const { status, body } = await ask("/1/annotations", wrong);
    assert.equal(status, 422, JSON.stringify(wrong));
    assert.equal(body.type, "/problems/invalid-request");
  }
  assert.equal(
    (await ask("/99/annotations", { text: "x" })).body.type,
    "/problems/experiment-unknown",
  );
  assert.equal((await ask("/99/annotations")).status, 404);
  assert.deepEqual((await ask("/1/annotations")).body, { annotations: [] });
});

Deno.test("twenty people annotate at once and none of their words is lost, until no more can be kept", async () => {
  const { rig, experiment } = await withEnded();
  await using _ = rig;
  const { id } = experiment;
  const add = (text: string) => rig.experiments.annotate(id, { text }, "user:anna");
  const words = Array.from({ length: 20 }, (_, n) => `word ${n}`);
  const added = await Promise.all(words.map(add));
  assert(added.every(({ ok }) => ok));
  const kept = (await rig.experiments.annotations(id)).map(({ text }) => text);
  assert.deepEqual(kept.toSorted(), words.toSorted());
  let refused = await add("ü".repeat(500));
  for (let n = 0; refused.ok && n < 200; n++) refused = await add("ü".repeat(500));
  assert(!refused.ok && refused.refusal.kind === "full");
  const count = (await rig.experiments.annotations(id)).length;
  assert.equal(refused.refusal.count, count);
  const { status, body } = await face(rig)("/1/annotations", { text: "ü".repeat(500) });
  assert.deepEqual([status, body.type], [413, "/problems/too-large"]);
});

Deno.test("annotations stand in the archive and go with their experiment", async () => {
  const { rig, store, experiment } = await withEnded();
  await using _ = rig;
  const { id } = experiment;
  const archive = async () => {
    const zip = await new Response(await rig.experiments.archive(experiment)).bytes();
    return new TextDecoder("latin1").decode(zip);
  };
  assert(!(await archive()).includes("annotations.json"));
  await rig.experiments.annotate(id, { text: "a bubble at the sensor" }, "user:anna");
  const zip = await archive();
  assert(zip.includes("annotations.json"));
  assert.match(zip, /"text": "a bubble at the sensor"/);
  assert((await store.remove(id, "user:anna")).ok);
  assert.equal(await rig.kv.get(annotationsKey(id)), null);
  const after = await rig.experiments.annotate(id, { text: "too late" }, "user:anna");
  assert(!after.ok && after.refusal.kind === "unknown");
});
