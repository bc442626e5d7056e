import DeviceTable from "../../islands/DeviceTable.tsx";
import { define } from "../../lib/instrument/mod.ts";
import { tableDevice } from "../(_parts)/devices.ts";
import { readerOf } from "../(_parts)/reader.ts";

export default define.page(function DevicesPage(ctx) {
  const { clock } = readerOf(ctx);
  const views = ctx.state.instrument.devices.list();
  return (
    <>
      <div class="head">
        <h1>Devices</h1>
        <a class="btn btn-quiet" href="/api/v1/devices">As JSON</a>
      </div>
      {views.length === 0
        ? (
          <section class="card blank">
            <h2>No device yet</h2>
            <p>
              Devices appear as their agents start. The event log says which agent is missing and
              why.
            </p>
            <a class="btn" href="/events?type=agent.">Events of the agents</a>
          </section>
        )
        : (
          <section class="card table-card">
            <DeviceTable devices={views.map(tableDevice)} alone={false} clock={clock} />
          </section>
        )}
    </>
  );
});
