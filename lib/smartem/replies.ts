import {
  type Acquisition,
  type Atlas,
  type FoilHole,
  type GridSquare,
  type Micrograph,
  statusOf,
  type Tile,
} from "../epu/mod.ts";
import {
  acquisitionBody,
  atlasBody,
  type Body,
  holeBody,
  micrographBody,
  squareBody,
  tileBody,
  timeOf,
} from "../epu/send/mod.ts";
import type { Grid, SquareWord } from "./model.ts";

/** Our rows as the SmartEM API answers them. `uuid` is the name under which the caller asked. */
export type Reply = Body;

export function acquisitionReply(row: Acquisition, uuid = row.id): Reply {
  const { id: _epuId, ...body } = acquisitionBody(row);
  return { ...body, uuid };
}

export function gridReply(grid: Grid, uuid: string, acquisitionUuid = grid.acquisitionId): Reply {
  return {
    uuid,
    acquisition_uuid: acquisitionUuid,
    status: grid.status,
    name: grid.name,
    data_dir: grid.dataDir,
    atlas_dir: grid.atlasDir,
    scan_start_time: timeOf(grid.scanStartedAtMs),
    scan_end_time: timeOf(grid.scanEndedAtMs),
  };
}

export function atlasReply(
  row: Atlas,
  tiles: readonly Tile[],
  gridUuid: string,
  uuid = row.id,
): Reply {
  return {
    ...atlasBody(row, []),
    uuid,
    grid_uuid: gridUuid,
    tiles: tiles.map((tile) => tileReply(tile, uuid)),
  };
}

export function tileReply(row: Tile, atlasUuid: string, uuid = row.id): Reply {
  return { ...tileBody(row, atlasUuid), uuid };
}

export function squareReply(
  row: GridSquare,
  word: SquareWord | null,
  gridUuid: string,
  uuid = row.id,
): Reply {
  const { lowmag: _lowmag, ...body } = squareBody(row);
  return {
    ...body,
    uuid,
    grid_uuid: gridUuid,
    status: word?.status ?? "none",
    data_dir: word?.dataDir ?? body.data_dir,
    atlas_node_id: word?.atlasNodeId ?? body.atlas_node_id,
  };
}

export function holeReply(row: FoilHole, uuid = row.id): Reply {
  const { gridsquare_uuid: _square, ...body } = holeBody(row, "");
  const status = row.exposures.seen > 0 ? "micrographs detected" : "none";
  return { ...body, uuid, status };
}

export function micrographReply(row: Micrograph, holeUuid: string, uuid = row.id): Reply {
  const { motion, ctf, picking, selection } = row.results;
  return {
    ...micrographBody(row, holeUuid),
    uuid,
    micrograph_id: row.uniqueId ?? row.stem,
    status: statusOf(row.results),
    total_motion: motion?.totalA ?? null,
    average_motion: motion?.averageA ?? null,
    ctf_max_resolution_estimate: ctf?.maxResolutionA ?? null,
    number_of_particles_picked: picking?.picked ?? null,
    pick_distribution: textOf(picking?.distribution ?? null),
    number_of_particles_selected: selection?.selected ?? null,
    number_of_particles_rejected: selection?.rejected ?? null,
    selection_distribution: textOf(selection?.distribution ?? null),
  };
}

function textOf(bins: Record<string, number> | null): string | null {
  return bins === null ? null : JSON.stringify(bins);
}

/** Now, as the original writes it. */
export function isoOf(atMs: number): string {
  return timeOf(atMs)!;
}

export function maybeIso(atMs: number | null): string | null {
  return timeOf(atMs);
}

/**
 * A number for what has an ULID here and had a counting number there: larger for what came later, and whole
 * in every JSON reader.
 */
export function numberOf(atMs: number, id: string): number {
  let sum = 0;
  for (const char of id) sum = (sum * 31 + char.charCodeAt(0)) % 2048;
  return atMs * 2048 + sum;
}
