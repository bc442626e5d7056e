import type {
  Acquisition,
  Atlas,
  FoilHole,
  GridSquare,
  Micrograph,
  Provenance,
  Source,
  Tile,
} from "./model.ts";

/** Rows that several sources speak about. */
export interface Rows {
  acquisition: Acquisition;
  atlas: Atlas;
  tile: Tile;
  square: GridSquare;
  hole: FoilHole;
  micrograph: Micrograph;
}
export type RowKind = keyof Rows;

type Owners<K extends RowKind> = Partial<Record<keyof Rows[K], readonly Source[]>>;

const SESSION = ["session"] as const;
const ATLAS = ["atlas"] as const;
const SQUARE_DM = ["square-metadata"] as const;
const SQUARE_IMAGE = ["square-image"] as const;
const HOLE_IMAGE = ["hole-image"] as const;
const MICROGRAPH = ["micrograph-image"] as const;
const FIRST_IMAGE = ["micrograph-image", "hole-image", "square-image"] as const;

/**
 * Who may say what: the sources of each field, the most trusted first. A source below one that has spoken of
 * the entity is not heard on that field, so that the order of arrival decides nothing. Callers of the
 * SmartEM API may fill every field that no file of ours speaks for.
 */
const OWNERS: { readonly [K in RowKind]: Owners<K> } = {
  acquisition: {
    epuId: SESSION,
    name: SESSION,
    epuVersion: SESSION,
    startedAtMs: SESSION,
    endedAtMs: ["person", "session"],
    zoneMin: SESSION,
    root: SESSION,
    folder: SESSION,
    storagePath: SESSION,
    atlasPath: SESSION,
    clusteringMode: SESSION,
    clusteringRadiusM: SESSION,
    gridType: SESSION,
    gridGeometry: SESSION,
    autoloaderSlot: SESSION,
    tiltDeg: SESSION,
    imageFileFormat: SESSION,
    fractionsFormat: SESSION,
    areas: SESSION,
    holeSizeM: SESSION,
    holeSpacingM: SESSION,
    squaresListed: SESSION,
    instrumentModel: FIRST_IMAGE,
    instrumentId: FIRST_IMAGE,
    computerName: FIRST_IMAGE,
    state: ["person"],
    pausedAtMs: ["person"],
    actingAuthority: ["person"],
    shadowAuthorities: ["person"],
  },
  atlas: {
    epuId: ATLAS,
    name: ATLAS,
    description: ATLAS,
    storageFolder: ATLAS,
    acquiredAtMs: ATLAS,
    root: ATLAS,
    imagePath: ATLAS,
    imageWidthPx: ATLAS,
    imageHeightPx: ATLAS,
    tiles: ATLAS,
  },
  tile: {
    xPx: ATLAS,
    yPx: ATLAS,
    widthPx: ATLAS,
    heightPx: ATLAS,
    baseFileName: ATLAS,
    fileFormat: ATLAS,
  },
  square: {
    lowMag: [],
    listed: SESSION,
    state: SQUARE_DM,
    selected: SQUARE_DM,
    unusable: SQUARE_DM,
    order: SQUARE_DM,
    rotationRad: SQUARE_DM,
    categoryName: SQUARE_DM,
    category: ["atlas", "square-metadata"],
    rankInCategory: SQUARE_DM,
    balancedRank: SQUARE_DM,
    recommended: SQUARE_DM,
    stageXM: ["square-metadata", "atlas"],
    stageYM: ["square-metadata", "atlas"],
    stageZM: ["square-metadata", "atlas"],
    alignedStageXM: ATLAS,
    alignedStageYM: ATLAS,
    atlasXPx: ATLAS,
    atlasYPx: ATLAS,
    atlasWidthPx: ATLAS,
    atlasHeightPx: ATLAS,
    atlasRotationRad: ATLAS,
    physicalXM: ATLAS,
    physicalYM: ATLAS,
    features: ATLAS,
    outline: SQUARE_DM,
    holeSpacingM: SQUARE_DM,
    epuImagePath: SQUARE_DM,
    imagePath: SQUARE_IMAGE,
    previewPath: ["path"],
    imageWidthPx: SQUARE_IMAGE,
    imageHeightPx: SQUARE_IMAGE,
    imagedAtMs: SQUARE_IMAGE,
    defocusM: SQUARE_IMAGE,
    appliedDefocusM: SQUARE_IMAGE,
    magnification: SQUARE_IMAGE,
    pixelSizeM: SQUARE_IMAGE,
    detectorName: SQUARE_IMAGE,
    note: ["person"],
  },
  hole: {
    state: SQUARE_DM,
    selected: SQUARE_DM,
    order: SQUARE_DM,
    nearGridBar: SQUARE_DM,
    xPx: SQUARE_DM,
    yPx: SQUARE_DM,
    diameterPx: SQUARE_DM,
    stageXM: SQUARE_DM,
    stageYM: SQUARE_DM,
    correctedStageXM: SQUARE_DM,
    correctedStageYM: SQUARE_DM,
    epuQuality: SQUARE_DM,
    intensityMean: SQUARE_DM,
    intensitySd: SQUARE_DM,
    primaryHoleId: SQUARE_DM,
    positionInCluster: SQUARE_DM,
    positionInClusterX: SQUARE_DM,
    positionInClusterY: SQUARE_DM,
    beamShiftId: SQUARE_DM,
    centerXPx: HOLE_IMAGE,
    centerYPx: HOLE_IMAGE,
    quality: HOLE_IMAGE,
    rotationRad: HOLE_IMAGE,
    sizeWidthPx: HOLE_IMAGE,
    sizeHeightPx: HOLE_IMAGE,
    imagePath: HOLE_IMAGE,
    previewPath: ["path"],
    imagedAtMs: HOLE_IMAGE,
  },
  micrograph: {
    uniqueId: MICROGRAPH,
    acquiredAtMs: MICROGRAPH,
    defocusM: MICROGRAPH,
    appliedDefocusM: MICROGRAPH,
    doseEPerA2: MICROGRAPH,
    exposureMs: MICROGRAPH,
    magnification: MICROGRAPH,
    pixelSizeA: MICROGRAPH,
    voltageKv: MICROGRAPH,
    detectorName: MICROGRAPH,
    energyFilter: MICROGRAPH,
    phasePlate: MICROGRAPH,
    slitWidthEv: MICROGRAPH,
    widthPx: MICROGRAPH,
    heightPx: MICROGRAPH,
    binningX: MICROGRAPH,
    binningY: MICROGRAPH,
    superResolutionFactor: MICROGRAPH,
    spotIndex: MICROGRAPH,
    beamDiameterM: MICROGRAPH,
    imageShiftX: MICROGRAPH,
    imageShiftY: MICROGRAPH,
    beamTiltX: MICROGRAPH,
    beamTiltY: MICROGRAPH,
    stageXM: MICROGRAPH,
    stageYM: MICROGRAPH,
    stageZM: MICROGRAPH,
    xmlPath: MICROGRAPH,
    previewPath: ["path"],
    moviePath: ["path"],
    fractionsExpected: ["fractions", "micrograph-image"],
    fractionsRecorded: ["fractions"],
    listed: SQUARE_DM,
    results: ["processing"],
  },
};

