import { atlasXml } from "./atlas_xml.ts";
import { type Atlas, type Hole, SQUARE_PIXEL_M, stampToMs } from "./facts.ts";
import type { GeneratedFile } from "./generate.ts";
import { type ImageFacts, imageXml } from "./image_xml.ts";
import { atlasesOf } from "./listing_atlases.ts";
import {
  ATLAS_FILE,
  IN_SQUARE,
  type ListingOptions,
  type Project,
  projectsOf,
  SESSION_DM,
  SQUARE_DM,
} from "./listing_projects.ts";
import { Seeded } from "./seeded.ts";
import { defocusOf, sessionXml } from "./session_xml.ts";
import { squareXml } from "./square_xml.ts";

const STAMP = /(\d{8}_\d{6})\.\w+$/;

/**
 * A file for every path of a listing, in its order: xml and `.dm` with made-up content that fits the names
 * (squares, holes, areas, times, EPU's own ledger), anything else of no bytes.
 */
export function* filesFromListing(
  paths: readonly string[],
  options: ListingOptions,
): Generator<GeneratedFile> {
  const projects = projectsOf(paths, options);
  const atlases = atlasesOf(paths, projects, options);
  const utf8 = new TextEncoder();
  for (const path of paths) {
    const { text, atMs } = contentOf(path, projects, atlases, options);
    yield { path, bytes: utf8.encode(text), atMs };
  }
}

function contentOf(
  path: string,
  projects: ReadonlyMap<string, Project>,
  atlases: ReadonlyMap<string, Atlas>,
  options: ListingOptions,
): { text: string; atMs: number } {
  const stamp = STAMP.exec(path)?.[1];
  const atMs = stamp === undefined ? 0 : stampToMs(stamp, 0);
  const sessionOf = SESSION_DM.exec(path);
  if (sessionOf !== null) {
    const { session } = projects.get(sessionOf[1]!)!;
    return { text: sessionXml(session), atMs: session.startedAtMs };
  }
  const metadata = SQUARE_DM.exec(path);
  if (metadata !== null) {
    const { session, squares } = projects.get(metadata[1]!)!;
    const square = squares.get(Number(metadata[2]))!;
    return {
      text: squareXml(session, square),
      atMs: square.visit?.endedAtMs ?? session.startedAtMs,
    };
  }
  const inAtlas = ATLAS_FILE.exec(path);
  if (inAtlas?.[2] === "Atlas.dm") {
    const atlas = atlases.get(inAtlas[1]!)!;
    return { text: atlasXml(atlas), atMs: atlas.acquiredAtMs };
  }
  if (path.endsWith(".dm")) return { text: '<Unknown xmlns="urn:made-up"/>', atMs };
  if (!path.endsWith(".xml")) return { text: "", atMs };
  const folder = IN_SQUARE.exec(path);
  const hole = folder === null ? null : holeOf(projects, folder);
  const when = inAtlas === null ? atMs : atlases.get(inAtlas[1]!)?.acquiredAtMs ?? 0;
  return { text: imageXml(imageOf(path, when, hole, options)), atMs: when };
}

function holeOf(projects: ReadonlyMap<string, Project>, folder: RegExpExecArray): Hole | null {
  const id = Number(/^(?:Data|FoilHoles)\/FoilHole_(\d+)_/.exec(folder[3]!)?.[1]);
  const square = projects.get(folder[1]!)?.squares.get(Number(folder[2]));
  return square?.visit?.holes.find((one) => one.id === id) ?? null;
}

function imageOf(
  path: string,
  atMs: number,
  hole: Hole | null,
  { seed, version }: ListingOptions,
): ImageFacts {
  const stem = path.slice(path.lastIndexOf("/") + 1, -".xml".length);
  const isMicrograph = /_Data_/.test(stem);
  const isHole = !isMicrograph && stem.startsWith("FoilHole_");
  const random = new Seeded(seed, "listed", path);
  const defocusM = isMicrograph ? defocusOf(Math.max(0, hole?.order ?? 0)) : -5e-5;
  return {
    stem: path,
    seed: String(seed),
    atMs,
    zoneOffsetMin: 0,
    version,
    instrument: "SIMULATED-KRIOS",
    magnification: isMicrograph ? 165_000 : isHole ? 11_500 : 470,
    pixelM: isMicrograph ? 1.0558814239614023e-10 : isHole ? 1.6359e-9 : SQUARE_PIXEL_M,
    exposureS: isMicrograph ? 0.89 : 1,
    appliedDefocusM: defocusM,
    lensDefocusM: defocusM + 2e-6,
    stageM: hole?.stageM ?? { x: 0, y: 0 },
    beamShift: { x: 0, y: 0 },
    dose: isMicrograph ? 1.42e21 : 3e16,
    fractions: isMicrograph ? 50 : null,
    ...(isHole
      ? {
        found: {
          centerPx: { x: 1440 + 100 * random.normal(), y: 1023 + 100 * random.normal() },
          sizePx: 747,
          quality: random.between(0.4, 0.95),
          rotationRad: -3.08,
        },
      }
      : {}),
  };
}
