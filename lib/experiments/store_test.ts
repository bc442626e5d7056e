import assert from "node:assert/strict";
import { ManualClock } from "../clock.ts";
import type { HoldfastEvent } from "../events.ts";
import { newId } from "../ids.ts";
import { Kv } from "../kv.ts";
import { activeKey, orderKey, runKey } from "./keys.ts";
import { type Experiment, Limits, type RunExit } from "./model.ts";
import { ownerLabel, ownerOf } from "./owner.ts";
import { type Draft, ExperimentStore } from "./store.ts";

const LIMITS = { active: 5, waiting: 100 };

interface Bench extends Disposable {
  kv: Kv;
  clock: ManualClock;
  store: ExperimentStore;
  events: HoldfastEvent[];
  add(owner?: string, fields?: Partial<Draft>): Promise<Experiment>;
}

async function bench(): Promise<Bench> {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  const store = await ExperimentStore.open(kv, clock);
  const events: HoldfastEvent[] = [];
  kv.onEvents((some) => events.push(...some));
  return {
    kv,
    clock,
    store,
    events,
    async add(owner = "user:anna", fields = {}) {
      const added = await store.add(draft(clock, owner, fields), LIMITS, owner);
      assert.ok(added.ok, JSON.stringify(added));
      return added.value.experiment;
    },
    [Symbol.dispose]: () => kv.close(),
  };
}

function draft(clock: ManualClock, owner: string, fields: Partial<Draft> = {}): Draft {
  return {
    id: newId(clock),
    title: "",
    owner,
    kind: "python",
    scriptSha256: "ab".repeat(32),
    devices: [],
    limits: Limits.parse({}),
    endState: {},
    onInterrupt: "fail",
    idempotencyKey: null,
    ...fields,
  };
}

const EXIT: RunExit = {
  v: 1,
  attempt: 1,
  reason: "exit",
  exitCode: 0,
  signal: null,
  text: "the script ended",
  startedAtMs: 1,
  endedAtMs: 2,
};

Deno.test("the sixth of one owner is refused, a paused one counts, another owner is not affected", async () => {
  using b = await bench();
  const five = [];
  for (let i = 0; i < 5; i++) five.push(await b.add());
  await b.store.change(five[1]!.id, { kind: "pause" }, "user:anna");
  const sixth = await b.store.add(draft(b.clock, "user:anna"), LIMITS, "user:anna");
  assert.deepEqual(sixth, { ok: false, refusal: { kind: "active-limit", active: 5, limit: 5 } });
  await b.add("user:bo");
  await b.store.change(five[1]!.id, { kind: "cancel", text: "no" }, "user:anna");
  await b.add();
  assert.equal(b.store.live.activeOf("user:anna").length, 5);
});

Deno.test("twenty submissions at once by one owner leave five", async () => {
  using b = await bench();
  const results = await Promise.all(
    Array.from({ length: 20 }, () => b.store.add(draft(b.clock, "user:anna"), LIMITS, "x")),
  );
  assert.equal(results.filter((one) => one.ok).length, 5);
  assert.deepEqual(b.store.live.waiting().map((one) => one.number), [1, 2, 3, 4, 5]);
  assert.deepEqual(await b.kv.get(activeKey("user:anna")), { v: 1, count: 5 });
});

Deno.test("numbers count up and positions run from 1 over what waits, paused ones included", async () => {
  using b = await bench();
  const [one, two, three] = [await b.add(), await b.add(), await b.add()];
  assert.deepEqual([one, two, three].map((e) => e.number), [1, 2, 3]);
  await b.store.change(one.id, { kind: "pause" }, "x");
  await b.store.change(two.id, { kind: "start" }, "system");
  assert.equal(b.store.live.position(one.id), 1);
  assert.equal(b.store.live.position(two.id), null);
  assert.equal(b.store.live.position(three.id), 2);
  assert.equal(b.store.live.firstQueued()?.id, three.id);
});

