import assert from "node:assert/strict";
import fc from "fast-check";
import { type Fault, FaultyStore } from "../../tests/faulty_store.ts";
import { ManualClock } from "../clock.ts";
import { EventLog } from "../events.ts";
import { Kv, KvUnavailable } from "../kv.ts";
import { Locks, RESTART_GRACE_MS } from "./mod.ts";
import { storedLock } from "./stored.ts";

const ANNA = { actor: "user:anna", label: "anna" };
const RUN = { actor: "experiment:01", label: "experiment 42" };

const DEVICES = ["pump", "led", "stirrer"];

async function opened() {
  const clock = new ManualClock();
  const store = await FaultyStore.open();
  const kv = await Kv.over(store, clock);
  const log = new EventLog(kv, clock, { countMax: 1e6, ageMaxMs: 1e15 });
  const locks = await Locks.open(kv, clock);
  const events = async () =>
    (await log.read({ afterSeq: 0, limit: 1000 })).map(({ type, subject, text }) =>
      `${type} ${subject} ${text}`
    );
  /** Moves time, and lets what that started reach the disk, or fail to. */
  const pass = async (ms: number, again?: Locks) => {
    await clock.advance(ms);
    for (let turns = 0; turns < 3; turns++) {
      await (again ?? locks).settled();
      await clock.advance(0);
    }
  };
  return { clock, store, kv, locks, events, pass };
}

Deno.test("all devices are granted or none, and a refusal names device and holder", async () => {
  const { clock, kv, locks, events } = await opened();
  const first = await locks.grantAll({
    deviceIds: ["pump", "stirrer", "pump"],
    ...RUN,
    ttlMs: null,
  });
  assert.deepEqual(first, { ok: true, value: { pump: 1, stirrer: 1 } });
  const second = await locks.grantAll({ deviceIds: ["led", "stirrer"], ...ANNA, ttlMs: 1000 });
  const holder = { ...RUN, sinceMs: clock.nowMs(), expiresAtMs: null };
  assert.deepEqual(second, { ok: false, refusal: { kind: "held", deviceId: "stirrer", holder } });
  assert.equal(locks.holder("led"), null);
  assert.deepEqual(locks.holders(), [{ deviceId: "pump", holder }, {
    deviceId: "stirrer",
    holder,
  }]);
  assert.deepEqual(await locks.grantAll({ deviceIds: [], ...ANNA, ttlMs: 1 }), {
    ok: true,
    value: {},
  });
  assert.deepEqual(await events(), [
    "lock.granted pump held by experiment 42",
    "lock.granted stirrer held by experiment 42",
  ]);
  await kv.close();
});

Deno.test("only the holder may drive a held device; anyone one that nobody holds", async () => {
  const { kv, locks } = await opened();
  assert.deepEqual(locks.check("pump", "user:anna"), { ok: true, value: 0 });
  await locks.grantAll({ deviceIds: ["pump"], ...RUN, ttlMs: null });
  assert.deepEqual(locks.check("pump", RUN.actor), { ok: true, value: 1 });
  const refused = locks.check("pump", "user:anna");
  assert.ok(!refused.ok && refused.refusal.holder.label === "experiment 42");
  await locks.releaseAll(RUN.actor, "script ended");
  assert.deepEqual(locks.check("pump", "user:anna"), { ok: true, value: 2 });
  assert.deepEqual(locks.fences(), { pump: 2 });
  locks.close();
  await kv.close();
});

Deno.test("asking again for what one holds keeps the fence and writes no event", async () => {
  const { kv, locks, pass } = await opened();
  await locks.grantAll({ deviceIds: ["pump"], ...RUN, ttlMs: 1000 });
  await pass(900);
  assert.deepEqual(await locks.grantAll({ deviceIds: ["pump", "led"], ...RUN, ttlMs: 1000 }), {
    ok: true,
    value: { pump: 1, led: 1 },
  });
  assert.equal(kv.seq, 2);
  await pass(900);
  assert.ok(locks.holder("pump"));
  await locks.releaseAll("user:nobody", "never held anything");
  assert.equal(kv.seq, 2);
  locks.close();
  await kv.close();
});

