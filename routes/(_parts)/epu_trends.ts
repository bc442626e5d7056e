import {
  type SquareRow,
  TREND_METRICS,
  type TrendMetric,
  type TrendsAsk,
  type TrendsData,
  WINDOWS,
} from "../../components/epu_trends.ts";
import type { Acquisition } from "../../lib/epu/mod.ts";
import type { Instrument } from "../../lib/instrument/mod.ts";

/** A chart has no more pixels than this. */
const POINTS_MAX = 1200;

export function trendsAsk(params: URLSearchParams): TrendsAsk {
  const [from, to] = ["from", "to"].map((name) => Number(params.get(name) ?? NaN));
  return {
    window: WINDOWS.find((one) => String(one) === params.get("median")) ?? 50,
    range: Number.isSafeInteger(from) && Number.isSafeInteger(to) && from! < to!
      ? [from!, to!]
      : null,
    sort: TREND_METRICS.find(({ metric }) => metric === params.get("sort"))?.metric ?? "square",
    asTable: params.get("view") === "table",
  };
}

export async function trendsOf(
  { epu, steering: { results }, clock }: Instrument,
  { id }: Acquisition,
  { window, range }: TrendsAsk,
): Promise<TrendsData> {
  const counts = await epu.counts(id);
  const series: Partial<Record<TrendMetric, number[]>> = {};
  let first = Infinity;
  let last = -Infinity;
  for (const { metric } of TREND_METRICS) {
    const points = await results.trend({
      acquisitionId: id,
      metric,
      window,
      countMax: POINTS_MAX,
      ...(range === null ? {} : { fromMs: range[0], toMs: range[1] + 1 }),
    });
    series[metric] = points.flatMap(({ atMs, value, median }) => [
      atMs,
      rounded(value),
      rounded(median),
    ]);
    first = Math.min(first, points[0]?.atMs ?? Infinity);
    last = Math.max(last, points.at(-1)?.atMs ?? -Infinity);
  }
  const squares: SquareRow[] = [];
  for (const [squareId, metrics] of await results.squareSummaries(id)) {
    if (Object.keys(metrics).length === 0) continue;
    const exposures = Math.max(...Object.values(metrics).map(({ count }) => count));
    squares.push({ squareId, exposures, metrics });
  }
  return {
    atMs: clock.nowMs(),
    series: series as Record<TrendMetric, number[]>,
    whole: await results.summary(id),
    squares,
    exposuresSeen: counts?.exposures.seen ?? 0,
    extent: range ?? (first > last ? null : [first, last]),
  };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
