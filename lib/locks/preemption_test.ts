import assert from "node:assert/strict";
import { LOCK_TYPES, type LockType } from "./mod.ts";
import { ask, granted, must, openRig, person, proofOf, refusalOf } from "../../tests/lock_rig.ts";

const ANNA = person("anna");
const BO = person("bo");

Deno.test("each class over each other: taken at once, asked for, or never", async () => {
  const ways: Record<string, string> = {
    "MAINTENANCE over QUEUE_EXECUTING": "asked, must",
    "MAINTENANCE over MANUAL_OPERATOR": "at once",
    "MAINTENANCE over QUEUE_QUEUED": "at once",
    "QUEUE_EXECUTING over MANUAL_OPERATOR": "asked",
    "QUEUE_EXECUTING over QUEUE_QUEUED": "at once",
    "MANUAL_OPERATOR over QUEUE_QUEUED": "at once",
  };
  const met = async (requester: LockType, holder: LockType): Promise<string> => {
    const { locks, pass, close } = await openRig();
    const { lock } = granted(await ask(locks, ANNA, ["pump"], { type: holder, leaseMs: 60_000 }));
    const answer = ask(locks, BO, ["pump"], { type: requester });
    await pass(0);
    const now = locks.get(lock.id);
    let way = "never";
    if (!now.ok) {
      assert.equal(now.refusal.kind, "lock-lost");
      granted(await answer);
      way = "at once";
    } else if (now.value.value.state === "revoking") {
      way = now.value.value.revoke!.refusable ? "asked" : "asked, must";
      await pass(4999);
      assert.equal(locks.holder("pump")!.label, "anna");
      await pass(1);
      granted(await answer);
    } else assert.equal(refusalOf(await answer), "device-locked");
    await close();
    return way;
  };
  for (const requester of LOCK_TYPES) {
    for (const holder of LOCK_TYPES) {
      const what = `${requester} over ${holder}`;
      assert.equal(await met(requester, holder), ways[what] ?? "never", what);
    }
  }
});

Deno.test("a holder that is asked yields, and its successor has a higher fence", async () => {
  const { locks, close } = await openRig();
  const lost: string[] = [];
  locks.onLost((deviceIds, actor) => lost.push(`${actor}: ${deviceIds}`));
  const { lock } = granted(await ask(locks, ANNA, ["pump"]));
  const taking = ask(locks, BO, ["pump"], { type: "QUEUE_EXECUTING" });
  const asked = locks.subscribe({ sinceSeq: locks.seq });
  const delivery = (await asked.next()).value;
  assert.ok(delivery?.kind === "event" && delivery.event.action === "preempt_requested");
  asked[Symbol.dispose]();
  must(await locks.ack(lock.id, proofOf(ANNA), { yield: true }));
  const grant = granted(await taking);
  assert.ok(grant.lock.fences["pump"]! > lock.fences["pump"]!);
  const end = locks.get(lock.id);
  assert.ok(!end.ok && end.refusal.kind === "lock-lost");
  assert.deepEqual([end.refusal.reason, end.refusal.successor], ["preempted", grant.lock.id]);
  assert.deepEqual(lost, ["user:anna: pump"]);
  await close();
});

Deno.test("a holder refuses once, and who asked is denied, or waits on if it wanted to", async () => {
  for (const waitMs of [0, 60_000]) {
    const { locks, pass, close } = await openRig();
    const { lock } = granted(await ask(locks, ANNA, ["pump"], { leaseMs: 600_000 }));
    const taking = ask(locks, BO, ["pump"], { type: "QUEUE_EXECUTING", waitMs });
    await pass(0);
    must(await locks.ack(lock.id, proofOf(ANNA), { yield: false, reason: "cells" }));
    await pass(10_000);
    assert.equal(must(locks.get(lock.id)).value.state, "held");
    if (waitMs === 0) assert.equal(refusalOf(await taking), "device-locked");
    else {
      must(await locks.release(lock.id, proofOf(ANNA)));
      granted(await taking);
    }
    await close();
  }
});

Deno.test("maintenance cannot be refused, and without a request there is nothing to answer", async () => {
  const { locks, pass, close } = await openRig();
  const { lock } = granted(await ask(locks, ANNA, ["pump"], { type: "QUEUE_EXECUTING" }));
  assert.equal(
    refusalOf(await locks.ack(lock.id, proofOf(ANNA), { yield: true })),
    "not-revoking",
  );
  const taking = ask(locks, BO, ["pump"], { type: "MAINTENANCE" });
  await pass(0);
  assert.equal(
    refusalOf(await locks.ack(lock.id, proofOf(ANNA), { yield: false })),
    "not-permitted",
  );
  await pass(5000);
  granted(await taking);
  await close();
});

Deno.test("when who asked goes away, the holder keeps its lock", async () => {
  const { locks, pass, close } = await openRig();
  const { lock } = granted(await ask(locks, ANNA, ["pump"]));
  const gone = new AbortController();
  const taking = ask(locks, BO, ["pump"], { type: "QUEUE_EXECUTING" }, { signal: gone.signal });
  await pass(1000);
  gone.abort();
  assert.equal(refusalOf(await taking), "cancelled");
  await pass(10_000);
  assert.equal(must(locks.get(lock.id)).value.state, "held");
  await close();
});

