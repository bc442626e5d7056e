import {
  type AtlasNode,
  type Exposure,
  type Hole,
  READOUT,
  type Session,
  type Square,
  SQUARE_PIXEL_M,
  type Visit,
} from "./facts.ts";
import { clustersOf, type LatticePlace, round, SQUARE_ROTATION_RAD, turn } from "./hole_lattice.ts";
import type { Plan } from "./plan.ts";
import { Seeded } from "./seeded.ts";

const HOLE_ID_STEP = 3;
const LEDGER_ID_STEP = 2;

interface Arrival {
  /** Of this square among those visited. */
  readonly order: number;
  readonly atMs: number;
  readonly exposuresMax: number;
  /** Of the first square that is visited. */
  readonly firstHoleId: number;
  readonly firstLedgerId: number;
}

/** What happened to one hole: when EPU looked for its centre, when it exposed it. */
interface Seen {
  readonly imagedAtMs: readonly number[];
  readonly exposures: readonly Exposure[];
}

/** Goes to one square: what is on it, and when what happens there. */
export function visitSquare(
  plan: Plan,
  session: Session,
  lattice: readonly LatticePlace[],
  node: AtlasNode,
  arrival: Arrival,
): { square: Square; visit: Visit; exposures: number } {
  const random = new Seeded(plan.seed, "square", node.squareId);
  const imagedAtMs = [arrival.atMs];
  // Now and then EPU takes the square's image anew.
  if (random.chance(1 / 12)) imagedAtMs.push(arrival.atMs + 60_000);
  const holesFoundAtMs = imagedAtMs.at(-1)! + 20_000;
  const clusters = clustersOf(lattice);
  const { seen, endedAtMs, exposures } = expose(plan, session, lattice, clusters, {
    ...arrival,
    atMs: holesFoundAtMs + 15_000,
    random,
  });
  const spacingPx = round(lattice[0]!.spacingPx, 4);
  const visit: Visit = {
    order: arrival.order,
    imagedAtMs,
    holesFoundAtMs,
    endedAtMs,
    spacingPx,
    diameterPx: round(spacingPx * 0.513, 4),
    holes: holesOf(plan, lattice, clusters, node, { ...arrival, random, seen }),
    clusters,
  };
  return {
    square: { id: node.squareId, stageM: node.stageM, rotationRad: SQUARE_ROTATION_RAD, visit },
    visit,
    exposures,
  };
}

function expose(
  plan: Plan,
  session: Session,
  lattice: readonly LatticePlace[],
  clusters: readonly (readonly number[])[],
  { order, atMs, exposuresMax, firstLedgerId, random }: Arrival & { random: Seeded },
): { seen: Map<number, Seen>; endedAtMs: number; exposures: number } {
  const firstId = firstLedgerId + order * lattice.length * plan.areas * LEDGER_ID_STEP;
  const seen = new Map<number, Seen>();
  let nowMs = atMs;
  let count = 0;
  for (const cluster of clusters) {
    if (count >= exposuresMax) break;
    nowMs += random.between(9_000, 16_000);
    const images: number[] = [];
    // EPU looks again until it is content with the hole's place.
    for (let looks = 1 + (random.chance(0.9) ? 1 : 0) + random.below(2); looks > 0; looks--) {
      images.push(Math.round(nowMs));
      nowMs += 9_000;
    }
    for (const place of cluster) {
      const exposures: Exposure[] = [];
      for (const [turn, area] of session.areas.entries()) {
        if (count >= exposuresMax) break;
        nowMs += plan.intervalMs * random.between(0.94, 1.06);
        exposures.push({
          area,
          atMs: Math.round(nowMs),
          ledgerId: firstId + LEDGER_ID_STEP * (place * plan.areas + turn),
          k: plan.clustering ? lattice[place]!.k : area.settingId,
        });
        count++;
      }
      if (exposures.length === 0) break;
      seen.set(place, { imagedAtMs: place === cluster[0] ? images : [], exposures });
    }
  }
  return { seen, endedAtMs: Math.round(nowMs) + 8_000, exposures: count };
}

function holesOf(
  plan: Plan,
  lattice: readonly LatticePlace[],
  clusters: readonly (readonly number[])[],
  node: AtlasNode,
  { order, firstHoleId, random, seen }: Arrival & {
    random: Seeded;
    seen: ReadonlyMap<number, Seen>;
  },
): Hole[] {
  const idOf = (place: number) =>
    firstHoleId + HOLE_ID_STEP * (order * plan.holesPerSquare + place);
  const orders = new Map(clusters.flat().map((place, i) => [place, i]));
  const primaries = new Map(clusters.flatMap((all) => all.map((place) => [place, all[0]!])));
  const ice = random.between(0.75, 1.1);
  return lattice.map((place, i): Hole => {
    const turned = turn(place.offset, SQUARE_ROTATION_RAD);
    const center = {
      x: round(READOUT.width / 2 + turned.x + random.between(-2, 2), 1),
      y: round(READOUT.height / 2 + turned.y + random.between(-2, 2), 1),
    };
    const bar = place.isNearGridBar;
    const mean = 720 * ice * (1 - 0.08 * Math.hypot(turned.x, turned.y) / 1000) +
      14 * random.normal();
    const primary = primaries.get(i);
    return {
      id: idOf(i),
      centerPx: center,
      stageM: {
        x: node.stageM.x + (center.x - READOUT.width / 2) * SQUARE_PIXEL_M,
        y: node.stageM.y + (center.y - READOUT.height / 2) * SQUARE_PIXEL_M,
      },
      isNearGridBar: bar,
      isSelected: place.isSelected,
      order: orders.get(i) ?? -1,
      intensityMean: bar ? mean * 0.7 : mean,
      intensitySd: Math.abs(27 + 6 * random.normal()) * (bar ? 3 : 1),
      primaryId: primary === undefined ? null : idOf(primary),
      k: place.k,
      imagedAtMs: seen.get(i)?.imagedAtMs ?? [],
      exposures: seen.get(i)?.exposures ?? [],
    };
  });
}
