import { useComputed } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { formatAge } from "../components/format.ts";
import { clockAheadMs, connect, deviceOf, readingOf, tick } from "../components/live.ts";
import { type DeviceRow, isStale, shownSetpoint, shownValue } from "../components/shown.ts";
import type { DeviceState, Holder, Reading } from "../lib/devices/model.ts";

export interface RowProps extends DeviceRow {
  readonly reading: Reading | null;
  readonly state: DeviceState;
  readonly holder: Holder | null;
  /** Last quarter of an hour, oldest first; `null` is a gap. */
  readonly spark: (number | null)[];
}

/** Value, unit, setpoint, trend and age of each device; live. */
export default function DeviceRows({ rows, nowMs }: { rows: RowProps[]; nowMs: number }) {
  useEffect(connect, []);
  return (
    <ul class="dev-list">
      {rows.map((row) => <Row key={`${row.deviceId}.${row.channel.id}`} row={row} nowMs={nowMs} />)}
    </ul>
  );
}

function Row({ row, nowMs }: { row: RowProps; nowMs: number }) {
  const { channel } = row;
  const live = readingOf(row.deviceId, channel.id);
  const device = deviceOf(row.deviceId);
  const reading = useComputed(() => live.value ?? row.reading);
  const state = useComputed(() => device.value?.state ?? row.state);
  const holder = device.value === null ? row.holder : device.value.holder;
  const now = (tick.value || nowMs) + clockAheadMs.value;
  const stale = isStale(reading.value, channel, now);
  const fault = !stale && reading.value?.quality === "bad";
  const offline = state.value.status === "offline";
  const setpoint = shownSetpoint(state.value, channel);
  const tags = stale || fault || offline || holder !== null;
  return (
    <li class={`dev${stale ? " is-stale" : ""}${tags || setpoint !== "" ? "" : " plain"}`}>
      <a href={`/devices/${row.deviceId}`}>{row.label}</a>
      {tags && (
        <span class="tags">
          {offline
            ? <span class="tag tag-warn">offline</span>
            : stale
            ? <span class="tag tag-warn">stale</span>
            : fault
            ? <span class="tag tag-warn">{reading.value?.code ?? "bad"}</span>
            : <span class="tag" title={`Held by ${holder?.label}`}>held</span>}
        </span>
      )}
      <span class="val">
        {shownValue(reading.value, channel, now)}
        <small>{channel.unit}</small>
      </span>
      {setpoint !== "" && <span class="set">{setpoint}</span>}
      <svg class="spark" viewBox="0 0 84 22" preserveAspectRatio="none" aria-hidden="true">
        <path d={sparkPath(row.spark)} />
      </svg>
      <time>{reading.value === null ? "" : formatAge(now - reading.value.atMs)}</time>
    </li>
  );
}

/** A polyline scaled to its own range, broken at gaps; flat series run through the middle. */
function sparkPath(values: (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return "";
  const low = Math.min(...known);
  const span = Math.max(...known) - low;
  let path = "";
  let pen = "M";
  values.forEach((value, index) => {
    if (value === null) return void (pen = "M");
    const x = values.length === 1 ? 42 : index / (values.length - 1) * 84;
    const y = span === 0 ? 11 : 20 - (value - low) / span * 18;
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)} `;
    pen = "L";
  });
  return path;
}
