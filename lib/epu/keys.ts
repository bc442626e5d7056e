import { createHash } from "node:crypto";

/**
 * Every key of this domain. Ids given by EPU are integers, so that they sort as numbers. A list without its
 * last part is the prefix of all below it.
 */

/** `Acquisition`. */
export function acquisitionKey(a?: string): Deno.KvKey {
  return a === undefined ? ["epu", "acquisition"] : ["epu", "acquisition", a];
}

/** Its id; `naturalKey` is `naturalKeyOf()`. */
export function acquisitionByEpuKey(naturalKey: string): Deno.KvKey {
  return ["epu", "acquisition_by_epu", naturalKey];
}

/** Name, EPU id and start of a session: what stays when its folder moves. */
export function naturalKeyOf(
  { name, epuId, startedAtMs }: { name: string; epuId: number | null; startedAtMs: number | null },
): string {
  return digestOf(JSON.stringify([name, epuId, startedAtMs]));
}

/** `SessionFolder`. */
export function folderKey(root: string, folder?: string): Deno.KvKey {
  return folder === undefined ? ["epu", "folder", root] : ["epu", "folder", root, folder];
}

/** `Counts`. */
export function countKey(a?: string): Deno.KvKey {
  return a === undefined ? ["epu", "count"] : ["epu", "count", a];
}

/** `Atlas`. */
export function atlasKey(a: string): Deno.KvKey {
  return ["epu", "atlas", a];
}

/** `Tile`. */
export function tileKey(a: string, tileId?: number): Deno.KvKey {
  return tileId === undefined ? ["epu", "tile", a] : ["epu", "tile", a, tileId];
}

/** `TileLink`. */
export function linkKey(a: string, squareId?: number, tileId?: number): Deno.KvKey {
  if (squareId === undefined) return ["epu", "tile_by_square", a];
  return tileId === undefined
    ? ["epu", "tile_by_square", a, squareId]
    : ["epu", "tile_by_square", a, squareId, tileId];
}

/** `GridSquare`. */
export function squareKey(a: string, squareId?: number): Deno.KvKey {
  return squareId === undefined ? ["epu", "square", a] : ["epu", "square", a, squareId];
}

/** `FoilHole`. */
export function holeKey(a: string, squareId?: number, holeId?: number): Deno.KvKey {
  if (squareId === undefined) return ["epu", "hole", a];
  return holeId === undefined ? ["epu", "hole", a, squareId] : ["epu", "hole", a, squareId, holeId];
}

/** Value: the hole's square. Ids of holes are unique within their acquisition. */
export function holeByIdKey(a: string, holeId?: number): Deno.KvKey {
  return holeId === undefined ? ["epu", "hole_by_id", a] : ["epu", "hole_by_id", a, holeId];
}

/** `Micrograph`. */
export function micrographKey(a: string, id?: string): Deno.KvKey {
  return id === undefined ? ["epu", "micrograph", a] : ["epu", "micrograph", a, id];
}

/** Value `null`: the micrographs of a hole, or of a square, in the order of their ids. */
export function micrographByHoleKey(
  a: string,
  squareId?: number,
  holeId?: number,
  id?: string,
): Deno.KvKey {
  const parts = [squareId, holeId, id].filter((part) => part !== undefined);
  return ["epu", "micrograph_by_hole", a, ...parts];
}

/** Value `null`. The guid is distinct in every real file, but copies of a file share it. */
export function micrographByUniqueIdKey(guid: string, a?: string, id?: string): Deno.KvKey {
  return a === undefined
    ? ["epu", "micrograph_by_unique_id", guid]
    : ["epu", "micrograph_by_unique_id", guid, a, id!];
}

/** Value: the micrograph's id. */
export function micrographByStemKey(stem: string, a?: string): Deno.KvKey {
  return a === undefined
    ? ["epu", "micrograph_by_stem", stem]
    : ["epu", "micrograph_by_stem", stem, a];
}

/** `EntityRef`. */
export function entityKey(id: string): Deno.KvKey {
  return ["epu", "entity_by_id", id];
}

/** `Observation`; hole 0 is the square itself. */
export function observationKey(
  a: string,
  squareId?: number,
  holeId?: number,
  stem?: string,
): Deno.KvKey {
  const parts = [squareId, holeId, stem].filter((part) => part !== undefined);
  return ["epu", "observation", a, ...parts];
}

/** `FileEntry`. */
export function fileKey(root?: string, path?: string): Deno.KvKey {
  if (root === undefined) return ["epu", "file"];
  return path === undefined ? ["epu", "file", root] : ["epu", "file", root, path];
}

/** Files of `folder` of a watched folder, all of them for "". */
export function filesBelow(root: string, folder: string): Deno.KvListSelector {
  return folder === ""
    ? { prefix: fileKey(root) }
    : { start: fileKey(root, `${folder}/`), end: fileKey(root, `${folder}0`) };
}

/** `Orphan`. */
export function orphanKey(
  scope?: string,
  parentKind?: string,
  parentKey?: string,
  path?: string,
): Deno.KvKey {
  if (scope === undefined) return ["epu", "orphan"];
  if (parentKind === undefined) return ["epu", "orphan", scope];
  return ["epu", "orphan", scope, parentKind, parentKey!, digestOf(path!)];
}

/** What an orphan says, JSON text cut into pieces. */
export function orphanPartKey(root: string, path: string, part?: number): Deno.KvKey {
  return part === undefined
    ? ["epu", "orphan_part", root, digestOf(path)]
    : ["epu", "orphan_part", root, digestOf(path), part];
}

/** An atlas's file as it was read, JSON text cut into pieces: sessions that come later may share it. */
export function atlasFileKey(root?: string, path?: string, part?: number): Deno.KvKey {
  if (root === undefined) return ["epu", "atlas_file"];
  return part === undefined
    ? ["epu", "atlas_file", root, digestOf(path!)]
    : ["epu", "atlas_file", root, digestOf(path!), part];
}

/** `StoredFinding`. */
export function findingKey(scope?: string, code?: string, path?: string): Deno.KvKey {
  if (scope === undefined) return ["epu", "finding"];
  return code === undefined
    ? ["epu", "finding", scope]
    : ["epu", "finding", scope, code, digestOf(path!)];
}

/** Files of a folder whose acquisition is not known stand under this instead of its id. */
export function folderScope(root: string, folder: string): string {
  return `@${root}/${folder}`;
}

/** SHA-256 as hexadecimal, its first 128 bits: for keys made of long text. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
