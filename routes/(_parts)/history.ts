import { dashboardChannels, withAxes, withColours } from "../../components/dashboard.ts";
import { plotChannels } from "../../components/shown.ts";
import { isShown, type LoggedEvent, MARK_TYPES } from "../../components/plot/marks.ts";
import { keyOf, type PlotChannel } from "../../components/plot/shape.ts";
import { packed, type PackedData } from "../../components/plot/source.ts";
import { type PlotView, rangeOf, viewOf } from "../../components/plot/view.ts";
import type { PageClock } from "../../components/clock.ts";
import type { Instrument } from "../../lib/instrument/mod.ts";
import { type Series, TelemetryUnavailable } from "../../lib/telemetry/mod.ts";

/** Everything the history of a page needs for its first picture. */
export interface HistoryProps {
  readonly channels: PlotChannel[];
  readonly view: PlotView;
  readonly first: string[];
  readonly data: PackedData;
  readonly events: LoggedEvent[];
  readonly runFromMs: number | null;
  readonly firstMs: number | null;
  /** New values are drawn so often. */
  readonly intervalMs: number;
  readonly subject?: string;
  readonly clock: PageClock;
  readonly search: string;
}

/** Enough for a first picture; the browser asks for more. */
const BUCKETS = 240;
const EVENTS = 200;
const FIRST_OF_DEVICE = 4;

/** The history an address asks for: of the whole instrument, or of one device. */
export async function historyProps(
  { devices, telemetry, events, experiments, compat }: Instrument,
  url: URL,
  clock: PageClock,
  deviceId?: string,
): Promise<HistoryProps> {
  // Colours belong to a channel's place among all of them, on every page.
  const views = devices.list();
  const { settings } = compat.dashboard;
  const all = withAxes(withColours(plotChannels(views), settings.colours), settings.limits);
  const channels = deviceId === undefined ? all : all.filter((one) => one.deviceId === deviceId);
  const first = deviceId === undefined
    ? dashboardChannels(all, views, settings)
    : channels.slice(0, FIRST_OF_DEVICE).map(keyOf);
  const runFromMs = experiments.running()?.startedAtMs ?? null;
  const view = viewOf(url.searchParams, {
    known: new Set(channels.map(keyOf)),
    first,
    hasRun: runFromMs !== null,
  });
  const shown = view.shown.flatMap((key) => channels.find((one) => keyOf(one) === key) ?? []);
  const windowed = { windowId: view.windowId, range: null };
  const [fromMs] = rangeOf(windowed, clock.nowMs, { runFromMs, firstMs: null });
  const firstMs = firstSample(telemetry, shown, fromMs, clock.nowMs);
  const [seenFromMs, toMs] = rangeOf(view, clock.nowMs, { runFromMs, firstMs });
  const series = seriesOf(telemetry, {
    channels: shown.map(({ deviceId, channel }) => ({ deviceId, channel })),
    fromMs: seenFromMs,
    toMs,
    buckets: BUCKETS,
  });
  const found = await events.read({
    limit: EVENTS,
    ...(deviceId === undefined
      ? { types: [...MARK_TYPES.instrument] }
      : { subject: deviceId, types: [...MARK_TYPES.device] }),
  });
  return {
    channels,
    view,
    first,
    data: packed(series, shown),
    events: found.filter((event) => isShown(event, deviceId))
      .map(({ seq, atMs, type, subject, text, data }) => ({
        seq,
        atMs,
        type,
        subject,
        text,
        data: lean(data),
      })),
    runFromMs,
    firstMs,
    intervalMs: deviceId === undefined ? settings.update_interval * 1000 : 0,
    ...(deviceId === undefined ? {} : { subject: deviceId }),
    clock,
    search: url.search,
  };
}

/** Stored series; none where the store cannot be read, for a page without curves still has STOP and values. */
export function seriesOf(
  telemetry: Instrument["telemetry"],
  ask: Parameters<Instrument["telemetry"]["series"]>[0],
): Series[] {
  try {
    return telemetry.series(ask);
  } catch (error) {
    if (error instanceof TelemetryUnavailable) return [];
    throw error;
  }
}

/** When the first of `channels` was first seen, where that is inside the window; else `null`. */
function firstSample(
  telemetry: Instrument["telemetry"],
  channels: readonly PlotChannel[],
  fromMs: number,
  nowMs: number,
): number | null {
  const asked = channels.map(({ deviceId, channel }) => ({ deviceId, channel }));
  const measured = (from: number, to: number, buckets: number) =>
    asked.length === 0 || to <= from
      ? []
      : seriesOf(telemetry, { channels: asked, fromMs: from, toMs: to, buckets })
        .flatMap(({ bucketMs, buckets }) =>
          buckets.filter(({ count }) => count > 0)
            .map(({ atMs }) => ({ atMs, endMs: atMs + bucketMs }))
        );
  // Long ago only whole hours are known, and a bucket may reach beyond what was asked for.
  const hourMs = Math.floor(fromMs / HOUR_MS) * HOUR_MS;
  const before = [
    ...measured(0, hourMs, 1),
    ...measured(hourMs, fromMs, 60).filter(({ endMs }) => endMs <= fromMs),
  ];
  if (before.length > 0) return null;
  const times = measured(fromMs, nowMs, BUCKETS).map(({ atMs }) => atMs);
  return times.length === 0 ? null : Math.max(fromMs, Math.min(...times));
}

const HOUR_MS = 3_600_000;

/** A setpoint, and nothing of the rest: a ring light's read-back alone has 32 colours. */
function lean(data: Record<string, unknown>): Record<string, unknown> {
  const { state } = data;
  if (typeof state !== "object" || state === null) return { state };
  const { setpoint } = state as { setpoint?: unknown };
  return { state: { setpoint } };
}
