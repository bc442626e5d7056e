import { type Metric, METRIC_KINDS } from "./metrics.ts";
import { meanOf, midRankOf, standardDeviationOf, type Statistics } from "./statistics.ts";

/** A metric says nothing before it has this many values to compare with. */
export const VALUES_MIN = 8;

/** How good one value is among those before it, both from 0 (worst) to 1 (best), 0.5 in the middle. */
export interface Quality {
  /** By its place among them: right for any distribution. */
  readonly rank: number;
  /** As if they were normally distributed; what the SmartEM backend computes. */
  readonly normal: number;
}

/**
 * Judges `value` by the values in `statistics`, which must not hold it yet. `null` with fewer than
 * `VALUES_MIN` of them.
 */
export function qualityOf(metric: Metric, value: number, statistics: Statistics): Quality | null {
  if (statistics.count < VALUES_MIN) return null;
  const { better, spreadFloor } = METRIC_KINDS[metric];
  const spread = Math.max(standardDeviationOf(statistics)!, spreadFloor);
  const below = normalShareBelow((value - meanOf(statistics)!) / spread);
  const rank = midRankOf(statistics, value)!;
  return better === "more" ? { rank, normal: below } : { rank: 1 - rank, normal: 1 - below };
}

/**
 * Share of a standard normal distribution below `z`, within 1e-7 of the true one.
 * Source: Abramowitz and Stegun, 7.1.26, on the error function.
 */
export function normalShareBelow(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const series =
    ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const tail = Math.min(0.5, Math.max(0, series * Math.exp(-x * x) / 2));
  return z < 0 ? tail : 1 - tail;
}
