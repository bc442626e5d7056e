/**
 * What a path below a watched folder says by itself. Paths may use either slash; ids given by EPU are
 * positive integers below 2^53. Names are EPU's and case matters, as it does in EPU's own files.
 */
export type NamedFile =
  | { readonly kind: "session"; readonly folder: string; readonly rank: 0 }
  | { readonly kind: "atlas"; readonly folder: string; readonly rank: 1 }
  | {
    readonly kind: "square-metadata";
    readonly folder: string;
    readonly rank: 2;
    readonly squareId: number;
  }
  | ({ readonly kind: "square-image"; readonly rank: 2 } & SquareImageName)
  | ({ readonly kind: "hole-image"; readonly rank: 3 } & HoleImageName)
  | ({ readonly kind: "micrograph-image"; readonly rank: 4 } & MicrographName)
  | ({ readonly kind: "fractions"; readonly rank: 4 } & MicrographName)
  /** The frames of one exposure. */
  | ({ readonly kind: "movie"; readonly rank: 5 } & MicrographName & { readonly format: string })
  /** Pixels beside an image's xml: `format` is `jpg`, `mrc`, `tiff` ... in lower case. */
  | ({ readonly kind: "pixels"; readonly rank: 5 } & { readonly format: string } & PixelsName)
  /** Slot and atlas bookkeeping: `Sample.dm`, `ScreeningSession.dm`. */
  | { readonly kind: "bookkeeping"; readonly folder: string; readonly rank: 999 }
  | { readonly kind: "other"; readonly rank: 999 };

export type NamedKind = NamedFile["kind"];

interface Placed {
  /**
   * Folder of the session (or of the atlas) the path belongs to, below the watched one: "" for the watched
   * folder itself. What stands before `Metadata/` or `Images-Disc<n>/`.
   */
  readonly folder: string;
}

interface PlacedOnDisc extends Placed {
  /** `Images-Disc<n>`; `null` outside one. */
  readonly disc: number | null;
  /** From the folder `GridSquare_<id>`; `null` outside one. */
  readonly squareId: number | null;
  /** File name without ending and without `_Fractions`. */
  readonly stem: string;
  readonly stamp: NameStamp;
}

/** The time in a name: wall time of the EPU machine, without zone. */
export interface NameStamp {
  /** `20250108_154915`. */
  readonly text: string;
  /** The wall time as if it were UTC; `null` where the digits are no time of day. */
  readonly wallMs: number | null;
}

type SquareImageName = PlacedOnDisc & {
  /** Not inside its square's folder: EPU leaves copies in `Metadata/`. */
  readonly isMisplaced: boolean;
};
type HoleImageName = PlacedOnDisc & { readonly holeId: number };
type MicrographName = PlacedOnDisc & {
  readonly holeId: number;
  readonly areaId: number;
  /** Position in the cluster, or the id of the acquisition setting where there is no clustering. */
  readonly k: number;
  /** EPU 1.x: `-NNNN` at the end; `null` otherwise. */
  readonly movieNumber: number | null;
};
type PixelsName =
  | ({ readonly of: "square" } & SquareImageName)
  | ({ readonly of: "hole" } & HoleImageName)
  | ({ readonly of: "micrograph" } & MicrographName)
  | ({ readonly of: "atlas" } & Placed & { readonly stem: string })
  | ({ readonly of: "tile" } & Placed & { readonly stem: string; readonly tileId: number });

const SQUARE_METADATA = /^GridSquare_(\d{1,15})\.dm$/;
const SQUARE_FOLDER = /^GridSquare_(\d{1,15})$/;
const DISC_FOLDER = /^Images-Disc([1-9]\d{0,5})$/;
const SQUARE_IMAGE = /^GridSquare_(\d{8})_(\d{6})$/;
const HOLE_IMAGE = /^FoilHole_(\d{1,15})_(\d{8})_(\d{6})$/;
const MICROGRAPH =
  /^FoilHole_(\d{1,15})_Data_(\d{1,15})_(\d{1,15})_(\d{8})_(\d{4,6})(?:-(\d{1,9}))?$/;
const MOVIE_ENDING = /_(?:[Ff]ractions|EER)$/;
const TILE = /^Tile_(\d{1,15})_\d+_\d+$/;
const ATLAS_IMAGE = /^Atlas_\d{1,15}$/;
const PIXELS = /^(?:jpe?g|mrc|tiff?|png|raw)$/;
const MOVIE_FORMATS = /^(?:mrcs?|tiff?|eer)$/;
const OTHER: NamedFile = { kind: "other", rank: 999 };

/**
 * What the file at `relPath` is by its name and place. `rank` orders work: parents before children, unknown
 * last. Sources: EPU 1.2 to 3.13 as listed in spec section 2.2.
 */
export function fileKindOf(relPath: string): NamedFile {
  const segments = relPath.split(/[\\/]/).filter((part) => part !== "" && part !== ".");
  const name = segments.pop();
  if (name === undefined) return OTHER;
  const whole = wholeNameKind(name, segments);
  if (whole !== null) return whole;
  const dot = name.lastIndexOf(".");
  if (dot <= 0) return OTHER;
  const ending = name.slice(dot + 1).toLowerCase();
  if (ending === "xml") return imageXmlKind(name.slice(0, dot), segments) ?? OTHER;
  return PIXELS.test(ending) || MOVIE_FORMATS.test(ending)
    ? pixelsKind(name.slice(0, dot), ending, segments) ?? OTHER
    : OTHER;
}

