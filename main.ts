import { join } from "node:path";
import { runAgentWorker } from "./agents/launch.ts";
import { superviseRun } from "./agents/run_supervisor.ts";
import { EXIT, runCli, type ServeAsk } from "./lib/cli/mod.ts";
import { terminalHost } from "./lib/cli/terminal.ts";
import { systemClock } from "./lib/clock.ts";
import { type Log, openLog } from "./lib/log.ts";
import { RUN_SUPERVISOR } from "./standalone.ts";
import manifest from "./deno.json" with { type: "json" };

const env = Deno.env.toObject();

/** Runs the instrument until SIGINT or SIGTERM. */
async function serve({ loaded, verbosity, dev }: ServeAsk): Promise<number> {
  const { config, warnings } = loaded;
  const log = openLog({
    clock: systemClock,
    level: config.log.level,
    verbosity,
    file: join(config.data.dir, "log", "holdfast.log"),
    sizeKb: config.log.sizeKb,
    files: config.log.files,
  });
  for (const warning of warnings) log.warn(warning);
  outliveStrayErrors(log);
  // Imported here, so that an agent and a short command load no pages.
  const { serveUntilSignal } = await import("./serve.ts");
  try {
    await serveUntilSignal({ config, clock: systemClock, log, dev, denoDir: denoDir() });
    return EXIT.ok;
  } finally {
    await log.close();
  }
}

/**
 * What no caller was there to catch is logged, and the instrument goes on: its devices are guarded by
 * their agents, and ending the process would end the watch over living cells.
 */
function outliveStrayErrors(log: Log): void {
  addEventListener("error", (event) => {
    event.preventDefault();
    log.error("an error nobody caught", { error: event.error });
  });
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    log.error("a rejection nobody caught", { error: event.reason });
  });
}

/** Where Deno keeps its cache when nothing says otherwise. */
function denoDir(): string | null {
  if (env.DENO_DIR !== undefined) return env.DENO_DIR;
  const cache = env.XDG_CACHE_HOME ?? (env.HOME === undefined ? undefined : `${env.HOME}/.cache`);
  return cache === undefined ? null : `${cache}/deno`;
}

async function becomeSupervisor(): Promise<number> {
  await superviseRun();
  return EXIT.ok;
}

if (import.meta.main) {
  const agent = (name: string, args: readonly string[]) =>
    name === RUN_SUPERVISOR ? becomeSupervisor() : runAgentWorker(name, args);
  Deno.exit(
    await runCli(Deno.args, terminalHost({ version: manifest.version, env, serve, agent })),
  );
}
