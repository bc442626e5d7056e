import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import { formatNumber } from "../components/format.ts";
import { comparedLines, type ComparedRun } from "../components/plot/compare.ts";
import type { Panels } from "../components/plot/panels.ts";
import { Legend, TableView } from "../components/plot/parts.tsx";
import { Plot } from "../components/plot/Plot.tsx";
import { baseName } from "../components/plot/run.ts";
import { saveBlob, saveText } from "../components/plot/save.ts";

interface Props {
  runs: ComparedRun[];
  column: string;
  /** The address asks for the numbers as a table. */
  asTable: boolean;
  /** The address of the same with and without the table. */
  tableHref: string;
  chartHref: string;
  clock: PageClock;
}

const ROWS_MOST = 1500;
const AGAIN_MS = 10_000;

/** One column of several runs, each over the time since its own first row; live for those that still run. */
export default function CompareChart({ column, clock, ...props }: Props) {
  const panels = useRef<Panels | null>(null);
  const runs = useSignal(props.runs);
  const hoverMs = useSignal<number | null>(null);
  const range = useSignal<[number, number] | null>(null);
  const asTable = useSignal(props.asTable);

  useEffect(() => {
    if (!props.runs.some(({ live }) => live)) return;
    const again = setInterval(async () => {
      if (document.hidden) return;
      for (const { id } of props.runs.filter(({ live }) => live)) {
        const query = new URLSearchParams({ columns: baseName(column), rows: String(ROWS_MOST) });
        const reply = await fetch(`/api/v1/experiments/${id}/data?${query}`).catch(() => null);
        if (!reply?.ok) continue;
        const numbers = await reply.json();
        runs.value = runs.value.map((one) => one.id === id ? { ...one, numbers } : one);
      }
    }, AGAIN_MS);
    return () => clearInterval(again);
  }, []);

  const drawn = useMemo(() => comparedLines(runs.value, column), [runs.value, column]);
  const endMs = Math.max(1000, ...drawn.map(({ trace }) => trace.line.at(-1)?.x ?? 0));
  const span = range.value ?? [0, endMs] as [number, number];
  const scene = useMemo(
    () => ({ drawn, range: span, marks: [], zone: null }),
    [drawn, span[0], span[1]],
  );
  const title = `${column} of experiments ${runs.value.map(({ number }) => number).join(", ")}`;
  const without = runs.value.filter(({ number }) =>
    !drawn.some(({ channel }) => channel.deviceId === `run-${number}`)
  );
  return (
    <section class="card plot" aria-label="Comparison">
      <header>
        <h2>{column}</h2>
        <span class="sub num">
          {hoverMs.value === null
            ? "over the time since each run’s first row"
            : `at ${formatNumber(hoverMs.value / 60_000, 1)} min`}
        </span>
      </header>
      {drawn.length === 0
        ? <p class="panels empty">None of these runs has written “{column}”.</p>
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
        : (
          <Plot
            scene={scene}
            hoverMs={hoverMs.value}
            label={title}
            busy={false}
            handle={panels}
            size={[718, 440]}
            onRange={(from, to) => range.value = [Math.max(0, from), to]}
            onHover={(at) => hoverMs.value = at}
            onBack={() => range.value = null}
          />
        )}
      {without.length > 0 && drawn.length > 0 && (
        <p class="sub">
          Without “{column}”: {without.map(({ number, title }) => `${number} ${title}`).join(", ")}
        </p>
      )}
      {drawn.length > 0 && (
        <div class="plot-foot">
          <Legend drawn={drawn} hoverMs={hoverMs.value} nowMs={null} />
          <div class="tools">
            {range.value !== null && (
              <button
                type="button"
                class="btn btn-quiet"
                onClick={() => range.value = null}
              >
                All of it
              </button>
            )}
            <a
              class="btn btn-quiet"
              href={asTable.value ? props.chartHref : props.tableHref}
              onClick={(event) => {
                event.preventDefault();
                asTable.value = !asTable.value;
                const href = asTable.value ? props.tableHref : props.chartHref;
                history.replaceState(history.state, "", href);
              }}
            >
              {asTable.value ? "Chart" : "Table"}
            </a>
            <details class="menu script-only">
              <summary class="btn btn-quiet">Export</summary>
              <div class="menu-list">
                <button
                  type="button"
                  onClick={async () => {
                    const picture = await panels.current?.toPng(title);
                    if (picture !== undefined) saveBlob(picture, "comparison.png");
                  }}
                >
                  PNG picture
                </button>
                <button
                  type="button"
                  onClick={() =>
                    panels.current && saveText(panels.current.toSvg(title), "comparison.svg")}
                >
                  SVG picture
                </button>
              </div>
            </details>
          </div>
        </div>
      )}
    </section>
  );
}
