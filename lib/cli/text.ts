/** Rows under their heads, each column as wide as its widest cell. */
export function columns(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = heads.map((head, i) =>
    Math.max(head.length, ...rows.map((row) => (row[i] ?? "").length))
  );
  return [heads, ...rows].map((row) =>
    row.map((cell, i) => i === row.length - 1 ? cell : cell.padEnd(widths[i]!)).join("  ")
      .trimEnd()
  );
}

/** `2026-01-25 20:00:00Z`, or a dash for none. */
export function stamp(atMs: number | null): string {
  return atMs === null
    ? "-"
    : new Date(atMs).toISOString().replace("T", " ").replace(/\.\d+Z$/, "Z");
}
