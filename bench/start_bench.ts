/**
 * From the start of the process to the first byte of the overview and to the last device that answers, on a
 * new data folder and on one that has been used; then what runtime and agent hold in memory when nobody
 * asks for anything.
 *
 * deno run -A bench/start_bench.ts
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Figure, quantile, tellFigures } from "./figures.ts";
import { devicesReady, pause, startRuntime, until, type WholeRuntime } from "./whole_runtime.ts";

const STARTS = 6;
const IDLE_MS = 30_000;
const TARGET_FIRST_BYTE_MS = 1000;
const TARGET_IDLE_MB = 120;

await buildPages();
await warmUp();
const starts = [
  await measureStarts("new data folder", true),
  await measureStarts("used data folder", false),
];
console.log("Start: milliseconds from the start of the process");
console.table(starts.map(({ folder, firstByteMs, devicesMs }) => ({
  "data folder": folder,
  starts: firstByteMs.length,
  "first byte of / p50": Math.round(quantile(firstByteMs, 0.5)),
  "first byte max": Math.round(Math.max(...firstByteMs)),
  "all devices p50": Math.round(quantile(devicesMs, 0.5)),
})));
const figures: Figure[] = starts.map(({ folder, firstByteMs }) => ({
  what: `first byte of /, ${folder}, ${firstByteMs.length} starts`,
  measured: `p50 ${ms(quantile(firstByteMs, 0.5))}, max ${ms(Math.max(...firstByteMs))}`,
  target: `< ${TARGET_FIRST_BYTE_MS} ms`,
  holds: quantile(firstByteMs, 0.5) < TARGET_FIRST_BYTE_MS,
}));
tellFigures([...figures, ...await measureMemory()]);

/** `deno task start` builds before it starts; an up-to-date build is found so in a few milliseconds. */
async function buildPages(): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${import.meta.dirname}/../lib/fresh/build.ts`],
    stdout: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("The pages cannot be built");
}

/** Once, unmeasured: Deno transpiles what has changed since it last ran. */
async function warmUp(): Promise<void> {
  await inFolder(async (dir) => {
    const runtime = startRuntime(dir);
    try {
      await devicesReady(runtime.url);
    } finally {
      await runtime.end();
    }
  });
}

async function measureStarts(folder: string, anew: boolean) {
  const firstByteMs: number[] = [];
  const devicesMs: number[] = [];
  const once = async (dir: string) => {
    const runtime = startRuntime(dir);
    try {
      await firstByte(runtime);
      firstByteMs.push(performance.now() - runtime.bornMs);
      await devicesReady(runtime.url);
      devicesMs.push(performance.now() - runtime.bornMs);
    } finally {
      await runtime.end();
    }
  };
  if (anew) { for (let i = 0; i < STARTS; i++) await inFolder(once); }
  else {
    await inFolder(async (dir) => {
      for (let i = 0; i < STARTS; i++) await once(dir);
    });
  }
  return { folder, firstByteMs, devicesMs };
}

/** Resolves when the first byte of the page's body is here. */
async function firstByte({ url }: WholeRuntime): Promise<void> {
  await until(async () => {
    const { status, body } = await fetch(`${url}/`);
    const reader = body!.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    if (status !== 200) throw new Error(`The overview answers ${status}`);
    return value !== undefined && value.length > 0;
  }, 2);
}

async function measureMemory(): Promise<Figure[]> {
  const what = (who: string) => `memory of ${who}, ${IDLE_MS / 1000} s idle`;
  if (Deno.build.os !== "linux") {
    const why = "skipped: memory is read from /proc, which only Linux has";
    console.log(`${what("runtime and agent")}: ${why}`);
    return [{ what: what("runtime and agent"), measured: why }];
  }
  return await inFolder(async (dir) => {
    const runtime = startRuntime(dir);
    try {
      await devicesReady(runtime.url);
      const { agents } = await (await fetch(`${runtime.url}/api/v1/agents`)).json();
      const pids = { runtime: runtime.pid, agent: agents[0].pid as number };
      await pause(IDLE_MS);
      const memory = { runtime: memoryOf(pids.runtime), agent: memoryOf(pids.agent) };
      console.log(`Memory after ${IDLE_MS / 1000} s in which nobody asked for anything, MB`);
      console.table(memory);
      const figure = (who: "runtime" | "agent") =>
        `${memory[who].resident} MB, ${memory[who].proportional} MB of it its own share`;
      return [{
        what: what("the runtime"),
        measured: figure("runtime"),
        target: `< ${TARGET_IDLE_MB} MB`,
        holds: memory.runtime.resident < TARGET_IDLE_MB,
      }, { what: what("its agent"), measured: figure("agent") }];
    } finally {
      await runtime.end();
    }
  });
}

/** `resident`: RSS; `proportional`: a page that several processes share counts as its part. In MB, 10^6 bytes. */
function memoryOf(pid: number): { resident: number; proportional: number } {
  const text = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
  const of = (name: string) =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)![1]) * 1024 / 1e6);
  return { resident: of("Rss"), proportional: of("Pss") };
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}

async function inFolder<T>(act: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), "holdfast-start-bench-"));
  try {
    return await act(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}
