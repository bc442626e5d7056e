import assert from "node:assert/strict";
import { Locks } from "./mod.ts";
import { ask, granted, must, openRig, person, proofOf, refusalOf } from "../../tests/lock_rig.ts";

const ANNA = person("anna");
const BO = person("bo");

Deno.test("a group is granted whole or not at all, and a refusal names who stands in the way", async () => {
  const { locks, close } = await openRig();
  const grant = granted(await ask(locks, ANNA, ["stirrer", "pump", "pump"]));
  assert.deepEqual(grant.lock.deviceIds, ["pump", "stirrer"]);
  assert.deepEqual(grant.lock.fences, { pump: 1, stirrer: 1 });
  assert.equal(grant.key.length, 43);
  const refused = await ask(locks, BO, ["led", "stirrer"]);
  assert.ok(!refused.ok && refused.refusal.kind === "device-locked");
  assert.deepEqual(
    refused.refusal.conflicts.map(({ deviceId, owner, lockId }) => [deviceId, owner.label, lockId]),
    [["stirrer", "anna", grant.lock.id]],
  );
  assert.equal(refused.refusal.retryAfterMs, 30_000);
  assert.equal(locks.byDevice("led").value, null);
  const [denied] = await locks.audit({ limit: 1 });
  assert.deepEqual([denied!.action, denied!.reason, denied!.owner?.label], [
    "denied",
    "device-locked",
    "bo",
  ]);
  await close();
});

Deno.test("a lock on a device stands in the way of those around it and those inside it", async () => {
  for (
    const [held, asked, conflicting] of [
      ["arm", "arm.gripper", true],
      ["arm.gripper", "arm", true],
      ["arm.gripper", "*", true],
      ["*", "arm.gripper.finger", true],
      ["@queue", "*", true],
      ["arm", "arms", false],
      ["arm.left", "arm.right", false],
      ["@queue", "arm", false],
    ] as const
  ) {
    const { locks, close } = await openRig();
    granted(await ask(locks, ANNA, [held]));
    const second = await ask(locks, BO, [asked]);
    assert.equal(second.ok, !conflicting, `${asked} while ${held} is held`);
    assert.equal(locks.check(asked, BO.actor).ok, !conflicting);
    await close();
  }
});

Deno.test("who holds a device drives what is inside it, with a fence above all before", async () => {
  const { locks, close } = await openRig();
  for (let i = 0; i < 3; i++) {
    const { lock } = granted(await ask(locks, ANNA, ["arm.gripper"]));
    must(await locks.release(lock.id, proofOf(ANNA)));
  }
  const { lock } = granted(await ask(locks, BO, ["arm"]));
  assert.ok(lock.fences["arm"]! > 6);
  assert.deepEqual(locks.check("arm.gripper", BO.actor), { ok: true, value: lock.fences["arm"] });
  must(await locks.release(lock.id, proofOf(BO)));
  const again = granted(await ask(locks, ANNA, ["arm.gripper"]));
  assert.ok(again.lock.fences["arm.gripper"]! > lock.fences["arm"]!);
  await close();
});

Deno.test("shared locks stand beside each other, and nobody drives while one stands", async () => {
  const { locks, close } = await openRig();
  const first = granted(await ask(locks, ANNA, ["stage"], { mode: "shared" }));
  granted(await ask(locks, BO, ["stage"], { mode: "shared" }));
  assert.equal(refusalOf(await ask(locks, person("cy"), ["stage"])), "device-locked");
  for (const one of [ANNA, BO]) assert.equal(locks.check("stage", one.actor).ok, false);
  assert.equal(
    refusalOf(await locks.convert(first.lock.id, proofOf(ANNA), { mode: "exclusive" })),
    "device-locked",
  );
  await locks.releaseAll(BO.actor, "done");
  must(await locks.convert(first.lock.id, proofOf(ANNA), { mode: "exclusive" }));
  assert.ok(locks.check("stage", ANNA.actor).ok);
  await close();
});

