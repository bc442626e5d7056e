import { atlasXml } from "./atlas_xml.ts";
import {
  type Atlas,
  type Exposure,
  type Hole,
  holeStem,
  micrographStem,
  READOUT,
  type Session,
  type Square,
  SQUARE_PIXEL_M,
  squareFolder,
  squareStem,
  type Visit,
} from "./facts.ts";
import { type ImageFacts, imageXml } from "./image_xml.ts";
import type { Invention } from "./invent.ts";
import {
  atlasPicture,
  holePicture,
  micrographPicture,
  squarePicture,
  tilePictures,
} from "./pictures.ts";
import { Seeded } from "./seeded.ts";
import { defocusOf, sessionXml } from "./session_xml.ts";
import { squareXml } from "./square_xml.ts";

/** One time EPU writes one file, whole and in place. */
export interface PlannedWrite {
  /** Relative, with forward slashes. */
  readonly path: string;
  readonly atMs: number;
  /** Nothing writes this path again. */
  readonly isLast: boolean;
  /** Made when called, so that a long session can be walked without writing it. */
  render(): Uint8Array;
}

export interface TimelineOptions {
  readonly previews: "none" | "empty" | "pictures";
  /** 0..1: micrographs whose xml comes 20 to 120 s late. */
  readonly lateShare: number;
}

const utf8 = new TextEncoder();
const EMPTY = new Uint8Array(0);

/**
 * Everything EPU writes in a session, in the order of time: the atlas, the session with a short file for
 * every square, then square by square its image, its holes, and exposure by exposure xml before jpg; the
 * square's `.dm` anew after each hole, the session's anew at each square.
 */
export function* timeline(
  { session, atlas, projectFolder, atlasFolder, unvisited, visited }: Invention,
  options: TimelineOptions,
): Generator<PlannedWrite> {
  yield* atlasWrites(atlas, atlasFolder, options);
  const metadata = (squareId: number) => `${projectFolder}/Metadata/GridSquare_${squareId}.dm`;
  const short = (square: Square, atMs: number, isLast: boolean): PlannedWrite => ({
    path: metadata(square.id),
    atMs,
    isLast,
    render: () => utf8.encode(squareXml(session, square, atMs)),
  });
  const sessionWrite = (atMs: number, isLast: boolean): PlannedWrite => ({
    path: `${projectFolder}/EpuSession.dm`,
    atMs,
    isLast,
    render: () => utf8.encode(sessionXml(session)),
  });
  yield sessionWrite(session.startedAtMs, false);
  const known = new Set(unvisited.map(({ id }) => id));
  const atMs = session.startedAtMs + 1000;
  for (const square of unvisited) yield short(square, atMs, true);
  for (const { squareId, stageM } of atlas.nodes) {
    if (known.has(squareId)) continue;
    yield short({ id: squareId, stageM, rotationRad: 0, visit: null }, atMs, false);
  }
  let pending: PlannedWrite[] = [];
  let endedAtMs = atMs;
  for (const square of visited()) {
    const { visit } = square;
    if (visit === null) continue;
    const startMs = visit.imagedAtMs[0] ?? visit.holesFoundAtMs;
    const ready = pending.filter((write) => write.atMs < startMs);
    pending = pending.filter((write) => write.atMs >= startMs);
    yield* ready;
    const own = [
      sessionWrite(startMs - 1500, false),
      ...squareWrites(session, square, visit, projectFolder, options),
    ];
    pending = [...pending, ...own].sort((a, b) => a.atMs - b.atMs);
    endedAtMs = visit.endedAtMs;
  }
  yield* [...pending, sessionWrite(endedAtMs + 2000, true)].sort((a, b) => a.atMs - b.atMs);
}

function* atlasWrites(atlas: Atlas, folder: string, options: TimelineOptions) {
  const base = imageBase(atlas.seed, atlas);
  const each = Math.max(1, Math.floor(2_000_000 / Math.max(1, atlas.tiles.length)));
  const begunMs = atlas.acquiredAtMs - 2_000_000;
  const overview = { ...base, magnification: 135, pixelM: 1.4e-7 };
  let pictureOf: ((index: number) => Uint8Array) | null = null;
  for (const [index, tile] of atlas.tiles.entries()) {
    const stem = `Tile_${tile.id}_${index}_${atlas.imageId}`;
    const atMs = begunMs + index * each;
    yield* imageWrites({ ...overview, stem, atMs }, folder, options, () => {
      pictureOf ??= tilePictures(atlas);
      return pictureOf(index);
    });
  }
  const stem = `Atlas_${atlas.imageId}`;
  yield* imageWrites(
    { ...overview, stem, atMs: atlas.acquiredAtMs },
    folder,
    options,
    () => atlasPicture(atlas),
  );
  yield {
    path: `${folder}/Atlas.dm`,
    atMs: atlas.acquiredAtMs + 5000,
    isLast: true,
    render: () => utf8.encode(atlasXml(atlas)),
  };
}

