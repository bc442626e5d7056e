/**
 * From pressing STOP until the last actuator reports its safe state, while 16 clients command and 100
 * watch: over real HTTP against a whole runtime with the simulated bioreactor. Runtime, agent, commanders,
 * viewers and the one who presses are separate processes.
 *
 * `hardware` is what the runtime measured, from the call to the last read-back; `answered` is what the one
 * who pressed saw, with HTTP and the durable record: it is never shorter than the former.
 *
 * deno run -A bench/stop_bench.ts
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { quantile, tellFigures } from "./figures.ts";
import { devicesReady, endChild, pause, startDeno, startRuntime } from "./whole_runtime.ts";

const COMMANDERS = 16;
const VIEWERS = 100;
const PRESSES = 100;
const TARGET_P99_MS = 200;
/** Between clearing one stop and the next press, so that commands are under way. */
const DRIVING_MS = 150;

const COMMANDS: readonly (readonly [string, () => Record<string, unknown>])[] = [
  ["stirrer", () => ({ duty: 20 + Math.round(Math.random() * 60) })],
  ["led", () => ({ power: Math.round(Math.random() * 100) })],
  ["pump-inflow", () => ({ flow: Math.round(Math.random() * 10) / 1000 })],
  ["pump-outflow", () => ({ flow: Math.round(Math.random() * 10) / 1000 })],
];

interface StopReport {
  devices: { deviceId: string; ok: boolean }[];
  totalMs: number;
}

const [mode, argument = ""] = Deno.args;
if (mode === "command") await commandForever(argument);
else if (mode === "watch") await watchForever(argument);
else await bench();

async function bench(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "holdfast-stop-bench-"));
  const runtime = startRuntime(dir);
  const load: Deno.ChildProcess[] = [];
  try {
    const api = `${runtime.url}/api/v1`;
    await devicesReady(runtime.url);
    load.push(startDeno([import.meta.filename!, "command", api]));
    load.push(startDeno([import.meta.filename!, "watch", api]));
    await pause(2000);
    const doneBefore = await commandsDone(runtime.url);
    const startMs = performance.now();
    const took = await press(api);
    const seconds = (performance.now() - startMs) / 1000;
    const perSecond = Math.round((await commandsDone(runtime.url) - doneBefore) / seconds);
    print(took, perSecond);
  } finally {
    // The load ends before what it loads.
    for (const child of load) await endChild(child);
    await runtime.end();
    rmSync(dir, { recursive: true });
  }
}

/** Presses and clears in turn. @throws when a device did not become safe */
async function press(api: string): Promise<{ hardware: number[]; answered: number[] }> {
  const hardware: number[] = [];
  const answered: number[] = [];
  for (let n = 0; n < PRESSES; n++) {
    await pause(DRIVING_MS);
    const startMs = performance.now();
    const reply = await post(`${api}/stop`, { reason: "bench" });
    const report = await reply.json() as StopReport;
    answered.push(performance.now() - startMs);
    hardware.push(report.totalMs);
    const failed = report.devices.filter(({ ok }) => !ok);
    if (failed.length > 0) throw new Error(`Away from safe: ${JSON.stringify(failed)}`);
    await post(`${api}/stop/clear`, { reason: "bench" });
  }
  return { hardware, answered };
}

/** Commands that the devices have carried out, by the runtime's own count. */
async function commandsDone(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const count = /^holdfast_http_request_seconds_count\{[^}]*commands[^}]*status="200"\} (\d+)$/m;
  return Number(count.exec(metrics)?.[1] ?? 0);
}

function print(took: { hardware: number[]; answered: number[] }, perSecond: number): void {
  console.log(
    `STOP while ${COMMANDERS} clients command, ${perSecond} commands/s done, and ${VIEWERS} watch: milliseconds`,
  );
  console.table(Object.fromEntries(
    Object.entries(took).map(([name, values]) => [name, {
      presses: values.length,
      p50: Number(quantile(values, 0.5).toFixed(1)),
      p99: Number(quantile(values, 0.99).toFixed(1)),
      max: Number(Math.max(...values).toFixed(1)),
    }]),
  ));
  const figure = (who: keyof typeof took) => ({
    measured: `p50 ${quantile(took[who], 0.5).toFixed(1)} ms, ` +
      `p99 ${quantile(took[who], 0.99).toFixed(1)} ms at ${perSecond} commands/s`,
    target: `p99 < ${TARGET_P99_MS} ms`,
    holds: quantile(took[who], 0.99) < TARGET_P99_MS,
  });
  const load = `${COMMANDERS} command, ${VIEWERS} watch`;
  tellFigures([
    { what: `STOP to the last actuator safe; ${load}`, ...figure("hardware") },
    { what: `STOP to its HTTP answer; ${load}`, ...figure("answered") },
  ]);
}

async function commandForever(api: string): Promise<void> {
  await Promise.all(Array.from({ length: COMMANDERS }, async (_, i) => {
    const [device, args] = COMMANDS[i % COMMANDS.length]!;
    for (;;) {
      const reply = await post(`${api}/devices/${device}/commands`, { op: "set", args: args() });
      const { code } = await reply.json();
      if (reply.status >= 500 || reply.status === 422) throw new Error(`${device}: ${code}`);
      // Refused while stopped: not again at once.
      if (!reply.ok) await pause(5);
    }
  }));
}

async function watchForever(api: string): Promise<void> {
  await Promise.all(Array.from({ length: VIEWERS }, async () => {
    const { body } = await fetch(`${api}/stream`);
    for await (const _ of body!);
  }));
}

function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}
