import assert from "node:assert/strict";
import { type PlotView, rangeOf, viewOf, viewQuery } from "./view.ts";

const known = new Set(["od.od_135", "t.t", "co2.co2"]);
const first = ["od.od_135", "t.t"];
const ask = (text: string, hasRun = false) =>
  viewOf(new URLSearchParams(text), { known, first, hasRun });
const MIN = 60_000;

Deno.test("an address without a view gives the first channels over the last 15 minutes", () => {
  assert.deepEqual(ask(""), { windowId: "15m", range: null, shown: first });
});

Deno.test("channels keep the order of the address, and unknown ones are left out", () => {
  assert.deepEqual(ask("channels=co2.co2,nope.x,od.od_135").shown, ["co2.co2", "od.od_135"]);
  assert.deepEqual(ask("channels=t.t&channels=co2.co2").shown, ["t.t", "co2.co2"]);
  assert.deepEqual(ask("channels=%00,%F0").shown, first);
});

Deno.test("a range is read as milliseconds or with its zone, and nothing else is taken for one", () => {
  assert.deepEqual(ask("from=1000&to=60000").range, [1000, 60_000]);
  const range = ask("from=2026-11-21T14:00:00Z&to=2026-11-21T15:00:00%2B00:00").range!;
  assert.equal(range[1] - range[0], 3_600_000);
  for (const wrong of ["from=5&to=3", "from=5", "from=x&to=y", "from=-5&to=1e99", "from=1&to=2"]) {
    assert.equal(ask(wrong).range, null, wrong);
  }
});

Deno.test("the window of a run is there only while there is a run", () => {
  assert.equal(ask("window=run").windowId, "15m");
  assert.equal(ask("window=run", true).windowId, "run");
  assert.equal(ask("window=99y").windowId, "15m");
});

Deno.test("a view comes back from the address it writes", () => {
  const views: PlotView[] = [
    { windowId: "6h", range: null, shown: ["co2.co2"] },
    { windowId: "15m", range: [1_000_000, 2_000_000], shown: first },
  ];
  for (const view of views) {
    const query = viewQuery(new URLSearchParams("subject=x&window=1h"), view, first);
    assert.equal(query.get("subject"), "x");
    assert.deepEqual(viewOf(query, { known, first, hasRun: false }), view);
  }
  assert.equal(viewQuery(new URLSearchParams("window=1h"), ask(""), first).size, 0);
});

Deno.test("a new instrument's chart begins with its first sample, two minutes wide at least", () => {
  const nowMs = 100 * MIN;
  const at = (firstMs: number | null) =>
    rangeOf({ windowId: "15m", range: null }, nowMs, { runFromMs: null, firstMs });
  assert.deepEqual(at(null), [85 * MIN, nowMs]);
  assert.deepEqual(at(95 * MIN), [95 * MIN, nowMs]);
  assert.deepEqual(at(nowMs - 1000), [98 * MIN, nowMs]);
  assert.deepEqual(at(1), [85 * MIN, nowMs]);
});
