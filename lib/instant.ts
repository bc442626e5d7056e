import { z } from "@hono/zod-openapi";

/** Date and time with zone, as RFC 3339 has it; seconds may have a fraction. */
const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;
/** Last millisecond of the year 9999. */
const LATEST_MS = 253_402_300_799_999;

/** `1769371200000` or `2026-01-25T20:00:00Z` as epoch milliseconds, or `null` for anything else. */
export function instantOf(text: string): number | null {
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : parsed(text);
  return ms >= 0 && ms <= LATEST_MS ? ms : null;
}

function parsed(text: string): number {
  const match = RFC_3339.exec(text);
  if (match === null) return NaN;
  const [, year, month, day] = match.map(Number) as [number, number, number, number];
  // `Date.parse` takes 30 February for 2 March.
  const real = new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
  return real ? Math.floor(Date.parse(text.replace(" ", "T").toUpperCase())) : NaN;
}

/** A point in time in a query string, as epoch milliseconds. A `+` of an offset arrives as a blank there, so both are read. */
export const Instant = z.string().transform((text, context) => {
  const ms = instantOf(text.replace(/ (\d{2}:\d{2})$/, "+$1"));
  if (ms !== null) return ms;
  context.addIssue({
    code: "custom",
    message:
      `"${text}" is neither milliseconds since 1970 nor a time with zone like 2026-01-25T20:00:00Z`,
  });
  return z.NEVER;
});
