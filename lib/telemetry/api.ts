import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { actorOf } from "../auth/model.ts";
import type { Clock } from "../clock.ts";
import { createApi, type HoldfastEnv, invalidRequest, jsonReply, problems } from "../http.ts";
import { Problem } from "../problem.ts";
import { Turns } from "../turns.ts";
import { ExportQuery, rangeOf, SeriesQuery, StreamQuery } from "./ask.ts";
import { csvLines, jsonLines, textStream } from "./export.ts";
import { TelemetryUnavailable } from "./file_errors.ts";
import { Series, StoredChannel } from "./model.ts";
import type { Telemetry } from "./store.ts";
import type { LiveStream } from "./stream.ts";

/** The unit of a channel that some device has, or `null`: it may be asked for before its first sample. */
export type ChannelUnit = (deviceId: string, channel: string) => string | null;

const channelsRoute = createRoute({
  method: "get",
  path: "/telemetry/channels",
  tags: ["telemetry"],
  summary: "List the recorded channels",
  responses: {
    200: jsonReply(
      "Every channel with samples, by device and channel",
      z.object({ channels: z.array(StoredChannel) }).openapi({
        example: {
          channels: [{
            deviceId: "ambient-temp",
            channel: "temperature",
            unit: "°C",
            type: "number",
            lastAtMs: 1769374800000,
          }],
        },
      }),
    ),
  },
});

const seriesRoute = createRoute({
  method: "get",
  path: "/telemetry/series",
  tags: ["telemetry"],
  summary: "Read a range of channels in at most so many buckets",
  description:
    "Each bucket keeps its minimum and maximum, so that no peak is lost; one without a sample holds " +
    "nulls. Buckets are whole and start at multiples of `bucketMs`, so the outer two may reach beyond the range.",
  request: { query: SeriesQuery },
  responses: {
    200: jsonReply(
      "One series a channel, in the order asked, all with the same buckets",
      z.object({ series: z.array(Series) }).openapi({
        example: {
          series: [{
            deviceId: "ambient-temp",
            channel: "temperature",
            unit: "°C",
            fromMs: 1769371200000,
            toMs: 1769374800000,
            bucketMs: 1800000,
            level: "raw",
            periodMs: 1000,
            buckets: [
              { atMs: 1769371200000, min: 21.4, max: 22.1, mean: 21.8, last: 22, count: 1800 },
              { atMs: 1769373000000, min: null, max: null, mean: null, last: null, count: 0 },
            ],
          }],
        },
      }),
    ),
    ...problems("invalid-request", "store-unavailable"),
  },
});

const exportRoute = createRoute({
  method: "get",
  path: "/telemetry/export",
  tags: ["telemetry"],
  summary: "Download a range as one wide table",
  description:
    "A row for every stamp at which any of the channels has a sample, a column a channel with its unit in " +
    "the head, times in UTC. The reply is made while it is read; one cut short ends in a broken connection.",
  request: { query: ExportQuery },
  responses: {
    200: {
      description: "The table; `holdfast-level` says what its rows are",
      headers: z.object({
        "content-disposition": z.string(),
        "holdfast-level": z.enum(["raw", "minute", "hour"]),
      }),
      content: {
        "text/csv": {
          schema: z.string(),
          example: "time,ambient-temp.temperature [°C]\n2026-01-25T20:00:00.000Z,21.4\n",
        },
        "application/json": {
          schema: z.object({
            level: z.enum(["raw", "minute", "hour"]),
            columns: z.array(z.looseObject({ title: z.string() })),
            rows: z.array(z.array(z.union([z.string(), z.number(), z.null()]))),
          }),
        },
      },
    },
    ...problems("invalid-request", "store-unavailable"),
  },
});

