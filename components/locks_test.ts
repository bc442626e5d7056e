import assert from "node:assert/strict";
import {
  actionInWords,
  leftMs,
  lockWindow,
  meets,
  placed,
  rowsOf,
  type ShownLock,
  type ShownRecord,
  type ShownTicket,
} from "./locks.ts";

const anna = { principal: "user:anna", label: "anna", client: null, asserted: false };
const T0 = Date.parse("2026-01-31T10:00:00.000Z");

function lock(devices: string[], more: Partial<ShownLock> = {}): ShownLock {
  return {
    id: "L1",
    devices,
    type: "MANUAL_OPERATOR",
    mode: "exclusive",
    owner: anna,
    reason: null,
    plan_uid: null,
    acquired_at: new Date(T0).toISOString(),
    lease_ms: 60_000,
    expires_at: new Date(T0 + 60_000).toISOString(),
    state: "held",
    revoke: null,
    ...more,
  };
}

function record(seq: number, action: string, atMs: number): ShownRecord {
  return {
    seq,
    at: new Date(atMs).toISOString(),
    action,
    id: "L0",
    devices: ["stirrer"],
    owner: anna,
    type: "MANUAL_OPERATOR",
    reason: null,
    by: null,
  };
}

Deno.test("a device inside a locked one is locked, and one beside it is not", () => {
  assert.ok(meets("arm", "arm.grip"));
  assert.ok(meets("arm.grip", "arm"));
  assert.ok(meets("*", "stirrer"));
  assert.ok(!meets("arm", "armature"));
  assert.ok(!meets("arm.grip", "arm.wrist"));
});

Deno.test("the board has a row a device, then a row for whatever else is held or waited for", () => {
  const ticket: ShownTicket = {
    ticket: "K1",
    devices: ["stirrer"],
    type: "MANUAL_OPERATOR",
    owner: anna,
    reason: null,
    since: new Date(T0).toISOString(),
    until: null,
    not_before: null,
    position: 1,
  };
  const rows = rowsOf({
    devices: [{ deviceId: "stirrer", label: "Stirrer", drivable: true }, {
      deviceId: "lamp",
      label: "Lamp",
      drivable: true,
    }],
    locks: [lock(["stirrer", "goniometer"])],
    queue: [ticket],
    records: [],
  });
  assert.deepEqual(
    rows.map(({ label, known, locks, waiting }) => [
      label,
      known,
      locks.length,
      waiting.length,
    ]),
    [["Stirrer", true, 1, 1], ["Lamp", true, 0, 0], ["goniometer", false, 1, 0]],
  );
});

Deno.test("a lock on everything fills every row", () => {
  const rows = rowsOf({
    devices: [{ deviceId: "stirrer", label: "Stirrer", drivable: true }],
    locks: [lock(["*"], { type: "MAINTENANCE" })],
    queue: [],
    records: [],
  });
  assert.equal(rows[0]!.locks.length, 1);
  assert.equal(rows[0]!.bars[0]!.text, "anna, maintenance");
});

Deno.test("a lock that ended is a bar from its beginning to its end, and one that stands is drawn once", () => {
  const records = [
    record(3, "expired", T0 - 1000),
    record(2, "renewed", T0 - 4000),
    record(1, "acquired", T0 - 5000),
  ];
  const past = rowsOf({
    devices: [{ deviceId: "stirrer", label: "Stirrer", drivable: true }],
    locks: [],
    queue: [],
    records,
  })[0]!.bars;
  assert.equal(past.length, 1);
  assert.deepEqual([past[0]!.fromMs, past[0]!.toMs, past[0]!.live], [T0 - 5000, T0 - 1000, false]);
  assert.match(past[0]!.text, /ran out$/);
  const standing = rowsOf({
    devices: [{ deviceId: "stirrer", label: "Stirrer", drivable: true }],
    locks: [lock(["stirrer"], { id: "L0" })],
    queue: [],
    records: records.slice(1),
  })[0]!.bars;
  assert.deepEqual(standing.map(({ live }) => live), [true]);
});

Deno.test("a bar stands where its time is, and what is ahead of now is told apart", () => {
  const windowMs = 100_000;
  assert.deepEqual(placed({ fromMs: T0 - 30_000, toMs: T0 + 20_000 }, T0, windowMs, 100), {
    x: 30,
    width: 50,
    ahead: 20,
  });
  assert.deepEqual(placed({ fromMs: T0, toMs: null }, T0, windowMs, 100), {
    x: 60,
    width: 40,
    ahead: 40,
  });
  assert.equal(placed({ fromMs: T0 - 90_000, toMs: T0 - 70_000 }, T0, windowMs, 100), null);
  assert.equal(placed({ fromMs: T0 - 1000, toMs: T0 - 999 }, T0, windowMs, 100)!.width, 2);
});

Deno.test("a window that does not exist is the default, and words are said for every action", () => {
  assert.equal(lockWindow("6h").ms, 6 * 3_600_000);
  assert.equal(lockWindow("yesterday").key, "1h");
  assert.equal(actionInWords("force_released"), "taken away");
  assert.equal(actionInWords("something_new"), "something new");
});

Deno.test("what is left of a lock is never negative, and nothing for one without an end", () => {
  assert.equal(leftMs({ expires_at: new Date(T0).toISOString() }, T0 + 5), 0);
  assert.equal(leftMs({ expires_at: null }, T0), null);
});

Deno.test("a sensor has a row only while somebody holds it", () => {
  const devices = [{ deviceId: "ph", label: "pH", drivable: false }];
  const none = { queue: [], records: [] };
  assert.equal(rowsOf({ devices, locks: [], ...none }).length, 0);
  assert.equal(rowsOf({ devices, locks: [lock(["ph"])], ...none }).length, 1);
});
