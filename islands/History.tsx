import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { formatNumber, formatStamp, NO_VALUE } from "../components/format.ts";
import { clockAheadMs, hearEvents, hearReadings, tick } from "../components/live.ts";
import type { Mark, Panels } from "../components/plot/panels.ts";
import {
  gapLimitMs,
  keyOf,
  nearest,
  type PlotBucket,
  type PlotChannel,
  type Trace,
  WINDOWS,
} from "../components/plot/shape.ts";
import { exportHref, extend, fetchTraces } from "../components/plot/source.ts";

interface Props {
  title: string;
  /** All that may be drawn; `shown` are drawn at first. */
  channels: PlotChannel[];
  shown: string[];
  /** When the running experiment started, for the window `Run`. */
  runFromMs: number | null;
  windowId: string;
  /** Server time, for the first paint. */
  nowMs: number;
  /** Only events of this subject are marked; absent: the instrument's and experiments'. */
  subject?: string;
}

const BUCKETS = 600;

/** History of some channels: live while its window ends now, still while a person looks at a range. */
export default function History(props: Props) {
  const host = useRef<HTMLDivElement>(null);
  const panels = useRef<Panels | null>(null);
  const shown = useSignal(props.shown);
  const windowId = useSignal(props.windowId);
  /** A range chosen by hand; `null`: the window that ends now. */
  const range = useSignal<[number, number] | null>(null);
  const traces = useSignal<Trace[]>([]);
  const rows = useSignal<PlotBucket[][]>([]);
  const bucketMs = useSignal(1000);
  const marks = useSignal<Mark[]>([]);
  const hoverMs = useSignal<number | null>(null);
  const failure = useSignal<string | null>(null);
  const loading = useSignal(true);

  const drawn = useComputed(() => props.channels.filter((c) => shown.value.includes(keyOf(c))));

  function view(): [number, number] {
    if (range.value !== null) return range.value;
    const now = Date.now() + clockAheadMs.value;
    if (windowId.value === "run" && props.runFromMs !== null) return [props.runFromMs, now];
    return [now - (WINDOWS.find(({ id }) => id === windowId.value) ?? WINDOWS[0]).ms, now];
  }

  function paint() {
    panels.current?.show(
      drawn.value.flatMap((channel, index) => {
        const trace = traces.value[index];
        return trace === undefined ? [] : [{ channel, trace }];
      }),
      view(),
      marks.value,
    );
  }

  useEffect(() => {
    let gone = false;
    import("../components/plot/panels.ts").then(({ Panels }) => {
      if (gone || host.current === null) return;
      panels.current = new Panels(host.current, {
        onRange: (fromMs, toMs) => range.value = [fromMs, toMs],
        onHover: (atMs) => hoverMs.value = atMs,
        onBack: () => range.value = null,
      });
      paint();
    });
    return () => {
      gone = true;
      panels.current?.destroy();
    };
  }, []);

  // What is asked for again: at each change of the view, and as a live window moves on.
  useEffect(() => {
    const asking = new AbortController();
    async function load() {
      if (drawn.value.length === 0) return void (loading.value = false);
      try {
        const found = await fetchTraces(drawn.value, view(), BUCKETS, asking.signal);
        traces.value = found.traces;
        rows.value = found.rows;
        bucketMs.value = found.bucketMs;
        failure.value = null;
      } catch (error) {
        if (asking.signal.aborted) return;
        failure.value = error instanceof Error ? error.message : String(error);
      }
      loading.value = false;
      paint();
    }
    loading.value = true;
    load();
    const again = range.value === null
      ? setInterval(load, Math.max(30_000, (view()[1] - view()[0]) / BUCKETS))
      : undefined;
    remember(windowId.value, shown.value, range.value, props);
    return () => {
      asking.abort();
      clearInterval(again);
    };
  }, [shown.value, windowId.value, range.value]);

  // Live growth: readings are appended, the window slides, nothing is animated.
  useEffect(() => {
    const stopReadings = hearReadings((readings) => {
      if (range.value !== null) return;
      traces.value = drawn.value.map((channel, index) => {
        let trace = traces.value[index] ?? { line: [], low: [], high: [], gaps: [] };
        for (const reading of readings) {
          if (keyOf(reading) !== keyOf(channel) || typeof reading.value !== "number") continue;
          const limit = gapLimitMs(channel.periodMs, bucketMs.value);
          trace = extend(trace, reading.atMs, reading.value, limit);
        }
        return trace;
      });
    });
    const stopEvents = hearEvents((event) => {
      if (marked(event, props.subject)) {
        marks.value = [...marks.value, { atMs: event.atMs, label: event.text }].slice(-100);
      }
    });
    fetchMarks(props.subject).then((found) => {
      marks.value = found;
      paint();
    });
    return () => {
      stopReadings();
      stopEvents();
    };
  }, []);

  useEffect(() => {
    if (range.value === null && !document.hidden) paint();
  }, [tick.value]);
  useEffect(() => panels.current?.hover(hoverMs.value), [hoverMs.value]);

  const moved = range.value !== null;
  return (
    <section class="card plot">
      <header>
        <h2>{moved ? rangeTitle(range.value!, props.nowMs) : props.title}</h2>
        <div class="seg" role="group" aria-label="Time window">
          {[...WINDOWS, ...(props.runFromMs === null ? [] : [{ id: "run", label: "Run" }])].map((
            { id, label },
          ) => (
            <button
              type="button"
              key={id}
              aria-pressed={!moved && windowId.value === id}
              onClick={() => {
                range.value = null;
                windowId.value = id;
              }}
            >
              {label}
            </button>
          ))}
        </div>
      </header>
      {failure.value !== null && (
        <p class="notice" role="status">
          <span class="dot" />
          <span class="grow">No history to draw: {failure.value}</span>
        </p>
      )}
      <div
        class={loading.value ? "panels loading" : "panels"}
        ref={host}
        role="img"
        aria-label={`${
          drawn.value.map((c) => c.label).join(", ")
        } over time; the table view below has the numbers`}
      />
      <ul class="legend">
        {drawn.value.map((channel, index) => (
          <li key={keyOf(channel)}>
            <i class={`swatch c${channel.colour}`} />
            {channel.label}{" "}
            <b class="num">
              {valueAt(traces.value[index], channel, hoverMs.value, bucketMs.value)}
            </b>{" "}
            {channel.unit}
          </li>
        ))}
        {hoverMs.value !== null && <li class="num">at {formatStamp(hoverMs.value, props.nowMs)}
        </li>}
        {moved && (
          <li>
            <button type="button" class="btn btn-quiet" onClick={() => range.value = null}>
              Back to live
            </button>
          </li>
        )}
        <li class="push">
          <details class="menu">
            <summary class="btn btn-quiet">Channels</summary>
            <fieldset class="menu-list">
              <legend class="visually-hidden">Channels drawn</legend>
              {props.channels.map((channel) => (
                <label key={keyOf(channel)}>
                  <input
                    type="checkbox"
                    checked={shown.value.includes(keyOf(channel))}
                    onChange={() => shown.value = toggled(shown.value, keyOf(channel))}
                  />
                  {channel.label} <small>{channel.unit}</small>
                </label>
              ))}
            </fieldset>
          </details>
          <details class="menu">
            <summary class="btn btn-quiet">Export</summary>
            <div class="menu-list">
              <button type="button" class="btn btn-quiet" onClick={() => savePng()}>PNG</button>
              <a class="btn btn-quiet" href={exportHref(drawn.value, [...now()], "csv")} download>
                CSV
              </a>
              <a class="btn btn-quiet" href={exportHref(drawn.value, [...now()], "json")} download>
                JSON
              </a>
            </div>
          </details>
        </li>
      </ul>
      <details class="table-view">
        <summary>Table view</summary>
        <TableView channels={drawn.value} rows={rows.value} nowMs={props.nowMs} />
      </details>
    </section>
  );

  function now(): [number, number] {
    return globalThis.document === undefined ? [props.nowMs - 900_000, props.nowMs] : view();
  }

  async function savePng() {
    const picture = await panels.current?.toPng(`${props.title}, ${rangeTitle(view(), 0)}`);
    if (picture === undefined) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(picture);
    link.download = "holdfast-history.png";
    link.click();
    URL.revokeObjectURL(link.href);
  }
}

