/**
 * A whole cryo-EM session taken in through the agent: from files on the disk to rows in the store.
 *
 * deno run -A bench/epu_ingest_bench.ts [--small]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { launchAgent } from "../agents/launch.ts";
import { systemClock } from "../lib/clock.ts";
import type { AgentSpec } from "../lib/devices/mod.ts";
import { Epu } from "../lib/epu/mod.ts";
import { generateFiles, writeFiles } from "../lib/epu/tools/mod.ts";
import { superviseEpu } from "../lib/instrument/epu_watch.ts";
import { Kv } from "../lib/kv.ts";
import { silentLog } from "../lib/log.ts";
import { type Figure, quantile, tellFigures } from "./figures.ts";

const SIZES = Deno.args.includes("--small") ? [2_000] : [10_000, 50_000];
const MEMORY_MB_MAX = 400;
const RESTART_S_MAX = 30;
const LIVE_FILES = 20;
const LIVE_S_MAX = 2;
const denoDir = Deno.env.get("DENO_DIR") ?? join(Deno.env.get("HOME") ?? "", ".cache", "deno");
const figures: Figure[] = [];

for (const micrographs of SIZES) {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-epu-bench-" });
  try {
    await measure(micrographs, dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
tellFigures(figures);

async function measure(micrographs: number, dir: string): Promise<void> {
  const visit = join(dir, "visit");
  const { files, bytes } = writeFiles(visit, generateFiles({ micrographs, lateShare: 0 }));
  const what = `EPU session of ${micrographs} micrographs`;
  console.log(`\n${what}: ${files} files, ${(bytes / 1e6).toFixed(0)} MB`);

  const first = await start(dir, visit);
  const startMs = performance.now();
  await first.until(async () => {
    const counts = await first.counts();
    return counts?.exposures.seen === micrographs && counts.orphans === 0;
  });
  const tookS = (performance.now() - startMs) / 1000;
  const memory = Math.max(peakMb(Deno.pid), peakMb(first.agentPid()));
  const { commits } = first;
  const liveMs = await live(first, visit);
  await first.close();
  say(`${what}, first parse`, `${tookS.toFixed(1)} s`, `${micrographs / 50_000 * 600} s`, {
    holds: tookS <= micrographs / 50_000 * 600,
  });
  say(
    `${what}, rate`,
    `${(files / tookS).toFixed(0)} files/s, ` +
      `${(bytes / 1e6 / tookS).toFixed(1)} MB/s, ${(commits / tookS).toFixed(0)} commits/s`,
  );
  say(`${what}, peak memory of either process`, `${memory.toFixed(0)} MB`, `${MEMORY_MB_MAX} MB`, {
    holds: memory <= MEMORY_MB_MAX,
  });
  const p95 = quantile(liveMs, 0.95) / 1000;
  say(
    `${what}, a file from written to stored, of which 1 s to see that it is whole`,
    `p50 ${(quantile(liveMs, 0.5) / 1000).toFixed(2)} s, p95 ${p95.toFixed(2)} s`,
    `${LIVE_S_MAX} s`,
    { holds: p95 <= LIVE_S_MAX },
  );

  const againMs = performance.now();
  const again = await start(dir, visit);
  await again.until(() => again.scanned(), 50);
  const restartS = (performance.now() - againMs) / 1000;
  say(
    `${what}, restart with nothing changed`,
    `${restartS.toFixed(1)} s, ${again.commits} events`,
    `${RESTART_S_MAX} s, 0 events`,
    { holds: restartS <= RESTART_S_MAX && again.commits === 0 },
  );
  await again.close();
}

/** Copies of a micrograph under new names, one by one, each timed from its writing to its event. */
async function live(run: Awaited<ReturnType<typeof start>>, visit: string): Promise<number[]> {
  const template = await findMicrograph(visit);
  const before = (await run.counts())!.exposures.seen;
  const took: number[] = [];
  for (let i = 1; i <= LIVE_FILES; i++) {
    const name = template.replace(
      /_(\d{8})_\d{6}\.xml$/,
      (_, date) => `_${date}_${String(i).padStart(6, "0")}.xml`,
    );
    const bytes = await Deno.readFile(template);
    const startMs = performance.now();
    await Deno.writeFile(name, bytes);
    await run.until(async () => (await run.counts())!.exposures.seen === before + i);
    took.push(performance.now() - startMs);
  }
  return took;
}

async function findMicrograph(folder: string): Promise<string> {
  const folders = [folder];
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    for await (const { name, isDirectory } of Deno.readDir(next)) {
      if (isDirectory) folders.push(join(next, name));
      else if (/^FoilHole_\d+_Data_.*\d\.xml$/.test(name)) return join(next, name);
    }
  }
  throw new Error(`No micrograph below "${folder}"`);
}

async function start(dir: string, visit: string) {
  const kv = await Kv.open(join(dir, "store.kv"), systemClock);
  const folders = [{ name: "krios", dir: visit, atlasRoots: [], drives: [] }];
  const epu = await Epu.open({ kv, clock: systemClock, log: silentLog, folders, graceMs: 1000 });
  const place = { execPath: Deno.execPath(), standalone: false, denoDir };
  const spec: AgentSpec = {
    name: "epu",
    ...launchAgent("epu", place, [visit]),
    config: { roots: [{ name: "krios", dir: visit }], settings: {} },
  };
  let commits = 0;
  const unlisten = kv.onEvents((events) => void (commits += events.length));
  const alarms = { raise: () => Promise.resolve(), clear: () => Promise.resolve() };
  const watch = superviseEpu(spec, { epu, clock: systemClock, log: silentLog, alarms });
  return {
    get commits() {
      return commits;
    },
    async counts() {
      const { items: [one] } = await epu.acquisitions({ limit: 1 });
      return one === undefined ? null : await epu.counts(one.id);
    },
    agentPid: () => watch.status().pid ?? 0,
    /** Whether the agent has looked at everything and found nothing to do. */
    async scanned(): Promise<boolean> {
      const status = await watch.watcher();
      return status !== null && status.scans > 0 && status.waiting === 0;
    },
    async until(passes: () => Promise<boolean>, everyMs = 20): Promise<void> {
      while (!await passes()) await new Promise((resolve) => setTimeout(resolve, everyMs));
    },
    async close() {
      unlisten();
      await watch.close();
      await epu.close();
      await kv.close();
    },
  };
}

/** The most memory a process ever had, MiB. */
function peakMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) / 1024;
}

function say(what: string, measured: string, target?: string, { holds }: { holds?: boolean } = {}) {
  console.log(`  ${what}: ${measured}${target === undefined ? "" : ` (target ${target})`}`);
  figures.push({
    what,
    measured,
    ...(target === undefined ? {} : { target }),
    ...(holds === undefined ? {} : { holds }),
  });
}