function wholeNameKind(name: string, segments: readonly string[]): NamedFile | null {
  const folder = segments.join("/");
  if (name === "EpuSession.dm") return { kind: "session", rank: 0, folder };
  if (name === "Atlas.dm") return { kind: "atlas", rank: 1, folder };
  if (name === "Sample.dm" || name === "ScreeningSession.dm") {
    return { kind: "bookkeeping", rank: 999, folder };
  }
  const square = SQUARE_METADATA.exec(name);
  if (square === null) return null;
  return {
    kind: "square-metadata",
    rank: 2,
    folder: sessionFolder(segments),
    squareId: Number(square[1]),
  };
}

function imageXmlKind(nameStem: string, segments: readonly string[]): NamedFile | null {
  const isFractions = /_[Ff]ractions$/.test(nameStem);
  const stem = nameStem.replace(/_[Ff]ractions$/, "");
  const micrograph = micrographName(stem, segments);
  if (micrograph !== null) {
    return isFractions
      ? { kind: "fractions", rank: 4, ...micrograph }
      : { kind: "micrograph-image", rank: 4, ...micrograph };
  }
  if (isFractions) return null;
  const hole = holeImageName(stem, segments);
  if (hole !== null) return { kind: "hole-image", rank: 3, ...hole };
  const square = squareImageName(stem, segments);
  return square === null ? null : { kind: "square-image", rank: 2, ...square };
}

function pixelsKind(
  nameStem: string,
  format: string,
  segments: readonly string[],
): NamedFile | null {
  const isMovie = MOVIE_ENDING.test(nameStem) || format === "eer";
  const stem = nameStem.replace(MOVIE_ENDING, "");
  const micrograph = micrographName(stem, segments);
  if (micrograph !== null) {
    // EPU 1.x: a movie is told from the sum of its frames by its number alone.
    return (isMovie || micrograph.movieNumber !== null) && MOVIE_FORMATS.test(format)
      ? { kind: "movie", rank: 5, format, ...micrograph }
      : { kind: "pixels", rank: 5, of: "micrograph", format, ...micrograph };
  }
  if (isMovie) return null;
  const hole = holeImageName(stem, segments);
  if (hole !== null) return { kind: "pixels", rank: 5, of: "hole", format, ...hole };
  const square = squareImageName(stem, segments);
  if (square !== null) return { kind: "pixels", rank: 5, of: "square", format, ...square };
  const folder = segments.join("/");
  const tile = TILE.exec(stem);
  if (tile !== null) {
    return { kind: "pixels", rank: 5, of: "tile", format, folder, stem, tileId: Number(tile[1]) };
  }
  return ATLAS_IMAGE.test(stem)
    ? { kind: "pixels", rank: 5, of: "atlas", format, folder, stem }
    : null;
}

function micrographName(stem: string, segments: readonly string[]): MicrographName | null {
  const found = MICROGRAPH.exec(stem);
  if (found === null) return null;
  const [, hole, area, k, date, time, movie] = found;
  return {
    ...placedOnDisc(stem, segments, date!, time!),
    holeId: Number(hole),
    areaId: Number(area),
    k: Number(k),
    movieNumber: movie === undefined ? null : Number(movie),
  };
}

function holeImageName(stem: string, segments: readonly string[]): HoleImageName | null {
  const found = HOLE_IMAGE.exec(stem);
  if (found === null) return null;
  const [, hole, date, time] = found;
  return { ...placedOnDisc(stem, segments, date!, time!), holeId: Number(hole) };
}

function squareImageName(stem: string, segments: readonly string[]): SquareImageName | null {
  const found = SQUARE_IMAGE.exec(stem);
  if (found === null) return null;
  const [, date, time] = found;
  const placed = placedOnDisc(stem, segments, date!, time!);
  return { ...placed, isMisplaced: placed.squareId === null };
}

function placedOnDisc(
  stem: string,
  segments: readonly string[],
  date: string,
  time: string,
): PlacedOnDisc {
  let disc: number | null = null;
  let squareId: number | null = null;
  for (const segment of segments) {
    const inDisc = DISC_FOLDER.exec(segment);
    if (inDisc !== null) disc = Number(inDisc[1]);
    const inSquare = SQUARE_FOLDER.exec(segment);
    if (inSquare !== null) squareId = Number(inSquare[1]);
  }
  return { folder: sessionFolder(segments), disc, squareId, stem, stamp: stampOf(date, time) };
}

/** What stands before EPU's own folders; the innermost, for people may call a folder above `Metadata` too. */
function sessionFolder(segments: readonly string[]): string {
  let own = segments.findLastIndex((part) => DISC_FOLDER.test(part));
  if (own === -1 && segments.at(-1) === "Metadata") own = segments.length - 1;
  if (own === -1) own = segments.findIndex((part) => SQUARE_FOLDER.test(part));
  return segments.slice(0, own === -1 ? segments.length : own).join("/");
}

function stampOf(date: string, time: string): NameStamp {
  const text = `${date}_${time}`;
  // Five digits leave open which of hour, minute and second has one.
  if (time.length === 5) return { text, wallMs: null };
  const iso = `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}T${time.slice(0, 2)}:${
    time.slice(2, 4)
  }:${time.slice(4) || "00"}Z`;
  const wallMs = Date.parse(iso);
  // Date.parse turns 30 February into 1 March.
  return !Number.isNaN(wallMs) && new Date(wallMs).toISOString().slice(0, 19) + "Z" === iso
    ? { text, wallMs }
    : { text, wallMs: null };
}
