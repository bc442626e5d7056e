import { type Context, Hono } from "hono";
import { actorOf } from "../lib/auth/model.ts";
import {
  type Actuator,
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
import type { Clock } from "../lib/clock.ts";
import type { HoldfastEnv } from "../lib/http.ts";

type Reply = Record<string, unknown>;

/**
 * The originals' node on this instrument's devices, simulated or real: API v3, the rewrite's shorter paths,
 * and the older bodies in both spellings. Errors have their shape: `{ detail: text, code }`, and for a body
 * that does not fit `{ detail: [{ type, loc, msg, input }] }`.
 */
export function nodeCompat(
  { devices, clock }: { devices: NodeDevices; clock: Pick<Clock, "nowMs"> },
): Hono<HoldfastEnv> {
  const api = new Hono<HoldfastEnv>();
  const state = (component: typeof COMPONENTS[number]) =>
    stateReply(devices, component, clock.nowMs());

  api.get("/health", (c) => c.json(healthReply(devices)));
  api.get("/api/status", (c) => c.json(statusReply(devices)));
  api.get("/api/state", (c) => c.json(wholeState(devices, clock.nowMs())));
  api.get("/api/capabilities", (c) => c.json(routesReply(devices)));
  api.get("/api/v3/capabilities", (c) => c.json(capabilitiesReply(devices)));

  for (const component of COMPONENTS) {
    api.get(
      `/api/v3/${component}/state`,
      (c) => answer(c, () => found(state(component), noRoute(component))),
    );
    api.get(
      `/api/${component}/state`,
      (c) => answer(c, () => found(state(component), unavailable(component))),
    );
  }
  for (const component of ACTUATORS) {
    for (const path of [`/api/v3/${component}/control`, `/api/${component}/control`]) {
      api.post(
        path,
        (c) => answer(c, async () => await control(of(c), component as Actuator, await bodyOf(c))),
      );
    }
  }
  for (const route of LEGACY_ROUTES) {
    api.post(
      `/api/${route}`,
      (c) => answer(c, async () => await legacyControl(of(c), route, await bodyOf(c))),
    );
  }
  for (const route of SENSOR_ROUTES) {
    api.get(
      `/api/sensors/${route}`,
      (c) => answer(c, () => legacySensors(devices, route, clock.nowMs())),
    );
  }
  return api;

  function of(c: Context<HoldfastEnv>): Control {
    const idempotencyKey = c.req.header("idempotency-key");
    return {
      devices,
      nowMs: clock.nowMs(),
      caller: {
        actor: actorOf(c.get("principal")),
        signal: c.req.raw.signal,
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      },
    };
  }
}

function found(reply: Reply | null, otherwise: NodeRefusal): Reply {
  if (reply === null) throw otherwise;
  return reply;
}

/** The body as JSON whatever its content type says, as curl without a header sends it; `undefined` when empty. */
async function bodyOf(c: Context<HoldfastEnv>): Promise<unknown> {
  const given = await c.req.text();
  if (given.trim() === "") return undefined;
  try {
    return JSON.parse(given);
  } catch (error) {
    const at = /position (\d+)/.exec(String(error))?.[1];
    throw notJson(at === undefined ? 0 : Number(at), "The body is not valid JSON");
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
