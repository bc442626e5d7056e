import { useEffect } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import { formatAge } from "../components/format.ts";
import { connect, deviceOf, instrumentNow, readingOf } from "../components/live.ts";
import { isStale, shownSetpoint, shownValue } from "../components/shown.ts";
import type { DeviceState, DeviceView } from "../lib/devices/model.ts";

/** A device as far as the table needs it. */
export type TableDevice = Pick<DeviceView, "readings" | "holder"> & {
  readonly capability: Pick<
    DeviceView["capability"],
    "deviceId" | "label" | "bus" | "channels" | "description"
  >;
  readonly state: Pick<DeviceState, "status" | "setpoint" | "lastError">;
};

interface Props {
  devices: TableDevice[];
  /** One device on its own page: no buses, no links to itself. */
  alone: boolean;
  clock: PageClock;
}

/** Devices by bus: what each reads, what it was told, who holds it, what went wrong last. */
export default function DeviceTable({ devices, alone, clock }: Props) {
  useEffect(connect, []);
  const buses = alone ? [""] : [...new Set(devices.map(({ capability }) => capability.bus))];
  return (
    <table class={alone ? "device-table alone" : "device-table"}>
      <thead>
        <tr>
          <th scope="col">{alone ? "Quantity" : "Device"}</th>
          <th scope="col" class="num">Value</th>
          <th scope="col" class="num">Setpoint</th>
          <th scope="col">Quality</th>
          <th scope="col">Held by</th>
          <th scope="col">Last error</th>
          <th scope="col" class="num">Age</th>
        </tr>
      </thead>
      {buses.map((bus) => (
        <tbody key={bus}>
          {!alone && (
            <tr class="bus">
              <th scope="rowgroup" colSpan={7}>
                <small>bus</small> {bus}
              </th>
            </tr>
          )}
          {devices.filter(({ capability }) => alone || capability.bus === bus).map((device) => (
            <Rows
              key={device.capability.deviceId}
              device={device}
              alone={alone}
              clock={clock}
            />
          ))}
        </tbody>
      ))}
    </table>
  );
}

function Rows({ device, alone, clock }: { device: TableDevice; alone: boolean; clock: PageClock }) {
  const { capability } = device;
  const live = deviceOf(capability.deviceId).value;
  const state = live?.state ?? device.state;
  const holder = live === null ? device.holder : live.holder;
  const now = instrumentNow(clock);
  const several = capability.channels.length > 1;
  return (
    <>
      {capability.channels.map((channel, index) => {
        const reading = readingOf(capability.deviceId, channel.id).value ??
          device.readings.find((one) => one.channel === channel.id) ?? null;
        const stale = isStale(reading, channel, now);
        const quality = state.status === "offline" ? "offline" : stale ? "stale" : reading!.quality;
        const first = index === 0;
        return (
          <tr key={channel.id} class={first ? undefined : "more"}>
            <th scope="row">
              {first && !alone && (
                <a href={`/devices/${capability.deviceId}`} aria-current="false">
                  {capability.label}
                </a>
              )}
              {alone ? channel.label : several && <small>{channel.label}</small>}
            </th>
            <td class={stale ? "num value is-stale" : "num value"}>
              <b>{shownValue(reading, channel, now)}</b> <small>{channel.unit}</small>
            </td>
            <td class="num" data-label="setpoint">{shownSetpoint(state, channel)}</td>
            <td data-label={quality === "good" ? "quality" : undefined}>
              {quality === "good" ? <span class="ok">good</span> : (
                <span class="tag tag-warn">
                  {(reading?.code ?? quality).replaceAll("_", " ")}
                </span>
              )}
            </td>
            <td data-label={first ? "held by" : undefined}>
              {first ? holder?.label ?? <span class="ok">nobody</span> : null}
            </td>
            <td data-label={first && state.lastError !== null ? "last error" : undefined}>
              {first && state.lastError !== null && (
                <span title={state.lastError.text}>
                  {state.lastError.code.replaceAll("_", " ")},{" "}
                  {formatAge(now - state.lastError.atMs)} ago
                </span>
              )}
            </td>
            <td class="num age" data-label="age">
              {reading === null ? "" : formatAge(now - reading.atMs)}
            </td>
          </tr>
        );
      })}
    </>
  );
}
