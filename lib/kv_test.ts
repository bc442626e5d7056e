import assert from "node:assert/strict";
import { FaultyStore } from "../tests/faulty_store.ts";
import { ManualClock } from "./clock.ts";
import type { HoldfastEvent } from "./events.ts";
import { type Commit, ContentionError, Kv, KvUnavailable } from "./kv.ts";
import { accept, refuse, type Result } from "./result.ts";
import { rowsOf } from "./rows.ts";

const clock = new ManualClock();

function added(kv: Kv, key: Deno.KvKey = ["n"]): Promise<Result<number, never>> {
  return kv.transact([key], ([seen]) => {
    const value = Number(seen!.value ?? 0) + 1;
    return accept({
      value,
      set: [[key, value]],
      events: [{ type: "n.added", subject: "n", actor: "system", text: `${value}` }],
    });
  });
}

const put = (kv: Kv, key: Deno.KvKey, value: unknown) =>
  kv.transact([], () => accept({ value: null, set: [[key, value]] }));

/** Until the store has been asked for its `commits`-th commit. */
async function reached(store: FaultyStore, commits: number): Promise<void> {
  while (store.commits < commits) await new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("twenty callers adding to one counter lose no addition and share one commit", async () => {
  const store = await FaultyStore.open();
  const kv = await Kv.over(store, clock);
  const results = await Promise.all(Array.from({ length: 20 }, () => added(kv)));
  assert.deepEqual(
    results.map((r) => r.ok && r.value),
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  assert.equal(await kv.get(["n"]), 20);
  assert.equal(kv.seq, 20);
  assert.equal(store.commits, 1);
  await kv.close();
});

Deno.test("a transaction is settled only after its commit, and so is a refusal that saw its write", async () => {
  const store = await FaultyStore.open();
  const kv = await Kv.over(store, clock);
  const gate = Promise.withResolvers<void>();
  store.gate = gate.promise;
  const told: string[] = [];
  const tell = (name: string) => () => void told.push(name);
  const all = [
    put(kv, ["held"], "by anna").then(tell("granted")),
    kv.transact(
      [["held"]],
      ([seen]) => seen!.value ? refuse({ kind: "held" }) : accept({ value: 0 }),
    )
      .then(tell("refused")),
    kv.transact([["held"]], ([seen]) => {
      throw new RangeError(String(seen!.value));
    }).catch(tell("threw")),
    kv.transact([["other"]], () => refuse({ kind: "unrelated" })).then(tell("unrelated")),
  ];
  await reached(store, 1);
  assert.deepEqual(told, ["unrelated"]);
  gate.resolve();
  await Promise.all(all);
  assert.deepEqual(told, ["unrelated", "granted", "refused", "threw"]);
  await kv.close();
});

Deno.test("a refusal and an acceptance without writes commit nothing", async () => {
  const store = await FaultyStore.open();
  const kv = await Kv.over(store, clock);
  assert.deepEqual(await kv.transact([["a"]], () => refuse({ kind: "no" })), {
    ok: false,
    refusal: { kind: "no" },
  });
  assert.deepEqual(await kv.transact([["a"]], () => accept({ value: 7 })), { ok: true, value: 7 });
  assert.equal(store.commits, 0);
  assert.equal(kv.seq, 0);
  await kv.close();
});

Deno.test("a decide that throws, and a value that cannot be stored, fail alone in their group", async () => {
  const kv = await Kv.open(":memory:", clock);
  const results = await Promise.allSettled([
    added(kv),
    kv.transact([["x"]], () => {
      throw new SyntaxError("bad stored value");
    }),
    put(kv, ["f"], Symbol("x")),
    put(kv, ["s"], new SharedArrayBuffer(8)),
    kv.transact(
      [],
      () =>
        accept({
          value: 0,
          events: [{ type: "t", subject: "s", actor: "a", text: "x", data: { v: NaN } }],
        }),
    ),
    added(kv),
  ]);
  assert.deepEqual(results.map((r) => r.status === "fulfilled" ? "ok" : String(r.reason)), [
    "ok",
    "SyntaxError: bad stored value",
    'TypeError: The value of ["f"] cannot be stored: Symbol(x) could not be cloned.',
    'TypeError: The value of ["s"] cannot be stored: #<SharedArrayBuffer> could not be cloned.',
    'TypeError: Event "t": data.v is NaN, which JSON cannot carry',
    "ok",
  ]);
  assert.equal(await kv.get(["n"]), 2);
  assert.equal(kv.seq, 2);
  await kv.close();
});

Deno.test("limits are refused by name, before anything is written", async () => {
  const kv = await Kv.open(":memory:", clock);
  const many = (n: number) => Array.from({ length: n }, (_, i): Deno.KvKey => ["k", i]);
  const nothing = () => accept({ value: null });
  await assert.rejects(kv.transact(many(100), nothing), {
    name: "RangeError",
    message: 'A transaction may read 99 keys, not 100 as from ["k",0]',
  });
  assert.ok((await kv.transact(many(99), nothing)).ok);
  const big = (n: number, value: unknown) =>
    kv.transact([], () => accept({ value: n, set: many(n).map((key) => [key, value] as const) }));
  await assert.rejects(
    big(1001, 1),
    /RangeError: Cannot commit 1001 writes .* the limits are 1000,/,
  );
  await assert.rejects(
    big(14, "x".repeat(60_000)),
    /RangeError: Cannot commit 14 writes of 8\d{5} bytes/,
  );
  assert.ok((await big(1000, 1)).ok);
  assert.ok((await big(13, "x".repeat(60_000))).ok);
  await assert.rejects(put(kv, ["image", "x"], "x".repeat(65_536)), {
    name: "TypeError",
    message: 'The value of ["image","x"] has 65542 bytes, more than 65536',
  });
  assert.ok((await put(kv, ["image", "x"], "x".repeat(65_500))).ok);
  await assert.rejects(
    put(kv, ["y".repeat(2100)], 1),
    /TypeError: The key \["y+… has up to 2102 bytes/,
  );
  await assert.rejects(put(kv, [], 1), /TypeError: A key needs at least one part/);
  await assert.rejects(kv.get([]), /TypeError: A key needs at least one part/);
  await assert.rejects(
    kv.transact([], () =>
      accept({
        value: 0,
        events: [{ type: "t", subject: "s", actor: "a", text: "x".repeat(70_000) }],
      })),
    /TypeError: The event "t" has 70\d{3} bytes/,
  );
  await kv.close();
});

Deno.test("more transactions than one commit takes go in several, in order", async () => {
  const store = await FaultyStore.open();
  const kv = await Kv.over(store, clock);
  const told: number[] = [];
  await Promise.all(
    Array.from(
      { length: 60 },
      (_, i) => put(kv, ["big", i], "x".repeat(60_000)).then(() => told.push(i)),
    ),
  );
  assert.deepEqual(told, Array.from({ length: 60 }, (_, i) => i));
  assert.equal(store.commits, Math.ceil(60 / 13));
  await kv.close();
});

Deno.test("what a caller does with its objects afterwards changes nothing stored or remembered", async () => {
  const kv = await Kv.open(":memory:", clock);
  const mine = { list: [1, 2], nested: { a: 1 } };
  const data = { state: { duty: 1 } };
  const decided = Promise.withResolvers<void>();
  const stored = kv.transact([], () => {
    decided.resolve();
    return accept({
      value: 0,
      set: [[["mine"], mine]] as const,
      events: [{ type: "t", subject: "s", actor: "a", text: "x", data }],
    });
  });
  await decided.promise;
  mine.list.push(3);
  data.state.duty = 99;
  await stored;
  mine.nested.a = 2;
  const spoil = await kv.transact([["mine"]], ([seen]) => {
    const value = seen!.value as typeof mine;
    value.list.length = 0;
    return accept({ value });
  });
  assert.ok(spoil.ok);
  const again = await kv.transact([["mine"]], ([seen]) => accept({ value: seen!.value }));
  assert.deepEqual(again.ok && again.value, { list: [1, 2], nested: { a: 1 } });
  assert.deepEqual(await kv.get(["mine"]), { list: [1, 2], nested: { a: 1 } });
  const [event] = rowsOf(await kv.get(["event", 1])) as HoldfastEvent[];
  assert.deepEqual(event!.data, { state: { duty: 1 } });
  await kv.close();
});

Deno.test("listeners hear each commit's events in order, after it is stored; one that throws disturbs nobody", async () => {
  const kv = await Kv.open(":memory:", clock);
  const heard: number[] = [];
  const reported: unknown[] = [];
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    reported.push(event.error.message);
  };
  addEventListener("error", onError);
  kv.onEvents(() => {
    throw new Error("listener broke");
  });
  const stop = kv.onEvents((events) => heard.push(...events.map(({ seq }) => seq)));
  await Promise.all([added(kv), added(kv), added(kv, ["m"])]);
  await added(kv);
  stop();
  await added(kv);
  removeEventListener("error", onError);
  assert.deepEqual(heard, [1, 2, 3, 4]);
  assert.deepEqual(reported, ["listener broke", "listener broke", "listener broke"]);
  await kv.close();
});

Deno.test("a commit that failed without writing fails its callers, and the next takes its number", async () => {
  const store = await FaultyStore.open();
  const kv = await Kv.over(store, clock);
  await added(kv);
  store.faults.push("before");
  const failed = await Promise.allSettled([added(kv), added(kv, ["m"])]);
  for (const result of failed) {
    assert.ok(result.status === "rejected" && result.reason instanceof KvUnavailable);
    assert.equal(result.reason.message, "The store cannot be written: disk I/O error");
    assert.equal(result.reason.maybeWritten, false);
  }
  assert.deepEqual(await added(kv), { ok: true, value: 2 });
  assert.equal(kv.seq, 2);
  await kv.close();
});

Deno.test("a commit that was written although it failed counts as written", async () => {
  const store = await FaultyStore.open();
  const kv = await Kv.over(store, clock);
  const heard: number[] = [];
  kv.onEvents((events) => heard.push(...events.map(({ seq }) => seq)));
  store.faults.push("after", "none", "after");
  assert.deepEqual(await added(kv), { ok: true, value: 1 });
  assert.deepEqual(await added(kv), { ok: true, value: 2 });
  const plain = await kv.transact([["p"]], () => accept({ value: 1, set: [[["p"], "set"]] }));
  assert.ok(plain.ok);
  assert.equal(store.commits, 3);
  assert.deepEqual(await kv.transact([["p"]], ([seen]) => accept({ value: seen!.value })), {
    ok: true,
    value: "set",
  });
  assert.deepEqual(heard, [1, 2]);
  await kv.close();
});

Deno.test("after a failure nobody could look into, seq and state are read again and its event is published", async () => {
  const store = await FaultyStore.open();
  const kv = await Kv.over(store, clock);
  const heard: number[] = [];
  kv.onEvents((events) => heard.push(...events.map(({ seq }) => seq)));
  for (const fault of ["blind after", "blind before"] as const) {
    store.faults.push(fault);
    await assert.rejects(added(kv), (error: KvUnavailable) => error.maybeWritten);
  }
  assert.deepEqual(await added(kv), { ok: true, value: 2 });
  assert.deepEqual(heard, [1, 2]);
  assert.equal(kv.seq, 2);
  await kv.close();
});

Deno.test("a foreign writer is noticed: nothing is overwritten, no number given twice", async () => {
  const store = await FaultyStore.open();
  const [one, two] = [await Kv.over(store, clock), await Kv.over(store, clock)];
  const heard: number[] = [];
  one.onEvents((events) => heard.push(...events.map(({ seq }) => seq)));
  for (let i = 0; i < 5; i++) {
    await Promise.all([added(one), added(two), added(one, ["m"])]);
  }
  assert.equal(await one.get(["n"]), 10);
  await added(one);
  assert.equal(one.seq, 16);
  assert.deepEqual(heard, Array.from({ length: 16 }, (_, i) => i + 1));
  await one.close();
});

Deno.test("a race that is lost again and again ends in a ContentionError, not in a loop", async () => {
  const store = await Deno.openKv(":memory:");
  const kv = await Kv.over(store, clock);
  await assert.rejects(
    kv.transact([["n"]], ([seen]): Result<Commit<number>, never> => {
      // A decide that is not pure: it writes behind the store's back each time it is asked.
      store.set(["n"], Number(seen!.value ?? 0) + 1);
      return accept({ value: 0, set: [[["n"], 0]] });
    }),
    ContentionError,
  );
  await kv.close();
});

Deno.test("a closed store says so, to those who wait and those who come; the commit under way finishes", async () => {
  const store = await FaultyStore.open();
  const kv = await Kv.over(store, clock);
  await added(kv);
  const gate = Promise.withResolvers<void>();
  store.gate = gate.promise;
  const underWay = added(kv);
  await reached(store, 2);
  const waiting = added(kv);
  const closed = kv.close();
  const late = added(kv);
  await assert.rejects(waiting, new KvUnavailable("The store is closed"));
  await assert.rejects(late, new KvUnavailable("The store is closed"));
  gate.resolve();
  assert.deepEqual(await underWay, { ok: true, value: 2 });
  await closed;
  await kv.close();
  await assert.rejects(kv.get(["n"]), KvUnavailable);
  await assert.rejects(kv.list({ prefix: ["n"] }).next(), KvUnavailable);
});

Deno.test("a file that is no store, and a folder that is not there, are refused by name", async () => {
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(
    `${dir}/kv.sqlite`,
    "not a database, but long enough to look like one".repeat(50),
  );
  await assert.rejects(Kv.open(`${dir}/kv.sqlite`, clock), KvUnavailable);
  await assert.rejects(
    Kv.open(`${dir}/none/kv.sqlite`, clock),
    /Cannot open the store ".*none\/kv.sqlite": /,
  );
  await Deno.remove(dir, { recursive: true });
});
