import { Turns } from "../turns.ts";
import { type Cell, parseCell, parseStamp, RowScanner, splitRow } from "./csv.ts";
import type { Folders, OpenFile } from "./folders.ts";

/** One column of a run's data: of a list column, one of its items. */
export interface DataColumn {
  /** As in the header; items of a list as `od_voltages[0]`. */
  readonly name: string;
  /** Empty where nobody says. */
  readonly unit: string;
  readonly values: (number | null)[];
}

/** A run's CSV as columns of numbers. */
export interface RunData {
  readonly columns: DataColumn[];
  /** Milliseconds since the file's first row, for each row given. */
  readonly elapsedMs: number[];
  /** Epoch milliseconds of the first row, where its stamp has a zone. */
  readonly startedAtMs: number | null;
  /** Whole rows in the file. */
  readonly rows: number;
  /** One in so many is given. */
  readonly every: number;
  /** Rows given up because their cells do not match the header. */
  readonly skipped: number;
}

export interface DataAsk {
  /** Columns wanted, a list's items all with the list's name; absent: all. */
  readonly columns?: readonly string[];
  /** One row in so many. */
  readonly every?: number;
  /** At most so many rows: makes `every` as large as it must be. */
  readonly rows?: number;
}

export const DATA_FILE = "experiment_data.csv";
/** Rows in one reply, whatever is asked. */
export const DATA_ROWS_MAX = 50_000;
/** Numbers in one reply: a wide file is thinned more. */
const CELLS_MAX = 2_000_000;
/** Columns given, a list's items each counted. */
const COLUMNS_MAX = 1000;
/** A row longer than this is none of a table's: what follows is not looked at. */
const ROW_BYTES_MAX = 2 * 1_048_576;
const FILES_KEPT = 8;
/** Rows between two remembered offsets. */
const STEP = 16;
const PIECE = 262_144;

/** Where the rows of a file begin, so far: only what was added since is read again. */
interface RowIndex {
  scanner: RowScanner;
  header: string[] | null;
  headerText: string;
  /** Offsets of rows 0, STEP, 2 STEP, … */
  offsets: number[];
  rows: number;
  first: Row | null;
}

/** Times of one row, as far as it says them. */
interface Row {
  readonly elapsedS: number | null;
  readonly stamp: { atMs: number; zoned: boolean } | null;
}

/**
 * Reads runs' data; keeps for the last few files where their rows are. One file at a time and in small
 * pieces: whatever a script wrote, nothing else of the instrument waits for it.
 */
export class RunDataReader {
  #indexes = new Map<string, RowIndex>();
  #turns = new Turns();

  constructor(private readonly folders: Folders) {}

  /** `null` while there is no such file or no header in it. */
  read(id: string, ask: DataAsk = {}, path = DATA_FILE): Promise<RunData | null> {
    return this.#turns.take(() => this.#read(id, ask, path));
  }

  async #read(id: string, ask: DataAsk, path: string): Promise<RunData | null> {
    using file = this.folders.openOutput(id, path);
    if (file === null) return null;
    const index = await this.#indexOf(`${id}/${path}`, file);
    if (index.header === null) return null;
    const width = Math.min(ask.columns?.length ?? index.header.length, COLUMNS_MAX);
    const most = Math.min(ask.rows ?? DATA_ROWS_MAX, DATA_ROWS_MAX, CELLS_MAX / Math.max(width, 1));
    const every = Math.max(ask.every ?? 1, Math.ceil(index.rows / Math.max(most, 1)), 1);
    const table = new Table(index.header, ask.columns, this.#units(id, path));
    for await (const cells of pick(file, index, every)) table.add(cells, index);
    return { ...table.done(index), rows: index.rows, every };
  }

  async #indexOf(key: string, file: OpenFile): Promise<RowIndex> {
    let index = this.#indexes.get(key);
    if (index === undefined || index.scanner.bytes > file.bytes) {
      index = {
        scanner: new RowScanner(),
        header: null,
        headerText: "",
        offsets: [],
        rows: 0,
        first: null,
      };
    }
    this.#indexes.delete(key);
    this.#indexes.set(key, index);
    for (const oldest of this.#indexes.keys()) {
      if (this.#indexes.size <= FILES_KEPT) break;
      this.#indexes.delete(oldest);
    }
    await extend(index, file);
    return index;
  }

  #units(id: string, path: string): Map<string, string> {
    const units = new Map<string, string>();
    using file = this.folders.openOutput(id, path.replace(/\.csv$/, "") + ".schema.json");
    if (file === null || file.bytes > 262_144) return units;
    try {
      const { columns } = JSON.parse(file.text()) as { columns: { name: string; unit: string }[] };
      for (const { name, unit } of columns) units.set(String(name), String(unit ?? ""));
    } catch {
      // Half written, or somebody else's: the names tell units enough.
    }
    return units;
  }
}

