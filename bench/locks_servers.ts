import { join } from "node:path";
import { endChild, pause } from "./whole_runtime.ts";

/** Where the original's package `coordination` lies, and a Python that has what it needs. */
const ORIGINAL = Deno.env.get("COORDINATION_ORIGINAL");
const PYTHON = Deno.env.get("COORDINATION_PYTHON") ?? "python3";
/** Fixed in the original's code. */
const REDIS_PORT = 60590;

export interface LockServer {
  readonly name: string;
  readonly url: string;
  readonly startMs: number;
  /** Resident memory of all its processes, MiB. */
  memoryMb(): number;
  end(): Promise<void>;
}

/** Why the original is not measured beside ours; `null` when it can be. */
export async function originalMissing(): Promise<string | null> {
  if (ORIGINAL === undefined) return "COORDINATION_ORIGINAL names no folder with its package";
  const probe = new Deno.Command(PYTHON, {
    args: ["-c", "import fastapi, uvicorn, pydantic, redis, websockets, aiohttp"],
    stdout: "null",
    stderr: "null",
  });
  if (!(await probe.output().catch(() => ({ success: false }))).success) {
    return `${PYTHON} lacks one of fastapi, uvicorn, pydantic, redis, websockets, aiohttp`;
  }
  const redis = new Deno.Command("redis-server", { args: ["--version"], stdout: "null" });
  if (!(await redis.output().catch(() => ({ success: false }))).success) {
    return "there is no redis-server";
  }
  return await listens(REDIS_PORT) ? `port ${REDIS_PORT}, its Redis's, is taken` : null;
}

/** Ours as it is started, without its simulated bioreactor, on a data folder of its own. */
export async function startOurs(): Promise<LockServer> {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-bench-" });
  const port = freePort();
  const main = new URL("../main.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", main, "serve"],
    env: {
      HOLDFAST_DATA: dir,
      HOLDFAST_PORT: "0",
      HOLDFAST_COMPAT_PORTS: `locks=${port}`,
      HOLDFAST_SIMULATION_ENABLED: "false",
      HOLDFAST_DATA_DISK_FLOOR_MB: "1",
      LOG_LEVEL: "error",
    },
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const url = `http://127.0.0.1:${port}`;
  return {
    name: "Holdfast",
    url,
    startMs: await ready(url),
    memoryMb: () => rssMb(child.pid),
    async end() {
      await endChild(child);
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/**
 * The original with its Redis, as it is published but for `aioredis`, which is discontinued and stands in
 * for `redis.asyncio`. `patched`: its JSON encoder knows times and enums, without which no socket works.
 */
export async function startOriginal(patched: boolean): Promise<LockServer> {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-bench-" });
  await Deno.writeTextFile(join(dir, "aioredis.py"), "from redis.asyncio import *\n");
  if (patched) await Deno.writeTextFile(join(dir, "sitecustomize.py"), ENCODER);
  const redis = new Deno.Command("redis-server", {
    args: ["--port", String(REDIS_PORT), "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"],
    stdout: "null",
  }).spawn();
  await connectable(REDIS_PORT);
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const service = new Deno.Command(PYTHON, {
    args: ["-m", "coordination.service", "--host", "127.0.0.1", "--port", String(port)],
    cwd: ORIGINAL!,
    env: { PYTHONPATH: dir },
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    name: patched ? "original, encoder patched" : "original",
    url,
    startMs: await ready(url),
    memoryMb: () => rssMb(service.pid) + rssMb(redis.pid),
    async end() {
      await endChild(service);
      await endChild(redis);
      await Deno.remove(dir, { recursive: true });
    },
  };
}

const ENCODER = `import datetime, enum, json

def _default(self, value):
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)

json.JSONEncoder.default = _default
`;

/** Milliseconds until it says that it is ready. @throws after 20 s */
async function ready(url: string): Promise<number> {
  const startMs = performance.now();
  while (performance.now() - startMs < 20_000) {
    try {
      const reply = await fetch(`${url}/api/health/ready`);
      await reply.body?.cancel();
      if (reply.ok) return performance.now() - startMs;
    } catch {
      // Not yet.
    }
    await pause(5);
  }
  throw new Error(`${url} did not come up`);
}

async function connectable(port: number): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (await listens(port)) return;
    await pause(10);
  }
  throw new Error(`Nothing listens on port ${port}`);
}

async function listens(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

function rssMb(pid: number): number {
  const found = /VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
  return Number(found?.[1] ?? NaN) / 1024;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