Deno.test("one experiment has the instrument: a second start is refused until the first has ended", async () => {
  using b = await bench();
  const [one, two] = [await b.add(), await b.add()];
  await b.store.change(one.id, { kind: "start" }, "system");
  const second = await b.store.change(two.id, { kind: "start" }, "system");
  assert.deepEqual(second, { ok: false, refusal: { kind: "run-held", by: one.id } });
  await b.store.change(one.id, { kind: "started", process: { pid: 1, startTicks: 2 } }, "system");
  assert.equal(b.store.live.running()?.id, one.id);
  await b.store.change(one.id, { kind: "exited", exit: EXIT }, "system");
  assert.equal((await b.store.change(two.id, { kind: "start" }, "system")).ok, false);
  await b.store.change(one.id, { kind: "ended" }, "system");
  assert.equal(await b.kv.get(runKey), null);
  assert.ok((await b.store.change(two.id, { kind: "start" }, "system")).ok);
});

Deno.test("twenty who start at once: one wins", async () => {
  using b = await bench();
  const many = [];
  for (let i = 0; i < 20; i++) many.push(await b.add(`user:${i}`));
  const starts = await Promise.all(
    many.map(({ id }) => b.store.change(id, { kind: "start" }, "system")),
  );
  assert.equal(starts.filter((one) => one.ok).length, 1);
});

Deno.test("each change is one event with the whole new state, and the owner is not told to everybody", async () => {
  using b = await bench();
  const secret = "0b1c2d3e-1111-4222-8333-444455556666";
  const owner = ownerOf({ kind: "local", owner: secret, role: "admin" });
  const { id } = await b.add(owner);
  await b.store.change(id, { kind: "pause" }, "user:bo");
  assert.deepEqual(b.events.map((e) => [e.type, e.subject, e.actor, e.data.from, e.data.state]), [
    ["experiment.state", id, owner, null, "queued"],
    ["experiment.state", id, "user:bo", "queued", "paused"],
  ]);
  assert.equal(b.events[1]!.data.owner, ownerLabel(owner));
  assert.match(ownerLabel(owner), /^guest [0-9a-f]{6}$/);
  assert.doesNotMatch(JSON.stringify(b.events), new RegExp(secret));
});

Deno.test("a move puts an experiment where it was asked to be, and only in the queue that was seen", async () => {
  using b = await bench();
  const four = [];
  for (let i = 0; i < 4; i++) four.push(await b.add());
  const order = () => b.store.live.waiting().map((e) => e.number);
  await b.store.move(four[3]!.id, 1, "x");
  assert.deepEqual(order(), [4, 1, 2, 3]);
  await b.store.move(four[3]!.id, 3, "x");
  assert.deepEqual(order(), [1, 2, 4, 3]);
  await b.store.move(four[0]!.id, 99, "x");
  assert.deepEqual(order(), [2, 4, 3, 1]);
  const version = b.store.live.queueVersion();
  assert.ok((await b.store.move(four[1]!.id, 2, "x", version)).ok);
  const stale = await b.store.move(four[1]!.id, 1, "x", version);
  assert.deepEqual(stale, {
    ok: false,
    refusal: { kind: "stale-queue", given: version, version: version + 1 },
  });
  await b.store.change(four[1]!.id, { kind: "cancel", text: "no" }, "x");
  assert.deepEqual(await b.store.move(four[1]!.id, 1, "x"), {
    ok: false,
    refusal: { kind: "not-waiting", state: "cancelled" },
  });
});

