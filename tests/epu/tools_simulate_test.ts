import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "../../lib/clock.ts";
import {
  generateFiles,
  type PlanAsk,
  simulate,
  type SimulationAsk,
  STATE_FILE,
} from "../../lib/epu/tools/mod.ts";

const PLAN: PlanAsk = {
  micrographs: 24,
  squares: 5,
  holesPerSquare: 30,
  areas: 2,
  seed: 3,
  startAtMs: Date.UTC(2026, 0, 25, 20, 0, 0),
  previews: "empty",
  lateShare: 0.2,
};

function scratch() {
  const dir = mkdtempSync(join(tmpdir(), "holdfast-simulate-"));
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true }) };
}

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path !== STATE_FILE && statSync(join(dir, path)).isFile()).sort();
}

/** Lets it run until it ends, moving its clock. */
async function toEnd(ask: Omit<SimulationAsk, "clock">, clock = new ManualClock()) {
  let ended = false;
  const running = simulate({ ...ask, clock }).finally(() => ended = true);
  running.catch(() => {});
  while (!ended) await clock.advance(1000);
  return await running;
}

function assertFinished(dir: string): void {
  const expected = [...generateFiles(PLAN)];
  assert.deepEqual(filesBelow(dir), expected.map(({ path }) => path).sort());
  for (const { path, bytes } of expected) {
    assert.deepEqual(new Uint8Array(readFileSync(join(dir, path))), bytes, path);
  }
}

Deno.test("a simulated session ends as the finished session is", async () => {
  using folder = scratch();
  const end = await toEnd({ dir: folder.dir, plan: PLAN, timeScale: 1 });
  assert.equal(end.isComplete, true);
  assertFinished(folder.dir);
});

Deno.test("the atlas is there at once, micrographs come as time goes on, and faster with a time scale", async () => {
  using folder = scratch();
  const clock = new ManualClock();
  const controller = new AbortController();
  const running = simulate({
    dir: folder.dir,
    plan: PLAN,
    timeScale: 10,
    clock,
    signal: controller.signal,
  });
  const count = () => filesBelow(folder.dir).filter((path) => /_Data_.*xml$/.test(path)).length;
  await clock.advance(0);
  assert(filesBelow(folder.dir).some((path) => path.endsWith("/Atlas/Atlas.dm")));
  assert.equal(count(), 0);
  await clock.advance(12_000);
  const early = count();
  assert(early > 0 && early < 24, `${early}`);
  controller.abort();
  assert.equal((await running).isComplete, false);
});

Deno.test("a simulation that was told to end goes on where it was, also after losing its last notes", async () => {
  using folder = scratch();
  const clock = new ManualClock();
  const controller = new AbortController();
  let writes = 0;
  const first = simulate({
    dir: folder.dir,
    plan: PLAN,
    timeScale: 1,
    clock,
    signal: controller.signal,
    onWrite: () => ++writes === 60 && controller.abort(),
  });
  for (let i = 0; i < 500 && !controller.signal.aborted; i++) await clock.advance(1000);
  const { isComplete, written } = await first;
  assert.deepEqual([isComplete, written], [false, 60]);
  // As after a power cut: the last state on disk is older than the files.
  const state = JSON.parse(readFileSync(join(folder.dir, STATE_FILE), "utf8"));
  writeFileSync(join(folder.dir, STATE_FILE), JSON.stringify({ ...state, written: 50 }));
  const again: number[] = [];
  await toEnd({
    dir: folder.dir,
    plan: null,
    timeScale: 1,
    onWrite: ({ index }) => again.push(index),
  });
  assert.equal(again[0], 51);
  assertFinished(folder.dir);
});

Deno.test("a folder with anything else in it, another plan, and a broken state are refused", async () => {
  using folder = scratch();
  const ask = { dir: folder.dir, plan: PLAN, timeScale: 1 };
  writeFileSync(join(folder.dir, "thesis.txt"), "mine");
  await assert.rejects(toEnd(ask), { name: "FolderNotEmpty" });
  rmSync(join(folder.dir, "thesis.txt"));
  await toEnd(ask);
  await assert.rejects(toEnd({ ...ask, plan: { ...PLAN, seed: 4 } }), {
    name: "SimulationUnreadable",
    message: /with seed 3, not 4/,
  });
  writeFileSync(join(folder.dir, STATE_FILE), '{"v":1');
  await assert.rejects(toEnd(ask), { name: "SimulationUnreadable" });
  await assert.rejects(toEnd({ ...ask, timeScale: 0 }), { name: "RangeError" });
});

Deno.test("sped up, no time in the session lies ahead of the clock when it ends", async () => {
  using folder = scratch();
  const clock = new ManualClock();
  const { startAtMs: _, ...plan } = PLAN;
  let lastMs = 0;
  await toEnd({
    dir: folder.dir,
    plan,
    timeScale: 50,
    onWrite: ({ atMs }) => lastMs = Math.max(lastMs, atMs),
  }, clock);
  assert(lastMs <= clock.nowMs(), `${lastMs - clock.nowMs()} ms ahead`);
});
