/**
 * Reads the CSV that runs write, in every form there is of it: ours (RFC 4180, lists as JSON, UTC), the
 * original client's (CRLF, Python lists, `None`), the guide's (lists not quoted, so that their commas
 * split cells), the library's and the older node's (other columns).
 */

/** What one cell says. */
export type Cell = number | boolean | string | null | readonly (number | null)[];

/**
 * The cells of one row, as text. Quotes hold commas and line ends; a cell that begins with an unquoted
 * `[` runs to its `]`, commas included.
 */
export function splitRow(line: string): string[] {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    let cell = "";
    const start = at + (/^[ \t]*/.exec(line.slice(at, at + 16))?.[0].length ?? 0);
    if (line[start] === '"') {
      at = start + 1;
      for (;;) {
        const end = line.indexOf('"', at);
        if (end < 0) {
          cell += line.slice(at);
          at = line.length;
          break;
        }
        cell += line.slice(at, end);
        at = end + 1;
        if (line[at] !== '"') break;
        cell += '"';
        at++;
      }
    } else if (line[start] === "[") {
      const end = line.indexOf("]", start);
      if (end >= 0) {
        cell = line.slice(start, end + 1);
        at = end + 1;
      }
    }
    const comma = line.indexOf(",", at);
    cell += line.slice(at, comma < 0 ? line.length : comma);
    cells.push(cell);
    if (comma < 0) return cells;
    at = comma + 1;
  }
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
/** How writers spell a value that is not there. */
const MISSING = new Set([
  "",
  "none",
  "nan",
  "null",
  "na",
  "n/a",
  "-nan",
  "inf",
  "-inf",
  "infinity",
]);

/** A cell's text as a value: what is missing, not a number or infinite is `null`, never a number. */
export function parseCell(text: string): Cell {
  const cell = text.trim();
  if (MISSING.has(cell.toLowerCase())) return null;
  if (NUMBER.test(cell)) return finite(Number(cell));
  if (/^true$/i.test(cell)) return true;
  if (/^false$/i.test(cell)) return false;
  if (cell.startsWith("[") && cell.endsWith("]")) return parseList(cell) ?? cell;
  return cell;
}

function parseList(cell: string): (number | null)[] | null {
  const inside = cell.slice(1, -1).trim();
  if (inside === "") return [];
  const items: (number | null)[] = [];
  for (const part of inside.split(",")) {
    const item = part.trim().replace(/^(['"])(.*)\1$/, "$2");
    if (MISSING.has(item.toLowerCase())) items.push(null);
    else if (NUMBER.test(item)) items.push(finite(Number(item)));
    else return null;
  }
  return items;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/**
 * Epoch milliseconds of a stamp: ISO 8601 with or without fraction and zone, or `YYYY-MM-DD HH:MM:SS`.
 * A stamp without a zone is read as UTC; only differences of such stamps mean anything. `null`: no stamp.
 */
export function parseStamp(text: string): { atMs: number; zoned: boolean } | null {
  const match =
    /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?(Z|[+-]\d{2}:?\d{2})?$/.exec(
      text.trim(),
    );
  if (match === null) return null;
  const [, day, time, fraction = "", zone] = match;
  const ms = fraction === "" ? "" : `.${fraction.padEnd(3, "0").slice(0, 3)}`;
  const withColon = zone?.replace(/^([+-]\d{2})(\d{2})$/, "$1:$2") ?? "Z";
  const seconds = time!.length === 5 ? `${time}:00` : time;
  const atMs = Date.parse(`${day}T${seconds}${ms}${withColon}`);
  return Number.isNaN(atMs) ? null : { atMs, zoned: zone !== undefined };
}

/** A row longer than this was torn open by a stray quote. */
const ROW_BYTES_MAX = 1_048_576;

/** Where whole rows begin and end: the splitter of a file that grows, fed with its bytes in pieces. */
export class RowScanner {
  #quoted = false;
  #filled = false;
  #at = 0;
  #rowStart = 0;
  /** Byte offset behind the last whole row. */
  get end(): number {
    return this.#rowStart;
  }
  /** Bytes seen. */
  get bytes(): number {
    return this.#at;
  }
  /** Calls `row` with the byte range of each row that the piece completes, without its line end; empty ones not. */
  feed(piece: Uint8Array, row: (from: number, to: number) => void): void {
    for (let i = 0; i < piece.length; i++) {
      const byte = piece[i];
      if (byte === 0x22) this.#quoted = !this.#quoted;
      const end = this.#at + i;
      if (byte === 0x0a && (!this.#quoted || end - this.#rowStart > ROW_BYTES_MAX)) {
        if (this.#filled) row(this.#rowStart, end);
        this.#rowStart = end + 1;
        this.#filled = this.#quoted = false;
      } else if (byte !== 0x0d && byte !== 0x0a) this.#filled = true;
    }
    this.#at += piece.length;
  }
}
