/**
 * What a page's first paint tells the time by. The server cannot know a browser's time zone, so the page
 * keeps it in a cookie: from the second page on, what the server writes and what the islands write is the
 * same text. On a first visit the server uses its own zone, and the page changes its times once.
 */

/** When the page was made, and the IANA zone its times are written in. Plain JSON: crosses to islands. */
export interface PageClock {
  readonly nowMs: number;
  readonly zone: string;
}

export const ZONE_COOKIE = "zone";

/** The clock of a page made at `nowMs` for the reader who sent `cookie`. */
export function clockOf(cookie: string | null, nowMs: number): PageClock {
  return { nowMs, zone: zoneOf(cookie) };
}

/** The zone a cookie header names, or this machine's where it names none that exists. */
export function zoneOf(cookie: string | null): string {
  const found = new RegExp(`(?:^|;\\s*)${ZONE_COOKIE}=([A-Za-z0-9_+%/-]{1,80})`).exec(cookie ?? "");
  const named = found === null ? null : decoded(found[1]!);
  return named !== null && isZone(named) ? named : ownZone();
}

/** Where this machine stands; `UTC` where it does not say. */
export function ownZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
