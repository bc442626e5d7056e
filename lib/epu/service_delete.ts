import type { Kv } from "../kv.ts";
import { accept, refuse, type Result } from "../result.ts";
import type { Op } from "./ingest_ops.ts";
import type { Committer } from "./ingest_commit.ts";
import {
  acquisitionByEpuKey,
  acquisitionKey,
  atlasKey,
  countKey,
  entityKey,
  filesBelow,
  findingKey,
  folderKey,
  holeByIdKey,
  holeKey,
  linkKey,
  micrographByHoleKey,
  micrographByStemKey,
  micrographByUniqueIdKey,
  micrographKey,
  naturalKeyOf,
  observationKey,
  orphanKey,
  orphanPartKey,
  squareKey,
  tileKey,
} from "./keys.ts";
import { Acquisition, EntityRef, type FileEntry, type Micrograph, type Orphan } from "./model.ts";
import { decisionPrefixes, settingsKey } from "./decisions/keys.ts";
import { predictionPrefixes } from "./predictions/keys.ts";
import { resultPrefixes } from "./results/mod.ts";

const REMOVED_AT_ONCE = 400;

export type DeleteRefusal =
  | { readonly kind: "unknown" }
  /** The caller did not name what is to be deleted. */
  | { readonly kind: "unconfirmed"; readonly name: string }
  /** Its files are there and watched: it would come back. */
  | { readonly kind: "watched"; readonly root: string; readonly folder: string }
  /** Files speak for it, or others hang on it. */
  | { readonly kind: "in-use"; readonly reason: string };

/** Removes an acquisition with all that belongs to it, the acquisition itself last: cut off, it is done again. */
export async function deleteAcquisition(
  kv: Kv,
  id: string,
  { confirm, actor, isWatched }: {
    confirm: string;
    actor: string;
    isWatched: (root: string) => boolean;
  },
): Promise<Result<{ readonly removed: number }, DeleteRefusal>> {
  const stored = await kv.get(acquisitionKey(id));
  if (stored === null) return refuse({ kind: "unknown" });
  const row = Acquisition.parse(stored);
  if (confirm !== row.name) return refuse({ kind: "unconfirmed", name: row.name });
  const { root, folder } = row;
  if (root !== null && isWatched(root) && await hasFiles(kv, root, folder)) {
    return refuse({ kind: "watched", root, folder });
  }
  let batch: Deno.KvKey[] = [];
  let removed = 0;
  const flush = async () => {
    const keys = batch;
    batch = [];
    removed += keys.length;
    await kv.transact<null, never>([], () => accept({ value: null, remove: keys }));
  };
  const drop = async (...keys: Deno.KvKey[]) => {
    batch.push(...keys);
    if (batch.length >= REMOVED_AT_ONCE) await flush();
  };
  for await (const { key, value } of kv.list({ prefix: micrographKey(id) })) {
    const { id: own, stem, uniqueId } = value as Micrograph;
    await drop(key, entityKey(own), micrographByStemKey(stem, id));
    if (uniqueId !== null) await drop(micrographByUniqueIdKey(uniqueId, id, own));
  }
  for (const prefix of [holeKey(id), squareKey(id), tileKey(id)]) {
    for await (const { key, value } of kv.list({ prefix })) {
      await drop(key, entityKey((value as { id: string }).id));
    }
  }
  for await (const { value } of kv.list({ prefix: orphanKey(id) })) {
    const { root, path } = value as Orphan;
    for await (const { key } of kv.list({ prefix: orphanPartKey(root, path) })) await drop(key);
  }
  const rest = [
    micrographByHoleKey(id),
    holeByIdKey(id),
    linkKey(id),
    observationKey(id),
    findingKey(id),
    orphanKey(id),
    ...resultPrefixes(id),
    ...predictionPrefixes(id),
    ...decisionPrefixes(id),
  ];
  for (const prefix of rest) {
    for await (const { key } of kv.list({ prefix })) await drop(key);
  }
  await drop(settingsKey(id));
  const atlas = await kv.get(atlasKey(id)) as { id: string } | null;
  if (atlas !== null) await drop(atlasKey(id), entityKey(atlas.id));
  if (root !== null) {
    for await (const { key } of kv.list(filesBelow(root, folder))) await drop(key);
    await drop(folderKey(root, folder));
  }
  // Further names that callers gave.
  for await (const { key, value } of kv.list({ prefix: ["epu", "entity_by_id"] })) {
    if (EntityRef.parse(value).acquisitionId === id) await drop(key);
  }
  await flush();
  await kv.transact<null, never>([acquisitionKey(id)], () =>
    accept({
      value: null,
      remove: [acquisitionKey(id), countKey(id), acquisitionByEpuKey(naturalKeyOf(row))],
      events: [{
        type: "epu.deleted",
        subject: id,
        actor,
        text: `deleted: ${row.name}`,
        data: { acquisitionId: id, name: row.name },
      }],
    }));
  return accept({ removed });
}

