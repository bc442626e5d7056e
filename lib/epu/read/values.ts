import type { When } from "./files.ts";

/**
 * Turns the trimmed text of an element into its value; `undefined` when it is no such value, `null` when
 * the text is EPU's way to say that there is none.
 */
export type Decode<T> = (text: string) => T | null | undefined;

/** Decimal as .NET writes it for every culture: `1.2E-05`, `-0.4`, `8.577308032738535E+19`. */
export const decodeNumber: Decode<number> = (text) => {
  if (!/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$/.test(text)) return undefined;
  const value = Number(text);
  // "-0" means nothing here, and 1E999 is no number of EPU's.
  return Number.isFinite(value) ? value + 0 : undefined;
};

/** Whole numbers that a double holds exactly. */
export const decodeInt: Decode<number> = (text) => {
  if (!/^[+-]?\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value + 0 : undefined;
};

/** An id of EPU's database. */
export const decodeId: Decode<number> = (text) => {
  const value = decodeInt(text);
  return typeof value === "number" && value >= 0 ? value : undefined;
};

export const decodeFlag: Decode<boolean> = (text) =>
  text === "true" ? true : text === "false" ? false : undefined;

/** The Falcon's lists say `On` and `Off`. */
export const decodeSwitch: Decode<boolean> = (text) =>
  text === "On" ? true : text === "Off" ? false : decodeFlag(text);

/** Names and paths, Windows' longest ones included. */
const TEXT_CHARS_MAX = 1024;

export const decodeText: Decode<string> = (text) => text.length > TEXT_CHARS_MAX ? undefined : text;

/** Text in which "" says no more than an absent element. */
export const decodeWord: Decode<string> = (text) => text === "" ? null : decodeText(text);

export const decodeGuid: Decode<string> = (text) =>
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : undefined;

const TIME =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,7}))?(?:(Z)|([+-])(\d\d):(\d\d))?$/;

/** Up to seven fraction digits; what is below a millisecond is dropped. */
export const decodeTime: Decode<When> = (text) => {
  const found = TIME.exec(text);
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", utc, sign, zoneH, zoneM] = found;
  // DateTime.MinValue: never set.
  if (year === "0001") return null;
  const wallMs = Date.UTC(+year!, +month! - 1, +day!, +hour!, +minute!, +second!) +
    Number(fraction.padEnd(3, "0").slice(0, 3));
  // Date.UTC carries 30 February and 25 o'clock over.
  const isWritten = new Date(wallMs).toISOString().slice(0, 19) === text.slice(0, 19);
  if (!isWritten) return undefined;
  if (utc !== undefined) return { atMs: wallMs, zoneMin: 0 };
  if (sign === undefined) return { atMs: wallMs, zoneMin: null };
  const zoneMin = (sign === "-" ? -1 : 1) * (Number(zoneH) * 60 + Number(zoneM));
  if (Math.abs(zoneMin) > 14 * 60 || Number(zoneM) > 59) return undefined;
  return { atMs: wallMs - zoneMin * 60_000, zoneMin: zoneMin + 0 };
};
