import { createRoute, z } from "@hono/zod-openapi";
import { jsonReply, problems } from "../http.ts";
import { Instant } from "../instant.ts";
import { NUMBERS_MAX, params, tags, whole } from "./routes.ts";

/** Streamed, so its type is described to readers and not to the compiler. */
const text = (description: string): { description: string } => {
  const content = { "text/plain": { schema: z.string() } };
  return { description, content } as { description: string };
};

/** Most lines of a tail. */
const TAIL_MAX = 100_000;

export const logRoute = createRoute({
  method: "get",
  path: "/experiments/{id}/log",
  tags,
  summary: "Read a run's log",
  description:
    "What the script wrote to its outputs, as it wrote it. Whole; or the last `tail` lines; or " +
    "from byte `from` on. With `follow` the reply goes on until the run's end, as plain text or, asked " +
    "for with `Accept: text/event-stream`, as events `log` whose id is where the next piece begins.",
  request: {
    params,
    query: z.object({
      tail: z.coerce.number().int().min(1).max(TAIL_MAX).optional(),
      from: whole(NUMBERS_MAX).optional(),
      follow: z.enum(["true", "false", "1", "0"]).optional(),
      stamps: z.enum(["true", "false", "1", "0"]).optional().openapi({
        description:
          "With `tail`: the time each line arrived before it, exact to a quarter of a second",
      }),
    }),
  },
  responses: {
    200: text("The log"),
    ...problems("experiment-unknown", "invalid-request", "too-many-attempts"),
  },
});

export const filesRoute = createRoute({
  method: "get",
  path: "/experiments/{id}/files",
  tags,
  summary: "List the files of a run",
  request: { params },
  responses: {
    200: jsonReply(
      "What the script wrote to its output folder",
      z.object({
        files: z.array(z.object({
          path: z.string(),
          bytes: z.number().int(),
          modifiedAtMs: z.number(),
        })),
      }).openapi({
        example: {
          files: [{ path: "experiment_data.csv", bytes: 48_211, modifiedAtMs: 1769373310000 }],
        },
      }),
    ),
    ...problems("experiment-unknown"),
  },
});

export const fileRoute = createRoute({
  method: "get",
  path: "/experiments/{id}/files/{path}",
  tags,
  summary: "Download one file of a run",
  description: "One `Range` of bytes can be asked for.",
  request: {
    params: params.extend({
      path: z.string().min(1).max(4096).openapi({
        param: { name: "path", in: "path" },
        description: "As `/files` lists it, slashes included",
        example: "experiment_data.csv",
      }),
    }),
  },
  responses: {
    200: {
      description: "The file",
      content: { "application/octet-stream": { schema: z.string() } },
    },
    206: { description: "The part asked for" },
    416: { description: "There is no such part" },
    ...problems("experiment-unknown", "not-found"),
  },
});

export const archiveRoute = createRoute({
  method: "get",
  path: "/experiments/{id}/archive.zip",
  tags,
  summary: "Download a run as a ZIP",
  description:
    "Its files at the root, the script, the log and a manifest with the SHA-256 of each. While it " +
    "runs too.",
  request: { params },
  responses: {
    200: { description: "The archive", content: { "application/zip": { schema: z.string() } } },
    ...problems("experiment-unknown"),
  },
});

export const dataRoute = createRoute({
  method: "get",
  path: "/experiments/{id}/data",
  tags,
  summary: "Read the numbers of a run",
  description:
    "The columns of numbers of its `experiment_data.csv`, or of the library's `bioreactor_data.csv`, lists " +
    "taken apart, over the time since its first " +
    "row. As JSON, thinned to `rows`, a missing value null. As CSV or Parquet every row, or one in `every`, " +
    "with `timestamp` in UTC where the file knows its zone and `elapsed_s`; units stand in the Parquet " +
    "file's metadata under `units`.",
  request: {
    params,
    query: z.object({
      columns: z.string().max(4000).optional().openapi({
        description: "Names, separated by commas; a list's name stands for all its items",
        example: "temperature,od_voltages",
      }),
      format: z.enum(["json", "csv", "parquet"]).default("json"),
      from: Instant.optional().openapi({
        description: "Only rows from this time: epoch milliseconds or RFC 3339",
        example: "2026-01-25T20:35:11Z",
      }),
      to: Instant.optional().openapi({
        description: "Only rows before this time: epoch milliseconds or RFC 3339",
      }),
      fromElapsedMs: whole(NUMBERS_MAX).optional().openapi({
        description:
          "Only rows from so long after the first; for files that do not know their zone too",
      }),
      toElapsedMs: whole(NUMBERS_MAX).optional().openapi({
        description: "Only rows before so long after the first",
      }),
      every: z.coerce.number().int().min(1).max(1_000_000).optional().openapi({
        description: "One row in so many",
      }),
      rows: z.coerce.number().int().min(1).max(50_000).default(5000).openapi({
        description: "At most so many rows, evenly taken; of JSON alone",
      }),
    }),
  },
  responses: {
    200: jsonReply(
      "Columns",
      z.object({
        columns: z.array(z.object({
          name: z.string(),
          unit: z.string(),
          values: z.array(z.number().nullable()),
        })),
        elapsedMs: z.array(z.number()),
        startedAtMs: z.number().nullable(),
        rows: z.number().int(),
        every: z.number().int(),
        skipped: z.number().int(),
      }).openapi({
        example: {
          columns: [{ name: "temperature", unit: "°C", values: [25.4, null, 25.6] }],
          elapsedMs: [0, 10_000, 20_000],
          startedAtMs: 1769373311103,
          rows: 3,
          every: 1,
          skipped: 0,
        },
      }),
    ),
    ...problems("experiment-unknown", "not-found", "invalid-request"),
  },
});

export const scriptRoute = createRoute({
  method: "get",
  path: "/experiments/{id}/script",
  tags,
  summary: "Download the script",
  request: { params },
  responses: { 200: text("The script"), ...problems("experiment-unknown", "not-found") },
});