const streamRoute = createRoute({
  method: "get",
  path: "/stream",
  tags: ["live"],
  summary: "Follow everything that moves, as server-sent events",
  description: [
    "First `hello`: `{nowMs, seq, readings, devices, alarms}`, everything as it stands. Then `readings`",
    "(`{readings}`, at most ten times a second, the newest of each channel), `device` (`{deviceId, state,",
    "holder}`), `experiment`, `alarm` and `event` (one entry of the event log), each with the whole new",
    "state. Only `event` has an `id`, its `seq`: a viewer that comes back with `Last-Event-ID` gets the",
    "entries it missed, or `reset` when they are gone. Every 15 s `: ping` and `ping` (`{nowMs}`). A viewer",
    "that reads too slowly gets `dropped` and is disconnected; `bye` says that the instrument closes.",
  ].join(" "),
  request: {
    query: StreamQuery,
    headers: z.object({ "last-event-id": z.string().optional() }),
  },
  responses: {
    200: {
      description: "An event stream without end",
      content: {
        "text/event-stream": {
          schema: z.string(),
          example: 'event: readings\ndata: {"readings":[]}\n\n',
        },
      },
    },
    ...problems("invalid-request", "too-many-viewers"),
  },
});

/** `/telemetry/…`: stored channels, series and exports. */
export function telemetryApi(
  telemetry: Telemetry,
  clock: Clock,
  unitOf: ChannelUnit = () => null,
): OpenAPIHono<HoldfastEnv> {
  const known = (deviceId: string, channel: string) =>
    telemetry.channels().some((c) => c.deviceId === deviceId && c.channel === channel);
  const check = (
    query: {
      channels: readonly { deviceId: string; channel: string }[];
      from?: number;
      to?: number;
    },
  ) => {
    const range = rangeOf(query, clock.nowMs());
    const unknown = query.channels.filter(({ deviceId, channel }) =>
      !known(deviceId, channel) && unitOf(deviceId, channel) === null
    );
    const errors = unknown.map(({ deviceId, channel }) => ({
      path: "channels",
      message: `No channel "${deviceId}.${channel}"`,
      in: "query",
    }));
    if (range === null) {
      errors.push({ path: "from", message: "The range ends before it begins", in: "query" });
    }
    if (range === null || errors.length > 0) throw invalidRequest(errors);
    return range;
  };

  const turns = new Turns();
  return createApi()
    .openapi(channelsRoute, (c) => c.json({ channels: telemetry.channels() }, 200))
    .openapi(seriesRoute, async (c) => {
      const query = c.req.valid("query");
      const range = check(query);
      const series: Series[] = [];
      try {
        await turns.take(async () => {
          // Channel by channel, so that others get their turn in between.
          for (const one of telemetry.seriesOneByOne({ ...query, ...range })) {
            series.push({ ...one, unit: one.unit || (unitOf(one.deviceId, one.channel) ?? "") });
            await new Promise((resolve) => setTimeout(resolve, 0));
          }
        });
      } catch (cause) {
        if (!(cause instanceof TelemetryUnavailable)) throw cause;
        const detail = "The stored telemetry cannot be read now; the log says why";
        throw new Problem("store-unavailable", detail, {}, { cause });
      }
      return c.json({ series }, 200);
    })
    .openapi(exportRoute, (c) => {
      const query = c.req.valid("query");
      const range = check(query);
      const table = telemetry.exportTable({ ...query, ...range, everyMs: query.every });
      const lines = query.format === "csv" ? csvLines(table) : jsonLines(table);
      const stamp = (ms: number) => new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, "");
      const name = `telemetry-${stamp(range.fromMs)}-${stamp(range.toMs)}.${query.format}`;
      return c.body(textStream(lines), 200, {
        "content-type": query.format === "csv" ? "text/csv; charset=utf-8" : "application/json",
        "content-disposition": `attachment; filename="${name}"`,
        "cache-control": "no-store",
        "holdfast-level": table.level,
      });
    });
}

/** `/stream`: the live stream. */
export function streamApi(stream: LiveStream): OpenAPIHono<HoldfastEnv> {
  return createApi().openapi(streamRoute, (c) => {
    const { topics, devices, lastEventId } = c.req.valid("query");
    const header = c.req.valid("header")["last-event-id"];
    // Ours are numbers; a browser may bring another server's id along, which tells us nothing.
    const seen = header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : null;
    return stream.open({
      topics,
      devices,
      lastEventId: seen ?? lastEventId ?? null,
      actor: actorOf(c.get("principal")),
    });
  });
}
