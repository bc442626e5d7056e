import { join } from "node:path";
import type { Area } from "../model.ts";
import { fileKindOf, type SquareMetadataFile } from "../read/mod.ts";
import { below, fileAt, listed, type Look } from "./look.ts";

/** What one square's folders hold, by name. */
interface SquareFiles {
  /** Stems of micrographs, and of what was found of each. */
  readonly micrographs: Map<string, { holeId: number; hasXml: boolean; hasMovie: boolean }>;
  readonly holesImaged: Set<number>;
  images: number;
}

const MOVIELESS_KEPT = 200;
/** EPU's own: the square, `FoilHoles` and `Data` in it. */
const DEPTH_MAX = 3;

/**
 * Compares one square's metadata with its files. All that is kept of a square is let go with it, so a grid of
 * any size needs no more memory than its largest square.
 */
export async function lookAtSquare(
  look: Look,
  square: {
    /** `null`: there is none. */
    readonly metadataPath: string | null;
    readonly folders: readonly string[];
    readonly areas: readonly Area[] | null;
  },
): Promise<void> {
  const { metadataPath, folders, areas } = square;
  const { counts } = look.report;
  const metadata = metadataPath === null ? null : await metadataAt(look, metadataPath);
  const files: SquareFiles = { micrographs: new Map(), holesImaged: new Set(), images: 0 };
  for (const folder of folders) await gather(look, folder, files, 1);
  if (metadataPath !== null) counts.squares++;
  if (files.images > 0 || folders.length > 0) counts.squaresImaged++;
  counts.holesImaged += files.holesImaged.size;
  counts.micrographs += files.micrographs.size;
  const at = folders[0] ?? metadataPath ?? "";
  compareExposures(look, at, files, areas);
  if (metadata !== null) compareLedger(look, metadataPath!, metadata, files);
  else counts.holes += new Set([...files.micrographs.values()].map(({ holeId }) => holeId)).size;
}

async function metadataAt(look: Look, path: string): Promise<SquareMetadataFile | null> {
  const file = await fileAt(look, path);
  if (file === null || file.kind !== "square-metadata") return null;
  const { counts } = look.report;
  counts.holes += file.holes.length;
  counts.micrographsListed += file.ledger.length;
  let selected = 0;
  let finished = 0;
  for (const hole of file.holes) {
    if (hole.selected === true) selected++;
    if (hole.state === "Completed") finished++;
  }
  counts.holesSelected += selected;
  counts.holesFinished += finished;
  const open = file.holes.filter((hole) => hole.selected === true && hole.state !== "Completed");
  if (file.selected === true && open.length > 0) {
    look.report.add(
      "holes-unfinished",
      path,
      `${open.length} of ${selected} selected holes are not finished`,
    );
  }
  return file;
}

async function gather(look: Look, folder: string, files: SquareFiles, depth: number) {
  for (const { name, type } of await listed(look, folder) ?? []) {
    const path = below(folder, name);
    if (type === "folder" && depth < DEPTH_MAX) await gather(look, path, files, depth + 1);
    else if (type === "file") await takeFile(look, path, files);
  }
}

async function takeFile(look: Look, path: string, files: SquareFiles): Promise<void> {
  const named = fileKindOf(path);
  switch (named.kind) {
    case "square-image":
      files.images++;
      await fileAt(look, path);
      return;
    case "hole-image":
      files.holesImaged.add(named.holeId);
      await fileAt(look, path);
      return;
    case "micrograph-image":
      micrograph(files, named).hasXml = true;
      await fileAt(look, path);
      return;
    case "fractions":
      await fileAt(look, path);
      return;
    case "movie": {
      micrograph(files, named).hasMovie = true;
      look.report.counts.movies++;
      if (await look.source.size(join(look.root, path)) === 0) {
        look.report.add("movie-empty", path, "The movie's file is empty");
      }
      return;
    }
    case "pixels":
      if (named.of === "micrograph") micrograph(files, named);
      else if (named.of === "hole") files.holesImaged.add(named.holeId);
      return;
    default:
      return;
  }
}

function micrograph(files: SquareFiles, { stem, holeId }: { stem: string; holeId: number }) {
  let found = files.micrographs.get(stem);
  if (found === undefined) {
    found = { holeId, hasXml: false, hasMovie: false };
    files.micrographs.set(stem, found);
  }
  return found;
}

function compareExposures(
  look: Look,
  at: string,
  { micrographs, holesImaged }: SquareFiles,
  areas: readonly Area[] | null,
): void {
  const perHole = new Map<number, number>();
  for (const [stem, { holeId, hasXml, hasMovie }] of micrographs) {
    perHole.set(holeId, (perHole.get(holeId) ?? 0) + 1);
    if (!hasXml) look.report.add("micrograph-without-xml", below(at, stem), "It has no xml");
    if (!hasMovie) noteMovieless(look, below(at, stem));
  }
  for (const holeId of holesImaged) {
    if (!perHole.has(holeId)) {
      look.report.add(
        "hole-without-micrographs",
        at,
        `Hole ${holeId} has an image, no micrographs`,
      );
    }
  }
  if (areas === null || areas.length === 0) return;
  for (const [holeId, count] of perHole) {
    if (count >= areas.length) continue;
    look.report.add(
      "hole-short-of-exposures",
      at,
      `Hole ${holeId} has ${count} of ${areas.length} micrographs`,
    );
  }
}

function noteMovieless(look: Look, path: string): void {
  look.movielessCount++;
  if (look.movieless.length < MOVIELESS_KEPT) {
    look.movieless.push({ path, text: "The micrograph has no movie" });
  }
}

function compareLedger(
  look: Look,
  path: string,
  { ledger }: SquareMetadataFile,
  { micrographs }: SquareFiles,
): void {
  const listedStems = new Set(ledger.map(({ stem }) => stem));
  for (const stem of listedStems) {
    if (micrographs.has(stem)) continue;
    look.report.add("ledger-entry-without-file", path, `"${stem}" has no file`, stem);
  }
  for (const stem of micrographs.keys()) {
    if (listedStems.has(stem)) continue;
    look.report.add("file-without-ledger-entry", path, `"${stem}" is not in EPU's list`, stem);
  }
}
