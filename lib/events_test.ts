import assert from "node:assert/strict";
import fc from "fast-check";
import { ManualClock } from "./clock.ts";
import { type EventDelivery, EventLog, type HoldfastEvent, TooManySubscribers } from "./events.ts";
import { Kv, KvUnavailable } from "./kv.ts";
import { accept } from "./result.ts";

const FOREVER = { countMax: 1_000_000, ageMaxMs: 1e15 };

async function opened(limits = FOREVER) {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  return { clock, kv, log: new EventLog(kv, clock, limits) };
}

/** Commits `count` events in one transaction. */
async function happen(kv: Kv, count = 1, type = "pump.dosed", subject = "pump") {
  await kv.transact([], () =>
    accept({
      value: null,
      events: Array.from(
        { length: count },
        (_, i) => ({ type, subject, actor: "system", text: `${i}` }),
      ),
    }));
}

const seqs = (events: readonly HoldfastEvent[]) => events.map(({ seq }) => seq);
const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

async function take(
  from: AsyncIterator<EventDelivery>,
  count: number,
): Promise<(number | string)[]> {
  const taken: (number | string)[] = [];
  for (let i = 0; i < count; i++) {
    const { value } = await from.next();
    taken.push(value.kind === "event" ? value.event.seq : `dropped from ${value.fromSeq}`);
  }
  return taken;
}

Deno.test("events are read forwards after a seq and backwards before one", async () => {
  const { kv, log } = await opened();
  assert.deepEqual(await log.read({ limit: 5 }), []);
  await happen(kv, 30);
  assert.deepEqual(seqs(await log.read({ limit: 4 })), [30, 29, 28, 27]);
  assert.deepEqual(seqs(await log.read({ beforeSeq: 3, limit: 4 })), [2, 1]);
  assert.deepEqual(seqs(await log.read({ afterSeq: 0, limit: 3 })), [1, 2, 3]);
  assert.deepEqual(seqs(await log.read({ afterSeq: 27, limit: 9 })), [28, 29, 30]);
  assert.deepEqual(seqs(await log.read({ afterSeq: 10, beforeSeq: 13, limit: 9 })), [11, 12]);
  assert.deepEqual(await log.read({ afterSeq: 30, limit: 9 }), []);
  assert.deepEqual(await log.read({ afterSeq: 99, limit: 9 }), []);
  assert.deepEqual(await log.read({ afterSeq: 10, beforeSeq: 5, limit: 9 }), []);
  for (const limit of [0, -1, 1.5, NaN, 10_001]) {
    await assert.rejects(log.read({ limit }), RangeError);
  }
  await kv.close();
});

Deno.test("a read is filtered by type prefixes and by subject, and fills its limit", async () => {
  const { kv, log } = await opened();
  for (let i = 0; i < 300; i++) {
    await happen(kv, 1, i % 3 === 0 ? "alarm.raised" : "pump.dosed", i % 2 === 0 ? "a" : "b");
  }
  assert.deepEqual(seqs(await log.read({ limit: 3, types: ["alarm."] })), [298, 295, 292]);
  assert.deepEqual(seqs(await log.read({ limit: 3, types: ["alarm.", "pump"], subject: "b" })), [
    300,
    298,
    296,
  ]);
  assert.deepEqual(
    seqs(await log.read({ afterSeq: 0, limit: 3, types: ["alarm."], subject: "b" })),
    [4, 10, 16],
  );
  assert.deepEqual(await log.read({ limit: 3, types: [] }), []);
  assert.deepEqual(await log.read({ limit: 3, subject: "c" }), []);
  await kv.close();
});

