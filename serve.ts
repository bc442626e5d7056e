import { hostname } from "node:os";
import process from "node:process";
import { ZodError } from "zod";
import { launchAgent } from "./agents/launch.ts";
import manifest from "./deno.json" with { type: "json" };
import * as pages from "./fresh.gen.ts";
import type { Clock } from "./lib/clock.ts";
import { type Face, FACES } from "./lib/compat/mod.ts";
import type { Config } from "./lib/config.ts";
import { openDataFolder, unreadableRecord } from "./lib/data_folder.ts";
import type { AgentSpec } from "./lib/devices/mod.ts";
import { rootsOf } from "./lib/epu/mod.ts";
import { type Instrument, openInstrument } from "./lib/instrument/mod.ts";
import { keepListening, type Listening } from "./lib/listening.ts";
import type { OpenLog } from "./lib/log.ts";
import { assertSafeListen } from "./lib/security.ts";
import { toSmartem } from "./lib/smartem/mod.ts";
import { buildApp } from "./routes/app.ts";
import { standaloneRuns } from "./standalone.ts";

export const VERSION: string = manifest.version;

/** How long clients have at the end to finish what they asked for. */
const DRAIN_MS = 2000;

/** The port is another program's. */
export class PortTaken extends Error {
  override readonly name = "PortTaken";
}

/** The machine has no such address, or this process may not have the port. */
export class ListenRefused extends Error {
  override readonly name = "ListenRefused";
}

export interface ServeOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: OpenLog;
  /** Pages are bundled on the fly. */
  readonly dev: boolean;
  /** Deno's cache, for agents, which see no environment; `null`: Deno's own default. */
  readonly denoDir: string | null;
}

/** A Holdfast that listens. */
export interface Serving {
  readonly instrument: Instrument;
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  /** Addresses of the originals' faces that have a port of their own. */
  readonly faces: Readonly<Partial<Record<Face, string>>>;
  /** Safe states, then everything else; resolves when nothing of ours is left but running experiments. */
  close(): Promise<void>;
}

/**
 * Opens the data folder, the stores and the devices, listens, and lets the queue run.
 * @throws {PortTaken} @throws {UnsafeListen} @throws {NotBuilt} and what the data folder refuses with
 */
