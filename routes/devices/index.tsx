import DeviceTable from "../../islands/DeviceTable.tsx";
import { define } from "../../lib/instrument/mod.ts";

export default define.page(function DevicesPage({ state }) {
  const { devices, clock } = state.instrument;
  const views = devices.list();
  return (
    <>
      <div class="head">
        <h1>Devices</h1>
        <a class="btn" href="/api/v1/telemetry/channels">Channels as JSON</a>
      </div>
      {views.length === 0
        ? (
          <section class="card">
            <p class="empty">
              No device yet. Devices appear as their agents start; the event log says which agent is
              missing and why.
            </p>
            <a class="btn" href="/events?type=agent.">Events of the agents</a>
          </section>
        )
        : <DeviceTable views={views} nowMs={clock.nowMs()} />}
    </>
  );
});
