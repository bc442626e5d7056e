import { z } from "zod";

/**
 * What Holdfast keeps of a cryo-EM session: one acquisition (one EPU session on one grid), its atlas with
 * tiles, grid squares, foil holes and micrographs. Lengths carry their unit in the name, times are epoch
 * ms, `null` is "nobody said". Ids given by EPU are integers and unique within their acquisition only.
 */

const Int = z.number().int();
const AtMs = Int;
const Maybe = {
  int: Int.nullable().default(null),
  number: z.number().nullable().default(null),
  text: z.string().nullable().default(null),
  flag: z.boolean().nullable().default(null),
  atMs: AtMs.nullable().default(null),
};

/** Where what we know of an entity came from, the most trusted for its own fields only. */
export const SOURCES = [
  "session",
  "atlas",
  "square-metadata",
  "square-image",
  "hole-image",
  "micrograph-image",
  "fractions",
  "path",
  "processing",
  "person",
  "compat",
] as const;
export type Source = (typeof SOURCES)[number];

/** The file, or the caller, that last said something within each source's own fields. */
export const Provenance = z.partialRecord(
  z.enum(SOURCES),
  z.strictObject({ path: z.string(), seenAtMs: AtMs }),
);
export type Provenance = z.infer<typeof Provenance>;

/** Exposures: asked for by the session's template, listed in EPU's own ledger, seen as files. */
export const Exposures = z.strictObject({
  expected: Int.nonnegative().nullable(),
  listed: Int.nonnegative(),
  seen: Int.nonnegative(),
});
export type Exposures = z.infer<typeof Exposures>;

const stored = {
  v: z.literal(1),
  /** ULID of ours, or the uuid a caller of the SmartEM API brought. */
  id: z.string().min(1),
  acquisitionId: z.string().min(1),
  /** Implied by a path or by a child; nothing of its own has been read yet. */
  inferred: z.boolean(),
  sources: Provenance,
  createdAtMs: AtMs,
  changedAtMs: AtMs,
};

export const ACQUISITION_STATES = [
  "planned",
  "started",
  "paused",
  "completed",
  "abandoned",
] as const;
export type AcquisitionState = (typeof ACQUISITION_STATES)[number];

/** One data acquisition area of the target template: one exposure of every hole. */
export const Area = z.strictObject({
  areaId: Int,
  settingId: Maybe.int,
  defocusM: z.array(z.number()),
  exposureMs: Maybe.number,
});
export type Area = z.infer<typeof Area>;

/** `["epu", "acquisition", id]`. Natural key: name, EPU id and start of the session. */
export const Acquisition = z.strictObject({
  ...stored,
  epuId: Maybe.int,
  name: z.string(),
  state: z.enum(ACQUISITION_STATES),
  epuVersion: Maybe.text,
  startedAtMs: Maybe.atMs,
  endedAtMs: Maybe.atMs,
  pausedAtMs: Maybe.atMs,
  /** Offset of the EPU machine's clock from UTC, minutes: what file names are written in. */
  zoneMin: Maybe.int,
  /** Name of the watched folder it was found in; `null` when it came over the SmartEM API. */
  root: Maybe.text,
  /** Folder of the session below the watched one, "" for the watched folder itself, as last seen. */
  folder: z.string(),
  storagePath: Maybe.text,
  atlasPath: Maybe.text,
  clusteringMode: Maybe.text,
  clusteringRadiusM: Maybe.number,
  gridType: Maybe.text,
  gridGeometry: Maybe.text,
  autoloaderSlot: Maybe.int,
  tiltDeg: Maybe.number,
  imageFileFormat: Maybe.text,
  fractionsFormat: Maybe.text,
  areas: z.array(Area).max(64),
  holeSizeM: Maybe.number,
  holeSpacingM: Maybe.number,
  instrumentModel: Maybe.text,
  instrumentId: Maybe.text,
  computerName: Maybe.text,
  /** Square ids the session lists; completeness is measured against their number. */
  squaresListed: Int.nonnegative().nullable(),
  /** The decision authority that acts, and those that only propose in its shadow. */
  actingAuthority: Maybe.text,
  shadowAuthorities: z.array(z.string()).default([]),
});
export type Acquisition = z.infer<typeof Acquisition>;

