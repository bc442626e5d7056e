import { basename, join, resolve } from "node:path";
import { COLUMNS, type ColumnType } from "./columns.ts";
import {
  type CsvForm,
  field,
  type FieldValue,
  parseLine,
  parseStamp,
  type Row,
  utcStamp,
} from "./csv_fields.ts";
import { momentOf } from "./measuring.ts";
import { REAL_TIME } from "./real_time.ts";
import { env, say } from "./transport.ts";

export type { CsvForm, FieldValue, Row } from "./csv_fields.ts";

/** Rows reach the system at once; they are forced to the disk this often, to spare an SD card. */
const FSYNC_EVERY_MS = 10_000;

export interface CsvOptions {
  /** File name inside the output folder. */
  filename?: string;
  /** Else `OUTPUT_DIR`, else the current folder. */
  outputDir?: string;
  /** Else `CSV_FORM`, else `legacy`. */
  form?: CsvForm;
}

const files = new Map<string, CsvFile>();

/**
 * Appends `data`, such as `measureAllData` gives, as one row. The first row fixes the columns: a later
 * row's other keys go to `<name>.extra.jsonl`, its missing ones stay empty. Each row is written at once
 * and whole, or not at all; a half-written last line is set aside in `<name>.partial.txt` first.
 *
 * @throws {Error} the row could not be written; the rows before it are whole
 */
export function writeDataToCsv(data: Row, options: CsvOptions = {}): void {
  const form = options.form ?? env("CSV_FORM") ?? "legacy";
  if (form !== "legacy" && form !== "strict") {
    throw new RangeError(`Cannot write the CSV form "${form}": known are legacy, strict`);
  }
  if (Object.keys(data).length === 0) throw new TypeError("A row has at least one key");
  const folder = outputDir(options.outputDir);
  const path = resolve(folder, options.filename ?? "experiment_data.csv");
  let file = files.get(path);
  if (file === undefined || file.form !== form) {
    file = new CsvFile(path, form);
    files.set(path, file);
  }
  file.append(data);
}

/** Where the run's files go: `given`, else `OUTPUT_DIR`, else the current folder. */
export function outputDir(given?: string): string {
  const folder = given ?? env("OUTPUT_DIR") ?? ".";
  Deno.mkdirSync(folder, { recursive: true });
  return folder;
}

/** One CSV file that rows are appended to. Each append is synchronous, so rows never mix. */
export class CsvFile {
  #columns: string[] | null = null;
  /** As we left it; another size means that somebody else wrote. */
  #size: number | null = null;
  #syncedAtMs: number | null = null;
  #extraTold = new Set<string>();
  /** `performance.now()` at which `elapsed_s` was 0. */
  #clockZeroMs: number | null = null;
  readonly #stem: string;
  readonly #name: string;
  readonly #ending: string;

  constructor(readonly path: string, readonly form: CsvForm) {
    this.#stem = path.replace(/\.[^./\\]*$/, "");
    this.#name = basename(path);
    this.#ending = form === "legacy" ? "\r\n" : "\n";
  }

