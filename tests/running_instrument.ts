import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../lib/clock.ts";
import { describeRefusal, loadConfig } from "../lib/config.ts";
import { openLog } from "../lib/log.ts";
import { serve, type Serving } from "../serve.ts";

export interface RunningInstrument extends Serving, AsyncDisposable {
  /** Its data folder, removed at the end. */
  readonly dir: string;
  /** What it logged as warnings and errors. */
  readonly complaints: string[];
  /** Asks as a program on this machine does. */
  ask(path: string, init?: RequestInit): Promise<Response>;
}

/**
 * A whole Holdfast on a free port of this machine, with its simulated bioreactor and a data folder of its
 * own. `env` adds to its configuration as the environment does.
 */
export async function runInstrument(env: Record<string, string> = {}): Promise<RunningInstrument> {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-test-" });
  const loaded = loadConfig({
    cwd: dir,
    env: { HOLDFAST_PORT: "0", HOLDFAST_DATA_DISK_FLOOR_MB: "1", ...env },
  });
  assert(loaded.ok, loaded.ok ? "" : describeRefusal(loaded.refusal));
  const complaints: string[] = [];
  const log = openLog({
    clock: systemClock,
    level: "warn",
    stderr: (line) => complaints.push(line),
  });
  const serving = await serve({
    config: loaded.value.config,
    clock: systemClock,
    log,
    dev: false,
    denoDir: Deno.env.get("DENO_DIR") ?? join(Deno.env.get("HOME") ?? "", ".cache", "deno"),
  });
  await serving.instrument.devices.ready();
  return {
    ...serving,
    dir,
    complaints,
    ask: (path, init) => fetch(serving.url + path, { redirect: "manual", ...init }),
    async [Symbol.asyncDispose]() {
      await serving.close();
      await log.close();
      await Deno.remove(dir, { recursive: true });
    },
  };
}
