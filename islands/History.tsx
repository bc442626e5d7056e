import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import { formatTime } from "../components/format.ts";
import { hearEvents, hearReadings, instrumentNow, type LiveEvent } from "../components/live.ts";
import { saveText } from "../components/plot/save.ts";
import { isMark, isShown, type LoggedEvent, markOf } from "../components/plot/marks.ts";
import type { Panels } from "../components/plot/panels.ts";
import { ChannelMenu, ExportMenu, Legend, TableView } from "../components/plot/parts.tsx";
import { Plot } from "../components/plot/Plot.tsx";
import {
  type Drawn,
  EMPTY,
  extend,
  gapLimitMs,
  keyOf,
  type PlotBucket,
  type PlotChannel,
  type Trace,
} from "../components/plot/shape.ts";
import {
  exportHref,
  fetchData,
  type PackedData,
  type PlotData,
  setpointSteps,
  tracesOf,
  unpacked,
} from "../components/plot/source.ts";
import {
  type PlotView,
  rangeOf,
  RUN_WINDOW,
  viewQuery,
  WINDOWS,
  windowTitle,
} from "../components/plot/view.ts";
import { zoneShown } from "../components/Time.tsx";
import type { Reading } from "../lib/devices/model.ts";

interface Props {
  /** All that may be drawn. */
  channels: PlotChannel[];
  /** What the address asked for. */
  view: PlotView;
  /** Drawn where the address names no channel. */
  first: string[];
  /** What `view` shows, as the server had it. */
  data: PackedData;
  /** Events worth a mark, newest first. */
  events: LoggedEvent[];
  /** When the running experiment started, for the window `Run`. */
  runFromMs: number | null;
  /** The instrument's oldest sample, where it is that new. */
  firstMs: number | null;
  /** New values are drawn so often; 0: as they come. */
  intervalMs: number;
  /** Only events of this subject are marked, and its setpoints drawn; absent: the instrument's and runs'. */
  subject?: string;
  clock: PageClock;
  /** The page's own query, which other parts of the page keep their state in too. */
  search: string;
}

/** What the browser has of one channel. */
interface Known {
  readonly trace: Trace;
  readonly rows: readonly PlotBucket[];
}
const UNKNOWN: Known = { trace: EMPTY, rows: [] };

const BUCKETS = 600;
const EVENTS_MOST = 200;

