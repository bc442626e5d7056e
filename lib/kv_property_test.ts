import assert from "node:assert/strict";
import { serialize } from "node:v8";
import fc from "fast-check";
import { type Fault, FaultyStore } from "../tests/faulty_store.ts";
import { ManualClock } from "./clock.ts";
import type { EventDraft, HoldfastEvent } from "./events.ts";
import { type Commit, Kv, KvUnavailable, type Seen } from "./kv.ts";
import { bytesOf, copyOf, keyRef } from "./kv_value.ts";
import { accept, refuse, type Result } from "./result.ts";
import { rowsOf } from "./rows.ts";

/** A transaction drawn at random: what it reads, what it writes there or elsewhere, and when it refuses. */
interface Step {
  id: number;
  reads: number[];
  sets: number[];
  removes: number[];
  events: number;
  /** Refuses when the sum it saw is divisible by this. */
  refusesAt: number;
  /** Turns of the event loop before it is submitted. */
  afterTurns: number;
}

const KEYS = 5;
const keyOf = (n: number): Deno.KvKey => ["shared", n];
const step = fc.record({
  reads: fc.uniqueArray(fc.nat(KEYS - 1), { maxLength: KEYS }),
  sets: fc.uniqueArray(fc.nat(KEYS - 1), { maxLength: 3 }),
  removes: fc.uniqueArray(fc.nat(KEYS - 1), { maxLength: 1 }),
  events: fc.nat(2),
  refusesAt: fc.integer({ min: 2, max: 9 }),
  afterTurns: fc.nat(3),
});
const program = fc.array(step, { minLength: 1, maxLength: 40 }).map((steps): Step[] =>
  steps.map((one, id) => ({ ...one, id }))
);

type Outcome = Result<number, { kind: "sum"; sum: number }>;

function decide(
  one: Step,
  values: readonly unknown[],
): Result<Commit<number>, { kind: "sum"; sum: number }> {
  const sum = values.reduce((a: number, b) => a + Number(b ?? 0), one.id);
  if (sum % one.refusesAt === 0) return refuse({ kind: "sum", sum });
  const after = { sets: one.sets, removes: one.removes, value: sum % 9973 + 1 };
  return accept({
    value: sum,
    set: one.sets.map((n) => [keyOf(n), after.value] as const),
    remove: one.removes.map(keyOf),
    events: Array.from({ length: one.events }, (_, i) => ({
      type: "step.done",
      subject: String(one.id),
      actor: "system",
      text: String(i),
      data: after,
    })),
  });
}

function submit(kv: Kv, one: Step): Promise<Outcome> {
  return kv.transact(
    one.reads.map(keyOf),
    (seen: readonly Seen[]) => decide(one, seen.map((s) => s.value)),
  );
}

/** The same steps one after another on a plain map. */
class Model {
  readonly state = new Map<number, number>();
  readonly log: string[] = [];
  run(one: Step): Outcome {
    const decision = decide(one, one.reads.map((n) => this.state.get(n) ?? null));
    if (!decision.ok) return decision;
    for (const [key, value] of decision.value.set ?? []) {
      this.state.set(Number(key[1]), Number(value));
    }
    for (const key of decision.value.remove ?? []) this.state.delete(Number(key[1]));
    for (const { subject, text } of decision.value.events ?? []) {
      this.log.push(`${subject}/${text}`);
    }
    return accept(decision.value.value);
  }
}

async function stateOf(kv: Kv): Promise<Map<number, number>> {
  const state = new Map<number, number>();
  for await (const { key, value } of kv.list({ prefix: ["shared"] })) {
    state.set(Number(key[1]), Number(value));
  }
  return state;
}

