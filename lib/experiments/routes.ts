import { createRoute, z } from "@hono/zod-openapi";
import { jsonBody, jsonReply, problems } from "../http.ts";
import { Experiment, ExperimentAsk, ExperimentState } from "./model.ts";

const tags = ["Experiments"];

const EXAMPLE: z.input<typeof Experiment> = {
  v: 1,
  id: "01JQZ3T5V8Y2K4M6N8P0R2S4T6",
  number: 42,
  title: "Growth at 30 °C",
  owner: "user:anna",
  kind: "python",
  scriptSha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  devices: [],
  limits: { wallMs: null, memoryMb: 512, outputMb: 2048, logMb: 50, processes: 64 },
  endState: { stirrer: { duty: 20 } },
  onInterrupt: "resume",
  state: "running",
  attempt: 1,
  createdAtMs: 1769373298120,
  startedAtMs: 1769373300004,
  endedAtMs: null,
  exitCode: null,
  error: null,
  process: { pid: 4711, startTicks: 189_234 },
  phase: "lag phase",
  rank: null,
  ending: null,
  idempotencyKey: null,
};

/** An experiment as it leaves the process. */
export const ExperimentReply = Experiment.omit({ idempotencyKey: true, rank: true, process: true })
  .extend({
    /** What others may read of its owner. */
    ownerLabel: z.string(),
    /** From 1 over waiting experiments; null: it does not wait. */
    position: z.number().int().positive().nullable(),
  }).openapi("Experiment", {
    example: { ...EXAMPLE, ownerLabel: "anna", position: null },
  });

/** A ULID, or the number people say. */
const Id = z.string().min(1).max(40).openapi({
  param: { name: "id", in: "path" },
  description: "The experiment's id, or its number",
  example: "01JQZ3T5V8Y2K4M6N8P0R2S4T6",
});
const params = z.object({ id: Id });

const whole = (most: number) => z.coerce.number().int().min(0).max(most);
const NUMBERS_MAX = Number.MAX_SAFE_INTEGER;

export const submitRoute = createRoute({
  method: "post",
  path: "/experiments",
  tags,
  summary: "Submit an experiment",
  description:
    "Checks the script, stores it and puts the experiment at the end of the queue. With an " +
    "`Idempotency-Key` a repeated submission gives the first one's experiment.",
  request: {
    headers: z.object({
      "idempotency-key": z.string().regex(
        /^[\x21-\x7e]{1,255}$/,
        "1 to 255 visible ASCII characters",
      ).optional(),
    }),
    body: jsonBody(ExperimentAsk, {
      script: "from bioreactor_client import Bioreactor\n\nwith Bioreactor() as reactor:\n" +
        "    print(reactor.get_temperature())\n",
      kind: "python",
      title: "One temperature",
      limits: { wallMs: 60_000 },
      endState: {},
      onInterrupt: "fail",
    }),
  },
  responses: {
    201: jsonReply("Queued", ExperimentReply),
    200: jsonReply("Submitted before under this `Idempotency-Key`", ExperimentReply),
    ...problems(
      "invalid-request",
      "malformed-body",
      "too-large",
      "script-rejected",
      "active-limit",
      "device-unknown",
      "runner-unavailable",
      "disk-full",
      "store-unavailable",
      "forbidden",
    ),
  },
});

const Page = z.object({
  experiments: z.array(ExperimentReply),
  /** Cursor of the next page, or null at the end. */
  next: z.number().int().nullable(),
});

export const listRoute = createRoute({
  method: "get",
  path: "/experiments",
  tags,
  summary: "List experiments",
  description: "Newest first.",
  request: {
    query: z.object({
      owner: z.string().max(200).optional().openapi({
        description: "`me`, or an owner as replies name it",
        example: "me",
      }),
      state: z.string().max(200).optional().openapi({
        description: `States, separated by commas: ${ExperimentState.options.join(", ")}`,
        example: "queued,running",
      }),
      limit: z.coerce.number().int().min(1).max(200).default(50),
      cursor: whole(NUMBERS_MAX).optional().openapi({ description: "`next` of the page before" }),
    }),
  },
  responses: { 200: jsonReply("One page", Page), ...problems("invalid-request") },
});

