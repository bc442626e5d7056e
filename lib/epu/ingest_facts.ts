import { owned, type Rows } from "./merge.ts";
import type { Source, TileLink } from "./model.ts";
import type {
  AtlasFile,
  EpuFile,
  HoleImageFile,
  ImageFacts,
  MicrographImageFile,
  SessionFile,
  SquareImageFile,
  SquareMetadataFile,
  When,
} from "./read/files.ts";
import { fileKindOf, type NamedFile } from "./read/mod.ts";

/** One thing a file says of one entity. Only what it speaks of stands in `fields`. */
export type Statement =
  & { readonly source: Source; readonly path: string; readonly id?: string }
  & (
    | { readonly on: "acquisition"; readonly fields: Partial<Rows["acquisition"]> }
    | { readonly on: "atlas"; readonly fields: Partial<Rows["atlas"]> }
    | { readonly on: "tile"; readonly tileId: number; readonly fields: Partial<Rows["tile"]> }
    | { readonly on: "link"; readonly link: TileLink }
    | { readonly on: "square"; readonly squareId: number; readonly fields: Partial<Rows["square"]> }
    | {
      readonly on: "hole";
      readonly squareId: number;
      readonly holeId: number;
      readonly fields: Partial<Rows["hole"]>;
    }
    | MicrographStatement
    | ({ readonly on: "image"; readonly stem: string; readonly digest?: string } & ImageOf)
  );

export interface MicrographStatement {
  readonly on: "micrograph";
  readonly source: Source;
  readonly path: string;
  readonly id?: string;
  readonly squareId: number;
  readonly holeId: number;
  readonly stem: string;
  readonly areaId: number;
  readonly k: number;
  readonly fields: Partial<Rows["micrograph"]>;
}

/** An image of a square (`holeId` 0) or a hole: its xml, or its preview. */
interface ImageOf {
  readonly squareId: number;
  readonly holeId: number;
  readonly takenAtMs?: number | null;
  readonly squareFields?: Partial<Rows["square"]>;
  readonly holeFields?: Partial<Rows["hole"]>;
}

/** What a file no longer says: rows that only an earlier form of it spoke of are withdrawn. */
export type Retraction =
  | { readonly of: "square"; readonly squareId: number }
  | { readonly of: "session" }
  | { readonly of: "atlas" };

export interface FileSays {
  readonly statements: readonly Statement[];
  readonly retract: Retraction | null;
  /** What must be here first: the squares and holes of `statements` that this file does not itself speak of. */
  readonly awaits: {
    readonly kind: "square" | "hole";
    readonly squareId: number;
    readonly holeId: number;
  } | null;
  /** A hole whose square nobody has named yet: the file lies outside any square's folder. */
  readonly stray?: number;
}

const NOTHING: FileSays = { statements: [], retract: null, awaits: null };

function strayed(holeId: number): FileSays {
  return { ...NOTHING, stray: holeId };
}

/** What is needed of the acquisition to understand its files. */
export interface Context {
  readonly root: string;
  /** Offset of the EPU machine's clock, minutes; `null`: not known, taken as UTC. */
  readonly zoneMin: number | null;
  /** Where a hole lies whose file does not stand in its square's folder. */
  readonly squareOfHole: (holeId: number) => number | null;
}

/** Pure: the statements of one file. `file` is `null` for those that are known by their name alone. */
export function factsOf(
  path: string,
  file: EpuFile | null,
  digest: string | null,
  context: Context,
): FileSays {
  const named = fileKindOf(path);
  if (file === null) return ofName(path, named, context);
  switch (file.kind) {
    case "session":
      return ofSession(path, file, named, context);
    case "atlas":
      return ofAtlas(path, file, context);
    case "square-metadata":
      return ofSquare(path, file);
    case "square-image":
      return ofSquareImage(path, file, named, digest, context);
    case "hole-image":
      return ofHoleImage(path, file, named, digest, context);
    case "micrograph-image":
      return ofMicrograph(path, file, context);
    case "fractions": {
      if (named.kind !== "fractions") return NOTHING;
      const place = placeOf(named, context);
      if (place === null) return strayed(named.holeId);
      return exposure({
        ...place,
        on: "micrograph",
        source: "fractions",
        path,
        fields: {
          fractionsExpected: file.fractionsExpected,
          fractionsRecorded: file.fractionsRecorded,
        },
      });
    }
    default:
      return NOTHING;
  }
}

/** Epoch ms of a time in a file; where it names no zone, it is the EPU machine's. */
export function epochMs(when: When | null, zoneMin: number | null): number | null {
  if (when === null) return null;
  return when.zoneMin === null ? when.atMs - (zoneMin ?? 0) * 60_000 : when.atMs;
}