Deno.test("moves by twenty people at once lose no entry and double none", async () => {
  using b = await bench();
  const many = [];
  for (let i = 0; i < 10; i++) many.push(await b.add(`user:${i}`));
  await Promise.all(many.flatMap(({ id }, i) => [
    b.store.move(id, (i * 7) % 10 + 1, "x"),
    b.store.move(id, (i * 3) % 10 + 1, "y"),
  ]));
  assert.deepEqual(
    b.store.live.waiting().map((e) => e.number).sort((a, c) => a - c),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
});

Deno.test("what was cut off comes back to the front of the queue", async () => {
  using b = await bench();
  const one = await b.add("user:anna", { onInterrupt: "requeue" });
  await b.add();
  await b.store.change(one.id, { kind: "start" }, "system");
  await b.store.change(one.id, { kind: "started", process: { pid: 1, startTicks: 2 } }, "system");
  await b.store.change(one.id, { kind: "exited", exit: null }, "system");
  await b.store.change(one.id, { kind: "ended" }, "system");
  assert.equal(b.store.live.position(one.id), 1);
  assert.equal(b.store.live.activeOf("user:anna").length, 2);
});

Deno.test("a repeated idempotency key gives the first experiment again, also when both come at once", async () => {
  using b = await bench();
  const ask = () => b.store.add(draft(b.clock, "user:anna", { idempotencyKey: "k" }), LIMITS, "x");
  const [first, second] = await Promise.all([ask(), ask()]);
  const third = await ask();
  assert.ok(first.ok && second.ok && third.ok);
  assert.equal(first.value.experiment.id, second.value.experiment.id);
  assert.equal(third.value.experiment.id, first.value.experiment.id);
  assert.equal(third.value.repeated, true);
  assert.equal(b.store.live.waiting().length, 1);
  const other = await b.store.add(draft(b.clock, "user:bo", { idempotencyKey: "k" }), LIMITS, "x");
  assert.ok(other.ok && !other.value.repeated);
});

Deno.test("lists come newest first, page by page, by owner and state", async () => {
  using b = await bench();
  for (let i = 0; i < 9; i++) await b.add(i % 2 === 0 ? "user:anna" : "user:bo");
  const numbers = (page: { experiments: Experiment[] }) => page.experiments.map((e) => e.number);
  const first = await b.store.list({ limit: 4 });
  assert.deepEqual([numbers(first), first.next], [[9, 8, 7, 6], 6]);
  const second = await b.store.list({ limit: 4, cursor: first.next! });
  assert.deepEqual([numbers(second), second.next], [[5, 4, 3, 2], 2]);
  const last = await b.store.list({ limit: 4, cursor: second.next! });
  assert.deepEqual([numbers(last), last.next], [[1], null]);
  assert.deepEqual(numbers(await b.store.list({ owner: "user:bo", limit: 50 })), [8, 6, 4, 2]);
  const third = (await b.store.byNumber(3))!;
  await b.store.change(third.id, { kind: "pause" }, "x");
  assert.deepEqual(numbers(await b.store.list({ states: ["paused"], limit: 50 })), [3]);
  assert.deepEqual(
    numbers(await b.store.list({ states: ["paused", "queued"], owner: "user:anna", limit: 2 })),
    [9, 7],
  );
});

Deno.test("a store opened again stands where the one before it stood", async () => {
  using b = await bench();
  const [one, two, three] = [await b.add(), await b.add(), await b.add()];
  await b.store.move(three.id, 1, "x");
  await b.store.change(three.id, { kind: "pause" }, "x");
  await b.store.change(one.id, { kind: "start" }, "system");
  const again = await ExperimentStore.open(b.kv, b.clock);
  assert.deepEqual(again.live.waiting().map((e) => e.id), [three.id, two.id]);
  assert.equal(again.live.running()?.id, one.id);
  assert.equal(again.live.queueVersion(), b.store.live.queueVersion());
});

Deno.test("an ended experiment can be forgotten with every trace in the indexes, a live one cannot", async () => {
  using b = await bench();
  const one = await b.add("user:anna", { idempotencyKey: "k" });
  assert.equal((await b.store.remove(one.id, "x")).ok, false);
  await b.store.change(one.id, { kind: "cancel", text: "no" }, "x");
  assert.ok((await b.store.remove(one.id, "x")).ok);
  const left = [];
  for await (const { key } of b.kv.list({ prefix: ["experiments"] })) left.push(key);
  assert.deepEqual(left, [orderKey]);
});
