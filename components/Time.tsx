import { signal } from "@preact/signals";
import { ownZone, type PageClock, ZONE_COOKIE } from "./clock.ts";
import { formatTime, type TimeStyle } from "./format.ts";

/** This browser's zone, once a page is awake; `null` on the server and until then. */
const browserZone = signal<string | null>(null);

/** The zone times are written in now. Reads a signal: an island that uses it follows. */
export function zoneShown(clock: PageClock): string {
  return browserZone.value ?? clock.zone;
}

/** A moment on the reader's wall clock, and in `datetime` for machines. */
export function Time(
  { atMs, clock, as = "clock" }: { atMs: number; clock: PageClock; as?: TimeStyle },
) {
  return (
    <time dateTime={new Date(atMs).toISOString()} data-as={as}>
      {formatTime(atMs, as, zoneShown(clock), clock.nowMs)}
    </time>
  );
}

/**
 * Takes up this browser's zone: islands follow by themselves, times outside them are written anew, and the
 * cookie lets the server write the next page right. Browser only.
 */
export function adoptZone(): void {
  const zone = ownZone();
  const value = `${ZONE_COOKIE}=${encodeURIComponent(zone)}`;
  if (!document.cookie.split("; ").includes(value)) {
    document.cookie = `${value}; path=/; max-age=31536000; samesite=strict`;
    const nowMs = Date.now();
    for (const element of document.querySelectorAll<HTMLTimeElement>("time[data-as]")) {
      const text = element.firstChild;
      const atMs = Date.parse(element.dateTime);
      if (!(text instanceof Text) || Number.isNaN(atMs)) continue;
      // The node stays: one inside an island is Preact's own.
      text.data = formatTime(atMs, element.dataset.as as TimeStyle, zone, nowMs);
    }
  }
  browserZone.value = zone;
}
