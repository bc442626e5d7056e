import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { actorOf } from "../auth/mod.ts";
import { createApi, type HoldfastEnv, jsonReply, problems } from "../http.ts";
import { Problem } from "../problem.ts";
import { Alarm } from "./model.ts";
import type { Alarms } from "./store.ts";

const example: Alarm = {
  v: 1,
  id: "stale:ambient-temp",
  severity: "warning",
  subject: "ambient-temp",
  title: "Ambient temperature is stale",
  text: "No reading for 12 s. The sensor or its bus does not answer; check the cable.",
  raisedAtMs: 1769371200000,
  clearedAtMs: null,
  acknowledgedBy: null,
  acknowledgedAtMs: null,
};
const past: Alarm = {
  ...example,
  clearedAtMs: 1769371260000,
  acknowledgedBy: "user:anna",
  acknowledgedAtMs: 1769371230000,
};

const listRoute = createRoute({
  method: "get",
  path: "/alarms",
  tags: ["alarms"],
  summary: "List what stands, and what is over",
  description:
    "`active`: alarms that stand, and those that are over and nobody has acknowledged; unacknowledged, " +
    "critical and newest first. `history`: those that are over, latest first.",
  request: {
    query: z.object({
      limit: z.coerce.number().int().min(1).max(1000).default(100)
        .openapi({ description: "Most alarms in `history`", example: 100 }),
    }),
  },
  responses: {
    200: jsonReply(
      "The alarms",
      z.object({ active: z.array(Alarm), history: z.array(Alarm) }).openapi({
        example: { active: [example], history: [past] },
      }),
    ),
    ...problems("invalid-request", "store-unavailable"),
  },
});

const acknowledgeRoute = createRoute({
  method: "post",
  path: "/alarms/{id}/acknowledge",
  tags: ["alarms"],
  summary: "Say that somebody has seen an alarm",
  description:
    "Twice is harmless: who was first stays named. Changes nothing of the condition itself.",
  request: {
    params: z.object({
      id: z.string().min(1).max(200).openapi({ example: "stale:ambient-temp" }),
    }),
  },
  responses: {
    200: jsonReply("The alarm's new state", Alarm.openapi({ example: past })),
    ...problems("invalid-request", "not-found", "store-unavailable"),
  },
});

/** `/alarms…`. */
export function alarmsApi(alarms: Alarms): OpenAPIHono<HoldfastEnv> {
  return createApi()
    .openapi(listRoute, async (c) => {
      const { limit } = c.req.valid("query");
      return c.json({ active: alarms.active(), history: await alarms.history(limit) }, 200);
    })
    .openapi(acknowledgeRoute, async (c) => {
      const { id } = c.req.valid("param");
      const done = await alarms.acknowledge(id, actorOf(c.get("principal")));
      if (!done.ok) {
        throw new Problem("not-found", `Cannot acknowledge "${id}": no such alarm stands`);
      }
      return c.json(done.value, 200);
    });
}