Deno.test("the owner who asks again gets the same lock, key and fence, and the later end", async () => {
  const { clock, locks, pass, close } = await openRig();
  const first = granted(await ask(locks, ANNA, ["pump"], { leaseMs: 10_000 }));
  await pass(5000);
  const answer = await ask(locks, ANNA, ["pump"], { leaseMs: 10_000 });
  assert.ok(answer.ok && answer.value.kind === "granted" && !answer.value.created);
  const { lock, key } = answer.value.grant;
  assert.deepEqual([lock.id, lock.fences, key], [first.lock.id, first.lock.fences, first.key]);
  assert.equal(lock.expiresAtMs, clock.nowMs() + 10_000);
  const shorter = granted(await ask(locks, ANNA, ["pump"], { leaseMs: 100 }));
  assert.equal(shorter.lock.expiresAtMs, lock.expiresAtMs);
  await close();
});

Deno.test("the same plan's lock changes its type in place", async () => {
  const { locks, close } = await openRig();
  const queued = granted(
    await ask(locks, ANNA, ["pump"], { type: "QUEUE_QUEUED", planUid: "p1" }),
  );
  const executing = granted(
    await ask(locks, ANNA, ["pump"], { type: "QUEUE_EXECUTING", planUid: "p1" }),
  );
  assert.equal(executing.lock.id, queued.lock.id);
  assert.deepEqual(executing.lock.fences, queued.lock.fences);
  const actions = (await locks.audit({ afterSeq: 0, limit: 10 })).map(({ action }) => action);
  assert.deepEqual(actions, ["acquired", "converted"]);
  await close();
});

Deno.test("a plan's reservation becomes part of its larger lock", async () => {
  const { locks, close } = await openRig();
  granted(await ask(locks, ANNA, ["pump"], { type: "QUEUE_QUEUED", planUid: "p1" }));
  const { lock } = granted(
    await ask(locks, ANNA, ["pump", "led"], { type: "QUEUE_EXECUTING", planUid: "p1" }),
  );
  assert.deepEqual(locks.list().value.map(({ id }) => id), [lock.id]);
  await close();
});

Deno.test("an idempotency key gives the same grant, even after the lock ended, and no second one", async () => {
  const { locks, close } = await openRig();
  const options = { idempotencyKey: "k1" };
  const first = granted(await ask(locks, ANNA, ["pump"], {}, options));
  const seq = locks.seq;
  assert.equal(granted(await ask(locks, ANNA, ["pump"], {}, options)).key, first.key);
  must(await locks.release(first.lock.id, proofOf(ANNA)));
  const after = await ask(locks, ANNA, ["pump"], {}, options);
  assert.ok(after.ok && after.value.kind === "granted" && !after.value.created);
  assert.equal(after.value.grant.lock.id, first.lock.id);
  assert.deepEqual(locks.list().value, []);
  assert.equal(locks.seq, seq + 1);
  assert.equal(refusalOf(await ask(locks, ANNA, ["led"], {}, options)), "invalid");
  granted(await ask(locks, BO, ["pump"], {}, options));
  await close();
});

Deno.test("without the right nothing is taken for maintenance, without end, or by force", async () => {
  const { locks, close } = await openRig();
  const plain = person("plain", ["lock:read", "lock:write"]);
  for (
    const [more, needs] of [
      [{ type: "MAINTENANCE" }, "lock:maintenance"],
      [{ leaseMs: null }, "lock:unbounded"],
      [{ preempt: "force" }, "lock:force"],
    ] as const
  ) {
    const refused = await ask(locks, plain, ["pump"], more);
    assert.ok(!refused.ok && refused.refusal.kind === "not-permitted");
    assert.equal(refused.refusal.needs, needs);
  }
  assert.equal(refusalOf(await ask(locks, person("nobody", []), ["pump"])), "not-permitted");
  const { lock } = granted(await ask(locks, plain, ["pump"]));
  assert.equal(
    refusalOf(await locks.convert(lock.id, proofOf(plain), { type: "MAINTENANCE" })),
    "not-permitted",
  );
  assert.equal(refusalOf(await locks.revoke(lock.id, plain, { reason: "mine" })), "not-permitted");
  assert.equal(refusalOf(await locks.setPolicy(locks.policy(), plain)), "not-permitted");
  await close();
});

