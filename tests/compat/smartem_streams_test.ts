import assert from "node:assert/strict";
import { EventReader, type SmartemRig, smartemRig } from "./smartem_rig.ts";

const STREAM = "/agent/epu-1/session/s1/instructions/stream";

async function session({ must }: SmartemRig): Promise<void> {
  await must(200, "POST", "/debug/sessions/create", { session_id: "s1", agent_id: "epu-1" });
}

function order({ must }: SmartemRig, type: string, priority: string) {
  return must(200, "POST", "/debug/session/s1/create-instruction", {
    instruction_type: type,
    priority,
  });
}

Deno.test("an agent's stream: by rank, again until it is confirmed, one stream a session", async (t) => {
  await using rig = await smartemRig();
  const { must } = rig;
  await session(rig);
  const types = async (stream: EventReader, count: number) => {
    const found: unknown[] = [];
    while (found.length < count) {
      found.push((await stream.next("instruction"))!.data.instruction_type);
    }
    return found;
  };

  const ids = new Map<string, string>();
  await t.step("what waits comes first, the most pressing before", async () => {
    for (const [type, priority] of [["a", "low"], ["b", "normal"], ["c", "urgent"]]) {
      ids.set(type!, (await order(rig, type!, priority!)).instruction_id);
    }
    const stream = await EventReader.open(rig.url + STREAM);
    assert.deepEqual(await types(stream, 3), ["c", "b", "a"]);
    await stream.close();
  });

  await t.step("a stream opened anew brings what was not confirmed, and nothing else", async () => {
    const ack = (type: string) => `/agent/epu-1/session/s1/instructions/${ids.get(type)}/ack`;
    const first = await EventReader.open(rig.url + STREAM);
    assert.deepEqual(await types(first, 3), ["c", "b", "a"]);
    await must(200, "POST", ack("b"), { status: "received" });
    await must(200, "POST", ack("c"), { status: "failed", error_message: "no stage" });
    const again = await EventReader.open(rig.url + STREAM, { "last-event-id": ids.get("a")! });
    assert.deepEqual(await types(again, 1), ["a"]);
    assert.equal(await first.next("instruction"), null, "the older stream has ended");
    await order(rig, "d", "normal");
    assert.deepEqual(await types(again, 1), ["d"]);
    const list = await must(200, "GET", "/debug/session/s1/instructions");
    const status = Object.fromEntries(
      list.instructions.map((
        one: { instruction_type: string; status: string },
      ) => [one.instruction_type, one.status]),
    );
    assert.deepEqual(status, { a: "sent", b: "acknowledged", c: "failed", d: "sent" });
    await again.close();
  });

  await t.step(
    "an unknown session, another agent's, one that ended: an error and the end",
    async () => {
      for (const path of ["/agent/epu-1/session/no", "/agent/other/session/s1"]) {
        const stream = await EventReader.open(`${rig.url}${path}/instructions/stream`);
        const error = (await stream.next("error"))!.data;
        assert.equal(error.error, "session_validation_failed");
        assert.equal(await stream.next("error"), null);
        await stream.close();
      }
      const open = await EventReader.open(rig.url + STREAM);
      await open.next("connection");
      await must(200, "DELETE", "/debug/sessions/s1/close");
      assert.equal(await open.next("nothing"), null);
      await open.close();
      assert.deepEqual((await must(200, "GET", "/debug/agent-connections")).total_count, 0);
      await must(404, "POST", "/agent/epu-1/session/s1/heartbeat");
    },
  );

  await t.step("acknowledgements are refused for their own reasons, never with 500", async () => {
    await must(200, "POST", "/debug/sessions/create", { session_id: "s2", agent_id: "epu-1" });
    const made = await must(200, "POST", "/debug/session/s2/create-instruction", {});
    const path = (agent: string, session: string, id: string) =>
      `/agent/${agent}/session/${session}/instructions/${id}/ack`;
    const received = { status: "received" };
    const id = made.instruction_id;
    await must(404, "POST", path("epu-1", "no", id), received);
    await must(403, "POST", path("other", "s2", id), received);
    await must(404, "POST", path("epu-1", "s2", "no"), received);
    await must(400, "POST", path("epu-1", "s2", ids.get("a")!), received);
    await must(400, "POST", path("epu-1", "s2", id), received);
    const extra = await must(422, "POST", path("epu-1", "s2", id), { ...received, more: 1 });
    assert.equal(extra.detail[0].type, "extra_forbidden");
    const logs = Array.from({ length: 5001 }, () => ({}));
    await must(413, "POST", "/agent/epu-1/session/s2/logs", { logs });
  });
  assert.deepEqual(rig.instrument.complaints, []);
});

