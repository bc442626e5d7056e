import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import { formatAge } from "../components/format.ts";
import { connect, deviceOf, instrumentNow, readingOf } from "../components/live.ts";
import { valueAxis } from "../components/plot/axis.ts";
import { extentOf, gapLimitMs, keyOf, sparkPath, traceOf } from "../components/plot/shape.ts";
import { fetchData, type PackedData, unpacked } from "../components/plot/source.ts";
import {
  type DeviceRow,
  isStale,
  shownSetpoint,
  shownValue,
  TREND_BUCKETS,
  TREND_MS,
} from "../components/shown.ts";
import type { DeviceState, Holder, Reading } from "../lib/devices/model.ts";

export interface RowProps extends DeviceRow {
  readonly reading: Reading | null;
  readonly state: Pick<DeviceState, "deviceId" | "status" | "setpoint">;
  readonly holder: Holder | null;
}

interface Props {
  rows: RowProps[];
  /** The last quarter of an hour of each row's channel. */
  trends: PackedData;
  clock: PageClock;
}

/** How often trends are asked for again, and their size in the row. */
const AGAIN_MS = 30_000;
const BOX = [56, 22] as const;

/** Value, unit, setpoint, trend and age of each device; live. */
export default function DeviceRows({ rows, trends, clock }: Props) {
  const paths = useSignal(useMemo(() => pathsOf(rows, unpacked(trends), clock.nowMs), []));
  useEffect(() => {
    connect();
    const again = setInterval(async () => {
      if (document.hidden) return;
      const toMs = instrumentNow(clock);
      const asked = rows.map(({ deviceId, channel }) => ({ deviceId, channel: channel.id }));
      const data = await fetchData(asked, [toMs - TREND_MS, toMs], TREND_BUCKETS)
        .catch(() => null);
      if (data !== null) paths.value = pathsOf(rows, data, toMs);
    }, AGAIN_MS);
    return () => clearInterval(again);
  }, []);
  return (
    <ul class="dev-list">
      {rows.map((row, index) => (
        <Row
          key={keyOf({ deviceId: row.deviceId, channel: row.channel.id })}
          row={row}
          path={paths.value[index] ?? null}
          clock={clock}
        />
      ))}
    </ul>
  );
}

function Row({ row, path, clock }: { row: RowProps; path: string | null; clock: PageClock }) {
  const { channel } = row;
  const device = deviceOf(row.deviceId).value;
  const reading = readingOf(row.deviceId, channel.id).value ?? row.reading;
  const state = device?.state ?? row.state;
  const holder = device === null ? row.holder : device.holder;
  const now = instrumentNow(clock);
  const stale = isStale(reading, channel, now);
  const setpoint = shownSetpoint(state, channel);
  const abnormal = state.status === "offline"
    ? "offline"
    : stale
    ? "stale"
    : reading !== null && reading.quality !== "good"
    ? reading.code ?? reading.quality
    : null;
  const bad = abnormal !== null;
  return (
    <li class={bad ? "dev is-bad" : "dev"}>
      <a href={`/devices/${row.deviceId}`} aria-current="false">{row.label}</a>
      <span class="more">
        {bad && <span class="tag tag-warn">{abnormal.replaceAll("_", " ")}</span>}
        {holder !== null && <span class="tag" title={`Held by ${holder.label}`}>held</span>}
        {!bad && row.quantity}
      </span>
      <span class="val">
        {shownValue(reading, channel, now)}
        <small>{channel.unit}</small>
      </span>
      {setpoint !== "" && <span class="set">→ {setpoint}</span>}
      <svg
        class="spark"
        viewBox={`0 0 ${BOX[0]} ${BOX[1]}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        {path !== null && <path d={path} />}
      </svg>
      <span class="age num">{reading === null ? "" : formatAge(now - reading.atMs)}</span>
    </li>
  );
}

/** Trends on axes of their own, wide enough that noise stays small; broken at gaps. */
function pathsOf(
  rows: readonly DeviceRow[],
  data: ReturnType<typeof unpacked>,
  toMs: number,
): (string | null)[] {
  const range = [toMs - TREND_MS, toMs] as const;
  return rows.map(({ channel }, index) => {
    const trace = traceOf(data.rows[index] ?? [], gapLimitMs(channel.periodMs, data.bucketMs));
    const drawn = { channel: { ...channel, deviceId: "", channel: "", colour: 1 }, trace };
    const { min, max } = valueAxis(extentOf([drawn], range), [channel], 2);
    return sparkPath(trace, range, [min, max], BOX);
  });
}