/** `["epu", "count", acquisitionId]`: kept with every write, so that no list is counted to be shown. */
export const Counts = z.strictObject({
  v: z.literal(1),
  squares: Int,
  squaresSelected: Int,
  squaresImaged: Int,
  squaresFinished: Int,
  holes: Int,
  holesSelected: Int,
  holesFinished: Int,
  micrographs: Int,
  exposures: Exposures,
  orphans: Int,
  findings: Int,
  filesTruncated: Int,
  /** Motion, CTF, picking and selection results taken in. */
  results: Int,
  lastExposureAtMs: Maybe.atMs,
  changedAtMs: AtMs,
});
export type Counts = z.infer<typeof Counts>;

/** `["epu", "atlas", acquisitionId]`. Natural key: root id and time of acquisition. */
export const Atlas = z.strictObject({
  ...stored,
  epuId: Maybe.int,
  name: Maybe.text,
  description: Maybe.text,
  storageFolder: Maybe.text,
  acquiredAtMs: Maybe.atMs,
  /** Name of the watched folder, or of the atlas root, that the paths lie below. */
  root: Maybe.text,
  /** Image of the whole atlas, path below the atlas root. */
  imagePath: Maybe.text,
  imageWidthPx: Maybe.int,
  imageHeightPx: Maybe.int,
  tiles: Int.nonnegative(),
});
export type Atlas = z.infer<typeof Atlas>;

/** `["epu", "tile", acquisitionId, tileId]`. */
export const Tile = z.strictObject({
  ...stored,
  tileId: Int,
  xPx: Maybe.number,
  yPx: Maybe.number,
  widthPx: Maybe.number,
  heightPx: Maybe.number,
  baseFileName: Maybe.text,
  fileFormat: Maybe.text,
});
export type Tile = z.infer<typeof Tile>;

/** `["epu", "tile_by_square", acquisitionId, squareId, tileId]`: where a square lies on a tile. */
export const TileLink = z.strictObject({
  v: z.literal(1),
  tileId: Int,
  squareId: Int,
  xPx: Maybe.number,
  yPx: Maybe.number,
  widthPx: Maybe.number,
  heightPx: Maybe.number,
});
export type TileLink = z.infer<typeof TileLink>;

const Point = z.strictObject({ xPx: z.number(), yPx: z.number() });

/** `["epu", "square", acquisitionId, squareId]`. */
export const GridSquare = z.strictObject({
  ...stored,
  squareId: Int,
  /** Known from the atlas only; false once its own metadata file was read. */
  lowMag: z.boolean(),
  /** Whether the session's list of squares holds it. */
  listed: Maybe.flag,
  state: Maybe.text,
  selected: Maybe.flag,
  unusable: Maybe.flag,
  order: Maybe.int,
  rotationRad: Maybe.number,
  categoryName: Maybe.text,
  /** EPU's own ice category from the atlas, 0 to 4. */
  category: Maybe.int,
  rankInCategory: Maybe.int,
  balancedRank: Maybe.int,
  recommended: Maybe.flag,
  stageXM: Maybe.number,
  stageYM: Maybe.number,
  stageZM: Maybe.number,
  alignedStageXM: Maybe.number,
  alignedStageYM: Maybe.number,
  /** On the atlas image. */
  atlasXPx: Maybe.number,
  atlasYPx: Maybe.number,
  atlasWidthPx: Maybe.number,
  atlasHeightPx: Maybe.number,
  atlasRotationRad: Maybe.number,
  physicalXM: Maybe.number,
  physicalYM: Maybe.number,
  features: z.array(z.number()).max(16).nullable().default(null),
  outline: z.array(Point).max(64).nullable().default(null),
  holeSpacingM: Maybe.number,
  /** EPU's own path of the square's image, verbatim. */
  epuImagePath: Maybe.text,
  /** Image xml in force and its preview, paths below the watched folder. */
  imagePath: Maybe.text,
  previewPath: Maybe.text,
  imageWidthPx: Maybe.int,
  imageHeightPx: Maybe.int,
  imagedAtMs: Maybe.atMs,
  defocusM: Maybe.number,
  appliedDefocusM: Maybe.number,
  magnification: Maybe.number,
  pixelSizeM: Maybe.number,
  detectorName: Maybe.text,
  holes: Int.nonnegative(),
  holesSelected: Int.nonnegative(),
  holesFinished: Int.nonnegative(),
  exposures: Exposures,
  note: Maybe.text,
});
export type GridSquare = z.infer<typeof GridSquare>;

