import { tilesOf } from "./atlas_xml.ts";
import type { Area, Atlas, AtlasNode, Point, Session, Square, Tile } from "./facts.ts";
import { nameStamp } from "./facts.ts";
import { holeLattice, round, SQUARE_ROTATION_RAD, turn } from "./hole_lattice.ts";
import type { Plan } from "./plan.ts";
import { Seeded } from "./seeded.ts";
import { visitSquare } from "./visit.ts";

/** A session on paper: its squares come one by one, in the order in which EPU goes to them. */
export interface Invention {
  readonly session: Session;
  readonly atlas: Atlas;
  /** Below the folder that holds the project and the atlas. */
  readonly projectFolder: string;
  readonly atlasFolder: string;
  /** Squares of the grid that EPU does not visit. */
  readonly unvisited: readonly Square[];
  /** Computed as they are asked for, so that fifty thousand micrographs need no memory. */
  visited(): Iterable<Square>;
}

const ATLAS_PX = 4000;
const TILE_COLUMNS = 5;
const TILE_ROWS = 7;
/** Leaves numbers for the links of a square to the tiles on which it lies, four at most. */
const SQUARE_ID_STEP = 6;

/** @throws {RangeError} when the grid has too few squares for the micrographs asked for. */
export function invent(plan: Plan): Invention {
  const lattice = holeLattice(plan);
  const exposed = Math.ceil(plan.micrographs / plan.areas);
  const inSquare = lattice.filter(({ isSelected }) => isSelected).length;
  if (exposed > 0 && inSquare === 0) {
    throw new RangeError(
      `Cannot plan a session: none of ${plan.holesPerSquare} holes per square would be exposed`,
    );
  }
  const visitedCount = exposed === 0 ? 0 : Math.ceil(exposed / inSquare);
  const count = plan.squares ?? Math.max(220, Math.ceil(visitedCount * 1.25));
  if (visitedCount > count) {
    throw new RangeError(
      `Cannot plan a session: ${plan.micrographs} micrographs need ${visitedCount} squares of ` +
        `${plan.holesPerSquare} holes, and the grid has ${count}`,
    );
  }
  const baseId = 2_000_000 + (plan.seed % 1000) * 1000;
  const random = new Seeded(plan.seed, "grid");
  const squareIds = Array.from({ length: count }, (_, i) => baseId + 10_000 + SQUARE_ID_STEP * i);
  const nodes = gridNodes(plan.seed, squareIds);
  const order = random.shuffled(nodes.map((_, i) => i)).sort((a, b) =>
    Number((nodes[b]!.category ?? 0) > 0) - Number((nodes[a]!.category ?? 0) > 0)
  );
  const { session, atlas, projectFolder, atlasFolder } = frame(plan, nodes, baseId);
  const chosen = order.slice(0, visitedCount).map((i) => nodes[i]!);
  const chosenIds = new Set(chosen.map(({ squareId }) => squareId));
  return {
    session,
    atlas,
    projectFolder,
    atlasFolder,
    unvisited: nodes.filter(({ squareId }) => !chosenIds.has(squareId)).map((node) => ({
      id: node.squareId,
      stageM: node.stageM,
      rotationRad: SQUARE_ROTATION_RAD,
      visit: null,
    })),
    *visited() {
      let atMs = plan.startAtMs + 120_000;
      let left = plan.micrographs;
      for (const [index, node] of chosen.entries()) {
        const { square, visit, exposures } = visitSquare(plan, session, lattice, node, {
          order: index,
          atMs,
          exposuresMax: left,
          firstHoleId: baseId + 100_000,
          firstLedgerId: baseId + 100_000_000,
        });
        left -= exposures;
        atMs = visit.endedAtMs + 30_000;
        yield square;
      }
    },
  };
}