function TableView(
  { channels, rows, nowMs }: { channels: PlotChannel[]; rows: PlotBucket[][]; nowMs: number },
) {
  const times = (rows[0] ?? []).map(({ atMs }) => atMs);
  const step = Math.max(1, Math.ceil(times.length / 60));
  return (
    <div class="scroll-x">
      <table>
        <thead>
          <tr>
            <th>Time</th>
            {channels.map((c) => <th class="num" key={keyOf(c)}>{`${c.label} ${c.unit}`}</th>)}
          </tr>
        </thead>
        <tbody>
          {times.map((atMs, index) => ({ atMs, index })).filter(({ index }) => index % step === 0)
            .map(({ atMs, index }) => (
              <tr key={atMs}>
                <td class="num">{formatStamp(atMs, nowMs)}</td>
                {channels.map((channel, column) => {
                  const mean = rows[column]?.[index]?.mean ?? null;
                  return (
                    <td class="num" key={keyOf(channel)}>
                      {mean === null ? NO_VALUE : formatNumber(mean, channel.decimals)}
                    </td>
                  );
                })}
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}

function toggled(list: string[], key: string): string[] {
  return list.includes(key) ? list.filter((one) => one !== key) : [...list, key];
}

function valueAt(
  trace: Trace | undefined,
  channel: PlotChannel,
  hoverMs: number | null,
  bucketMs: number,
): string {
  const points = trace?.line ?? [];
  const index = hoverMs === null
    ? points.length - 1
    : nearest(points, hoverMs, gapLimitMs(channel.periodMs, bucketMs));
  const y = points[index]?.y ?? null;
  return y === null ? NO_VALUE : formatNumber(y, channel.decimals);
}

function rangeTitle([fromMs, toMs]: [number, number], nowMs: number): string {
  return `${formatStamp(fromMs, nowMs)} to ${formatStamp(toMs, nowMs)}`;
}

function marked(event: { type: string; subject: string }, subject?: string): boolean {
  return subject === undefined
    ? /^(experiment\.(state|annotation)|instrument\.)/.test(event.type)
    : event.subject === subject && event.type === "device.setpoint";
}

async function fetchMarks(subject?: string): Promise<Mark[]> {
  const query = new URLSearchParams(
    subject === undefined
      ? { limit: "100", type: "experiment.,instrument." }
      : { limit: "100", subject, type: "device.setpoint" },
  );
  const reply = await fetch(`/api/v1/events?${query}`).catch(() => null);
  if (!reply?.ok) return [];
  const { events } = await reply.json() as {
    events: { atMs: number; text: string; type: string; subject: string }[];
  };
  return events.filter((event) => marked(event, subject))
    .map(({ atMs, text }) => ({ atMs, label: text }));
}

/** The address holds the view, so that a link shows the same to a colleague. */
function remember(
  windowId: string,
  shown: string[],
  range: [number, number] | null,
  props: Props,
): void {
  const url = new URL(location.href);
  const set = (name: string, value: string | null) =>
    value === null ? url.searchParams.delete(name) : url.searchParams.set(name, value);
  set("window", windowId === WINDOWS[0].id ? null : windowId);
  set(
    "channels",
    shown.join() === props.shown.join() ? url.searchParams.get("channels") : shown.join(","),
  );
  set("from", range === null ? null : String(Math.round(range[0])));
  set("to", range === null ? null : String(Math.round(range[1])));
  if (url.href !== location.href) history.replaceState(null, "", url);
}