Deno.test("all holders in the way are asked before any loses its lock", async () => {
  const { locks, pass, close } = await openRig();
  const queued = granted(await ask(locks, person("q"), ["a"], { type: "QUEUE_QUEUED" }));
  const manual = granted(await ask(locks, ANNA, ["b"]));
  const taking = ask(locks, BO, ["a", "b"], { type: "QUEUE_EXECUTING" });
  await pass(0);
  assert.ok(locks.get(queued.lock.id).ok);
  must(await locks.ack(manual.lock.id, proofOf(ANNA), { yield: false }));
  assert.equal(refusalOf(await taking), "device-locked");
  assert.ok(locks.get(queued.lock.id).ok);
  await close();
});

Deno.test("by force anything is taken at once, with its reason on record", async () => {
  const { locks, close } = await openRig();
  const { lock } = granted(await ask(locks, ANNA, ["pump"], { type: "MAINTENANCE" }));
  const more = { preempt: "force" as const, reason: "smoke" };
  granted(await ask(locks, BO, ["pump"], more));
  const [record] = await locks.audit({ limit: 1, actions: ["force_released"] });
  assert.deepEqual([record!.id, record!.reason, record!.by], [lock.id, "smoke", BO.actor]);
  await close();
});

Deno.test("a lock is revoked by right, at once or after a grace it cannot refuse", async () => {
  const { locks, pass, close } = await openRig();
  const one = granted(await ask(locks, ANNA, ["pump"])).lock;
  const two = granted(await ask(locks, ANNA, ["led"])).lock;
  must(await locks.revoke(one.id, BO, { reason: "leak" }));
  assert.equal(locks.holder("pump"), null);
  must(await locks.revoke(two.id, BO, { reason: "leak", graceMs: 2000 }));
  assert.equal(must(locks.get(two.id)).value.state, "revoking");
  assert.equal(
    refusalOf(await locks.ack(two.id, proofOf(ANNA), { yield: false })),
    "not-permitted",
  );
  await pass(2000);
  const end = locks.get(two.id);
  assert.ok(!end.ok && end.refusal.kind === "lock-lost" && end.refusal.reason === "forced");
  assert.equal(refusalOf(await locks.revoke(one.id, BO, { reason: " " })), "invalid");
  await close();
});

Deno.test("everything is taken from four hundred holders for maintenance, in more than one commit", async () => {
  const { locks, pass, close } = await openRig();
  await Promise.all(Array.from({ length: 400 }, async (_, i) => {
    granted(await ask(locks, person(`p${i}`), [`d${i}`], { leaseMs: 600_000 }));
  }));
  const taking = ask(locks, BO, ["*"], { type: "MAINTENANCE" });
  await pass(0);
  granted(await taking);
  assert.equal(locks.list().value.length, 1);
  await close();
});

Deno.test("equals take from equals only where the policy brings the old rule back", async () => {
  const { locks, close } = await openRig();
  granted(await ask(locks, ANNA, ["pump"]));
  assert.equal(refusalOf(await ask(locks, BO, ["pump"])), "device-locked");
  must(await locks.setPolicy({ ...locks.policy(), equalPriorityOverride: true }, ANNA));
  granted(await ask(locks, BO, ["pump"]));
  await close();
});

Deno.test("fifty equals at once: one holder and no second", async () => {
  const { locks, close } = await openRig();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => ask(locks, person(`p${i}`), ["pump"])),
  );
  assert.equal(answers.filter(({ ok }) => ok).length, 1);
  assert.equal(locks.list().value.length, 1);
  const actions = (await locks.audit({ afterSeq: 0, limit: 100 })).map(({ action }) => action);
  assert.equal(actions.filter((action) => action === "acquired").length, 1);
  assert.equal(actions.filter((action) => action === "denied").length, 49);
  await close();
});

Deno.test("the lower class never ends up with what the higher one was granted, in 200 of 200 races", async () => {
  const { locks, close } = await openRig();
  for (let trial = 0; trial < 200; trial++) {
    const device = `d${trial}`;
    granted(await ask(locks, person("holder"), [device], { type: "QUEUE_QUEUED" }));
    const [, high] = await Promise.all([
      ask(locks, person("low"), [device], { type: "QUEUE_QUEUED" }),
      ask(locks, person("high"), [device], { type: "MAINTENANCE" }),
    ]);
    granted(high);
    assert.equal(locks.holder(device)!.label, "high");
  }
  await close();
});

Deno.test("a lease that runs out is told as lost unless its devices are to stay as they are", async () => {
  const { locks, pass, close } = await openRig();
  const lost: string[] = [];
  locks.onLost((deviceIds, actor) => lost.push(`${actor} ${deviceIds}`));
  granted(await ask(locks, person("anna"), ["pump"], { leaseMs: 1000 }));
  granted(await ask(locks, person("ben"), ["heater"], { leaseMs: 1000, onExpiry: "keep" }));
  await pass(1000);
  assert.deepEqual(lost, ["user:anna pump"]);
  assert.equal(locks.holder("heater"), null);
  await close();
});

Deno.test("devices taken from their holder are lost whatever their lease says of its end", async () => {
  const { locks, close } = await openRig();
  const lost: string[] = [];
  locks.onLost((deviceIds, actor) => lost.push(`${actor} ${deviceIds}`));
  granted(await ask(locks, person("ben"), ["heater"], { onExpiry: "keep" }));
  granted(await ask(locks, person("eve"), ["heater"], { preempt: "force", reason: "smoke" }));
  assert.deepEqual(lost, ["user:ben heater"]);
  await close();
});
