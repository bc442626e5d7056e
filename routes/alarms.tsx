import { formatActor, formatStamp } from "../components/format.ts";
import AlarmBar from "../islands/AlarmBar.tsx";
import { actorOf } from "../lib/auth/mod.ts";
import { define } from "../lib/instrument/mod.ts";

export const handler = define.handlers({
  /** Acknowledging without scripts. */
  async POST(ctx) {
    const form = await ctx.req.formData();
    const id = String(form.get("acknowledge") ?? "");
    await ctx.state.instrument.alarms.acknowledge(id, actorOf(ctx.state.principal));
    return ctx.redirect("/alarms", 303);
  },
});

export default define.page(async function AlarmsPage({ state }) {
  const { alarms, clock } = state.instrument;
  const nowMs = clock.nowMs();
  const active = alarms.active();
  const acknowledged = active.filter(({ acknowledgedBy, clearedAtMs }) =>
    acknowledgedBy !== null && clearedAtMs === null
  );
  const past = (await alarms.history(100)).filter(({ clearedAtMs }) => clearedAtMs !== null);
  return (
    <>
      <div class="head">
        <h1>Alarms</h1>
      </div>
      {active.length === 0 && (
        <section class="card">
          <p class="empty">
            No alarm stands. Stale sensors, agents that stop, a full disk and STOP raise one here.
          </p>
        </section>
      )}
      <AlarmBar initial={active} />
      {acknowledged.length > 0 && (
        <section class="card">
          <header>
            <h2>Acknowledged, still there</h2>
          </header>
          <ul class="plain-list">
            {acknowledged.map((alarm) => (
              <li key={alarm.id}>
                <b>{alarm.title}</b>
                <p class="sub">{alarm.text}</p>
                <p class="sub num">
                  since {formatStamp(alarm.raisedAtMs, nowMs)}, acknowledged by{" "}
                  {formatActor(alarm.acknowledgedBy ?? "")}
                </p>
              </li>
            ))}
          </ul>
        </section>
      )}
      {past.length > 0 && (
        <section class="card">
          <header>
            <h2>History</h2>
          </header>
          <div class="scroll-x">
            <table>
              <thead>
                <tr>
                  <th>Alarm</th>
                  <th>Raised</th>
                  <th>Cleared</th>
                  <th>Acknowledged by</th>
                </tr>
              </thead>
              <tbody>
                {past.map((alarm) => (
                  <tr key={`${alarm.id}-${alarm.raisedAtMs}`}>
                    <td>
                      <b>{alarm.title}</b>
                      <br />
                      <small>{alarm.text}</small>
                    </td>
                    <td class="num">{formatStamp(alarm.raisedAtMs, nowMs)}</td>
                    <td class="num">{formatStamp(alarm.clearedAtMs!, nowMs)}</td>
                    <td>
                      {alarm.acknowledgedBy === null ? "nobody" : formatActor(alarm.acknowledgedBy)}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
    </>
  );
});
