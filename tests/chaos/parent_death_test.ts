import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { WAYS } from "../agents/commands.ts";

const ROUNDS = Deno.env.get("HOLDFAST_LONG") === "1" ? 20 : 2;
/** Half a second is the agent's own limit; the rest is for a busy machine. */
const SAFE_MS_MAX = 2000;

for (const way of WAYS) {
  Deno.test(`${way}: when the runtime is killed its agent brings every device to safe and ends`, async () => {
    for (let round = 0; round < ROUNDS; round++) await killedRound(way);
  });
}

async function killedRound(way: typeof WAYS[number]): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "holdfast-parent-"));
  const stateFile = join(dir, "outputs.json");
  try {
    const parent = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--cached-only",
        fileURLToPath(new URL("../agents/parent.ts", import.meta.url)),
        way,
        stateFile,
      ],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = parent.stdout.getReader();
    const { value } = await reader.read();
    const agentPid = Number(new TextDecoder().decode(value).trim());
    assert.ok(agentPid > 0);
    assert.deepEqual(outputs(stateFile), { stirrer: 30, peltier: 0, pump: 40 });

    const killedMs = performance.now();
    parent.kill("SIGKILL");
    await parent.status;
    await reader.cancel();
    await gone(agentPid, killedMs + SAFE_MS_MAX);
    assert.deepEqual(outputs(stateFile), { stirrer: 0, peltier: 0, pump: 0 });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function outputs(stateFile: string): Record<string, number> {
  return JSON.parse(readFileSync(stateFile, "utf8"));
}

/** Another process's child sends no event when it ends: looking is all there is. */
async function gone(pid: number, untilMs: number): Promise<void> {
  while (performance.now() < untilMs) {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => null);
    if (stat === null || /\) [ZX] /.test(stat)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.fail(`agent ${pid} outlived its runtime`);
}