/** `["epu", "hole", acquisitionId, squareId, holeId]`. */
export const FoilHole = z.strictObject({
  ...stored,
  squareId: Int,
  holeId: Int,
  /** EPU's: Defined, InProgress, Completed. */
  state: Maybe.text,
  selected: Maybe.flag,
  order: Maybe.int,
  nearGridBar: Maybe.flag,
  /** On the square's image. */
  xPx: Maybe.number,
  yPx: Maybe.number,
  diameterPx: Maybe.number,
  stageXM: Maybe.number,
  stageYM: Maybe.number,
  correctedStageXM: Maybe.number,
  correctedStageYM: Maybe.number,
  /** EPU's quality of the hole in the square's metadata. */
  epuQuality: Maybe.number,
  intensityMean: Maybe.number,
  intensitySd: Maybe.number,
  /** Hole at the centre of the cluster this one is exposed from. */
  primaryHoleId: Maybe.int,
  positionInCluster: Maybe.int,
  /** Newer EPU gives a place instead of a number. */
  positionInClusterX: Maybe.number,
  positionInClusterY: Maybe.number,
  beamShiftId: Maybe.int,
  /** From the hole's own image: EPU's centre search. */
  centerXPx: Maybe.number,
  centerYPx: Maybe.number,
  quality: Maybe.number,
  rotationRad: Maybe.number,
  sizeWidthPx: Maybe.number,
  sizeHeightPx: Maybe.number,
  imagePath: Maybe.text,
  previewPath: Maybe.text,
  imagedAtMs: Maybe.atMs,
  exposures: Exposures,
});
export type FoilHole = z.infer<typeof FoilHole>;

export const PROCESSING_STEPS = ["motion", "ctf", "picking", "selection"] as const;
export type ProcessingStep = (typeof PROCESSING_STEPS)[number];

/** What processing found, ångström and counts; `atMs` when it was taken in. */
export const Results = z.strictObject({
  motion: z.strictObject({
    totalA: z.number().nonnegative(),
    averageA: z.number().nonnegative(),
    atMs: AtMs,
  }).nullable().default(null),
  ctf: z.strictObject({
    maxResolutionA: z.number().nonnegative(),
    defocusUM: Maybe.number,
    defocusVM: Maybe.number,
    astigmatismAngleRad: Maybe.number,
    atMs: AtMs,
  }).nullable().default(null),
  picking: z.strictObject({
    picked: Int.nonnegative(),
    distribution: z.record(z.string(), z.number()).nullable().default(null),
    atMs: AtMs,
  }).nullable().default(null),
  selection: z.strictObject({
    selected: Int.nonnegative(),
    rejected: Int.nonnegative(),
    distribution: z.record(z.string(), z.number()).nullable().default(null),
    atMs: AtMs,
  }).nullable().default(null),
});
export type Results = z.infer<typeof Results>;

/** `["epu", "micrograph", acquisitionId, micrographId]`. Natural key: `uniqueId`, else hole, area, k, time. */
export const Micrograph = z.strictObject({
  ...stored,
  squareId: Int,
  holeId: Int,
  uniqueId: Maybe.text,
  /** File name without its ending: what EPU's ledger and pipelines call it. */
  stem: z.string(),
  areaId: Int,
  k: Int,
  acquiredAtMs: Maybe.atMs,
  /** Lens reading; the target is `appliedDefocusM`. */
  defocusM: Maybe.number,
  appliedDefocusM: Maybe.number,
  doseEPerA2: Maybe.number,
  exposureMs: Maybe.number,
  magnification: Maybe.number,
  pixelSizeA: Maybe.number,
  voltageKv: Maybe.number,
  detectorName: Maybe.text,
  energyFilter: Maybe.flag,
  phasePlate: Maybe.flag,
  slitWidthEv: Maybe.number,
  widthPx: Maybe.int,
  heightPx: Maybe.int,
  binningX: Maybe.number,
  binningY: Maybe.number,
  superResolutionFactor: Maybe.number,
  spotIndex: Maybe.number,
  beamDiameterM: Maybe.number,
  imageShiftX: Maybe.number,
  imageShiftY: Maybe.number,
  beamTiltX: Maybe.number,
  beamTiltY: Maybe.number,
  stageXM: Maybe.number,
  stageYM: Maybe.number,
  stageZM: Maybe.number,
  /** Paths below the watched folder; `null` while EPU's ledger is all that is known. */
  xmlPath: Maybe.text,
  previewPath: Maybe.text,
  moviePath: Maybe.text,
  fractionsExpected: Maybe.int,
  fractionsRecorded: Maybe.int,
  /** Listed in EPU's ledger. */
  listed: z.boolean(),
  results: Results,
});
export type Micrograph = z.infer<typeof Micrograph>;

