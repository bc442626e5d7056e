import { Turns } from "../turns.ts";
import { RowScanner, splitRow } from "./csv.ts";
import type { Folders, OpenFile } from "./folders.ts";
import { type DataBlock, exportBlocks } from "./run_export.ts";
import {
  COLUMNS_MAX,
  type DataColumn,
  elapsedOf,
  isRow,
  type Row,
  Table,
  timesOf,
} from "./run_table.ts";

export type { DataColumn };

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
  /** Only rows from here, and before there. */
  readonly from?: Moment;
  readonly to?: Moment;
}

/** Milliseconds since the file's first row, or epoch milliseconds. */
export type Moment = { readonly elapsedMs: number } | { readonly atMs: number };

/** A time of day was named, and the file's stamps have no zone, or it has none. */
export class NoClockError extends Error {
  override readonly name = "NoClockError";
}

export const DATA_FILE = "experiment_data.csv";
/** Where a run's table is looked for: as the client writes it, else as the originals' library does. */
const DATA_FILES = [DATA_FILE, "bioreactor_data.csv"];
/** Rows in one reply, whatever is asked. */
export const DATA_ROWS_MAX = 50_000;
/** Numbers in one reply: a wide file is thinned more. */
const CELLS_MAX = 2_000_000;
/** A row longer than this is none of a table's: what follows is not looked at. */
const ROW_BYTES_MAX = 2 * 1_048_576;
const FILES_KEPT = 8;
/** Rows between two remembered offsets. */
const STEP = 16;
const PIECE = 262_144;

/** Where the rows of a file begin, so far: only what was added since is read again. */
export interface RowIndex {
  scanner: RowScanner;
  header: string[] | null;
  headerText: string;
  /** Offsets of rows 0, STEP, 2 STEP, … */
  offsets: number[];
  rows: number;
  first: Row | null;
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
  read(id: string, ask: DataAsk = {}): Promise<RunData | null> {
    return this.#turns.take(() => this.#read(id, ask));
  }

  async #read(id: string, ask: DataAsk): Promise<RunData | null> {
    const found = this.#open(id);
    if (found === null) return null;
    const { path } = found;
    using file = found.file;
    const index = await this.#indexOf(`${id}/${path}`, file);
    if (index.header === null) return null;
    await firstOf(index, file);
    const wanted = selection(ask, index.header, index.first);
    const width = Math.min(ask.columns?.length ?? index.header.length, COLUMNS_MAX);
    const most = Math.min(ask.rows ?? DATA_ROWS_MAX, DATA_ROWS_MAX, CELLS_MAX / Math.max(width, 1));
    const { header } = index;
    // Thinned by what is asked for, not by what there is: a part of a long run is shown as finely as it was.
    let rows = index.rows;
    if (wanted !== null) {
      rows = 0;
      for await (const { cells, row } of pick(file, index, 1)) {
        if (wanted(cells, row)) rows++;
      }
    }
    const every = Math.max(ask.every ?? 1, Math.ceil(rows / Math.max(most, 1)), 1);
    const table = new Table(header, ask.columns, this.#units(id, path));
    let seen = 0;
    for await (const { cells, row } of pick(file, index, wanted === null ? every : 1)) {
      if (wanted !== null && (!wanted(cells, row) || seen++ % every !== 0)) {
        continue;
      }
      table.add(cells, row);
    }
    return { ...table.done(index.first), rows: index.rows, every };
  }

  /**
   * Every row asked for, in blocks with the same columns, or `null` where there is no table. What else is read
   * has its turn between two blocks.
   * @throws {NoClockError}
   */
  async export(id: string, ask: DataAsk = {}): Promise<DataExport | null> {
    const opened = this.#open(id);
    if (opened === null) return null;
    const { file, path } = opened;
    let isKept = false;
    try {
      const index = await this.#turns.take(async () => {
        const found = await this.#indexOf(`${id}/${path}`, file);
        if (found.header !== null) await firstOf(found, file);
        // It grows while it is read; what is given is what was there at the beginning.
        return { ...found, offsets: [...found.offsets] };
      });
      const { header, first } = index;
      if (header === null) return null;
      const wanted = selection(ask, header, first) ?? (() => true);
      const table = { header, columns: ask.columns, units: this.#units(id, path), first };
      isKept = true;
      return {
        startedAtMs: first?.stamp?.zoned ? first.stamp.atMs : null,
        blocks: exportBlocks({
          table,
          every: ask.every ?? 1,
          wanted,
          rows: () => pick(file, index, 1),
          turns: this.#turns,
        }),
        close: () => file[Symbol.dispose](),
      };
    } finally {
      if (!isKept) file[Symbol.dispose]();
    }
  }

  #open(id: string): { file: OpenFile; path: string } | null {
    for (const path of DATA_FILES) {
      const file = this.folders.openOutput(id, path);
      if (file !== null) return { file, path };
    }
    return null;
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

/** A run's whole table, a block at a time. */
export interface DataExport {
  /** Epoch milliseconds of the first row, where its stamp has a zone. */
  readonly startedAtMs: number | null;
  readonly blocks: AsyncGenerator<DataBlock>;
  /** Closes the file; also to be called when the blocks are not read to their end. */
  close(): void;
}

/** Which rows are asked for; `null`: all. @throws {NoClockError} */
function selection(
  { from, to }: DataAsk,
  header: readonly string[],
  first: Row | null,
): ((cells: readonly string[], index: number) => boolean) | null {
  if (from === undefined && to === undefined) return null;
  const elapsed = (moment: Moment | undefined, otherwise: number) => {
    if (moment === undefined) return otherwise;
    if ("elapsedMs" in moment) return moment.elapsedMs;
    if (!first?.stamp?.zoned) {
      throw new NoClockError("The file does not say in which zone its times are");
    }
    return moment.atMs - first.stamp.atMs;
  };
  const [fromMs, toMs] = [elapsed(from, -Infinity), elapsed(to, Infinity)];
  return (cells, index) => {
    if (!isRow(header, cells)) return false;
    const atMs = elapsedOf(timesOf(header, cells), first, index);
    return atMs >= fromMs && atMs < toMs;
  };
}

/** What all times count from. */
async function firstOf(index: RowIndex, file: OpenFile): Promise<void> {
  if (index.first !== null || index.rows === 0) return;
  for await (const { cells } of pick(file, index, 1)) {
    if (!isRow(index.header!, cells)) continue;
    index.first = timesOf(index.header!, cells);
    return;
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
async function* pick(
  file: OpenFile,
  index: RowIndex,
  every: number,
): AsyncGenerator<{ cells: string[]; row: number }> {
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
      yield { cells: splitRow(row), row: next };
      sinceBreath += row.length;
      if (sinceBreath < PIECE) continue;
      await breathe();
      sinceBreath = 0;
    }
  }
}

function rowText(file: OpenFile, from: number, to: number): string {
  return textOf(file.read(from, to - from));
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/\r$/, "");
}
