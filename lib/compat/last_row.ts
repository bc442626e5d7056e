import { type Cell, type OpenFile, parseCell, splitRow } from "../experiments/mod.ts";

/** Where a header must end. */
const HEADER_BYTES_MAX = 65_536;
/** How far from the end of the file a whole row is looked for. */
const TAIL_BYTES = [4096, 65_536, 1_048_576];

/**
 * The last whole row of a CSV that grows, by its header's names; `null` while there is none. A line
 * without its end is being written, and one whose cells do not match the header was torn: the one before
 * counts. Costs the same however long the file is.
 */
export function lastRow(file: Pick<OpenFile, "bytes" | "read">): Record<string, Cell> | null {
  const first = decode(file.read(0, Math.min(file.bytes, HEADER_BYTES_MAX)));
  const headerEnd = first.indexOf("\n");
  if (headerEnd < 0) return null;
  const names = splitRow(first.slice(0, headerEnd).replace(/^\ufeff/, "").trimEnd())
    .map((name) => name.trim());
  const bodyStart = new TextEncoder().encode(first.slice(0, headerEnd + 1)).length;
  for (const most of TAIL_BYTES) {
    const from = Math.max(bodyStart, file.bytes - most);
    const lines = decode(file.read(from, file.bytes - from)).split("\n");
    // The last piece has no line end; the first one, unless it follows the header, no beginning.
    const whole = lines.slice(from === bodyStart ? 0 : 1, -1);
    for (const line of whole.reverse()) {
      const cells = splitRow(line.trimEnd());
      if (line.trim() === "" || cells.length !== names.length) continue;
      return Object.fromEntries(names.map((name, i) => [name, parseCell(cells[i]!)]));
    }
    if (from === bodyStart) return null;
  }
  return null;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
