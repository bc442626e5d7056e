import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import {
  sortedSquares,
  type SquareRow,
  type Summary,
  TREND_METRICS,
  trendLines,
  type TrendsAsk,
  type TrendsData,
  trendsHref,
  WINDOWS,
} from "../components/epu_trends.ts";
import { targetHref } from "../components/epu_decisions.ts";
import { followPage } from "../components/epu_live.ts";
import { formatNumber, NO_VALUE } from "../components/format.ts";
import { Legend, TableView } from "../components/plot/parts.tsx";
import type { Panels } from "../components/plot/panels.ts";
import { Plot } from "../components/plot/Plot.tsx";
import { saveBlob, saveText } from "../components/plot/save.ts";
import { Time, zoneShown } from "../components/Time.tsx";

interface Props {
  acquisitionId: string;
  name: string;
  initial: TrendsData;
  ask: TrendsAsk;
  clock: PageClock;
}

/** Results come every few seconds; a chart of thousands need not follow each. */
const LEAST_MS = 5000;
/** One exposure alone still has a stretch of time around it. */
const SPAN_LEAST_MS = 60_000;

/** Motion, CTF and particles over the exposures, each with its rolling median, and by square; live. */
export default function EpuTrends({ acquisitionId, name, initial, ask: asked, clock }: Props) {
  const panels = useRef<Panels | null>(null);
  const following = useRef<{ now(): void } | null>(null);
  const data = useSignal(initial);
  const ask = useSignal(asked);
  const busy = useSignal(false);
  const hoverMs = useSignal<number | null>(null);

  useEffect(() => {
    const page = followPage<TrendsData>({
      matters: ({ type, subject }) => type === "epu.results" && subject === acquisitionId,
      take: (next) => {
        data.value = next;
        busy.value = false;
      },
      leastMs: LEAST_MS,
      search: () => trendsHref(ask.value, {}),
    });
    following.current = page;
    return page.stop;
  }, []);

  /** Another part of it, or another median: the address says so, and what is missing is asked for. */
  function show(to: Partial<TrendsAsk>, anew = true) {
    ask.value = { ...ask.value, ...to };
    history.replaceState(history.state, "", trendsHref(ask.value, {}) || location.pathname);
    if (!anew) return;
    busy.value = true;
    following.current?.now();
  }

  const { series, whole, squares, exposuresSeen, extent } = data.value;
  const { window, range, sort, asTable } = ask.value;
  const { drawn, rows } = useMemo(() => trendLines(series, window), [series]);
  const [fromMs, toMs] = range ?? extent ?? [0, 1];
  const span: [number, number] = [fromMs, Math.max(toMs, fromMs + SPAN_LEAST_MS)];
  const zone = zoneShown(clock);
  const scene = useMemo(
    () => ({ drawn, range: span, marks: [], zone }),
    [drawn, span[0], span[1], zone],
  );
  const processed = Math.max(0, ...Object.values(whole).map(({ count }) => count));
  if (processed === 0) {
    return (
      <section class="card blank" aria-label="Trends">
        <h2>Nothing is processed yet</h2>
        <p>
          Motion correction, CTF estimation and picking hand their numbers in over the API, and
          stand here over the time of their exposures. {exposuresSeen} exposures wait for that.
        </p>
        <div class="row">
          <a class="btn" href="/docs">How a pipeline hands results in</a>
        </div>
      </section>
    );
  }
  return (
    <>
      <section class="card plot trend-plot" aria-label="Trends">
        <header>
          <h2>Over the exposures</h2>
          <span class="sub num">
            {hoverMs.value === null
              ? `${processed} of ${exposuresSeen} exposures processed`
              : <Time atMs={hoverMs.value} clock={clock} as="stamp" />}
          </span>
          <nav class="seg" aria-label="Rolling median">
            {WINDOWS.map((one) => (
              <a
                key={one}
                href={trendsHref(ask.value, { window: one })}
                aria-current={one === window}
                onClick={(event) => {
                  event.preventDefault();
                  show({ window: one });
                }}
              >
                median of {one}
              </a>
            ))}
          </nav>
        </header>
        {drawn.length === 0
          ? <p class="panels empty">No exposure of this stretch is processed.</p>
          : asTable
          ? (
            <TableView
              channels={drawn.map(({ channel }) => channel)}
              rows={rows}
              range={span}
              clock={clock}
            />
          )
          : (
            <Plot
              scene={scene}
              hoverMs={hoverMs.value}
              label={`Trends of ${name}: ${drawn.map(({ channel }) => channel.label).join("; ")}`}
              busy={busy.value}
              handle={panels}
              size={[1050, 480]}
              onRange={(from, to) => show({ range: [Math.round(from), Math.round(to)] })}
              onHover={(at) => hoverMs.value = at}
              onBack={() => show({ range: null })}
            />
          )}
        <div class="plot-foot">
          {drawn.length > 0 && <Legend drawn={drawn} hoverMs={hoverMs.value} nowMs={null} />}
          <div class="tools">
            {range !== null && (
              <a
                class="btn btn-quiet"
                href={trendsHref(ask.value, { range: null }) || "?"}
                onClick={(event) => {
                  event.preventDefault();
                  show({ range: null });
                }}
              >
                All of it
              </a>
            )}
            <a
              class="btn btn-quiet"
              href={trendsHref(ask.value, { asTable: !asTable })}
              onClick={(event) => {
                event.preventDefault();
                show({ asTable: !asTable }, false);
              }}
            >
              {asTable ? "Chart" : "Table"}
            </a>
            <details class="menu script-only">
              <summary class="btn btn-quiet">Export</summary>
              <div class="menu-list">
                <button
                  type="button"
                  onClick={async () => {
                    const picture = await panels.current?.toPng(name);
                    if (picture !== undefined) saveBlob(picture, "trends.png");
                  }}
                >
                  PNG picture
                </button>
                <button
                  type="button"
                  onClick={() =>
                    panels.current && saveText(panels.current.toSvg(name), "trends.svg")}
                >
                  SVG picture
                </button>
              </div>
            </details>
          </div>
        </div>
      </section>
      <Squares
        squares={sortedSquares(squares, sort)}
        whole={whole}
        ask={ask.value}
        acquisitionId={acquisitionId}
        onSort={(by) => show({ sort: by }, false)}
      />
    </>
  );
}

