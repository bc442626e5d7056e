import { LAST_SHOWN } from "../components/experiments.ts";
import { isWorthALook } from "../components/events.ts";
import { packed } from "../components/plot/source.ts";
import { overviewRows, TREND_BUCKETS, TREND_MS } from "../components/shown.ts";
import AlarmBar from "../islands/AlarmBar.tsx";
import DeviceRows, { type RowProps } from "../islands/DeviceRows.tsx";
import EventFeed from "../islands/EventFeed.tsx";
import History from "../islands/History.tsx";
import RunPanel from "../islands/RunPanel.tsx";
import { publicView, TERMINAL } from "../lib/experiments/mod.ts";
import { define, type Instrument } from "../lib/instrument/mod.ts";
import { namesIn, shownEvents } from "./(_parts)/events.ts";
import { historyProps, seriesOf } from "./(_parts)/history.ts";
import { readerOf } from "./(_parts)/reader.ts";

const ROWS_MOST = 10;
const EVENTS_SHOWN = 5;
/** Enough to find something worth a look among the start of twenty devices. */
const EVENTS_READ = 200;
const EVENTS_KEPT = 60;
const LOG_LINES = 4;
/** The stop has a notice of its own on every page. */
const TOLD_ABOVE = ["stop"];

export default define.page(async function Overview(ctx) {
  const { state: { instrument }, url } = ctx;
  const { clock, actor, owner, mayOperate, isAdmin } = readerOf(ctx);
  const { devices, telemetry, experiments, events, alarms } = instrument;
  const rows = rowsOf(instrument);
  const running = experiments.running();
  const [happened, waiting, ended, history] = await Promise.all([
    events.read({ limit: EVENTS_READ }),
    experiments.queue(),
    experiments.list({ limit: LAST_SHOWN, states: [...TERMINAL] }),
    historyProps(instrument, url, clock),
  ]);
  const worth = happened.filter(isWorthALook);
  const trends = seriesOf(telemetry, {
    channels: rows.map(({ deviceId, channel }) => ({ deviceId, channel: channel.id })),
    fromMs: clock.nowMs - TREND_MS,
    toMs: clock.nowMs,
    buckets: TREND_BUCKETS,
  });
  const shown = (one: Parameters<typeof publicView>[1]) => publicView(experiments, one);
  return (
    <>
      <h1 class="visually-hidden">Overview</h1>
      <AlarmBar
        initial={alarms.active()}
        most={2}
        except={TOLD_ABOVE}
        mayDrive={mayOperate}
        clock={clock}
      />
      <div class="overview">
        <RunPanel
          running={running === null ? null : shown(running)}
          waiting={waiting.slice(0, 50).map(shown)}
          last={ended.experiments.map(shown)}
          log={running === null ? "" : experiments.log(running.id, { tail: LOG_LINES }).text}
          mine={owner}
          maySubmit={mayOperate}
          mayStopAll={isAdmin}
          clock={clock}
        />
        <History {...history} />
        <section class="card devs" aria-label="Devices">
          <header>
            <h2>Devices</h2>
            <a class="btn btn-quiet" href="/devices">All {devices.list().length}</a>
          </header>
          {rows.length === 0
            ? <p class="empty">No device yet. They appear as their agents start.</p>
            : (
              <DeviceRows
                rows={rows}
                trends={packed(trends, rows.map(({ channel }) => channel))}
                clock={clock}
              />
            )}
        </section>
        <section class="card events" aria-label="Events">
          <header>
            <h2>Events</h2>
            <a class="btn btn-quiet" href="/events">All</a>
          </header>
          <EventFeed
            initial={shownEvents(worth.slice(0, EVENTS_KEPT))}
            most={EVENTS_SHOWN}
            clock={clock}
            actor={actor}
            names={await namesIn(instrument, worth)}
            manner="glance"
            live
          />
        </section>
      </div>
    </>
  );
});

function rowsOf({ devices }: Instrument): RowProps[] {
  const views = new Map(devices.list().map((view) => [view.capability.deviceId, view]));
  return overviewRows([...views.values()].map(({ capability }) => capability), ROWS_MOST)
    .map((row) => {
      const { readings, state: { deviceId, status, setpoint }, holder } = views.get(row.deviceId)!;
      return {
        ...row,
        reading: readings.find(({ channel }) => channel === row.channel.id) ?? null,
        state: { deviceId, status, setpoint },
        holder,
      };
    });
}
