import assert from "node:assert/strict";
import { join } from "node:path";
import { type Epu, EpuStore } from "../lib/epu/mod.ts";
import { generateFiles, writeFiles } from "../lib/epu/tools/mod.ts";
import type { Kv } from "../lib/kv.ts";
import { runInstrument, type RunningInstrument } from "./running_instrument.ts";

const PLAN = {
  micrographs: 40,
  squares: 4,
  holesPerSquare: 10,
  areas: 2,
  previews: "empty",
} as const;

async function watching(dir: string): Promise<RunningInstrument> {
  const file = join(dir, "holdfast.toml");
  await Deno.writeTextFile(
    file,
    `[epu]\nsettle_ms = 500\nrescan_ms = 1000\ngrace_ms = 0\n` +
      `[[epu.folders]]\nname = "krios"\ndir = "visit"\n`,
  );
  return await runInstrument({ HOLDFAST_CONFIG: file, HOLDFAST_DATA: join(dir, "data") });
}

/** Resolves once what is known passes; every commit is looked at. */
function until(
  { kv, epu }: { kv: Kv; epu: Epu },
  passes: (epu: Epu) => Promise<boolean>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let looking = false;
    let again = false;
    const look = async () => {
      if (looking) return void (again = true);
      looking = true;
      do {
        again = false;
        if (await passes(epu)) {
          unlisten();
          return resolve();
        }
      } while (again);
      looking = false;
    };
    const unlisten = kv.onEvents(() => void look().catch(reject));
    look().catch(reject);
  });
}

async function countsOf(epu: EpuStore) {
  const { items: [first] } = await epu.acquisitions({ limit: 1 });
  return first === undefined ? null : await epu.counts(first.id);
}

Deno.test("a running instrument reads a folder through an agent that may read nothing else, and goes on after it is killed", async () => {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-epu-" });
  try {
    const visit = join(dir, "visit");
    await Deno.mkdir(visit);
    const files = [...generateFiles(PLAN)];
    // EPU writes its session again and again: that it is here is the half this test begins with.
    files.sort((a, b) => Number(b.path.endsWith(".dm")) - Number(a.path.endsWith(".dm")));
    writeFiles(visit, files.slice(0, files.length >> 1));
    await using running = await watching(dir);
    const { instrument } = running;
    await until(instrument, async (epu) => (await countsOf(epu))?.micrographs !== undefined);
    const [agent] = await childrenNamed("agents/epu.ts");
    assert(agent !== undefined, "the agent is a process of its own");
    assert.match(agent.command, /--allow-read=\S*visit /);
    assert.doesNotMatch(agent.command, /--allow-(write|net|run|env|ffi)|-A /);
    Deno.kill(agent.pid, "SIGKILL");
    writeFiles(visit, files.slice(files.length >> 1));
    await until(instrument, async (epu) => {
      const counts = await countsOf(epu);
      return counts?.exposures.seen === 40 && counts.orphans === 0;
    });
    const counts = await countsOf(instrument.epu);
    assert.equal(counts?.exposures.listed, 40);
    assert.equal(counts?.holesFinished, counts?.holesSelected);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

/** Processes started by this one whose command line names `what`; Linux. */
async function childrenNamed(what: string): Promise<{ pid: number; command: string }[]> {
  const found: { pid: number; command: string }[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const status = await Deno.readTextFile(`/proc/${name}/status`);
      if (Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]) !== Deno.pid) continue;
      const command = (await Deno.readTextFile(`/proc/${name}/cmdline`)).replaceAll("\0", " ");
      if (command.includes(what)) found.push({ pid: Number(name), command });
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}