Deno.test("only the key or the owner's login changes a lock; who only says a name needs the key", async () => {
  const { locks, close } = await openRig();
  const { lock, key } = granted(await ask(locks, ANNA, ["pump"]));
  assert.equal(refusalOf(await locks.renew(lock.id, proofOf(BO))), "not-permitted");
  assert.equal(refusalOf(await locks.renew(lock.id, proofOf(ANNA, "wrong"))), "not-permitted");
  assert.ok((await locks.renew(lock.id, proofOf(BO, key))).ok);
  const said = { ...ANNA, actor: "asserted:anna", asserted: true };
  const own = granted(await ask(locks, said, ["led"]));
  assert.equal(refusalOf(await locks.release(own.lock.id, proofOf(said))), "not-permitted");
  assert.ok((await locks.release(own.lock.id, proofOf(said, own.key))).ok);
  assert.equal(
    refusalOf(await locks.renew("01HZZZZZZZZZZZZZZZZZZZZZZZ", proofOf(ANNA))),
    "lock-unknown",
  );
  await close();
});

Deno.test("parts are given back, a release can be repeated, and fences of what was given back rise", async () => {
  const { locks, close } = await openRig();
  const { lock } = granted(await ask(locks, ANNA, ["led", "pump"]));
  assert.deepEqual(must(await locks.release(lock.id, proofOf(ANNA), { deviceIds: ["led", "x"] })), {
    released: ["led"],
    alreadyReleased: ["x"],
  });
  assert.deepEqual(locks.fences(), { led: 2, pump: 1 });
  assert.deepEqual(must(locks.get(lock.id)).value.deviceIds, ["pump"]);
  must(await locks.release(lock.id, proofOf(ANNA)));
  assert.deepEqual(must(await locks.release(lock.id, proofOf(ANNA))), {
    released: [],
    alreadyReleased: ["pump"],
  });
  const lost = await locks.renew(lock.id, proofOf(ANNA));
  assert.ok(!lost.ok && lost.refusal.kind === "lock-lost" && lost.refusal.reason === "released");
  await close();
});

Deno.test("a lock handed over has another key and higher fences, and its old owner none of it", async () => {
  const { locks, close } = await openRig();
  const { lock, key } = granted(await ask(locks, ANNA, ["pump"]));
  const { may: _, ...bo } = BO;
  const given = must(await locks.transfer(lock.id, proofOf(ANNA), bo));
  assert.deepEqual(given.fences, { pump: 2 });
  assert.equal(refusalOf(await locks.renew(lock.id, proofOf(ANNA))), "not-permitted");
  assert.equal(refusalOf(await locks.renew(lock.id, proofOf(ANNA, key))), "not-permitted");
  assert.equal(locks.check("pump", ANNA.actor).ok, false);
  const his = granted(await ask(locks, BO, ["pump"]));
  assert.equal(his.lock.id, lock.id);
  assert.notEqual(his.key, key);
  assert.notEqual(locks.keyHash(his.lock), locks.keyHash(lock));
  await close();
});

Deno.test("a lock takes more devices at once or not, and never waits for them", async () => {
  const { locks, close } = await openRig();
  const { lock } = granted(await ask(locks, ANNA, ["pump"]));
  const more = must(await locks.extend(lock.id, proofOf(ANNA), { deviceIds: ["led"] }));
  assert.deepEqual(more.fences, { led: 1, pump: 1 });
  granted(await ask(locks, BO, ["arm"]));
  const extend = (waitMs: number) =>
    locks.extend(lock.id, proofOf(ANNA), { deviceIds: ["arm"], waitMs });
  assert.equal(refusalOf(await extend(0)), "device-locked");
  assert.equal(refusalOf(await extend(1000)), "would-deadlock");
  const many = Array.from({ length: 63 }, (_, i) => `d${i}`);
  const tooMany = await locks.extend(lock.id, proofOf(ANNA), { deviceIds: many });
  assert.equal(refusalOf(tooMany), "invalid");
  await close();
});

Deno.test("no renewal goes beyond the longest hold", async () => {
  const { locks, pass, close } = await openRig();
  const { lock } = granted(await ask(locks, ANNA, ["pump"], { leaseMs: 1000, maxHoldMs: 2500 }));
  for (let i = 0; i < 3; i++) {
    must(await locks.renew(lock.id, proofOf(ANNA)));
    await pass(800);
  }
  await pass(100);
  const lost = await locks.renew(lock.id, proofOf(ANNA));
  assert.ok(!lost.ok && lost.refusal.kind === "lock-lost" && lost.refusal.reason === "expired");
  await close();
});

