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
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  return formatDuration(ms);
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

/** `14:10:32` in the reader's zone (`timeZone` absent) or in the one named. */
export function formatClock(atMs: number, timeZone?: string): string {
  return new Date(atMs).toLocaleTimeString("en-GB", { timeZone, hour12: false });
}

/** `21 Nov 14:10:32`; the year too when it is not this one. */
export function formatStamp(atMs: number, nowMs: number, timeZone?: string): string {
  const at = new Date(atMs);
  const sameYear = at.getUTCFullYear() === new Date(nowMs).getUTCFullYear();
  const day = at.toLocaleDateString("en-GB", {
    timeZone,
    day: "numeric",
    month: "short",
    ...(sameYear ? {} : { year: "numeric" }),
  });
  return `${day} ${formatClock(atMs, timeZone)}`;
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

/** An actor string as people read it: `experiment:01J…` is shown by its label where one is known. */
export function formatActor(actor: string): string {
  const [kind, name = ""] = actor.split(/:(.*)/s);
  switch (kind) {
    case "system":
      return "Holdfast";
    case "local":
      return name === "" ? "local" : `local ${name.slice(0, 6)}`;
    case "experiment":
      return "experiment";
    default:
      return name || actor;
  }
}