function Squares(
  { squares, whole, ask, acquisitionId, onSort }: {
    squares: readonly SquareRow[];
    whole: TrendsData["whole"];
    ask: TrendsAsk;
    acquisitionId: string;
    onSort(by: TrendsAsk["sort"]): void;
  },
) {
  const columns = TREND_METRICS.filter(({ metric }) => whole[metric] !== undefined);
  const heading = (by: TrendsAsk["sort"], label: string, isNumber: boolean) => (
    <th scope="col" class={isNumber ? "num" : undefined} key={by} aria-sort={sortOf(ask.sort, by)}>
      <a
        href={trendsHref(ask, { sort: by })}
        onClick={(event) => {
          event.preventDefault();
          onSort(by);
        }}
      >
        {label}
        {ask.sort === by && <span aria-hidden="true">▾</span>}
      </a>
    </th>
  );
  return (
    <section class="card table-card" aria-label="By square">
      <header>
        <h2>By square</h2>
        <span class="sub">median ± standard deviation; a heading puts the best first</span>
      </header>
      <table class="row-table square-stats">
        <thead>
          <tr>
            {heading("square", "Square", false)}
            <th scope="col" class="num">Processed</th>
            {columns.map(({ metric, label, unit }) => heading(metric, `${label} (${unit})`, true))}
          </tr>
        </thead>
        <tbody>
          {squares.map(({ squareId, exposures, metrics }) => (
            <tr key={squareId}>
              <th scope="row" class="fig">
                <a href={targetHref(acquisitionId, "squareOrder", squareId)}>{squareId}</a>
              </th>
              <td class="num" data-label="processed">{exposures}</td>
              {columns.map(({ metric, label, decimals }) => (
                <td class="num" key={metric} data-label={label.toLowerCase()}>
                  <Spread of={metrics[metric]} decimals={decimals} />
                </td>
              ))}
            </tr>
          ))}
          <tr class="total">
            <th scope="row">All squares</th>
            <td class="num">
              {Math.max(0, ...Object.values(whole).map(({ count }) => count))}
            </td>
            {columns.map(({ metric, label, decimals }) => (
              <td class="num" key={metric} data-label={label.toLowerCase()}>
                <Spread of={whole[metric]} decimals={decimals} />
              </td>
            ))}
          </tr>
        </tbody>
      </table>
    </section>
  );
}

function sortOf(now: string, by: string): "ascending" | "none" {
  return now === by ? "ascending" : "none";
}

function Spread({ of, decimals }: { of: Summary | undefined; decimals: number }) {
  if (of === undefined || of.median === null) return <>{NO_VALUE}</>;
  return (
    <>
      {formatNumber(of.median, decimals)}{" "}
      {of.sd !== null && <small>± {formatNumber(of.sd, decimals)}</small>}
    </>
  );
}