/** Lets everything else have its turn; Deno's `setImmediate` would let sockets wait a hundred turns. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

async function extend(index: RowIndex, file: OpenFile): Promise<void> {
  for (;; await breathe()) {
    if (index.scanner.bytes - index.scanner.end > ROW_BYTES_MAX) return;
    const piece = file.read(index.scanner.bytes, PIECE);
    if (piece.length === 0) return;
    index.scanner.feed(piece, (from, to) => {
      if (index.header === null) {
        index.headerText = rowText(file, from, to).replace(/^\ufeff/, "");
        if (index.headerText.trim() !== "") {
          index.header = splitRow(index.headerText).map((name) => name.trim());
        }
        return;
      }
      if (index.rows % STEP === 0) index.offsets.push(from);
      index.rows++;
    });
  }
}

/** The cells of every `every`-th row. */
async function* pick(file: OpenFile, index: RowIndex, every: number): AsyncGenerator<string[]> {
  let sinceBreath = 0;
  for (let block = 0, next = 0; block < index.offsets.length; block++) {
    const first = block * STEP;
    const last = Math.min(index.rows, first + STEP);
    if (next >= last) continue;
    const from = index.offsets[block]!;
    const to = index.offsets[block + 1] ?? index.scanner.end;
    const rows: string[] = [];
    const scanner = new RowScanner();
    const bytes = file.read(from, to - from);
    scanner.feed(bytes, (a, b) => {
      rows.push(textOf(bytes.subarray(a, b)));
    });
    for (; next < last; next += every) {
      const row = rows[next - first];
      if (row === undefined) continue;
      yield splitRow(row);
      sinceBreath += row.length;
      if (sinceBreath < PIECE) continue;
      await breathe();
      sinceBreath = 0;
    }
  }
}

/** Rows becoming columns. */
class Table {
  #columns = new Map<string, (number | null)[]>();
  #bases = new Map<string, string>();
  #times: Row[] = [];
  #skipped = 0;

  constructor(
    private readonly header: readonly string[],
    private readonly wanted: readonly string[] | undefined,
    private readonly units: ReadonlyMap<string, string>,
  ) {}

  add(cells: readonly string[], index: RowIndex): void {
    if (cells.length !== this.header.length) {
      this.#skipped++;
      return;
    }
    // A script that was started again wrote its header again.
    if (cells.every((cell, i) => cell.trim() === this.header[i])) return;
    const row = this.#times.length;
    this.#times.push(timesOf(this.header, cells));
    index.first ??= this.#times[0]!;
    this.header.forEach((name, i) => {
      if (TIMES.has(name) || (this.wanted !== undefined && !this.wanted.includes(name))) return;
      const value: Cell = parseCell(cells[i]!);
      if (Array.isArray(value)) {
        value.forEach((item, n) => this.#put(`${name}[${n}]`, name, row, item));
      } else if (typeof value === "number") this.#put(name, name, row, value);
      else if (typeof value === "boolean") this.#put(name, name, row, Number(value));
    });
  }

  done(index: RowIndex): Omit<RunData, "rows" | "every"> {
    const count = this.#times.length;
    const order = new Map(this.header.map((name, i) => [name, i]));
    const columns = [...this.#columns].map(([name, values]) => {
      while (values.length < count) values.push(null);
      return { name, unit: this.#unitOf(name), values };
    });
    const place = (name: string) => order.get(this.#bases.get(name)!)!;
    columns.sort((a, b) => place(a.name) - place(b.name) || itemOf(a.name) - itemOf(b.name));
    const { first } = index;
    return {
      columns,
      elapsedMs: elapsedOf(this.#times, first),
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

function timesOf(header: readonly string[], cells: readonly string[]): Row {
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

/** Time since the first row: by a stamp with zone, else by the script's own count, else by a local stamp. */
function elapsedOf(rows: readonly Row[], first: Row | null): number[] {
  const zoned = first?.stamp?.zoned === true;
  return rows.map(({ elapsedS, stamp }, i) => {
    if (zoned && stamp !== null) return stamp.atMs - first!.stamp!.atMs;
    if (elapsedS !== null && first?.elapsedS != null) {
      return Math.round((elapsedS - first.elapsedS) * 1000);
    }
    if (stamp !== null && first?.stamp) return stamp.atMs - first.stamp.atMs;
    return i * 1000;
  });
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

function rowText(file: OpenFile, from: number, to: number): string {
  return textOf(file.read(from, to - from));
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/\r$/, "");
}
