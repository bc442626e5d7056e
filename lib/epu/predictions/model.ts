import { z } from "zod";
import { type Metric, METRICS } from "../quality/metrics.ts";
import type { ByModel } from "../quality/weights.ts";

const Int = z.number().int();
const Share = z.number().min(0).max(1);
/** Names of models, groups and parameters go into keys and URLs. */
const Name = z.string().trim().min(1).max(200);

export const PREDICTION_LEVELS = ["square", "hole", "group"] as const;

/** `["epu", "prediction_model", name]`: a service that foretells how good a target will be. */
export const PredictionModel = z.strictObject({
  v: z.literal(1),
  name: Name,
  description: z.string().max(4000),
  /** What it speaks of; `null` when nobody said. */
  level: z.enum(PREDICTION_LEVELS).nullable(),
  canTrain: z.boolean(),
  canInfer: z.boolean(),
  canUpdate: z.boolean(),
  createdAtMs: Int,
});
export type PredictionModel = z.infer<typeof PredictionModel>;

export const PredictionModelAsk = z.strictObject({
  name: Name,
  description: z.string().max(4000).default(""),
  level: z.enum(PREDICTION_LEVELS).nullable().default(null),
  canTrain: z.boolean().default(false),
  canInfer: z.boolean().default(true),
  canUpdate: z.boolean().default(false),
});
export type PredictionModelAsk = z.input<typeof PredictionModelAsk>;

/** A prediction that names no metric counts for each of them. */
export const EVERY_METRIC = "every";
const About = z.enum([...METRICS, EVERY_METRIC]);
export type About = z.infer<typeof About>;

/**
 * `["epu", "square_prediction", a, squareId]` and `["epu", "hole_prediction", a, squareId, holeId]`: what
 * each model says of the target now, 0 (bad) to 1 (good).
 */
export const Predictions = z.strictObject({
  v: z.literal(1),
  models: z.record(
    z.string(),
    z.partialRecord(About, z.strictObject({ value: Share, atMs: Int })),
  ),
});
export type Predictions = z.infer<typeof Predictions>;

/** A square, or with `holeId` one of its holes. */
export interface Target {
  readonly squareId: number;
  readonly holeId: number | null;
}

/** `["epu", "prediction_row", a, squareId, holeId or 0, id]`: every prediction ever made of the target. */
export const PredictionRow = z.strictObject({
  v: z.literal(1),
  id: z.string(),
  model: z.string(),
  about: About,
  value: Share,
  atMs: Int,
  squareId: Int,
  holeId: Int.nullable(),
});
export type PredictionRow = z.infer<typeof PredictionRow>;

/** `["epu", "model_weight", a, metric]`: how far each model is believed; they sum to 1. */
export const Weights = z.strictObject({
  v: z.literal(1),
  weights: z.record(z.string(), z.number()),
  changedAtMs: Int,
});
export type Weights = z.infer<typeof Weights>;

/** `["epu", "weight_row", a, id]`: weights after one exposure was compared with what had been foretold. */
export const WeightRow = z.strictObject({
  v: z.literal(1),
  id: z.string(),
  metric: z.enum(METRICS),
  atMs: Int,
  micrographId: z.string(),
  quality: Share,
  predictions: z.record(z.string(), z.number()),
  weights: z.record(z.string(), z.number()),
});
export type WeightRow = z.infer<typeof WeightRow>;

/** `["epu", "model_parameter", a, model, group, key]`: a number a model keeps with us, the newest only. */
export const Parameter = z.strictObject({
  v: z.literal(1),
  model: Name,
  group: Name,
  key: Name,
  value: z.number(),
  metric: z.enum(METRICS).nullable(),
  atMs: Int,
});
export type Parameter = z.infer<typeof Parameter>;

/** Most holes of one group: they are told together. */
export const GROUP_MAX = 4000;

/** `["epu", "hole_group", a, id]`: holes that share their predictions. */
export const HoleGroup = z.strictObject({
  v: z.literal(1),
  id: Name,
  name: z.string().max(200).nullable(),
  holes: z.array(z.tuple([Int, Int])).min(1).max(GROUP_MAX),
});
export type HoleGroup = z.infer<typeof HoleGroup>;

/** `["epu", "overall_prediction", a, squareId]`: all models together, and in which order to go. */
export const Overall = z.strictObject({
  v: z.literal(1),
  atMs: Int,
  holes: z.array(z.strictObject({
    holeId: Int,
    value: Share,
    /** From 1, over all squares. */
    suggestedIndex: Int.positive(),
  })),
});
export type Overall = z.infer<typeof Overall>;

/** `["epu", "prediction_total"]`: over all acquisitions. */
export const PredictionTotals = z.strictObject({
  v: z.literal(1),
  count: Int.nonnegative(),
  sum: z.number(),
  min: Share.nullable(),
  max: Share.nullable(),
});
export type PredictionTotals = z.infer<typeof PredictionTotals>;

/** Where a model's latent space has the entity, and the cluster it belongs to. */
export interface LatentPoint {
  /** As the model named it in `coordinates:<id>`. */
  readonly entityId: string;
  readonly x: number;
  readonly y: number;
  readonly cluster: number | null;
}

/**
 * What each model foretells of `metric` for a hole: its own word on the hole before that on the square, on
 * this metric before that on every one.
 */
export function predictionsOf(
  metric: Metric,
  hole: Predictions | null,
  square: Predictions | null,
): ByModel {
  const found: Record<string, number> = {};
  for (const source of [square, hole]) {
    for (const [model, said] of Object.entries(source?.models ?? {})) {
      const prediction = said[metric] ?? said[EVERY_METRIC];
      if (prediction !== undefined) found[model] = prediction.value;
    }
  }
  return found;
}

/** Latent points from a model's parameters: `coordinates:<id>` with `x` and `y`, `cluster_indices` by id. */
export function latentPoints(parameters: readonly Parameter[]): LatentPoint[] {
  const axes = new Map<string, { x?: number; y?: number }>();
  const clusters = new Map<string, number>();
  for (const { group, key, value } of parameters) {
    if (group === "cluster_indices") clusters.set(key, value);
    const id = group.startsWith("coordinates:") ? group.slice("coordinates:".length) : null;
    if (id !== null && (key === "x" || key === "y")) {
      axes.set(id, { ...axes.get(id), [key]: value });
    }
  }
  return [...axes].flatMap(([entityId, { x, y }]) =>
    x === undefined || y === undefined
      ? []
      : [{ entityId, x, y, cluster: clusters.get(entityId) ?? null }]
  );
}
