import assert from "node:assert/strict";
import { FaultyStore } from "../../../tests/faulty_store.ts";
import { ManualClock } from "../../clock.ts";
import { EventLog } from "../../events.ts";
import { Kv } from "../../kv.ts";
import { silentLog } from "../../log.ts";
import { accept } from "../../result.ts";
import { Breaker } from "./breaker.ts";
import { outboxKey } from "./keys.ts";
import type { OutboxEntry } from "./model.ts";
import {
  type Consumer,
  isSigned,
  Outbox,
  type OutboxEvent,
  Undeliverable,
  webhook,
} from "./mod.ts";

async function started(consumers: readonly Consumer[], countMax = 1e6) {
  const clock = new ManualClock();
  const kv = await Kv.over(await FaultyStore.open(), clock);
  const events = new EventLog(kv, clock, { countMax, ageMaxMs: 1e15 });
  const open = () =>
    Outbox.open({ kv, events, clock, log: silentLog, consumers, random: () => 0.5 });
  const happen = (type: string, data = {}) =>
    kv.transact([], () =>
      accept({
        value: null,
        set: [[["thing"], type]],
        events: [{ type, subject: "a1", actor: "system", text: "it happened", data }],
      }));
  return { clock, kv, events, open, happen };
}

/** A consumer whose deliveries the test answers one by one. */
function receiver(name = "pipeline") {
  const seen: OutboxEvent[] = [];
  let arrived: () => void = () => {};
  let answer: (event: OutboxEvent) => void | Promise<void> = () => {};
  const consumer: Consumer = {
    name,
    types: ["epu."],
    async deliver(event) {
      seen.push(event);
      arrived();
      await answer(event);
    },
  };
  return {
    consumer,
    seen,
    answerWith: (next: typeof answer) => answer = next,
    /** Resolves when `count` deliveries were tried. */
    async until(count: number) {
      while (seen.length < count) await new Promise<void>((resolve) => arrived = resolve);
    },
  };
}

