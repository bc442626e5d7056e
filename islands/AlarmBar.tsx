import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { acknowledgeAlarm, unseenFirst } from "../components/alarms.ts";
import type { PageClock } from "../components/clock.ts";
import { alarms, connect } from "../components/live.ts";
import { Time } from "../components/Time.tsx";
import type { Alarm } from "../lib/alarms/model.ts";

interface Props {
  initial: Alarm[];
  /** How many at once; the rest is a link. */
  most: number;
  /** Alarms that the page tells otherwise while they stand, by id. */
  except: string[];
  mayDrive: boolean;
  clock: PageClock;
}

/** The alarms nobody has acknowledged, worst first, each with its way to acknowledge. */
export default function AlarmBar({ initial, most, except, mayDrive, clock }: Props) {
  useEffect(connect, []);
  const open = unseenFirst(alarms.value ?? initial)
    .filter(({ id, acknowledgedBy, clearedAtMs }) =>
      acknowledgedBy === null && (clearedAtMs !== null || !except.includes(id))
    );
  if (open.length === 0) return null;
  return (
    <>
      {open.slice(0, most).map((alarm) => (
        <AlarmNotice
          key={`${alarm.id} ${alarm.raisedAtMs}`}
          alarm={alarm}
          mayDrive={mayDrive}
          clock={clock}
        />
      ))}
      {open.length > most && (
        <a class="more-alarms" href="/alarms">
          {open.length - most === 1 ? "1 more alarm" : `${open.length - most} more alarms`}
        </a>
      )}
    </>
  );
}

function AlarmNotice(
  { alarm, mayDrive, clock }: { alarm: Alarm; mayDrive: boolean; clock: PageClock },
) {
  const pending = useSignal(false);
  const failure = useSignal<string | null>(null);

  async function acknowledge(event: Event) {
    event.preventDefault();
    if (pending.value) return;
    pending.value = true;
    failure.value = await acknowledgeAlarm(alarm.id);
    pending.value = false;
  }

  return (
    <section
      class={alarm.clearedAtMs !== null
        ? "notice notice-over"
        : alarm.severity === "critical"
        ? "notice notice-crit"
        : "notice"}
      aria-label={alarm.title}
    >
      <span class="dot" />
      <b>{alarm.title}</b>
      <span class="grow">
        {alarm.clearedAtMs !== null && (
          <>
            <b>
              over since <Time atMs={alarm.clearedAtMs} clock={clock} as="minute" />
            </b>
            {"; "}
          </>
        )}
        {alarm.text}
        {alarm.clearedAtMs === null && (
          <>
            {" · since "}
            <Time atMs={alarm.raisedAtMs} clock={clock} as="minute" />
          </>
        )}
        {failure.value !== null && <span class="error" role="alert">. {failure.value}</span>}
      </span>
      {mayDrive && (
        <form method="post" action="/alarms" onSubmit={acknowledge}>
          <input type="hidden" name="acknowledge" value={alarm.id} />
          <button class="btn" type="submit" aria-busy={pending.value}>Acknowledge</button>
        </form>
      )}
    </section>
  );
}
