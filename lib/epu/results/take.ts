import { type Micrograph, PROCESSING_STEPS, Results } from "../model.ts";
import { type Predictions, predictionsOf, type WeightRow } from "../predictions/model.ts";
import { type Metric, METRICS, metricValues } from "../quality/metrics.ts";
import { qualityOf } from "../quality/quality.ts";
import { noStatistics, type Statistics, withoutValue, withValue } from "../quality/statistics.ts";
import { type ByModel, likelihoods, reweighed, withModels } from "../quality/weights.ts";
import type { Contribution, ParsedAsk } from "./model.ts";

type ByMetric<T> = Partial<Record<Metric, T>>;

/** Everything a result changes, as it stands before it. */
export interface Ledger {
  readonly micrograph: Micrograph;
  readonly contribution: Contribution | null;
  readonly statistics: ByMetric<Statistics>;
  readonly square: ByMetric<Statistics>;
  readonly weights: ByMetric<ByModel>;
  readonly predictions: { readonly hole: Predictions | null; readonly square: Predictions | null };
}

/** The same after it; `null` where nothing changed. */
export interface Taken {
  readonly results: Results;
  /** Steps with a result more (or fewer) than before. */
  readonly added: number;
  readonly contribution: Contribution;
  readonly statistics: ByMetric<Statistics>;
  readonly square: ByMetric<Statistics>;
  readonly weights: ByMetric<ByModel>;
  readonly rows: readonly Omit<WeightRow, "id">[];
}

/** The micrograph's results with `ask` in them; the same object when it says nothing new. */
export function mergedResults(results: Results, ask: ParsedAsk, nowMs: number): Results {
  let merged = results;
  for (const step of PROCESSING_STEPS) {
    const given = ask[step];
    if (given === undefined) continue;
    const before = results[step];
    const after = given === null ? null : { ...given, atMs: nowMs };
    if (sameBut(before, after, "atMs")) continue;
    merged = { ...merged, [step]: after };
  }
  return merged === results ? results : Results.parse(merged);
}

/**
 * Takes new results of a micrograph into its acquisition: its own contribution leaves the statistics, the new
 * value is judged by those that are left, and only then joins them. What the models had foretold is judged by
 * that quality; a correction is judged by what they had foretold at the time.
 */
export function take(ledger: Ledger, results: Results, nowMs: number): Taken {
  const { micrograph, contribution } = ledger;
  const values = metricValues(results);
  // What it added is in another square's statistics, and stays there.
  const moved = contribution !== null && contribution.squareId !== micrograph.squareId;
  const metrics: Contribution["metrics"] = { ...contribution?.metrics };
  const statistics: ByMetric<Statistics> = {};
  const square: ByMetric<Statistics> = {};
  const weights: ByMetric<ByModel> = {};
  const rows: Omit<WeightRow, "id">[] = [];
  for (const metric of METRICS) {
    const before = contribution?.metrics[metric];
    const value = values[metric];
    if (before?.value === value) continue;
    const others = without(ledger.statistics[metric], before?.value);
    const othersInSquare = without(ledger.square[metric], moved ? undefined : before?.value);
    const judged = value === undefined
      ? null
      : judgement(ledger, metric, value, others, before?.predictions);
    if (value === undefined) delete metrics[metric];
    else metrics[metric] = { value, ...judged! };
    statistics[metric] = value === undefined ? others : withValue(others, value);
    square[metric] = value === undefined ? othersInSquare : withValue(othersInSquare, value);
    const factors = ratio(judged?.likelihoods ?? {}, before?.likelihoods ?? {});
    if (Object.keys(factors).length === 0) continue;
    const all = withModels(ledger.weights[metric] ?? {}, Object.keys(factors));
    weights[metric] = reweighed(all, factors);
    if (judged?.quality == null) continue;
    rows.push({
      v: 1,
      metric,
      atMs: nowMs,
      micrographId: micrograph.id,
      quality: judged.quality.rank,
      predictions: judged.predictions,
      weights: weights[metric],
    });
  }
  const count = (of: Results) => PROCESSING_STEPS.filter((step) => of[step] !== null).length;
  return {
    results,
    added: count(results) - count(micrograph.results),
    contribution: {
      v: 1,
      micrographId: micrograph.id,
      squareId: micrograph.squareId,
      holeId: micrograph.holeId,
      atMs: micrograph.acquiredAtMs ?? contribution?.atMs ?? nowMs,
      metrics,
    },
    statistics,
    square,
    weights,
    rows,
  };
}

type Judgement = Omit<NonNullable<Contribution["metrics"][Metric]>, "value">;

function judgement(
  { predictions }: Ledger,
  metric: Metric,
  value: number,
  others: Statistics,
  foretold: ByModel | undefined,
): Judgement {
  const quality = qualityOf(metric, value, others);
  const said = foretold ?? predictionsOf(metric, predictions.hole, predictions.square);
  return {
    quality,
    predictions: said,
    likelihoods: quality === null ? {} : likelihoods(said, quality.rank),
  };
}

function without(statistics: Statistics | undefined, value: number | undefined): Statistics {
  if (statistics === undefined) return noStatistics;
  return value === undefined ? statistics : withoutValue(statistics, value);
}

/** What turns weights that were multiplied by `before` into those multiplied by `after`. */
function ratio(after: ByModel, before: ByModel): ByModel {
  const models = new Set([...Object.keys(after), ...Object.keys(before)]);
  return Object.fromEntries(
    [...models].map((model) => [model, (after[model] ?? 1) / (before[model] ?? 1)]),
  );
}

function sameBut(a: object | null, b: object | null, leftOut: string): boolean {
  if (a === null || b === null) return a === b;
  const plain = (one: object) =>
    JSON.stringify(Object.entries(one).filter(([name]) => name !== leftOut).sort());
  return plain(a) === plain(b);
}
