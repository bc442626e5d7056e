import { type Cell, parseCell, parseStamp } from "./csv.ts";

/** One column of a run's data: of a list column, one of its items. */
export interface DataColumn {
  /** As in the header; items of a list as `od_voltages[0]`. */
  readonly name: string;
  /** Empty where nobody says. */
  readonly unit: string;
  readonly values: (number | null)[];
}

/** Columns given, a list's items each counted. */
export const COLUMNS_MAX = 1000;

/** Times of one row, as far as it says them. */
export interface Row {
  readonly elapsedS: number | null;
  readonly stamp: { atMs: number; zoned: boolean } | null;
}

/** Rows becoming columns. */
export class Table {
  #columns = new Map<string, (number | null)[]>();
  #bases = new Map<string, string>();
  #times: { row: Row; index: number }[] = [];
  #skipped = 0;

  /** Taken so far. */
  get rows(): number {
    return this.#times.length;
  }

  constructor(
    private readonly header: readonly string[],
    private readonly wanted: readonly string[] | undefined,
    private readonly units: ReadonlyMap<string, string>,
  ) {}

  /** Takes the row that stands at `index` in the file. */
  add(cells: readonly string[], index: number): void {
    if (!isRow(this.header, cells)) {
      if (cells.length !== this.header.length) this.#skipped++;
      return;
    }
    const row = this.#times.length;
    this.#times.push({ row: timesOf(this.header, cells), index });
    this.header.forEach((name, i) => {
      if (TIMES.has(name) || (this.wanted !== undefined && !this.wanted.includes(name))) return;
      const value: Cell = parseCell(cells[i]!);
      if (Array.isArray(value)) {
        value.forEach((item, n) => this.#put(`${name}[${n}]`, name, row, item));
      } else if (typeof value === "number") this.#put(name, name, row, value);
      else if (typeof value === "boolean") this.#put(name, name, row, Number(value));
    });
  }

  done(first: Row | null): {
    columns: DataColumn[];
    elapsedMs: number[];
    startedAtMs: number | null;
    skipped: number;
  } {
    const count = this.#times.length;
    const order = new Map(this.header.map((name, i) => [name, i]));
    const columns = [...this.#columns].map(([name, values]) => {
      while (values.length < count) values.push(null);
      return { name, unit: this.#unitOf(name), values };
    });
    const place = (name: string) => order.get(this.#bases.get(name)!)!;
    columns.sort((a, b) => place(a.name) - place(b.name) || itemOf(a.name) - itemOf(b.name));
    return {
      columns,
      elapsedMs: this.#times.map(({ row, index }) => elapsedOf(row, first, index)),
      startedAtMs: first?.stamp?.zoned ? first.stamp.atMs : null,
      skipped: this.#skipped,
    };
  }

  #put(name: string, base: string, row: number, value: number | null): void {
    let values = this.#columns.get(name);
    if (values === undefined) {
      if (this.#columns.size >= COLUMNS_MAX) return;
      this.#columns.set(name, values = []);
      this.#bases.set(name, base);
    }
    while (values.length < row) values.push(null);
    values.push(value);
  }

  #unitOf(name: string): string {
    const base = this.#bases.get(name)!;
    return this.units.get(base) ?? unitByName(base);
  }
}

function itemOf(name: string): number {
  return Number(/\[(\d+)\]$/.exec(name)?.[1] ?? 0);
}

/** Columns that say when; they are the axis, not a curve. */
const TIMES = new Set(["timestamp", "time", "elapsed_s", "elapsed", "elapsed_time"]);

export function timesOf(header: readonly string[], cells: readonly string[]): Row {
  let elapsedS: number | null = null;
  let stamp: Row["stamp"] = null;
  header.forEach((name, i) => {
    if (!TIMES.has(name)) return;
    const value = parseCell(cells[i]!);
    // The older node's `time` is seconds; the library's is a stamp.
    if (typeof value === "number" && name !== "timestamp") elapsedS ??= value;
    else if (typeof value === "string") stamp ??= parseStamp(value);
  });
  return { elapsedS, stamp };
}

/** Milliseconds since the first row: by a stamp with zone, else by the script's own count, else by a local stamp. */
export function elapsedOf({ elapsedS, stamp }: Row, first: Row | null, index: number): number {
  if (first?.stamp?.zoned && stamp !== null) return stamp.atMs - first.stamp.atMs;
  if (elapsedS !== null && first?.elapsedS != null) {
    return Math.round((elapsedS - first.elapsedS) * 1000);
  }
  if (stamp !== null && first?.stamp) return stamp.atMs - first.stamp.atMs;
  return index * 1000;
}

/** Whether these are a row's cells: not of another width, nor the header written again by a script that was started again. */
export function isRow(header: readonly string[], cells: readonly string[]): boolean {
  return cells.length === header.length && !cells.every((cell, i) => cell.trim() === header[i]);
}

/** Units that the originals' column names imply. */
const UNITS: readonly (readonly [RegExp, string])[] = [
  [/^co2_ppm$/i, "ppm"],
  [/^o2_percent$/i, "%"],
  [/(^|_)temp(erature)?(_c)?$|^io_temp_(in|out)$/i, "°C"],
  [/voltages?$|_v$|_degree$|_reference$/i, "V"],
  [/duty$/i, "%"],
  [/current$/i, "A"],
  [/_s$/i, "s"],
];

function unitByName(name: string): string {
  return UNITS.find(([pattern]) => pattern.test(name))?.[1] ?? "";
}
