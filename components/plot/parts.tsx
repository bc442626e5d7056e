import type { PageClock } from "../clock.ts";
import { formatNumber, NO_VALUE } from "../format.ts";
import { Time } from "../Time.tsx";
import { saveBlob } from "./save.ts";
import {
  binned,
  type Drawn,
  gapLimitMs,
  keyOf,
  nearest,
  panelOf,
  type PlotBucket,
  type PlotChannel,
  type Trace,
} from "./shape.ts";
import { DASHES } from "./svg.ts";
import { SHOWN_MAX } from "./view.ts";

/** What stands below a chart: its legend, its menus, and the same as a table. */

/** Each channel's mark, name, and value at the crosshair or now. `nowMs` `null`: the last one there is. */
export function Legend(
  { drawn, hoverMs, nowMs }: {
    drawn: readonly Drawn[];
    hoverMs: number | null;
    nowMs: number | null;
  },
) {
  const places = new Map<string, number>();
  return (
    <ul class="legend" role="list">
      {drawn.map(({ channel, trace, dots = false }) => {
        const place = places.get(panelOf(channel)) ?? 0;
        places.set(panelOf(channel), place + 1);
        return (
          <li key={keyOf(channel)}>
            <svg class={`swatch c${channel.colour}`} viewBox="0 0 16 4" aria-hidden="true">
              <path
                d="M0 2H16"
                stroke-dasharray={dots ? "3 3" : DASHES[place % DASHES.length]!.join(" ")}
              />
            </svg>
            {channel.label} <b class="num">{valueAt(trace, channel, hoverMs, nowMs)}</b>{" "}
            {channel.unit}
          </li>
        );
      })}
    </ul>
  );
}

/** The value near the crosshair; without one the newest, which is a dash once it is older than three periods. */
function valueAt(
  trace: Trace,
  channel: PlotChannel,
  hoverMs: number | null,
  nowMs: number | null,
): string {
  const { line } = trace;
  const spacingMs = line.length < 2 ? 0 : (line.at(-1)!.x - line[0]!.x) / (line.length - 1);
  const limitMs = gapLimitMs(channel.periodMs, spacingMs);
  const point = line[hoverMs === null ? line.length - 1 : nearest(line, hoverMs, limitMs)];
  if (point === undefined || point.y === null) return NO_VALUE;
  if (hoverMs === null && nowMs !== null && nowMs - point.x > limitMs) return NO_VALUE;
  return formatNumber(point.y, channel.decimals);
}

/** Which channels are drawn; a form where there are no scripts. */
export function ChannelMenu(
  { channels, shown, search, onChange }: {
    channels: readonly PlotChannel[];
    shown: readonly string[];
    search: string;
    onChange(keys: string[]): void;
  },
) {
  const kept = [...new URLSearchParams(search)].filter(([name]) => name !== "channels");
  return (
    <details class="menu">
      <summary class="btn btn-quiet">Channels</summary>
      <form class="menu-list" method="get">
        {kept.map(([name, value]) => <input key={name} type="hidden" name={name} value={value} />)}
        <fieldset>
          <legend class="visually-hidden">Channels drawn</legend>
          {channels.map((channel) => {
            const key = keyOf(channel);
            const on = shown.includes(key);
            return (
              <label key={key}>
                <input
                  type="checkbox"
                  name="channels"
                  value={key}
                  checked={on}
                  disabled={!on && shown.length >= SHOWN_MAX}
                  onChange={() =>
                    onChange(on ? shown.filter((one) => one !== key) : [...shown, key])}
                />
                {channel.label} <small>{channel.unit}</small>
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

/** Ways to take home what is seen. */
export function ExportMenu(
  { csv, json, onSvg, onPng }: {
    csv: string;
    json?: string;
    onSvg(): void;
    onPng(): Promise<Blob> | undefined;
  },
) {
  return (
    <details class="menu">
      <summary class="btn btn-quiet">Export</summary>
      <div class="menu-list">
        <a href={csv} download="">CSV, every bucket of what is seen</a>
        {json !== undefined && <a href={json} download="">JSON</a>}
        <button
          type="button"
          class="script-only"
          onClick={async () => {
            const picture = await onPng();
            if (picture !== undefined) saveBlob(picture, "holdfast.png");
          }}
        >
          PNG picture
        </button>
        <button type="button" class="script-only" onClick={onSvg}>SVG picture</button>
      </div>
    </details>
  );
}

const ROWS_SHOWN = 60;

/** The numbers behind the curves: sixty rows over what is seen, newest first, each with the mean of its stretch. */
export function TableView(
  { channels, rows, range, clock, elapsed = false }: {
    channels: readonly PlotChannel[];
    rows: readonly (readonly PlotBucket[])[];
    range: readonly [number, number];
    clock: PageClock;
    /** Times are milliseconds since the start of a run. */
    elapsed?: boolean;
  },
) {
  const isLong = range[1] - range[0] > 20 * 3_600_000;
  const table = binned(rows, range, ROWS_SHOWN).toReversed();
  return (
    <div class="panels table" tabIndex={0} role="group" aria-label="Table of the chart">
      <table>
        <thead>
          <tr>
            <th scope="col">{elapsed ? "Since the start" : "Time"}</th>
            {channels.map((c) => (
              <th scope="col" class="num" key={keyOf(c)}>
                {c.label} {c.unit !== "" && `(${c.unit})`}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.map(({ atMs, means }) => (
            <tr key={atMs}>
              <th scope="row" class="fig">
                {elapsed
                  ? `${formatNumber(atMs / 1000, 1)} s`
                  : <Time atMs={atMs} clock={clock} as={isLong ? "stamp" : "clock"} />}
              </th>
              {channels.map((channel, column) => (
                <td class="num" key={keyOf(channel)}>
                  {formatNumber(means[column] ?? NaN, channel.decimals)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
