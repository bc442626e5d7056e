/**
 * Transactions a second on a file-backed store, each reading and setting its caller's own key: alone, as
 * one atomic commit each on plain Deno KV, and through the group commit of `lib/kv.ts`. Once as the disk
 * is, and once with 10 ms added to every fsync, as on an SD card. `+ event` also appends an event each.
 *
 * deno run -A bench/kv_bench.ts
 */
import { join } from "node:path";
import { systemClock } from "../lib/clock.ts";
import { Kv } from "../lib/kv.ts";
import { accept } from "../lib/result.ts";
import { type Figure, quantile, tellFigures } from "./figures.ts";

const CALLERS = [1, 16, 64, 256];
const MODES = ["plain", "group", "group + event"] as const;
const WARM_UP_MS = 200;
const MEASURE_MS = 1100;
/** With the delay a plain caller of 256 waits seconds for its turn. */
const DELAYED_MS = 2000;
const FSYNC_DELAY_MS = 10;
/** At this many callers. */
const TARGET = { callers: 64, perSecond: 40_000, ratioDelayed: 40 };

type Mode = (typeof MODES)[number];
interface Row {
  mode: Mode;
  callers: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

if (Deno.args[0] === "measure") {
  for (const callers of CALLERS) {
    for (const mode of MODES) {
      console.log(JSON.stringify(await measure(mode, callers, Number(Deno.args[1]))));
    }
  }
} else {
  const fast = "disk as it is";
  const rows = await rowsOf([], MEASURE_MS);
  print(fast, rows);
  const figures = figuresOf(fast, rows, ({ group }) => ({
    target: `>= ${whole(TARGET.perSecond)}/s`,
    holds: group.perSecond >= TARGET.perSecond,
  }));
  const slow = `fsync + ${FSYNC_DELAY_MS} ms`;
  const strace = stracePrefix();
  if (typeof strace === "string") {
    console.log(`\n${slow}: skipped: ${strace}`);
    figures.push({ what: `KV, ${slow}`, measured: `skipped: ${strace}` });
  } else {
    const delayed = await rowsOf(strace, DELAYED_MS);
    print(slow, delayed);
    figures.push(...figuresOf(slow, delayed, ({ plain, group }) => ({
      target: `>= ${TARGET.ratioDelayed}x plain`,
      holds: group.perSecond >= TARGET.ratioDelayed * plain.perSecond,
    })));
  }
  tellFigures(figures);
}

/** How to start a program whose every fsync takes longer, or why that cannot be. */
function stracePrefix(): string[] | string {
  const prefix = [
    "strace",
    "-f",
    "--seccomp-bpf",
    "-o",
    "/dev/null",
    "-e",
    "trace=fdatasync,fsync",
  ];
  try {
    const [command, ...args] = [...prefix, "true"];
    const { success, stderr } = new Deno.Command(command!, { args }).outputSync();
    if (!success) return `strace may not trace here (${new TextDecoder().decode(stderr).trim()})`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "strace not installed";
    throw error;
  }
  return [...prefix, "-e", `inject=fdatasync,fsync:delay_exit=${FSYNC_DELAY_MS * 1000}`];
}

async function rowsOf(prefix: string[], measureMs: number): Promise<Row[]> {
  const [command, ...args] = [
    ...prefix,
    Deno.execPath(),
    ...["run", "-A", "--no-check", import.meta.filename!, "measure", String(measureMs)],
  ];
  const { success, stdout } = await new Deno.Command(command!, { args, stderr: "inherit" })
    .output();
  if (!success) throw new Error(`The measuring process failed: ${command}`);
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
}

async function measure(mode: Mode, callers: number, measureMs: number): Promise<Row> {
  const dir = await Deno.makeTempDir({ prefix: "kv-bench-" });
  const path = join(dir, "kv.sqlite");
  const { transact, close } = mode === "plain"
    ? await plain(path)
    : await grouped(path, mode === "group + event");
  let counting = false;
  let running = true;
  const tookMs: number[] = [];
  const all = Array.from({ length: callers }, async (_, caller) => {
    const key = ["bench", "counter", caller];
    while (running) {
      const startMs = performance.now();
      await transact(key);
      if (counting) tookMs.push(performance.now() - startMs);
    }
  });
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  counting = true;
  const startMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, measureMs));
  const seconds = (performance.now() - startMs) / 1000;
  counting = false;
  running = false;
  const perSecond = tookMs.length / seconds;
  await Promise.all(all);
  await close();
  await Deno.remove(dir, { recursive: true });
  const [p50Ms, p99Ms] = [quantile(tookMs, 0.5), quantile(tookMs, 0.99)];
  return { mode, callers, perSecond, p50Ms, p99Ms };
}

