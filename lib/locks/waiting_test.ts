import assert from "node:assert/strict";
import { Locks } from "./mod.ts";
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
const CY = person("cy");
const WAIT = { waitMs: 600_000 };

Deno.test("who waits is granted in the order they came, and nobody passes", async () => {
  const { locks, pass, close } = await openRig();
  const { lock } = granted(await ask(locks, ANNA, ["pump"]));
  const order: string[] = [];
  const waits = [BO, CY].map(async (asker) => {
    const grant = granted(await ask(locks, asker, ["pump"], WAIT));
    order.push(asker.label);
    return grant;
  });
  await pass(0);
  assert.deepEqual(locks.queue().value.map(({ owner, position }) => [owner.label, position]), [
    ["bo", 1],
    ["cy", 2],
  ]);
  assert.deepEqual(locks.queue().value[1]!.blockedBy.map(({ owner }) => owner.label), [
    "anna",
    "bo",
  ]);
  must(await locks.release(lock.id, proofOf(ANNA)));
  const late = await ask(locks, ANNA, ["pump"]);
  assert.equal(refusalOf(late), "device-locked");
  const first = await waits[0]!;
  assert.deepEqual(order, ["bo"]);
  must(await locks.release(first.lock.id, proofOf(BO)));
  await waits[1];
  assert.deepEqual(order, ["bo", "cy"]);
  await close();
});

Deno.test("one that waits for much is not passed by those who want part of it", async () => {
  const { locks, pass, close } = await openRig();
  const { lock } = granted(await ask(locks, ANNA, ["a"]));
  const both = ask(locks, BO, ["a", "b"], WAIT);
  await pass(0);
  assert.equal(refusalOf(await ask(locks, CY, ["b"])), "device-locked");
  granted(await ask(locks, CY, ["c"]));
  must(await locks.release(lock.id, proofOf(ANNA)));
  granted(await both);
  await close();
});

Deno.test("a more urgent class comes first, and who waits long moves up until it does", async () => {
  for (const [aheadMs, first] of [[0, "cy"], [60_000, "bo"]] as const) {
    const { locks, pass, close } = await openRig();
    const { lock } = granted(
      await ask(locks, ANNA, ["pump"], { type: "QUEUE_EXECUTING", leaseMs: 600_000 }),
    );
    const order: string[] = [];
    const low = ask(locks, BO, ["pump"], { ...WAIT, type: "QUEUE_QUEUED" });
    low.then(() => order.push("bo"));
    await pass(aheadMs);
    ask(locks, CY, ["pump"], WAIT).then(() => order.push("cy"));
    await pass(0);
    must(await locks.release(lock.id, proofOf(ANNA)));
    await pass(0);
    assert.equal(order[0], first);
    await close();
  }
});

Deno.test("nobody moves up into maintenance by age", async () => {
  const { locks, pass, close } = await openRig();
  granted(await ask(locks, ANNA, ["pump"], { type: "MAINTENANCE", leaseMs: 6e6 }));
  ask(locks, BO, ["pump"], { waitMs: 6e6, type: "QUEUE_QUEUED" });
  for (const [ms, priority] of [[59_999, 3], [1, 2], [60_000, 1], [600_000, 1]] as const) {
    await pass(ms);
    assert.equal(locks.queue().value[0]!.priority, priority);
  }
  await close();
});

Deno.test("a wait ends when its time does, and its asker leaves the line when it gives up", async () => {
  const { locks, pass, close } = await openRig();
  granted(await ask(locks, ANNA, ["pump"], { leaseMs: 600_000 }));
  const timed = ask(locks, BO, ["pump"], { waitMs: 1000 });
  const giving = new AbortController();
  const gone = ask(locks, CY, ["pump"], WAIT, { signal: giving.signal });
  await pass(999);
  assert.equal(locks.queue().value.length, 2);
  await pass(1);
  const late = await timed;
  assert.ok(!late.ok && late.refusal.kind === "wait-timeout");
  assert.equal(late.refusal.waitedMs, 1000);
  assert.equal(late.refusal.conflicts[0]!.owner.label, "anna");
  giving.abort();
  assert.equal(refusalOf(await gone), "cancelled");
  await pass(0);
  assert.deepEqual(locks.queue().value, []);
  const actions = (await locks.audit({ afterSeq: 0, limit: 20 })).map((one) =>
    `${one.action} ${one.owner?.label} ${one.reason ?? ""}`.trim()
  );
  assert.deepEqual(actions, [
    "acquired anna",
    "queued bo",
    "queued cy",
    "dequeued bo wait-timeout",
    "dequeued cy cancelled",
  ]);
  await close();
});

Deno.test("a ticket is polled to its grant, survives a restart, and is dropped when nobody asks", async () => {
  const { locks, kv, clock, pass, close } = await openRig();
  const { lock } = granted(await ask(locks, ANNA, ["pump"], { leaseMs: 600_000 }));
  const queued = await ask(locks, BO, ["pump"], WAIT, { respondAsync: true });
  assert.ok(queued.ok && queued.value.kind === "queued");
  const { ticket, key } = queued.value;
  assert.deepEqual([ticket.position, ticket.blockedBy[0]!.lockId], [1, lock.id]);
  assert.equal(refusalOf(locks.ticket(ticket.id, proofOf(CY))), "not-permitted");
  await pass(25_000);
  assert.equal(must(locks.ticket(ticket.id, proofOf(CY, key))).kind, "waiting");
  await pass(25_000);
  assert.equal(must(locks.ticket(ticket.id, proofOf(BO))).kind, "waiting");
  locks.close();
  const again = await Locks.open(kv, clock);
  assert.equal(must(again.ticket(ticket.id, proofOf(BO))).kind, "waiting");
  must(await again.release(lock.id, proofOf(ANNA)));
  const state = must(again.ticket(ticket.id, proofOf(BO)));
  assert.ok(state.kind === "granted" && state.grant.lock.id === ticket.id);
  assert.equal(state.grant.key, key);
  const dropped = await ask(again, CY, ["pump"], WAIT, { respondAsync: true });
  assert.ok(dropped.ok && dropped.value.kind === "queued");
  must(await again.renew(state.grant.lock.id, proofOf(BO), 600_000));
  await passTime(clock, again, 30_000);
  const end = must(again.ticket(dropped.value.ticket.id, proofOf(CY)));
  assert.ok(end.kind === "refused" && end.refusal.kind === "cancelled");
  again.close();
  await close();
});

