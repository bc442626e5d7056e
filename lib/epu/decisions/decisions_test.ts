import assert from "node:assert/strict";
import type { Kv } from "../../kv.ts";
import { silentLog } from "../../log.ts";
import { accept } from "../../result.ts";
import { AgentChannel } from "../instructions/mod.ts";
import { acquisitionKey, holeKey } from "../keys.ts";
import type { FoilHole } from "../model.ts";
import { PredictionStore } from "../predictions/mod.ts";
import { ResultStore } from "../results/mod.ts";
import { acquisition, epuRig, hole, micrograph, square } from "../results/rig_test.ts";
import {
  agentChannel,
  type DecisionAuthority,
  Decisions,
  type EffectChannel,
  EffectRefused,
  type Policy,
  type Proposal,
} from "./mod.ts";

const ANNA = { actor: "user:anna" };
const POLICY: Policy = {
  name: "night",
  enabled: true,
  kinds: ["holeOrder", "squareOrder"],
  confidenceMin: 0.5,
  holesPerHour: 3,
  squaresPerHour: 5,
};

/** Two squares of four holes, and an authority whose words the test gives. */
async function rig() {
  const epu = await epuRig();
  await epu.put([[acquisitionKey("a1"), acquisition()]]);
  await epu.squares(square(1, { holesSelected: 4 }), square(2, { holesSelected: 4 }));
  await epu.holes(
    ...[11, 12, 13, 14].map((id) => hole(1, id)),
    ...[21, 22, 23, 24].map((id) => hole(2, id)),
  );
  const results = new ResultStore(epu.kv, epu.clock, epu.epu);
  const predictions = new PredictionStore(epu.kv, epu.clock);
  const agents = await AgentChannel.open({ kv: epu.kv, clock: epu.clock, log: silentLog });
  let says: Partial<Proposal>[] | Error = [];
  const scripted: DecisionAuthority = {
    name: "scripted",
    version: "1",
    kinds: ["holeOrder", "squareOrder", "squareSkip", "stop"],
    propose(snapshot, budget) {
      if (says instanceof Error) return Promise.reject(says);
      return Promise.resolve(says.map((one) => ({
        kind: "holeOrder" as const,
        squareId: null,
        targetIds: [11],
        reasons: ["because"],
        confidence: 0.9,
        expectedGain: null,
        exploration: [],
        basedOnRevision: snapshot.revision,
        expiresAtMs: snapshot.nowMs + budget.validMs,
        ...one,
      })));
    },
  };
  const applied: string[] = [];
  let applies: () => void = () => {};
  const lab: EffectChannel = {
    name: "lab",
    capabilities: ["holeOrder", "stop"],
    apply(decision, key) {
      applied.push(`${decision.kind} ${decision.targetIds.join()} ${key === decision.id}`);
      applies();
      return Promise.resolve({ state: "sent", references: ["x"], following: false });
    },
  };
  const squareOfHole = (a: string, id: number) => epu.epu.squareOfHole(a, id);
  const open = () =>
    Decisions.open({
      ...epu,
      log: silentLog,
      results,
      predictions,
      agents,
      authorities: [scripted],
      channels: [lab, agentChannel(agents, squareOfHole)],
    });
  const decisions = await open();
  const set = async (ask: Parameters<Decisions["setSettings"]>[1]) => {
    const done = await decisions.setSettings("a1", ask, "user:anna");
    assert(done.ok, JSON.stringify(done));
  };
  await set({ acting: "scripted" });
  const finish = (squareId: number, holeId: number) =>
    epu.kv.transact([holeKey("a1", squareId, holeId)], ([seen]) =>
      accept({
        value: null,
        set: [[seen!.key, { ...(seen!.value as FoilHole), state: "Completed" }]],
        events: [{ type: "epu.changed", subject: "a1", actor: "system", text: "one hole" }],
      }));
  /** Asks the authorities; gives the acting one's newest proposals. */
  const ask = async (...next: Partial<Proposal>[]) => {
    says = next;
    const done = await decisions.refresh("a1");
    return done!.proposed.filter(({ proposal }) => proposal.authority === "scripted");
  };
  const close = async () => {
    await decisions.close();
    await agents.close();
    await epu.kv.close();
  };
  return {
    ...epu,
    results,
    predictions,
    agents,
    decisions,
    open,
    set,
    ask,
    finish,
    applied,
    close,
    fail: (error: Error) => says = error,
    applyWith: (next: () => void) => applies = next,
  };
}