/** Heard on every field, after all others. */
const LAST = "compat";

export interface Origin {
  readonly source: Source;
  readonly path: string;
  readonly atMs: number;
}

/**
 * `row` with what `origin` says of it, the same object when that changes nothing. `fields` holds only what is
 * spoken of; an owner's `null` is heard, for the file may have said otherwise before.
 *
 * @throws {TypeError} for a field that is not this source's to set: a mistake in our own tables.
 */
export function merged<K extends RowKind>(
  kind: K,
  row: Rows[K],
  fields: Partial<Rows[K]>,
  origin: Origin,
): Rows[K] {
  const { source, path, atMs } = origin;
  const owners = OWNERS[kind] as Record<string, readonly Source[] | undefined>;
  const known = row.sources;
  let changed: Record<string, unknown> | null = known[source]?.path === path ? null : {};
  for (const [name, value] of Object.entries(fields)) {
    const allowed = owners[name];
    const rank = allowed?.indexOf(source) ?? -1;
    if (allowed === undefined || (rank === -1 && source !== LAST && source !== "person")) {
      throw new TypeError(`"${source}" does not own "${name}" of a ${kind}`);
    }
    const better = rank === -1 && source === LAST ? allowed : allowed.slice(0, Math.max(0, rank));
    if (better.some((one) => known[one] !== undefined)) continue;
    if (!equal((row as unknown as Record<string, unknown>)[name], value)) {
      (changed ??= {})[name] = value;
    }
  }
  if (changed === null) return row;
  const sources: Provenance = { ...known, [source]: { path, seenAtMs: atMs } };
  return {
    ...row,
    ...changed,
    sources,
    inferred: isInferred(sources),
    changedAtMs: atMs,
  };
}

/** Of what a file says, what `source` may say of such a row: readers may learn more than is kept. */
export function owned<K extends RowKind>(
  kind: K,
  source: Source,
  said: object,
): Partial<Rows[K]> {
  const owners = OWNERS[kind] as Record<string, readonly Source[] | undefined>;
  return Object.fromEntries(
    Object.entries(said).filter(([name]) => owners[name]?.includes(source)),
  ) as Partial<Rows[K]>;
}

/** As if `source` had never spoken of the row: what it alone said is nobody's word now. */
export function withdrawn<K extends RowKind>(
  kind: K,
  row: Rows[K],
  source: Source,
  atMs: number,
): Rows[K] {
  if (row.sources[source] === undefined) return row;
  const { [source]: _gone, ...sources } = row.sources;
  const changed: Record<string, unknown> = {};
  const owners = OWNERS[kind] as Record<string, readonly Source[]>;
  for (const [name, allowed] of Object.entries(owners)) {
    const rank = allowed.indexOf(source);
    if (rank === -1 || allowed.slice(0, rank).some((one) => row.sources[one] !== undefined)) {
      continue;
    }
    changed[name] = name === "listed" && kind === "micrograph" ? false : null;
  }
  return { ...row, ...changed, sources, inferred: isInferred(sources), changedAtMs: atMs };
}

/** Nothing but names, its own or its children's, speaks for it. */
export function isInferred(sources: Provenance): boolean {
  return Object.keys(sources).every((source) => source === "path");
}

export function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) =>
    equal((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name])
  );
}
