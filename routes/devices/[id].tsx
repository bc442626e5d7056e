import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { argsFrom, errorsByField, fieldsOf, isFormable } from "../../components/form.ts";
import { formatDuration, inWords } from "../../components/format.ts";
import CommandForm from "../../islands/CommandForm.tsx";
import DeviceTable from "../../islands/DeviceTable.tsx";
import EventFeed from "../../islands/EventFeed.tsx";
import History from "../../islands/History.tsx";
import { type Capability, commandProblem, type Devices } from "../../lib/devices/mod.ts";
import { define } from "../../lib/instrument/mod.ts";
import { lockProblem } from "../../lib/locks/mod.ts";
import type { Problem } from "../../lib/problem.ts";
import { tableDevice } from "../(_parts)/devices.ts";
import { namesIn, shownEvents } from "../(_parts)/events.ts";
import { historyProps } from "../(_parts)/history.ts";
import { takeByHand } from "../(_parts)/locks.ts";
import { readerOf } from "../(_parts)/reader.ts";

const EVENTS_SHOWN = 20;

interface Failed {
  op: string;
  values: Record<string, unknown>;
  text: string;
  errors: Record<string, string>;
}

export const handler = define.handlers<{ failed: Failed | null }>({
  GET: () => page({ failed: null }),
  /** The control form without scripts. */
  async POST(ctx) {
    const { devices, locks } = ctx.state.instrument;
    const id = ctx.params.id!;
    const view = devices.view(id);
    if (view === null) throw new HttpError(404, "There is no such device");
    const form = await ctx.req.formData();
    const op = String(form.get("op") ?? "");
    const operation = view.capability.operations.find((one) => one.op === op);
    const values = argsFrom(
      fieldsOf(operation?.args ?? {}),
      (name) => form.get(name)?.toString() ?? null,
    );
    const taken = await takeByHand(locks, ctx.state.principal, id);
    const failed = taken.ok
      ? await refusalOf(devices.command({ deviceId: id, op, args: values, actor: taken.value }))
      : lockProblem(taken.refusal);
    if (failed === null) return ctx.redirect(`/devices/${id}`, 303);
    const errors = errorsByField(failed.members.errors);
    return page({ failed: { op, values, text: failed.detail, errors } }, {
      status: failed.status,
    });
  },
});

export default define.page<typeof handler>(async function DevicePage(ctx) {
  const { data: { failed }, params, state: { instrument }, url } = ctx;
  const view = instrument.devices.view(params.id!);
  if (view === null) throw new HttpError(404, "There is no such device");
  const { clock, actor, mayOperate } = readerOf(ctx);
  const { capability, state, holder } = view;
  const { deviceId, label, operations } = capability;
  const events = await instrument.events.read({ limit: EVENTS_SHOWN, subject: deviceId });
  const history = await historyProps(instrument, url, clock, deviceId);
  const { stopped, name } = instrument.status();
  const forms = operations.filter(({ args }) => isFormable(args));
  const forPrograms = operations.filter(({ args }) => !isFormable(args));
  // A form that is no longer there, or was never one, still says why it failed.
  const orphan = failed !== null && !forms.some(({ op }) => op === failed.op) ? failed : null;
  return (
    <>
      <Head>
        <title>{`${label} · ${name}`}</title>
      </Head>
      <div class="head">
        <h1>{label}</h1>
        <span class="sub">{capability.description}</span>
      </div>
      {orphan !== null && (
        <p class="notice notice-crit" role="alert">
          <span class="dot" />
          <span class="grow">{orphan.text}</span>
        </p>
      )}
      <div class="device-page">
        <div class="col">
          {!mayOperate && operations.length > 0 && (
            <section class="card">
              <p class="sub">Your role lets you watch. An operator can drive this device.</p>
            </section>
          )}
          {mayOperate && forms.map((operation) => (
            <section class="card" key={operation.op}>
              <header>
                <h2>{operation.label}</h2>
              </header>
              <CommandForm
                deviceId={deviceId}
                operation={operation}
                values={failed?.op === operation.op
                  ? failed.values
                  : operation.op === "set"
                  ? state.setpoint ?? {}
                  : {}}
                failure={failed?.op === operation.op ? failed : null}
                holder={holder}
                stopped={stopped !== null}
                actor={actor}
                clock={clock}
              />
            </section>
          ))}
          <Facts capability={capability} />
          {forPrograms.length > 0 && (
            <p class="sub">
              {forPrograms.map((one) => one.label).join(", ")}: for programs, through{" "}
              <a href="/docs">the API</a>.
            </p>
          )}
        </div>
        <div class="col">
          {history.channels.length > 0 && <History {...history} />}
          <section class="card table-card" aria-label="Now">
            <DeviceTable devices={[tableDevice(view)]} alone clock={clock} />
          </section>
          <section class="card" aria-label="Events">
            <header>
              <h2>Events</h2>
              <a class="btn btn-quiet" href={`/events?subject=${encodeURIComponent(deviceId)}`}>
                All
              </a>
            </header>
            <EventFeed
              initial={shownEvents(events)}
              most={EVENTS_SHOWN}
              clock={clock}
              actor={actor}
              names={await namesIn(instrument, events)}
              subject={deviceId}
              manner="log"
              live
            />
          </section>
        </div>
      </div>
    </>
  );
});

/** Why a command was refused; `null` when it was carried out. */
async function refusalOf(command: ReturnType<Devices["command"]>): Promise<Problem | null> {
  const done = await command;
  return done.ok ? null : commandProblem(done.refusal);
}

/** What is fixed about a device: where it is, what it does when nobody looks after it. */
function Facts({ capability }: { capability: Capability }) {
  const { bus, component, simulated, kind, safeState, onTimeMaxMs, heartbeatMs, guards } =
    capability;
  const safe = Object.entries(safeState ?? {})
    .map(([name, value]) => `${inWords(name)} ${JSON.stringify(value)}`).join(", ");
  const known = Object.entries(capability.facts)
    .filter(([, value]) => ["number", "string", "boolean"].includes(typeof value));
  return (
    <section class="card" aria-label="About">
      <header>
        <h2>{kind === "actuator" ? "Safety" : "About"}</h2>
        {simulated && <span class="tag">simulated</span>}
      </header>
      <dl class="facts">
        {kind === "actuator" && (
          <>
            <dt>Safe state</dt>
            <dd>{safe === "" ? "none declared" : safe}</dd>
            <dt>Longest on-time</dt>
            <dd>{onTimeMaxMs === undefined ? "no limit" : formatDuration(onTimeMaxMs)}</dd>
            <dt>Goes safe alone</dt>
            <dd>
              {heartbeatMs === undefined
                ? "when its agent ends"
                : `after ${formatDuration(heartbeatMs)} without its host`}
            </dd>
            {(guards ?? []).map((guard) => (
              <>
                <dt>Cut off unless</dt>
                <dd>
                  <a href={`/devices/${guard.deviceId}`}>{guard.deviceId}</a>{" "}
                  {inWords(guard.channel)} is good
                  {guard.min !== undefined && `, at least ${guard.min}`}
                  {guard.max !== undefined && `, at most ${guard.max}`}
                </dd>
              </>
            ))}
          </>
        )}
        <dt>Bus</dt>
        <dd>{bus}</dd>
        <dt>Name for scripts</dt>
        <dd>{component}</dd>
        {known.map(([name, value]) => (
          <>
            <dt>{inWords(name)}</dt>
            <dd>{String(value)}</dd>
          </>
        ))}
      </dl>
    </section>
  );
}
