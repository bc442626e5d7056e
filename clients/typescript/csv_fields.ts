import { type Column, COLUMNS } from "./columns.ts";

export type FieldValue =
  | number
  | string
  | boolean
  | null
  | undefined
  | readonly (number | string | boolean | null)[];
export type Row = Record<string, FieldValue>;
/** `legacy`: the original's bytes. `strict`: UTC, JSON lists, LF, a schema. */
export type CsvForm = "legacy" | "strict";

/**
 * A decimal number as Python prints it, which is what files of the original hold: shortest digits that
 * read back as the same number, `633.0`, `1e-05`, `1e+16`.
 */
export function pythonFloat(value: number): string {
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(value.toExponential());
  if (match === null) throw new RangeError(`Cannot print ${value} as a number`);
  const [, sign = "", first = "", rest = "", power = ""] = match;
  const exponent = Number(power);
  const digits = first + rest;
  if (exponent < -4 || exponent >= 16) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${first}${rest === "" ? "" : `.${rest}`}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${Object.is(value, -0) ? "-" : ""}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

/** One field of a row, quoted where it must be. */
export function field(name: string, value: FieldValue, form: CsvForm): string {
  const column = COLUMNS[name];
  if (Array.isArray(value)) {
    const text = list(value, column, form);
    return form === "strict" ? quoted(text) : quotedIfNeeded(text, form);
  }
  return quotedIfNeeded(
    scalar(value as Exclude<FieldValue, readonly unknown[]>, column, form),
    form,
  );
}

function scalar(
  value: number | string | boolean | null | undefined,
  column: Column | undefined,
  form: CsvForm,
): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return bool(value, form);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return "";
    return column?.type === "number" ? pythonFloat(value) : plain(value);
  }
  // A line break inside a field would make half a line look like a whole one.
  return value.replace(/\r\n|[\r\n]/g, " ");
}

function list(
  values: readonly (number | string | boolean | null)[],
  column: Column | undefined,
  form: CsvForm,
): string {
  const nothing = form === "legacy" ? "None" : "null";
  const items = values.map((one) => {
    if (one === null) return nothing;
    if (typeof one === "boolean") return bool(one, form);
    if (typeof one === "string") return form === "legacy" ? pythonText(one) : JSON.stringify(one);
    if (!Number.isFinite(one)) return nothing;
    return column?.type === "numbers" ? pythonFloat(one) : plain(one);
  });
  return `[${items.join(", ")}]`;
}

/** A number of a column that is not declared: whole ones without a fraction. */
function plain(value: number): string {
  return Number.isSafeInteger(value) ? String(value) : pythonFloat(value);
}

function bool(value: boolean, form: CsvForm): string {
  if (form === "strict") return String(value);
  return value ? "True" : "False";
}

function pythonText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
  return quote + (quote === "'" ? inner.replaceAll("'", "\\'") : inner) + quote;
}

function quotedIfNeeded(text: string, form: CsvForm): string {
  // As Python's writer, which also quotes a lone carriage return; those are gone by now.
  return /[",\n\r]/.test(text) || (form === "legacy" && text === "\0") ? quoted(text) : text;
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** `2026-01-25T20:35:11.103Z`. */
export function utcStamp(atMs: number): string {
  return new Date(Math.floor(atMs)).toISOString();
}

/** Local wall clock without a zone, six digits of a second, none when they are zero. */
export function localStamp(atMs: number): string {
  const whole = Math.floor(atMs);
  const at = new Date(whole);
  const two = (value: number) => String(value).padStart(2, "0");
  // A double holds a date to a quarter of a microsecond, so the digits are rounded, never up to the next.
  const micros = at.getMilliseconds() * 1000 + Math.min(999, Math.round((atMs - whole) * 1000));
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${day}T${clock}${micros === 0 ? "" : `.${String(micros).padStart(6, "0")}`}`;
}

/** Milliseconds since the epoch of a stamp of either form. @throws {RangeError} it is none */
export function parseStamp(stamp: string): number {
  // Digits beyond a millisecond are cut, not rounded.
  const atMs = Date.parse(stamp.replace(/(\.\d{3})\d+/, "$1"));
  if (Number.isNaN(atMs)) throw new RangeError(`Cannot read the timestamp "${stamp}"`);
  return atMs;
}

/** The fields of one line of CSV. */
export function parseLine(line: string): string[] {
  const fields: string[] = [];
  const pattern = /(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g;
  for (const [, inner, bare] of line.matchAll(pattern)) {
    fields.push(inner === undefined ? bare ?? "" : inner.replaceAll('""', '"'));
  }
  return fields;
}
