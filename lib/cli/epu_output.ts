import type { Finding } from "../epu/model.ts";
import type { CliHost, OptionSpec } from "./command.ts";
import { columns, stamp } from "./text.ts";

/** Shared by the commands that show what EPU wrote. */
export const JSON_OPTION: Readonly<Record<string, OptionSpec>> = {
  json: { help: "As one JSON document" },
};

/** Units as the ends of field names spell them. */
const UNITS: readonly (readonly [string, string])[] = [
  ["EPerA2", "e/Å²"],
  ["Px", "px"],
  ["Rad", "rad"],
  ["Deg", "°"],
  ["Kv", "kV"],
  ["Ev", "eV"],
  ["Ms", "ms"],
  ["Min", "min"],
  ["M", "m"],
  ["A", "Å"],
];
const METRES: readonly (readonly [number, string])[] = [
  [1, "m"],
  [1e-3, "mm"],
  [1e-6, "µm"],
  [1e-9, "nm"],
  [1e-10, "Å"],
];
const SHORT_LIST = 8;
const DASH = "-";

/** `["hole spacing", "4.128 µm"]` of `holeSpacingM: 4.128e-6`; a dash for what the file does not say. */
export function fieldRow(name: string, value: unknown): [string, string] {
  const unit = typeof value === "number" || value === null || Array.isArray(value)
    ? UNITS.find(([suffix]) => name.endsWith(suffix) && name.length > suffix.length)
    : undefined;
  const bare = unit === undefined ? name : name.slice(0, -unit[0].length);
  return [labelOf(bare), valueText(value, unit?.[1] ?? "")];
}

/** `stageX` to `stage X`. */
function labelOf(name: string): string {
  return name.replace(
    /([a-z0-9])([A-Z])/g,
    (_, before: string, after: string) => `${before} ${after}`,
  ).split(" ").map((word) => /^[A-Z][a-z]/.test(word) ? word.toLowerCase() : word).join(" ")
    .replace(/^epu /, "EPU ");
}

function valueText(value: unknown, unit: string): string {
  if (value === null || value === undefined || value === "") return DASH;
  if (typeof value === "number") return withUnit(value, unit);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return listText(value, unit);
  if (isWhen(value)) return whenText(value);
  return String(value);
}

function withUnit(value: number, unit: string): string {
  if (unit === "m") return lengthText(value);
  return `${shortNumber(value)}${unit === "" || unit === "°" ? unit : ` ${unit}`}`;
}

function shortNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

/** Metres with the prefix that leaves one to three digits before the point. */
export function lengthText(metres: number): string {
  if (metres === 0) return "0 m";
  const size = Math.abs(metres);
  // 9.9999999E-07 is a micrometre to anybody.
  const [scale, unit] = METRES.find(([scale]) => size >= scale * 0.99995) ?? METRES.at(-1)!;
  return `${Number((metres / scale).toPrecision(5))} ${unit}`;
}

function listText(values: readonly unknown[], unit: string): string {
  const isPlain = values.every((one) => typeof one !== "object");
  return isPlain && values.length <= SHORT_LIST
    ? values.length === 0 ? "none" : values.map((one) => valueText(one, unit)).join(", ")
    : String(values.length);
}

function isWhen(value: unknown): value is { atMs: number; zoneMin: number | null } {
  return typeof value === "object" && value !== null && "atMs" in value && "zoneMin" in value;
}

function whenText({ atMs, zoneMin }: { atMs: number; zoneMin: number | null }): string {
  if (zoneMin === null) return `${stamp(atMs).slice(0, -1)} (zone unknown)`;
  if (zoneMin === 0) return stamp(atMs);
  const sign = zoneMin < 0 ? "-" : "+";
  const hours = String(Math.trunc(Math.abs(zoneMin) / 60)).padStart(2, "0");
  const minutes = String(Math.abs(zoneMin) % 60).padStart(2, "0");
  return `${stamp(atMs)} (written ${sign}${hours}:${minutes})`;
}

/** A label and a value a line. */
export function showFields(host: CliHost, rows: readonly (readonly [string, string])[]): void {
  const width = Math.max(...rows.map(([label]) => label.length));
  for (const [label, value] of rows) host.out(`${label.padEnd(width)}  ${value}`);
}

/** A table with a heading, on stdout. */
export function showTable(
  host: CliHost,
  title: string,
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  host.out("");
  host.out(title);
  for (const line of columns(heads, rows)) host.out(`  ${line}`);
}

/** One line each; with `isLong` also where in the file, and what follows. */
export function findingLines(findings: readonly Finding[], isLong: boolean): string[] {
  return findings.flatMap(({ severity, code, path, where, text, consequence }) => {
    const line = `${severity.padEnd(7)}  ${code}  ${path === "" ? "." : path}: ${text}`;
    if (!isLong) return [line];
    return [line, `         ${where === null ? "" : `at ${where}: `}${consequence}`];
  });
}

/** What stands behind "Cannot read": the system's own word without the path it repeats. */
export function whyUnreadable(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  switch (code) {
    case "ENOENT":
      return "it is not there";
    case "EACCES":
    case "EPERM":
      return "permission is missing";
    case "EISDIR":
      return "it is a folder";
    case "ENOTDIR":
      return "it is not a folder";
    default:
      return message ?? String(error);
  }
}