Deno.test("a lease that runs out is lost once, with its event, and its fence is dead", async () => {
  const { kv, locks, events, pass } = await opened();
  const lost: unknown[] = [];
  locks.onLost((deviceIds, actor) => lost.push([deviceIds, actor]));
  await locks.grantAll({ deviceIds: ["pump", "led"], ...RUN, ttlMs: 30_000 });
  await pass(29_999);
  assert.deepEqual(locks.check("pump", RUN.actor), { ok: true, value: 1 });
  await pass(1);
  assert.deepEqual(lost, [[["led", "pump"], RUN.actor]]);
  assert.equal(locks.holder("pump"), null);
  assert.deepEqual(locks.check("pump", "user:anna"), { ok: true, value: 2 });
  assert.deepEqual(await locks.renewAll(RUN.actor, 1000), {
    ok: false,
    refusal: { kind: "not-holder" },
  });
  assert.deepEqual((await events()).slice(2), [
    "lock.lost led lease of experiment 42 ran out",
    "lock.lost pump lease of experiment 42 ran out",
  ]);
  await pass(100_000);
  assert.equal(kv.seq, 4);
  await kv.close();
});

Deno.test("a renewed lease lives on from then; an endless one stays endless", async () => {
  const { clock, kv, locks, pass } = await opened();
  await locks.grantAll({ deviceIds: ["pump"], ...RUN, ttlMs: 1000 });
  await locks.grantAll({ deviceIds: ["led"], ...ANNA, ttlMs: null });
  for (let i = 0; i < 10; i++) {
    await pass(900);
    assert.ok((await locks.renewAll(RUN.actor, 1000)).ok);
  }
  assert.ok((await locks.renewAll(ANNA.actor, 5)).ok);
  assert.deepEqual(locks.fences(), { pump: 1, led: 1 });
  assert.equal(locks.holder("pump")!.expiresAtMs, clock.nowMs() + 1000);
  await pass(1000);
  assert.equal(locks.holder("pump"), null);
  assert.equal(locks.holder("led")!.expiresAtMs, null);
  locks.close();
  await kv.close();
});

Deno.test("a wall clock that steps an hour either way ends no lease and lengthens none", async () => {
  for (const stepMs of [3_600_000, -3_600_000]) {
    const { clock, kv, locks, pass } = await opened();
    await locks.grantAll({ deviceIds: ["pump"], ...RUN, ttlMs: 10_000 });
    clock.stepWall(stepMs);
    await pass(9999);
    assert.equal(locks.holder("pump")!.expiresAtMs, clock.nowMs() + 1);
    assert.ok(locks.check("pump", RUN.actor).ok);
    await pass(1);
    assert.equal(locks.holder("pump"), null);
    await kv.close();
  }
});

Deno.test("a lease outlives a restart by what was left of it, its fence with it", async () => {
  // A clock that went back tells nothing: the lease begins again.
  for (const [stepMs, leftMs] of [[0, 20_000], [-3_600_000, 30_000]] as const) {
    const { clock, kv, locks, pass } = await opened();
    await locks.grantAll({ deviceIds: ["pump"], ...RUN, ttlMs: 30_000 });
    await locks.grantAll({ deviceIds: ["led"], ...ANNA, ttlMs: null });
    await pass(10_000);
    locks.close();
    clock.stepWall(stepMs);

    const again = await Locks.open(kv, clock);
    assert.deepEqual(again.fences(), { led: 1, pump: 1 });
    assert.deepEqual(again.check("pump", RUN.actor), { ok: true, value: 1 });
    await pass(leftMs - 1, again);
    assert.ok(again.holder("pump"));
    await pass(1, again);
    assert.equal(again.holder("pump"), null);
    assert.ok(again.holder("led"));
    assert.deepEqual(again.fences(), { led: 1, pump: 2 });
    again.close();
    await kv.close();
  }
});

Deno.test("a lease that would end right after a restart leaves its holder time to come back", async () => {
  const { kv, clock, locks, pass } = await opened();
  await locks.grantAll({ deviceIds: ["pump"], ...RUN, ttlMs: 30_000 });
  await pass(29_999);
  locks.close();
  const again = await Locks.open(kv, clock);
  await pass(RESTART_GRACE_MS - 1, again);
  assert.ok(again.holder("pump"));
  await pass(1, again);
  assert.equal(again.holder("pump"), null);
  again.close();
  await kv.close();
});

Deno.test("no lease ends early, and none more than 50 ms late", async () => {
  const { clock, kv, locks, pass } = await opened();
  for (let i = 0; i < 60; i++) {
    const ask = { deviceIds: [`d${i}`], actor: `user:${i}`, label: `${i}` };
    assert.ok((await locks.grantAll({ ...ask, ttlMs: 1 + (i * 37) % 500 })).ok);
  }
  for (let ms = 0; ms < 500; ms += 5) await pass(5);
  const ends = await locks.audit({ afterSeq: 0, limit: 200, actions: ["expired"] });
  assert.equal(ends.length, 60);
  for (const { atMs, before } of ends) {
    const lateMs = atMs - before!.expiresAtMs!;
    assert.ok(lateMs >= 0 && lateMs <= 50, `${lateMs} ms`);
  }
  assert.equal(clock.monotonicMs(), 500);
  locks.close();
  await kv.close();
});