Deno.test("a proposal waits for a person, whose approval is carried out once", async () => {
  const { decisions, ask, set, applied, events, close } = await rig();
  await set({ channel: "lab" });
  const [proposed] = await ask({ targetIds: [14, 13, 12] });
  assert.deepEqual([proposed!.was, proposed!.proposal.state], ["new", "waiting"]);
  assert.deepEqual(applied, []);
  const { id } = proposed!.proposal;
  const done = await decisions.approve("a1", id, { ...ANNA, note: "go" });
  assert(done.ok);
  await decisions.idle();
  assert.deepEqual(applied, ["holeOrder 14,13,12 true"]);
  const decision = await decisions.store.decision("a1", done.value.id);
  assert.deepEqual([decision!.effect!.state, decision!.note, decision!.by.name, decision!.edited], [
    "sent",
    "go",
    "user:anna",
    false,
  ]);
  assert.equal((await decisions.store.proposal("a1", id))!.state, "approved");
  assert.deepEqual(await decisions.approve("a1", id, ANNA), {
    ok: false,
    refusal: { kind: "not-waiting", id, state: "approved" },
  });
  const told = await events.read({ afterSeq: 0, limit: 100, types: ["epu.decision"] });
  assert.deepEqual(told.map(({ text }) => text).slice(-2), [
    "an order of 3 holes approved by user:anna, pending",
    "an order of 3 holes approved by user:anna, sent",
  ]);
  await close();
});

Deno.test("targets that were finished meanwhile are struck off; an order whose targets are all done is refused", async () => {
  const { decisions, ask, finish, close } = await rig();
  const [one, two] = await ask({ targetIds: [11, 12] }, {
    kind: "holeOrder",
    squareId: 2,
    targetIds: [21],
  });
  await finish(1, 11);
  await finish(2, 21);
  const approved = await decisions.approve("a1", one!.proposal.id, ANNA);
  assert(approved.ok);
  assert.deepEqual([approved.value.targetIds, approved.value.struckOff], [[12], [11]]);
  const refused = await decisions.approve("a1", two!.proposal.id, ANNA);
  assert.deepEqual(refused, {
    ok: false,
    refusal: { kind: "nothing-left", id: two!.proposal.id },
  });
  await close();
});

Deno.test("a person may edit an order, but not name what cannot be gone to", async () => {
  const { decisions, ask, close } = await rig();
  const [proposed] = await ask({ targetIds: [11, 12, 13] });
  const { id } = proposed!.proposal;
  const wrong = await decisions.approve("a1", id, { ...ANNA, targetIds: [13, 99] });
  assert.deepEqual(wrong, {
    ok: false,
    refusal: { kind: "wrong-targets", why: { kind: "unknown-target", targetId: 99 } },
  });
  const edited = await decisions.approve("a1", id, { ...ANNA, targetIds: [22, 11] });
  assert(edited.ok && edited.value.edited);
  assert.deepEqual(edited.value.targetIds, [22, 11]);
  await close();
});