/** What tells one session from another, and what its own file says of it. */
export function sessionFields(
  file: SessionFile,
  root: string,
  folder: string,
): Partial<Rows["acquisition"]> & {
  name: string;
  epuId: number | null;
  startedAtMs: number | null;
} {
  const { epuId, epuVersion, zoneMin, storagePath, atlasPath, clusteringMode } = file;
  return {
    epuId,
    name: file.name,
    epuVersion,
    startedAtMs: epochMs(file.started, zoneMin),
    endedAtMs: epochMs(file.ended, zoneMin),
    zoneMin,
    root,
    folder,
    storagePath,
    atlasPath,
    clusteringMode,
    clusteringRadiusM: file.clusteringRadiusM,
    gridType: file.gridType,
    gridGeometry: file.gridGeometry,
    autoloaderSlot: file.autoloaderSlot,
    tiltDeg: file.tiltDeg,
    imageFileFormat: file.imageFileFormat,
    fractionsFormat: file.fractionsFormat,
    areas: [...file.areas].slice(0, 64),
    holeSizeM: file.holeSizeM,
    holeSpacingM: file.holeSpacingM,
    squaresListed: file.squareIds?.length ?? null,
  };
}

function ofSession(path: string, file: SessionFile, named: NamedFile, context: Context): FileSays {
  const folder = "folder" in named ? named.folder : "";
  const own = { source: "session", path } as const;
  const statements: Statement[] = [
    { on: "acquisition", ...own, fields: sessionFields(file, context.root, folder) },
  ];
  for (const squareId of file.squareIds ?? []) {
    statements.push({ on: "square", ...own, squareId, fields: { listed: true } });
  }
  return { statements, retract: { of: "session" }, awaits: null };
}

function ofAtlas(path: string, file: AtlasFile, context: Context): FileSays {
  const own = { source: "atlas", path } as const;
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const statements: Statement[] = [{
    on: "atlas",
    ...own,
    fields: {
      epuId: file.epuId,
      name: file.name,
      description: file.description,
      storageFolder: file.storageFolder,
      acquiredAtMs: epochMs(file.acquired, context.zoneMin),
      imagePath: file.imageBaseFileName === null ? null : `${folder}${file.imageBaseFileName}.jpg`,
      root: context.root,
      tiles: file.tiles.length,
    },
  }];
  for (const tile of file.tiles) {
    const fields = owned("tile", "atlas", tile);
    statements.push({ on: "tile", ...own, tileId: tile.tileId, fields });
  }
  for (const square of file.squares) {
    const features = square.features?.slice(0, 16) ?? null;
    const fields = { ...owned("square", "atlas", square), features };
    statements.push({ on: "square", ...own, squareId: square.squareId, fields });
  }
  for (const link of file.links) {
    statements.push({ on: "link", ...own, link: { v: 1, ...link } });
  }
  return { statements, retract: { of: "atlas" }, awaits: null };
}

function ofSquare(path: string, file: SquareMetadataFile): FileSays {
  const own = { source: "square-metadata", path } as const;
  const { squareId } = file;
  const statements: Statement[] = [{
    on: "square",
    ...own,
    squareId,
    fields: {
      ...owned("square", "square-metadata", file),
      outline: file.outline?.slice(0, 64) ?? null,
    },
  }];
  const ledger = Map.groupBy(file.ledger, ({ holeId }) => holeId);
  for (const hole of file.holes) {
    const { holeId } = hole;
    const fields = owned("hole", "square-metadata", hole);
    statements.push({ on: "hole", ...own, squareId, holeId, fields });
    // A hole and its exposures stand together, so that one commit counts both.
    for (const { stem } of ledger.get(holeId) ?? []) {
      const micrograph = fileKindOf(`${stem}.xml`);
      if (micrograph.kind !== "micrograph-image") continue;
      const { areaId, k } = micrograph;
      statements.push({
        on: "micrograph",
        ...own,
        squareId,
        holeId,
        stem,
        areaId,
        k,
        fields: { listed: true },
      });
    }
  }
  return { statements, retract: { of: "square", squareId }, awaits: null };
}

