import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ManualClock, systemClock } from "../clock.ts";
import { silentLog } from "../log.ts";
import { Telemetry } from "./store.ts";
import { reading, START } from "./testing.ts";

/** Written between two reports of the child. */
const BATCH = 50;
const KILLS = Deno.env.get("HOLDFAST_LONG") === "1" ? 50 : 4;

Deno.test("a kill at any moment costs no sample that was flushed, and every roll-up stays exact", async () => {
  const folder = mkdtempSync(join(tmpdir(), "telemetry-kill-"));
  const path = join(folder, "telemetry.sqlite");
  try {
    let flushed = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      flushed = await runAndKill(path, flushed, 20 + Math.random() * 200);
      const telemetry = Telemetry.open(path, new ManualClock(), silentLog);
      telemetry.settle();
      assert.equal(telemetry.status().fault, null);
      telemetry.close();
      flushed = assertExact(path, flushed);
    }
    assert.ok(flushed > 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Starts the child after `from` samples, kills it; @returns how many samples it said were flushed. */
async function runAndKill(path: string, from: number, afterMs: number): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.filename!, path, String(from)],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let flushed = from;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    timer ??= setTimeout(() => child.kill("SIGKILL"), afterMs);
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    if (lines.length > 0) flushed = Number(lines.at(-1));
  }
  clearTimeout(timer);
  assert.equal((await child.status).signal, "SIGKILL");
  return flushed;
}

/** @returns how many samples are stored: at least those flushed, without a hole, each in its roll-ups once. */
function assertExact(path: string, flushed: number): number {
  using db = new DatabaseSync(path);
  const { n, newest } = db.prepare("SELECT count(*) AS n, max(value) AS newest FROM raw").get()!;
  assert.equal(newest, (n as number) - 1);
  assert.ok((n as number) >= flushed, `${n} stored, ${flushed} flushed`);
  for (const [table, width] of [["minute", 60_000], ["hour", 3_600_000]] as const) {
    const wrong = db.prepare(`
      SELECT g.at FROM (SELECT at_ms / ${width} * ${width} AS at, count(*) AS c, min(value) AS mn,
          max(value) AS mx FROM raw GROUP BY at) g
        LEFT JOIN ${table} t ON t.at_ms = g.at
        WHERE t.count IS NOT g.c OR t.min IS NOT g.mn OR t.max IS NOT g.mx OR t.last IS NOT g.mx`)
      .all();
    assert.deepEqual(wrong, []);
  }
  return n as number;
}

/** Records one sample a second of made-up time, as fast as it can, settling now and then. */
function writeForEver(path: string, from: number): void {
  const telemetry = Telemetry.open(path, { ...systemClock, timer: () => () => {} }, silentLog);
  for (let i = from;; i++) {
    telemetry.record([reading(START + i * 1000, i)]);
    if (i % BATCH !== BATCH - 1) continue;
    telemetry.flush();
    Deno.stdout.writeSync(new TextEncoder().encode(`${i + 1}\n`));
    if (i % (7 * BATCH) === BATCH - 1) telemetry.settle();
  }
}

if (import.meta.main && Deno.args.length === 2) writeForEver(Deno.args[0]!, Number(Deno.args[1]));
