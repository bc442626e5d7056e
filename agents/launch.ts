import { fileURLToPath } from "node:url";
import { type AgentEntry, AGENTS } from "./agents.ts";
import { toFlags, toWorkerPermissions } from "./permissions.ts";

/** How this runtime itself runs, read once at start by whoever may read the environment. */
export interface LaunchPlace {
  /** `Deno.execPath()`: Deno itself from source, the binary when compiled. */
  readonly execPath: string;
  /** `Deno.build.standalone`. */
  readonly standalone: boolean;
  /** Deno's cache, so that it is found without `HOME`; `null`: Deno's own default. */
  readonly denoDir: string | null;
}

/** A process to start: nothing of the runtime's own environment goes with it. */
export interface AgentCommand {
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}

/** A driver that leaks ends its own agent, long before it ends the machine. */
const HEAP_MB_MAX = 256;

/** How a folder is named in the arguments of `holdfast agent NAME`. */
const READ_ARG = "read=";

/**
 * The command that starts agent `name`; `read` are absolute folders that it may read, for an agent that takes
 * them. @throws {RangeError} when there is no such agent.
 */
export function launchAgent(
  name: string,
  place: LaunchPlace,
  read: readonly string[] = [],
): AgentCommand {
  const entry = reading(agentEntry(name), read);
  return place.standalone
    ? {
      command: [place.execPath, "agent", name, ...read.map((path) => READ_ARG + path)],
      env: { NO_COLOR: "1" },
    }
    : launchFromSource(entry, place);
}

/**
 * `deno run` with the agent's permissions and nothing else. It never reaches for the network: what is not
 * in the cache or in `node_modules` is an error.
 */
export function launchFromSource(entry: AgentEntry, place: LaunchPlace): AgentCommand {
  return {
    command: [
      place.execPath,
      "run",
      ...toFlags(entry.permissions),
      "--no-remote",
      "--cached-only",
      `--v8-flags=--max-old-space-size=${HEAP_MB_MAX}`,
      fileURLToPath(entry.module),
    ],
    env: {
      NO_COLOR: "1",
      DENO_NO_UPDATE_CHECK: "1",
      ...(place.denoDir === null ? {} : { DENO_DIR: place.denoDir }),
    },
  };
}

/**
 * `holdfast agent NAME` in the compiled binary: the agent's module runs in a Worker with the permission
 * set it would have from source, while this thread only waits for it. Never returns.
 * @throws {RangeError} when there is no such agent.
 */
export function runAgentWorker(name: string, args: readonly string[] = []): Promise<never> {
  const read = args.map((arg) => {
    if (arg.startsWith(READ_ARG)) return arg.slice(READ_ARG.length);
    throw new RangeError(`An agent takes "${READ_ARG}FOLDER", not "${arg}"`);
  });
  return runWorker(reading(agentEntry(name), read));
}

/** As `runAgentWorker`, for any entry. */
export function runWorker(entry: AgentEntry): Promise<never> {
  const worker = new Worker(entry.module.href, {
    type: "module",
    name: "agent",
    deno: { permissions: toWorkerPermissions(entry.permissions) },
  });
  worker.onmessage = (event: MessageEvent<{ exit: number }>) => Deno.exit(event.data.exit);
  worker.onerror = (event) => {
    event.preventDefault();
    console.error(`agent failed: ${event.message}`);
    Deno.exit(70);
  };
  // The Worker listens too and ends by itself; this keeps the signal from ending the process before it could.
  Deno.addSignalListener("SIGTERM", () => {});
  Deno.addSignalListener("SIGINT", () => {});
  Deno.addSignalListener("SIGHUP", () => {});
  return new Promise<never>(() => {});
}

function reading(entry: AgentEntry, read: readonly string[]): AgentEntry {
  if (read.length === 0) return entry;
  if (entry.reads !== true) throw new RangeError("This agent reads no folders of its starter's");
  const { permissions } = entry;
  return {
    ...entry,
    permissions: { ...permissions, read: [...permissions.read ?? [], ...read] },
  };
}

function agentEntry(name: string): AgentEntry {
  const entry = Object.hasOwn(AGENTS, name) ? AGENTS[name] : undefined;
  if (entry !== undefined) return entry;
  const known = Object.keys(AGENTS).map((one) => `"${one}"`).join(", ");
  throw new RangeError(`There is no agent "${name}"; there are ${known}`);
}