  append(data: Row): void {
    const row = this.form === "strict" ? this.#stamped(data) : { ...data };
    const file = Deno.openSync(this.path, { read: true, write: true, create: true });
    try {
      let size = file.statSync().size;
      if (size !== this.#size) size = this.#takeUp(file, size);
      const isNew = size === 0;
      this.#columns = isNew || this.#columns === null ? this.#order(row) : this.#columns;
      const columns = this.#columns;
      if (this.form === "strict" && columns.includes("elapsed_s")) {
        this.#setElapsed(row, data, isNew);
      }
      const extra = Object.keys(row).filter((name) => !columns.includes(name));
      const header = isNew ? this.#line(columns.map((name) => field("", name, this.form))) : "";
      const line = this.#line(columns.map((name) => field(name, row[name], this.form)));
      // The side file first: should the row fail, a value kept twice harms nobody.
      if (extra.length > 0) this.#keepExtra(row, extra);
      if (isNew && this.form === "strict") this.#writeSchema(row);
      this.#write(file, new TextEncoder().encode(header + line), size);
      const nowMs = REAL_TIME.monotonicMs();
      if (this.#syncedAtMs === null || nowMs - this.#syncedAtMs >= FSYNC_EVERY_MS) {
        file.syncSync();
        this.#syncedAtMs = nowMs;
      }
    } finally {
      file.close();
    }
  }

  /** All of `data` at the end, or the file as it was. */
  #write(file: Deno.FsFile, data: Uint8Array, size: number): void {
    file.seekSync(size, Deno.SeekMode.Start);
    let written = 0;
    try {
      while (written < data.length) written += file.writeSync(data.subarray(written));
    } catch (error) {
      this.#size = null;
      // Should this fail too, the next append sets the half line aside.
      if (written > 0) ignoring(() => file.truncateSync(size));
      throw error;
    }
    this.#size = size + data.length;
  }

