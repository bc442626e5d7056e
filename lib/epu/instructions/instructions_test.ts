import assert from "node:assert/strict";
import fc from "fast-check";
import { ManualClock } from "../../clock.ts";
import { EventLog } from "../../events.ts";
import { Kv } from "../../kv.ts";
import { silentLog } from "../../log.ts";
import {
  ACK_STATUS,
  type Acknowledgement,
  AgentChannel,
  hasEnded,
  type Instruction,
  type InstructionAsk,
  PRIORITIES,
} from "./mod.ts";
import { acknowledge, cancel, deliver, expire } from "./transitions.ts";

const AGENT = { agentId: "scope", sessionId: "s1" };
const REORDER = { ...AGENT, type: "microscope.control.reorder_gridsquares" };

async function rig() {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  const events = new EventLog(kv, clock, { countMax: 1e6, ageMaxMs: 1e15 });
  const open = () => AgentChannel.open({ kv, clock, log: silentLog });
  const channel = await open();
  assert((await channel.openSession({ id: "s1", agentId: "scope" }, "system")).ok);
  const create = async (ask: Partial<InstructionAsk> = {}) => {
    const made = await channel.instructions.create({ ...REORDER, ...ask }, "user:anna");
    assert(made.ok);
    await clock.advance(1);
    return made.value;
  };
  const ack = (id: string, status: Acknowledgement["status"]) =>
    channel.instructions.acknowledge("s1", id, { status }, "token:scope");
  return { clock, kv, events, open, channel, create, ack };
}

Deno.test("instructions are delivered by rank, then sequence, then age, and never twice on one connection", async () => {
  const { kv, channel, create } = await rig();
  await create({ type: "a", priority: "low" });
  await create({ type: "b" });
  await create({ type: "c", priority: "urgent", sequence: 2 });
  await create({ type: "d", priority: "urgent", sequence: 1 });
  await create({ type: "e", priority: "high" });
  const sent = await channel.instructions.deliver("s1", { again: true });
  assert.deepEqual(sent.map(({ type }) => type), ["d", "c", "e", "b", "a"]);
  assert.deepEqual(await channel.instructions.deliver("s1", { again: false }), []);
  await create({ type: "f" });
  const more = await channel.instructions.deliver("s1", { again: false });
  assert.deepEqual(more.map(({ type }) => type), ["f"]);
  await channel.close();
  await kv.close();
});

Deno.test("what an agent has not confirmed comes again on every new connection, what it has does not", async () => {
  const { kv, channel, create, ack, open } = await rig();
  const first = await create();
  const second = await create();
  await channel.instructions.deliver("s1", { again: true });
  await ack(first.id, "received");
  await channel.close();
  const restarted = await open();
  const again = await restarted.instructions.deliver("s1", { again: true });
  assert.deepEqual(again.map(({ id, deliveries }) => [id, deliveries]), [[second.id, 2]]);
  await restarted.close();
  await kv.close();
});

Deno.test("an instruction goes from pending to its answer; the same answer again changes nothing", async () => {
  const { kv, channel, create, ack, events } = await rig();
  const { id } = await create({ payload: { gridsquare_ids: ["7"] } });
  await channel.instructions.deliver("s1", { again: true });
  await ack(id, "received");
  await ack(id, "failed");
  const { seq } = kv;
  for (const status of ["failed", "received"] as const) {
    const repeated = await ack(id, status);
    assert(repeated.ok && repeated.value.state === "failed");
  }
  assert.equal(kv.seq, seq);
  const told = await events.read({ afterSeq: 0, limit: 100, types: ["epu.instruction"] });
  assert.deepEqual(told.map(({ data }) => data["state"]), [
    "pending",
    "sent",
    "received",
    "failed",
  ]);
  assert.deepEqual(await channel.instructions.open("s1"), []);
  await channel.close();
  await kv.close();
});

Deno.test("an instruction expires at delivery and while it waits; a late answer is kept beside that", async () => {
  const { kv, clock, channel, create, ack } = await rig();
  const short = await create({ expiresInMs: 1000 });
  const long = await create({ expiresInMs: 60_000 });
  await clock.advance(1000);
  const sent = await channel.instructions.deliver("s1", { again: true });
  assert.deepEqual(sent.map(({ id }) => id), [long.id]);
  const late = await ack(short.id, "processed");
  assert(late.ok);
  assert.equal(late.value.state, "expired");
  assert.equal(late.value.lateAnswer!.status, "processed");
  await ack(long.id, "received");
  await clock.advance(120_000);
  assert.equal(await channel.instructions.expireDue(), 0);
  assert.equal((await channel.instructions.get(long.id))!.state, "received");
  await channel.close();
  await kv.close();
});

Deno.test("only what the agent has not confirmed can be cancelled", async () => {
  const { kv, channel, create, ack } = await rig();
  const waiting = await create();
  const taken = await create();
  await ack(taken.id, "received");
  assert((await channel.instructions.cancel(waiting.id, "user:anna")).ok);
  assert.deepEqual(await channel.instructions.cancel(taken.id, "user:anna"), {
    ok: false,
    refusal: { kind: "received", id: taken.id },
  });
  assert.deepEqual(await channel.instructions.cancel(waiting.id, "user:anna"), {
    ok: false,
    refusal: { kind: "ended", id: waiting.id, state: "cancelled" },
  });
  await channel.close();
  await kv.close();
});

