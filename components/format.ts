import type { Channel, ReadingValue } from "../lib/devices/model.ts";

/** What stands where there is no number: a fault or a stale value never looks like one. */
export const NO_VALUE = "—";

/** A channel's value as people read it, without its unit. */
export function formatValue(value: ReadingValue, channel: Pick<Channel, "decimals">): string {
  if (value === null) return NO_VALUE;
  if (typeof value === "boolean") return value ? "on" : "off";
  if (typeof value === "string") return value;
  return formatNumber(value, channel.decimals);
}

/** Fixed decimals with a true minus sign; never `-0`. */
export function formatNumber(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return NO_VALUE;
  const text = value.toFixed(decimals);
  if (Number(text) === 0) return text.replace("-", "");
  return text.replace("-", "−");
}

/** `0.4 s`, `14 s`, `3 min`, `5 h 12 m`, `2 d 3 h`. Negative ages (a clock ahead of ours) count as none. */
export function formatAge(ms: number): string {
  const s = Math.max(0, ms) / 1000;
  return s < 9.95 ? `${s.toFixed(1)} s` : formatDuration(ms);
}

/** `45 s`, `12 min`, `5 h 12 m`, `2 d 3 h`. */
export function formatDuration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 24) return `${h} h ${min % 60} m`;
  return `${Math.floor(h / 24)} d ${h % 24} h`;
}

/** How a moment is written: `14:10:32`, `14:10`, `21 Nov 14:10:32`, `Friday, 21 November`. */
export type TimeStyle = "clock" | "minute" | "stamp" | "day";

const STYLES: Record<TimeStyle, Intl.DateTimeFormatOptions> = {
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  minute: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  stamp: { day: "numeric", month: "short", year: "numeric" },
  day: { weekday: "long", day: "numeric", month: "long", year: "numeric" },
};

// Making one takes a thousand times as long as using it.
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(
  key: string,
  zone: string,
  options: Intl.DateTimeFormatOptions,
): Intl.DateTimeFormat {
  const name = `${key} ${zone}`;
  let found = formatters.get(name);
  if (found === undefined) {
    // Zones come from cookies: whoever invents many cannot make us keep them all.
    if (formatters.size > 200) formatters.clear();
    found = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone });
    formatters.set(name, found);
  }
  return found;
}

/**
 * A moment on the wall clock of `zone` (an IANA name). A year is written only where it is not that of
 * `nowMs`.
 */
export function formatTime(atMs: number, style: TimeStyle, zone: string, nowMs = atMs): string {
  if (style === "clock" || style === "minute") {
    return formatter(style, zone, STYLES[style]).format(atMs);
  }
  const year = formatter("year", zone, { year: "numeric" });
  const sameYear = year.format(atMs) === year.format(nowMs);
  const { year: _, ...short } = STYLES[style];
  const day = formatter(`${style} ${sameYear}`, zone, sameYear ? short : STYLES[style])
    .format(atMs);
  return style === "day" ? day : `${day} ${formatTime(atMs, "clock", zone)}`;
}

/** How far the wall clock of `zone` is ahead of UTC at `atMs`. */
export function zoneAheadMs(zone: string, atMs: number): number {
  const parts = formatter("parts", zone, {
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
    hourCycle: "h23",
  }).formatToParts(atMs);
  const part = (type: string) => Number(parts.find((one) => one.type === type)?.value ?? 0);
  const wall = Date.UTC(
    part("year"),
    part("month") - 1,
    part("day"),
    part("hour"),
    part("minute"),
    part("second"),
  );
  return wall - Math.floor(atMs / 1000) * 1000;
}

/** `1.2 kB`, `34 MB`: powers of 1000. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = -1;
  do {
    value /= 1000;
    unit++;
  } while (value >= 999.5 && unit < units.length - 1);
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** An actor string as people read it; `me` is whoever reads. */
export function formatActor(actor: string, me?: string): string {
  if (actor === me) return "you";
  const [kind, name = ""] = actor.split(/:(.*)/s);
  switch (kind) {
    case "system":
      return "Holdfast";
    case "local":
      // `local:<browser>`, or `local:local/<program>` for one that came without a browser's cookie.
      return name === "" ? "local" : `local ${name.replace(/^local\//, "").slice(0, 6)}`;
    case "experiment":
      return "an experiment";
    default:
      return name || actor;
  }
}

/** `peltier_current` as people say it. */
export function inWords(name: string): string {
  return name.replaceAll("_", " ");
}