export const SEVERITIES = ["error", "warning", "info"] as const;

/** Something a person should know of a file or an acquisition, with what follows from it. */
export const Finding = z.strictObject({
  /** Stable word, such as `truncated-xml`, `square-without-metadata`. */
  code: z.string().regex(/^[a-z0-9-]+$/),
  severity: z.enum(SEVERITIES),
  /** Below the watched folder, forward slashes. */
  path: z.string(),
  /** Where in the file, `null` for all of it. */
  where: z.string().nullable().default(null),
  text: z.string(),
  /** What is missing or wrong because of it. */
  consequence: z.string(),
});
export type Finding = z.infer<typeof Finding>;

/** `["epu", "finding", scope, code, pathDigest]`. */
export const StoredFinding = z.strictObject({
  ...Finding.shape,
  v: z.literal(1),
  /** Acquisition, or `@root/folder` where the files of a folder have none yet. */
  scope: z.string(),
  firstSeenAtMs: AtMs,
  lastSeenAtMs: AtMs,
});
export type StoredFinding = z.infer<typeof StoredFinding>;

export const FILE_STATES = [
  "settling",
  "taken",
  "orphaned",
  "truncated",
  "unreadable",
  "foreign",
  "ignored",
  "gone",
] as const;

/** `["epu", "file", root, path]`: one file of the watched folder, and how far we are with it. */
export const FileEntry = z.strictObject({
  v: z.literal(1),
  /** Name of the watched folder. */
  root: z.string(),
  path: z.string(),
  kind: z.string(),
  sizeBytes: Int.nonnegative(),
  mtimeMs: z.number(),
  /** SHA-256, hex, of what was taken; `null` before. */
  digest: z.string().nullable(),
  state: z.enum(FILE_STATES),
  tries: Int.nonnegative(),
  error: z.string().nullable(),
  firstSeenAtMs: AtMs,
  changedAtMs: AtMs,
});
export type FileEntry = z.infer<typeof FileEntry>;

/** `["epu", "orphan", scope, parentKind, parentKey, pathDigest]`: read, but its parent is not here yet. */
export const Orphan = z.strictObject({
  v: z.literal(1),
  /** Acquisition, or `@root/folder` where it is the acquisition that is awaited. */
  scope: z.string(),
  root: z.string(),
  path: z.string(),
  kind: z.string(),
  parentKind: z.enum(["acquisition", "square", "hole"]),
  parentKey: z.string(),
  sinceMs: AtMs,
});
export type Orphan = z.infer<typeof Orphan>;

/**
 * `["epu", "observation", acquisitionId, squareId, holeId or 0, stem]`: one image taken of a square or a hole.
 * Several are normal; the entity shows the latest.
 */
export const Observation = z.strictObject({
  v: z.literal(1),
  squareId: Int,
  /** 0: of the square itself. */
  holeId: Int,
  stem: z.string(),
  xmlPath: Maybe.text,
  /** Of the xml. */
  digest: Maybe.text,
  previewPath: Maybe.text,
  takenAtMs: Maybe.atMs,
});
export type Observation = z.infer<typeof Observation>;

/** `["epu", "folder", root, folder]`: the acquisition whose session lies in a folder. */
export const SessionFolder = z.strictObject({ v: z.literal(1), acquisitionId: z.string() });
export type SessionFolder = z.infer<typeof SessionFolder>;
export const ENTITY_KINDS = [
  "acquisition",
  "atlas",
  "tile",
  "square",
  "hole",
  "micrograph",
] as const;
export type EntityKind = (typeof ENTITY_KINDS)[number];

/** `["epu", "entity_by_id", id]`: where the entity with this id stands. */
export const EntityRef = z.strictObject({
  v: z.literal(1),
  kind: z.enum(ENTITY_KINDS),
  /** The entity's own id where this one is a further name for it: agents of the original invent new ones. */
  id: z.string().optional(),
  acquisitionId: z.string(),
  squareId: Int.optional(),
  holeId: Int.optional(),
  tileId: Int.optional(),
});
export type EntityRef = z.infer<typeof EntityRef>;
