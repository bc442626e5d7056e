import type { Kv } from "../kv.ts";
import type { Committer, OpGroup } from "./ingest_commit.ts";
import type { FileSays } from "./ingest_facts.ts";
import {
  holeKey,
  linkKey,
  micrographByHoleKey,
  micrographKey,
  squareKey,
  tileKey,
} from "./keys.ts";
import type { FoilHole, GridSquare, Micrograph, Tile, TileLink } from "./model.ts";

/** What earlier forms of a file said and this one does not. */
export async function withdrawals(
  { kv, committer }: { readonly kv: Kv; readonly committer: Committer },
  a: string,
  { statements }: FileSays,
  retract: NonNullable<FileSays["retract"]>,
): Promise<OpGroup[]> {
  const groups: OpGroup[] = [];
  const said = new Set<string>();
  for (const one of statements) {
    if (one.on === "square") said.add(`s${one.squareId}`);
    else if (one.on === "hole") said.add(`h${one.holeId}`);
    else if (one.on === "micrograph") said.add(`m${one.stem}`);
    else if (one.on === "tile") said.add(`t${one.tileId}`);
    else if (one.on === "link") said.add(`l${one.link.squareId}/${one.link.tileId}`);
  }
  if (retract.of === "square") {
    const { squareId } = retract;
    const source = "square-metadata";
    const ids: string[] = [];
    for await (const { key } of kv.list({ prefix: micrographByHoleKey(a, squareId) })) {
      ids.push(String(key.at(-1)));
    }
    for (const { value } of await committer.read(ids.map((id) => micrographKey(a, id)))) {
      if (value === null) continue;
      const { stem, holeId, listed } = value as Micrograph;
      if (!listed || said.has(`m${stem}`)) continue;
      groups.push([{ on: "withdraw-micrograph", squareId, holeId, stem, source }]);
    }
    for await (const { value } of kv.list({ prefix: holeKey(a, squareId) })) {
      const { holeId, sources } = value as FoilHole;
      if (sources[source] === undefined || said.has(`h${holeId}`)) continue;
      groups.push([{ on: "withdraw-hole", squareId, holeId, source }]);
    }
    return groups;
  }
  const source = retract.of;
  for await (const { value } of kv.list({ prefix: squareKey(a) })) {
    const { squareId, sources } = value as GridSquare;
    if (sources[source] === undefined || said.has(`s${squareId}`)) continue;
    groups.push([{ on: "withdraw-square", squareId, source }]);
  }
  if (retract.of === "session") return groups;
  for await (const { value } of kv.list({ prefix: tileKey(a) })) {
    const { tileId, sources } = value as Tile;
    if (sources.atlas === undefined || said.has(`t${tileId}`)) continue;
    groups.push([{ on: "withdraw-tile", tileId }]);
  }
  for await (const { value } of kv.list({ prefix: linkKey(a) })) {
    const { squareId, tileId } = value as TileLink;
    if (!said.has(`l${squareId}/${tileId}`)) {
      groups.push([{ on: "withdraw-link", squareId, tileId }]);
    }
  }
  return groups;
}
