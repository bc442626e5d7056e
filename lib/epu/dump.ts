import type { Kv } from "../kv.ts";
import { EntityRef } from "./model.ts";

/** What differs between two stores that know the same: ids of ours, and when something was seen. */
const TIMES = new Set([
  "createdAtMs",
  "changedAtMs",
  "seenAtMs",
  "firstSeenAtMs",
  "lastSeenAtMs",
  "sinceMs",
  "tries",
  // A copy of a folder says the same.
  "mtimeMs",
]);

/** What a file said, as JSON text in pieces. */
const IN_PIECES = new Set(["atlas_file", "orphan_part"]);

/** Parts of the store that say what EPU's files said; the others are what was made of it. */
const KNOWLEDGE = new Set([
  "acquisition",
  "acquisition_by_epu",
  "folder",
  "count",
  "atlas",
  "atlas_file",
  "tile",
  "tile_by_square",
  "square",
  "hole",
  "hole_by_id",
  "micrograph",
  "micrograph_by_hole",
  "micrograph_by_stem",
  "micrograph_by_unique_id",
  "entity_by_id",
  "observation",
  "file",
  "orphan",
  "orphan_part",
  "finding",
]);

/**
 * Everything kept of cryo-EM sessions as one text, equal for two stores exactly when they know the same: ids
 * of ours are named by what they stand for, times of seeing are left out, lines are sorted. `files`: manifest
 * entries with size, digest and state too.
 */
export async function canonicalDump(
  kv: Pick<Kv, "list">,
  { files = true }: { files?: boolean } = {},
): Promise<string> {
  const names = new Map<string, string>();
  const rows: { key: Deno.KvKey; value: unknown }[] = [];
  for await (const { key, value } of kv.list({ prefix: ["epu"] })) rows.push({ key, value });
  const naturalOf = new Map<string, string>();
  for (const { key, value } of rows) {
    if (key[1] === "acquisition_by_epu") naturalOf.set(String(value), String(key[2]).slice(0, 12));
  }
  for (const { key, value } of rows) {
    if (key[1] !== "entity_by_id") continue;
    const { kind, acquisitionId, squareId, holeId, tileId } = EntityRef.parse(value);
    const own = [squareId, holeId, tileId].filter((part) => part !== undefined).join("/");
    names.set(String(key[2]), `<${kind} ${naturalOf.get(acquisitionId) ?? "?"} ${own}>`);
  }
  for (const { key, value } of rows) {
    // Several exposures of one hole are told apart by their name.
    if (key[1] !== "micrograph") continue;
    const { stem } = value as { stem: string };
    names.set(String(key[3]), `<micrograph ${stem}>`);
  }
  const lines: string[] = [];
  const texts = new Map<string, { key: Deno.KvKey; text: string }>();
  const tell = (key: Deno.KvKey, value: unknown) =>
    lines.push(JSON.stringify([key, value], (name, part) => canonical(name, part, names)));
  for (const { key, value } of rows) {
    const kind = String(key[1]);
    if (!KNOWLEDGE.has(kind) || (!files && kind === "file")) continue;
    if (!IN_PIECES.has(kind)) tell(key, value);
    else {
      const whole = key.slice(0, -1);
      const name = JSON.stringify(whole);
      texts.set(name, { key: whole, text: (texts.get(name)?.text ?? "") + String(value) });
    }
  }
  for (const { key, text } of texts.values()) tell(key, JSON.parse(text.replace(/^.*\n/, "")));
  return lines.sort().join("\n");
}

function canonical(name: string, value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (TIMES.has(name)) return undefined;
  if (typeof value === "string") return names.get(value) ?? value;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    // A preview's own path stands in its row; which file spoke last of none does not matter.
    const { path: _path, ...others } = value as Record<string, unknown>;
    const entries = name === "sources" ? others : value as Record<string, unknown>;
    return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => a < b ? -1 : 1));
  }
  return value;
}
