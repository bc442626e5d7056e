import type { Kv } from "../../kv.ts";
import { isFinished, isTarget, squareShare } from "../counts.ts";
import { holeKey, squareKey } from "../keys.ts";
import type { Acquisition, FoilHole, GridSquare } from "../model.ts";
import type { Predictions, PredictionStore } from "../predictions/mod.ts";
import { type Metric, METRIC_KINDS, METRICS } from "../quality/metrics.ts";
import { VALUES_MIN } from "../quality/quality.ts";
import { midRankOf, type Statistics } from "../quality/statistics.ts";
import type { Contribution, ResultStore } from "../results/mod.ts";
import type {
  Said,
  Snapshot,
  SnapshotHole,
  SnapshotObservation,
  SnapshotSquare,
} from "./authority.ts";
import { Breath } from "../breath.ts";
import type { DecisionSettings } from "./model.ts";
import { measuredTravel } from "./travel.ts";

/** Everything an authority may know of an acquisition, as it is now. */
export async function readSnapshot(
  { kv, results, predictions }: {
    kv: Kv;
    results: ResultStore;
    predictions: PredictionStore;
  },
  acquisition: Acquisition,
  settings: DecisionSettings,
  nowMs: number,
): Promise<Snapshot> {
  const a = acquisition.id;
  // Taken first: what changes while we read belongs to the next revision.
  const revision = kv.seq;
  const breath = new Breath();
  const squares: SnapshotSquare[] = [];
  const squareSaid = await saidBy(predictions, a, "square", breath);
  // As stored: a hundred thousand rows are not parsed again for a few numbers each.
  for await (const { value } of kv.list({ prefix: squareKey(a) })) {
    squares.push(squareOf(value as GridSquare, squareSaid.get((value as GridSquare).squareId)));
    await breath.take();
  }
  const holes: SnapshotHole[] = [];
  const holeSaid = await saidBy(predictions, a, "hole", breath);
  for await (const { value } of kv.list({ prefix: holeKey(a) })) {
    holes.push(holeOf(value as FoilHole, holeSaid.get((value as FoilHole).holeId)));
    await breath.take();
  }
  const statistics = await results.statistics(a);
  const contributions: Contribution[] = [];
  for await (const one of results.contributions(a)) {
    contributions.push(one);
    await breath.take();
  }
  const places = new Map(squares.map((square) => [square.id, square]));
  return {
    acquisitionId: a,
    revision,
    nowMs,
    squares,
    holes,
    observations: await observationsOf(contributions, statistics, breath),
    statistics: await results.summary(a),
    weights: await predictions.weights(a),
    plan: settings.plan,
    constraints: {
      exposuresPerHole: Math.max(1, acquisition.areas.length),
      explorationShare: settings.explorationShare,
      travel: measuredTravel(contributions, places),
    },
  };
}

async function saidBy(
  predictions: PredictionStore,
  a: string,
  level: "square" | "hole",
  breath: Breath,
): Promise<Map<number, Said>> {
  const found = new Map<number, Said>();
  for await (const { squareId, holeId, predictions: said } of predictions.latest(a, level)) {
    found.set(holeId ?? squareId, plainOf(said));
    await breath.take();
  }
  return found;
}

function plainOf({ models }: Predictions): Said {
  return Object.fromEntries(
    Object.entries(models).map(([model, said]) => [
      model,
      Object.fromEntries(Object.entries(said).map(([about, { value }]) => [about, value])),
    ]),
  );
}

function squareOf(square: GridSquare, predictions: Said = {}): SnapshotSquare {
  return {
    id: square.squareId,
    order: square.order,
    // Where EPU has not spoken, a square with selected holes is one to go to.
    selected: square.unusable !== true && (square.selected ?? square.holesSelected > 0),
    finished: squareShare(square).squaresFinished > 0,
    stageXM: square.alignedStageXM ?? square.stageXM,
    stageYM: square.alignedStageYM ?? square.stageYM,
    category: square.category,
    predictions,
  };
}

function holeOf(hole: FoilHole, predictions: Said = {}): SnapshotHole {
  return {
    id: hole.holeId,
    squareId: hole.squareId,
    order: hole.order,
    selected: isTarget(hole),
    finished: isFinished(hole),
    epuQuality: hole.epuQuality,
    intensityMean: hole.intensityMean,
    intensitySd: hole.intensitySd,
    predictions,
  };
}

/** What was found hole by hole, judged by the statistics of all there is. */
async function observationsOf(
  contributions: readonly Contribution[],
  statistics: Partial<Record<Metric, Statistics>>,
  breath: Breath,
): Promise<SnapshotObservation[]> {
  const byHole = Map.groupBy(contributions, ({ holeId }) => holeId);
  const found: SnapshotObservation[] = [];
  for (const [holeId, own] of [...byHole].sort(([a], [b]) => a - b)) {
    found.push(observationOf(holeId, own, statistics));
    await breath.take();
  }
  return found;
}

function observationOf(
  holeId: number,
  own: readonly Contribution[],
  statistics: Partial<Record<Metric, Statistics>>,
): SnapshotObservation {
  const qualities = own.map((one) => qualityAmong(one, statistics)).filter((q) => q !== null);
  const values: Partial<Record<Metric, number>> = {};
  for (const metric of METRICS) {
    const found = own.flatMap(({ metrics }) => metrics[metric]?.value ?? []);
    if (found.length > 0) values[metric] = meanOf(found);
  }
  return {
    holeId,
    squareId: own[0]!.squareId,
    atMs: Math.min(...own.map(({ atMs }) => atMs)),
    exposures: own.length,
    good: qualities.filter((quality) => quality >= 0.5).length,
    quality: qualities.length === 0 ? null : meanOf(qualities),
    values,
  };
}

function qualityAmong(
  { metrics }: Contribution,
  statistics: Partial<Record<Metric, Statistics>>,
): number | null {
  const ranks = METRICS.flatMap((metric) => {
    const all = statistics[metric];
    const value = metrics[metric]?.value;
    if (value === undefined || all === undefined || all.count < VALUES_MIN) return [];
    const rank = midRankOf(all, value)!;
    return [METRIC_KINDS[metric].better === "more" ? rank : 1 - rank];
  });
  return ranks.length === 0 ? null : meanOf(ranks);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
