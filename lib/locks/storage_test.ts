import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { KvUnavailable } from "../kv.ts";
import { accept } from "../result.ts";
import { LockLog } from "./lock_log.ts";
import { type LockDelivery, Locks } from "./mod.ts";
import {
  ask,
  granted,
  must,
  openRig,
  passTime,
  person,
  proofOf,
  refusalOf,
} from "../../tests/lock_rig.ts";

const ANNA = person("anna");
const BO = person("bo");

Deno.test("while the store fails nothing is granted and the gate is shut, until a write succeeds", async () => {
  const { store, locks, pass, close } = await openRig();
  const { lock } = granted(await ask(locks, ANNA, ["pump"]));
  store.faults.push("before", "before");
  assert.equal(refusalOf(await ask(locks, BO, ["led"])), "store-unavailable");
  assert.equal(locks.storeHealthy, false);
  assert.throws(() => locks.check("pump", ANNA.actor), KvUnavailable);
  assert.throws(() => locks.check("led", BO.actor), KvUnavailable);
  const gate = { deviceId: "pump", fence: 1, lockId: lock.id, by: "hutch" };
  const shut = locks.gateCheck(gate);
  assert.ok(!shut.ok && shut.refusal.why === "store-unavailable");
  assert.equal(locks.canAccess({ deviceIds: ["led"], type: "MANUAL_OPERATOR" }, BO).allowed, false);
  await pass(1000);
  assert.equal(locks.storeHealthy, false);
  await pass(1000);
  assert.equal(locks.storeHealthy, true);
  assert.ok(locks.check("pump", ANNA.actor).ok);
  assert.ok(locks.gateCheck(gate).ok);
  assert.equal(locks.byDevice("led").value, null);
  await close();
});

Deno.test("a grant that was written though its commit failed is found by asking again with its key", async () => {
  const { store, locks, pass, close } = await openRig();
  const options = { idempotencyKey: "k" };
  store.faults.push("blind after");
  const lost = await ask(locks, ANNA, ["pump"], {}, options);
  assert.ok(!lost.ok && lost.refusal.kind === "store-unavailable" && lost.refusal.maybeDone);
  await pass(1000);
  assert.equal(locks.holder("pump")!.label, "anna");
  const found = await ask(locks, ANNA, ["pump"], {}, options);
  assert.ok(found.ok && found.value.kind === "granted" && !found.value.created);
  assert.deepEqual(found.value.grant.lock.fences, { pump: 1 });
  const actions = (await locks.audit({ afterSeq: 0, limit: 10 })).map(({ action }) => action);
  assert.deepEqual(actions, ["acquired"]);
  await close();
});

Deno.test("killed between commit and answer, the next start has the grant, and the next fence is higher", async () => {
  const { store, kv, clock, locks, close } = await openRig();
  const gate = Promise.withResolvers<void>();
  store.gate = gate.promise;
  const asked = ask(locks, ANNA, ["pump"]);
  while (store.commits === 0) await new Promise((resolve) => setImmediate(resolve));
  locks.close();
  gate.resolve();
  await asked;
  const again = await Locks.open(kv, clock);
  assert.equal(again.holder("pump")!.label, "anna");
  await again.releaseAll(ANNA.actor, "done");
  const { lock } = granted(await ask(again, BO, ["pump"]));
  assert.ok(lock.fences["pump"]! > 1);
  again.close();
  await close();
});

Deno.test("another writer's change is read before anything is decided", async () => {
  const { kv, clock, locks, close } = await openRig();
  granted(await ask(locks, ANNA, ["pump"]));
  const other = await Locks.open(kv, clock);
  granted(await ask(other, BO, ["led"]));
  assert.equal(refusalOf(await ask(locks, ANNA, ["led"])), "device-locked");
  assert.equal(locks.holder("led")!.label, "bo");
  granted(await ask(locks, ANNA, ["arm"]));
  assert.equal(refusalOf(await ask(other, BO, ["arm"])), "device-locked");
  const actions = (await other.audit({ afterSeq: 0, limit: 10 })).map((one) => one.action);
  assert.deepEqual(actions, ["acquired", "acquired", "denied", "acquired", "denied"]);
  other.close();
  await close();
});

Deno.test("a clock that is set while locks are held changes what a restart finds of them by nothing", async () => {
  for (const stepMs of [7_200_000, -7_200_000]) {
    const { kv, clock, locks, pass, close } = await openRig();
    const { lock } = granted(await ask(locks, ANNA, ["pump"], { leaseMs: 60_000 }));
    clock.stepWall(stepMs);
    granted(await ask(locks, BO, ["led"]));
    await pass(20_000);
    locks.close();
    const again = await Locks.open(kv, clock);
    const { value } = must(again.get(lock.id));
    assert.equal(value.expiresAtMs, clock.nowMs() + 40_000);
    await passTime(clock, again, 39_999);
    assert.ok(again.get(lock.id).ok);
    await passTime(clock, again, 1);
    assert.ok(!again.get(lock.id).ok);
    again.close();
    await close();
  }
});

