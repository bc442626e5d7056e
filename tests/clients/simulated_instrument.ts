import { OpenAPIHono } from "@hono/zod-openapi";
import { launchAgent } from "../../agents/launch.ts";
import { systemClock } from "../../lib/clock.ts";
import { Devices, devicesApi } from "../../lib/devices/mod.ts";
import { type HoldfastEnv, problemHandler } from "../../lib/http.ts";
import { Kv } from "../../lib/kv.ts";
import { Locks } from "../../lib/locks/mod.ts";
import { memoryLog } from "../../lib/log.ts";
import { nodeCompat } from "../../routes/compat_node.ts";

/** The simulated bioreactor behind the routes that scripts call, as the runtime serves them. */
export interface SimulatedInstrument extends AsyncDisposable {
  readonly url: string;
  readonly devices: Devices;
  /** Lines of the log, JSON. */
  readonly log: readonly string[];
}

export interface SimulationAsk {
  /** Simulated seconds a second. */
  readonly timeScale: number;
  readonly seed?: number;
  /** Pump names; the simulation takes `_out` and `outflow` for outflow pumps. */
  readonly pumps?: readonly string[];
}

export async function simulatedInstrument(ask: SimulationAsk): Promise<SimulatedInstrument> {
  const { log, lines } = memoryLog(systemClock);
  const kv = await Kv.open(":memory:", systemClock);
  const locks = await Locks.open(kv, systemClock);
  const denoDir = Deno.env.get("DENO_DIR") ?? null;
  const place = { execPath: Deno.execPath(), standalone: false, denoDir };
  const devices = await Devices.open({
    agents: [{
      name: "bioreactor_sim",
      ...launchAgent("bioreactor_sim", place),
      config: { seed: 1, ...ask },
    }],
    kv,
    clock: systemClock,
    log,
    gate: locks,
  });
  const measured = firstReadings(devices);
  await devices.ready();
  await measured;
  const app = new OpenAPIHono<HoldfastEnv>();
  app.onError(problemHandler(log));
  app.use("*", (c, next) => {
    c.set("principal", { kind: "local", owner: "test", role: "admin" });
    c.set("requestId", crypto.randomUUID());
    return next();
  });
  app.route("/api/v1", devicesApi(devices));
  app.route(
    "/",
    nodeCompat({ devices, clock: systemClock, config: { compat: { pumpNames: [] } } }),
  );
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    devices,
    log: lines,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await devices.close();
      kv.close();
    },
  };
}

/** Resolves once every sensor has given its first good reading, as on an instrument that has been on. */
async function firstReadings(devices: Devices): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = devices.onReadings(() => {
    const sensors = devices.list().filter(({ capability }) => capability.kind === "sensor");
    const good = sensors.every(({ capability, readings }) =>
      capability.channels.every(({ id }) =>
        readings.some(({ channel, quality }) => channel === id && quality === "good")
      )
    );
    if (sensors.length > 0 && good) resolve();
  });
  await promise;
  stop();
}
