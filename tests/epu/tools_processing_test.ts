import assert from "node:assert/strict";
import { ManualClock } from "../../lib/clock.ts";
import {
  postResult,
  processAcquisition,
  resultsOf,
  SmartemCaller,
  type WorkflowAsk,
} from "../../lib/epu/tools/mod.ts";

const BODIES: Readonly<Record<string, readonly string[]>> = {
  motion_correction: ["total_motion", "average_motion"],
  ctf_estimation: ["ctf_max_res"],
};

/** Speaks the paths of the SmartEM interface that processing needs; refuses what is no number. */
function smartem(micrographs: string[]) {
  const posted: string[] = [];
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (request) => {
      const path = new URL(request.url).pathname;
      const lists: Record<string, unknown[]> = {
        "/acquisitions/a/grids": [{ uuid: "g" }],
        "/grids/g/gridsquares": [{ uuid: "s" }],
        "/gridsquares/s/foilholes": [{ uuid: "h" }],
        "/foilholes/h/micrographs": micrographs.map((m) => ({
          uuid: m,
          micrograph_id: `epu-${m}`,
        })),
      };
      if (request.method === "GET") return Response.json(lists[path]);
      const [, , uuid = "", step] = path.split("/");
      const body = await request.json() as Record<string, unknown>;
      const names = step === undefined ? Object.keys(body) : BODIES[step]!;
      const isSound = names.every((name) =>
        typeof body[name] === "number" && body[name] as number >= 0
      );
      if (!isSound) return Response.json({ detail: "no number" }, { status: 422 });
      posted.push(`${uuid} ${step ?? Object.keys(body).join()}`);
      return Response.json({}, { status: step === undefined ? 200 : 202 });
    },
  );
  return {
    api: new SmartemCaller(`http://127.0.0.1:${server.addr.port}/`),
    posted,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const ASK: Omit<WorkflowAsk, "clock"> = {
  scenario: "mixed",
  seed: 1,
  invalid: false,
  acquisitionUuid: "a",
  delayMs: 0,
  countMax: Infinity,
  followMs: null,
};

Deno.test("an acquisition is processed micrograph by micrograph, in the order of the work", async () => {
  await using backend = smartem(["m1", "m2"]);
  const results = await Array.fromAsync(
    processAcquisition(backend.api, { ...ASK, clock: new ManualClock() }),
  );
  assert(results.every(({ isOk }) => isOk));
  assert.deepEqual(backend.posted.slice(0, 4), [
    "m1 motion_correction",
    "m1 ctf_estimation",
    "m1 number_of_particles_picked",
    "m1 number_of_particles_selected,number_of_particles_rejected",
  ]);
  assert.equal(backend.posted.length, 8);
});

Deno.test("following, micrographs that appear later are processed, and each once", async () => {
  const micrographs = ["m1"];
  await using backend = smartem(micrographs);
  const clock = new ManualClock();
  const results = processAcquisition(backend.api, {
    ...ASK,
    followMs: 5000,
    countMax: 2,
    clock,
  });
  for (let i = 0; i < 4; i++) await results.next();
  micrographs.push("m2", "m3");
  const next = results.next();
  // The wait begins once the list was asked for again.
  let isNext = false;
  next.then(() => isNext = true);
  while (!isNext) await clock.advance(5000);
  assert.equal((await next).value?.micrograph.uuid, "m2");
  const rest = await Array.fromAsync(results);
  assert.equal(rest.length, 3);
  assert.equal(backend.posted.length, 8);
});

Deno.test("invalid results count as right when they are refused", async () => {
  await using backend = smartem(["m1"]);
  const micrograph = { uuid: "m1", micrographId: "epu-m1" };
  for (const kind of ["motion", "ctf", "picking", "selection"] as const) {
    const posted = await postResult(backend.api, micrograph, kind, { ...ASK, invalid: true });
    assert.deepEqual([posted.status, posted.isOk], [422, true]);
  }
  assert.deepEqual(backend.posted, []);
});

Deno.test("the seed and EPU's id decide the results; poor ones move more and resolve less", () => {
  const mean = (scenario: "good" | "poor", of: (r: ReturnType<typeof resultsOf>) => number) => {
    const values = Array.from(
      { length: 200 },
      (_, i) => of(resultsOf(`m${i}`, { ...ASK, scenario })),
    );
    assert(values.every((value) => value >= 0));
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  assert.deepEqual(resultsOf("m1", ASK), resultsOf("m1", ASK));
  assert.notDeepEqual(resultsOf("m1", ASK), resultsOf("m1", { ...ASK, seed: 2 }));
  assert(mean("poor", (r) => r.totalMotionA) > 2 * mean("good", (r) => r.totalMotionA));
  assert(mean("poor", (r) => r.ctfMaxResolutionA) > 2 * mean("good", (r) => r.ctfMaxResolutionA));
  assert(mean("poor", (r) => r.selected) < mean("good", (r) => r.selected) / 2);
});