/** Reads the status until `done` holds: what a commit under way still changes. */
async function settled(outbox: Outbox, done: (waiting: number, dead: number) => boolean) {
  for (;;) {
    const [status] = await outbox.status();
    if (done(status!.waiting, status!.dead)) return status!;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

Deno.test("events of the wanted types are delivered in order, once, and leave the queue", async () => {
  const { seen, consumer, until } = receiver();
  const { kv, open, happen } = await started([consumer]);
  await happen("epu.before");
  const outbox = await open();
  await happen("epu.square", { squareId: 7 });
  await happen("lock.granted");
  await happen("epu.hole");
  await until(2);
  const status = await settled(outbox, (waiting) => waiting === 0);
  assert.deepEqual(seen.map(({ type, seq }) => [type, seq]), [["epu.square", 2], ["epu.hole", 4]]);
  assert.deepEqual(seen[0]!.data, { squareId: 7 });
  assert.deepEqual([status.dead, status.lost, status.breaker], [0, 0, "closed"]);
  await outbox.close();
  await kv.close();
});

Deno.test("what happened while nobody delivered is delivered after the next start, with the same id", async () => {
  const { seen, consumer, until, answerWith } = receiver();
  const { kv, open, happen } = await started([consumer]);
  answerWith(() => new Promise(() => {}));
  const first = await open();
  await happen("epu.one");
  await until(1);
  // The consumer hangs: what is under way must not hold up the end.
  await first.close();
  answerWith(() => {});
  await happen("epu.two");
  const second = await open();
  await until(3);
  await settled(second, (waiting) => waiting === 0);
  assert.deepEqual(seen.map(({ type }) => type), ["epu.one", "epu.one", "epu.two"]);
  assert.equal(seen[0]!.id, seen[1]!.id);
  await second.close();
  await kv.close();
});

Deno.test("a failed delivery waits longer each time while later events pass it", async () => {
  const { consumer, until, answerWith } = receiver();
  const { clock, kv, open, happen } = await started([consumer]);
  answerWith((event) => {
    if (event.type === "epu.bad") throw new Error("not now");
  });
  const outbox = await open();
  await happen("epu.bad");
  await happen("epu.good");
  await until(2);
  await settled(outbox, (waiting) => waiting === 1);
  const waits: number[] = [];
  for (let tries = 1; tries <= 4; tries++) {
    let entry = await kv.get(outboxKey("pipeline", 1)) as OutboxEntry;
    for (; entry.attempts < tries; entry = await kv.get(outboxKey("pipeline", 1)) as OutboxEntry) {
      await clock.advance(0);
    }
    waits.push(entry.nextAtMs - clock.nowMs());
    await clock.advance(waits.at(-1)!);
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000]);
  await outbox.close();
  await kv.close();
});

Deno.test("an event that is refused for good is a dead letter, which can be replayed or discarded", async () => {
  const { seen, consumer, until, answerWith } = receiver();
  const { kv, events, open, happen } = await started([consumer]);
  answerWith(() => {
    throw new Undeliverable('"pipeline" answered 422');
  });
  const outbox = await open();
  await happen("epu.one");
  await happen("epu.two");
  await settled(outbox, (_, dead) => dead === 2);
  const letters = await outbox.deadLetters({ limit: 10 });
  assert.deepEqual(letters.map(({ event, error, attempts }) => [event.type, error, attempts]), [
    ["epu.one", '"pipeline" answered 422', 1],
    ["epu.two", '"pipeline" answered 422', 1],
  ]);
  answerWith(() => {});
  assert((await outbox.replay("pipeline", letters[0]!.event.seq, "user:anna")).ok);
  assert((await outbox.discard("pipeline", letters[1]!.event.seq, "user:anna")).ok);
  await until(3);
  await settled(outbox, (waiting, dead) => waiting === 0 && dead === 0);
  assert.equal(seen[2]!.type, "epu.one");
  assert.deepEqual(await outbox.replay("pipeline", 1, "user:anna"), {
    ok: false,
    refusal: { kind: "unknown", consumer: "pipeline", seq: 1 },
  });
  const told = (await events.read({ afterSeq: 0, limit: 100 })).map(({ type }) => type);
  assert.equal(told.filter((type) => type === "epu.outbox.dead").length, 2);
  assert(!seen.some(({ type }) => type.startsWith("epu.outbox.")));
  await outbox.close();
  await kv.close();
});

Deno.test("a consumer that keeps failing is left alone, then tried with one event", async () => {
  const { seen, consumer, answerWith } = receiver();
  const { clock, kv, open, happen } = await started([consumer]);
  answerWith(() => {
    throw new Error("connection refused");
  });
  const outbox = await open();
  for (let i = 0; i < 8; i++) await happen("epu.many");
  await settled(outbox, () => seen.length === 5);
  const status = await settled(outbox, () => true);
  assert.deepEqual([status.breaker, status.waiting], ["open", 8]);
  assert.equal(status.lastError, "connection refused");
  await clock.advance(20_000);
  assert.equal(seen.length, 5);
  await clock.advance(10_100);
  while (seen.length < 6) await clock.advance(0);
  await clock.advance(20_000);
  assert.equal(seen.length, 6);
  answerWith(() => {});
  // Reads follow each other inside one step of the clock; it only ends once all went out.
  while ((await outbox.status())[0]!.waiting > 0) await clock.advance(60_000);
  assert.equal((await outbox.status())[0]!.breaker, "closed");
  await outbox.close();
  await kv.close();
});

Deno.test("an event is a dead letter after its last try", async () => {
  const { seen, consumer, answerWith } = receiver();
  const { clock, kv, events, happen } = await started([consumer]);
  answerWith(() => {
    throw new Error("no");
  });
  const outbox = await Outbox.open({
    kv,
    events,
    clock,
    log: silentLog,
    consumers: [consumer],
    limits: { attemptsMax: 3 },
  });
  await happen("epu.one");
  while ((await outbox.status())[0]!.dead === 0) await clock.advance(1000);
  assert.equal(seen.length, 3);
  await outbox.close();
  await kv.close();
});

Deno.test("events trimmed before they were copied are counted as lost", async () => {
  const { consumer, until } = receiver();
  const { kv, events, open, happen } = await started([consumer], 2);
  await (await open()).close();
  for (let i = 0; i < 6; i++) await happen("epu.one");
  await events.trim();
  const outbox = await open();
  await happen("epu.last");
  await until(3);
  const [status] = await outbox.status();
  assert.equal(status!.lost, 4);
  await outbox.close();
  await kv.close();
});

Deno.test("two consumers of one name are refused", async () => {
  const { open, kv } = await started([receiver().consumer, receiver().consumer]);
  await assert.rejects(open(), /Two consumers are called "pipeline"/);
  await kv.close();
});

Deno.test("a breaker opens after failures in a row, longer each time, and closes with one success", async () => {
  const clock = new ManualClock();
  const breaker = new Breaker(clock, { failures: 2, openMs: 100, openMsMax: 300 });
  breaker.failed();
  assert.equal(breaker.waitMs(), 0);
  breaker.succeeded();
  breaker.failed();
  breaker.failed();
  assert.equal(breaker.waitMs(), 100);
  await clock.advance(100);
  breaker.failed();
  assert.equal(breaker.waitMs(), 200);
  await clock.advance(200);
  breaker.failed();
  assert.equal(breaker.waitMs(), 300);
  breaker.succeeded();
  assert.equal(breaker.waitMs(), 0);
});

Deno.test("a webhook posts signed JSON that only the holder of the secret can have made", async () => {
  const got: { headers: Headers; body: string }[] = [];
  let status = 204;
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      got.push({ headers: request.headers, body: await request.text() });
      return new Response(null, { status, headers: { location: "http://127.0.0.1:1/" } });
    },
  );
  const clock = new ManualClock();
  const hook = webhook({
    name: "lab",
    url: `http://127.0.0.1:${server.addr.port}/in`,
    types: ["epu."],
    secret: "a secret of the lab",
    clock,
  });
  const event: OutboxEvent = {
    v: 1,
    id: "7-1",
    seq: 7,
    atMs: 1,
    type: "epu.x",
    subject: "s",
    actor: "system",
    text: "t",
    data: { n: 1 },
  };
  const { signal } = new AbortController();
  await hook.deliver(event, signal);
  const [{ headers, body }] = got as [{ headers: Headers; body: string }];
  assert.deepEqual(JSON.parse(body), event);
  assert.equal(headers.get("holdfast-event-id"), "7-1");
  const given = {
    secret: "a secret of the lab",
    header: headers.get("holdfast-signature")!,
    body,
    nowMs: clock.nowMs(),
    toleranceS: 300,
  };
  assert(isSigned(given));
  assert(!isSigned({ ...given, body: `${body} ` }));
  assert(!isSigned({ ...given, secret: "another secret" }));
  assert(!isSigned({ ...given, nowMs: given.nowMs + 301_000 }));
  assert(!isSigned({ ...given, header: "v1=abc" }));
  status = 422;
  await assert.rejects(hook.deliver(event, signal), Undeliverable);
  status = 503;
  await assert.rejects(hook.deliver(event, signal), /answered 503/);
  status = 307;
  await assert.rejects(hook.deliver(event, signal), /answered 307/);
  assert.equal(got.length, 4);
});
