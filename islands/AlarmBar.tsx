import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { hearAlarms } from "../components/live.ts";
import type { Alarm } from "../lib/alarms/model.ts";

/** The unacknowledged alarms that stand now, worst first, each with its way to acknowledge. */
export default function AlarmBar({ initial }: { initial: Alarm[] }) {
  const alarms = useSignal(initial);
  useEffect(() =>
    hearAlarms((changed) => {
      alarms.value = [...alarms.value.filter(({ id }) => id !== changed.id), changed];
    }), []);

  async function acknowledge(event: Event, id: string) {
    event.preventDefault();
    const reply = await fetch(`/api/v1/alarms/${encodeURIComponent(id)}/acknowledge`, {
      method: "POST",
    }).catch(() => null);
    if (reply?.ok) {
      const changed: Alarm = await reply.json();
      alarms.value = alarms.value.map((one) => one.id === id ? changed : one);
    }
  }

  const open = alarms.value
    .filter(({ clearedAtMs, acknowledgedBy }) => clearedAtMs === null && acknowledgedBy === null)
    .toSorted((a, b) =>
      Number(b.severity === "critical") - Number(a.severity === "critical") ||
      a.raisedAtMs - b.raisedAtMs
    );
  if (open.length === 0) return null;
  return (
    <>
      {open.slice(0, 3).map((alarm) => (
        <section
          class={alarm.severity === "critical" ? "notice notice-crit" : "notice"}
          key={alarm.id}
          aria-label={alarm.title}
        >
          <span class="dot" />
          <b>{alarm.title}</b>
          <span class="grow">{alarm.text}</span>
          <form
            method="post"
            action="/alarms"
            onSubmit={(event) => acknowledge(event, alarm.id)}
          >
            <input type="hidden" name="acknowledge" value={alarm.id} />
            <button class="btn" type="submit">Acknowledge</button>
          </form>
        </section>
      ))}
      {open.length > 3 && <a class="btn btn-quiet" href="/alarms">{open.length - 3} more alarms</a>}
    </>
  );
}
