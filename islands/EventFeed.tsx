import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { formatActor, formatClock, formatStamp } from "../components/format.ts";
import { hearEvents, type LiveEvent } from "../components/live.ts";

interface Props {
  initial: LiveEvent[];
  /** How many stay on the page. */
  most: number;
  nowMs: number;
  /** Only events of this subject, and only these type prefixes. */
  subject?: string;
  types?: string[];
  /** Day and time instead of the time alone. */
  days?: boolean;
  /** New ones are added as they come. */
  live: boolean;
}

/** The event log, newest first. */
export default function EventFeed({ initial, most, nowMs, subject, types, days, live }: Props) {
  const events = useSignal(initial);
  useEffect(() => {
    if (!live) return;
    return hearEvents((event) => {
      if (subject !== undefined && event.subject !== subject) return;
      if (types !== undefined && !types.some((type) => event.type.startsWith(type))) return;
      if (events.value.some(({ seq }) => seq === event.seq)) return;
      events.value = [event, ...events.value].slice(0, most);
    });
  }, []);
  if (events.value.length === 0) {
    return <p class="empty">Nothing has happened yet. Commands, runs and alarms appear here.</p>;
  }
  return (
    <ol class="event-list num">
      {events.value.map((event) => (
        <li key={event.seq}>
          <time dateTime={new Date(event.atMs).toISOString()}>
            {days ? formatStamp(event.atMs, nowMs) : formatClock(event.atMs)}
          </time>
          <a class="subject" href={hrefOf(event)}>{nameOf(event)}</a> {event.text}{" "}
          {event.actor !== "system" && <em>{actorName(event)}</em>}
        </li>
      ))}
    </ol>
  );
}

function actorName(event: LiveEvent): string {
  const label = event.data["actorLabel"];
  return typeof label === "string" ? label : formatActor(event.actor);
}

function nameOf({ type, subject, data }: LiveEvent): string {
  if (type.startsWith("experiment.") && typeof data["number"] === "number") {
    return `experiment ${data["number"]}`;
  }
  return subject;
}

function hrefOf({ type, subject }: LiveEvent): string {
  if (type.startsWith("device.")) return `/devices/${encodeURIComponent(subject)}`;
  if (type.startsWith("experiment.")) return `/experiments/${encodeURIComponent(subject)}`;
  if (type.startsWith("alarm.")) return "/alarms";
  return `/events?subject=${encodeURIComponent(subject)}`;
}
