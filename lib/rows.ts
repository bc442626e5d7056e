/** Rows one value may hold: whoever looks for one number begins reading this far before it. */
export const ROWS_MAX = 100;
/** A value is closed at this length, so that reading one row does not mean reading megabytes. */
const TEXT_MAX = 32_000;
/** A row longer than this is stored as the object it is, which is at most as long as the store allows. */
const ROW_TEXT_MAX = 60_000;

/** One row of a log on its way to the store. */
export interface Row {
  readonly seq: number;
  /** The row as `jsonText` writes it. */
  readonly text: string;
  readonly row: unknown;
}

// deno-lint-ignore no-control-regex
const TWO_BYTE = /[^\u0000-\u00ff]/;
// deno-lint-ignore no-control-regex
const EACH_TWO_BYTE = /[^\u0000-\u00ff]/g;

/**
 * JSON that the store keeps in as many bytes as it has characters. Writing it and copying it costs a
 * fraction of what an object costs.
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  return TWO_BYTE.test(text) ? text.replace(EACH_TWO_BYTE, escaped) : text;
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Whether a row of this text is stored as text. */
export function fitsAsText(text: string): boolean {
  return text.length <= ROW_TEXT_MAX;
}

/**
 * Rows of one commit in as few values as may be, each under the number of its first row: to the store a
 * write costs more than a longer value.
 */
export function packedRows(rows: readonly Row[]): [seq: number, value: unknown][] {
  const packed: [number, unknown][] = [];
  let texts: string[] = [];
  let length = 0;
  let first = 0;
  const close = () => {
    if (texts.length > 0) packed.push([first, `[${texts.join(",")}]`]);
    texts = [];
    length = 0;
  };
  for (const { seq, text, row } of rows) {
    const fits = fitsAsText(text);
    if (!fits || length + text.length > TEXT_MAX || texts.length === ROWS_MAX) close();
    if (!fits) {
      packed.push([seq, row]);
      continue;
    }
    if (texts.length === 0) first = seq;
    texts.push(text);
    length += text.length;
  }
  close();
  return packed;
}

/** The rows of one stored value; stores of before hold one object each. */
export function rowsOf(value: unknown): unknown[] {
  return typeof value === "string" ? JSON.parse(value) : [value];
}

/** A single row: its text, or the object itself. */
export function rowOf(value: unknown): unknown {
  return typeof value === "string" ? JSON.parse(value) : value;
}

/** The rows from the first that is kept on, as they are stored again. */
export function repacked<R extends { readonly seq: number }>(
  rows: readonly R[],
): [seq: number, value: unknown][] {
  return packedRows(rows.map((row) => ({ seq: row.seq, text: jsonText(row), row })));
}
