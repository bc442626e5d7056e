import assert from "node:assert/strict";
import { type Exchange, smartemRig } from "./smartem_rig.ts";

const HOLES = [900, 901, 902, 903];

Deno.test("people and pipelines over the native API, on a session an agent told of", async (t) => {
  await using rig = await smartemRig();
  const { must } = rig;
  async function native(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Exchange> {
    const reply = await rig.instrument.ask(`/api/v1/epu${path}`, {
      method,
      headers: { "content-type": "application/json", ...headers },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
    });
    return { status: reply.status, body: await reply.json(), headers: reply.headers };
  }
  async function ok(status: number, method: string, path: string, body?: unknown) {
    const found = await native(method, path, body);
    assert.equal(found.status, status, `${method} ${path}: ${JSON.stringify(found.body)}`);
    return found.body;
  }
  await must(201, "POST", "/acquisitions", { uuid: "a1", name: "Night" });
  await must(201, "POST", "/acquisitions/a1/grids", {
    uuid: "g1",
    name: "Night",
    acquisition_uuid: "a1",
  });
  await must(201, "POST", "/grids/g1/gridsquares/batch", {
    gridsquares: [500, 501].map((id) => ({
      uuid: `s${id}`,
      gridsquare_id: String(id),
      grid_uuid: "g1",
      selected: true,
    })),
  });
  await must(
    201,
    "POST",
    "/gridsquares/s500/foilholes",
    HOLES.map((id) => ({
      uuid: `h${id}`,
      foilhole_id: String(id),
      gridsquare_id: "500",
      gridsquare_uuid: "s500",
    })),
  );
  await must(201, "POST", "/foilholes/h900/micrographs", {
    uuid: "m1",
    foilhole_id: "900",
    manifest_file: "FoilHole_900_Data_17_6_20260121_104915.xml",
  });

  await t.step("results by any name, once; statistics and trends of them", async () => {
    const ask = { ctf: { maxResolutionA: 3.5 }, motion: { totalA: 20, averageA: 0.4 } };
    const key = { "idempotency-key": "job-1" };
    const path = "/micrographs/FoilHole_900_Data_17_6_20260121_104915/results";
    const first = await native("POST", path, ask, key);
    assert.deepEqual([first.status, first.body.status, first.body.repeated], [
      200,
      "ctf completed",
      false,
    ]);
    assert.equal((await native("POST", path, ask, key)).body.repeated, true);
    assert.equal((await ok(200, "POST", "/micrographs/m1/results", ask)).repeated, true);
    const other = await native("POST", path, { motion: { totalA: 1, averageA: 1 } }, key);
    assert.deepEqual([other.status, other.body.errors[0].path], [422, "Idempotency-Key"]);
    assert.equal((await native("POST", path, {})).status, 422);
    const { metrics, squares } = await ok(200, "GET", "/acquisitions/a1/statistics");
    assert.deepEqual(
      metrics.map((one: Record<string, unknown>) => [one.metric, one.count, one.mean]),
      [["totalMotion", 1, 20], ["ctfResolution", 1, 3.5]],
    );
    assert.equal(squares[0].squareId, 500);
    const trend = (square: number) =>
      ok(200, "GET", `/acquisitions/a1/trends?metric=ctfResolution&square=${square}`);
    assert.deepEqual((await trend(500)).points.map((one: { value: number }) => one.value), [3.5]);
    assert.deepEqual((await trend(501)).points, []);
  });

  const proposalOf = async () => {
    const snapshot = { basedOnRevision: Number.MAX_SAFE_INTEGER, expiresAtMs: Date.now() + 1e7 };
    const posted = await ok(200, "POST", "/acquisitions/a1/proposals", {
      authority: "service",
      version: "1",
      proposals: [{ kind: "squareOrder", targetIds: [501, 500], ...snapshot }],
    });
    return posted.proposed[0].proposal;
  };

  await t.step("what a stranger proposes is shown and cannot be approved", async () => {
    const proposal = await proposalOf();
    assert.deepEqual([proposal.state, proposal.role], ["waiting", "shadow"]);
    const { items } = await ok(200, "GET", "/acquisitions/a1/proposals?state=waiting");
    assert(items.some(({ id }: { id: string }) => id === proposal.id));
    const approved = await native(
      "POST",
      `/acquisitions/a1/proposals/${proposal.id}/approve`,
      {},
    );
    assert.deepEqual([approved.status, approved.body.code], [409, "not_open"]);
  });

  await t.step("the manual plan is proposed; edited, approved, and in the log", async () => {
    assert.equal(
      (await native("PATCH", "/acquisitions/a1/decision-settings", { acting: "nobody" })).status,
      422,
    );
    const settings = await ok(200, "PATCH", "/acquisitions/a1/decision-settings", {
      acting: "manual",
      plan: { squares: [500, 501], holes: [] },
    });
    assert.deepEqual([settings.acting, settings.settings.channel], ["manual", "record"]);
    await ok(200, "POST", "/acquisitions/a1/proposals/refresh");
    const { items } = await ok(200, "GET", "/acquisitions/a1/proposals?standing=true");
    const own = items.find((one: { authority: string }) => one.authority === "manual");
    assert.equal(own.state, "waiting");
    const path = `/acquisitions/a1/proposals/${own.id}`;
    assert.equal((await native("POST", `${path}/approve`, { targetIds: [777] })).status, 422);
    const decision = await ok(200, "POST", `${path}/approve`, {
      targetIds: [501, 500],
      note: "thin ice first",
    });
    assert.deepEqual([decision.outcome, decision.edited, decision.targetIds], [
      "approved",
      true,
      [501, 500],
    ]);
    assert.equal((await native("POST", `${path}/reject`, {})).status, 409);
    const log = await ok(200, "GET", "/acquisitions/a1/decisions");
    assert.deepEqual(log.items.map((one: { note: string }) => one.note), ["thin ice first"]);
    const { baseline } = await ok(200, "GET", "/acquisitions/a1/comparison");
    assert.equal(baseline, "epu-order");
  });

  await t.step(
    "pause, go on, close, reopen; the switch of automatic approval; a note",
    async () => {
      const state = async (act: string) =>
        (await ok(200, "POST", `/acquisitions/a1/${act}`, { reason: "test" })).state;
      assert.equal(await state("pause"), "paused");
      assert.equal((await native("POST", "/acquisitions/a1/pause", {})).status, 409);
      assert.equal(await state("resume"), "started");
      assert.equal(await state("close"), "completed");
      assert.equal(await state("reopen"), "started");
      const { automation } = await ok(200, "PUT", "/automation", { off: true, reason: "drift" });
      assert.equal(automation.off, true);
      const noted = await ok(200, "PUT", "/acquisitions/a1/squares/500/note", { note: "cracked" });
      assert.equal(noted.note, "cracked");
    },
  );

  await t.step("agents and what they are told; what is not there is said so", async () => {
    await must(200, "POST", "/debug/sessions/create", { session_id: "n1", agent_id: "epu-1" });
    const told = await ok(201, "POST", "/agents/epu-1/sessions/n1/instructions", {
      type: "agent.status.request",
    });
    const { sessions } = await ok(200, "GET", "/agents");
    assert.deepEqual([sessions[0].session.id, sessions[0].waiting], ["n1", 1]);
    assert.equal(
      (await ok(200, "POST", `/instructions/${told.id}/cancel`)).state,
      "cancelled",
    );
    assert.equal((await native("POST", `/instructions/${told.id}/cancel`)).status, 409);
    assert.equal((await ok(200, "GET", "/agents/epu-1/instructions")).items.length, 1);
    assert.deepEqual((await ok(200, "GET", "/outbox")).consumers, []);
    assert.equal((await native("GET", "/acquisitions/a1/validation")).status, 404);
  });

  await t.step("an acquisition is deleted by its name, and its grid is gone with it", async () => {
    const wrong = await native("DELETE", "/acquisitions/a1?confirm=Day");
    assert.deepEqual([wrong.status, wrong.body.errors[0].path], [422, "confirm"]);
    assert((await ok(200, "DELETE", "/acquisitions/a1?confirm=Night")).removed > 5);
    await must(404, "GET", "/grids/g1");
  });
  assert.deepEqual(rig.instrument.complaints, []);
});
