import assert from "node:assert/strict";
import { ManualClock } from "../clock.ts";
import { Alive } from "./alive.ts";
import { Folders } from "./folders.ts";
import { whyNotRestored } from "./restore.ts";

const stirrer = { component: "stirrer" };
const set = { op: "set", args: { duty: 30 } };

Deno.test("after a short outage a run that goes on gets its stirrer, heater and lights back", () => {
  for (const component of ["stirrer", "peltier_driver", "led", "ring_light"]) {
    for (const awayMs of [0, 1, 59_999, 60_000]) {
      assert.equal(whyNotRestored(set, { component }, "running", awayMs, 60_000), null);
    }
  }
});

Deno.test("nothing is restored twice, late, unasked, in part, or to a run that does not run", () => {
  const cases: [RegExp, Parameters<typeof whyNotRestored>][] = [
    [/says never/, [set, stirrer, "running", 0, 0]],
    [/run is holding/, [set, stirrer, "holding", 0, 60_000]],
    [/run is stopping/, [set, stirrer, "stopping", 0, 60_000]],
    [/never repeated/, [set, { component: "pumps" }, "running", 0, 60_000]],
    [/never repeated/, [set, { component: "relays" }, "running", 0, 60_000]],
    [/never repeated/, [set, { component: "something_new" }, "running", 0, 60_000]],
    [/on-time/, [set, { component: "led", onTimeMaxMs: 1000 }, "running", 0, 60_000]],
    [/a part of it/, [
      { op: "set", args: { red: 1, green: 1, blue: 1, pixel: 3 } },
      { component: "ring_light" },
      "running",
      0,
      60_000,
    ]],
    [/nobody knows/, [set, stirrer, "running", null, 60_000]],
    [/nobody knows/, [set, stirrer, "running", -1, 60_000]],
    [/away for 75 s, and at most 60 s/, [set, stirrer, "running", 75_000, 60_000]],
  ];
  for (const [why, ask] of cases) assert.match(whyNotRestored(...ask) ?? "", why);
});

Deno.test("the stamp of a run says when its runtime last stood behind what it had set", async () => {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-alive-" });
  const clock = new ManualClock();
  const folders = new Folders(dir);
  await Deno.mkdir(folders.runFolder("01"), { recursive: true });
  let stands = true;
  const alive = new Alive(folders, clock);
  assert.equal(alive.lastAtMs("01"), null);
  const startMs = clock.nowMs();
  alive.keep("01", () => stands);
  assert.equal(alive.lastAtMs("01"), startMs);
  await clock.advance(5000);
  assert.equal(alive.lastAtMs("01"), startMs + 5000);
  stands = false;
  await clock.advance(5000);
  assert.equal(alive.lastAtMs("01"), startMs + 5000, "while something is lost, time runs on");
  stands = true;
  await clock.advance(1000);
  assert.equal(alive.lastAtMs("01"), startMs + 11_000);
  alive.end();
  await clock.advance(5000);
  assert.equal(alive.lastAtMs("01"), startMs + 11_000);
  alive.keep("of-nobody", () => true);
  assert.equal(alive.lastAtMs("of-nobody"), null, "without a folder nothing is known");
  alive.end();
  await Deno.remove(dir, { recursive: true });
});
