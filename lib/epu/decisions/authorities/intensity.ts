import {
  byEpuOrder,
  type DecisionAuthority,
  draft,
  openHoles,
  type SnapshotHole,
} from "../authority.ts";
import { Breath } from "../../breath.ts";
import type { ProposalDraft } from "../model.ts";

/** Holes of a square whose CTF must be known before their intensity can say anything. */
const KNOWN_MIN = 8;
/** Width of the neighbourhood, in standard deviations of the known holes. */
const WIDTH = 0.5;

interface Known {
  readonly x: number;
  readonly y: number;
  readonly resolutionA: number;
}

/**
 * Foretells the CTF resolution of holes from their brightness and its spread on the square's image, both a
 * measure of ice thickness, by what holes of the same square with like values gave. Where the known holes
 * cannot foretell each other it says nothing.
 */
export const intensity: DecisionAuthority = {
  name: "intensity",
  version: "1",
  kinds: ["holeOrder"],
  async propose(snapshot, budget) {
    const breath = new Breath();
    const resolution = new Map(
      snapshot.observations.map(({ holeId, values }) => [holeId, values.ctfResolution]),
    );
    const known = Map.groupBy(
      snapshot.holes.filter((hole) => resolution.get(hole.id) !== undefined && measured(hole)),
      ({ squareId }) => squareId,
    );
    const open = Map.groupBy(openHoles(snapshot).filter(measured), ({ squareId }) => squareId);
    const drafts: ProposalDraft[] = [];
    for (const [squareId, holes] of [...open].sort(([a], [b]) => a - b)) {
      await breath.take();
      const own = known.get(squareId) ?? [];
      if (own.length < KNOWN_MIN) continue;
      const scale = scaleOf(own);
      const points = own.map((hole): Known => ({
        ...scale(hole),
        resolutionA: resolution.get(hole.id)!,
      }));
      const skill = skillOf(points);
      if (skill <= 0) continue;
      const foretold = holes.map((hole) => ({
        hole,
        resolutionA: foretell(points, scale(hole)),
      }));
      foretold.sort((a, b) => a.resolutionA - b.resolutionA || byEpuOrder(a.hole, b.hole));
      const targetIds = foretold.map(({ hole }) => hole.id);
      drafts.push(draft(snapshot, budget, {
        kind: "holeOrder",
        squareId,
        targetIds,
        confidence: skill,
        reasons: [
          `${own.length} holes of this square show how intensity and resolution go together`,
          `best expected ${foretold[0]!.resolutionA.toFixed(2)} Å, worst ${
            foretold.at(-1)!.resolutionA.toFixed(2)
          } Å`,
        ],
      }));
    }
    return drafts;
  },
};

function measured({ intensityMean, intensitySd }: SnapshotHole): boolean {
  return intensityMean !== null && intensitySd !== null;
}

/** Brings both intensities to mean 0 and spread 1 over the known holes. */
function scaleOf(holes: readonly SnapshotHole[]) {
  const mean = (of: (hole: SnapshotHole) => number) =>
    holes.reduce((sum, hole) => sum + of(hole), 0) / holes.length;
  const spread = (of: (hole: SnapshotHole) => number, centre: number) =>
    Math.sqrt(mean((hole) => (of(hole) - centre) ** 2)) || 1;
  const x = (hole: SnapshotHole) => hole.intensityMean!;
  const y = (hole: SnapshotHole) => hole.intensitySd!;
  const [mx, my] = [mean(x), mean(y)];
  const [sx, sy] = [spread(x, mx), spread(y, my)];
  return (hole: SnapshotHole) => ({ x: (x(hole) - mx) / sx, y: (y(hole) - my) / sy });
}

/** Mean of the known resolutions, weighed by how near they are. */
function foretell(points: readonly Known[], at: { x: number; y: number }): number {
  let sum = 0;
  let weights = 0;
  for (const point of points) {
    const distance2 = (point.x - at.x) ** 2 + (point.y - at.y) ** 2;
    // Far from all of them every one counts a little, so that the mean of all comes out.
    const weight = Math.exp(-distance2 / (2 * WIDTH ** 2)) + 1e-6;
    sum += weight * point.resolutionA;
    weights += weight;
  }
  return sum / weights;
}

/** How much nearer each known hole is foretold by the others than by their mean: 1 exactly, 0 not at all. */
function skillOf(points: readonly Known[]): number {
  let missed = 0;
  let missedByMean = 0;
  const total = points.reduce((sum, { resolutionA }) => sum + resolutionA, 0);
  for (const [i, point] of points.entries()) {
    const others = points.filter((_, j) => j !== i);
    missed += Math.abs(foretell(others, point) - point.resolutionA);
    const mean = (total - point.resolutionA) / others.length;
    missedByMean += Math.abs(mean - point.resolutionA);
  }
  return missedByMean === 0 ? 0 : Math.max(0, 1 - missed / missedByMean);
}
