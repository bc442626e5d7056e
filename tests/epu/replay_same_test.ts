import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ManualClock } from "../../lib/clock.ts";
import { MODES, openRecording, Recorder, replay } from "../../lib/epu/tools/mod.ts";
import { watchFolder } from "../../lib/epu/mod.ts";
import { silentLog } from "../../lib/log.ts";
import { epuMicrographs, epuSample } from "../epu_samples.ts";

const GRID = "cm40593-1/Supervisor_20240405_115113_0_SmartEPU_ApoF";

/** Real files in EPU's folders: a session with its atlas and a square, another with 114 micrographs. */
function realFiles(): { path: string; bytes: Uint8Array }[] {
  return [
    { path: `${GRID}/EpuSession.dm`, bytes: epuSample("3.7/EpuSession.dm") },
    {
      path: `${GRID}/Metadata/GridSquare_4590776.dm`,
      bytes: epuSample("3.7/GridSquare_4590776.dm"),
    },
    {
      path: "atlas/Supervisor_20240404_093820_Pete_Miriam_HexAuFoil/Sample4/Atlas/Atlas.dm",
      bytes: epuSample("3.7/Atlas.dm"),
    },
    { path: "other/EpuSession.dm", bytes: epuSample("3.11/EpuSession.dm") },
    ...epuMicrographs().map(({ path, bytes }) => ({
      path: `other/${path.slice(path.indexOf("Images-Disc"))}`,
      bytes,
    })),
  ];
}

function write(dir: string, path: string, bytes: Uint8Array): string {
  const file = join(dir, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  return file;
}

/** Written as EPU does, children first and each in two steps, while it is recorded. */
async function record(live: string, out: string): Promise<void> {
  const clock = new ManualClock();
  mkdirSync(live);
  using recorder = new Recorder({ dir: live, out, skipBinary: false, clock });
  recorder.scan();
  for (const { path, bytes } of realFiles().reverse()) {
    recorder.look([write(live, path, bytes.subarray(0, bytes.length >> 1))]);
    await clock.advance(500);
    recorder.look([write(live, path, bytes)]);
    await clock.advance(1000);
  }
  recorder.scan();
  recorder.end();
}

/**
 * What `epu watch --dump` gives of a folder, on a clock that nobody waits for: `--once`, or while something
 * is done `meanwhile`, cut off when that is done. `buffer`: `null` for `--dry-run`.
 */
async function dumpOf(
  dir: string,
  buffer: string | null = null,
  meanwhile?: (clock: ManualClock) => Promise<void>,
) {
  const clock = new ManualClock();
  const ended = new AbortController();
  let isOver = false;
  const watching = watchFolder({
    dir,
    atlasRoots: [],
    drives: [],
    buffer,
    send: null,
    channel: null,
    once: meanwhile === undefined,
    progressMs: 10_000,
    clock,
    log: silentLog,
    onChange: () => {},
    onProgress: () => {},
  }, ended.signal).finally(() => isOver = true);
  const written = meanwhile?.(clock);
  let isWritten = written === undefined;
  written?.then(() => isWritten = true);
  while (!isWritten) await step(clock);
  if (written !== undefined) ended.abort();
  while (!isOver) await step(clock);
  const { summary, dump } = await watching;
  const text = await dump();
  const data = summary.data as { acquisitions: { seen: number; orphans: number }[] };
  await summary.close();
  return { text, data };
}

async function step(clock: ManualClock): Promise<void> {
  await clock.advance(500);
  await new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("a watch of a replay, cut off and gone on with or begun after it, ends with the store of the folder that was recorded", async () => {
  const dir = mkdtempSync(join(tmpdir(), "holdfast-epu-same-"));
  try {
    const at = (name: string) => join(dir, name);
    await record(at("live"), at("recording"));
    const live = await dumpOf(at("live"));
    assert.equal(live.data.acquisitions.reduce((sum, { seen }) => sum + seen, 0), 114);
    assert.equal(live.data.acquisitions.reduce((sum, { orphans }) => sum + orphans, 0), 0);

    using recording = await openRecording(at("recording"));
    mkdirSync(at("replayed"));
    mkdirSync(at("buffer"));
    await dumpOf(at("replayed"), at("buffer"), async (clock) => {
      // In step with the watch; a player's waits are fractions of a millisecond, which no clock of ours shows.
      const own = new ManualClock();
      const tick = () => clock.timer(500, () => void own.advance(500).then(tick));
      tick();
      const pace = { ...MODES.fast, speed: 2 };
      const ask = { recording, target: at("replayed"), pace, clock: own, faultSeed: 7 };
      assert.deepEqual((await replay(ask)).wrong, []);
    });
    const resumed = await dumpOf(at("replayed"), at("buffer"));
    assert.equal(resumed.text, live.text);
    const after = await dumpOf(at("replayed"));
    assert.equal(after.text, live.text);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
