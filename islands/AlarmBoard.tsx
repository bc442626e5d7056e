import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { unseenFirst } from "../components/alarms.ts";
import type { PageClock } from "../components/clock.ts";
import { formatActor, formatDuration } from "../components/format.ts";
import { alarms, connect, hearEvents, instrumentNow } from "../components/live.ts";
import { Time } from "../components/Time.tsx";
import type { Alarm } from "../lib/alarms/model.ts";

interface Props {
  active: Alarm[];
  /** Those that are over, latest first. */
  past: Alarm[];
  /** Who looks. */
  actor: string;
  clock: PageClock;
}

/** Alarms somebody has seen and that still stand, and those that are over; the unseen are `AlarmBar`'s. */
export default function AlarmBoard({ active, past, actor, clock }: Props) {
  const history = useSignal(past);
  const asking = useRef(false);
  useEffect(() => {
    connect();
    return hearEvents(async ({ type }) => {
      if (!type.startsWith("alarm.") || asking.current) return;
      asking.current = true;
      const reply = await fetch("/api/v1/alarms?limit=100").catch(() => null);
      asking.current = false;
      if (reply?.ok) history.value = (await reply.json()).history;
    });
  }, []);
  const standing = unseenFirst(alarms.value ?? active);
  const seen = standing.filter(({ acknowledgedBy, clearedAtMs }) =>
    acknowledgedBy !== null && clearedAtMs === null
  );
  const over = history.value.filter(({ clearedAtMs }) => clearedAtMs !== null);
  const now = instrumentNow(clock);
  return (
    <>
      {standing.length === 0 && (
        <section class="card blank">
          <h2>No alarm stands</h2>
          <p>
            A sensor that goes stale, an agent that ends, a run that fails to reach its end state, a
            full disk and STOP raise one: here, on the overview and in the top bar. Each says what
            was found, what it means for the sample and what to do.
          </p>
        </section>
      )}
      {seen.length > 0 && (
        <section class="card" aria-label="Acknowledged">
          <header>
            <h2>Acknowledged, still there</h2>
          </header>
          <ul class="plain-list alarms">
            {seen.map((alarm) => (
              <li key={alarm.id}>
                <span class={alarm.severity === "critical" ? "dot crit" : "dot warn"} />
                <div>
                  <b>{alarm.title}</b>
                  <p>{alarm.text}</p>
                  <p class="sub num">
                    {alarm.severity} · for {formatDuration(now - alarm.raisedAtMs)}, since{" "}
                    <Time atMs={alarm.raisedAtMs} clock={clock} as="stamp" /> · seen by{" "}
                    {formatActor(alarm.acknowledgedBy ?? "", actor)}
                  </p>
                </div>
              </li>
            ))}
          </ul>
        </section>
      )}
      {over.length > 0 && (
        <section class="card" aria-label="History">
          <header>
            <h2>History</h2>
            <a class="btn btn-quiet" href="/events?type=alarm.">In the event log</a>
          </header>
          <table class="alarm-table">
            <thead>
              <tr>
                <th scope="col">Alarm</th>
                <th scope="col">Raised</th>
                <th scope="col">Over</th>
                <th scope="col" class="num">Lasted</th>
                <th scope="col">Acknowledged by</th>
              </tr>
            </thead>
            <tbody>
              {over.map((alarm) => (
                <tr key={`${alarm.id} ${alarm.raisedAtMs}`}>
                  <th scope="row">
                    {alarm.title}
                    <small class="why">{alarm.text}</small>
                  </th>
                  <td class="fig" data-label="raised">
                    <Time atMs={alarm.raisedAtMs} clock={clock} as="stamp" />
                  </td>
                  <td class="fig" data-label="over">
                    <Time atMs={alarm.clearedAtMs!} clock={clock} as="stamp" />
                  </td>
                  <td class="num" data-label="lasted">
                    {formatDuration(alarm.clearedAtMs! - alarm.raisedAtMs)}
                  </td>
                  <td data-label="seen by">
                    {alarm.acknowledgedBy === null
                      ? "nobody"
                      : formatActor(alarm.acknowledgedBy, actor)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </>
  );
}
