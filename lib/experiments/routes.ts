import { createRoute, z } from "@hono/zod-openapi";
import { jsonBody, jsonReply, problems } from "../http.ts";
import { Experiment, ExperimentAsk, ExperimentState } from "./model.ts";
import { ParameterDeclaration } from "./parameters.ts";

export const tags = ["Experiments"];

const EXAMPLE: z.input<typeof Experiment> = {
  v: 1,
  id: "01JQZ3T5V8Y2K4M6N8P0R2S4T6",
  number: 42,
  title: "Growth at 30 °C",
  owner: "user:anna",
  kind: "python",
  scriptSha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  devices: [],
  limits: { wallMs: null, cpuS: null, memoryMb: 512, outputMb: 2048, logMb: 50, processes: 64 },
  endState: { stirrer: { duty: 20 } },
  holdState: { "pump-inflow": "safe" },
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
  parameters: { temperature: 30 },
  heldAtMs: null,
  holdAcknowledgedAtMs: null,
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

/** What a dry run gives: the submission as it would be queued. */
const DryRunReply = z.object({
  dryRun: z.literal(true),
  title: z.string(),
  kind: Experiment.shape.kind,
  scriptSha256: z.string(),
  devices: z.array(z.string()),
  limits: Experiment.shape.limits,
  endState: Experiment.shape.endState,
  holdState: Experiment.shape.holdState,
  parameters: Experiment.shape.parameters,
  onInterrupt: Experiment.shape.onInterrupt,
  declared: z.record(z.string(), ParameterDeclaration).nullable().openapi({
    description: "Parameters the script declares; null: none",
  }),
  queuePosition: z.number().int().positive(),
}).openapi("DryRun");

/** A ULID, or the number people say. */
const Id = z.string().min(1).max(40).openapi({
  param: { name: "id", in: "path" },
  description: "The experiment's id, or its number",
  example: "01JQZ3T5V8Y2K4M6N8P0R2S4T6",
});
export const params = z.object({ id: Id });

/** A number that is not negative, from a query. */
export const whole = (most: number) => z.coerce.number().int().min(0).max(most);
export const NUMBERS_MAX = Number.MAX_SAFE_INTEGER;

export const submitRoute = createRoute({
  method: "post",
  path: "/experiments",
  tags,
  summary: "Submit an experiment",
  description:
    "Checks the script, stores it and puts the experiment at the end of the queue. With an " +
    "`Idempotency-Key` a repeated submission gives the first one's experiment. With `dryRun` everything " +
    "is checked and nothing is queued or kept.",
  request: {
    headers: z.object({
      "idempotency-key": z.string().regex(
        /^[\x21-\x7e]{1,255}$/,
        "1 to 255 visible ASCII characters",
      ).optional(),
    }),
    body: jsonBody(ExperimentAsk, {
      script: '# parameters: {"times": {"type": "integer", "minimum": 1, "default": 1}}\n' +
        "from bioreactor_client import Bioreactor, parameters\n\nwith Bioreactor() as reactor:\n" +
        '    for _ in range(parameters()["times"]):\n        print(reactor.get_temperature())\n',
      parameters: { times: 3 },
      kind: "python",
      title: "One temperature",
      limits: { wallMs: 60_000 },
      endState: {},
      holdState: { stirrer: "keep" },
      onInterrupt: "fail",
    }),
  },
  responses: {
    201: jsonReply("Queued", ExperimentReply),
    200: jsonReply(
      "Submitted before under this `Idempotency-Key`; or, of a dry run, what would be queued",
      z.union([ExperimentReply, DryRunReply]),
    ),
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

export const importRoute = createRoute({
  method: "post",
  path: "/experiments/import",
  tags,
  summary: "Take over the original hub's queue",
  description:
    "`queue` is the text of its `experiment_queue.json`, whole or cut off. What waits there " +
    "waits here in its order, what has ended becomes a record, what ran is `interrupted`. Entries that " +
    "cannot be taken come back with the reason. Doing it again takes only what was not taken before.",
  request: {
    body: jsonBody(
      z.strictObject({ queue: z.string() }),
      { queue: '{"experiments": {}, "queue_order": []}' },
    ),
  },
  responses: {
    200: jsonReply(
      "What was taken, and what was not",
      z.object({
        imported: z.array(z.object({
          id: z.string().openapi({ description: "In the file" }),
          number: z.number().int(),
          state: ExperimentState,
        })),
        repeated: z.number().int().openapi({ description: "Taken by an earlier import" }),
        quarantined: z.array(
          z.object({ id: z.string(), reason: z.string(), entry: z.unknown() }),
        ),
      }),
    ),
    ...problems("invalid-request", "malformed-body", "too-large", "forbidden"),
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

const EstimateReply = z.object({
  durationMs: z.number().nullable().openapi({
    description: "How long it is expected to run; null: unknown",
  }),
  basis: z.enum(["declared", "measured"]).nullable().openapi({
    description: "Its own limit of wall clock, or the median of completed runs of the same script",
  }),
  waitMs: z.number().nullable().openapi({
    description: "Until it starts, or until the running one ends; null: unknown, or paused",
  }),
}).openapi("Estimate");

export const queueRoute = createRoute({
  method: "get",
  path: "/queue",
  tags,
  summary: "Read the queue",
  description:
    "Foremost first, a page at a time. The header `etag` carries the queue's version, for `If-Match` of a " +
    "move; pages with the same version are of the same queue.",
  request: {
    query: z.object({
      limit: z.coerce.number().int().min(1).max(1000).default(200),
      cursor: z.string().regex(/^\d{1,1000}$/, "must be the `next` of a page before").optional()
        .openapi({ description: "`next` of the page before", example: "500000000017" }),
    }),
  },
  responses: {
    200: jsonReply(
      "What runs and what waits, foremost first",
      z.object({
        version: z.number().int(),
        /** The first of `runs`. A description beside it would take its null away in the document. */
        running: ExperimentReply.nullable(),
        runs: z.array(ExperimentReply).openapi({ description: "All that run, by number" }),
        concurrency: z.number().int().openapi({ description: "How many may run", example: 1 }),
        waiting: z.array(ExperimentReply),
        waitingCount: z.number().int().openapi({ description: "On all pages" }),
        next: z.string().nullable().openapi({
          description: "Cursor of the next page; null: nothing follows",
        }),
        estimates: z.record(z.string(), EstimateReply).openapi({
          description: "By id, of what runs and what this page shows",
          example: {
            "01JQZ3T5V8Y2K4M6N8P0R2S4T6": {
              durationMs: 3_600_000,
              basis: "declared",
              waitMs: 1_200_000,
            },
          },
        }),
        obstacle: z.string().nullable().openapi({
          description: "Why the first is not started",
          example: "the instrument is stopped: smoke",
        }),
      }),
    ),
    ...problems("invalid-request"),
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
