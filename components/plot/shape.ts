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
  /** What it can read at all; an axis does not reach beyond it. */
  readonly min?: number;
  readonly max?: number;
  /** What people want its axis to span at least. */
  readonly axis?: { readonly min?: number | undefined; readonly max?: number | undefined };
  /** Names its panel where two quantities have the same unit and nothing else in common; default: its unit. */
  readonly panel?: string;
}

/** The panel a channel is drawn in. */
export function panelOf({ panel, unit }: Pick<PlotChannel, "panel" | "unit">): string {
  return panel ?? unit;
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

export const EMPTY: Trace = { line: [], low: [], high: [], gaps: [] };

/** A channel with what is known of it. */
export interface Drawn {
  readonly channel: PlotChannel;
  readonly trace: Trace;
  /** What was asked of it, as a step line; absent where nothing was. */
  readonly setpoint?: readonly Point[];
  /** Each sample stands for itself: dots, and no line from one to the next. */
  readonly dots?: boolean;
}

/** A moment worth a line across all panels. */
export interface Mark {
  readonly atMs: number;
  readonly label: string;
  readonly href: string;
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

/** Adds a live reading: the line grows, or breaks after a silence. What is older than the line is left out. */
export function extend(trace: Trace, atMs: number, value: number, limitMs: number): Trace {
  const last = trace.line.at(-1);
  if (last !== undefined && atMs <= last.x) return trace;
  const broken = last !== undefined && atMs - last.x > limitMs;
  const tail = [
    ...(broken ? [{ x: (last.x + atMs) / 2, y: null }] : []),
    { x: atMs, y: value },
  ];
  return {
    line: [...trace.line, ...tail],
    low: trace.low.length === 0 ? [] : [...trace.low, ...tail],
    high: trace.high.length === 0 ? [] : [...trace.high, ...tail],
    gaps: broken ? [...trace.gaps, { fromMs: last.x, toMs: atMs }] : trace.gaps,
  };
}

/** Panels, one a unit, in the order in which units first appear. */
export function panelsOf<D extends { readonly channel: PlotChannel }>(
  drawn: readonly D[],
): { key: string; unit: string; drawn: D[] }[] {
  return [...Map.groupBy(drawn, ({ channel }) => panelOf(channel))].map(([key, drawn]) => ({
    key,
    unit: drawn[0]!.channel.unit,
    drawn,
  }));
}

/** Heading of a panel: its channel where it has one, its unit always. */
export function panelTitle(
  { unit, drawn }: { unit: string; drawn: readonly { channel: PlotChannel }[] },
): string {
  const labels = drawn.map(({ channel }) => channel.label);
  const shared = new Set(labels.map((label) => label.split(", ")[0]!));
  const title = labels.length === 1 ? labels[0]! : shared.size === 1 ? [...shared][0]! : "";
  if (unit === "") return title;
  return title === "" ? unit : `${title} (${unit})`;
}

/** Smallest and largest value seen between two times, bands and setpoints included; `null` without any. */
export function extentOf(
  drawn: readonly Drawn[],
  [fromMs, toMs]: readonly [number, number],
): [number, number] | null {
  let low = Infinity;
  let high = -Infinity;
  for (const { trace, setpoint = [] } of drawn) {
    for (const points of [trace.line, trace.low, trace.high, setpoint]) {
      for (const { x, y } of points) {
        if (y === null || x < fromMs || x > toMs) continue;
        if (y < low) low = y;
        if (y > high) high = y;
      }
    }
  }
  return low > high ? null : [low, high];
}

/**
 * At most `most` stretches of the range, oldest first, with the mean of each channel's samples in it; `null`
 * where a channel has none, and no stretch where none has any.
 */
export function binned(
  rows: readonly (readonly PlotBucket[])[],
  [fromMs, toMs]: readonly [number, number],
  most: number,
): { atMs: number; means: (number | null)[] }[] {
  const widthMs = Math.max(1, Math.ceil((toMs - fromMs) / most));
  const bins = new Map<number, { sum: number; count: number }[]>();
  rows.forEach((buckets, column) => {
    for (const { atMs, mean, count } of buckets) {
      if (mean === null || atMs < fromMs || atMs > toMs) continue;
      const at = Math.floor(atMs / widthMs) * widthMs;
      const bin = bins.get(at) ?? rows.map(() => ({ sum: 0, count: 0 }));
      bins.set(at, bin);
      bin[column]!.sum += mean * count;
      bin[column]!.count += count;
    }
  });
  return [...bins].toSorted(([a], [b]) => a - b).map(([atMs, bin]) => ({
    atMs,
    means: bin.map(({ sum, count }) => count === 0 ? null : sum / count),
  }));
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

/** A trend as a polyline in a box of `width` × `height`, broken at gaps; `null` with too little to tell. */
export function sparkPath(
  { line }: Trace,
  [fromMs, toMs]: readonly [number, number],
  [low, high]: readonly [number, number],
  [width, height]: readonly [number, number],
): string | null {
  const known = line.filter(({ x, y }) => y !== null && x >= fromMs && x <= toMs);
  const first = known[0]?.x ?? 0;
  const last = known.at(-1)?.x ?? 0;
  if (known.length < 4 || last - first < (toMs - fromMs) / 20) return null;
  let path = "";
  let pen = "M";
  for (const { x, y } of line) {
    if (x < fromMs || x > toMs) continue;
    if (y === null) {
      pen = "M";
      continue;
    }
    const left = (x - fromMs) / (toMs - fromMs) * width;
    const top = height - 2 - (y - low) / (high - low) * (height - 4);
    path += `${pen}${left.toFixed(1)} ${top.toFixed(1)}`;
    pen = "L";
  }
  return path;
}