async function eventsOf(kv: Kv): Promise<HoldfastEvent[]> {
  const events: HoldfastEvent[] = [];
  for await (const { value } of kv.list({ prefix: ["event"] })) {
    events.push(...rowsOf(value) as HoldfastEvent[]);
  }
  return events;
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("concurrent transactions end as if run one after another, whichever keys they share", async () => {
  await fc.assert(
    fc.asyncProperty(program, async (steps) => {
      const kv = await Kv.over(await FaultyStore.open(), new ManualClock());
      const order: { one: Step; outcome: Promise<Outcome> }[] = [];
      await Promise.all(steps.map(async (one) => {
        for (let i = 0; i < one.afterTurns; i++) await turn();
        const outcome = submit(kv, one);
        order.push({ one, outcome });
        await outcome;
      }));
      const model = new Model();
      for (const { one, outcome } of order) assert.deepEqual(await outcome, model.run(one));
      assert.deepEqual(await stateOf(kv), new Map([...model.state].sort(([a], [b]) => a - b)));
      const events = await eventsOf(kv);
      assert.deepEqual(events.map(({ subject, text }) => `${subject}/${text}`), model.log);
      assert.deepEqual(events.map(({ seq }) => seq), model.log.map((_, i) => i + 1));
      await kv.close();
    }),
    { numRuns: 60 },
  );
});

const fault = fc.constantFrom<Fault>(
  "none",
  "none",
  "before",
  "after",
  "blind before",
  "blind after",
);

Deno.test("an event exists exactly when its state change does, and seq has no gap, whatever commit fails", async () => {
  await fc.assert(
    fc.asyncProperty(program, fc.array(fault, { maxLength: 12 }), async (steps, faults) => {
      const store = await FaultyStore.open();
      const kv = await Kv.over(store, new ManualClock());
      store.faults.push(...faults);
      const heard: HoldfastEvent[] = [];
      kv.onEvents((events) => heard.push(...events));
      const told = new Map<number, Outcome | KvUnavailable>();
      // Every step that writes says so in one event, so that the log alone tells the state.
      await Promise.all(steps.map(async (drawn) => {
        const one = { ...drawn, events: 1 };
        for (let i = 0; i < one.afterTurns; i++) await turn();
        try {
          told.set(one.id, await submit(kv, one));
        } catch (error) {
          assert.ok(error instanceof KvUnavailable, String(error));
          told.set(one.id, error);
        }
      }));
      store.faults.length = 0;
      // A last one, which also makes the store look again after a failure nobody could look into.
      await kv.transact([], () =>
        accept({
          value: 0,
          events: [{
            type: "end",
            subject: "end",
            actor: "system",
            text: "",
            data: { sets: [], removes: [], value: 0 },
          }],
        }));

      const events = await eventsOf(kv);
      assert.deepEqual(events.map(({ seq }) => seq), events.map((_, i) => i + 1));
      assert.equal(kv.seq, events.length);
      assert.deepEqual(heard, events);

      const replayed = new Map<number, number>();
      for (const { data } of events) {
        const { sets, removes, value } = data as {
          sets: number[];
          removes: number[];
          value: number;
        };
        for (const n of sets) replayed.set(n, value);
        for (const n of removes) replayed.delete(n);
      }
      assert.deepEqual(await stateOf(kv), new Map([...replayed].sort(([a], [b]) => a - b)));

      const logged = new Set(events.map(({ subject }) => subject));
      for (const [id, outcome] of told) {
        if (outcome instanceof KvUnavailable) {
          if (!outcome.maybeWritten) {
            assert.ok(!logged.has(String(id)), `${id} failed yet is logged`);
          }
        } else assert.equal(logged.has(String(id)), outcome.ok, `step ${id}`);
      }
      await kv.close();
    }),
    { numRuns: 80 },
  );
});

Deno.test("two writers on one file lose nothing of each other and never give one number twice", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 2, maxLength: 24 }), async (whose) => {
      const store = await FaultyStore.open();
      const writers = [
        await Kv.over(store, new ManualClock()),
        await Kv.over(store, new ManualClock()),
      ];
      const add = (kv: Kv, key: Deno.KvKey, ...events: EventDraft[]) =>
        kv.transact(
          [key],
          ([seen]) =>
            accept({ value: 0, set: [[key, Number(seen!.value ?? 0) + 1]] as const, events }),
        );
      const all = (act: (kv: Kv, first: boolean, id: number) => Promise<unknown>) =>
        Promise.all(whose.map((first, id) => act(writers[first ? 0 : 1]!, first, id)));
      await all((kv) => add(kv, ["silent"]));
      // Each writer counts under its own key: only their events meet.
      await all((kv, first, id) =>
        add(kv, ["loud", first], { type: "n", subject: `${id}`, actor: "system", text: "" })
      );
      const events = await eventsOf(writers[0]!);
      assert.equal(await writers[0]!.get(["silent"]), whose.length);
      assert.deepEqual(events.map(({ seq }) => seq), whose.map((_, i) => i + 1));
      assert.equal(new Set(events.map(({ subject }) => subject)).size, whose.length);
      await writers[0]!.close();
    }),
    { numRuns: 40 },
  );
});

const storable = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
  withNullPrototype: false,
});

Deno.test("a copy equals what the store gives back, and its reckoned size is never too small", async () => {
  const store = await Deno.openKv(":memory:");
  await fc.assert(
    fc.asyncProperty(storable, async (value) => {
      const copy = copyOf(value);
      await store.set(["v"], value);
      assert.deepEqual(copy, (await store.get(["v"])).value);
      if (!(value instanceof Uint8Array)) {
        assert.ok(bytesOf(value) >= serialize(value).length, `${bytesOf(value)}`);
      }
    }),
    { numRuns: 500 },
  );
  store.close();
});

const part = fc.oneof(
  fc.string({ unit: "binary", maxLength: 4 }),
  fc.integer(),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.uint8Array({ maxLength: 3 }),
  fc.constantFrom("n1;", "s1:a", "t", "", "\0"),
);

Deno.test("two keys have one text exactly when they are one key", () => {
  const key = fc.array(part, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(key, key, (a, b) => {
      let same = true;
      try {
        assert.deepStrictEqual(a, b);
      } catch {
        same = false;
      }
      assert.equal(keyRef(a).text === keyRef(b).text, same);
      assert.equal(keyRef(a).text, keyRef([...a]).text);
    }),
    { numRuns: 2000 },
  );
});