function ofSquareImage(
  path: string,
  file: SquareImageFile,
  named: NamedFile,
  digest: string | null,
  context: Context,
): FileSays {
  const { squareId } = file;
  if (squareId === null || named.kind !== "square-image") return NOTHING;
  const takenAtMs = epochMs(file.acquired, context.zoneMin);
  const own = { source: "square-image", path } as const;
  return {
    statements: [...instrument(file, own), {
      on: "image",
      ...own,
      squareId,
      holeId: 0,
      stem: named.stem,
      ...(digest === null ? {} : { digest }),
      takenAtMs,
      squareFields: {
        ...owned("square", "square-image", file),
        imagePath: path,
        imageWidthPx: whole(file.widthPx),
        imageHeightPx: whole(file.heightPx),
        imagedAtMs: takenAtMs,
      },
    }],
    retract: null,
    awaits: { kind: "square", squareId, holeId: 0 },
  };
}

function ofHoleImage(
  path: string,
  file: HoleImageFile,
  named: NamedFile,
  digest: string | null,
  context: Context,
): FileSays {
  const squareId = file.squareId ?? context.squareOfHole(file.holeId);
  if (named.kind !== "hole-image") return NOTHING;
  if (squareId === null) return strayed(file.holeId);
  const takenAtMs = epochMs(file.acquired, context.zoneMin);
  const own = { source: "hole-image", path } as const;
  const { holeId } = file;
  return {
    statements: [...instrument(file, own), {
      on: "image",
      ...own,
      squareId,
      holeId,
      stem: named.stem,
      ...(digest === null ? {} : { digest }),
      takenAtMs,
      holeFields: {
        ...owned("hole", "hole-image", file),
        imagePath: path,
        imagedAtMs: takenAtMs,
      },
    }],
    retract: null,
    awaits: { kind: "square", squareId, holeId },
  };
}

function ofMicrograph(path: string, file: MicrographImageFile, context: Context): FileSays {
  const squareId = file.squareId ?? context.squareOfHole(file.holeId);
  if (squareId === null) return strayed(file.holeId);
  const own = { source: "micrograph-image", path } as const;
  const { holeId, areaId, k, stem } = file;
  const says = exposure({
    on: "micrograph",
    ...own,
    squareId,
    holeId,
    areaId,
    k,
    stem,
    fields: {
      ...owned("micrograph", "micrograph-image", file),
      acquiredAtMs: epochMs(file.acquired, context.zoneMin),
      widthPx: whole(file.widthPx),
      heightPx: whole(file.heightPx),
      fractionsExpected: whole(file.fractionsExpected),
      xmlPath: path,
    },
  });
  return { ...says, statements: [...instrument(file, own), ...says.statements] };
}

/** Previews and movies are known by their names; their bytes are never read here. */
function ofName(path: string, named: NamedFile, context: Context): FileSays {
  const own = { source: "path", path } as const;
  if (named.kind === "movie") {
    const place = placeOf(named, context);
    if (place === null) return strayed(named.holeId);
    return exposure({ on: "micrograph", ...own, ...place, fields: { moviePath: path } });
  }
  if (named.kind !== "pixels" || !/^(?:jpe?g|png)$/.test(named.format)) return NOTHING;
  switch (named.of) {
    case "micrograph": {
      const place = placeOf(named, context);
      if (place === null) return strayed(named.holeId);
      return exposure({ on: "micrograph", ...own, ...place, fields: { previewPath: path } });
    }
    case "hole":
    case "square": {
      const holeId = named.of === "hole" ? named.holeId : 0;
      const squareId = named.squareId ?? (holeId === 0 ? null : context.squareOfHole(holeId));
      if (squareId === null) return holeId === 0 ? NOTHING : strayed(holeId);
      return {
        statements: [{ on: "image", ...own, squareId, holeId, stem: named.stem }],
        retract: null,
        awaits: { kind: "square", squareId, holeId },
      };
    }
    default:
      return NOTHING;
  }
}

function exposure(statement: MicrographStatement): FileSays {
  const { squareId, holeId } = statement;
  return { statements: [statement], retract: null, awaits: { kind: "hole", squareId, holeId } };
}

function placeOf(
  named: { squareId: number | null; holeId: number; areaId: number; k: number; stem: string },
  context: Context,
): { squareId: number; holeId: number; areaId: number; k: number; stem: string } | null {
  const { holeId, areaId, k, stem } = named;
  const squareId = named.squareId ?? context.squareOfHole(holeId);
  return squareId === null ? null : { squareId, holeId, areaId, k, stem };
}

function instrument(
  { instrumentModel, instrumentId, computerName }: ImageFacts,
  own: { readonly source: Source; readonly path: string },
): Statement[] {
  if (instrumentModel === null && instrumentId === null && computerName === null) return [];
  return [{ on: "acquisition", ...own, fields: { instrumentModel, instrumentId, computerName } }];
}

function whole(value: number | null): number | null {
  return value === null ? null : Math.round(value);
}
