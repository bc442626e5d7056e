import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { actorOf } from "../auth/model.ts";
import { createApi, type HoldfastEnv, jsonBody, jsonReply, problems } from "../http.ts";
import { Problem } from "../problem.ts";
import { micrographNamed } from "./api.ts";
import { Micrograph } from "./model.ts";
import { resultProblem } from "./problems.ts";
import { METRIC_KINDS, METRICS } from "./quality/metrics.ts";
import {
  Contribution,
  type MetricSummaries,
  PROCESSING_STATUS,
  ResultsAsk,
  type ResultStore,
} from "./results/mod.ts";
import { AcquisitionParams, SquareParams } from "./routes.ts";
import type { Epu } from "./service.ts";

const tags = ["cryo-em"];
const WINDOW = 50;
const POINTS = 2000;
const EpuId = z.coerce.number().int().nonnegative();

const takeRoute = createRoute({
  method: "post",
  path: "/epu/micrographs/{name}/results",
  tags,
  summary: "Take in what processing found of a micrograph",
  description:
    "By our id, EPU's unique id or the file stem. A step that is absent stays as it is, `null` takes its " +
    "result back. The same results again change nothing, and neither does the same `Idempotency-Key`.",
  request: {
    params: z.object({
      name: z.string().min(1).max(300).openapi({
        example: "FoilHole_5665438_Data_4601896_4601898_20240406_102527",
      }),
    }),
    headers: z.object({
      "idempotency-key": z.string().min(1).max(200).optional().openapi({
        description: "Names these results; kept for seven days",
      }),
    }),
    body: jsonBody(ResultsAsk, {
      motion: { totalA: 12.4, averageA: 0.31 },
      ctf: { maxResolutionA: 3.4, defocusUM: 1.1e-6, defocusVM: 1.12e-6 },
    }),
  },
  responses: {
    200: jsonReply(
      "The micrograph with its results",
      z.object({
        micrograph: Micrograph,
        status: z.enum(PROCESSING_STATUS),
        contribution: Contribution.nullable(),
        repeated: z.boolean().openapi({ description: "Nothing of it was new" }),
      }),
    ),
    ...problems("not-found", "invalid-request", "malformed-body", "store-unavailable"),
  },
});

const Summary = z.object({
  metric: z.enum(METRICS),
  unit: z.enum(["A", "particles"]),
  better: z.enum(["less", "more"]),
  count: z.number().int(),
  mean: z.number().nullable(),
  sd: z.number().nullable(),
  median: z.number().nullable(),
});
const Statistics = z.object({ metrics: z.array(Summary) });

const statisticsRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/statistics",
  tags,
  summary: "Read what processing found in all: count, mean, spread and median of each metric",
  request: { params: AcquisitionParams },
  responses: {
    200: jsonReply(
      "Metrics that have values, and those of every square",
      Statistics.extend({
        squares: z.array(Statistics.extend({ squareId: z.number().int() })),
      }),
    ),
    ...problems("not-found", "store-unavailable"),
  },
});

const squareStatisticsRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/squares/{square}/statistics",
  tags,
  summary: "Read what processing found in one grid square",
  request: { params: SquareParams },
  responses: {
    200: jsonReply("Metrics that have values", Statistics),
    ...problems("not-found", "store-unavailable"),
  },
});

const trendsRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/trends",
  tags,
  summary: "Read a metric over the time of exposure, with its rolling median",
  request: {
    params: AcquisitionParams,
    query: z.object({
      metric: z.enum(METRICS).openapi({ example: "ctfResolution" }),
      square: EpuId.optional(),
      from: z.coerce.number().int().optional().openapi({ description: "Epoch ms" }),
      to: z.coerce.number().int().optional().openapi({ description: "Epoch ms" }),
      window: z.coerce.number().int().min(1).max(1000).default(WINDOW).openapi({
        description: "Values the median is taken over",
      }),
      points: z.coerce.number().int().min(2).max(20_000).default(POINTS).openapi({
        description: "Most points given, evenly picked",
      }),
    }),
  },
  responses: {
    200: jsonReply(
      "The points, oldest first",
      z.object({
        metric: z.enum(METRICS),
        unit: z.enum(["A", "particles"]),
        points: z.array(z.object({ atMs: z.number(), value: z.number(), median: z.number() })),
      }),
    ),
    ...problems("not-found", "invalid-request", "store-unavailable"),
  },
});

/** Results of processing, in and summed up; to be mounted at `/api/v1`. */
export function epuResultsApi(epu: Epu, results: ResultStore): OpenAPIHono<HoldfastEnv> {
  const api = createApi();

  api.openapi(takeRoute, async (c) => {
    const { name } = c.req.valid("param");
    const idempotencyKey = c.req.valid("header")["idempotency-key"];
    const found = await micrographNamed(epu, name);
    if (found === null) throw new Problem("not-found", `There is no micrograph "${name}"`);
    const done = await results.take({ id: found.id }, c.req.valid("json"), {
      actor: actorOf(c.get("principal")),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    });
    if (!done.ok) throw resultProblem(done.refusal);
    return c.json(done.value, 200);
  });

  api.openapi(statisticsRoute, async (c) => {
    const id = await known(epu, c.req.valid("param").id);
    const [all, squares] = await Promise.all([results.summary(id), results.squareSummaries(id)]);
    return c.json({
      metrics: listed(all),
      squares: [...squares].map(([squareId, one]) => ({ squareId, metrics: listed(one) })),
    }, 200);
  });

  api.openapi(squareStatisticsRoute, async (c) => {
    const { id, square } = c.req.valid("param");
    if (await epu.square(id, square) === null) {
      throw new Problem("not-found", `There is no grid square ${square}`);
    }
    return c.json({ metrics: listed(await results.squareSummary(id, square)) }, 200);
  });

  api.openapi(trendsRoute, async (c) => {
    const { metric, square, from, to, window, points } = c.req.valid("query");
    const acquisitionId = await known(epu, c.req.valid("param").id);
    const found = await results.trend({
      acquisitionId,
      metric,
      window,
      countMax: points,
      ...(square === undefined ? {} : { squareId: square }),
      ...(from === undefined ? {} : { fromMs: from }),
      ...(to === undefined ? {} : { toMs: to }),
    });
    return c.json({ metric, unit: METRIC_KINDS[metric].unit, points: found }, 200);
  });

  return api;
}

/** @throws {Problem} not-found */
async function known(epu: Epu, id: string): Promise<string> {
  if (await epu.acquisition(id) === null) {
    throw new Problem("not-found", `There is no acquisition "${id}"`);
  }
  return id;
}

function listed(all: MetricSummaries): z.infer<typeof Summary>[] {
  return METRICS.flatMap((metric) => {
    const one = all[metric];
    const { unit, better } = METRIC_KINDS[metric];
    return one === undefined ? [] : [{ metric, unit, better, ...one }];
  });
}
