import type { Metric } from "../../quality/metrics.ts";
import { METRICS } from "../../quality/metrics.ts";
import { type ByModel, scoreOf } from "../../quality/weights.ts";
import {
  byEpuOrder,
  type DecisionAuthority,
  draft,
  isOpen,
  openHoles,
  type Said,
  type Snapshot,
  type SnapshotHole,
} from "../authority.ts";
import { Breath } from "../../breath.ts";
import type { ProposalDraft } from "../model.ts";
import { type ScoredHole, visits, withExploration } from "../order.ts";
import { costInHoles } from "../travel.ts";

/** Squares thought worse than this are proposed to be skipped. Source: SmartEM's thresholds. */
const SKIP_AT_MOST = 0.3;
/** Over so many holes the expected gain is reckoned: about what one sees the end of. */
const GAIN_OVER = 100;
/** Newest observed holes by which the scores are judged. */
const JUDGED_MAX = 300;
const JUDGED_MIN = 8;

/** Worked out once a snapshot: the proposal and the maps show the same. */
const scored = new WeakMap<Snapshot, Promise<readonly ScoredHole[]>>();
const planned = new WeakMap<Snapshot, Promise<readonly number[]>>();

/** Scores of all open holes about which any model said anything. */
export function scoredHoles(snapshot: Snapshot): Promise<readonly ScoredHole[]> {
  return once(scored, snapshot, async () => {
    const score = scorer(snapshot);
    const breath = new Breath();
    const found: ScoredHole[] = [];
    for (const hole of openHoles(snapshot)) {
      const known = score(hole);
      if (known !== null) found.push({ ...hole, score: known });
      await breath.take();
    }
    return found;
  });
}

function once<T>(
  known: WeakMap<Snapshot, Promise<T>>,
  snapshot: Snapshot,
  make: () => Promise<T>,
): Promise<T> {
  let found = known.get(snapshot);
  if (found === undefined) known.set(snapshot, found = make());
  return found;
}

/**
 * Goes where the prediction models, weighed by how well they foretold the exposures so far, expect the most
 * good exposures for the time, the measured way included. A bounded share of the holes is chosen to learn
 * from. Without a prediction it says nothing.
 */
export const bayes: DecisionAuthority = {
  name: "bayes",
  version: "1",
  kinds: ["squareOrder", "squareSkip", "holeOrder"],
  async propose(snapshot, budget) {
    const holes = await scoredHoles(snapshot);
    const drafts = squareSkips(snapshot).map((one) => draft(snapshot, budget, one));
    if (holes.length === 0) return drafts;
    const order = await plannedOrder(snapshot);
    const { explorationShare, exposuresPerHole } = snapshot.constraints;
    const mixed = withExploration(order, explorationShare, snapshot.acquisitionId);
    const squareOf = new Map(holes.map(({ id, squareId }) => [id, squareId]));
    const confidence = confidenceOf(snapshot);
    const reasons = [
      `${holes.length} of ${openHoles(snapshot).length} open holes are foretold by ${
        modelsIn(holes, snapshot).length
      } models`,
      snapshot.constraints.travel.changes > 0
        ? `a change of square costs ${
          (snapshot.constraints.travel.changeMs / 1000).toFixed(0)
        } s, measured from ${snapshot.constraints.travel.changes}`
        : "what a change of square costs is assumed, none was measured yet",
    ];
    drafts.push(
      draft(snapshot, budget, {
        kind: "squareOrder",
        targetIds: [...new Set(order.map((id) => squareOf.get(id)!))],
        confidence,
        reasons,
      }),
      draft(snapshot, budget, {
        kind: "holeOrder",
        targetIds: mixed.order,
        exploration: mixed.exploration,
        confidence,
        expectedGain: gainOf(holes, mixed.order) * exposuresPerHole,
        reasons,
      }),
    );
    return drafts;
  },
};

/** The whole order, best first, from the square of the last exposure on. */
export function plannedOrder(snapshot: Snapshot): Promise<readonly number[]> {
  return once(planned, snapshot, async () => {
    const squares = new Map(snapshot.squares.map((square) => [square.id, square]));
    const { travel } = snapshot.constraints;
    const nowhere = { stageXM: null, stageYM: null };
    const last = snapshot.observations.reduce<Snapshot["observations"][number] | null>(
      (newest, one) => newest === null || one.atMs > newest.atMs ? one : newest,
      null,
    );
    const steps = visits(
      await scoredHoles(snapshot),
      (from, to) => costInHoles(travel, squares.get(from) ?? nowhere, squares.get(to) ?? nowhere),
      last?.squareId ?? null,
    );
    const breath = new Breath();
    const order: number[] = [];
    for (const id of steps) {
      order.push(id);
      await breath.take();
    }
    return order;
  });
}

