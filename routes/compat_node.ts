import { type Context, Hono } from "hono";
import { actorOf } from "../lib/auth/model.ts";
import type { Clock } from "../lib/clock.ts";
import {
  ACTUATORS,
  BodyFaults,
  capabilitiesReply,
  COMPONENTS,
  type Control,
  control,
  healthReply,
  LEGACY_ROUTES,
  legacyControl,
  legacySensors,
  type NodeDevices,
  NodeRefusal,
  noRoute,
  notJson,
  routesReply,
  SENSOR_ROUTES,
  stateReply,
  statusReply,
  unavailable,
  wholeState,
} from "../lib/compat/mod.ts";
import type { HoldfastEnv } from "../lib/http.ts";

type Reply = Record<string, unknown>;

/**
 * The originals' node on this instrument's devices, simulated or real: API v3, the rewrite's shorter paths,
 * and the older bodies in both spellings. Errors have their shape: `{ detail: text, code }`, and for a body
 * that does not fit `{ detail: [{ type, loc, msg, input }] }`.
 */
export function nodeCompat(
  { devices, clock, config }: {
    devices: NodeDevices;
    clock: Pick<Clock, "nowMs">;
    config: { readonly compat: { readonly pumpNames: readonly string[] } };
  },
): Hono<HoldfastEnv> {
  const api = new Hono<HoldfastEnv>();
  const pumpNames = new Map(
    config.compat.pumpNames.map((pair) => pair.split("=") as [string, string]),
  );
  const get = (path: string, reply: () => Reply) => api.get(path, (c) => answer(c, reply));
  const post = (path: string, reply: (it: Control, body: unknown) => Promise<Reply>) =>
    api.post(path, (c) => answer(c, async () => reply(controlOf(c), await bodyOf(c))));

  get("/health", () => healthReply(devices));
  get("/api/status", () => statusReply(devices));
  get("/api/state", () => wholeState(devices, clock.nowMs()));
  get("/api/capabilities", () => routesReply(devices));
  get("/api/v3/capabilities", () => capabilitiesReply(devices));

  // The original has no route for a component it lacks, its rewrite says "not available".
  for (const [base, missing] of [["/api/v3", noRoute], ["/api", unavailable]] as const) {
    for (const component of COMPONENTS) {
      get(`${base}/${component}/state`, () => {
        const reply = stateReply(devices, component, clock.nowMs());
        if (reply === null) throw missing(component);
        return reply;
      });
    }
    for (const component of ACTUATORS) {
      post(`${base}/${component}/control`, (it, body) => {
        if (stateReply(devices, component, it.nowMs) === null) throw missing(component);
        return control(it, component, body);
      });
    }
  }
  for (const route of LEGACY_ROUTES) {
    post(`/api/${route}`, (it, body) => legacyControl(it, route, body));
  }
  for (const route of SENSOR_ROUTES) {
    get(`/api/sensors/${route}`, () => legacySensors(devices, route, clock.nowMs()));
  }
  return api;

  function controlOf(c: Context<HoldfastEnv>): Control {
    const idempotencyKey = c.req.header("idempotency-key");
    const caller = {
      actor: actorOf(c.get("principal")),
      signal: c.req.raw.signal,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    };
    return { devices, nowMs: clock.nowMs(), caller, pumpNames };
  }
}

/** The body as JSON whatever its content type says, as curl sends it without a header; `undefined` when empty. */
async function bodyOf(c: Context<HoldfastEnv>): Promise<unknown> {
  const given = await c.req.text();
  if (given.trim() === "") return undefined;
  try {
    return JSON.parse(given);
  } catch (error) {
    const [, at] = /position (\d+)/.exec(String(error)) ?? [];
    throw notJson(at === undefined ? given.length : Number(at), "The body is not valid JSON");
  }
}

async function answer(
  c: Context<HoldfastEnv>,
  act: () => Reply | Promise<Reply>,
): Promise<Response> {
  c.header("cache-control", "no-store");
  try {
    return c.json(await act());
  } catch (error) {
    if (error instanceof BodyFaults) return c.json({ detail: error.detail }, 422);
    if (error instanceof NodeRefusal) {
      return c.json({ detail: error.message, code: error.code, ...error.members }, error.status);
    }
    throw error;
  }
}