Deno.test("the same said again renews what waits, and does not bring back what was rejected", async () => {
  const { decisions, ask, finish, clock, close } = await rig();
  const [first] = await ask({ targetIds: [11, 12, 13] });
  await finish(1, 11);
  await clock.advance(1000);
  const [again] = await ask({ targetIds: [12, 13] });
  assert.equal(again!.was, "renewed");
  assert.equal(again!.proposal.id, first!.proposal.id);
  assert(again!.proposal.basedOnRevision > first!.proposal.basedOnRevision);
  assert((await decisions.reject("a1", first!.proposal.id, ANNA)).ok);
  assert.equal((await ask({ targetIds: [12, 13] }))[0]!.was, "repeated");
  const [other] = await ask({ targetIds: [13, 12] });
  assert.equal(other!.was, "new");
  const [newer] = await ask({ targetIds: [14] });
  const before = await decisions.store.proposal("a1", other!.proposal.id);
  assert.deepEqual([before!.state, before!.why], ["superseded", newer!.proposal.id]);
  await close();
});

Deno.test("nobody's word in time lets a proposal expire", async () => {
  const { decisions, ask, clock, close } = await rig();
  const [proposed] = await ask({ targetIds: [11] });
  await ask();
  clock.stepWall(31 * 60_000);
  const { id } = proposed!.proposal;
  const late = await decisions.approve("a1", id, ANNA);
  assert(!late.ok && late.refusal.kind === "not-waiting");
  await ask();
  assert.equal((await decisions.store.proposal("a1", id))!.state, "expired");
  await close();
});

Deno.test("a wrong proposal is kept with the reason, once, and cannot be approved", async () => {
  const { decisions, ask, close } = await rig();
  const bad = { targetIds: [11, 99] };
  const [first] = await ask(bad);
  const [again] = await ask(bad);
  assert.deepEqual([first!.was, first!.proposal.why], ["refused", "names 99, which is not known"]);
  assert.equal(again!.proposal.id, first!.proposal.id);
  assert.equal((await ask({ basedOnRevision: 0 }))[0]!.was, "refused");
  assert.equal(
    (await ask({ kind: "holeSelect" }))[0]!.proposal.why?.startsWith("is a holeSelect"),
    true,
  );
  const done = await decisions.approve("a1", first!.proposal.id, ANNA);
  assert(!done.ok && done.refusal.kind === "not-waiting");
  await close();
});

Deno.test("a shadow's proposals are kept beside the baseline and cannot be approved", async () => {
  const { decisions, set, ask, close } = await rig();
  await set({ acting: null, shadows: ["scripted"] });
  const [proposed] = await ask({ targetIds: [11] });
  assert.equal(proposed!.proposal.role, "shadow");
  const standing = await decisions.store.standing("a1");
  assert.deepEqual([...new Set(standing.map(({ authority }) => authority))].sort(), [
    "epu-order",
    "scripted",
  ]);
  assert.deepEqual(await decisions.approve("a1", proposed!.proposal.id, ANNA), {
    ok: false,
    refusal: { kind: "shadow", id: proposed!.proposal.id },
  });
  await close();
});

Deno.test("a policy approves within its bounds, and nothing while it is switched off or paused", async () => {
  const { clock, decisions, set, ask, close } = await rig();
  const made = async () => (await decisions.store.decisions("a1", { limit: 10 })).length;
  await set({ policy: POLICY });
  await decisions.store.setAutomation(true, "user:anna", "looking");
  await ask({ targetIds: [11, 12] });
  assert.equal(await made(), 0);
  await decisions.store.setAutomation(false, "user:anna", "");
  await ask({ targetIds: [11, 12] });
  await clock.advance(1);
  await ask({ targetIds: [14, 12, 13, 21] });
  const [second, first] = await decisions.store.decisions("a1", { limit: 10 });
  assert.deepEqual(first!.targetIds, [11, 12]);
  // Two of the three holes of this hour are taken; one more fits beside the one approved already.
  assert.deepEqual(second!.targetIds, [14, 12]);
  assert.deepEqual([second!.by, second!.edited], [{ kind: "policy", name: "night" }, false]);
  await ask({ kind: "stop", targetIds: [] });
  await ask({ targetIds: [22], confidence: 0.4 });
  assert.equal(await made(), 2);
  assert((await decisions.decide("a1", { kind: "pause", ...ANNA })).ok);
  await ask({ kind: "squareOrder", targetIds: [2, 1] });
  assert.equal(await made(), 3);
  await close();
});