Deno.test("a lease that ended while nothing ran is lost at the start, and its record says so", async () => {
  const { kv, clock, locks, pass } = await opened();
  await locks.grantAll({ deviceIds: ["pump"], ...RUN, ttlMs: 30_000 });
  locks.close();
  clock.stepWall(30_001);
  const again = await Locks.open(kv, clock);
  assert.equal(again.holder("pump"), null);
  assert.deepEqual(again.check("pump", ANNA.actor), { ok: true, value: 2 });
  const [record] = await again.audit({ limit: 1 });
  assert.deepEqual([record!.action, record!.reason], ["expired", "expired_while_down"]);
  assert.notEqual(again.epoch, locks.epoch);
  assert.equal(again.realm, locks.realm);
  await pass(0);
  again.close();
  await kv.close();
});

Deno.test("while a loss cannot be written nobody may drive, then it is written and anyone may", async () => {
  const { store, kv, locks, pass } = await opened();
  const lost: string[] = [];
  locks.onLost((deviceIds) => lost.push(...deviceIds));
  await locks.grantAll({ deviceIds: ["pump"], ...RUN, ttlMs: 1000 });
  store.faults.push("before", "before");
  await pass(1000);
  assert.equal(locks.check("pump", RUN.actor).ok, false);
  assert.equal(locks.check("pump", "user:anna").ok, false);
  assert.equal(locks.holder("pump"), null);
  assert.deepEqual(lost, []);
  await pass(1000);
  assert.equal(locks.check("pump", "user:anna").ok, false);
  await pass(1000);
  assert.deepEqual(lost, ["pump"]);
  assert.deepEqual(locks.check("pump", "user:anna"), { ok: true, value: 2 });
  await kv.close();
});

Deno.test("a lease renewed while its end is being written is not lost", async () => {
  const { clock, store, kv, locks, pass } = await opened();
  const lost: string[] = [];
  locks.onLost((deviceIds) => lost.push(...deviceIds));
  await locks.grantAll({ deviceIds: ["pump"], ...RUN, ttlMs: 1000 });
  await pass(999);
  const gate = Promise.withResolvers<void>();
  store.gate = gate.promise;
  const renewed = locks.renewAll(RUN.actor, 1000);
  while (store.commits < 2) await new Promise((resolve) => setTimeout(resolve, 0));
  await clock.advance(1);
  gate.resolve();
  assert.ok((await renewed).ok);
  await pass(0);
  assert.deepEqual(lost, []);
  assert.deepEqual(locks.check("pump", RUN.actor), { ok: true, value: 1 });
  await pass(1000);
  assert.deepEqual(lost, ["pump"]);
  await kv.close();
});

Deno.test("a device whose holder ran out is granted to the next asker, and the loss is told first", async () => {
  const { store, kv, locks, events, pass } = await opened();
  const lost: string[] = [];
  locks.onLost((deviceIds, actor) => lost.push(`${actor}: ${deviceIds}`));
  await locks.grantAll({ deviceIds: ["pump"], ...RUN, ttlMs: 1000 });
  store.faults.push("before");
  await pass(1000);
  assert.deepEqual(await locks.grantAll({ deviceIds: ["pump"], ...ANNA, ttlMs: null }), {
    ok: true,
    value: { pump: 3 },
  });
  assert.deepEqual(lost, ["experiment:01: pump"]);
  assert.deepEqual((await events()).slice(1), [
    "lock.lost pump lease of experiment 42 ran out",
    "lock.granted pump held by anna",
  ]);
  locks.close();
  await kv.close();
});

Deno.test("a time to live that is no positive number is refused", async () => {
  const { kv, locks } = await opened();
  for (const ttlMs of [0, -1, NaN, Infinity]) {
    await assert.rejects(locks.grantAll({ deviceIds: ["pump"], ...RUN, ttlMs }), RangeError);
    await assert.rejects(locks.renewAll(RUN.actor, ttlMs), RangeError);
  }
  await kv.close();
});

const ACTORS = ["x", "y", "z"];

