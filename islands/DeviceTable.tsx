import { useEffect } from "preact/hooks";
import { formatAge } from "../components/format.ts";
import { clockAheadMs, connect, deviceOf, readingOf, tick } from "../components/live.ts";
import { isStale, shownSetpoint, shownValue } from "../components/shown.ts";
import type { DeviceView } from "../lib/devices/model.ts";

/** Every device by bus: what it reads, what it was told, who holds it, what went wrong last. */
export default function DeviceTable({ views, nowMs }: { views: DeviceView[]; nowMs: number }) {
  useEffect(connect, []);
  const buses = [...new Set(views.map(({ capability }) => capability.bus))];
  return (
    <>
      {buses.map((bus) => (
        <section class="card" key={bus} aria-label={`Bus ${bus}`}>
          <header>
            <h2>{bus}</h2>
          </header>
          <div class="scroll-x">
            <table class="device-table">
              <thead>
                <tr>
                  <th>Device</th>
                  <th class="num">Value</th>
                  <th class="num">Setpoint</th>
                  <th>Quality</th>
                  <th>Holder</th>
                  <th>Last error</th>
                  <th class="num">Age</th>
                </tr>
              </thead>
              <tbody>
                {views.filter(({ capability }) => capability.bus === bus).map((view) => (
                  <DeviceRows key={view.capability.deviceId} view={view} nowMs={nowMs} />
                ))}
              </tbody>
            </table>
          </div>
        </section>
      ))}
    </>
  );
}

function DeviceRows({ view, nowMs }: { view: DeviceView; nowMs: number }) {
  const { capability } = view;
  const live = deviceOf(capability.deviceId).value;
  const state = live?.state ?? view.state;
  const holder = live === null ? view.holder : live.holder;
  const now = (tick.value || nowMs) + clockAheadMs.value;
  return (
    <>
      {capability.channels.map((channel, index) => {
        const reading = readingOf(capability.deviceId, channel.id).value ??
          view.readings.find((one) => one.channel === channel.id) ?? null;
        const stale = isStale(reading, channel, now);
        const quality = state.status === "offline" ? "offline" : stale ? "stale" : reading!.quality;
        return (
          <tr key={channel.id} class={index === 0 ? undefined : "more"}>
            <td>
              {index === 0
                ? <a href={`/devices/${capability.deviceId}`}>{capability.label}</a>
                : null}
              {capability.channels.length > 1 && <small class="channel">{channel.label}</small>}
            </td>
            <td class={stale ? "num is-stale" : "num"}>
              <b>{shownValue(reading, channel, now)}</b> <small>{channel.unit}</small>
            </td>
            <td class="num">{shownSetpoint(state, channel)}</td>
            <td>
              {quality === "good"
                ? "good"
                : <span class="tag tag-warn">{reading?.code ?? quality}</span>}
            </td>
            <td>{index === 0 ? holder?.label ?? "free" : null}</td>
            <td>
              {index === 0 && state.lastError !== null && (
                <span title={state.lastError.text}>
                  {state.lastError.code}, {formatAge(now - state.lastError.atMs)} ago
                </span>
              )}
            </td>
            <td class="num">{reading === null ? "" : formatAge(now - reading.atMs)}</td>
          </tr>
        );
      })}
    </>
  );
}