Deno.test("what cannot be an ask is refused, with the field that is wrong", async () => {
  const { locks, close } = await openRig({ devices: () => ["pump", "arm.gripper"] });
  const names = (n: number) => Array.from({ length: n }, (_, i) => `arm.gripper.${i}`);
  const wrong = async (deviceIds: string[], more = {}) => {
    const whole = {
      deviceIds,
      type: "MANUAL_OPERATOR" as const,
      mode: "exclusive" as const,
      leaseMs: 1000,
      waitMs: 0,
      maxHoldMs: null,
      reason: null,
      planUid: null,
      itemUid: null,
      preempt: "policy" as const,
      onExpiry: "safe" as const,
      notBeforeMs: null,
      notAfterMs: null,
      ...more,
    };
    const answer = await locks.request(whole, ANNA);
    assert.ok(!answer.ok);
    return answer.refusal.kind === "invalid" ? answer.refusal.path : answer.refusal.kind;
  };
  assert.equal(await wrong([]), "deviceIds");
  assert.equal(await wrong([""]), "deviceIds.0");
  assert.equal(await wrong(["pump", "a\nb"]), "deviceIds.1");
  assert.equal(await wrong(names(65)), "deviceIds");
  assert.equal(await wrong(["pump"], { leaseMs: 0 }), "leaseMs");
  assert.equal(await wrong(["pump"], { leaseMs: Infinity }), "leaseMs");
  assert.equal(await wrong(["pump"], { waitMs: -1 }), "waitMs");
  assert.equal(await wrong(["pump"], { notAfterMs: 5 }), "notAfterMs");
  assert.equal(await wrong(["pump", "nothing"]), "unknown-device");
  granted(await ask(locks, ANNA, names(64)));
  granted(await ask(locks, ANNA, ["pump", "@queue"]));
  await close();
});

Deno.test("the policy is changed by right, on record, and never lets a lower class take from a higher", async () => {
  const { locks, close } = await openRig();
  const never = { over: {}, v: 1 as const, equalPriorityOverride: false };
  must(await locks.setPolicy(never, ANNA));
  granted(await ask(locks, ANNA, ["pump"], { type: "QUEUE_QUEUED" }));
  assert.equal(refusalOf(await ask(locks, BO, ["pump"])), "device-locked");
  const upside = {
    ...never,
    over: {
      QUEUE_QUEUED: {
        MAINTENANCE: { rule: "immediate" as const, graceMs: 0, refusable: false },
      },
    },
  };
  assert.equal(refusalOf(await locks.setPolicy(upside, ANNA)), "invalid");
  assert.deepEqual(locks.policy(), never);
  const [changed] = await locks.audit({ limit: 1, actions: ["policy_changed"] });
  assert.deepEqual(changed!.policy, never);
  await close();
});

Deno.test("leases of the version before are taken over, with their fences, and their rows are gone", async () => {
  const { kv, clock, locks, close } = await openRig();
  locks.close();
  const lease = {
    actor: "experiment:01",
    label: "experiment 42",
    sinceMs: clock.nowMs(),
    ttlMs: null,
    expiresAtMs: null,
    renewals: 0,
  };
  const { fences: _, ...none } = { fences: 0 };
  await kv.transact([], () => ({
    ok: true,
    value: {
      value: none,
      set: [
        [["locks", "lock", "pump"], { v: 1, deviceId: "pump", fence: 7, lease }],
        [["locks", "lock", "led"], { v: 1, deviceId: "led", fence: 4, lease: null }],
      ],
    },
  }));
  const again = await Locks.open(kv, clock);
  assert.deepEqual(again.fences(), { led: 4, pump: 7 });
  assert.deepEqual(again.check("pump", "experiment:01"), { ok: true, value: 7 });
  assert.equal(again.holder("pump")!.label, "experiment 42");
  assert.equal(await kv.get(["locks", "lock", "pump"]), null);
  await again.releaseAll("experiment:01", "done");
  assert.deepEqual(again.fences(), { led: 4, pump: 8 });
  again.close();
  await close();
});
