import { formatTime } from "./format.ts";
import type { LiveEvent } from "./live.ts";

/** How event lists are read: what matters in passing, repetitions, days, names and links. Pure. */

/**
 * Whether an event belongs in a short list: what people and scripts did, and what went wrong. That a device
 * is ready, and each lease of a run that takes twenty of them, is for the whole log.
 */
export function isWorthALook({ type, text }: Pick<LiveEvent, "type" | "text">): boolean {
  if (type === "device.status") return !text.startsWith("ready");
  if (type === "device.safe") return !text.endsWith("the runtime ends");
  return !/^(lock\.(granted|released)|auth\.login|auth\.logout|experiment\.phase)/.test(type);
}

/** An event, and how often the like of it came since the one before it in the list. */
export interface CondensedEvent {
  readonly event: LiveEvent;
  readonly times: number;
}

/**
 * Repetitions told once: a script that sets a pump every second makes one line, its newest. Newest first,
 * as it came; two kinds taking turns are two lines.
 */
export function condensed(events: readonly LiveEvent[]): CondensedEvent[] {
  const seen = new Map<string, { event: LiveEvent; times: number }>();
  for (const event of events) {
    const { type, subject, actor } = event;
    const repeats = type === "device.setpoint" || type === "device.error";
    const key = repeats ? `${type} ${subject} ${actor}` : String(event.seq);
    const found = seen.get(key);
    if (found === undefined) seen.set(key, { event, times: 1 });
    else found.times++;
  }
  return [...seen.values()];
}

/** Events in their order, cut where the day changes on the wall clock of `zone`. */
export function byDay(
  events: readonly LiveEvent[],
  zone: string,
): { day: string; events: LiveEvent[] }[] {
  const days: { day: string; events: LiveEvent[] }[] = [];
  for (const event of events) {
    const day = `${formatTime(event.atMs, "day", zone)} ${new Date(event.atMs).getUTCFullYear()}`;
    if (days.at(-1)?.day === day) days.at(-1)!.events.push(event);
    else days.push({ day, events: [event] });
  }
  return days;
}

/** What an event is about, as people call it. */
export function nameOf(
  { type, subject, data }: Pick<LiveEvent, "type" | "subject" | "data">,
  called: (id: string) => string,
): string {
  if (!type.startsWith("experiment.")) return subject;
  return typeof data["number"] === "number"
    ? `experiment ${data["number"]}`
    : called(`experiment:${subject}`);
}

/** The page that tells more. */
export function hrefOf({ type, subject }: Pick<LiveEvent, "type" | "subject">): string {
  if (/^(device|lock)\./.test(type)) return `/devices/${encodeURIComponent(subject)}`;
  if (type.startsWith("experiment.")) return `/experiments/${encodeURIComponent(subject)}`;
  if (type.startsWith("alarm.")) return "/alarms";
  return `/events?subject=${encodeURIComponent(subject)}`;
}