Deno.test("a subscriber gets every event after its seq once, in order, whenever they happen", async () => {
  const action = fc.oneof(
    fc.record({ do: fc.constant("happen" as const), count: fc.integer({ min: 1, max: 250 }) }),
    fc.record({ do: fc.constant("take" as const), count: fc.integer({ min: 1, max: 250 }) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.nat(450),
      fc.nat(450),
      fc.array(action, { maxLength: 8 }),
      async (before, afterSeq, actions) => {
        const { kv, log } = await opened();
        if (before > 0) await happen(kv, before);
        afterSeq = Math.min(afterSeq, before);
        const subscription = log.subscribe({ afterSeq, capacity: 5000 });
        const got: (number | string)[] = [];
        const busy: Promise<unknown>[] = [];
        let total = before;
        for (const one of actions) {
          if (one.do === "happen") {
            total += one.count;
            // Not awaited: it lands somewhere between the reads of the replay.
            busy.push(happen(kv, one.count));
          } else {
            const count = Math.min(one.count, total - afterSeq - got.length);
            got.push(...await take(subscription, count));
          }
        }
        await Promise.all(busy);
        got.push(...await take(subscription, total - afterSeq - got.length));
        assert.deepEqual(got, range(afterSeq + 1, total));
        const last = subscription.next();
        await happen(kv);
        const { value } = await last;
        assert.equal(value.event.seq, total + 1);
        await kv.close();
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("without a seq a subscriber hears only what happens from now on", async () => {
  const { kv, log } = await opened();
  await happen(kv, 3);
  const subscription = log.subscribe();
  await happen(kv, 2);
  assert.deepEqual(await take(subscription, 2), [4, 5]);
  await kv.close();
});

Deno.test("a slow subscriber gets one marker where its queue was cleared, and nobody waits for it", async () => {
  const { kv, log } = await opened();
  const slow = log.subscribe({ capacity: 10 });
  const quick = log.subscribe({ capacity: 10 });
  const heard: (number | string)[] = [];
  for (let i = 0; i < 9; i++) {
    await happen(kv, 5);
    heard.push(...await take(quick, 5));
  }
  assert.deepEqual(heard, range(1, 45));
  assert.deepEqual(await take(slow, 6), ["dropped from 1", 41, 42, 43, 44, 45]);
  assert.deepEqual(seqs(await log.read({ afterSeq: 0, beforeSeq: 41, limit: 100 })), range(1, 40));
  await happen(kv, 1);
  assert.deepEqual(await take(slow, 1), [46]);
  await kv.close();
});

Deno.test("one commit larger than the queue leaves a marker and its newest events", async () => {
  const { kv, log } = await opened();
  const subscription = log.subscribe({ capacity: 4 });
  await happen(kv, 10);
  assert.deepEqual(await take(subscription, 3), ["dropped from 1", 9, 10]);
  assert.throws(() => log.subscribe({ capacity: 0 }), RangeError);
  await kv.close();
});

Deno.test("events trimmed before a subscriber came are told as dropped, then the rest follows", async () => {
  const { kv, log } = await opened({ countMax: 3, ageMaxMs: 1e15 });
  await happen(kv, 10);
  await log.trim();
  assert.deepEqual(await take(log.subscribe({ afterSeq: 2 }), 4), ["dropped from 3", 8, 9, 10]);
  assert.deepEqual(await take(log.subscribe({ afterSeq: 7 }), 3), [8, 9, 10]);
  await kv.close();
});

Deno.test("a seq of another log's future is told as dropped from 1, then live", async () => {
  const { kv, log } = await opened();
  await happen(kv, 2);
  const subscription = log.subscribe({ afterSeq: 5000 });
  await happen(kv, 1);
  assert.deepEqual(await take(subscription, 2), ["dropped from 1", 3]);
  await kv.close();
});

Deno.test("ending a subscription wakes its reader; ending the log ends all", async () => {
  const { kv, log } = await opened();
  const [one, two] = [log.subscribe(), log.subscribe({ afterSeq: 0 })];
  const waiting = one.next();
  await one.return!();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  const all = (async () => {
    for await (const delivery of two) assert.fail(`unexpected ${delivery.kind}`);
  })();
  log[Symbol.dispose]();
  await all;
  await kv.close();
});

Deno.test("there is an end to how many may subscribe", async () => {
  const { kv, log } = await opened();
  for (let i = 0; i < 2000; i++) log.subscribe();
  assert.throws(() => log.subscribe(), TooManySubscribers);
  log[Symbol.dispose]();
  log.subscribe();
  await kv.close();
});

Deno.test("a subscriber of a store that closed gets the failure, not silence", async () => {
  const { kv, log } = await opened();
  await happen(kv, 5);
  const subscription = log.subscribe({ afterSeq: 0 });
  await kv.close();
  await assert.rejects(subscription.next(), KvUnavailable);
  assert.equal((await subscription.next()).done, true);
});

Deno.test("trimming keeps the newest countMax events, and all of them are still numbered on", async () => {
  const { kv, log } = await opened({ countMax: 700, ageMaxMs: 1e15 });
  assert.equal(await log.firstSeq(), 1);
  assert.equal(await log.trim(), 0);
  for (let i = 0; i < 3; i++) await happen(kv, 600);
  assert.equal(await log.trim(), 1100);
  assert.equal(await log.firstSeq(), 1101);
  assert.equal(await log.trim(), 0);
  await happen(kv, 1);
  assert.deepEqual(seqs(await log.read({ limit: 1 })), [1801]);
  await kv.close();
});

Deno.test("trimming by age ends at the first young event and never takes the newest", async () => {
  const dayMs = 86_400_000;
  const { clock, kv, log } = await opened({ countMax: 1000, ageMaxMs: dayMs });
  await happen(kv, 3);
  await clock.advance(dayMs / 2);
  await happen(kv, 2);
  clock.stepWall(-3_600_000);
  await happen(kv, 2);
  await clock.advance(dayMs / 2 + 3_600_001);
  assert.equal(await log.trim(), 3);
  assert.equal(await log.firstSeq(), 4);
  await clock.advance(90 * dayMs);
  assert.equal(await log.trim(), 3);
  assert.deepEqual(seqs(await log.read({ limit: 9 })), [7]);
  await happen(kv, 1);
  assert.equal(kv.seq, 8);
  await kv.close();
  assert.throws(() => new EventLog(kv, clock, { countMax: 0, ageMaxMs: 1 }), RangeError);
});

Deno.test("a log trimmed to its newest event goes on counting after it is opened again", async () => {
  const dir = await Deno.makeTempDir();
  const clock = new ManualClock();
  const kv = await Kv.open(`${dir}/kv.sqlite`, clock);
  await happen(kv, 9);
  await new EventLog(kv, clock, { countMax: 1, ageMaxMs: 0 }).trim();
  await kv.close();
  const again = await Kv.open(`${dir}/kv.sqlite`, clock);
  await happen(again, 1);
  assert.equal(again.seq, 10);
  await again.close();
  await Deno.remove(dir, { recursive: true });
});
