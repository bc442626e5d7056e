import { hrefOf } from "../events.ts";
import type { LiveEvent } from "../live.ts";
import type { Mark } from "./shape.ts";

/** An event as a chart needs it. */
export type LoggedEvent = Pick<LiveEvent, "seq" | "atMs" | "type" | "subject" | "text" | "data">;

/** Beginnings of the types that a chart shows: of the whole instrument, and of one device. */
export const MARK_TYPES = {
  instrument: ["experiment.", "instrument."],
  device: ["device.setpoint", "device.safe", "device.error"],
} as const;

/** Whether an event shows on the charts of `subject`: as a mark, or as a step of its setpoint. */
export function isShown(event: LoggedEvent, subject?: string): boolean {
  return isMark(event, subject) ||
    event.subject === subject && event.type === "device.setpoint";
}

/** Whether an event is worth a line across the charts of `subject`, or of the instrument without one. */
export function isMark({ type, subject: about, data }: LoggedEvent, subject?: string): boolean {
  // Setpoints are drawn as steps: a controller sets one every second.
  if (subject !== undefined) return about === subject && /^device\.(safe|error)$/.test(type);
  if (type.startsWith("instrument.") || type === "experiment.note") return true;
  return type === "experiment.state" && typeof data["state"] === "string" &&
    !["queued", "paused", "starting", "stopping"].includes(data["state"]);
}

/** The line, its words and where they lead. */
export function markOf(event: LoggedEvent): Mark {
  const { atMs, text } = event;
  return { atMs, label: text.length > 60 ? `${text.slice(0, 59)}…` : text, href: hrefOf(event) };
}
