import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { type EventLog, HoldfastEvent } from "./events.ts";
import { createApi, type HoldfastEnv, jsonReply, problems } from "./http.ts";

const Seq = z.coerce.number().int().nonnegative();

/** `device.,experiment.state` as prefixes. */
const Types = z.string().transform((text, context) => {
  const types = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
  const wrong = types.find((type) => !/^[a-z][a-z0-9_.-]*$/.test(type));
  if (types.length > 0 && types.length <= 32 && wrong === undefined) return types;
  context.addIssue({
    code: "custom",
    message: wrong === undefined
      ? "Name 1 to 32 types or beginnings of types, separated by commas"
      : `"${wrong}" is not the beginning of an event type such as "device.setpoint"`,
  });
  return z.NEVER;
});

const EventsQuery = z.strictObject({
  after: Seq.optional().openapi({ description: "Only events after this number.", example: 4711 }),
  before: Seq.optional().openapi({ description: "Only events before this number." }),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  type: Types.optional().openapi({
    type: "string",
    description: "Types or beginnings of types, separated by commas.",
    example: "device.,experiment.state",
  }),
  subject: z.string().min(1).max(200).optional().openapi({
    description: "What it is about: a device id, an experiment id, `instrument`.",
    example: "stirrer",
  }),
  order: z.enum(["asc", "desc"]).optional().openapi({
    description: "`asc`: oldest first, the default with `after`; `desc`: newest first.",
  }),
});

const eventsRoute = createRoute({
  method: "get",
  path: "/events",
  tags: ["events"],
  summary: "Read the event log",
  description:
    "One page of the log, filtered. `next` is the number to go on from: as `after` when the order is `asc`, " +
    "as `before` when it is `desc`; `null` after the last page.",
  request: { query: EventsQuery },
  responses: {
    200: jsonReply(
      "Events in the order asked",
      z.object({
        events: z.array(HoldfastEvent),
        /** Oldest event that is still kept. */
        firstSeq: z.number().int(),
        /** Newest event there is. */
        lastSeq: z.number().int(),
        next: z.number().int().nullable(),
      }).openapi({
        example: {
          events: [{
            v: 1,
            seq: 4712,
            atMs: 1769371200000,
            type: "device.setpoint",
            subject: "stirrer",
            actor: "user:anna",
            text: "duty 30 %",
            data: { duty: 30 },
          }],
          firstSeq: 1,
          lastSeq: 4712,
          next: 4712,
        },
      }),
    ),
    ...problems("invalid-request", "store-unavailable"),
  },
});

/** `/events`: the event log, page by page. */
export function eventsApi(events: Pick<EventLog, "read" | "firstSeq">): OpenAPIHono<HoldfastEnv> {
  return createApi().openapi(eventsRoute, async (c) => {
    const { after, before, limit, type, subject, order } = c.req.valid("query");
    const ascending = (order ?? (after === undefined ? "desc" : "asc")) === "asc";
    // Read one more than asked, to know whether there is another page.
    const most = limit + 1;
    const filter = { limit: most, types: type, subject };
    const [newest] = await events.read({ limit: 1 });
    const found = ascending
      ? await events.read({ ...filter, afterSeq: after ?? 0, beforeSeq: before })
      : (await events.read({ ...filter, beforeSeq: before }))
        .filter((event) => event.seq > (after ?? 0));
    const page = found.slice(0, limit);
    return c.json({
      events: page,
      firstSeq: await events.firstSeq(),
      lastSeq: newest?.seq ?? 0,
      next: found.length > limit ? page.at(-1)!.seq : null,
    }, 200);
  });
}
