import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import { isActive } from "../components/experiments.ts";
import { formatNumber } from "../components/format.ts";
import { hearEvents, hearExperiments } from "../components/live.ts";
import { pressedMs, type ShownAnnotation, withAnnotation } from "../components/noted_at.ts";
import type { Panels } from "../components/plot/panels.ts";
import { ExportMenu, Legend, TableView } from "../components/plot/parts.tsx";
import { Plot } from "../components/plot/Plot.tsx";
import {
  baseName,
  columnsOf,
  drawnOf,
  firstColumns,
  NO_NUMBERS,
  type RunColumn,
  type RunNumbers,
} from "../components/plot/run.ts";
import { saveText } from "../components/plot/save.ts";
import type { Mark } from "../components/plot/shape.ts";

interface Props {
  id: string;
  number: number;
  /** It may still write. */
  live: boolean;
  startedAtMs: number | null;
  /** All columns of the file, and those drawn. */
  columns: RunColumn[];
  shown: string[];
  /** The numbers of `shown`; `null` before the file has a header. */
  numbers: RunNumbers | null;
  /** What the script noted, oldest first. */
  notes: { atMs: number; text: string }[];
  /** What people noted. */
  annotations: ShownAnnotation[];
  clock: PageClock;
}

const ROWS_MOST = 1500;
const AGAIN_MS = 3000;
/** A run of a week need not be read every three seconds. */
const AGAIN_SHARE = 1 / 1000;

/** The numbers a run has written, over the time since its first row. */
export default function RunPlot(props: Props) {
  const { id, number, clock } = props;
  const panels = useRef<Panels | null>(null);
  const numbers = useSignal<RunNumbers | null>(props.numbers);
  const columns = useSignal(props.columns);
  const shown = useSignal(props.shown);
  const notes = useSignal(props.notes);
  const annotations = useSignal(props.annotations);
  const range = useSignal<[number, number] | null>(null);
  const hoverMs = useSignal<number | null>(null);
  const failure = useSignal<string | null>(null);
  const live = useSignal(props.live);
  const asTable = useSignal(false);

  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    async function load() {
      clearTimeout(timer);
      if (numbers.value === null && !await hasData(id)) {
        if (live.value && !gone) timer = setTimeout(again, AGAIN_MS);
        return;
      }
      const asked = [...new Set(shown.value.map(baseName))].join(",");
      const query = new URLSearchParams({ rows: String(ROWS_MOST) });
      if (asked !== "") query.set("columns", asked);
      const reply = await fetch(`/api/v1/experiments/${id}/data?${query}`).catch(() => null);
      const body = await reply?.json().catch(() => null);
      if (gone) return;
      if (reply?.ok) {
        if (columns.value.length === 0) {
          columns.value = columnsOf(body);
          shown.value = firstColumns(body);
        }
        numbers.value = body;
        failure.value = null;
      } else if (reply?.status !== 404) {
        failure.value = body?.detail ?? "the instrument did not answer";
      }
      const spanMs = numbers.value?.elapsedMs.at(-1) ?? 0;
      if (live.value) timer = setTimeout(again, Math.max(AGAIN_MS, spanMs * AGAIN_SHARE));
    }
    const again = () => document.hidden ? timer = setTimeout(again, AGAIN_MS) : load();
    load();
    const stops = [
      hearExperiments((changed) => {
        if (changed.id !== id) return;
        const now = isActive(changed.state);
        // Begun: there will be rows. Ended: the last ones are there only now.
        if (now !== live.value) {
          live.value = now;
          load();
        }
      }),
      hearEvents(({ type, subject, atMs, text, data }) => {
        if (subject !== id) return;
        if (type === "experiment.note") notes.value = [...notes.value, { atMs, text }];
        if (type === "experiment.annotation") {
          const added = data.annotation as ShownAnnotation;
          annotations.value = withAnnotation(annotations.value, added);
        }
      }),
    ];
    return () => {
      gone = true;
      clearTimeout(timer);
      stops.forEach((stop) => stop());
    };
  }, [shown.value]);

  function choose(name: string) {
    shown.value = shown.value.includes(name)
      ? shown.value.filter((one) => one !== name)
      : [...shown.value, name];
    const url = new URL(location.href);
    if (shown.value.length === 0) url.searchParams.delete("columns");
    else url.searchParams.set("columns", shown.value.join(","));
    history.replaceState(history.state, "", url);
  }

  const drawn = useMemo(
    () => drawnOf(numbers.value ?? NO_NUMBERS, shown.value, columns.value),
    [numbers.value, shown.value, columns.value],
  );
  const marks = useMemo(() => {
    const zeroMs = numbers.value?.startedAtMs ?? props.startedAtMs;
    if (zeroMs === null) return [];
    const said = notes.value.map(({ atMs, text }): Mark => ({
      atMs: atMs - zeroMs,
      label: shortened(text.replace(/^experiment \d+: /, "")),
      href: "#happened",
    }));
    const noted = annotations.value.map(({ atMs, text }): Mark => ({
      atMs: atMs - zeroMs,
      label: shortened(text),
      href: "#notes",
    }));
    return [...said, ...noted].toSorted((a, b) => a.atMs - b.atMs);
  }, [notes.value, annotations.value, numbers.value?.startedAtMs]);
  const endMs = Math.max(1000, numbers.value?.elapsedMs.at(-1) ?? 0);
  const span = range.value ?? [0, endMs] as [number, number];
  const scene = useMemo(
    () => ({ drawn, range: span, marks, zone: null }),
    [drawn, marks, span[0], span[1]],
  );
  const title = `Experiment ${number}`;
  return (
    <section class="card plot" aria-label="Measured by this run">
      <header>
        <h2>Measured by this run</h2>
        {numbers.value !== null && (
          <span class="sub num">
            {hoverMs.value === null
              ? `${numbers.value.rows} rows in experiment_data.csv`
              : `at ${formatNumber(hoverMs.value / 1000, 1)} s`}
          </span>
        )}
      </header>
      {failure.value !== null && (
        <p class="notice" role="status">
          <span class="dot" />
          <span class="grow">The run's numbers cannot be read now: {failure.value}</span>
        </p>
      )}
      {numbers.value === null
        ? (
          <p class="empty">
            Curves appear as soon as the script writes <code>experiment_data.csv</code>, as{" "}
            <code>write_data_to_csv</code> does.
          </p>
        )
        : asTable.value
        ? (
          <TableView
            channels={drawn.map(({ channel }) => channel)}
            rows={drawn.map(({ rows }) => rows)}
            range={span}
            clock={clock}
            elapsed
          />
        )
        : drawn.length === 0
        ? <p class="panels empty">No column is chosen. Choose one below.</p>
        : (
          <div
            class="pressable"
            onClick={() => pressedMs.value = hoverMs.value}
          >
            <Plot
              scene={scene}
              hoverMs={hoverMs.value}
              label={`${
                drawn.map(({ channel }) => channel.label).join(", ")
              } over the time of the run`}
              busy={false}
              handle={panels}
              size={[560, 340]}
              onRange={(from, to) => range.value = [Math.max(0, from), to]}
              onHover={(at) => hoverMs.value = at}
              onBack={() => range.value = null}
            />
          </div>
        )}
      {numbers.value !== null && (
        <div class="plot-foot">
          <Legend drawn={drawn} hoverMs={hoverMs.value} nowMs={null} />
          <div class="tools">
            {range.value !== null && (
              <button
                type="button"
                class="btn btn-quiet"
                onClick={() => range.value = null}
              >
                Whole run
              </button>
            )}
            <ColumnMenu columns={columns.value} shown={shown.value} onChoose={choose} />
            <button
              type="button"
              class="btn btn-quiet script-only"
              aria-pressed={asTable.value}
              onClick={() => asTable.value = !asTable.value}
            >
              {asTable.value ? "Chart" : "Table"}
            </button>
            <ExportMenu
              csv={`/api/v1/experiments/${id}/files/experiment_data.csv`}
              onSvg={() =>
                panels.current &&
                saveText(panels.current.toSvg(title), `experiment_${number}.svg`)}
              onPng={() => panels.current?.toPng(title)}
            />
          </div>
        </div>
      )}
    </section>
  );
}

