import {
  type Area,
  type Exposure,
  type Hole,
  READOUT,
  type Session,
  type Square,
  SQUARE_PIXEL_M,
  stampToMs,
} from "./facts.ts";
import { holeLattice, SQUARE_ROTATION_RAD, turn } from "./hole_lattice.ts";
import { Seeded } from "./seeded.ts";

/** What the names in a listing tell of the files. */
export const SQUARE_DM = /^(.*?)\/?Metadata\/GridSquare_(\d+)\.dm$/;
export const SESSION_DM = /^(.*?)\/?EpuSession\.dm$/;
export const ATLAS_FILE =
  /^(.*\/Atlas|Atlas)\/(Atlas\.dm|Atlas_(\d+)\.\w+|Tile_(\d+)_(\d+)_(\d+)\.\w+)$/;
export const IN_SQUARE = /^(.*?)\/?Images-Disc\d+\/GridSquare_(\d+)\/(.*)$/;
const HOLE_NAME = /^FoilHoles\/FoilHole_(\d+)_(\d{8}_\d{6})\.xml$/;
const MICROGRAPH_NAME = /^Data\/FoilHole_(\d+)_Data_(\d+)_(\d+)_(\d{8}_\d{4,6})\.xml$/;

export interface ListingOptions {
  readonly seed: number;
  /** EPU's name of the folder above the projects, e.g. `Z:\bi00000-1`. */
  readonly storagePath: string;
  readonly version: string;
}

export interface Project {
  readonly session: Session;
  readonly squares: ReadonlyMap<number, Square>;
}

interface HoleNames {
  readonly imagedAtMs: number[];
  readonly exposures: { areaId: number; k: number; atMs: number }[];
}

/** Sessions, squares and holes by the project's folder, as far as the names tell. */
export function projectsOf(
  paths: readonly string[],
  options: ListingOptions,
): Map<string, Project> {
  const names = new Map<string, { ids: Set<number>; seen: Map<number, Map<number, HoleNames>> }>();
  const images = new Map<number, number[]>();
  const of = (folder: string) => {
    const known = names.get(folder) ?? { ids: new Set(), seen: new Map() };
    names.set(folder, known);
    return known;
  };
  for (const path of paths) {
    const session = SESSION_DM.exec(path);
    if (session !== null) of(session[1]!);
    const metadata = SQUARE_DM.exec(path);
    if (metadata !== null) of(metadata[1]!).ids.add(Number(metadata[2]));
    const folder = IN_SQUARE.exec(path);
    if (folder === null) continue;
    const squareId = Number(folder[2]);
    const project = of(folder[1]!);
    project.ids.add(squareId);
    const holes = project.seen.get(squareId) ?? new Map<number, HoleNames>();
    project.seen.set(squareId, holes);
    noteImage(folder[3]!, holes, squareId, images);
  }
  return new Map([...names].map(([folder, { ids, seen }]) => {
    const session = sessionOf(folder, [...ids].sort((a, b) => a - b), seen, options);
    const squares = [...ids].map((id): [number, Square] => [
      id,
      squareOf(id, session, seen.get(id) ?? null, images.get(id) ?? [], [...seen.keys()], options),
    ]);
    return [folder, { session, squares: new Map(squares) }];
  }));
}

/** Takes the hole, area and time from one name in a square's folder. */
function noteImage(
  name: string,
  holes: Map<number, HoleNames>,
  squareId: number,
  images: Map<number, number[]>,
): void {
  const ofHole = (id: number) => {
    const known = holes.get(id) ?? { imagedAtMs: [], exposures: [] };
    holes.set(id, known);
    return known;
  };
  const image = HOLE_NAME.exec(name);
  const exposure = MICROGRAPH_NAME.exec(name);
  const square = /^GridSquare_(\d{8}_\d{6})\.xml$/.exec(name);
  if (image !== null) ofHole(Number(image[1])).imagedAtMs.push(stampToMs(image[2]!, 0));
  if (exposure !== null) {
    ofHole(Number(exposure[1])).exposures.push({
      areaId: Number(exposure[2]),
      k: Number(exposure[3]),
      atMs: stampToMs(exposure[4]!, 0),
    });
  }
  if (square !== null) {
    images.set(squareId, [...images.get(squareId) ?? [], stampToMs(square[1]!, 0)]);
  }
}