export async function serve({ config, clock, log, dev, denoDir }: ServeOptions): Promise<Serving> {
  const { host, port } = config.server;
  const { mainFace, doors } = facesOf(config);
  const { smartemPath } = config.compat;
  probePort(host, port);
  for (const door of doors) probePort(host, door.port, door.face);
  // Early, before any device is touched; whether there is an admin is known once the stores are open.
  assertSafeListen(config, { enabled: config.auth.enabled, hasAdmin: true });
  const folder = await openDataFolder(config.data.dir);
  let scripts: Listening | null = null;
  const instrument = await openInstrument({
    config,
    version: VERSION,
    clock,
    log,
    folder,
    agents: agentsOf(config, denoDir),
    ...epuAgentOf(config, denoDir),
    apiUrl: () => `http://127.0.0.1:${scripts!.port}`,
    ...(Deno.build.standalone
      ? {
        runs: await standaloneRuns({
          root: import.meta.dirname!,
          dataDir: folder.path,
          execPath: Deno.execPath(),
        }),
      }
      : {}),
  }).catch((error) => {
    folder.close();
    throw error instanceof ZodError ? unreadableRecord(folder.path, error) : error;
  });
  const listeners: Listening[] = [];
  async function close(): Promise<void> {
    instrument.stream.close();
    instrument.compat.close();
    instrument.lockFeeds.close();
    const told = instrument.smartem.close();
    const finished = Promise.all(listeners.map((listener) => listener.shutdown()));
    // Before any client is waited for: one that never finishes its request must keep no actuator on.
    await instrument.devices.close();
    const late = Promise.withResolvers<void>();
    const cancel = clock.timer(DRAIN_MS, late.resolve);
    await Promise.race([finished, late.promise]);
    cancel();
    await told;
    await instrument.close();
    folder.close();
  }
  try {
    assertSafeListen(config, instrument.auth);
    const app = await buildApp(instrument, {
      root: import.meta.dirname!,
      manifest: pages,
      dev,
      machineName: hostname(),
    });
    const main = listening(
      host,
      port,
      () =>
        keepListening(
          { hostname: host, port, clock, log },
          (request, info) =>
            app.fetch(toSmartem(request, mainFace === "smartem" ? "/" : smartemPath), {
              remoteAddr: info.remoteAddr,
              ...(mainFace && { face: mainFace }),
            }),
        ),
    );
    listeners.push(main);
    const faces: Partial<Record<Face, string>> = {};
    for (const { face, port } of doors) {
      const door = listening(
        host,
        port,
        () =>
          keepListening(
            { hostname: host, port, clock, log },
            (request, info) =>
              app.fetch(face === "smartem" ? toSmartem(request, "/") : request, {
                remoteAddr: info.remoteAddr,
                face,
              }),
          ),
        face,
      );
      listeners.push(door);
      faces[face] = urlOf(host, door.port);
    }
    // Running scripts come through a door of their own, where nothing but their token counts.
    scripts = keepListening(
      { hostname: "127.0.0.1", port: 0, clock, log },
      (request, info) => app.fetch(request, { remoteAddr: info.remoteAddr, scriptsOnly: true }),
    );
    listeners.push(scripts);
    await instrument.experiments.begin();
    return { instrument, url: urlOf(host, main.port), faces, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Serves until SIGINT or SIGTERM, or until `closed` aborts. */
export async function serveUntilSignal(options: ServeOptions): Promise<void> {
  const startedMs = options.clock.monotonicMs();
  const serving = await serve(options);
  const { config } = options;
  console.log(
    `${config.instrument.name} is at ${serving.url}${
      config.simulation.enabled ? " (simulated bioreactor)" : ""
    }`,
  );
  options.log.info("started", {
    url: serving.url,
    ...(Object.keys(serving.faces).length === 0 ? {} : { faces: serving.faces }),
    version: VERSION,
    tookMs: Math.round(options.clock.monotonicMs() - startedMs),
  });
  const signal = await new Promise<string>((resolve) => {
    for (const name of ["SIGINT", "SIGTERM"] as const) {
      process.once(name, () => resolve(name));
    }
  });
  options.log.info("stopping: every actuator goes to its safe state", { signal });
  await serving.close();
}

/** The agents this configuration asks for, the simulated bioreactor among them where it runs. */
function agentsOf(config: Config, denoDir: string | null): AgentSpec[] {
  const place = { execPath: Deno.execPath(), standalone: Deno.build.standalone, denoDir };
  const { enabled, seed, timeScale, pumps, relays } = config.simulation;
  const simulated = enabled
    ? [{
      name: "bioreactor_sim",
      ...launchAgent("bioreactor_sim", place),
      config: { seed, timeScale, pumps, relays },
    }]
    : [];
  return [
    ...simulated,
    ...config.agents.filter((agent) => agent.enabled).map(({ id, agent, config }) => ({
      name: id,
      ...launchAgent(agent, place),
      config,
    })),
  ];
}

/** The agent that reads EPU's folders, where there are any: it may read those and nothing else. */
function epuAgentOf(config: Config, denoDir: string | null): { epuAgent?: AgentSpec } {
  const { folders, rescanMs, settleMs, truncatedMs } = config.epu;
  if (folders.length === 0) return {};
  const place = { execPath: Deno.execPath(), standalone: Deno.build.standalone, denoDir };
  const roots = rootsOf(folders);
  return {
    epuAgent: {
      name: "epu",
      ...launchAgent("epu", place, roots.map(({ dir }) => dir)),
      config: { roots, settings: { rescanMs, settleMs, truncatedMs } },
    },
  };
}

/** Which face the main port shows when one is put there, and the faces with a listener of their own. */
function facesOf(
  { server, compat }: Config,
): { mainFace: Face | null; doors: { face: Face; port: number }[] } {
  const asked = FACES.flatMap((face) => {
    const port = compat.ports[face];
    return port === undefined ? [] : [{ face, port }];
  });
  const isMain = ({ port }: { port: number }) => port !== 0 && port === server.port;
  return {
    mainFace: asked.find(isMain)?.face ?? null,
    doors: asked.filter((one) => !isMain(one)),
  };
}

/** Says early, before any device is touched, that the port is taken. */
function probePort(hostname: string, port: number, face?: Face): void {
  if (port === 0) return;
  listening(hostname, port, () => Deno.listen({ hostname, port }), face).close();
}

function listening<T>(hostname: string, port: number, act: () => T, face?: Face): T {
  try {
    return act();
  } catch (cause) {
    if (cause instanceof Deno.errors.AddrInUse && face !== undefined) {
      throw new PortTaken(
        `Port ${port}, which compat.ports gives to the ${face}'s face, is taken by another program, ` +
          `perhaps the original ${face}. Stop that one, or choose another port: ` +
          `ports = { ${face} = ${port + 1} } under [compat]`,
        { cause },
      );
    }
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new PortTaken(
        `Port ${port} is taken by another program, perhaps another Holdfast. ` +
          'Stop that one, or choose another port: HOLDFAST_PORT=8001, or "port" under [server]',
        { cause },
      );
    }
    throw new ListenRefused(
      `Cannot listen on "${hostname}", port ${port}; see HOLDFAST_HOST and HOLDFAST_PORT, or "host" ` +
        'and "port" under [server]',
      { cause },
    );
  }
}

function urlOf(host: string, port: number): string {
  const shown = host === "0.0.0.0" || host === "::" ? hostname() : host;
  return `http://${shown.includes(":") ? `[${shown}]` : shown}:${port}`;
}
