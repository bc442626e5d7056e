/**
 * The member of `known` that `given` was most likely meant to be, or `null` when none is near: at most
 * two edits away, or one in three of its letters.
 */
export function nearest(given: string, known: readonly string[]): string | null {
  const plain = (word: string) => word.toLowerCase().replaceAll(/[-_.\s]/g, "");
  const wanted = plain(given);
  let best: { word: string; edits: number } | null = null;
  for (const word of known) {
    const edits = editDistance(wanted, plain(word));
    if (best === null || edits < best.edits) best = { word, edits };
  }
  if (best === null) return null;
  const allowed = Math.min(2, Math.max(1, Math.floor(wanted.length / 3)));
  return best.edits <= allowed ? best.word : null;
}

/** `; did you mean "port"?`, or nothing. */
export function didYouMean(given: string, known: readonly string[]): string {
  const word = nearest(given, known);
  return word === null ? "" : `; did you mean "${word}"?`;
}

/** Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const above = rows[i - 1]!;
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let edits = Math.min(row[j - 1]! + 1, above[j]! + 1, above[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, rows[i - 2]![j - 2]! + 1);
      }
      row.push(edits);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
