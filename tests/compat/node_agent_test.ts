import assert from "node:assert/strict";
import { Hono } from "hono";
import { launchAgent } from "../../agents/launch.ts";
import { actorOf, type Principal } from "../../lib/auth/model.ts";
import { systemClock } from "../../lib/clock.ts";
import { Devices } from "../../lib/devices/mod.ts";
import type { HoldfastEnv } from "../../lib/http.ts";
import { Kv } from "../../lib/kv.ts";
import { Locks } from "../../lib/locks/mod.ts";
import { nodeCompat } from "../../routes/compat_node.ts";
import { openLog } from "../../lib/log.ts";

type Json = Record<string, unknown>;
const SCRIPT: Principal = {
  kind: "experiment",
  experimentId: "01J00000000000000000000042",
  number: 42,
  role: "observer",
};
const PERSON: Principal = { kind: "user", name: "anna", role: "operator" };

Deno.test({
  name: "the node's routes drive the simulated instrument: a process, a gate, a stop",
  async fn() {
    const lines: string[] = [];
    const kv = await Kv.open(":memory:", systemClock);
    const log = openLog({ clock: systemClock, level: "error", stderr: (line) => lines.push(line) });
    const locks = await Locks.open(kv, systemClock);
    const { command, env } = launchAgent("bioreactor_sim", {
      execPath: Deno.execPath(),
      standalone: false,
      denoDir: Deno.env.get("DENO_DIR") ?? null,
    });
    const config = { seed: 3, timeScale: 1000 };
    const devices = await Devices.open({
      agents: [{ name: "bioreactor_sim", command, env, config }],
      kv,
      clock: systemClock,
      log,
      gate: locks,
    });
    try {
      await devices.ready();
      let principal: Principal = PERSON;
      const app = new Hono<HoldfastEnv>();
      app.use(async (c, next) => {
        c.set("principal", principal);
        await next();
      });
      app.route(
        "/",
        nodeCompat({ devices, clock: systemClock, config: { compat: { pumpNames: [] } } }),
      );
      const call = async (path: string, body?: unknown) => {
        const response = await app.request(path, {
          method: body === undefined ? "GET" : "POST",
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        return { status: response.status, body: await response.json() as Json };
      };

      /** Resolves when the device's record says that it is safe. */
      const safe = (deviceId: string) =>
        new Promise<void>((resolve) => {
          const off = devices.onState(({ state }) => {
            if (state.deviceId !== deviceId || !state.safe) return;
            off();
            resolve();
          });
        });

      const health = (await call("/health")).body;
      assert.deepEqual([health.status, health.component_count], ["healthy", 13]);
      assert.equal((await call("/api/v3/stirrer/control", { duty_cycle: 40 })).status, 200);
      assert.equal((await call("/api/v3/stirrer/state")).body.duty_cycle, 40);
      assert.equal(devices.view("stirrer")!.state.actor, "user:anna");

      // Readings come in by themselves; none is awaited by a clock.
      const first = await new Promise<Json>((resolve) => {
        const off = devices.onReadings((readings) => {
          if (!readings.some(({ deviceId }) => deviceId === "temperature")) return;
          off();
          resolve(call("/api/v3/temp_sensor/state").then(({ body }) => body));
        });
      });
      assert.equal(first.status, "success");
      assert.ok((first.temperature as number) > 15 && (first.temperature as number) < 30);

      const actor = actorOf(SCRIPT);
      const granted = await locks.grantAll({
        deviceIds: ["stirrer", "pump-outflow"],
        actor,
        label: "experiment 42",
        ttlMs: 60_000,
      });
      assert.ok(granted.ok);
      const held = await call("/api/stirrer", { duty_cycle: 10 });
      assert.equal(held.status, 409);
      assert.match(
        String(held.body.detail),
        /experiment 42 \(experiment:01J00000000000000000000042\)/,
      );
      principal = SCRIPT;
      assert.equal((await call("/api/stirrer", { duty_cycle: 10 })).status, 200);

      // A dose runs in the agent and ends by itself, at 1000x within milliseconds.
      const ended = safe("pump-outflow");
      const dose = await devices.command({
        deviceId: "pump-outflow",
        op: "dose",
        args: { volume: 5, flow: 1 },
        actor,
      });
      assert.ok(dose.ok);
      await ended;
      const { readback } = devices.view("pump-outflow")!.state;
      assert.deepEqual(readback!.dose, { asked_ml: 5, done_ml: 5, running: false });

      const rests = safe("stirrer");
      const { devices: brought } = await devices.stop("user:anna", "test");
      assert.deepEqual(brought.filter(({ ok }) => !ok), []);
      const stopped = await call("/api/v3/stirrer/control", { duty_cycle: 10 });
      assert.deepEqual([stopped.status, stopped.body.code], [409, "instrument_stopped"]);
      await rests;
      assert.equal((await call("/api/v3/stirrer/state")).body.duty_cycle, 0);
    } finally {
      await devices.close();
      locks.close();
      await log.close();
      await kv.close();
    }
  },
});
