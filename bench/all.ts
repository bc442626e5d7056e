/**
 * Every measurement, one process after another, and at the end all figures in one table, each beside the
 * number it has to hold where there is one.
 *
 * deno task bench
 */
import { cpus, loadavg } from "node:os";
import { type Figure, FIGURES_FLAG, figuresIn } from "./figures.ts";

/** In an order in which none leaves work behind that the next would feel. */
const BENCHES = [
  "start",
  "stop",
  "kv",
  "locks",
  "queue",
  "archive",
  "stream",
  "telemetry",
  "epu_read",
  "epu_ingest",
  "locks_http",
];

const cores = cpus().length;
const busy = loadavg()[0]!;
const rows: Figure[] = [];
let failed = 0;
for (const bench of BENCHES) {
  console.log(`\n=== ${bench} ===`);
  const startMs = performance.now();
  const { code, figures } = await run(bench);
  rows.push(...figures);
  console.log(`${bench} took ${Math.round((performance.now() - startMs) / 1000)} s`);
  if (code === 0 && figures.length > 0) continue;
  failed++;
  rows.push({ what: bench, measured: `FAILED with exit code ${code}; see above` });
}
print(rows);
console.log(
  `\n${cores} cores, load average ${busy.toFixed(1)} at the beginning` +
    (busy > cores / 2 ? ": others were at work, and the figures are worse for it" : ""),
);
Deno.exit(failed === 0 ? 0 : 1);

/** Lets the bench's own tables through and keeps its figures. */
async function run(bench: string): Promise<{ code: number; figures: Figure[] }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `${import.meta.dirname}/${bench}_bench.ts`, FIGURES_FLAG],
    stdout: "piped",
  }).spawn();
  const figures: Figure[] = [];
  const take = (line: string) => {
    const told = figuresIn(line);
    if (told === null) console.log(line);
    else figures.push(...told);
  };
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    lines.forEach(take);
  }
  if (rest !== "") take(rest);
  return { code: (await child.status).code, figures };
}

function print(figures: readonly Figure[]): void {
  const table = [
    ["measured", "figure", "to hold", "holds"],
    ...figures.map(({ what, measured, target = "", holds }) => [
      what,
      measured,
      target,
      holds === undefined ? "" : holds ? "yes" : "NO",
    ]),
  ];
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  table.splice(1, 0, widths.map((width) => "-".repeat(width)));
  console.log("");
  for (const row of table) {
    console.log(row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd());
  }
}
