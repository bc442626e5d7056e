import { Hono } from "hono";
import type { Principal } from "../../lib/auth/model.ts";
import type { Alarm } from "../../lib/alarms/model.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { Compat, type Face } from "../../lib/compat/mod.ts";
import { Coordination } from "../../lib/coordination/mod.ts";
import type { DeviceView, Reading } from "../../lib/devices/mod.ts";
import { openRig, type Rig, type RigOptions } from "../../lib/experiments/test_rig.ts";
import { silentLog } from "../../lib/log.ts";
import { type HoldfastEnv, problemHandler } from "../../lib/http.ts";
import { Listeners } from "../../lib/listeners.ts";
import { LockFeeds } from "../../lib/locks/mod.ts";
import { originals } from "../../routes/compat.ts";
import { DriverDevices } from "./driver_devices.ts";

/** The originals' paths over a real queue and simulated drivers, as each port shows them. */
export interface Faces extends AsyncDisposable {
  readonly rig: Rig;
  readonly compat: Compat;
  readonly devices: DriverDevices;
  /** The sensors' turn: reads every driver and tells of it. */
  sample(): Promise<void>;
  /** Commands a device and tells of its state. */
  command(deviceId: string, op: string, args: Record<string, unknown>): Promise<void>;
  alarm(alarm: Alarm): void;
  fetch(face: Face, path: string, init?: RequestInit): Promise<Response>;
  ask(
    face: Face,
    method: string,
    path: string,
    o?: { session?: string; body?: unknown },
    // deno-lint-ignore no-explicit-any
  ): Promise<{ status: number; body: any }>;
}

export async function openFaces(
  o: RigOptions & { role?: "admin" | "operator"; without?: readonly string[]; clock?: Clock } = {},
): Promise<Faces> {
  const rig = await openRig(o);
  const devices = await DriverDevices.open({}, o.without ?? []);
  const readings = new Listeners<[Reading[]]>();
  const states = new Listeners<[DeviceView]>();
  const alarms = new Listeners<[Alarm]>();
  const active: Alarm[] = [];
  // Readings are stamped by the simulation's clock; whoever asks for their age must have the same.
  const clock = { nowMs: () => devices.rig.clock.nowMs() };
  const compat = await Compat.open({
    kv: rig.kv,
    clock: o.clock ?? { ...systemClock, ...clock },
    log: silentLog,
    viewersMax: 3,
    experiments: rig.experiments,
    devices: {
      list: () => devices.list(),
      onReadings: (listener) => readings.add(listener),
      onState: (listener) => states.add(listener),
    },
    alarms: {
      active: () => active,
      onChange: (listener) => alarms.add(listener),
      raise: () => Promise.reject(new TypeError("no limit is set here")),
      clear: () => Promise.reject(new TypeError("no limit is set here")),
    },
  });
  const feeds = new LockFeeds(rig.locks, systemClock, 3);
  const coordination = new Coordination({ locks: rig.locks, feeds, clock: systemClock });
  const app = new Hono<HoldfastEnv>();
  app.use("*", async (c, next) => {
    const owner = c.req.header("x-session-id") ?? "browser";
    const principal: Principal = o.role === "operator"
      ? { kind: "token", tokenId: "t", name: "web", role: "operator", scopes: [] }
      : { kind: "local", owner, role: "admin" };
    c.set("principal", principal);
    c.set("requestId", "r1");
    await next();
  });
  app.route(
    "/",
    originals({
      experiments: rig.experiments,
      devices,
      clock,
      kv: rig.kv,
      compat,
      coordination,
      config: { instrument: { name: "Vessel <A>" }, compat: { pumpNames: [] } },
    }),
  );
  app.onError(problemHandler(silentLog));
  const fetch = async (face: Face, path: string, init: RequestInit = {}) =>
    await app.request(path, init, { face });
  return {
    rig,
    compat,
    devices,
    fetch,
    async sample() {
      await devices.sample();
      readings.tell(devices.list().flatMap((view) => [...view.readings]));
    },
    async command(deviceId, op, args) {
      await devices.command({ deviceId, op, args, actor: "test" });
      states.tell(devices.list().find((view) => view.capability.deviceId === deviceId)!);
    },
    alarm(alarm) {
      active.push(alarm);
      alarms.tell(alarm);
    },
    async ask(face, method, path, { session, body } = {}) {
      const reply = await fetch(face, path, {
        method,
        headers: {
          ...(session === undefined ? {} : { "x-session-id": session }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: reply.status, body: await reply.json() };
    },
    async [Symbol.asyncDispose]() {
      coordination.close();
      compat.close();
      await rig[Symbol.asyncDispose]();
    },
  };
}
