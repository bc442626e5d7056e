import { Hono } from "hono";
import type { Principal } from "../../lib/auth/model.ts";
import { ManualClock } from "../../lib/clock.ts";
import { Coordination } from "../../lib/coordination/mod.ts";
import { type HoldfastEnv, problemHandler, problemNotFound } from "../../lib/http.ts";
import { Kv, type KvBackend } from "../../lib/kv.ts";
import { LockFeeds, Locks, locksApi } from "../../lib/locks/mod.ts";
import { silentLog } from "../../lib/log.ts";
import {
  coordinationCompat,
  locksFaceOnly,
  locksFaceShapes,
} from "../../routes/compat_coordination.ts";

/** 2026-01-25T20:00:00Z, where a `ManualClock` starts. */
export const START = "2026-01-25T20:00:00.000000";

export const ADMIN: Principal = { kind: "local", owner: "local", role: "admin" };

export interface CoordinationRig extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly locks: Locks;
  readonly coordination: Coordination;
  /** Who asks from now on. */
  principal: Principal;
  readonly app: Hono<HoldfastEnv>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  // deno-lint-ignore no-explicit-any
  ask(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }>;
  /** Asks for a lock as the original's client does. */
  // deno-lint-ignore no-explicit-any
  request(ask: Record<string, unknown>): Promise<any>;
  release(device: string, key: string, user: string): Promise<{ status: number; body: unknown }>;
}

/** The locks and both their faces on a clock that stands still, as the locks' own port shows them. */
export async function openCoordination(
  { exposeLockKeys = false, backend, viewersMax = 500, clock = new ManualClock() }: {
    exposeLockKeys?: boolean;
    backend?: KvBackend;
    viewersMax?: number;
    clock?: ManualClock;
  } = {},
): Promise<CoordinationRig> {
  const kv = backend === undefined
    ? await Kv.open(":memory:", clock)
    : await Kv.over(backend, clock);
  const locks = await Locks.open(kv, clock);
  const feeds = new LockFeeds(locks, clock, viewersMax);
  const coordination = new Coordination({ locks, feeds, clock, exposeLockKeys });
  const app = new Hono<HoldfastEnv>();
  app.use("*", locksFaceShapes);
  app.use("*", async (c, next) => {
    c.set("principal", rig.principal);
    c.set("requestId", "r1");
    await next();
  });
  app.route("/api/v1", locksApi(locks, feeds));
  app.route("/", coordinationCompat(coordination));
  app.route("/", locksFaceOnly());
  app.notFound(problemNotFound);
  app.onError(problemHandler(silentLog));
  const fetch = async (path: string, init: RequestInit = {}) =>
    await app.request(path, init, { face: "locks" });
  const ask: CoordinationRig["ask"] = async (method, path, body) => {
    const reply = await fetch(path, {
      method,
      ...(body === undefined ? {} : {
        headers: { "content-type": "application/json" },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    });
    return { status: reply.status, body: await reply.json() };
  };
  const rig: CoordinationRig = {
    clock,
    locks,
    coordination,
    principal: ADMIN,
    app,
    fetch,
    ask,
    async request(asked) {
      const wanted = { device_name: "motor1", lock_type: "MANUAL_OPERATOR", user_id: "anna" };
      return (await ask("POST", "/api/lock/request", { ...wanted, ...asked })).body;
    },
    release(device_name, lock_key, user_id) {
      const query = new URLSearchParams({ device_name, lock_key, user_id });
      return ask("POST", `/api/lock/release?${query}`);
    },
    async [Symbol.asyncDispose]() {
      feeds.close();
      coordination.close();
      locks.close();
      await kv.close();
    },
  };
  return rig;
}
