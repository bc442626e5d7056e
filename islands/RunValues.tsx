import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import { isActive } from "../components/experiments.ts";
import {
  connect,
  deviceOf,
  hearExperiments,
  instrumentNow,
  readingOf,
} from "../components/live.ts";
import { type DeviceRow, isStale, shownSetpoint, shownValue } from "../components/shown.ts";
import type { DeviceState, Reading } from "../lib/devices/model.ts";

export interface ValueRow extends DeviceRow {
  readonly reading: Reading | null;
  readonly state: Pick<DeviceState, "setpoint">;
}

interface Props {
  id: string;
  rows: ValueRow[];
  live: boolean;
  clock: PageClock;
}

/** What the devices read now, while the run has them. */
export default function RunValues({ id, rows, live, clock }: Props) {
  const active = useSignal(live);
  useEffect(() => {
    connect();
    return hearExperiments((changed) => {
      if (changed.id === id) active.value = isActive(changed.state);
    });
  }, []);
  if (!active.value || rows.length === 0) return null;
  return (
    <section class="card values-card" aria-label="Values now">
      <dl class="values">
        {rows.map((row) => <Value key={row.deviceId} row={row} nowMs={instrumentNow(clock)} />)}
      </dl>
    </section>
  );
}

function Value({ row, nowMs }: { row: ValueRow; nowMs: number }) {
  const { deviceId, label, channel } = row;
  const reading = readingOf(deviceId, channel.id).value ?? row.reading;
  const state = deviceOf(deviceId).value?.state ?? row.state;
  const setpoint = shownSetpoint(state, channel);
  const stale = isStale(reading, channel, nowMs);
  return (
    <div class={stale ? "is-bad" : undefined}>
      <dt>{label}</dt>
      <dd class="num">
        <b>{shownValue(reading, channel, nowMs)}</b> {channel.unit}
        {stale ? <small>stale</small> : setpoint !== "" && <small>set {setpoint}</small>}
      </dd>
    </div>
  );
}
