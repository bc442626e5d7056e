import assert from "node:assert/strict";
import { ManualClock } from "../clock.ts";
import { end, grant, type Lock, remainingMs, unlocked } from "./lease.ts";
import { LockTable } from "./table.ts";

function granted(lock: Lock, ttlMs: number | null, clock: ManualClock): Lock {
  const next = grant(lock, { actor: "user:anna", label: "anna", ttlMs, nowMs: clock.nowMs() });
  assert.ok(next.ok);
  return next.value;
}

Deno.test("answers that overtake each other leave the newest state in memory", () => {
  const clock = new ManualClock();
  const first = granted(unlocked("pump"), 1000, clock);
  const renewed = granted(first, 1000, clock);
  const ended = end(renewed);
  const states = [first, renewed, ended];
  for (const [a, b, c] of [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]) {
    const table = new LockTable(clock);
    for (const i of [a!, b!, c!]) table.learn(states[i]!, clock.monotonicMs());
    assert.equal(table.holder("pump"), null);
    assert.deepEqual(table.fences(), { pump: 2 });
    assert.equal(table.nextDeadlineMs(), Infinity);
  }
});

Deno.test("a lease whose time is up in memory but was renewed on disk has not expired", async () => {
  const clock = new ManualClock();
  const table = new LockTable(clock);
  const lease = granted(unlocked("pump"), 1000, clock);
  table.learn(lease, clock.monotonicMs());
  await clock.advance(1000);
  assert.equal(table.isExpired(lease), true);
  assert.equal(table.isExpired(granted(lease, 1000, clock)), false);
  assert.deepEqual(table.due(), [lease]);
});

Deno.test("what is left of a lease after a restart is never more than it was given, nor less than the grace", () => {
  const clock = new ManualClock();
  const { lease } = granted(unlocked("pump"), 1000, clock);
  const nowMs = clock.nowMs();
  assert.equal(remainingMs(lease!, nowMs + 400, 50), 650);
  assert.equal(remainingMs(lease!, nowMs + 9e9, 50), 50);
  assert.equal(remainingMs(lease!, nowMs - 9e9, 50), 1050);
  assert.equal(remainingMs({ ...lease!, ttlMs: null, expiresAtMs: null }, nowMs, 50), null);
});
