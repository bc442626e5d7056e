import assert from "node:assert/strict";
import type { LiveEvent } from "../live.ts";
import { type Changes, NOTHING, withEvent } from "./follow.ts";

function event(data: Record<string, unknown>, more: Partial<LiveEvent> = {}): LiveEvent {
  return {
    seq: 1,
    atMs: 0,
    type: "epu.changed",
    subject: "a1",
    actor: "system",
    text: "",
    data,
    ...more,
  };
}

Deno.test("a burst of events is one set of changes: the newest counts, every square", () => {
  const events = [
    event({ squareIds: [1], micrographIds: [], counts: { micrographs: 1 } }),
    event({ squareIds: [2, 1], micrographIds: ["m"], counts: { micrographs: 2 } }),
    event({ squareIds: [] }),
  ];
  const changes = events.reduce<Changes>((sum, one) => withEvent(sum, "a1", one), NOTHING);
  assert.deepEqual([...changes.squareIds!], [1, 2]);
  assert.equal(changes.micrographs, true);
  assert.equal(changes.counts?.micrographs, 2);
  assert.equal(changes.results, false);
});

Deno.test("too many to name means any of them, and stays so", () => {
  let changes = withEvent(NOTHING, "a1", event({ squareIds: null, micrographIds: null }));
  changes = withEvent(changes, "a1", event({ squareIds: [3] }));
  assert.equal(changes.squareIds, null);
  assert.equal(changes.micrographs, true);
});

Deno.test("other sessions and other things change nothing", () => {
  assert.equal(withEvent(NOTHING, "a2", event({ squareIds: [1] })), NOTHING);
  assert.equal(withEvent(NOTHING, "a1", event({}, { type: "experiment.state" })), NOTHING);
});

Deno.test("a state and a result are noticed by their kind", () => {
  assert.equal(withEvent(NOTHING, "a1", event({}, { type: "epu.acquisition" })).acquisition, true);
  assert.equal(withEvent(NOTHING, "a1", event({}, { type: "epu.results" })).results, true);
});
