import assert from "node:assert/strict";
import { ManualClock } from "../clock.ts";
import { Kv } from "../kv.ts";
import { refuse } from "../result.ts";
import { DeviceStore, IDEMPOTENCY_AGE_MS } from "./store.ts";

async function count(kv: Kv, name: string): Promise<number> {
  let entries = 0;
  for await (const _ of kv.list({ prefix: ["devices", name] })) entries++;
  return entries;
}

Deno.test("keyed commands are remembered up to a bound, the oldest go first", async () => {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  const store = await DeviceStore.open(kv, clock, 10);
  const commands = [];
  for (let i = 0; i < 50; i++) {
    clock.stepWall(1);
    const command = store.keyedCommand("user:anna", `key-${i}`, [i]);
    commands.push(command);
    await store.begin(command);
    await store.finish(command, refuse({ kind: "stopped", reason: String(i) }));
  }
  assert.equal(await count(kv, "idempotency"), 10);
  assert.equal(await count(kv, "idempotency_by_time"), 10);
  assert.deepEqual(await store.earlier(commands[0]!), { kind: "new" });
  assert.equal((await store.earlier(commands[49]!)).kind, "done");
  // The count is taken again from the store after a restart.
  const again = await DeviceStore.open(kv, clock, 10);
  await again.begin(again.keyedCommand("user:anna", "one more", []));
  assert.equal(await count(kv, "idempotency"), 10);
  await kv.close();
});

Deno.test("keyed commands older than a day are forgotten as new ones come", async () => {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  const store = await DeviceStore.open(kv, clock);
  for (let i = 0; i < 5; i++) await store.begin(store.keyedCommand("a", `key-${i}`, []));
  clock.stepWall(IDEMPOTENCY_AGE_MS + 1);
  await store.begin(store.keyedCommand("a", "new", []));
  assert.equal(await count(kv, "idempotency"), 1);
  assert.equal(await count(kv, "idempotency_by_time"), 1);
  await kv.close();
});

Deno.test("a key used again after a day leaves one record and one place in the order", async () => {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  const store = await DeviceStore.open(kv, clock);
  for (let day = 0; day < 3; day++) {
    const command = store.keyedCommand("a", "daily", [day]);
    assert.deepEqual(await store.earlier(command), { kind: "new" });
    await store.begin(command);
    assert.deepEqual(await store.earlier(command), { kind: "unknown" });
    clock.stepWall(IDEMPOTENCY_AGE_MS + 1);
  }
  assert.equal(await count(kv, "idempotency"), 1);
  assert.equal(await count(kv, "idempotency_by_time"), 1);
  await kv.close();
});
