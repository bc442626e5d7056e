import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { formatNumber, NO_VALUE } from "../components/format.ts";
import type { Panels } from "../components/plot/panels.ts";
import {
  gapLimitMs,
  nearest,
  type PlotChannel,
  type Trace,
  traceOf,
} from "../components/plot/shape.ts";
import { keyOf } from "../components/plot/shape.ts";

interface Props {
  id: string;
  live: boolean;
}

/** `GET …/data`: the columns of the run's CSV, lists already taken apart. */
interface RunData {
  columns: { name: string; unit: string; values: (number | null)[] }[];
  /** Milliseconds since the run's first row. */
  elapsedMs: number[];
}

const ROWS_MOST = 2000;

/** The numbers a run has written, over the time since its first row. */
export default function RunPlot({ id, live }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const panels = useRef<Panels | null>(null);
  const data = useSignal<RunData | null>(null);
  const hidden = useSignal<string[]>([]);
  const range = useSignal<[number, number] | null>(null);
  const hoverMs = useSignal<number | null>(null);
  const failure = useSignal<string | null>(null);

  const drawn = useComputed(() => {
    const { columns = [], elapsedMs = [] } = data.value ?? {};
    const periodMs = elapsedMs.length < 2
      ? 1000
      : (elapsedMs.at(-1)! - elapsedMs[0]!) / (elapsedMs.length - 1);
    return columns.filter(({ name, values }) =>
      !hidden.value.includes(name) && values.some((value) => value !== null)
    ).map(({ name, unit, values }, index) => {
      const channel: PlotChannel = {
        deviceId: "run",
        channel: name,
        label: name.replaceAll("_", " "),
        unit,
        decimals: 3,
        periodMs,
        colour: index % 8 + 1,
      };
      const buckets = values.map((value, row) => ({
        atMs: elapsedMs[row]!,
        min: value,
        max: value,
        mean: value,
        count: value === null ? 0 : 1,
      }));
      return { channel, trace: traceOf(buckets, gapLimitMs(periodMs, periodMs)) };
    });
  });

  function view(): [number, number] {
    const elapsed = data.value?.elapsedMs ?? [];
    return range.value ?? [0, Math.max(1000, elapsed.at(-1) ?? 0)];
  }

  useEffect(() => {
    let gone = false;
    async function load() {
      const reply = await fetch(`/api/v1/experiments/${id}/data?rows=${ROWS_MOST}`).catch(() =>
        null
      );
      if (gone) return;
      if (reply?.status === 404) data.value = { columns: [], elapsedMs: [] };
      else if (!reply?.ok) failure.value = "The run's data cannot be read now";
      else {
        data.value = await reply.json();
        failure.value = null;
      }
    }
    load();
    const again = live ? setInterval(() => document.hidden || load(), 3000) : undefined;
    return () => {
      gone = true;
      clearInterval(again);
      panels.current?.destroy();
    };
  }, []);

  useEffect(() => {
    if (drawn.value.length === 0 || host.current === null) return;
    const paint = () => panels.current?.show(drawn.value, view(), []);
    if (panels.current !== null) return paint();
    import("../components/plot/panels.ts").then(({ Panels }) => {
      if (host.current === null || panels.current !== null) return;
      panels.current = new Panels(host.current, {
        elapsed: true,
        onRange: (from, to) => range.value = [from, to],
        onHover: (at) => hoverMs.value = at,
        onBack: () => range.value = null,
      });
      paint();
    });
  }, [drawn.value, range.value]);
  useEffect(() => panels.current?.hover(hoverMs.value), [hoverMs.value]);

  const columns = data.value?.columns ?? [];
  return (
    <>
      <header>
        <h2>Measured by this run</h2>
        {columns.length > 0 && (
          <details class="menu">
            <summary class="btn btn-quiet">Columns</summary>
            <fieldset class="menu-list below">
              <legend class="visually-hidden">Columns drawn</legend>
              {columns.map(({ name }) => (
                <label key={name}>
                  <input
                    type="checkbox"
                    checked={!hidden.value.includes(name)}
                    onChange={() =>
                      hidden.value = hidden.value.includes(name)
                        ? hidden.value.filter((one) => one !== name)
                        : [...hidden.value, name]}
                  />
                  {name}
                </label>
              ))}
            </fieldset>
          </details>
        )}
      </header>
      {failure.value !== null && <p class="notice" role="status">{failure.value}</p>}
      {data.value !== null && columns.length === 0 && (
        <p class="empty">
          Numbers appear when the script writes <code>experiment_data.csv</code>, as{" "}
          <code>write_data_to_csv</code> does.
        </p>
      )}
      <div
        class={drawn.value.length === 0 ? "panels none" : "panels"}
        ref={host}
        role="img"
        aria-label={`${
          drawn.value.map(({ channel }) => channel.label).join(", ")
        } over the time of the run`}
      />
      <ul class="legend">
        {drawn.value.map(({ channel, trace }) => (
          <li key={keyOf(channel)}>
            <i class={`swatch c${channel.colour}`} />
            {channel.label} <b class="num">{valueAt(trace, channel, hoverMs.value)}</b>{" "}
            {channel.unit}
          </li>
        ))}
      </ul>
    </>
  );
}

function valueAt(trace: Trace, channel: PlotChannel, hoverMs: number | null): string {
  const index = hoverMs === null
    ? trace.line.length - 1
    : nearest(trace.line, hoverMs, gapLimitMs(channel.periodMs, channel.periodMs));
  const y = trace.line[index]?.y ?? null;
  return y === null ? NO_VALUE : formatNumber(y, channel.decimals);
}
