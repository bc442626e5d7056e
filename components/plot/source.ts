import {
  gapLimitMs,
  keyOf,
  type PlotBucket,
  type PlotChannel,
  type Trace,
  traceOf,
} from "./shape.ts";
import type { Series } from "../../lib/telemetry/model.ts";

/** Buckets of `channels` over a range, one trace each in the channels' order. @throws when the instrument does not answer. */
export async function fetchTraces(
  channels: readonly PlotChannel[],
  [fromMs, toMs]: [number, number],
  buckets: number,
  signal: AbortSignal,
): Promise<{ traces: Trace[]; bucketMs: number; rows: PlotBucket[][] }> {
  const query = new URLSearchParams({
    channels: channels.map(keyOf).join(","),
    from: String(Math.round(fromMs)),
    to: String(Math.round(toMs)),
    buckets: String(buckets),
  });
  const reply = await fetch(`/api/v1/telemetry/series?${query}`, { signal });
  const body = await reply.json();
  if (!reply.ok) throw new Error(body.detail ?? `The instrument answered ${reply.status}`);
  const series = body.series as Series[];
  const rows = channels.map((channel) =>
    series.find((one) => keyOf(one) === keyOf(channel))?.buckets ?? []
  );
  const bucketMs = series[0]?.bucketMs ?? 1000;
  return {
    rows,
    bucketMs,
    traces: channels.map((channel, index) =>
      traceOf(rows[index]!, gapLimitMs(channel.periodMs, bucketMs))
    ),
  };
}

/** Where a person saves what the chart shows. */
export function exportHref(
  channels: readonly PlotChannel[],
  [fromMs, toMs]: [number, number],
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

/** Adds a live reading to a trace in place of nothing: the line grows, or breaks after a silence. */
export function extend(trace: Trace, atMs: number, value: number | null, limitMs: number): Trace {
  const last = trace.line.at(-1);
  if (value === null || (last !== undefined && atMs <= last.x)) return trace;
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