Deno.test("a ticket given back frees its place", async () => {
  const { locks, close } = await openRig();
  granted(await ask(locks, ANNA, ["pump"]));
  const queued = await ask(locks, BO, ["pump"], WAIT, { respondAsync: true });
  assert.ok(queued.ok && queued.value.kind === "queued");
  const { id } = queued.value.ticket;
  const stranger = person("cy", ["lock:read", "lock:write"]);
  assert.equal(refusalOf(await locks.cancelTicket(id, proofOf(stranger))), "not-permitted");
  must(await locks.cancelTicket(id, proofOf(BO)));
  assert.equal(refusalOf(await locks.cancelTicket(id, proofOf(BO))), "ticket-unknown");
  await close();
});

Deno.test("a request repeated with its key while it waits stands in line once", async () => {
  const { locks, pass, close } = await openRig();
  const { lock } = granted(await ask(locks, ANNA, ["pump"]));
  const options = { idempotencyKey: "k" };
  const waits = [1, 2].map(() => ask(locks, BO, ["pump"], WAIT, options));
  await pass(0);
  assert.equal(locks.queue().value.length, 1);
  must(await locks.release(lock.id, proofOf(ANNA)));
  const [one, two] = await Promise.all(waits);
  assert.equal(granted(one!).lock.id, granted(two!).lock.id);
  await close();
});

Deno.test("who would wait for somebody who waits for it is told at once", async () => {
  const { locks, pass, close } = await openRig();
  granted(await ask(locks, ANNA, ["a"]));
  granted(await ask(locks, BO, ["b"]));
  granted(await ask(locks, CY, ["c"]));
  const first = ask(locks, ANNA, ["b"], WAIT);
  const second = ask(locks, BO, ["c"], WAIT);
  await pass(0);
  assert.equal(refusalOf(await ask(locks, CY, ["a"], WAIT)), "would-deadlock");
  assert.equal(refusalOf(await ask(locks, CY, ["a"])), "device-locked");
  assert.equal(refusalOf(await ask(locks, CY, ["c", "d"], WAIT)), "would-deadlock");
  await locks.releaseAll(CY.actor, "done");
  granted(await second);
  await locks.releaseAll(BO.actor, "done");
  granted(await first);
  await close();
});

Deno.test("whom the first in line waits for passes it", async () => {
  const { locks, pass, close } = await openRig();
  granted(await ask(locks, ANNA, ["a"], { leaseMs: 600_000 }));
  const both = ask(locks, BO, ["a", "b"], WAIT);
  await pass(0);
  const { lock } = granted(await ask(locks, ANNA, ["b"]));
  assert.equal(refusalOf(await ask(locks, CY, ["b"])), "device-locked");
  await locks.releaseAll(ANNA.actor, "done");
  assert.equal(lock.deviceIds[0], "b");
  granted(await both);
  await close();
});

Deno.test("a slot in time is granted when it begins and ends when it ends", async () => {
  const { clock, locks, pass, close } = await openRig();
  const beginMs = clock.nowMs() + 100_000;
  const slot = { notBeforeMs: beginMs, notAfterMs: beginMs + 50_000, leaseMs: 600_000 };
  const reserved = ask(locks, BO, ["pump"], slot);
  await pass(0);
  granted(await ask(locks, ANNA, ["pump"], { leaseMs: 110_000 }));
  await pass(100_000);
  assert.equal(locks.holder("pump")!.label, "anna");
  assert.equal(refusalOf(await ask(locks, CY, ["pump"])), "device-locked");
  await pass(10_000);
  const { lock } = granted(await reserved);
  assert.equal(lock.expiresAtMs, beginMs + 50_000);
  await pass(40_000);
  assert.equal(locks.holder("pump"), null);
  await close();
});

Deno.test("more than may wait are refused", async () => {
  const { locks, pass, close } = await openRig({ waitersMax: 2 });
  granted(await ask(locks, ANNA, ["pump"]));
  for (const name of ["b", "c"]) ask(locks, person(name), ["pump"], WAIT);
  await pass(0);
  assert.equal(refusalOf(await ask(locks, person("d"), ["pump"], WAIT)), "queue-full");
  await close();
});

Deno.test("who is first in line waits on where its grant would make two wait for each other", async () => {
  const { locks, pass, close } = await openRig();
  granted(await ask(locks, CY, ["x"], { leaseMs: 600_000 }));
  granted(await ask(locks, BO, ["y"], { leaseMs: 600_000 }));
  const first = ask(locks, ANNA, ["x"], WAIT);
  const other = ask(locks, ANNA, ["y"], WAIT);
  await pass(0);
  const second = ask(locks, BO, ["x"], WAIT);
  await pass(0);
  // Anna waits for Bo's y: with x as well, Bo, who wants x before giving y back, would wait for her.
  await locks.releaseAll(CY.actor, "done");
  granted(await second);
  await locks.releaseAll(BO.actor, "done");
  granted(await first);
  granted(await other);
  await close();
});
