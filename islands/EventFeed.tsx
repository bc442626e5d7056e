import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import { byDay, condensed, hrefOf, isWorthALook, nameOf } from "../components/events.ts";
import { formatActor } from "../components/format.ts";
import { hearEvents, hearExperiments, type LiveEvent } from "../components/live.ts";
import { Time, zoneShown } from "../components/Time.tsx";

interface Props {
  initial: LiveEvent[];
  /** How many stay on the page. */
  most: number;
  clock: PageClock;
  /** Who looks. */
  actor: string;
  /** What actors and subjects are called, where their ids say nothing: `experiment:01J…` is `experiment 42`. */
  names: Record<string, string>;
  /** Only events of this subject, and only these type prefixes. */
  subject?: string;
  types?: string[];
  /** `glance`: what a person wants to know in passing, repetitions told once; `log`: everything, by day. */
  manner: "glance" | "log";
  /** New ones are added as they come. */
  live: boolean;
}

/** Kept beyond what is shown, so that condensing has something to condense. */
const SPARE = 200;

/** The event log, newest first. */
export default function EventFeed(props: Props) {
  const { initial, most, clock, actor, subject, types, manner, live } = props;
  const events = useSignal(initial);
  const names = useSignal(props.names);
  useEffect(() => {
    if (!live) return;
    const stops = [
      hearEvents((event) => {
        if (subject !== undefined && event.subject !== subject) return;
        if (types !== undefined && !types.some((type) => event.type.startsWith(type))) return;
        if (manner === "glance" && !isWorthALook(event)) return;
        if (events.value.some(({ seq }) => seq === event.seq)) return;
        events.value = [event, ...events.value].slice(0, most + SPARE);
      }),
      hearExperiments(({ id, number }) => {
        const key = `experiment:${id}`;
        if (names.value[key] === undefined) {
          names.value = { ...names.value, [key]: `experiment ${number}` };
        }
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }, []);
  const called = (id: string) => names.value[id] ?? formatActor(id, actor);

  if (events.value.length === 0) {
    return <p class="empty">Nothing has happened yet. Commands, runs and alarms appear here.</p>;
  }
  if (manner === "glance") {
    return (
      <ol class="event-list num">
        {condensed(events.value).slice(0, most).map(({ event, times }) => (
          <Row key={event.seq} event={event} times={times} clock={clock} called={called} />
        ))}
      </ol>
    );
  }
  return (
    <>
      {byDay(events.value.slice(0, most), zoneShown(clock)).map(({ day, events }) => (
        <section key={day} class="day">
          <h3>
            <Time atMs={events[0]!.atMs} clock={clock} as="day" />
          </h3>
          <ol class="event-list num">
            {events.map((event) => (
              <Row key={event.seq} event={event} times={1} clock={clock} called={called} />
            ))}
          </ol>
        </section>
      ))}
    </>
  );
}

function Row(
  { event, times, clock, called }: {
    event: LiveEvent;
    times: number;
    clock: PageClock;
    called: (id: string) => string;
  },
) {
  const name = nameOf(event, called);
  const text = event.text.startsWith(`${name}: `) ? event.text.slice(name.length + 2) : event.text;
  return (
    <li class={/^alarm\.raised|\.error$|stopped$/.test(event.type) ? "bad" : undefined}>
      <Time atMs={event.atMs} clock={clock} />
      <span class="what">
        <a class="subject" href={hrefOf(event)} aria-current="false">
          {name}
        </a>{" "}
        {text} {times > 1 && <small title={`${times} times in a row`}>×{times}</small>}{" "}
        {event.actor !== "system" && <em>{called(event.actor)}</em>}
      </span>
    </li>
  );
}