function next(before: unknown): { v: 1; label: string; count: number } {
  const count = (before as { count: number } | null)?.count ?? 0;
  return { v: 1, label: "a device's counter", count: count + 1 };
}

/** What a store without `lib/kv.ts` would do: read, then commit against what was read. */
async function plain(path: string) {
  const kv = await Deno.openKv(path);
  return {
    async transact(key: Deno.KvKey) {
      const entry = await kv.get(key);
      const { ok } = await kv.atomic().check(entry).set(key, next(entry.value)).commit();
      if (!ok) throw new Error(`A key of its own lost a race: ${key}`);
    },
    close: () => Promise.resolve(kv.close()),
  };
}

async function grouped(path: string, event: boolean) {
  const kv = await Kv.open(path, systemClock);
  const draft = { type: "bench.counted", subject: "bench", actor: "system", text: "one more" };
  const events = event ? [draft] : [];
  return {
    transact: (key: Deno.KvKey) =>
      kv.transact([key], ([seen]) => {
        const value = next(seen!.value);
        return accept({ value, set: [[key, value]] as const, events });
      }),
    close: () => kv.close(),
  };
}

function print(title: string, rows: Row[]): void {
  console.log(`\nTransactions a second, p50 and p99 of one in ms, ${title}\n`);
  const cells = (row: Row) =>
    `${Math.round(row.perSecond)} (${row.p50Ms.toFixed(1)}, ${row.p99Ms.toFixed(1)})`;
  const table = [["callers", "plain atomic", "group commit", "ratio", "group + event", "ratio"]];
  for (const callers of CALLERS) {
    const of = (mode: Mode) => rowOf(rows, mode, callers);
    const ratio = (mode: Mode) => `${(of(mode).perSecond / of("plain").perSecond).toFixed(1)}x`;
    table.push([
      String(callers),
      cells(of("plain")),
      cells(of("group")),
      ratio("group"),
      cells(of("group + event")),
      ratio("group + event"),
    ]);
  }
  const widths = table[0]!.map((_, i) => Math.max(...table.map((line) => line[i]!.length)));
  for (const line of table) {
    console.log(line.map((cell, i) => cell.padStart(widths[i]!)).join("  "));
  }
}

function figuresOf(
  title: string,
  rows: Row[],
  judge: (at: { plain: Row; group: Row }) => Pick<Figure, "target" | "holds">,
): Figure[] {
  return CALLERS.map((callers) => {
    const plain = rowOf(rows, "plain", callers);
    const group = rowOf(rows, "group", callers);
    return {
      what: `KV, ${callers} callers, ${title}`,
      measured: `${whole(group.perSecond)} tx/s, one by one ${whole(plain.perSecond)}: ` +
        `${(group.perSecond / plain.perSecond).toFixed(1)}x`,
      ...(callers === TARGET.callers ? judge({ plain, group }) : {}),
    };
  });
}

function rowOf(rows: Row[], mode: Mode, callers: number): Row {
  return rows.find((row) => row.mode === mode && row.callers === callers)!;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
