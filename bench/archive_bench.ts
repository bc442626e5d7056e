/**
 * The ZIP of a run with 1 GB of files, packed while it is read: how fast, and how much memory it takes,
 * sampled at every piece. The design it replaces builds the whole archive in memory before the first byte.
 *
 * deno run -A bench/archive_bench.ts
 */
import { join } from "node:path";
import { archiveOf } from "../lib/experiments/archive.ts";
import { Folders } from "../lib/experiments/folders.ts";
import { Experiment, Limits } from "../lib/experiments/model.ts";
import { type Figure, tellFigures } from "./figures.ts";

const MIB = 1_048_576;
const FILES = 16;
const FILE_MIB = 64;
/** Memory is counted from here: the code is compiled, the first buffers are there. */
const WARM_UP_MIB = 256;
const TARGET_GROWTH_MIB = 32;

const dir = await Deno.makeTempDir({ prefix: "holdfast-bench-archive-" });
try {
  const experiment = Experiment.parse({
    v: 1,
    id: "01J0000000000000000000000A",
    number: 1,
    title: "bench",
    owner: "user:anna",
    kind: "python",
    scriptSha256: "00",
    devices: [],
    limits: Limits.parse({}),
    endState: {},
    onInterrupt: "fail",
    state: "completed",
    attempt: 1,
    createdAtMs: 0,
    startedAtMs: 0,
    endedAtMs: 0,
    exitCode: 0,
    error: null,
    process: null,
    phase: null,
  });
  const folders = new Folders(dir);
  const output = folders.outputFolder(experiment.id);
  await Deno.mkdir(output, { recursive: true });
  const piece = new Uint8Array(MIB);
  for (let at = 0; at < MIB; at += 65_536) crypto.getRandomValues(piece.subarray(at, at + 65_536));
  for (let i = 0; i < FILES; i++) {
    using file = await Deno.open(join(output, `part-${i}`), { write: true, create: true });
    const writer = file.writable.getWriter();
    for (let done = 0; done < FILE_MIB; done++) await writer.write(piece);
    writer.releaseLock();
  }
  let bytes = 0;
  let warmRss = 0;
  let maxRss = 0;
  let firstMs = 0;
  const startMs = performance.now();
  for await (const chunk of archiveOf(experiment, folders, "print(1)", 0)) {
    if (bytes === 0) firstMs = performance.now() - startMs;
    bytes += chunk.length;
    const { rss } = Deno.memoryUsage();
    if (bytes < WARM_UP_MIB * MIB) warmRss = Math.max(warmRss, rss);
    else maxRss = Math.max(maxRss, rss);
  }
  const seconds = (performance.now() - startMs) / 1000;
  if (bytes < FILES * FILE_MIB * MIB) throw new RangeError(`The archive has ${bytes} bytes only`);
  const growthMib = Math.max(0, maxRss - warmRss) / MIB;
  const figures: Figure[] = [
    {
      what: `ZIP of a 1 GB run: memory more than after ${WARM_UP_MIB} MiB`,
      measured: `${growthMib.toFixed(1)} MiB, ${Math.round(maxRss / MIB)} MiB in all`,
      target: `<= ${TARGET_GROWTH_MIB} MiB`,
      holds: growthMib <= TARGET_GROWTH_MIB,
    },
    {
      what: "ZIP of a 1 GB run: speed, with every file's digest",
      measured: `${Math.round(bytes / MIB / seconds)} MiB/s, first byte after ${
        firstMs.toFixed(0)
      } ms`,
    },
  ];
  for (const { what, measured } of figures) console.log(`${what}: ${measured}`);
  tellFigures(figures);
} finally {
  await Deno.remove(dir, { recursive: true });
}
