import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { acquisition } from "../../results/rig_test.ts";
import { Decision, DecisionSettings } from "../model.ts";
import { athenaChannel } from "./athena.ts";
import { EffectRefused } from "./channel.ts";
import { fileChannel } from "./file.ts";

const SESSION = "6f2a6d1c-7d2b-4b53-9c3e-0a8f5b1d2c3e";
const { signal } = new AbortController();

function decision(over: Partial<Decision> = {}): Decision {
  return Decision.parse({
    v: 1,
    id: "01DECISION",
    acquisitionId: "a1",
    proposalId: null,
    kind: "holeOrder",
    squareId: null,
    targetIds: [12, 11],
    edited: false,
    struckOff: [],
    by: { kind: "person", name: "user:anna" },
    outcome: "approved",
    note: "thin ice",
    decidedAtMs: Date.UTC(2026, 0, 25, 20, 0, 0),
    effect: null,
    ...over,
  });
}
const context = (athenaSessionId: string | null = SESSION) => ({
  acquisition: acquisition(),
  settings: DecisionSettings.parse({ v: 1, athenaSessionId }),
});

/** Answers as the service's own description says, and keeps what it was told. */
function athena() {
  const decisions: Record<string, unknown>[] = [];
  const asked: string[] = [];
  let status = 200;
  let cutAfter = Infinity;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const path = new URL(request.url).pathname;
    asked.push(`${request.method} ${path}`);
    if (status !== 200) return Response.json({ title: "refused" }, { status });
    if (path === `/api/v1/Session/${SESSION}/Decisions`) return Response.json(decisions);
    if (path !== "/api/v1/Decisions" || request.method !== "POST") {
      return new Response(null, { status: 404 });
    }
    const records = await request.json() as Record<string, unknown>[];
    decisions.push(...records.slice(0, cutAfter));
    return cutAfter < records.length ? new Response(null, { status: 503 }) : Response.json(records);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    decisions,
    asked,
    answerWith: (next: number) => status = next,
    cutAfter: (count: number) => cutAfter = count,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("Athena is told one decision a target, in its own words", async () => {
  await using service = athena();
  const channel = athenaChannel(service);
  const applied = await channel.apply(decision(), "k", context(), signal);
  assert.deepEqual(applied, { state: "sent", references: [SESSION], following: false });
  const [first, second] = service.decisions;
  const { id, ...rest } = first!;
  assert.match(String(id), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(rest, {
    sessionId: SESSION,
    areaId: 12,
    decisionType: "acquisitionOrder",
    decisionValue: "1",
    pluginType: "custom",
    decidedBy: "user:anna",
    details: "thin ice",
    timestamp: "2026-01-25T20:00:00.000Z",
  });
  assert.deepEqual([second!["areaId"], second!["decisionValue"]], [11, "2"]);
  await channel.apply(
    decision({ id: "02", kind: "squareSkip", targetIds: [7] }),
    "k",
    context(),
    signal,
  );
  await channel.apply(
    decision({ id: "03", kind: "holeSelect", targetIds: [8] }),
    "k",
    context(),
    signal,
  );
  const words = service.decisions.slice(2).map((
    one,
  ) => [one["decisionType"], one["decisionValue"]]);
  assert.deepEqual(words, [["gridSquareSelection", "false"], ["foilHoleSelection", "true"]]);
});

Deno.test("what Athena has already is not told again, also when the first try broke off half way", async () => {
  await using service = athena();
  const channel = athenaChannel(service);
  service.cutAfter(1);
  await assert.rejects(channel.apply(decision(), "k", context(), signal), /answered 503/);
  service.cutAfter(Infinity);
  await channel.apply(decision(), "k", context(), signal);
  await channel.apply(decision(), "k", context(), signal);
  assert.deepEqual(service.decisions.map((one) => one["areaId"]), [12, 11]);
  assert.equal(service.asked.filter((one) => one === "POST /api/v1/Decisions").length, 2);
});

Deno.test("without an Athena session, or where Athena refuses, a decision is refused and not tried again", async () => {
  await using service = athena();
  const channel = athenaChannel(service);
  await assert.rejects(channel.apply(decision(), "k", context(null), signal), EffectRefused);
  service.answerWith(404);
  await assert.rejects(channel.apply(decision(), "k", context(), signal), EffectRefused);
  service.answerWith(429);
  await assert.rejects(channel.apply(decision(), "k", context(), signal), { name: "AthenaFailed" });
});

Deno.test("a target list is written whole, once, and says what it is", async () => {
  const dir = mkdtempSync(join(tmpdir(), "holdfast-targets-"));
  try {
    const channel = fileChannel(join(dir, "lists"));
    const first = await channel.apply(decision(), "01DECISION", context(), signal);
    assert.deepEqual(await channel.apply(decision(), "01DECISION", context(), signal), first);
    const files = (await readdir(join(dir, "lists"))).sort();
    assert.deepEqual(files, [
      "20260125T200000Z_holeOrder_01DECISION.csv",
      "20260125T200000Z_holeOrder_01DECISION.json",
    ]);
    const csv = await readFile(join(dir, "lists", files[0]!), "utf8");
    assert.equal(csv, "place,target_id\n1,12\n2,11\n");
    const json = JSON.parse(await readFile(join(dir, "lists", files[1]!), "utf8"));
    assert.equal(json.decision.decidedAt, "2026-01-25T20:00:00.000Z");
    assert.deepEqual(json.targetIds, [12, 11]);
    assert.equal(json.acquisition.name, "session");
  } finally {
    rmSync(dir, { recursive: true });
  }
});
