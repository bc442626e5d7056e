import type {
  Acquisition,
  Atlas,
  FoilHole,
  GridSquare,
  Micrograph,
  Tile,
  TileLink,
} from "../model.ts";

/**
 * Our rows as the SmartEM API takes them: its names, its units (metres, atlas places in nanometres), times
 * without a zone, meaning UTC. Pure. Source: spec sections 4 and 7, smartem-decisions 22cd745.
 */
export type Body = Record<string, unknown>;

/** The original parts what we call an acquisition in two; its grid gets an id of its own. */
export function gridIdOf(acquisitionId: string): string {
  return `${acquisitionId}-grid`;
}

export function acquisitionBody(row: Acquisition): Body {
  return {
    uuid: row.id,
    id: textOf(row.epuId),
    name: row.name === "" ? "Unknown" : row.name,
    status: row.state,
    start_time: timeOf(row.startedAtMs),
    end_time: timeOf(row.endedAtMs),
    paused_time: timeOf(row.pausedAtMs),
    storage_path: row.storagePath,
    atlas_path: row.atlasPath,
    clustering_mode: row.clusteringMode,
    clustering_radius: textOf(row.clusteringRadiusM),
    instrument_model: row.instrumentModel,
    instrument_id: row.instrumentId,
    computer_name: row.computerName,
  };
}

export function gridBody(row: Acquisition): Body {
  return {
    uuid: gridIdOf(row.id),
    acquisition_uuid: row.id,
    name: row.name === "" ? "Unknown" : row.name,
    data_dir: row.folder,
    atlas_dir: row.atlasPath,
    scan_start_time: timeOf(row.startedAtMs),
  };
}

export function atlasBody(row: Atlas, tiles: readonly Tile[]): Body {
  return {
    uuid: row.id,
    grid_uuid: gridIdOf(row.acquisitionId),
    atlas_id: textOf(row.epuId) ?? "",
    acquisition_date: timeOf(row.acquiredAtMs),
    storage_folder: row.storageFolder,
    description: row.description,
    name: row.name ?? "",
    tiles: tiles.map((tile) => tileBody(tile, row.id)),
  };
}

export function tileBody(row: Tile, atlasId: string): Body {
  return {
    uuid: row.id,
    atlas_uuid: atlasId,
    tile_id: String(row.tileId),
    position_x: wholeOf(row.xPx),
    position_y: wholeOf(row.yPx),
    size_x: wholeOf(row.widthPx),
    size_y: wholeOf(row.heightPx),
    file_format: row.fileFormat,
    base_filename: row.baseFileName,
  };
}

export function linkBody(link: TileLink, squareUuid: string): Body {
  return {
    gridsquare_uuid: squareUuid,
    center_x: wholeOf(link.xPx) ?? 0,
    center_y: wholeOf(link.yPx) ?? 0,
    size_width: wholeOf(link.widthPx) ?? 0,
    size_height: wholeOf(link.heightPx) ?? 0,
  };
}

export function squareBody(row: GridSquare): Body {
  return {
    uuid: row.id,
    grid_uuid: gridIdOf(row.acquisitionId),
    gridsquare_id: String(row.squareId),
    lowmag: row.lowMag,
    data_dir: row.imagePath?.includes("/") === true
      ? row.imagePath.slice(0, row.imagePath.lastIndexOf("/"))
      : null,
    atlas_node_id: row.squareId,
    state: row.state,
    rotation: row.rotationRad,
    image_path: row.epuImagePath,
    selected: row.selected,
    unusable: row.unusable,
    stage_position_x: row.stageXM,
    stage_position_y: row.stageYM,
    stage_position_z: row.stageZM,
    center_x: wholeOf(row.atlasXPx),
    center_y: wholeOf(row.atlasYPx),
    physical_x: row.physicalXM === null ? null : row.physicalXM * 1e9,
    physical_y: row.physicalYM === null ? null : row.physicalYM * 1e9,
    size_width: wholeOf(row.atlasWidthPx),
    size_height: wholeOf(row.atlasHeightPx),
    acquisition_datetime: timeOf(row.imagedAtMs),
    defocus: row.defocusM,
    magnification: row.magnification,
    pixel_size: row.pixelSizeM,
    detector_name: row.detectorName,
    applied_defocus: row.appliedDefocusM,
  };
}

export function holeBody(row: FoilHole, squareUuid: string): Body {
  return {
    uuid: row.id,
    foilhole_id: String(row.holeId),
    gridsquare_id: String(row.squareId),
    gridsquare_uuid: squareUuid,
    center_x: row.centerXPx,
    center_y: row.centerYPx,
    quality: row.quality,
    rotation: row.rotationRad,
    size_width: row.sizeWidthPx,
    size_height: row.sizeHeightPx,
    x_location: wholeOf(row.xPx),
    y_location: wholeOf(row.yPx),
    x_stage_position: row.stageXM,
    y_stage_position: row.stageYM,
    diameter: wholeOf(row.diameterPx),
    is_near_grid_bar: row.nearGridBar ?? false,
  };
}

export function micrographBody(row: Micrograph, holeUuid: string): Body {
  return {
    uuid: row.id,
    foilhole_uuid: holeUuid,
    foilhole_id: String(row.holeId),
    location_id: String(row.areaId),
    high_res_path: row.moviePath ?? "",
    manifest_file: row.xmlPath ?? `${row.stem}.xml`,
    acquisition_datetime: timeOf(row.acquiredAtMs),
    defocus: row.defocusM,
    detector_name: row.detectorName,
    energy_filter: row.energyFilter,
    phase_plate: row.phasePlate,
    image_size_x: row.widthPx,
    image_size_y: row.heightPx,
    binning_x: wholeOf(row.binningX),
    binning_y: wholeOf(row.binningY),
  };
}

/** Without a zone, meaning UTC. */
export function timeOf(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString().slice(0, -1);
}

function textOf(value: number | null): string | null {
  return value === null ? null : String(value);
}

function wholeOf(value: number | null): number | null {
  return value === null ? null : Math.trunc(value);
}
