import assert from "node:assert/strict";
import type { Alarm } from "../lib/alarms/model.ts";
import { unseenFirst } from "./alarms.ts";
import { withAlarm } from "./live.ts";

const alarm = (id: string, more: Partial<Alarm> = {}): Alarm => ({
  v: 1,
  id,
  severity: "warning",
  subject: id,
  title: id,
  text: "",
  raisedAtMs: 0,
  clearedAtMs: null,
  acknowledgedBy: null,
  acknowledgedAtMs: null,
  ...more,
});

Deno.test("what nobody has seen stands first, then what stands, then what is worse", () => {
  const list = [
    alarm("seen", { acknowledgedBy: "user:a", severity: "critical" }),
    alarm("over", { clearedAtMs: 5 }),
    alarm("old"),
    alarm("new", { raisedAtMs: 9 }),
    alarm("worst", { severity: "critical" }),
  ];
  assert.deepEqual(unseenFirst(list).map(({ id }) => id), ["worst", "new", "old", "over", "seen"]);
});

Deno.test("an alarm that is over and acknowledged is no longer active", () => {
  const list = [alarm("a"), alarm("b")];
  const seen = alarm("a", { acknowledgedBy: "user:x" });
  assert.deepEqual(withAlarm(list, seen).map(({ id }) => id), ["b", "a"]);
  assert.deepEqual(withAlarm(list, { ...seen, clearedAtMs: 3 }).map(({ id }) => id), ["b"]);
});
