import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { Alarm } from "../alarms/mod.ts";
import { maskConfig } from "../config.ts";
import { createApi, type HoldfastEnv, jsonReply, problems } from "../http.ts";
import type { Instrument } from "./instrument.ts";
import { INSTRUMENT_STATES } from "./model.ts";

const Holder = z.object({
  actor: z.string(),
  label: z.string(),
  sinceMs: z.number().int(),
  expiresAtMs: z.number().int().nullable(),
});

const Status = z.object({
  name: z.string(),
  stripe: z.string(),
  simulated: z.boolean(),
  /** The instrument's one state. */
  state: z.enum(INSTRUMENT_STATES),
  holder: Holder.nullable(),
  alarms: z.array(Alarm),
  stopped: z.object({ sinceMs: z.number().int(), actor: z.string(), reason: z.string() })
    .nullable(),
  version: z.string(),
  startedAtMs: z.number().int(),
  nowMs: z.number().int(),
}).openapi("InstrumentStatus");

const statusRoute = createRoute({
  method: "get",
  path: "/status",
  tags: ["instrument"],
  summary: "Read the instrument's state",
  description: "Its one state, who holds it, which alarms stand, and whether it is stopped.",
  responses: { 200: jsonReply("The state now", Status) },
});

const configRoute = createRoute({
  method: "get",
  path: "/config",
  tags: ["instrument"],
  summary: "Read the effective configuration",
  description:
    "What holdfast.toml, the environment and the defaults come to; every secret reads `********`.",
  responses: {
    200: jsonReply("The configuration", z.record(z.string(), z.unknown())),
    ...problems("forbidden"),
  },
});

/** What belongs to no single domain. */
export function instrumentApi(
  instrument: Pick<Instrument, "status" | "config">,
): OpenAPIHono<HoldfastEnv> {
  return createApi()
    .openapi(statusRoute, (c) => c.json(instrument.status(), 200))
    .openapi(configRoute, (c) => c.json({ ...maskConfig(instrument.config) }, 200));
}
