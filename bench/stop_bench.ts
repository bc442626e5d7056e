/**
 * From pressing STOP until the last actuator reports its safe state, while 16 clients command and 100
 * watch: over real HTTP against a whole runtime with the simulated bioreactor. Runtime, commanders,
 * viewers and the one who presses are separate processes.
 *
 * `hardware` is what the runtime measured, from the call to the last read-back; `answered` is what the one
 * who pressed saw, with HTTP and the durable record.
 *
 * deno run -A bench/stop_bench.ts [presses]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const COMMANDERS = 16;
const VIEWERS = 100;
const TARGET_P99_MS = 200;
/** Between clearing one stop and the next press, so that commands are under way. */
const DRIVING_MS = 250;

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
else await bench(Number(mode ?? 60));

async function bench(presses: number): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "holdfast-stop-bench-"));
  const port = freePort();
  const url = `http://127.0.0.1:${port}/api/v1`;
  const children = [
    start([fileURLToPath(new URL("../main.ts", import.meta.url)), "serve"], {
      HOLDFAST_DATA: dir,
      HOLDFAST_PORT: String(port),
      LOG_LEVEL: "error",
    }),
  ];
  try {
    await until(async () => (await post(`${url}/stop/clear`, { reason: "bench" })).ok);
    await until(async () => {
      const { devices } = await (await fetch(`${url}/devices`)).json();
      return devices.length > 0 &&
        devices.every((one: { state: { status: string } }) => one.state.status === "ready");
    });
    children.push(start([import.meta.filename!, "command", url]));
    children.push(start([import.meta.filename!, "watch", url]));
    await pause(2000);
    const hardware: number[] = [];
    const answered: number[] = [];
    for (let press = 0; press < presses; press++) {
      await pause(DRIVING_MS);
      const startMs = performance.now();
      const reply = await post(`${url}/stop`, { reason: "bench" });
      const report = await reply.json() as StopReport;
      answered.push(performance.now() - startMs);
      hardware.push(report.totalMs);
      const failed = report.devices.filter(({ ok }) => !ok);
      if (failed.length > 0) throw new Error(`away from safe: ${JSON.stringify(failed)}`);
      await post(`${url}/stop/clear`, { reason: "bench" });
    }
    print({ hardware, answered });
  } finally {
    // The load ends before what it loads.
    for (const child of children.reverse()) {
      try {
        child.kill("SIGTERM");
      } catch {
        // It has ended.
      }
      await child.status;
    }
    rmSync(dir, { recursive: true });
  }
}

function print(rows: Record<string, number[]>): void {
  console.log(`STOP with ${COMMANDERS} commanding and ${VIEWERS} watching, milliseconds`);
  console.log(["", "presses", "p50", "p99", "max"].map((head) => head.padStart(10)).join(""));
  for (const [name, values] of Object.entries(rows)) {
    const sorted = values.toSorted((a, b) => a - b);
    const at = (share: number) =>
      sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
    const cells = [sorted.length, at(0.5), at(0.99), sorted.at(-1)!];
    const text = cells.map((cell, i) => cell.toFixed(i === 0 ? 0 : 1).padStart(10)).join("");
    console.log(name.padStart(10) + text);
    if (name === "hardware") {
      console.log(`p99 ${at(0.99) < TARGET_P99_MS ? "within" : "OVER"} ${TARGET_P99_MS} ms`);
    }
  }
}

async function commandForever(url: string): Promise<void> {
  await Promise.all(Array.from({ length: COMMANDERS }, async (_, i) => {
    const [device, args] = COMMANDS[i % COMMANDS.length]!;
    for (;;) {
      const reply = await post(`${url}/devices/${device}/commands`, { op: "set", args: args() });
      const { code } = await reply.json();
      if (reply.status >= 500 || reply.status === 422) throw new Error(`${device}: ${code}`);
      if (!reply.ok) await pause(5);
    }
  }));
}

async function watchForever(url: string): Promise<void> {
  await Promise.all(Array.from({ length: VIEWERS }, async () => {
    const { body } = await fetch(`${url}/stream`);
    for await (const _ of body!);
  }));
}

function start(args: string[], env: Record<string, string> = {}): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...args],
    env,
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** A port that was free a moment ago. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(done: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await done().catch(() => false)) return;
    await pause(100);
  }
  throw new Error("the runtime did not come up");
}
