import { type Drawn, gapLimitMs, type PlotBucket, type PlotChannel, traceOf } from "./shape.ts";

/** From the numbers a run wrote to what a chart draws. Pure. */

/** `GET …/data`: columns of the run's CSV, lists already taken apart. */
export interface RunNumbers {
  readonly columns: readonly {
    readonly name: string;
    readonly unit: string;
    readonly values: readonly (number | null)[];
  }[];
  /** Milliseconds since the run's first row. */
  readonly elapsedMs: readonly number[];
  /** When the first row was written, where the file says so. */
  readonly startedAtMs: number | null;
  readonly rows: number;
}

export const NO_NUMBERS: RunNumbers = { columns: [], elapsedMs: [], startedAtMs: null, rows: 0 };

/** A column a person can choose; its colour is its place in the file. */
export interface RunColumn {
  readonly name: string;
  readonly unit: string;
  readonly colour: number;
}

export function columnsOf({ columns }: RunNumbers): RunColumn[] {
  return columns.map(({ name, unit }, index) => ({ name, unit, colour: index % 8 + 1 }));
}

/** What is asked for of the API: a list's name stands for its items. */
export function baseName(column: string): string {
  return column.replace(/\[\d+\]$/, "");
}

/** Quantities a biologist looks at first, in this order. */
const WANTED = [/^od($|_)|optical/i, /temp/i, /^co2/i, /^o2/i];
const UNITS_FIRST = 3;

/** Columns drawn when nobody chose: the first of three quantities, each with all items of its list. */
export function firstColumns({ columns }: RunNumbers): string[] {
  const moving = columns.filter(({ values }) => values.some((value) => value !== null));
  const rank = (name: string) => {
    const at = WANTED.findIndex((pattern) => pattern.test(name));
    return at < 0 ? WANTED.length : at;
  };
  const ranked = moving.toSorted((a, b) => rank(a.name) - rank(b.name));
  const shown: string[] = [];
  const units = new Set<string>();
  for (const { name, unit } of ranked) {
    const sibling = shown.some((one) => baseName(one) === baseName(name));
    if (!sibling && (units.has(unit) || units.size >= UNITS_FIRST)) continue;
    units.add(unit);
    shown.push(name);
  }
  return shown;
}

/** Columns asked for by an address, as far as the file has them; without any, the first ones. */
export function shownColumns(query: URLSearchParams, numbers: RunNumbers): string[] {
  const known = new Set(numbers.columns.map(({ name }) => name));
  const asked = [...new Set(query.getAll("columns").flatMap((text) => text.split(",")))]
    .filter((name) => known.has(name)).slice(0, 8);
  return asked.length > 0 ? asked : firstColumns(numbers);
}

/** The chosen columns in their order, over the time since the first row. */
export function drawnOf(
  numbers: RunNumbers,
  shown: readonly string[],
  columns: readonly RunColumn[],
): (Drawn & { readonly rows: PlotBucket[] })[] {
  const { elapsedMs } = numbers;
  const periodMs = elapsedMs.length < 2
    ? 1000
    : Math.max(1, (elapsedMs.at(-1)! - elapsedMs[0]!) / (elapsedMs.length - 1));
  return shown.flatMap((name) => {
    const column = columns.find((one) => one.name === name);
    const found = numbers.columns.find((one) => one.name === name);
    if (column === undefined || found === undefined) return [];
    const rows = found.values.map((value, row): PlotBucket => ({
      atMs: elapsedMs[row]!,
      min: value,
      max: value,
      mean: value,
      count: value === null ? 0 : 1,
    }));
    const known = found.values.filter((value) => value !== null);
    const channel: PlotChannel = {
      deviceId: "run",
      channel: name,
      label: name,
      unit: column.unit,
      decimals: digitsOf(known),
      periodMs,
      colour: column.colour,
      ...(known.every((value) => value >= 0) ? { min: 0 } : {}),
    };
    return [{ channel, rows, trace: traceOf(rows, gapLimitMs(periodMs, periodMs)) }];
  });
}

const DIGITS_MOST = 4;

/** Digits after the point that the file's numbers have, and no more than four digits in all need. */
function digitsOf(values: readonly number[]): number {
  let most = 0;
  const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const before = largest < 1 ? 0 : Math.floor(Math.log10(largest)) + 1;
  // The first and the last hundred tell enough of a column of thousands.
  for (const value of [...values.slice(0, 100), ...values.slice(-100)]) {
    const [, digits = ""] = String(value).split(".");
    most = Math.max(most, digits.includes("e") ? DIGITS_MOST : digits.length);
  }
  return Math.min(most, Math.max(0, DIGITS_MOST - before));
}
