import type { Drawn, PlotBucket, PlotChannel, Point } from "./plot/shape.ts";
import { traceOf } from "./plot/shape.ts";

/** What the page of trends shows, as plain JSON, and how it becomes curves. */

export const TREND_METRICS = [
  { metric: "totalMotion", label: "Total motion", unit: "Å", decimals: 1, colour: 6 },
  { metric: "ctfResolution", label: "CTF resolution", unit: "Å", decimals: 2, colour: 1 },
  {
    metric: "particlesPicked",
    label: "Particles picked",
    unit: "particles",
    decimals: 0,
    colour: 3,
  },
  {
    metric: "particlesSelected",
    label: "Particles kept",
    unit: "particles",
    decimals: 0,
    colour: 2,
  },
] as const;
export type TrendMetric = typeof TREND_METRICS[number]["metric"];

/** Values a rolling median may be taken over. */
export const WINDOWS = [20, 50, 200] as const;

export interface Summary {
  readonly count: number;
  readonly mean: number | null;
  readonly sd: number | null;
  readonly median: number | null;
}

export interface SquareRow {
  readonly squareId: number;
  readonly exposures: number;
  readonly metrics: Readonly<Partial<Record<TrendMetric, Summary>>>;
}

export interface TrendsAsk {
  readonly window: number;
  /** `null`: from the first exposure to the last. */
  readonly range: readonly [number, number] | null;
  readonly sort: "square" | TrendMetric;
  readonly asTable: boolean;
}

export interface TrendsData {
  readonly atMs: number;
  /** Three numbers an exposure: its time, its value, the median of those up to it. */
  readonly series: Readonly<Record<TrendMetric, readonly number[]>>;
  readonly whole: Readonly<Partial<Record<TrendMetric, Summary>>>;
  readonly squares: readonly SquareRow[];
  readonly exposuresSeen: number;
  /** From the first processed exposure to the last; `null` without any. */
  readonly extent: readonly [number, number] | null;
}

/** Silence longer than so many times the usual pause between exposures is a gap. */
const GAP_TIMES = 10;
const GAP_LEAST_MS = 2 * 60_000;

/** How long no exposure may be processed before the line breaks: the microscope changed squares, or stood. */
export function gapMs(times: readonly number[]): number {
  const pauses = times.slice(1).map((atMs, i) => atMs - times[i]!).sort((a, b) => a - b);
  const usual = pauses[Math.floor(pauses.length / 2)] ?? 0;
  return Math.max(GAP_LEAST_MS, GAP_TIMES * usual);
}

/** Dots for exposures and a line for their rolling median, one panel a quantity, with the numbers behind both. */
export function trendLines(
  series: TrendsData["series"],
  window: number,
): { readonly drawn: Drawn[]; readonly rows: PlotBucket[][] } {
  const drawn: Drawn[] = [];
  const rows: PlotBucket[][] = [];
  for (const { metric, label, unit, decimals, colour } of TREND_METRICS) {
    const flat = series[metric];
    if (flat.length === 0) continue;
    const values: PlotBucket[] = [];
    const medians: PlotBucket[] = [];
    const dots: Point[] = [];
    for (let i = 0; i < flat.length; i += 3) {
      const [atMs, value, median] = flat.slice(i, i + 3) as [number, number, number];
      values.push({ atMs, min: value, max: value, mean: value, count: 1 });
      medians.push({ atMs, min: median, max: median, mean: median, count: 1 });
      dots.push({ x: atMs, y: value });
    }
    const limitMs = gapMs(values.map(({ atMs }) => atMs));
    const trace = traceOf(medians, limitMs);
    const base = { deviceId: "epu", unit, decimals, colour, min: 0, periodMs: limitMs / 3 };
    // Two lengths in ångström, or two counts, have nothing else in common: a panel each.
    const line: PlotChannel = {
      ...base,
      channel: `${metric}_median`,
      label: `${label}, median of ${window}`,
      panel: metric,
    };
    const each: PlotChannel = { ...base, channel: metric, label, panel: metric };
    drawn.push(
      { channel: line, trace },
      { channel: each, trace: { line: dots, low: [], high: [], gaps: [] }, dots: true },
    );
    rows.push(medians, values);
  }
  return { drawn, rows };
}

/** Squares with what is asked for first: by number, or the best median first; those without last. */
export function sortedSquares(rows: readonly SquareRow[], by: TrendsAsk["sort"]): SquareRow[] {
  const byNumber = rows.toSorted((a, b) => a.squareId - b.squareId);
  if (by === "square") return byNumber;
  const isMore = by.startsWith("particles");
  const worth = ({ metrics }: SquareRow) => {
    const median = metrics[by]?.median ?? null;
    return median === null ? Infinity : isMore ? -median : median;
  };
  return byNumber.sort((a, b) => worth(a) === worth(b) ? 0 : worth(a) - worth(b));
}

/** The address of the same page with something else asked for. */
export function trendsHref(ask: TrendsAsk, to: Partial<TrendsAsk>): string {
  const { window, range, sort, asTable } = { ...ask, ...to };
  return `?${new URLSearchParams({
    ...(window === 50 ? {} : { median: String(window) }),
    ...(range === null
      ? {}
      : { from: String(Math.round(range[0])), to: String(Math.round(range[1])) }),
    ...(sort === "square" ? {} : { sort }),
    ...(asTable ? { view: "table" } : {}),
  })}`;
}
