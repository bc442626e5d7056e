import { HttpError, page } from "fresh";
import { argsFrom, fieldsOf } from "../../components/form.ts";
import { WINDOWS } from "../../components/plot/shape.ts";
import { plotChannels } from "../../components/shown.ts";
import CommandForm from "../../islands/CommandForm.tsx";
import DeviceTable from "../../islands/DeviceTable.tsx";
import EventFeed from "../../islands/EventFeed.tsx";
import History from "../../islands/History.tsx";
import { actorOf } from "../../lib/auth/model.ts";
import { commandProblem } from "../../lib/devices/mod.ts";
import { define } from "../../lib/instrument/mod.ts";

interface Failed {
  op: string;
  values: Record<string, unknown>;
  text: string;
}

export const handler = define.handlers<{ failed: Failed | null }>({
  GET: () => page({ failed: null }),
  /** The control form without scripts. */
  async POST(ctx) {
    const { devices } = ctx.state.instrument;
    const view = devices.view(ctx.params.id!);
    if (view === null) throw new HttpError(404);
    const form = await ctx.req.formData();
    const op = String(form.get("op") ?? "");
    const operation = view.capability.operations.find((one) => one.op === op);
    const values = argsFrom(
      fieldsOf(operation?.args ?? {}),
      (name) => form.get(name)?.toString() ?? null,
    );
    const done = await devices.command({
      deviceId: ctx.params.id!,
      op,
      args: values,
      actor: actorOf(ctx.state.principal),
    });
    if (done.ok) return ctx.redirect(`/devices/${ctx.params.id}`, 303);
    const problem = commandProblem(done.refusal);
    return page({ failed: { op, values, text: problem.detail } }, { status: problem.status });
  },
});

export default define.page<typeof handler>(async function DevicePage({ data, params, state, url }) {
  const { instrument } = state;
  const view = instrument.devices.view(params.id!);
  if (view === null) throw new HttpError(404, "There is no such device");
  const { capability } = view;
  const nowMs = instrument.clock.nowMs();
  const channels = plotChannels([view]);
  const events = await instrument.events.read({ limit: 20, subject: capability.deviceId });
  const windowId = url.searchParams.get("window") ?? WINDOWS[0].id;
  return (
    <>
      <div class="head">
        <h1>{capability.label}</h1>
        {capability.simulated && <span class="tag">simulated</span>}
      </div>
      <p class="sub">
        {capability.description} · bus {capability.bus} · component {capability.component}
      </p>
      <div class="device-page">
        <div class="col">
          {capability.operations.map((operation) => (
            <section class="card" key={operation.op}>
              <header>
                <h2>{operation.label}</h2>
              </header>
              <CommandForm
                deviceId={capability.deviceId}
                operation={operation}
                values={data.failed?.op === operation.op
                  ? data.failed.values
                  : view.state.setpoint ?? {}}
                failure={data.failed?.op === operation.op ? data.failed.text : null}
              />
            </section>
          ))}
          <SafetyCard view={view} />
        </div>
        <div class="col">
          {channels.length > 0 && (
            <History
              title={WINDOWS.find(({ id }) => id === windowId)?.label ?? "History"}
              channels={channels}
              shown={url.searchParams.get("channels")?.split(",") ??
                channels.slice(0, 4).map((one) => `${one.deviceId}.${one.channel}`)}
              runFromMs={instrument.experiments.running()?.startedAtMs ?? null}
              windowId={windowId}
              nowMs={nowMs}
              subject={capability.deviceId}
            />
          )}
          <DeviceTable views={[view]} nowMs={nowMs} />
          <section class="card">
            <header>
              <h2>Events</h2>
              <a class="btn btn-quiet" href={`/events?subject=${capability.deviceId}`}>All</a>
            </header>
            <EventFeed
              initial={events}
              most={20}
              nowMs={nowMs}
              subject={capability.deviceId}
              days
              live
            />
          </section>
        </div>
      </div>
    </>
  );
});

function SafetyCard(
  { view: { capability } }: {
    view: { capability: import("../../lib/devices/model.ts").Capability };
  },
) {
  if (capability.kind === "sensor") return null;
  const safe = Object.entries(capability.safeState ?? {})
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${JSON.stringify(value)}`)
    .join(", ");
  return (
    <section class="card">
      <header>
        <h2>Safety</h2>
      </header>
      <dl class="facts">
        <dt>Safe state</dt>
        <dd>{safe === "" ? "none declared" : safe}</dd>
        <dt>Longest on-time</dt>
        <dd>
          {capability.onTimeMaxMs === undefined ? "no limit" : `${capability.onTimeMaxMs / 1000} s`}
        </dd>
        <dt>Goes safe without its host after</dt>
        <dd>
          {capability.heartbeatMs === undefined ? "at once" : `${capability.heartbeatMs / 1000} s`}
        </dd>
      </dl>
    </section>
  );
}
