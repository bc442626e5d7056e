import { z } from "@hono/zod-openapi";
import { Instant } from "../instant.ts";
import { BUCKETS_MAX, Level, Topic } from "./model.ts";

/** Channels in one query. */
const CHANNELS_MAX = 32;
/** Buckets of all series of one query together. */
const CELLS_MAX = 50_000;

const CHANNEL = /^([a-z][a-z0-9_-]*)\.([a-z][a-z0-9_]*)$/;

const Channels = z.string().transform((text, context) => {
  const refuse = (message: string) => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  const names = [...new Set(text.split(",").map((name) => name.trim()).filter((n) => n !== ""))];
  if (names.length === 0) return refuse("Name at least one channel, as device.channel");
  if (names.length > CHANNELS_MAX) return refuse(`At most ${CHANNELS_MAX} channels at once`);
  const found = names.map((name) => CHANNEL.exec(name));
  const wrong = names.find((_, i) => found[i] === null);
  if (wrong !== undefined) return refuse(`"${wrong}" is not a channel, as device.channel`);
  return found.map((match) => ({ deviceId: match![1]!, channel: match![2]! }));
});

/** A list in one query parameter: `a,b`; empty when absent. */
function listOf<T>(item: z.ZodType<T, string>, most: number) {
  return z.string().optional().transform((text, context) => {
    const parts = (text ?? "").split(",").map((part) => part.trim()).filter((p) => p !== "");
    const list: T[] = [];
    if (parts.length > most) {
      context.addIssue({ code: "custom", message: `At most ${most}, not ${parts.length}` });
    }
    for (const part of parts) {
      const parsed = item.safeParse(part);
      if (parsed.success) list.push(parsed.data);
      else {
        context.addIssue({
          code: "custom",
          message: `"${part}": ${parsed.error.issues[0]!.message}`,
        });
      }
    }
    return list;
  });
}

const CHANNELS_DOC = {
  description: `Channels as \`device.channel\`, separated by commas; at most ${CHANNELS_MAX}.`,
  example: "ambient-temp.temperature,stirrer.duty",
};
const FROM_DOC = {
  description: "Start, inclusive: epoch milliseconds or RFC 3339. Default: an hour before `to`.",
  example: "2026-01-25T20:00:00Z",
};
const TO_DOC = {
  description: "End, exclusive: epoch milliseconds or RFC 3339. Default: now.",
  example: "2026-01-25T21:00:00Z",
};

export const SeriesQuery = z.strictObject({
  channels: Channels.openapi({ type: "string", ...CHANNELS_DOC }),
  from: Instant.optional().openapi({ type: "string", ...FROM_DOC }),
  to: Instant.optional().openapi({ type: "string", ...TO_DOC }),
  buckets: z.coerce.number().int().min(1).max(BUCKETS_MAX).default(500).openapi({
    description:
      `Most buckets a series may have. All series together have at most ${CELLS_MAX} of them.`,
    example: 500,
  }),
}).refine(({ channels, buckets }) => channels.length * buckets <= CELLS_MAX, {
  path: ["buckets"],
  message: `Channels times buckets may be at most ${CELLS_MAX}`,
});

export const ExportQuery = z.strictObject({
  channels: Channels.openapi({ type: "string", ...CHANNELS_DOC }),
  from: Instant.optional().openapi({ type: "string", ...FROM_DOC }),
  to: Instant.optional().openapi({ type: "string", ...TO_DOC }),
  format: z.enum(["csv", "json"]).default("csv"),
  level: z.enum(["auto", ...Level.options]).default("auto").openapi({
    description:
      "`raw`: every sample that is still kept; `minute` and `hour`: mean, min, max and count. " +
      "`auto`: the finest that is complete over the range.",
  }),
  every: z.coerce.number().int().min(100).max(86_400_000).optional().openapi({
    description:
      "Puts raw samples on a grid of so many milliseconds: a row a step, in each cell the step's newest " +
      "number. Without it each sample stands in a row with its own time, and devices seldom share one.",
    example: 1000,
  }),
  quality: z.enum(["true", "false"]).default("false").transform((word) => word === "true").openapi({
    type: "string",
    enum: ["true", "false"],
    description: "Adds a column with the quality of each raw sample.",
  }),
}).refine(({ every, level }) => every === undefined || level === "auto" || level === "raw", {
  path: ["every"],
  message: "A grid is for raw samples; minutes and hours are one already",
});

export const StreamQuery = z.strictObject({
  topics: listOf(Topic, 16).openapi({
    type: "string",
    description: `Any of ${Topic.options.join(", ")}, separated by commas; all when absent.`,
    example: "readings,devices",
  }),
  devices: listOf(z.string().regex(/^[a-z][a-z0-9_-]*$/, "not a device id"), 100).openapi({
    type: "string",
    description: "Only readings and states of these devices, separated by commas.",
    example: "stirrer,ambient-temp",
  }),
  lastEventId: z.coerce.number().int().nonnegative().optional().openapi({
    description:
      "As the header `Last-Event-ID`, for clients that cannot set it; the header wins. Events after it are replayed.",
    example: 4711,
  }),
});

/** Fills in the defaults of a range and checks its order; `null` when it is empty. */
export function rangeOf(
  { from, to }: { from?: number; to?: number },
  nowMs: number,
): { fromMs: number; toMs: number } | null {
  const toMs = to ?? nowMs;
  const fromMs = from ?? Math.max(0, toMs - 3_600_000);
  return fromMs < toMs ? { fromMs, toMs } : null;
}