Deno.test("pausing and going on are decisions, refused where they make no sense", async () => {
  const { epu, decisions, close } = await rig();
  assert((await decisions.decide("a1", { kind: "pause", ...ANNA, note: "refill" })).ok);
  assert.equal((await epu.acquisition("a1"))!.state, "paused");
  assert.deepEqual(await decisions.decide("a1", { kind: "pause", ...ANNA }), {
    ok: false,
    refusal: { kind: "wrong-state", state: "paused" },
  });
  assert((await decisions.decide("a1", { kind: "resume", ...ANNA })).ok);
  const after = await epu.acquisition("a1");
  assert.deepEqual([after!.state, after!.pausedAtMs], ["started", null]);
  const wrong = await decisions.decide("a1", { kind: "holeOrder", targetIds: [99], ...ANNA });
  assert(!wrong.ok && wrong.refusal.kind === "wrong-targets");
  assert.equal((await decisions.decide("b", { kind: "stop", ...ANNA })).ok, false);
  await close();
});

Deno.test("a dry run records and tells nobody; a channel that cannot do it fails with the reason", async () => {
  const { decisions, set, applied, close } = await rig();
  await set({ channel: "lab", dryRun: true });
  const dry = await decisions.decide("a1", { kind: "holeOrder", targetIds: [11], ...ANNA });
  await set({ dryRun: false });
  const unable = await decisions.decide("a1", { kind: "squareSkip", targetIds: [1], ...ANNA });
  const pause = await decisions.decide("a1", { kind: "pause", ...ANNA });
  await decisions.idle();
  assert.deepEqual(applied, []);
  assert(dry.ok && unable.ok && pause.ok);
  const effectOf = async (id: string) => (await decisions.store.decision("a1", id))!.effect!;
  assert.equal((await effectOf(dry.value.id)).state, "recorded");
  assert.equal((await effectOf(pause.value.id)).state, "recorded");
  const { state, error } = await effectOf(unable.value.id);
  assert.deepEqual([state, error], [
    "failed",
    'the channel "lab" cannot carry out "squareSkip"',
  ]);
  await close();
});

Deno.test("an effect that fails is tried again, goes on after a restart, and can be retried by hand", async () => {
  const { decisions, set, applied, applyWith, clock, open, close } = await rig();
  await set({ channel: "lab" });
  applyWith(() => {
    throw new Error("no answer");
  });
  const done = await decisions.decide("a1", { kind: "holeOrder", targetIds: [11], ...ANNA });
  assert(done.ok);
  await decisions.idle();
  const first = await decisions.store.decision("a1", done.value.id);
  assert.deepEqual([first!.effect!.state, first!.effect!.attempts, first!.effect!.error], [
    "pending",
    1,
    "no answer",
  ]);
  await decisions.close();
  const restarted = await open();
  await restarted.idle();
  for (let i = 0; i < 3; i++) {
    await clock.advance(60_000);
    await restarted.idle();
  }
  assert.equal(applied.length, 5);
  assert.equal((await restarted.store.decision("a1", done.value.id))!.effect!.state, "failed");
  applyWith(() => {});
  assert((await restarted.retry("a1", done.value.id)).ok);
  await restarted.idle();
  assert.equal((await restarted.store.decision("a1", done.value.id))!.effect!.state, "sent");
  assert.equal((await restarted.retry("a1", done.value.id)).ok, false);
  applyWith(() => {
    throw new EffectRefused("never");
  });
  const never = await restarted.decide("a1", { kind: "stop", ...ANNA });
  await restarted.idle();
  assert(never.ok);
  assert.equal((await restarted.store.decision("a1", never.value.id))!.effect!.attempts, 1);
  await restarted.close();
  await close();
});