async function hasFiles(kv: Kv, root: string, folder: string): Promise<boolean> {
  for await (const { value } of kv.list(filesBelow(root, folder))) {
    if ((value as FileEntry).state !== "gone") return true;
  }
  return false;
}

/** Removes a square, hole, micrograph or tile that only a caller of the SmartEM API spoke of. */
export async function deleteEntity(
  kv: Kv,
  committer: Committer,
  id: string,
  actor: string,
  /** Takes a micrograph's results out of the statistics. */
  forget: (micrographId: string) => Promise<void>,
): Promise<Result<null, DeleteRefusal>> {
  const stored = await kv.get(entityKey(id));
  if (stored === null) return refuse({ kind: "unknown" });
  const ref = EntityRef.parse(stored);
  const { acquisitionId: a, squareId, holeId, tileId } = ref;
  const source = "compat";
  let op: Op;
  let key: Deno.KvKey;
  switch (ref.kind) {
    case "square":
      op = { on: "withdraw-square", squareId: squareId!, source };
      key = squareKey(a, squareId);
      break;
    case "hole":
      op = { on: "withdraw-hole", squareId: squareId!, holeId: holeId!, source };
      key = holeKey(a, squareId, holeId);
      break;
    case "tile":
      op = { on: "withdraw-tile", tileId: tileId! };
      key = tileKey(a, tileId);
      break;
    case "micrograph": {
      key = micrographKey(a, ref.id ?? id);
      const row = await kv.get(key) as Micrograph | null;
      if (row === null) return refuse({ kind: "unknown" });
      const { stem } = row;
      op = {
        on: "withdraw-micrograph",
        squareId: row.squareId,
        holeId: row.holeId,
        stem,
        source,
      };
      break;
    }
    default:
      return refuse({ kind: "in-use", reason: `a session keeps its ${ref.kind}` });
  }
  const row = await kv.get(key) as { sources: object } | null;
  if (row === null) return refuse({ kind: "unknown" });
  // Results of processing are no reason to keep it: they are taken back with it.
  const others = Object.keys(row.sources).filter((one) => one !== source && one !== "processing");
  if (others.length > 0) {
    return refuse({ kind: "in-use", reason: `files speak for it: ${others.join(", ")}` });
  }
  const { holes = 0, exposures } = row as {
    holes?: number;
    exposures?: { listed: number; seen: number };
  };
  if (holes > 0 || (exposures !== undefined && exposures.listed + exposures.seen > 0)) {
    return refuse({ kind: "in-use", reason: "holes or micrographs belong to it" });
  }
  const ops = [op];
  if (op.on === "withdraw-micrograph") {
    await forget(id);
    // Who processed it has nothing left to say of it: else the row would stay for its sake.
    if ("processing" in row.sources) ops.push({ ...op, source: "processing" });
  }
  await committer.run({
    acquisitionId: a,
    subject: a,
    actor,
    groups: [ops],
    sift: false,
    event: () => ({
      type: "epu.deleted",
      subject: a,
      actor,
      text: `deleted: ${ref.kind}`,
      data: { acquisitionId: a, id, kind: ref.kind },
    }),
  });
  return accept(null);
}