export const queueRoute = createRoute({
  method: "get",
  path: "/queue",
  tags,
  summary: "Read the queue",
  description: "The header `etag` carries the queue's version, for `If-Match` of a move.",
  responses: {
    200: jsonReply(
      "What runs and what waits, foremost first",
      z.object({
        version: z.number().int(),
        running: ExperimentReply.nullable(),
        waiting: z.array(ExperimentReply),
        obstacle: z.string().nullable().openapi({
          description: "Why the first is not started",
          example: "the instrument is stopped: smoke",
        }),
      }),
    ),
  },
});

export const oneRoute = createRoute({
  method: "get",
  path: "/experiments/{id}",
  tags,
  summary: "Read one experiment",
  request: { params },
  responses: {
    200: jsonReply("The experiment", ExperimentReply),
    ...problems("experiment-unknown", "invalid-request"),
  },
});

const changed = {
  202: jsonReply("Its new state", ExperimentReply),
  ...problems("experiment-unknown", "wrong-state", "forbidden", "store-unavailable"),
};

export const ReasonBody = z.strictObject({ reason: z.string().trim().max(500).default("") });

export const cancelRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/cancel",
  tags,
  summary: "Cancel an experiment",
  description:
    "A running one is `stopping` until its script and all it started are gone and the devices " +
    "stand in their end state; then it is `cancelled`. The body may be empty.",
  request: {
    params,
    body: {
      content: {
        "application/json": { schema: ReasonBody, example: { reason: "the wrong medium" } },
      },
    },
  },
  responses: { ...changed, ...problems("invalid-request", "malformed-body", "wrong-state") },
});

export const pauseRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/pause",
  tags,
  summary: "Pause a waiting experiment",
  description: "It keeps its place and is passed over.",
  request: { params },
  responses: changed,
});

export const resumeRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/resume",
  tags,
  summary: "Resume a paused experiment",
  request: { params },
  responses: changed,
});

export const moveRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/move",
  tags,
  summary: "Move an experiment in the queue",
  description: "Only an admin moves other people's. With `If-Match`, only in the queue you saw.",
  request: {
    params,
    headers: z.object({
      "if-match": z.string().regex(/^"?\d{1,15}"?$/, "must be the version the queue's etag names")
        .optional(),
    }),
    body: jsonBody(
      z.strictObject({ position: z.number().int().min(1).max(1_000_000) }),
      { position: 1 },
    ),
  },
  responses: {
    ...changed,
    ...problems("invalid-request", "malformed-body", "precondition-failed"),
  },
});

export const runNowRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/run-now",
  tags,
  summary: "Run a waiting experiment now",
  description: "Cancels the running one, which only its owner or an admin can do.",
  request: { params, body: jsonBody(ReasonBody, { reason: "the culture will not wait" }) },
  responses: { ...changed, ...problems("invalid-request", "malformed-body") },
});

export const removeRoute = createRoute({
  method: "delete",
  path: "/experiments/{id}",
  tags,
  summary: "Remove an ended experiment and its files",
  request: { params },
  responses: {
    204: { description: "Removed" },
    ...problems("experiment-unknown", "wrong-state", "forbidden"),
  },
});

export const phaseRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/phase",
  tags,
  summary: "Say what a running script is doing",
  request: {
    params,
    body: jsonBody(z.strictObject({ phase: z.string().trim().max(200) }), { phase: "dilution" }),
  },
  responses: { ...changed, ...problems("invalid-request", "malformed-body") },
});

export const noteRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/notes",
  tags,
  summary: "Put a line of a running script into the event list",
  request: {
    params,
    body: jsonBody(
      z.strictObject({ text: z.string().trim().min(1).max(2000) }),
      { text: "inoculated" },
    ),
  },
  responses: { ...changed, ...problems("invalid-request", "malformed-body") },
});

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
    "The columns of its `experiment_data.csv`, lists taken apart, over the time since its first " +
    "row. A missing value is null.",
  request: {
    params,
    query: z.object({
      columns: z.string().max(4000).optional().openapi({
        description: "Names, separated by commas; a list's name stands for all its items",
        example: "temperature,od_voltages",
      }),
      every: z.coerce.number().int().min(1).max(1_000_000).optional().openapi({
        description: "One row in so many",
      }),
      rows: z.coerce.number().int().min(1).max(50_000).default(5000).openapi({
        description: "At most so many rows, evenly taken",
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