Deno.test("agents are told square by square, an unconfirmed older order is called back, and their answers come back", async () => {
  const { decisions, agents, set, close } = await rig();
  await set({ channel: "agent" });
  const alone = await decisions.decide("a1", { kind: "holeOrder", targetIds: [11], ...ANNA });
  await decisions.idle();
  assert(alone.ok);
  const effectOf = async (id: string) => (await decisions.store.decision("a1", id))!;
  assert.match((await effectOf(alone.value.id)).effect!.error!, /no agent has an active session/);
  await agents.openSession({ id: "s1", agentId: "scope", acquisitionId: "a1" }, "system");
  const first = await decisions.decide("a1", {
    kind: "holeOrder",
    targetIds: [12, 22, 11],
    ...ANNA,
  });
  await decisions.idle();
  const second = await decisions.decide("a1", { kind: "holeOrder", targetIds: [21, 11], ...ANNA });
  await decisions.idle();
  assert(first.ok && second.ok);
  const old = await effectOf(first.value.id);
  assert.deepEqual([old.outcome, old.effect!.state], ["superseded", "failed"]);
  const sent = await agents.instructions.deliver("s1", { again: true });
  assert.deepEqual(
    sent.map(({ type, payload }) => [type, payload["gridsquare_id"], payload["foilhole_ids"]]),
    [
      ["microscope.control.reorder_foilholes", "2", ["21"]],
      ["microscope.control.reorder_foilholes", "1", ["11"]],
    ],
  );
  for (const { id } of sent) {
    assert.equal((await effectOf(second.value.id)).effect!.state, "sent");
    await agents.instructions.acknowledge("s1", id, { status: "processed" }, "token:scope");
  }
  await decisions.idle();
  assert.equal((await effectOf(second.value.id)).effect!.state, "acknowledged");
  const third = await decisions.decide("a1", { kind: "squareSkip", targetIds: [2], ...ANNA });
  await decisions.idle();
  const [skip] = await agents.instructions.deliver("s1", { again: false });
  await agents.instructions.acknowledge("s1", skip!.id, { status: "failed", error: "stage" }, "x");
  await decisions.idle();
  assert(third.ok);
  const { effect } = await effectOf(third.value.id);
  assert.deepEqual([effect!.state, effect!.error], ["failed", "stage"]);
  await close();
});

Deno.test("an authority that fails or hangs does not keep the others from being asked", async () => {
  const { decisions, fail, close } = await rig();
  fail(new Error("broken"));
  const done = await decisions.refresh("a1");
  assert.deepEqual(done!.failed, [{ authority: "scripted", error: "broken" }]);
  assert.deepEqual(done!.proposed.map(({ proposal }) => [proposal.authority, proposal.kind]), [
    ["epu-order", "squareOrder"],
    ["epu-order", "holeOrder"],
  ]);
  await close();
});

Deno.test("what happens makes the authorities be asked again, at most once in a while", async () => {
  const { decisions, finish, clock, ask, kv, close } = await rig();
  await ask({ targetIds: [11, 12] });
  const renewed = async () => (await decisions.store.standing("a1")).at(-1)!.basedOnRevision;
  const before = await renewed();
  await finish(1, 13);
  await clock.advance(50_000);
  await decisions.idle();
  assert.equal(await renewed(), before);
  while (await renewed() === before) await clock.advance(10_000);
  // Its own proposals were no news: nobody is asked again for them.
  await decisions.idle();
  const { seq } = kv;
  await clock.advance(200_000);
  await decisions.idle();
  assert.equal(kv.seq, seq);
  await close();
});

