import { Icon } from "../components/Icon.tsx";
import { chipClass, elapsedText, ownerText, stateWord } from "../components/experiments.ts";
import { overviewRows, plotChannels } from "../components/shown.ts";
import { WINDOWS } from "../components/plot/shape.ts";
import DeviceRows, { type RowProps } from "../islands/DeviceRows.tsx";
import EventFeed from "../islands/EventFeed.tsx";
import History from "../islands/History.tsx";
import RunCard from "../islands/RunCard.tsx";
import AlarmBar from "../islands/AlarmBar.tsx";
import { type Experiment, ownerOf } from "../lib/experiments/mod.ts";
import { define, type Instrument } from "../lib/instrument/mod.ts";

const ROWS_MOST = 12;
const SPARK_BUCKETS = 40;
/** Drawn when the address names no channels: one of each of the first units a biologist asks for. */
const FIRST_COMPONENTS = ["optical_density", "temp_sensor", "co2_sensor"];

export default define.page(async function Overview({ state, url }) {
  const { instrument } = state;
  const nowMs = instrument.clock.nowMs();
  const views = instrument.devices.list();
  const rows = withTrends(instrument, nowMs);
  const channels = plotChannels(views);
  const first = FIRST_COMPONENTS.flatMap((component) => {
    const found = views.find(({ capability }) => capability.component === component);
    const channel = found?.capability.channels[0];
    return found && channel ? [`${found.capability.deviceId}.${channel.id}`] : [];
  });
  const running = instrument.experiments.running();
  const [events, waiting, { experiments: last }] = await Promise.all([
    instrument.events.read({ limit: 6 }),
    instrument.experiments.queue(),
    instrument.experiments.list({ limit: 3 }),
  ]);
  const mine = ownerOf(state.principal);
  const windowId = url.searchParams.get("window") ?? WINDOWS[0].id;
  return (
    <>
      <h1 class="visually-hidden">Overview</h1>
      <AlarmBar initial={instrument.alarms.active()} />
      <div class="overview">
        <section class="card exp" aria-label="Experiment">
          {running === null ? <Idle last={last} nowMs={nowMs} /> : (
            <RunCard
              running={running}
              logTail={instrument.experiments.log(running.id, { tail: 4 }).text}
              nowMs={nowMs}
              mine={running.owner === mine}
            />
          )}
          <Queue waiting={waiting} mine={mine} />
        </section>
        <History
          title={WINDOWS.find(({ id }) => id === windowId)?.label ?? "This run"}
          channels={channels}
          shown={url.searchParams.get("channels")?.split(",") ?? first}
          runFromMs={running?.startedAtMs ?? null}
          windowId={windowId}
          nowMs={nowMs}
        />
        <section class="card devs">
          <header>
            <h2>Devices</h2>
            <a class="btn btn-quiet" href="/devices">All {views.length}</a>
          </header>
          <DeviceRows rows={rows} nowMs={nowMs} />
        </section>
        <section class="card events">
          <header>
            <h2>Events</h2>
            <a class="btn btn-quiet" href="/events">All</a>
          </header>
          <EventFeed initial={events} most={6} nowMs={nowMs} live />
        </section>
      </div>
    </>
  );
});

function withTrends(instrument: Instrument, nowMs: number): RowProps[] {
  const views = new Map(instrument.devices.list().map((v) => [v.capability.deviceId, v]));
  const rows = overviewRows([...views.values()].map((v) => v.capability), ROWS_MOST);
  const series = instrument.telemetry.series({
    channels: rows.map(({ deviceId, channel }) => ({ deviceId, channel: channel.id })),
    fromMs: nowMs - 900_000,
    toMs: nowMs,
    buckets: SPARK_BUCKETS,
  });
  return rows.map((row, index) => {
    const view = views.get(row.deviceId)!;
    return {
      ...row,
      reading: view.readings.find(({ channel }) => channel === row.channel.id) ?? null,
      state: view.state,
      holder: view.holder,
      spark: series[index]?.buckets.map(({ mean }) => mean) ?? [],
    };
  });
}

function Idle({ last, nowMs }: { last: Experiment[]; nowMs: number }) {
  return (
    <>
      <header>
        <h2>No experiment is running</h2>
      </header>
      <p class="sub">
        The instrument is free. A demo measures every few seconds and writes a CSV you can download.
      </p>
      <div class="row">
        <form method="post" action="/experiments/new">
          <input type="hidden" name="sample" value="demo" />
          <button class="btn btn-main" type="submit">
            <Icon name="play" />Start a demo experiment
          </button>
        </form>
        <a class="btn" href="/experiments/new">Submit your own</a>
      </div>
      {last.length > 0 && (
        <>
          <h3>Last runs</h3>
          <ol class="queue">
            {last.map((one) => (
              <li key={one.id}>
                <a href={`/experiments/${one.id}`}>{one.title}</a>
                <time>
                  <span class={chipClass(one.state)}>{stateWord(one.state)}</span>
                </time>
                <span>experiment {one.number} · {elapsedText(one, nowMs)}</span>
              </li>
            ))}
          </ol>
        </>
      )}
    </>
  );
}

function Queue({ waiting, mine }: { waiting: Experiment[]; mine: string }) {
  if (waiting.length === 0) return null;
  return (
    <>
      <h3>Next in queue</h3>
      <ol class="queue">
        {waiting.slice(0, 4).map((one, index) => (
          <li key={one.id}>
            <a href={`/experiments/${one.id}`}>{one.title}</a>
            <time>{one.state === "paused" ? "paused" : `${index + 1}.`}</time>
            <span>experiment {one.number} · {ownerText(one.owner, mine)}</span>
          </li>
        ))}
      </ol>
    </>
  );
}