function sessionOf(
  folder: string,
  squareIds: readonly number[],
  seen: ReadonlyMap<number, ReadonlyMap<number, HoleNames>>,
  { seed, storagePath, version }: ListingOptions,
): Session {
  const exposures = [...seen.values()].flatMap((holes) =>
    [...holes.values()].flatMap((hole) => hole.exposures)
  );
  const settings = new Map(exposures.map(({ areaId, k }) => [areaId, k]));
  const isClustered = exposures.some(({ areaId, k }) => k !== settings.get(areaId));
  const areas = [...settings.keys()].sort((a, b) => a - b).map((id): Area => ({
    id,
    settingId: isClustered ? id + 2 : settings.get(id)!,
    shiftPx: { x: 0, y: 0 },
    exposureS: 0.89,
  }));
  const name = folder.slice(folder.lastIndexOf("/") + 1) || "project";
  const stamp = /(\d{8}_\d{6})/.exec(name)?.[1];
  const firstMs = least(exposures.map(({ atMs }) => atMs));
  return {
    epuId: 1_000_000 + new Seeded(seed, folder).below(1_000_000),
    name,
    version,
    startedAtMs: stamp === undefined ? (firstMs === NEVER_MS ? 0 : firstMs) : stampToMs(stamp, 0),
    zoneOffsetMin: 0,
    storagePath,
    atlasPath: "",
    isClustered,
    clusteringRadiusM: isClustered ? 1.2e-5 : 0,
    areas,
    squareIds,
    autoloaderSlot: 0,
    instrument: "SIMULATED-KRIOS",
    seed: String(seed),
  };
}

function squareOf(
  id: number,
  session: Session,
  named: ReadonlyMap<number, HoleNames> | null,
  imagedAtMs: readonly number[],
  visited: readonly number[],
  { seed }: ListingOptions,
): Square {
  const base = { id, stageM: { x: 0, y: 0 }, rotationRad: SQUARE_ROTATION_RAD };
  if (named === null) return { ...base, visit: null };
  const entries = [...named].sort(([a], [b]) => a - b);
  const lattice = holeLattice({
    holesPerSquare: Math.max(1, entries.length),
    clustering: false,
    seed,
  });
  const random = new Seeded(seed, "listed square", id);
  const areas = new Map(session.areas.map((area) => [area.id, area]));
  const holes = entries.map(([holeId, names], i): Hole => {
    const turned = turn(lattice[i]!.offset, SQUARE_ROTATION_RAD);
    const centerPx = {
      x: Math.round(READOUT.width / 2 + turned.x),
      y: Math.round(READOUT.height / 2 + turned.y),
    };
    const exposures = names.exposures.map(({ areaId, k, atMs }, n): Exposure => ({
      area: areas.get(areaId)!,
      k,
      atMs,
      ledgerId: holeId * 20 + n,
    }));
    return {
      id: holeId,
      centerPx,
      stageM: { x: turned.x * SQUARE_PIXEL_M, y: turned.y * SQUARE_PIXEL_M },
      isNearGridBar: false,
      isSelected: exposures.length > 0,
      order: i,
      intensityMean: 700 + 20 * random.normal(),
      intensitySd: random.between(20, 40),
      primaryId: exposures.length === 0 ? null : holeId,
      k: exposures[0]?.k ?? 0,
      imagedAtMs: [...names.imagedAtMs].sort((a, b) => a - b),
      exposures: exposures.sort((a, b) => a.atMs - b.atMs),
    };
  });
  const times = holes.flatMap((hole) => [...hole.imagedAtMs, ...hole.exposures.map((e) => e.atMs)]);
  const firstMs = least([...imagedAtMs, ...times]);
  return {
    ...base,
    visit: {
      order: visited.indexOf(id),
      imagedAtMs: [...imagedAtMs].sort((a, b) => a - b),
      holesFoundAtMs: firstMs === NEVER_MS ? session.startedAtMs : firstMs,
      endedAtMs: times.reduce((a, b) => Math.max(a, b), session.startedAtMs),
      spacingPx: lattice[0]!.spacingPx,
      diameterPx: Math.round(lattice[0]!.spacingPx * 0.513),
      holes,
      clusters: [],
    },
  };
}

const NEVER_MS = 4e12;

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), NEVER_MS);
}
