import { z } from "zod";
import { PROCESSING_STEPS, type Results } from "../model.ts";
import { METRICS } from "../quality/metrics.ts";
import { Statistics, VALUE_MAX } from "../quality/statistics.ts";

const Int = z.number().int();
const Measure = z.number().min(0).max(VALUE_MAX);
const Particles = Int.min(0).max(VALUE_MAX);
const Distribution = z.record(z.string().max(100), z.number()).refine(
  (bins) => Object.keys(bins).length <= 256,
  "may have at most 256 entries",
);

/**
 * What processing says of one micrograph. A step that is absent stays as it is, `null` takes its result
 * back, a value takes the place of the one before.
 */
export const ResultsAsk = z.strictObject({
  motion: z.strictObject({ totalA: Measure, averageA: Measure }).nullable().optional(),
  ctf: z.strictObject({
    maxResolutionA: Measure,
    defocusUM: z.number().nullable().default(null),
    defocusVM: z.number().nullable().default(null),
    astigmatismAngleRad: z.number().nullable().default(null),
  }).nullable().optional(),
  picking: z.strictObject({
    picked: Particles,
    distribution: Distribution.nullable().default(null),
  })
    .nullable().optional(),
  selection: z.strictObject({
    selected: Particles,
    rejected: Particles,
    distribution: Distribution.nullable().default(null),
  }).nullable().optional(),
}).refine(
  (ask) => PROCESSING_STEPS.some((step) => ask[step] !== undefined),
  "must hold a result of at least one step",
);
export type ResultsAsk = z.input<typeof ResultsAsk>;
export type ParsedAsk = z.output<typeof ResultsAsk>;

const Share = z.number().min(0).max(1);

/** What one micrograph added to the statistics and weights, so that it can be taken back. */
export const Contribution = z.strictObject({
  v: z.literal(1),
  micrographId: z.string(),
  squareId: Int,
  holeId: Int,
  /** When the exposure was made; when it was processed, where nobody said. */
  atMs: Int,
  metrics: z.partialRecord(
    z.enum(METRICS),
    z.strictObject({
      value: z.number(),
      /** Among those before it; `null` while they were too few. */
      quality: z.strictObject({ rank: Share, normal: Share }).nullable(),
      /** What each model had foretold, and how well that fitted: what its weight was multiplied by. */
      predictions: z.record(z.string(), Share),
      likelihoods: z.record(z.string(), Share),
    }),
  ),
});
export type Contribution = z.infer<typeof Contribution>;

/** `["epu", "square_metric", a, squareId]`: statistics of one square. */
export const SquareStatistics = z.strictObject({
  v: z.literal(1),
  metrics: z.partialRecord(z.enum(METRICS), Statistics),
});
export type SquareStatistics = z.infer<typeof SquareStatistics>;

/** `["epu", "results_asked", key]`: which ask came with an idempotency key. */
export const Asked = z.strictObject({
  v: z.literal(1),
  digest: z.string(),
  acquisitionId: z.string(),
  micrographId: z.string(),
  atMs: Int,
});
export type Asked = z.infer<typeof Asked>;

/** How far processing of a micrograph is, in the words of the SmartEM API. */
export const PROCESSING_STATUS = [
  "none",
  "motion correction completed",
  "ctf completed",
  "particle picking completed",
  "particle selection completed",
] as const;
export type ProcessingStatus = (typeof PROCESSING_STATUS)[number];

/** The furthest step with a result, whichever are missing before it. */
export function statusOf(results: Results): ProcessingStatus {
  const furthest = PROCESSING_STEPS.findLastIndex((step) => results[step] !== null);
  return PROCESSING_STATUS[furthest + 1]!;
}