function squareWrites(
  session: Session,
  square: Square,
  visit: Visit,
  projectFolder: string,
  options: TimelineOptions,
): PlannedWrite[] {
  const folder = `${projectFolder}/${squareFolder(square.id)}`;
  const writes: PlannedWrite[] = [];
  const metadata = (atMs: number, isLast = false) =>
    writes.push({
      path: `${projectFolder}/Metadata/GridSquare_${square.id}.dm`,
      atMs,
      isLast,
      render: () => utf8.encode(squareXml(session, square, isLast ? Infinity : atMs)),
    });
  const base = imageBase(session.seed, session);
  for (const atMs of visit.imagedAtMs) {
    const stem = squareStem(atMs, session.zoneOffsetMin);
    const facts = {
      ...base,
      stem,
      atMs,
      magnification: 470,
      pixelM: SQUARE_PIXEL_M,
      appliedDefocusM: -5e-5,
      lensDefocusM: -5.0000001e-5,
      stageM: square.stageM,
    };
    const picture = () => squarePicture(session.seed, stem, visit, square.rotationRad);
    writes.push(...imageWrites(facts, folder, options, picture));
  }
  metadata(visit.holesFoundAtMs);
  for (const cluster of visit.clusters) {
    for (const place of cluster) {
      const hole = visit.holes[place]!;
      for (const atMs of hole.imagedAtMs) {
        writes.push(...holeImage(session, hole, atMs, `${folder}/FoilHoles`, options));
      }
      const center = visit.holes[cluster[0]!]!;
      for (const exposure of hole.exposures) {
        writes.push(
          ...micrograph(session, { hole, center, exposure }, `${folder}/Data`, options),
        );
      }
      const last = hole.exposures.at(-1)?.atMs;
      if (last !== undefined) metadata(last + 2500);
    }
  }
  metadata(visit.endedAtMs, true);
  return writes;
}

function holeImage(
  session: Session,
  hole: Hole,
  atMs: number,
  folder: string,
  options: TimelineOptions,
): PlannedWrite[] {
  const stem = holeStem(hole.id, atMs, session.zoneOffsetMin);
  const random = new Seeded(session.seed, "hole image", stem);
  const found = {
    centerPx: {
      x: READOUT.width / 2 + 150 * random.normal(),
      y: READOUT.height / 2 + 110 * random.normal(),
    },
    sizePx: 1303 + 12 * random.normal(),
    quality: Math.min(1, Math.max(0, 0.75 + 0.12 * random.normal())),
    rotationRad: -3.08 + 0.01 * random.normal(),
  };
  const facts: ImageFacts = {
    ...imageBase(session.seed, session),
    stem,
    atMs,
    magnification: 11_500,
    pixelM: 1.6359e-9,
    appliedDefocusM: -2e-5,
    lensDefocusM: -1.86e-5,
    stageM: hole.stageM,
    dose: 8.6e19,
    // Now and then EPU finds no centre, and says nothing.
    ...(random.chance(0.04) ? {} : { found }),
  };
  return imageWrites(facts, folder, options, () => holePicture(session.seed, stem, found));
}

function micrograph(
  session: Session,
  { hole, center, exposure }: { hole: Hole; center: Hole; exposure: Exposure },
  folder: string,
  options: TimelineOptions,
): PlannedWrite[] {
  const stem = micrographStem(hole.id, exposure, session.zoneOffsetMin);
  // By numbers, not by the name, whose date would make another session of the same plan at another time.
  const random = new Seeded(session.seed, "exposure", hole.id, exposure.area.id);
  const defocusM = defocusOf(Math.max(0, hole.order));
  const facts: ImageFacts = {
    ...imageBase(session.seed, session),
    stem,
    atMs: exposure.atMs,
    magnification: 165_000,
    pixelM: 1.0558814239614023e-10,
    exposureS: exposure.area.exposureS,
    appliedDefocusM: defocusM,
    lensDefocusM: 2e-6 + defocusM + 4e-7 * random.normal(),
    stageM: center.stageM,
    beamShift: {
      x: (hole.stageM.x - center.stageM.x) * 1e5,
      y: (hole.stageM.y - center.stageM.y) * 1e5,
    },
    dose: 1.42e21 * random.between(0.98, 1.02),
    fractions: 50,
  };
  const lateMs = random.chance(options.lateShare) ? random.between(20_000, 120_000) : 0;
  const look = { defocusM, intensity: hole.intensityMean };
  return imageWrites(
    facts,
    folder,
    options,
    () => micrographPicture(session.seed, stem, look),
    Math.round(lateMs),
  );
}

/** The xml a second after the image was taken, its jpg a little later. */
function imageWrites(
  facts: ImageFacts,
  folder: string,
  { previews }: TimelineOptions,
  picture: () => Uint8Array,
  lateMs = 0,
): PlannedWrite[] {
  const xml: PlannedWrite = {
    path: `${folder}/${facts.stem}.xml`,
    atMs: facts.atMs + 1000 + lateMs,
    isLast: true,
    render: () => utf8.encode(imageXml(facts)),
  };
  if (previews === "none") return [xml];
  return [xml, {
    path: `${folder}/${facts.stem}.jpg`,
    atMs: xml.atMs + 600,
    isLast: true,
    render: previews === "empty" ? () => EMPTY : picture,
  }];
}

function imageBase(
  seed: string,
  { zoneOffsetMin, version, instrument = "SIMULATED-KRIOS" }: {
    zoneOffsetMin: number;
    version: string;
    instrument?: string;
  },
): Omit<ImageFacts, "stem" | "atMs"> {
  return {
    seed,
    zoneOffsetMin,
    version,
    instrument,
    magnification: 0,
    pixelM: 0,
    exposureS: 1,
    appliedDefocusM: 0,
    lensDefocusM: 0,
    stageM: { x: 0, y: 0 },
    beamShift: { x: 0, y: 0 },
    dose: 3e16,
    fractions: null,
  };
}
