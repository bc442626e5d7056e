import { type Point, READOUT } from "./facts.ts";
import type { Plan } from "./plan.ts";
import { Seeded } from "./seeded.ts";

export const SQUARE_ROTATION_RAD = -0.4;
/** Holes along a cluster's side, about the reach of beam shift. */
const CLUSTER_SIDE = 5;

export interface LatticePlace {
  readonly offset: Point;
  readonly isNearGridBar: boolean;
  readonly isSelected: boolean;
  /** Cluster to which it belongs, and its number there; 0 is the centre. */
  readonly cluster: number;
  readonly k: number;
  readonly spacingPx: number;
}

/** Where holes lie on every square of this plan: rows and columns, the outer ring near the grid's bars. */
export function holeLattice(
  { holesPerSquare, clustering, seed }: Pick<Plan, "holesPerSquare" | "clustering" | "seed">,
): LatticePlace[] {
  const side = Math.ceil(Math.sqrt(holesPerSquare));
  const turnedWidth = Math.abs(Math.cos(SQUARE_ROTATION_RAD)) +
    Math.abs(Math.sin(SQUARE_ROTATION_RAD));
  const spacingPx = Math.min(100, (READOUT.height - 60) / (side * turnedWidth));
  const random = new Seeded(seed, "lattice");
  const places: Omit<LatticePlace, "cluster" | "k">[] = [];
  const blocks: number[] = [];
  const perRow = Math.ceil(side / CLUSTER_SIDE);
  for (let i = 0; i < holesPerSquare; i++) {
    const column = i % side;
    const row = Math.floor(i / side);
    const isNearGridBar = side > 4 &&
      (column === 0 || row === 0 || column === side - 1 || row === side - 1);
    places.push({
      offset: { x: (column - (side - 1) / 2) * spacingPx, y: (row - (side - 1) / 2) * spacingPx },
      isNearGridBar,
      isSelected: !isNearGridBar && (holesPerSquare < 20 || !random.chance(0.1)),
      spacingPx,
    });
    blocks.push(
      clustering ? Math.floor(row / CLUSTER_SIDE) * perRow + Math.floor(column / CLUSTER_SIDE) : i,
    );
  }
  const centers = clusterCenters(places, blocks);
  const counts = new Map<number, number>();
  return places.map((place, i) => {
    const cluster = blocks[i]!;
    if (!place.isSelected || centers.get(cluster) === i) return { ...place, cluster, k: 0 };
    const k = (counts.get(cluster) ?? 0) + 1;
    counts.set(cluster, k);
    return { ...place, cluster, k };
  });
}

/** Of each cluster, the selected hole nearest to its middle. */
function clusterCenters(
  places: readonly { offset: Point; isSelected: boolean }[],
  blocks: readonly number[],
): Map<number, number> {
  const members = Map.groupBy(
    places.map((_, i) => i).filter((i) => places[i]!.isSelected),
    (i) => blocks[i]!,
  );
  return new Map([...members].map(([block, indexes]) => {
    const middle = {
      x: indexes.reduce((sum, i) => sum + places[i]!.offset.x, 0) / indexes.length,
      y: indexes.reduce((sum, i) => sum + places[i]!.offset.y, 0) / indexes.length,
    };
    const away = (i: number) =>
      Math.hypot(places[i]!.offset.x - middle.x, places[i]!.offset.y - middle.y);
    return [block, indexes.reduce((best, i) => away(i) < away(best) ? i : best)];
  }));
}

/** Selected holes by cluster, its centre first. */
export function clustersOf(lattice: readonly LatticePlace[]): number[][] {
  const selected = lattice.map((_, i) => i).filter((i) => lattice[i]!.isSelected);
  const groups = Map.groupBy(selected, (i) => lattice[i]!.cluster);
  return [...groups.values()].map((members) =>
    members.sort((a, b) => lattice[a]!.k - lattice[b]!.k)
  );
}

export function turn({ x, y }: Point, angleRad: number): Point {
  const cos = Math.cos(angleRad);
  const sin = Math.sin(angleRad);
  return { x: x * cos - y * sin, y: x * sin + y * cos };
}

export function round(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