Deno.test("proposals from outside are judged by the newest snapshot that was given out", async () => {
  const { decisions, finish, clock, close } = await rig();
  const snapshot = (await decisions.snapshot("a1"))!;
  await finish(1, 11);
  const draft = {
    kind: "holeOrder",
    targetIds: [12],
    basedOnRevision: snapshot.revision,
    expiresAtMs: clock.nowMs() + 1000,
  };
  const author = { authority: "lab-service", version: "2" };
  const done = await decisions.submit("a1", author, [draft, { ...draft, targetIds: [11] }]);
  assert(done.ok);
  assert.deepEqual(done.value.map(({ was, proposal }) => [was, proposal.why]), [
    ["new", null],
    ["refused", "names 11, which is finished"],
  ]);
  await decisions.snapshot("a1");
  const late = await decisions.submit("a1", author, [draft]);
  assert(late.ok && late.value[0]!.was === "refused");
  await assert.rejects(decisions.submit("a1", author, [{ kind: "dance" }]), { name: /ZodError/ });
  await close();
});

Deno.test("settings name authorities and channels that exist", async () => {
  const { decisions, close } = await rig();
  assert.deepEqual(await decisions.setSettings("a1", { acting: "oracle" }, "x"), {
    ok: false,
    refusal: { kind: "unknown-authority", authority: "oracle" },
  });
  assert.deepEqual(await decisions.setSettings("a1", { channel: "pigeon" }, "x"), {
    ok: false,
    refusal: { kind: "unknown-channel", channel: "pigeon" },
  });
  assert.equal((await decisions.setSettings("b", { acting: null }, "x")).ok, false);
  await close();
});

Deno.test("from predictions and results to an order, the maps' numbers, and a comparison with EPU", async () => {
  const { kv, decisions, predictions, results, micrographs, finish, set, clock, close } =
    await rig();
  await set({ acting: "bayes", explorationShare: 0 });
  await predictions.addModel({ name: "ice", level: "hole" }, "system");
  const say = (squareId: number, holeId: number, value: number) =>
    predictions.predict({
      acquisitionId: "a1",
      model: "ice",
      metric: null,
      value,
      targets: [{ squareId, holeId }],
    }, "token:ml");
  for (const [i, id] of [11, 12, 13, 14, 21, 22, 23, 24].entries()) {
    await say(id < 20 ? 1 : 2, id, (i + 1) / 10);
  }
  await decisions.refresh("a1");
  const orders = (await decisions.store.standing("a1")).filter(({ kind }) => kind === "holeOrder");
  const bayesian = orders.find(({ authority }) => authority === "bayes")!;
  assert.deepEqual(bayesian.targetIds, [24, 23, 22, 21, 14, 13, 12, 11]);
  const overall = await Array.fromAsync(predictions.overall("a1", 2));
  assert.deepEqual(overall[0]!.overall.holes.map(({ suggestedIndex }) => suggestedIndex), [
    4,
    3,
    2,
    1,
  ]);
  await clock.advance(1000);
  const startMs = clock.nowMs();
  for (const [n, id] of [11, 12, 13, 14, 21, 22, 23, 24].entries()) {
    const squareId = id < 20 ? 1 : 2;
    const one = micrograph(squareId, id, n, { acquiredAtMs: startMs + n * 1000 });
    await micrographs(one);
    await results.take({ id: one.id }, { ctf: { maxResolutionA: 9 - n } }, ANNA);
    await finish(squareId, id);
  }
  const compared = (await decisions.compare("a1"))!;
  const own = compared.find(({ authority }) => authority === "bayes")!;
  assert.deepEqual([own.holes, own.exposures], [8, 8]);
  assert(own.regret! < 0, String(own.regret));
  assert.equal(compared.find(({ authority }) => authority === "epu-order")!.regret, 0);
  assert(await sizeOf(kv) > 0);
  await close();
});

async function sizeOf(kv: Kv): Promise<number> {
  let count = 0;
  for await (const _ of kv.list({ prefix: ["epu", "proposal", "a1"] })) count++;
  return count;
}
