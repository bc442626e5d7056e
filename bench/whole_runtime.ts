import { fileURLToPath } from "node:url";

/** A Holdfast in a process of its own, as `deno task start` starts it. */
export interface WholeRuntime {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly pid: number;
  /** `performance.now()` just before its process was started. */
  readonly bornMs: number;
  /** Ends it and waits until it is gone; its devices are then safe. */
  end(): Promise<void>;
}

/** From the start of the process, after which a runtime that does not answer has failed. */
const UP_MS_MAX = 20_000;

/** Starts one on a free port with its simulated bioreactor; it need not answer yet. `dir`: its data folder. */
export function startRuntime(dir: string): WholeRuntime {
  const port = freePort();
  const bornMs = performance.now();
  const child = startDeno([fileURLToPath(new URL("../main.ts", import.meta.url)), "serve"], {
    HOLDFAST_DATA: dir,
    HOLDFAST_PORT: String(port),
    HOLDFAST_DATA_DISK_FLOOR_MB: "1",
    LOG_LEVEL: "error",
  });
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid,
    bornMs,
    end: () => endChild(child),
  };
}

/** `deno run -A` with what follows. */
export function startDeno(args: string[], env: Record<string, string> = {}): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...args],
    env,
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

export async function endChild(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGTERM");
  } catch {
    // It has ended.
  }
  await child.status;
}

/** Asks again and again until `done`. @throws when a runtime would have been up long ago */
export async function until(done: () => Promise<boolean>, everyMs = 50): Promise<void> {
  const endMs = performance.now() + UP_MS_MAX;
  while (performance.now() < endMs) {
    if (await done().catch(() => false)) return;
    await pause(everyMs);
  }
  throw new Error(`The runtime did not come up within ${UP_MS_MAX / 1000} s`);
}

/** Resolves when every device of the runtime answers. */
export async function devicesReady(url: string): Promise<void> {
  await until(async () => {
    const { devices } = await (await fetch(`${url}/api/v1/devices`)).json();
    return devices.length > 0 &&
      devices.every((one: { state: { status: string } }) => one.state.status === "ready");
  });
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A port that was free a moment ago. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