Deno.test("a page's stream: as it stands, then pushed, and resumed where it ended", async () => {
  await using rig = await smartemRig();
  const { must } = rig;
  await session(rig);
  await must(201, "POST", "/acquisitions", { uuid: "a1", name: "Night" });
  const url = `${rig.url}/frontend/events/stream`;
  const page = await EventReader.open(url);
  assert.deepEqual((await page.next("acquisition.progress"))!.data, {
    acquisition_uuid: "a1",
    grid_count: 0,
    gridsquare_count: 0,
    foilhole_count: 0,
    micrograph_count: 0,
    status: "started",
  });
  const agent = await EventReader.open(rig.url + STREAM);
  const online = (await page.next("agent.status"))!.data;
  assert.deepEqual([online.agent_id, online.status, online.session_id], ["epu-1", "online", "s1"]);
  await order(rig, "a", "normal");
  const pending = (await page.next("instruction.lifecycle"))!;
  const sent = (await page.next("instruction.lifecycle"))!;
  assert.equal(sent.data.status, "sent");
  await must(201, "POST", "/acquisitions/a1/grids", {
    uuid: "g1",
    name: "Night",
    acquisition_uuid: "a1",
  });
  assert.equal((await page.next("acquisition.progress"))!.data.grid_count, 1);
  await must(200, "POST", "/agent/epu-1/session/s1/logs", {
    logs: [{ timestamp: "2026-01-21T10:00:00", level: "INFO", logger_name: "x", message: "hi" }],
  });
  assert.equal((await page.next("agent.log"))!.data.message, "hi");
  await page.close();

  const resumed = await EventReader.open(`${url}?event_types=instruction.lifecycle`, {
    "last-event-id": pending.id!,
  });
  const missed = (await resumed.next("instruction.lifecycle"))!;
  assert.equal(missed.id, sent.id);
  await resumed.close();
  await agent.close();
});

Deno.test("the fifty-first page is told to come back later", async () => {
  await using rig = await smartemRig();
  const path = "/frontend/events/stream?event_types=heartbeat";
  const pages = await Promise.all(
    Array.from({ length: 50 }, () => EventReader.open(rig.url + path)),
  );
  const detail = (await rig.must(503, "GET", path)).detail;
  assert.equal(detail, "Too many frontend SSE connections");
  await Promise.all(pages.map((page) => page.close()));
});

Deno.test("with logins on, agents need a token, and setting agents up needs an admin", async () => {
  await using rig = await smartemRig({ HOLDFAST_AUTH_ENABLED: "true" });
  const { auth } = rig.instrument.instrument;
  const tokenOf = async (role: "observer" | "operator" | "admin") => {
    const issued = await auth.tokens.issue({ name: role, role, scopes: [] }, "system");
    assert(issued.ok);
    return issued.value;
  };
  const ask = async (method: string, path: string, token: string | null, body?: unknown) => {
    const reply = await fetch(rig.url + path, {
      method,
      headers: {
        "content-type": "application/json",
        ...token === null ? {} : { authorization: `Bearer ${token}` },
      },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
    });
    return { status: reply.status, body: await reply.json() };
  };
  const { token: observer, record } = await tokenOf("observer");
  const { token: operator } = await tokenOf("operator");
  const { token: admin } = await tokenOf("admin");
  assert.equal((await ask("GET", "/status", null)).status, 200);
  assert.equal((await ask("GET", "/health", null)).status, 200);
  const stranger = await ask("GET", "/acquisitions", null);
  assert.equal(stranger.status, 401);
  assert.equal(typeof stranger.body.detail, "string");
  assert.deepEqual(Object.keys(stranger.body), ["detail"]);
  assert.equal((await ask("GET", "/acquisitions", observer)).status, 200);
  const acquisition = { uuid: "a1", name: "Night" };
  assert.equal((await ask("POST", "/acquisitions", observer, acquisition)).status, 403);
  assert.equal((await ask("POST", "/acquisitions", operator, acquisition)).status, 201);
  const session = { session_id: "s1", agent_id: "epu-1" };
  assert.equal((await ask("POST", "/debug/sessions/create", operator, session)).status, 403);
  assert.equal((await ask("GET", "/debug/sessions", operator)).status, 403);
  assert.equal((await ask("POST", "/debug/sessions/create", admin, session)).status, 200);

  const page = await EventReader.open(`${rig.url}/frontend/events/stream`, {
    authorization: `Bearer ${observer}`,
  });
  await auth.tokens.revoke(record.id, "system");
  assert.equal(await page.next("nothing"), null, "who lost the right to look sees no more");
});

Deno.test("the API stands where the configuration puts it", async () => {
  await using rig = await smartemRig({ HOLDFAST_COMPAT_SMARTEM_PATH: "/em/backend" });
  const reply = await fetch(`${rig.instrument.url}/em/backend/acquisitions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ uuid: "a1", name: "Night" }),
  });
  assert.equal(reply.status, 201);
  assert.equal((await reply.json()).uuid, "a1");
});
