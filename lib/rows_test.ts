import assert from "node:assert/strict";
import fc from "fast-check";
import { ManualClock } from "./clock.ts";
import { EventLog } from "./events.ts";
import { Kv } from "./kv.ts";
import { bytesOf, VALUE_BYTES_MAX } from "./kv_value.ts";
import { accept } from "./result.ts";
import { jsonText, packedRows, ROWS_MAX, rowsOf } from "./rows.ts";

const row = fc.record({
  text: fc.string({ unit: "binary", maxLength: 40 }),
  times: fc.integer({ min: 0, max: 200 }),
});

Deno.test("rows come back whole and in order, each value under its first number and within the store's limit", () => {
  fc.assert(fc.property(fc.array(row, { maxLength: 250 }), fc.nat(1000), (drawn, before) => {
    const rows = drawn.map(({ text, times }, i) => ({
      seq: before + 1 + i,
      text: text.repeat(times),
    }));
    const packed = packedRows(
      rows.map((one) => ({ seq: one.seq, text: jsonText(one), row: one })),
    );
    for (const [seq, value] of packed) {
      const found = rowsOf(value) as { seq: number }[];
      assert.equal(found[0]!.seq, seq);
      assert.ok(found.length <= ROWS_MAX);
      assert.ok(bytesOf(value) <= VALUE_BYTES_MAX);
    }
    assert.deepEqual(packed.flatMap(([, value]) => rowsOf(value)), rows);
  }));
});

Deno.test("a row too long for text is stored as it is", () => {
  const long = { seq: 2, text: "€".repeat(20_000) };
  const rows = [{ seq: 1, text: "a" }, long, { seq: 3, text: "b" }];
  const packed = packedRows(rows.map((one) => ({ seq: one.seq, text: jsonText(one), row: one })));
  assert.deepEqual(packed.map(([seq]) => seq), [1, 2, 3]);
  assert.equal(packed[1]![1], long);
});

Deno.test("events of one commit share a value; the log reads, resumes and counts as with one each", async () => {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  const log = new EventLog(kv, clock, { countMax: 150, ageMaxMs: 1e15 });
  const events = Array.from({ length: 250 }, (_, i) => {
    return { type: "pump.dosed", subject: i % 2 ? "a" : "b", actor: "system", text: `${i + 1}` };
  });
  await kv.transact([], () => accept({ value: null, events }));
  let values = 0;
  for await (const _ of kv.list({ prefix: ["event"] })) values++;
  assert.equal(values, 3);
  const texts = async (query: Parameters<EventLog["read"]>[0]) =>
    (await log.read(query)).map(({ text }) => Number(text));
  assert.deepEqual(await texts({ afterSeq: 148, limit: 3 }), [149, 150, 151]);
  assert.deepEqual(await texts({ beforeSeq: 102, limit: 3 }), [101, 100, 99]);
  assert.deepEqual(await texts({ afterSeq: 98, limit: 2, subject: "a" }), [100, 102]);
  assert.equal(await log.trim(), 100);
  assert.equal(await log.firstSeq(), 101);
  await clock.advance(1);
  await kv.transact([], () => accept({ value: null, events: events.slice(0, 50) }));
  assert.equal(await log.trim(), 50);
  assert.deepEqual(await texts({ afterSeq: 0, limit: 2 }), [151, 152]);
  assert.deepEqual((await log.read({ afterSeq: 0, limit: 500 })).map(({ seq }) => seq).length, 150);
  await kv.close();
});

Deno.test("events stored one a value, as before, are read beside new ones", async () => {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  const old = { v: 1, atMs: 5, type: "a.b", subject: "s", actor: "system", text: "old", data: {} };
  await kv.transact([], () =>
    accept({
      value: null,
      set: [[["event", 1], { ...old, seq: 1 }], [["event", 2], { ...old, seq: 2 }]],
    }));
  using log = new EventLog(kv, clock, { countMax: 100, ageMaxMs: 1e15 });
  // The writer went past this `Kv`: it learns of the two when its own number is taken.
  await kv.transact([], () =>
    accept({
      value: null,
      events: [1, 2].map((n) => ({ ...old, text: `new ${n}` })),
    }));
  assert.deepEqual(
    (await log.read({ afterSeq: 0, limit: 9 })).map(({ seq, text }) => `${seq} ${text}`),
    ["1 old", "2 old", "3 new 1", "4 new 2"],
  );
  await kv.close();
});
