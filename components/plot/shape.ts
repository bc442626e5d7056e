/**
 * From telemetry buckets and live readings to what a chart draws. Pure: tested without a canvas.
 */

/** One drawn channel. */
export interface PlotChannel {
  readonly deviceId: string;
  readonly channel: string;
  readonly label: string;
  readonly unit: string;
  readonly decimals: number;
  /** How often it is sampled: silence of more than three periods is a gap. */
  readonly periodMs: number;
  /** Index of its colour token, 1 to 8, the same on every page. */
  readonly colour: number;
}

/** `device.channel`, as the telemetry API spells a channel. */
export function keyOf({ deviceId, channel }: { deviceId: string; channel: string }): string {
  return `${deviceId}.${channel}`;
}

export interface PlotBucket {
  readonly atMs: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly count: number;
}

export interface Point {
  readonly x: number;
  /** `null` breaks the line. */
  readonly y: number | null;
}

export interface Trace {
  readonly line: Point[];
  /** Drawn only where a bucket holds more than one sample; empty when none does. */
  readonly low: Point[];
  readonly high: Point[];
  readonly gaps: { readonly fromMs: number; readonly toMs: number }[];
}

/** Silence longer than this between two samples is drawn as a gap. */
export function gapLimitMs(periodMs: number, bucketMs: number): number {
  return Math.max(3 * periodMs, 2 * bucketMs);
}

/**
 * Drops empty buckets between samples that are near enough to belong together, and breaks the line
 * where they are not, so that a slow sensor in a fine window is a line and an outage is a gap.
 */
export function traceOf(buckets: readonly PlotBucket[], limitMs: number): Trace {
  const line: Point[] = [];
  const low: Point[] = [];
  const high: Point[] = [];
  const gaps: Trace["gaps"] = [];
  let lastMs: number | null = null;
  let spread = false;
  for (const { atMs, min, max, mean, count } of buckets) {
    if (mean === null) continue;
    if (lastMs !== null && atMs - lastMs > limitMs) {
      gaps.push({ fromMs: lastMs, toMs: atMs });
      for (const points of [line, low, high]) points.push({ x: (lastMs + atMs) / 2, y: null });
    }
    line.push({ x: atMs, y: mean });
    low.push({ x: atMs, y: min ?? mean });
    high.push({ x: atMs, y: max ?? mean });
    spread ||= count > 1 && min !== max;
    lastMs = atMs;
  }
  return spread ? { line, low, high, gaps } : { line, low: [], high: [], gaps };
}

/** Panels, one a unit, in the order in which units first appear. */
export function panelsOf(
  channels: readonly PlotChannel[],
): { unit: string; channels: PlotChannel[] }[] {
  const panels = new Map<string, PlotChannel[]>();
  for (const channel of channels) {
    const found = panels.get(channel.unit);
    if (found === undefined) panels.set(channel.unit, [channel]);
    else found.push(channel);
  }
  return [...panels].map(([unit, channels]) => ({ unit, channels }));
}

const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;
const STEPS_MS = [
  S,
  2 * S,
  5 * S,
  10 * S,
  15 * S,
  30 * S,
  MIN,
  2 * MIN,
  5 * MIN,
  10 * MIN,
  15 * MIN,
  30 * MIN,
  H,
  2 * H,
  3 * H,
  6 * H,
  12 * H,
  D,
  2 * D,
  7 * D,
  14 * D,
  28 * D,
];

/** At most `most` round times in the range, on the wall clock of a zone `offsetMs` ahead of UTC. */
export function timeTicks(fromMs: number, toMs: number, most: number, offsetMs: number): number[] {
  const span = Math.max(1, toMs - fromMs);
  const stepMs = STEPS_MS.find((step) => span / step <= most) ?? Math.ceil(span / most / D) * D;
  const ticks: number[] = [];
  for (
    let at = Math.ceil((fromMs + offsetMs) / stepMs) * stepMs - offsetMs;
    at <= toMs;
    at += stepMs
  ) ticks.push(at);
  return ticks;
}

/** Index of the point nearest to `x` whose value is known, within `withinMs`; -1 when there is none. */
export function nearest(points: readonly Point[], x: number, withinMs: number): number {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]!.x < x) low = middle + 1;
    else high = middle;
  }
  let best = -1;
  for (const index of [low - 2, low - 1, low, low + 1]) {
    const point = points[index];
    if (point === undefined || point.y === null) continue;
    const away = Math.abs(point.x - x);
    if (away <= withinMs && (best < 0 || away < Math.abs(points[best]!.x - x))) best = index;
  }
  return best;
}

/** Windows offered as buttons; `run` is offered only where a run is known. */
export const WINDOWS = [
  { id: "15m", label: "15 min", ms: 15 * MIN },
  { id: "1h", label: "1 h", ms: H },
  { id: "6h", label: "6 h", ms: 6 * H },
  { id: "24h", label: "24 h", ms: D },
] as const;