Deno.test("another session's answer, an unknown instruction and a session that ended are refused", async () => {
  const { kv, channel, create } = await rig();
  const { id } = await create();
  const { instructions } = channel;
  const status = { status: "received" as const };
  assert.equal(kindOf(await instructions.acknowledge("s2", id, status, "x")), "not-theirs");
  assert.equal(
    kindOf(await instructions.acknowledge("s1", "no", status, "x")),
    "unknown-instruction",
  );
  assert.equal(
    kindOf(await instructions.create({ ...REORDER, agentId: "b" }, "x")),
    "unknown-session",
  );
  assert((await channel.closeSession("s1", "user:anna")).ok);
  assert.equal((await instructions.get(id))!.state, "cancelled");
  assert.equal(kindOf(await instructions.create(REORDER, "x")), "session-ended");
  assert.equal(kindOf(await channel.connect(AGENT)), "unknown-session");
  assert.equal(
    kindOf(await channel.openSession({ id: "s1", agentId: "scope" }, "x")),
    "session-exists",
  );
  await channel.close();
  await kv.close();
});

Deno.test("the same idempotency key gives the same instruction", async () => {
  const { kv, channel, create } = await rig();
  const one = await create({ idempotencyKey: "decision-1" });
  const two = await create({ idempotencyKey: "decision-1", type: "other" });
  assert.deepEqual(two, one);
  assert.equal((await channel.instructions.list("scope", { limit: 10 })).length, 1);
  await channel.close();
  await kv.close();
});

Deno.test("whatever happens to an instruction in whatever order, an end is final and no answer is lost", () => {
  const step = fc.oneof(
    ...ACK_STATUS.map((status) => fc.constant(status)),
    fc.constantFrom("deliver" as const, "expire" as const, "cancel" as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      let one: Instruction = {
        v: 1,
        id: "i",
        ...REORDER,
        payload: {},
        metadata: {},
        priority: PRIORITIES[1],
        sequence: null,
        state: "pending",
        decisionId: null,
        createdAtMs: 0,
        expiresAtMs: 1000,
        sentAtMs: null,
        deliveries: 0,
        receivedAtMs: null,
        endedAtMs: null,
        answer: null,
        lateAnswer: null,
      };
      for (const act of steps) {
        const before = one;
        if (act === "deliver") one = deliver(one, 5);
        else if (act === "expire") one = expire(one, 5);
        else if (act === "cancel") {
          const done = cancel(one, 5);
          if (done.ok) one = done.value;
        } else {
          const answer = { status: act, error: null, processingMs: null, processedAtMs: null };
          one = acknowledge(one, answer, 5);
          const kept = [one.state, one.lateAnswer?.status];
          assert(act === "received" || kept.includes(act) || before.lateAnswer !== null);
          assert.equal(acknowledge(one, answer, 9), one);
        }
        if (hasEnded(before)) assert.equal(one.state, before.state);
        if (before.state === "received") assert.notEqual(one.state, "sent");
      }
    }),
  );
});

Deno.test("a connection goes stale without heartbeats, a session inactive without activity", async () => {
  const { kv, clock, channel } = await rig();
  const connected = await channel.connect({ ...AGENT, clientInfo: "agent 1.0" });
  assert(connected.ok);
  for (let i = 0; i < 6; i++) {
    await clock.advance(60_000);
    assert((await channel.heartbeat("scope", "s1")).ok);
  }
  await channel.housekeeping();
  assert.equal((await channel.connections("s1"))[0]!.state, "open");
  clock.stepWall(125_000);
  await channel.housekeeping();
  assert.equal((await channel.connections("s1"))[0]!.state, "stale");
  assert.equal(kindOf(await channel.heartbeat("scope", "s1")), "unknown-connection");
  clock.stepWall(3_600_000);
  await channel.housekeeping();
  assert.equal((await channel.session("s1"))!.state, "inactive");
  assert((await channel.connect(AGENT)).ok);
  assert.equal((await channel.session("s1"))!.state, "active");
  await channel.close();
  await kv.close();
});

Deno.test("connections of the time before a restart are closed", async () => {
  const { kv, channel, open } = await rig();
  await channel.connect(AGENT);
  await channel.close();
  const restarted = await open();
  const [connection] = await restarted.connections();
  assert.deepEqual([connection!.state, connection!.closeReason], ["closed", "Holdfast restarted"]);
  await restarted.close();
  await kv.close();
});

Deno.test("log lines are kept whole and in order, and removed after seven days", async () => {
  const { kv, clock, channel } = await rig();
  const lines = Array.from({ length: 1200 }, (_, i) => ({
    atMs: i,
    level: "INFO",
    logger: "watcher",
    message: `line ${i} ${"x".repeat(i === 7 ? 19_000 : 10)}`,
  }));
  assert.deepEqual(await channel.keepLog("scope", "s1", lines), { ok: true, value: 1200 });
  const newest = await channel.logLines("scope", "s1", 2);
  assert.deepEqual(newest.map(({ atMs }) => atMs), [1199, 1198]);
  assert.equal(kindOf(await channel.keepLog("scope", "s9", lines)), "unknown-session");
  await channel.housekeeping();
  assert.equal((await channel.logLines("scope", "s1", 5000)).length, 1200);
  clock.stepWall(8 * 86_400_000);
  await clock.advance(3_600_001);
  await channel.housekeeping();
  assert.deepEqual(await channel.logLines("scope", "s1", 5000), []);
  await channel.close();
  await kv.close();
});

function kindOf(result: { ok: true } | { ok: false; refusal: { kind: string } }): string | null {
  return result.ok ? null : result.refusal.kind;
}