function frame(plan: Plan, nodes: readonly AtlasNode[], baseId: number) {
  const zone = plan.zoneOffsetMin;
  const slot = 1 + plan.seed % 12;
  const storagePath = `Z:\\${plan.visit}`;
  const atlasAtMs = plan.startAtMs - 3_600_000;
  const projectFolder = `Supervisor_${nameStamp(plan.startAtMs, zone)}_${plan.visit}_grid${slot}`;
  const atlasRoot = `Supervisor_${nameStamp(atlasAtMs, zone)}_${plan.visit}_atlas`;
  const atlasFolder = `atlas/${atlasRoot}/Sample${slot}/Atlas`;
  const epuId = baseId + 1;
  const session: Session = {
    epuId,
    name: projectFolder,
    version: plan.version,
    startedAtMs: plan.startAtMs,
    zoneOffsetMin: zone,
    storagePath,
    atlasPath: `${storagePath}\\${atlasFolder.replaceAll("/", "\\")}\\Atlas.dm`,
    isClustered: plan.clustering,
    clusteringRadiusM: plan.clustering ? 1.2e-5 : 0,
    areas: areasOf(plan, baseId + 100),
    squareIds: nodes.map(({ squareId }) => squareId),
    autoloaderSlot: slot - 1,
    instrument: "SIMULATED-KRIOS",
    seed: String(plan.seed),
  };
  const atlas: Atlas = {
    epuId: baseId + 500,
    imageId: baseId + 501,
    acquiredAtMs: atlasAtMs,
    zoneOffsetMin: zone,
    storageFolder: `${storagePath}\\atlas\\${atlasRoot}\\Sample${slot}`,
    slot,
    version: plan.version,
    tiles: tilesOfAtlas(baseId + 600, nodes),
    nodes,
    seed: String(plan.seed),
  };
  return { session, atlas, projectFolder, atlasFolder };
}

function areasOf({ areas }: Plan, firstId: number): Area[] {
  return Array.from({ length: areas }, (_, i) => {
    const angle = 2 * Math.PI * i / areas;
    return {
      id: firstId + 9 * i,
      settingId: firstId + 9 * i + 2,
      shiftPx: { x: Math.round(340 * Math.cos(angle)), y: Math.round(340 * Math.sin(angle)) },
      exposureS: 0.89,
    };
  });
}

/** A raster of tiles that overlap a little; EPU takes those only where the grid is. */
function tilesOfAtlas(firstId: number, nodes: readonly AtlasNode[]): Tile[] {
  const width = 833;
  const height = 592;
  const across = (ATLAS_PX - width) / (TILE_COLUMNS - 1);
  const down = (ATLAS_PX - height) / (TILE_ROWS - 1);
  const all = Array.from({ length: TILE_COLUMNS * TILE_ROWS }, (_, i) => ({
    id: firstId + 10 * i,
    x: Math.round((i % TILE_COLUMNS) * across),
    y: Math.round(Math.floor(i / TILE_COLUMNS) * down),
    width,
    height,
  }));
  const taken = new Set(nodes.map((node) => tilesOf(node, all)[0]?.id));
  return all.filter(({ id }) => taken.has(id));
}

/** Squares on a turned raster, those nearest to the middle of the atlas. */
export function gridNodes(seed: string | number, squareIds: readonly number[]): AtlasNode[] {
  const count = squareIds.length;
  const random = new Seeded(seed, "atlas");
  const rotationRad = 0.2;
  const cells = Math.ceil(Math.sqrt(count / Math.PI)) + 2;
  const places: Point[] = [];
  for (let row = -cells; row <= cells; row++) {
    for (let column = -cells; column <= cells; column++) places.push({ x: column, y: row });
  }
  places.sort((a, b) => a.x ** 2 + a.y ** 2 - b.x ** 2 - b.y ** 2 || a.y - b.y || a.x - b.x);
  const chosen = places.slice(0, count);
  const far = Math.max(1, ...chosen.map(({ x, y }) => Math.hypot(x, y)));
  const pitch = Math.min(230, (ATLAS_PX / 2 - 120) / far);
  return chosen.map(({ x, y }, i) => {
    const turned = turn({ x: x * pitch, y: y * pitch }, rotationRad);
    const side = pitch * random.between(0.62, 0.74);
    const center = {
      x: round(ATLAS_PX / 2 + turned.x + random.between(-3, 3), 3),
      y: round(ATLAS_PX / 2 + turned.y + random.between(-3, 3), 3),
    };
    return {
      squareId: squareIds[i]!,
      centerPx: center,
      sizePx: { x: round(side, 3), y: round(side * random.between(0.92, 1.05), 3) },
      rotationRad,
      category: random.chance(0.06) ? null : random.below(5),
      stageM: { x: (center.x - 2000) * 3.4e-7, y: (center.y - 2000) * 3.4e-7 },
    };
  });
}