function mayDrive(locks: Locks, deviceId: string, actor: string): boolean {
  try {
    return locks.check(deviceId, actor).ok;
  } catch (error) {
    assert.ok(error instanceof KvUnavailable);
    return false;
  }
}
const move = fc.oneof(
  fc.record({
    do: fc.constant("grant" as const),
    actor: fc.constantFrom(...ACTORS),
    deviceIds: fc.subarray(DEVICES, { minLength: 1 }),
    ttlMs: fc.option(fc.integer({ min: 1, max: 3000 })),
  }),
  fc.record({ do: fc.constant("release" as const), actor: fc.constantFrom(...ACTORS) }),
  fc.record({
    do: fc.constant("renew" as const),
    actor: fc.constantFrom(...ACTORS),
    ttlMs: fc.integer({ min: 1, max: 3000 }),
  }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 4000 }) }),
  fc.record({ do: fc.constant("settle" as const) }),
  fc.record({ do: fc.constant("restart" as const) }),
  fc.record({
    do: fc.constant("fail" as const),
    how: fc.constantFrom<Fault>("before", "after", "blind before", "blind after"),
  }),
);

Deno.test("never two holders, never one fence for two grants, whatever races, expires or restarts", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 40 }), async (moves) => {
      const { clock, store, kv, locks: first, pass } = await opened();
      let locks = first;
      const busy: Promise<unknown>[] = [];
      let faulted = false;
      const failed = (error: unknown) => assert.ok(error instanceof KvUnavailable, String(error));
      const log = new EventLog(kv, clock, { countMax: 1e6, ageMaxMs: 1e15 });
      /** Memory and disk agree: `check` lets exactly the stored holder drive, with the stored fence. */
      const agree = async () => {
        const holders = new Map<string, string>();
        const told = new Map<string, number>();
        for await (const { value } of kv.list({ prefix: ["locks", "group"] })) {
          const { lock } = storedLock(value);
          for (const deviceId of lock.deviceIds) {
            holders.set(deviceId, lock.owner.actor);
            told.set(deviceId, lock.fences[deviceId]!);
          }
        }
        for (const deviceId of DEVICES) {
          const drivers = ACTORS.filter((actor) => locks.check(deviceId, actor).ok);
          const holder = holders.get(deviceId);
          assert.deepEqual(drivers, holder === undefined ? ACTORS : [holder]);
          const fence = told.get(deviceId) ?? await kv.get(["locks", "fence", deviceId]) ?? 0;
          assert.equal(locks.fences()[deviceId] ?? 0, fence);
        }
      };
      // Several leases that ran out at once end one commit after another; one that nobody could look
      // into is looked into again a second later. Then they must agree.
      const settled = async () => {
        await Promise.all(busy.splice(0));
        await pass(0);
        store.faults.length = 0;
        for (let tries = 1;; tries++) {
          await pass(faulted ? 1000 : 0);
          const error = await agree().then(() => null, (error: unknown) => error);
          if (error === null) break;
          if (tries === 20) throw error;
        }
        faulted = false;
      };
      for (const one of moves) {
        switch (one.do) {
          case "grant":
            busy.push(locks.grantAll({ ...one, label: one.actor }).catch(failed));
            break;
          case "release":
            busy.push(locks.releaseAll(one.actor, "done").catch(failed));
            break;
          case "renew":
            busy.push(locks.renewAll(one.actor, one.ttlMs).catch(failed));
            break;
          case "wait":
            // Not settled: what this starts races with what comes next.
            await clock.advance(one.ms);
            break;
          case "settle":
            await settled();
            break;
          case "restart":
            await settled();
            locks.close();
            locks = await Locks.open(kv, clock);
            break;
          case "fail":
            store.faults.push(one.how);
            faulted = true;
        }
        for (const deviceId of DEVICES) {
          if (!locks.storeHealthy) {
            for (const actor of ACTORS) assert.ok(!mayDrive(locks, deviceId, actor));
            continue;
          }
          const drivers = ACTORS.filter((actor) => locks.check(deviceId, actor).ok);
          assert.ok(
            drivers.length <= 1 || locks.holder(deviceId) === null,
            `${deviceId}: ${drivers}`,
          );
        }
      }
      await settled();
      // The record alone: each device is granted, then released or lost, with a fence that only grows.
      const state = new Map<string, { holder: string | null; fence: number }>();
      for (const { type, subject, data } of await log.read({ afterSeq: 0, limit: 10_000 })) {
        const before = state.get(subject) ?? { holder: null, fence: 0 };
        const holder = (data["holder"] as { actor: string } | null)?.actor ?? null;
        const fence = Number(data["fence"]);
        assert.ok(fence > before.fence, `${type} ${subject}: fence ${fence} after ${before.fence}`);
        assert.equal(before.holder === null, type === "lock.granted");
        state.set(subject, { holder, fence });
      }
      for (const [deviceId, { fence }] of state) assert.equal(locks.fences()[deviceId], fence);
      locks.close();
      await kv.close();
    }),
    { numRuns: 150 },
  );
});