/** A model's word on the hole goes before its word on the square, on the metric before on every one. */
function scorer({ squares, weights }: Snapshot): (hole: SnapshotHole) => number | null {
  const squareSaid = new Map(squares.map(({ id, predictions }) => [id, predictions]));
  return ({ squareId, predictions }) =>
    scoreBy([squareSaid.get(squareId) ?? {}, predictions], weights);
}

function scoreBy(
  sources: readonly Said[],
  weights: Partial<Record<Metric, ByModel>>,
): number | null {
  return scoreOf(METRICS.flatMap((metric) => {
    const predictions: Record<string, number> = {};
    for (const said of sources) {
      for (const [model, about] of Object.entries(said)) {
        const value = about[metric] ?? about["every"];
        if (value !== undefined) predictions[model] = value;
      }
    }
    const models = Object.keys(predictions);
    if (models.length === 0) return [];
    const known = weights[metric];
    // A metric nothing was learnt of yet: all models alike. One unknown to its weights: like the least.
    const least = known === undefined ? 1 : Math.min(...Object.values(known));
    const own = Object.fromEntries(models.map((model) => [model, known?.[model] ?? least]));
    return [{ weights: own, predictions }];
  }));
}

function squareSkips(
  snapshot: Snapshot,
): (Pick<ProposalDraft, "kind" | "targetIds"> & Partial<ProposalDraft>)[] {
  const scored = snapshot.squares.filter(isOpen).flatMap((square) => {
    const score = scoreBy([square.predictions], snapshot.weights);
    return score === null || score > SKIP_AT_MOST ? [] : [{ square, score }];
  });
  if (scored.length === 0) return [];
  scored.sort((a, b) => a.score - b.score || byEpuOrder(a.square, b.square));
  return [{
    kind: "squareSkip",
    targetIds: scored.map(({ square }) => square.id),
    confidence: confidenceOf(snapshot),
    reasons: [`foretold at most ${SKIP_AT_MOST}, the lowest ${scored[0]!.score.toFixed(2)}`],
  }];
}

function modelsIn(holes: readonly ScoredHole[], { holes: all, squares }: Snapshot): string[] {
  const ids = new Set(holes.map(({ id }) => id));
  const said = [...all.filter(({ id }) => ids.has(id)), ...squares];
  return [...new Set(said.flatMap(({ predictions }) => Object.keys(predictions)))];
}

/** Good exposures of the first holes beyond what as many average ones would give. */
function gainOf(holes: readonly ScoredHole[], order: readonly number[]): number {
  const scores = new Map(holes.map(({ id, score }) => [id, score]));
  const first = order.slice(0, GAIN_OVER);
  const mean = holes.reduce((sum, { score }) => sum + score, 0) / holes.length;
  return first.reduce((sum, id) => sum + scores.get(id)! - mean, 0);
}

/**
 * How well the same scores order the holes that were exposed: of two of them, how much more often than not
 * the better scored one was the better; `null` while there are too few to tell.
 */
function confidenceOf(snapshot: Snapshot): number | null {
  const score = scorer(snapshot);
  const holes = new Map(snapshot.holes.map((hole) => [hole.id, hole]));
  const newest = snapshot.observations.toSorted((a, b) => b.atMs - a.atMs || a.holeId - b.holeId);
  const judged: { score: number; quality: number }[] = [];
  for (const { holeId, quality } of newest) {
    if (judged.length === JUDGED_MAX) break;
    const hole = quality === null ? undefined : holes.get(holeId);
    const found = hole === undefined ? null : score(hole);
    if (found !== null) judged.push({ score: found, quality: quality! });
  }
  if (judged.length < JUDGED_MIN) return null;
  let pairs = 0;
  let agree = 0;
  for (const [i, a] of judged.entries()) {
    for (const b of judged.slice(i + 1)) {
      if (a.quality === b.quality) continue;
      pairs++;
      agree += (Math.sign(a.score - b.score) * Math.sign(a.quality - b.quality) + 1) / 2;
    }
  }
  return pairs === 0 ? null : Math.max(0, 2 * agree / pairs - 1);
}
