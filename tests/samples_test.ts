import assert from "node:assert/strict";
import { join } from "node:path";
import { loadSamples, sampleName } from "../lib/experiments/mod.ts";
import { runInstrument, type RunningInstrument } from "./running_instrument.ts";

async function start(instrument: RunningInstrument, sample: string) {
  const reply = await instrument.ask("/experiments/new", {
    method: "POST",
    headers: { origin: instrument.url },
    body: new URLSearchParams({ sample }),
  });
  await reply.body?.cancel();
  const id = reply.headers.get("location")?.split("/").at(-1);
  const experiment = id === undefined ? null : await instrument.instrument.experiments.get(id);
  return { status: reply.status, kind: experiment?.kind };
}

Deno.test("every sample has an id of its own, both languages' versions of one the same name", async () => {
  const samples = await loadSamples(join(import.meta.dirname!, "../clients/examples"));
  assert.equal(new Set(samples.map(({ id }) => id)).size, samples.length);
  const demos = samples.filter((sample) => sampleName(sample) === "demo");
  assert.deepEqual(demos.map(({ id, kind }) => [id, kind]), [
    ["demo.py", "python"],
    ["demo.ts", "typescript"],
  ]);
});

Deno.test("a sample is shown and started in the language that was chosen, and by its name in one that runs here", async () => {
  await using instrument = await runInstrument({ HOLDFAST_EXPERIMENTS_PYTHON: "/nowhere/python3" });
  // What is submitted waits, so that nothing still runs when the folder goes.
  await instrument.instrument.devices.stop("system", "only submitting");
  const shown = await instrument.ask("/experiments/new?sample=logger.ts");
  assert.match(await shown.text(), /changeStirrer\(40\)/);
  assert.deepEqual(await start(instrument, "demo.ts"), { status: 303, kind: "typescript" });
  assert.deepEqual(await start(instrument, "demo"), { status: 303, kind: "typescript" });
  assert.deepEqual(await start(instrument, "demo.py"), { status: 503, kind: undefined });
  assert.deepEqual(await start(instrument, "nothing"), { status: 404, kind: undefined });
});
