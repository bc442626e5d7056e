import {
  gapLimitMs,
  keyOf,
  type PlotBucket,
  type PlotChannel,
  type Point,
  type Trace,
  traceOf,
} from "./shape.ts";
import type { Series } from "../../lib/telemetry/model.ts";

/** Buckets of some channels, in the channels' order. */
export interface PlotData {
  readonly rows: PlotBucket[][];
  readonly bucketMs: number;
}

/** The same as a page carries it: five numbers a bucket, empty ones left out. */
export interface PackedData {
  readonly rows: (number | null)[][];
  readonly bucketMs: number;
}

export function packed(
  series: readonly Series[],
  channels: readonly { readonly decimals: number }[],
): PackedData {
  return {
    bucketMs: series[0]?.bucketMs ?? 1000,
    rows: series.map(({ buckets }, index) => {
      const scale = 10 ** ((channels[index]?.decimals ?? 4) + 2);
      const round = (value: number | null) =>
        value === null ? null : Math.round(value * scale) / scale;
      return buckets.flatMap(({ atMs, mean, min, max, count }) =>
        count === 0 ? [] : [atMs, round(mean), round(min), round(max), count]
      );
    }),
  };
}

export function unpacked({ rows, bucketMs }: PackedData): PlotData {
  return {
    bucketMs,
    rows: rows.map((flat) => {
      const buckets: PlotBucket[] = [];
      for (let i = 0; i < flat.length; i += 5) {
        const [atMs, mean, min, max, count] = flat.slice(i, i + 5);
        buckets.push({ atMs: atMs!, mean: mean!, min: min!, max: max!, count: count! });
      }
      return buckets;
    }),
  };
}

/** One trace a channel. */
export function tracesOf({ rows, bucketMs }: PlotData, channels: readonly PlotChannel[]): Trace[] {
  return channels.map((channel, index) =>
    traceOf(rows[index] ?? [], gapLimitMs(channel.periodMs, bucketMs))
  );
}

/** Buckets of `channels` over a range. @throws {HistoryUnavailable} when the instrument does not give them. */
export async function fetchData(
  channels: readonly Pick<PlotChannel, "deviceId" | "channel">[],
  [fromMs, toMs]: readonly [number, number],
  buckets: number,
  signal?: AbortSignal,
): Promise<PlotData> {
  const query = new URLSearchParams({
    channels: channels.map(keyOf).join(","),
    from: String(Math.round(fromMs)),
    to: String(Math.round(toMs)),
    buckets: String(buckets),
  });
  const reply = await fetch(`/api/v1/telemetry/series?${query}`, { signal });
  const body = await reply.json().catch(() => null);
  if (!reply.ok) {
    throw new HistoryUnavailable(body?.detail ?? `the instrument answered ${reply.status}`);
  }
  const series = body.series as Series[];
  return {
    rows: channels.map((channel) =>
      series.find((one) => keyOf(one) === keyOf(channel))?.buckets ?? []
    ),
    bucketMs: series[0]?.bucketMs ?? 1000,
  };
}

/** The instrument answered, and had no history to give. */
export class HistoryUnavailable extends Error {
  override readonly name = "HistoryUnavailable";
}

/** Where a person saves what the chart shows. */
export function exportHref(
  channels: readonly PlotChannel[],
  [fromMs, toMs]: readonly [number, number],
  format: "csv" | "json",
): string {
  const query = new URLSearchParams({
    channels: channels.map(keyOf).join(","),
    from: String(Math.round(fromMs)),
    to: String(Math.round(toMs)),
    format,
  });
  return `/api/v1/telemetry/export?${query}`;
}

/** A setpoint event as the log has it. */
export interface SetpointEvent {
  readonly atMs: number;
  readonly data: Record<string, unknown>;
}

/** What was asked of `channel` as steps, from events newest first, on to `untilMs`. */
export function setpointSteps(
  events: readonly SetpointEvent[],
  channel: string,
  untilMs: number,
): Point[] {
  const points: Point[] = [];
  for (const { atMs, data } of events.toReversed()) {
    const { setpoint } = (data.state ?? {}) as { setpoint?: Record<string, unknown> };
    const value = setpoint?.[channel];
    if (typeof value !== "number") continue;
    const before = points.at(-1);
    if (before !== undefined) points.push({ x: atMs, y: before.y });
    points.push({ x: atMs, y: value });
  }
  const last = points.at(-1);
  return last === undefined || last.x >= untilMs ? points : [...points, { x: untilMs, y: last.y }];
}