const MARK_CHARS = 60;

function shortened(text: string): string {
  return text.length > MARK_CHARS ? `${text.slice(0, MARK_CHARS - 1)}…` : text;
}

/** Whether the file is there: asking for numbers that are not would be an error each time. */
async function hasData(id: string): Promise<boolean> {
  const reply = await fetch(`/api/v1/experiments/${id}/files`).catch(() => null);
  if (!reply?.ok) return false;
  const { files } = await reply.json() as { files: { path: string; bytes: number }[] };
  return files.some(({ path, bytes }) => path === "experiment_data.csv" && bytes > 0);
}

function ColumnMenu(
  { columns, shown, onChoose }: {
    columns: readonly RunColumn[];
    shown: readonly string[];
    onChoose(name: string): void;
  },
) {
  return (
    <details class="menu">
      <summary class="btn btn-quiet">Columns</summary>
      <form class="menu-list" method="get">
        <fieldset>
          <legend class="visually-hidden">Columns drawn</legend>
          {columns.map(({ name, unit }) => {
            const on = shown.includes(name);
            return (
              <label key={name}>
                <input
                  type="checkbox"
                  name="columns"
                  value={name}
                  checked={on}
                  disabled={!on && shown.length >= 8}
                  onChange={() => onChoose(name)}
                />
                {name} <small>{unit}</small>
              </label>
            );
          })}
        </fieldset>
        <noscript>
          <button class="btn" type="submit">Draw these</button>
        </noscript>
      </form>
    </details>
  );
}