Deno.test("the gate for hardware outside takes the newest fence of the live lock and nothing else", async () => {
  const { locks, pass, close } = await openRig();
  const check = (deviceId: string, fence: number, lockId: string | null, realm = locks.realm) => {
    const checked = locks.gateCheck({
      deviceId,
      fence,
      lockId,
      realm,
      by: "hutch",
      command: "move",
    });
    return checked.ok ? "allow" : checked.refusal.why;
  };
  const first = granted(await ask(locks, ANNA, ["arm"])).lock;
  assert.equal(check("arm", 1, first.id), "allow");
  assert.equal(check("arm.gripper", 1, first.id), "allow");
  assert.equal(check("arm", 0, first.id), "stale-fence");
  assert.equal(check("arm", 1, first.id, "01HZZZZZZZZZZZZZZZZZZZZZZZ"), "foreign-realm");
  assert.equal(check("arm", 1, null), "held");
  assert.equal(check("led", 0, first.id), "held");
  must(await locks.release(first.id, proofOf(ANNA)));
  assert.equal(check("arm", 1, first.id), "lock-lost");
  assert.equal(check("arm", 2, null), "allow");
  const second = granted(await ask(locks, BO, ["arm"])).lock;
  assert.equal(check("arm", 1, first.id), "held");
  assert.equal(check("arm", second.fences["arm"]!, second.id), "allow");
  granted(await ask(locks, ANNA, ["stage"], { mode: "shared" }));
  assert.equal(check("stage", 1, null), "shared");
  await pass(0);
  assert.equal(locks.gateRefusals, 7);
  const refused = await locks.audit({ limit: 10, actions: ["gate_refused"] });
  // One a second and device at most.
  assert.deepEqual(refused.map(({ deviceIds }) => deviceIds[0]), ["stage", "led", "arm"]);
  assert.equal(refused[2]!.reason, 'stale-fence: fence 0 of 1 for "move"');
  assert.equal(refused[2]!.by, "hutch");
  await close();
});

Deno.test("the log keeps so many records and so long, and a watcher who comes late is told of the gap", async () => {
  const { locks, pass, close } = await openRig({ log: { countMax: 100, ageMaxMs: 1e15 } });
  for (let i = 0; i < 400; i++) {
    const { lock } = granted(await ask(locks, ANNA, ["pump"]));
    must(await locks.release(lock.id, proofOf(ANNA)));
  }
  await pass(3_600_000);
  while ((await locks.audit({ afterSeq: 0, limit: 1000 })).length > 600) await pass(0);
  using watcher = locks.subscribe({ sinceSeq: 5 });
  const first = (await watcher.next()).value as LockDelivery;
  assert.deepEqual(first, { kind: "dropped", fromSeq: 6 });
  const second = (await watcher.next()).value as LockDelivery;
  assert.ok(second.kind === "event" && second.event.seq > 200);
  await close();
});

Deno.test("a watcher who stops reading holds up nobody, and hears what it missed", async () => {
  const { locks, close } = await openRig();
  using stalled = locks.subscribe({ sinceSeq: 0, capacity: 4 });
  granted(await ask(locks, ANNA, ["d0"]));
  await stalled.next();
  for (let i = 1; i < 40; i++) granted(await ask(locks, ANNA, [`d${i}`]));
  const told: string[] = [];
  for (let seq = 0; seq < 40;) {
    const delivery = (await stalled.next()).value as LockDelivery;
    if (delivery.kind === "dropped") told.push(`from ${delivery.fromSeq}`);
    else seq = delivery.event.seq;
  }
  assert.equal(told.length, 1);
  await close();
});

Deno.test("what the log tells a late watcher is the table as it stands", async () => {
  const { locks, close } = await openRig();
  const one = granted(await ask(locks, ANNA, ["a", "b"])).lock;
  const two = granted(await ask(locks, BO, ["c"])).lock;
  must(await locks.release(one.id, proofOf(ANNA), { deviceIds: ["a"] }));
  must(await locks.renew(two.id, proofOf(BO), 60_000));
  const table = new Map<string, unknown>();
  using watcher = locks.subscribe({ sinceSeq: 0 });
  for (let seq = 0; seq < locks.seq;) {
    const delivery = (await watcher.next()).value as LockDelivery;
    assert.ok(delivery.kind === "event");
    const { id, lock } = delivery.event;
    seq = delivery.event.seq;
    if (lock === null) table.delete(id!);
    else table.set(id!, lock);
  }
  assert.deepEqual([...table.values()], locks.list().value);
  await close();
});

Deno.test("a store that holds what no version wrote is refused, not guessed at", async () => {
  const { kv, clock, locks, close } = await openRig();
  locks.close();
  await kv.transact([], () => accept({ value: null, set: [[["locks", "group", "x"], { v: 9 }]] }));
  await assert.rejects(Locks.open(kv, clock), KvUnavailable);
  await close();
});

Deno.test("decisions of one commit share a value of the log, and are read and trimmed one by one", async () => {
  const { kv, clock, locks, close } = await openRig({ log: { countMax: 100, ageMaxMs: 1e15 } });
  await Promise.all(Array.from({ length: 130 }, (_, i) => ask(locks, ANNA, [`d${i}`])));
  assert.equal(locks.seq, 130);
  let values = 0;
  for await (const _ of kv.list({ prefix: ["locks", "log"] })) values++;
  assert.ok(values < 20, `${values}`);
  const page = await locks.audit({ afterSeq: 57, limit: 3 });
  assert.deepEqual(page.map(({ seq }) => seq), [58, 59, 60]);
  const older = await locks.audit({ beforeSeq: 58, limit: 2 });
  assert.deepEqual(older.map(({ seq }) => seq), [57, 56]);
  const limits = { countMax: 100, ageMaxMs: 1e15 };
  using log = new LockLog(kv, limits);
  await log.open(locks.seq);
  assert.equal(await log.trim(clock.nowMs()), 30);
  assert.equal(await log.trim(clock.nowMs()), 0);
  assert.deepEqual((await log.read({ afterSeq: 0, limit: 2 })).map(({ seq }) => seq), [31, 32]);
  await close();
});

Deno.test("a row of a lock that is no JSON is refused, not guessed at", async () => {
  const { kv, clock, locks, close } = await openRig();
  locks.close();
  await kv.transact([], () => accept({ value: null, set: [[["locks", "group", "x"], "{"]] }));
  await assert.rejects(Locks.open(kv, clock), KvUnavailable);
  await close();
});
