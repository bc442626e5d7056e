import assert from "node:assert/strict";
import { type CoordinationRig, openCoordination } from "../../tests/compat/coordination_rig.ts";
import { ask, granted, openRig, person, proofOf, refusalOf } from "../../tests/lock_rig.ts";
import { heirNamed, type People } from "./api_heir.ts";
import { LockAsk } from "./model.ts";

const ANNA = person("anna");
const BO = person("bo");
const OPERATOR = person("carl", ["lock:read", "lock:write"]);

function post(rig: CoordinationRig, path: string, body: unknown, headers: HeadersInit = {}) {
  return rig.fetch(`/api/v1${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

const SLOT = { devices: ["stage"], type: "MANUAL_OPERATOR" };

Deno.test("a slot that no date can say is refused, and lists and record go on", async () => {
  await using rig = await openCoordination();
  const asAsync = { prefer: "respond-async" };
  for (const not_before of [9e15, -9e15, "9999-12-31T23:59:59Z"]) {
    const reply = await post(rig, "/locks", { ...SLOT, not_before }, asAsync);
    assert.equal(reply.status, 422, `not_before ${not_before}`);
    const { errors } = await reply.json();
    assert.equal(errors[0].path, "not_before");
  }
  const far = await post(rig, "/locks", { ...SLOT, not_after: 9e15 });
  assert.equal(far.status, 201);
  assert.equal((await far.json()).max_hold_at, "9999-12-31T23:59:59.999Z");
  for (const path of ["/locks", "/locks/queue", "/locks/audit"]) {
    assert.equal((await rig.fetch(`/api/v1${path}`)).status, 200, path);
  }
});

Deno.test("a field that does not fit is named as the interface spells it", async () => {
  await using rig = await openCoordination();
  const past = await (await post(rig, "/locks", { ...SLOT, not_after: 1 })).json();
  assert.equal(past.errors[0].path, "not_after");
  assert.match(past.detail, /^"not_after"/);
  const once = { "idempotency-key": "k", "x-lock-client": "p" };
  await (await post(rig, "/locks", SLOT, once)).body?.cancel();
  const other = await post(rig, "/locks", { ...SLOT, devices: ["camera"] }, once);
  assert.deepEqual((await other.json()).errors[0].in, "header");
});

Deno.test("what the gate refuses is a problem of its own type, and the lock's type stands beside it", async () => {
  await using rig = await openCoordination();
  await (await post(rig, "/locks", SLOT)).body?.cancel();
  const refused = await post(rig, "/gate/check", { device: "stage", fence: 0, lock_id: null });
  assert.equal(refused.status, 423);
  const problem = await refused.json();
  assert.equal(problem.type, "/problems/gate-refused");
  assert.equal(problem.lock_type, "MANUAL_OPERATOR");
});

Deno.test("an idempotency key does not tell the key of a lock that was handed over since", async () => {
  const { locks, close } = await openRig();
  const options = { idempotencyKey: "k1" };
  const first = granted(await ask(locks, ANNA, ["pump"], {}, options));
  assert.ok((await locks.transfer(first.lock.id, proofOf(ANNA), BO)).ok);
  assert.equal(refusalOf(await ask(locks, ANNA, ["pump"], {}, options)), "not-permitted");
  assert.equal(locks.holder("pump")?.actor, BO.actor);
  assert.ok((await locks.release(first.lock.id, proofOf(BO))).ok);
  assert.equal(refusalOf(await ask(locks, ANNA, ["pump"], {}, options)), "not-permitted");
  await close();
});

Deno.test("a name with half a character is none", () => {
  for (const name of ["pump.\ud800", "\udc00"]) {
    assert.ok(!LockAsk.safeParse({ deviceIds: [name], type: "MANUAL_OPERATOR" }).success);
  }
  assert.ok(LockAsk.safeParse({ deviceIds: ["pumpe 😀/ä"], type: "MANUAL_OPERATOR" }).success);
});

Deno.test("a ticket is taken out of the line by its owner or by right, and the record says by whom", async () => {
  const { locks, close } = await openRig();
  granted(await ask(locks, ANNA, ["pump"]));
  const more = { waitMs: 60_000 };
  const queued = await ask(locks, OPERATOR, ["pump"], more, { respondAsync: true });
  assert.ok(queued.ok && queued.value.kind === "queued");
  const { id } = queued.value.ticket;
  const other = person("dora", ["lock:read", "lock:write"]);
  const no = await locks.cancelTicket(id, proofOf(other));
  assert.ok(!no.ok && no.refusal.kind === "not-permitted");
  assert.ok((await locks.cancelTicket(id, proofOf(BO))).ok);
  assert.deepEqual(locks.queue().value, []);
  const [last] = await locks.audit({ limit: 1 });
  assert.deepEqual([last?.action, last?.by], ["dequeued", BO.actor]);
  await close();
});

Deno.test("who follows the events keeps its tickets, and only its own", async () => {
  const { locks, pass, close } = await openRig();
  granted(await ask(locks, ANNA, ["pump"], { leaseMs: 600_000 }));
  const more = { waitMs: 300_000 };
  for (const asker of [BO, OPERATOR]) {
    assert.ok((await ask(locks, asker, ["pump"], more, { respondAsync: true })).ok);
  }
  for (let i = 0; i < 5; i++) {
    await pass(15_000);
    locks.stillHere(BO.actor);
  }
  assert.deepEqual(locks.queue().value.map(({ owner }) => owner.actor), [BO.actor]);
  await close();
});

Deno.test("an open stream of events keeps its asker's ticket", async () => {
  await using rig = await openCoordination();
  const bo = { "x-lock-client": "bo" };
  await (await post(rig, "/locks", { ...SLOT, lease_ms: 600_000 })).body?.cancel();
  const queued = await post(rig, "/locks", { ...SLOT, wait_ms: 300_000 }, {
    ...bo,
    prefer: "respond-async",
  });
  assert.equal(queued.status, 202);
  const stream = await rig.fetch("/api/v1/locks/events", { headers: bo });
  for (let i = 0; i < 6; i++) {
    await rig.clock.advance(15_000);
    await rig.locks.settled();
  }
  assert.equal(rig.locks.queue().value.length, 1);
  await stream.body?.cancel();
  for (let i = 0; i < 6; i++) {
    await rig.clock.advance(15_000);
    await rig.locks.settled();
  }
  assert.equal(rig.locks.queue().value.length, 0);
});

Deno.test("what one would meet through one's own other lock is told, as the request then finds", async () => {
  const { locks, close } = await openRig();
  granted(await ask(locks, ANNA, ["pump"]));
  const type = "MANUAL_OPERATOR";
  const more = locks.canAccess({ deviceIds: ["led", "pump"], type }, ANNA);
  assert.equal(more.allowed, false);
  assert.equal(more.conflicts[0]?.owner.actor, ANNA.actor);
  assert.equal(refusalOf(await ask(locks, ANNA, ["led", "pump"])), "device-locked");
  const same = locks.canAccess({ deviceIds: ["pump"], type }, ANNA);
  assert.deepEqual(same, { allowed: true, wouldPreempt: false, conflicts: [] });
  granted(await ask(locks, ANNA, ["valve"], { type: "QUEUE_QUEUED", planUid: "p" }));
  const plan = { deviceIds: ["led", "valve"], type: "QUEUE_EXECUTING", planUid: "p" } as const;
  assert.ok(locks.canAccess(plan, ANNA).allowed);
  granted(await ask(locks, ANNA, ["led", "valve"], { type: plan.type, planUid: "p" }));
  await close();
});

Deno.test("where people log in, a lock is handed only to those there are and who may hold one", () => {
  const users = [{ name: "anna", role: "operator" }, { name: "olga", role: "observer" }] as const;
  const people = {
    users: { get: (name: string) => users.find((one) => one.name === name) ?? null },
    tokensOf: () => [{ name: "ci", role: "operator" }],
  } as unknown as People;
  const by = { kind: "user", name: "bo", role: "operator" } as const;
  const to = (name: string) => {
    const heir = heirNamed(name, by, people);
    return heir.ok ? heir.value.actor : heir.refusal.kind;
  };
  assert.equal(to("anna"), "user:anna");
  assert.equal(to("user:anna"), "user:anna");
  assert.equal(to("token:ci"), "token:ci");
  for (
    const name of ["ghost", "olga", "user:", "token:other", "experiment:x", "local:a", "asserted:z"]
  ) {
    assert.equal(to(name), "invalid", name);
  }
  const local = { kind: "local", owner: "local", role: "admin" } as const;
  assert.ok(heirNamed("anyone", local, null).ok);
});

Deno.test("a long line is told in short: each with its place and the first who block it", async () => {
  const { locks, close } = await openRig();
  granted(await ask(locks, ANNA, ["pump"], { leaseMs: 600_000 }));
  const more = { waitMs: 300_000 };
  for (let i = 0; i < 40; i++) {
    const asked = await ask(locks, person(`w${i}`), ["pump"], more, { respondAsync: true });
    assert.ok(asked.ok);
  }
  const line = locks.queue().value;
  assert.deepEqual(line.map(({ position }) => position), line.map((_, i) => i + 1));
  assert.equal(line.at(-1)?.blockedBy.length, 10);
  assert.equal(line.at(-1)?.blockedBy[0]?.owner.actor, ANNA.actor);
  await close();
});

Deno.test("a refusal that meets hundreds names the first and says how many they are", async () => {
  await using rig = await openCoordination();
  for (let i = 0; i < 3; i++) {
    const devices = Array.from({ length: 30 }, (_, k) => `d${i}-${k}`);
    for (const device of devices) {
      await (await post(rig, "/locks", { ...SLOT, devices: [device] })).body?.cancel();
    }
  }
  const reply = await post(rig, "/locks", { ...SLOT, devices: ["*"] });
  assert.equal(reply.status, 409);
  const { conflicts, conflicts_total, retry_after_ms } = await reply.json();
  assert.deepEqual([conflicts.length, conflicts_total], [64, 90]);
  assert.equal(retry_after_ms, 30_000);
});

Deno.test("a full line keeps nobody from what is free, nor maintenance from what is held", async () => {
  const { locks, pass, close } = await openRig({ waitersMax: 3 });
  const own = granted(await ask(locks, ANNA, ["pump"], { leaseMs: 600_000 }));
  const more = { waitMs: 300_000 };
  for (const name of ["w1", "w2", "w3"]) {
    assert.ok((await ask(locks, person(name), ["pump"], more, { respondAsync: true })).ok);
  }
  const fourth = await ask(locks, BO, ["pump"], more, { respondAsync: true });
  assert.equal(refusalOf(fourth), "queue-full");
  assert.equal(refusalOf(await ask(locks, BO, ["pump"])), "device-locked");
  granted(await ask(locks, BO, ["led"]));
  const type = "MAINTENANCE";
  granted(await ask(locks, person("cy"), ["pump"], { type }));
  assert.equal(locks.get(own.lock.id).ok, false);
  const running = granted(await ask(locks, ANNA, ["valve"], { type: "QUEUE_EXECUTING" }));
  const asked = ask(locks, person("cy"), ["valve"], { type });
  await pass(5000);
  granted(await asked);
  assert.equal(locks.get(running.lock.id).ok, false);
  await close();
});