/** History of some channels: live while its window ends now, still while a person looks at a range. */
export default function History(props: Props) {
  const { channels, first, clock, subject, runFromMs, firstMs } = props;
  const panels = useRef<Panels | null>(null);
  const view = useSignal<PlotView>(props.view);
  const loaded = useMemo(() => unpacked(props.data), []);
  const bucketMs = useSignal(loaded.bucketMs);
  const known = useSignal<Record<string, Known>>(
    useMemo(() => knownOf(loaded, drawnOf(props.view)), []),
  );
  const events = useSignal(props.events);
  const hoverMs = useSignal<number | null>(null);
  const failure = useSignal<string | null>(null);
  const busy = useSignal(false);
  const asTable = useSignal(false);

  function drawnOf({ shown }: PlotView): PlotChannel[] {
    return shown.flatMap((key) => channels.find((channel) => keyOf(channel) === key) ?? []);
  }
  const shown = useComputed(() => drawnOf(view.value));
  const nowMs = instrumentNow(clock);
  const range = rangeOf(view.value, nowMs, { runFromMs, firstMs });
  const moved = view.value.range !== null;

  // What is asked for again: at each change of the view, and as a live window moves on.
  useEffect(() => {
    const asking = new AbortController();
    async function load() {
      const asked = shown.value;
      if (asked.length === 0) return;
      try {
        const span = rangeOf(view.value, instrumentNow(clock), { runFromMs, firstMs });
        const data = await fetchData(asked, span, BUCKETS, asking.signal);
        bucketMs.value = data.bucketMs;
        known.value = knownOf(data, asked);
        failure.value = null;
      } catch (error) {
        if (asking.signal.aborted) return;
        failure.value = error instanceof Error ? error.message : String(error);
      }
      busy.value = false;
    }
    busy.value = true;
    load();
    const again = moved
      ? undefined
      : setInterval(() => document.hidden || load(), Math.max(30_000, (range[1] - range[0]) / 600));
    const seen = () => document.hidden || moved || load();
    document.addEventListener("visibilitychange", seen);
    remember(view.value, first);
    return () => {
      asking.abort();
      clearInterval(again);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [view.value]);

  useEffect(() => {
    // Live growth: readings are appended, the window slides, nothing is animated.
    let held: Reading[] = [];
    let drawnAtMs = -Infinity;
    const stopReadings = hearReadings((readings) => {
      if (view.value.range !== null) return;
      held.push(...readings);
      if (performance.now() - drawnAtMs < props.intervalMs) return;
      drawnAtMs = performance.now();
      let next = known.value;
      const all = held;
      held = [];
      for (const { deviceId, channel: id, value, atMs } of all) {
        const key = keyOf({ deviceId, channel: id });
        const channel = shown.value.find((one) => keyOf(one) === key);
        if (channel === undefined || typeof value !== "number") continue;
        const { trace, rows } = next[key] ?? UNKNOWN;
        const limit = gapLimitMs(channel.periodMs, bucketMs.value);
        next = { ...next, [key]: { rows, trace: extend(trace, atMs, value, limit) } };
      }
      known.value = next;
    });
    const stopEvents = hearEvents((event: LiveEvent) => {
      if (!isShown(event, subject) || events.value.some(({ seq }) => seq === event.seq)) return;
      events.value = [event, ...events.value].slice(0, EVENTS_MOST);
    });
    return () => {
      stopReadings();
      stopEvents();
    };
  }, []);

  const drawn: Drawn[] = useMemo(() =>
    shown.value.map((channel) => {
      const { trace } = known.value[keyOf(channel)] ?? UNKNOWN;
      if (channel.deviceId !== subject) return { channel, trace };
      return { channel, trace, setpoint: setpointSteps(events.value, channel.channel, nowMs) };
    }), [shown.value, known.value, events.value, nowMs]);
  const marks = useMemo(
    () => events.value.filter((event) => isMark(event, subject)).map(markOf).toReversed(),
    [events.value],
  );
  const zone = zoneShown(clock);
  const scene = useMemo(
    () => ({ drawn, range, marks, zone }),
    [drawn, marks, zone, range[0], range[1]],
  );
  const title = moved ? rangeText(range, zone, nowMs) : windowTitle(view.value.windowId);
  const hrefTo = (windowId: string) =>
    `?${
      viewQuery(new URLSearchParams(props.search), { ...view.value, windowId, range: null }, first)
    }`;

  return (
    <section class="card plot" aria-label="History">
      <header>
        <h2 class="num">
          {hoverMs.value === null ? title : momentText(hoverMs.value, zone, nowMs)}
        </h2>
        <div class="seg" role="group" aria-label="Time window">
          {[...WINDOWS, ...(runFromMs === null ? [] : [RUN_WINDOW])].map(({ id, label }) => (
            <a
              key={id}
              href={hrefTo(id)}
              aria-current={!moved && view.value.windowId === id ? "true" : "false"}
              onClick={(event) => {
                if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                event.preventDefault();
                view.value = { ...view.value, windowId: id, range: null };
              }}
            >
              {label}
            </a>
          ))}
        </div>
      </header>
      {failure.value !== null && (
        <p class="notice" role="status">
          <span class="dot" />
          <span class="grow">No newer history to draw: {failure.value}</span>
        </p>
      )}
      {asTable.value
        ? (
          <TableView
            channels={shown.value}
            rows={shown.value.map((channel) => (known.value[keyOf(channel)] ?? UNKNOWN).rows)}
            range={range}
            clock={clock}
          />
        )
        : drawn.length === 0
        ? <p class="panels empty">No channel is chosen. Choose one below.</p>
        : (
          <Plot
            scene={scene}
            hoverMs={hoverMs.value}
            label={`${shown.value.map(({ label }) => label).join(", ")}: ${title}`}
            busy={busy.value}
            handle={panels}
            size={subject === undefined ? [430, 300] : [740, 340]}
            onRange={(from, to) => view.value = { ...view.value, range: [from, to] }}
            onHover={(atMs) => hoverMs.value = atMs}
            onBack={() => view.value = { ...view.value, range: null }}
          />
        )}
      <div class="plot-foot">
        <Legend drawn={drawn} hoverMs={hoverMs.value} nowMs={moved ? null : nowMs} />
        <div class="tools">
          {moved && (
            <button
              type="button"
              class="btn btn-quiet"
              title="Back to the window that ends now"
              onClick={() => view.value = { ...view.value, range: null }}
            >
              Live
            </button>
          )}
          <ChannelMenu
            channels={channels}
            shown={view.value.shown}
            search={props.search}
            onChange={(keys) => view.value = { ...view.value, shown: keys }}
          />
          <button
            type="button"
            class="btn btn-quiet script-only"
            aria-pressed={asTable.value}
            onClick={() => asTable.value = !asTable.value}
          >
            {asTable.value ? "Chart" : "Table"}
          </button>
          <ExportMenu
            csv={exportHref(shown.value, range, "csv")}
            json={exportHref(shown.value, range, "json")}
            onSvg={() =>
              panels.current && saveText(panels.current.toSvg(title), "holdfast-history.svg")}
            onPng={() => panels.current?.toPng(title)}
          />
        </div>
      </div>
    </section>
  );
}

function knownOf(data: PlotData, channels: readonly PlotChannel[]): Record<string, Known> {
  const traces = tracesOf(data, channels);
  return Object.fromEntries(channels.map((channel, index) => [
    keyOf(channel),
    { trace: traces[index]!, rows: data.rows[index] ?? [] },
  ]));
}

function rangeText([fromMs, toMs]: readonly [number, number], zone: string, nowMs: number): string {
  const from = momentText(fromMs, zone, nowMs);
  const sameDay = formatTime(fromMs, "day", zone) === formatTime(toMs, "day", zone);
  return `${from} to ${sameDay ? formatTime(toMs, "clock", zone) : momentText(toMs, zone, nowMs)}`;
}

/** The time alone for today, with its date for any other day. */
function momentText(atMs: number, zone: string, nowMs: number): string {
  const today = formatTime(atMs, "day", zone, nowMs) === formatTime(nowMs, "day", zone);
  return formatTime(atMs, today ? "clock" : "stamp", zone, nowMs);
}

/** The address holds the view, so that a link shows the same to a colleague. */
function remember(view: PlotView, first: string[]): void {
  const url = new URL(location.href);
  url.search = viewQuery(url.searchParams, view, first).toString();
  if (url.href !== location.href) history.replaceState(history.state, "", url);
}