  /** Repairs the end of the file, learns its columns; its size then. */
  #takeUp(file: Deno.FsFile, before: number): number {
    const size = before === 0 ? 0 : this.#repair(file, before);
    this.#columns = null;
    if (size === 0) return 0;
    const [header = "", first = ""] = firstLines(file, 2);
    if (header.endsWith("\r") !== (this.form === "legacy")) {
      throw new TypeError(
        `Cannot append ${this.form} rows to "${this.#name}": it is written in the other form`,
      );
    }
    this.#columns = parseLine(header.replace(/\r$/, ""));
    if (this.form === "strict" && first !== "") this.#resumeClock(parseLine(first));
    this.#size = size;
    return size;
  }

  /** Sets a half-written last line aside; the size without it. */
  #repair(file: Deno.FsFile, size: number): number {
    const tail = lastLine(file, size);
    if (tail.length === 0) return size;
    if (this.form === "legacy" && tail.at(-1) === 13 && !tail.includes(0)) {
      // Only the last byte is missing: the row is whole.
      file.seekSync(size, Deno.SeekMode.Start);
      file.writeSync(new Uint8Array([10]));
      return size + 1;
    }
    let end = tail.length; // blocks that a power cut left unwritten are zeros
    while (end > 0 && tail[end - 1] === 0) end--;
    const partial = `${this.#stem}.partial.txt`;
    if (end > 0) {
      const kept = new Uint8Array(end + 1);
      kept.set(tail.subarray(0, end));
      kept[end] = 10;
      Deno.writeFileSync(partial, kept, { append: true });
    }
    file.truncateSync(size - tail.length);
    say(
      `"${this.#name}" ended in half a line (${tail.length} bytes); ` +
        `it was set aside in "${basename(partial)}"`,
    );
    return size - tail.length;
  }

  #order(row: Row): string[] {
    if (this.form === "legacy") return Object.keys(row);
    const declared = Object.keys(COLUMNS).filter((name) => name in row);
    return [...declared, ...Object.keys(row).filter((name) => !(name in COLUMNS))];
  }

  #keepExtra(row: Row, names: string[]): void {
    const path = `${this.#stem}.extra.jsonl`;
    const fresh = names.filter((name) => !this.#extraTold.has(name));
    if (fresh.length > 0) {
      for (const name of fresh) this.#extraTold.add(name);
      const list = fresh.map((name) => `"${name}"`).join(", ");
      say(`"${this.#name}" has no column for ${list}: kept in "${basename(path)}"`);
    }
    const line = {
      timestamp: row.timestamp ?? utcStamp(Date.now()),
      ...Object.fromEntries(names.map((name) => [name, row[name]])),
    };
    Deno.writeTextFileSync(path, JSON.stringify(line) + "\n", { append: true });
  }

  #writeSchema(row: Row): void {
    const columns = (this.#columns ?? []).map((name) => {
      const { type, unit, description } = COLUMNS[name] ??
        { type: typeOf(row[name]), unit: "", description: "" };
      return { name, type, unit, description };
    });
    const schema = {
      v: 1,
      file: this.#name,
      form: "strict",
      columns,
      extra: `${basename(this.#stem)}.extra.jsonl`,
    };
    const path = `${this.#stem}.schema.json`;
    Deno.writeTextFileSync(`${path}.part`, JSON.stringify(schema, null, 2) + "\n");
    Deno.renameSync(`${path}.part`, path);
  }

  #line(fields: string[]): string {
    return fields.join(",") + this.#ending;
  }

  /** The row with a UTC timestamp first and `elapsed_s` after it. */
  #stamped(data: Row): Row {
    const { timestamp, elapsed_s, ...rest } = data;
    const atMs = momentOf(data)?.atMs ??
      (typeof timestamp === "string" ? parseStamp(timestamp) : Date.now());
    return { timestamp: utcStamp(atMs), elapsed_s: elapsed_s ?? null, ...rest };
  }

  #setElapsed(row: Row, data: Row, isNew: boolean): void {
    if (row.elapsed_s !== null && row.elapsed_s !== undefined) return;
    const nowMs = momentOf(data)?.monotonicMs ?? performance.now();
    if (this.#clockZeroMs === null || isNew) this.#clockZeroMs = nowMs;
    row.elapsed_s = Math.round(Math.max(0, nowMs - this.#clockZeroMs)) / 1000;
  }

  /** A file begun by an earlier process: its first stamp is where `elapsed_s` was 0. */
  #resumeClock(first: string[]): void {
    if (this.#clockZeroMs !== null) return;
    const stamp = first[this.#columns?.indexOf("timestamp") ?? -1];
    const elapsed = Number(first[this.#columns?.indexOf("elapsed_s") ?? -1]);
    if (stamp === undefined || !Number.isFinite(elapsed)) return;
    const passedMs = Date.now() - Date.parse(stamp) + elapsed * 1000;
    if (Number.isFinite(passedMs)) this.#clockZeroMs = performance.now() - Math.max(0, passedMs);
  }
}

/** A file beside the run's others, in its output folder. */
export function outputFile(name: string): string {
  return join(outputDir(), name);
}

function typeOf(value: FieldValue): ColumnType {
  if (Array.isArray(value)) return "numbers";
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "integer" : "number";
  return "text";
}

function firstLines(file: Deno.FsFile, count: number): string[] {
  const lines: string[] = [];
  const decoder = new TextDecoder();
  const block = new Uint8Array(65_536);
  let rest = "";
  file.seekSync(0, Deno.SeekMode.Start);
  for (;;) {
    const read = file.readSync(block);
    if (read === null) return lines;
    rest += decoder.decode(block.subarray(0, read), { stream: true });
    const parts = rest.split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    if (lines.length >= count) return lines.slice(0, count);
  }
}

/** Bytes after the last line feed. */
function lastLine(file: Deno.FsFile, size: number): Uint8Array {
  let end = size;
  const blocks: Uint8Array[] = [];
  while (end > 0) {
    const start = Math.max(0, end - 65_536);
    const block = new Uint8Array(end - start);
    file.seekSync(start, Deno.SeekMode.Start);
    for (let at = 0; at < block.length;) {
      const read = file.readSync(block.subarray(at));
      if (read === null) break;
      at += read;
    }
    const cut = block.lastIndexOf(10);
    blocks.unshift(cut < 0 ? block : block.subarray(cut + 1));
    if (cut >= 0) break;
    end = start;
  }
  const tail = new Uint8Array(blocks.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const block of blocks) {
    tail.set(block, at);
    at += block.length;
  }
  return tail;
}

function ignoring(act: () => void): void {
  try {
    act();
  } catch {
    // the caller says why this does not matter
  }
}
