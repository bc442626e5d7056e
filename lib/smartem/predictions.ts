import {
  type Epu,
  EVERY_METRIC,
  type FoilHole,
  type GridSquare,
  type LatentPoint,
  METRIC_KINDS,
  metricOf,
  type PredictionModel,
  type PredictionRow,
  type Predictions,
  type PredictionStore,
  suggestedHoles,
  suggestedSquares,
} from "../epu/mod.ts";
import type { Acquisitions } from "./acquisitions.ts";
import { given, modelFields, newModel, predictionFields, wrong } from "./fields.ts";
import { Finder } from "./finder.ts";
import type { Grids } from "./grids.ts";
import { SmartemRefusal } from "./refusal.ts";
import { holeReply, isoOf, numberOf, type Reply, squareReply } from "./replies.ts";

/** Rows of the history of weights given at once. */
const WEIGHTS_MAX = 50_000;

/** A list, and why it is empty where it is. */
export interface Found<T> {
  readonly value: T;
  readonly why: string | null;
}

/** What prediction services say, and how far they are believed. */
export class PredictionReplies {
  constructor(
    private readonly epu: Epu,
    private readonly find: Finder,
    private readonly grids: Grids,
    private readonly acquisitions: Acquisitions,
    private readonly predictions: PredictionStore,
  ) {}

  async models(): Promise<Reply[]> {
    return (await this.predictions.models()).map(modelReply);
  }

  async model(name: string): Promise<Reply> {
    const found = await this.predictions.model(name);
    if (found === null) throw noModel(name);
    return modelReply(found);
  }

  async addModel(body: unknown, actor: string): Promise<Reply> {
    const ask = given<typeof newModel, "name">(body, newModel);
    const name = ask.name.trim();
    if (name === "" || name.length > 200) {
      throw wrong("name", "a name has 1 to 200 characters", ask.name);
    }
    const done = await this.predictions.addModel({ name, ...modelChange(ask) }, actor);
    if (!done.ok) throw new SmartemRefusal(409, `Prediction model ${name} already exists`);
    return modelReply(done.value);
  }

  async changeModel(name: string, body: unknown, actor: string): Promise<Reply> {
    const change = modelChange(given(body, modelFields));
    const done = await this.predictions.changeModel(name, change, actor);
    if (!done.ok) throw noModel(name);
    return modelReply(done.value);
  }

  async removeModel(name: string, actor: string): Promise<void> {
    const done = await this.predictions.removeModel(name, actor);
    if (!done.ok) throw noModel(name);
  }

  async predict(body: unknown, actor: string): Promise<Reply> {
    const ask = given<typeof predictionFields, "value" | "prediction_model_name">(
      body,
      predictionFields,
    );
    const { foilhole_uuid: holeUuid, gridsquare_uuid: squareUuid, metric_name: about } = ask;
    const metric = about == null ? null : metricOf(about);
    if (about != null && metric === null) throw wrong("metric_name", "is no metric", about);
    const hole = holeUuid ? await this.find.maybe(holeUuid, "hole") : null;
    if (holeUuid && hole === null) {
      throw new SmartemRefusal(404, `FoilHole ${holeUuid} not found`);
    }
    const square = squareUuid ? await this.find.maybe(squareUuid, "square") : null;
    if (squareUuid && square === null) {
      throw new SmartemRefusal(404, `GridSquare ${squareUuid} not found`);
    }
    const ref = hole ?? square;
    if (ref === null) throw wrong(null, "foilhole_uuid or gridsquare_uuid is needed", null);
    const done = await this.predictions.predict({
      acquisitionId: ref.acquisitionId,
      model: ask.prediction_model_name,
      metric,
      value: ask.value,
      targets: [{ squareId: ref.squareId!, holeId: hole === null ? null : ref.holeId! }],
    }, actor);
    if (!done.ok) throw noModel(ask.prediction_model_name);
    const { metric_name: _metric, ...reply } = rowReply(done.value[0]!, {
      square: squareUuid ?? null,
      hole: holeUuid ?? null,
    });
    return reply;
  }

  async metrics(): Promise<Reply> {
    const { count, sum, min, max } = await this.predictions.totals();
    return {
      total_predictions: count,
      average_quality: count === 0 ? null : sum / count,
      min_quality: min,
      max_quality: max,
      models_count: (await this.predictions.models()).length,
    };
  }

  /** How far each model was believed after each exposure it could be compared with. */
  async weights(gridUuid: string): Promise<Found<Record<string, Reply[]>>> {
    const found = await this.grids.find(gridUuid);
    if (found === null) return { value: {}, why: "there is no such grid" };
    const rows: (readonly [string, Reply])[] = [];
    const history = await this.predictions.weightHistory(found.acquisition.id, WEIGHTS_MAX);
    for (const row of history) {
      for (const [model, weight] of Object.entries(row.weights)) {
        rows.push([model, {
          id: numberOf(row.atMs, row.id + model),
          grid_uuid: gridUuid,
          micrograph_uuid: row.micrographId,
          micrograph_quality: row.quality >= 0.5,
          timestamp: isoOf(row.atMs),
          origin: METRIC_KINDS[row.metric].compatName,
          prediction_model_name: model,
          metric_name: METRIC_KINDS[row.metric].compatName,
          prediction_value: row.predictions[model] ?? null,
          quality_score: row.quality,
          weight,
        }]);
      }
    }
    return { value: grouped(rows), why: why(rows, "no exposure was compared with a prediction") };
  }

  async ofSquare(squareUuid: string): Promise<Record<string, Reply[]>> {
    const square = await this.#square(squareUuid);
    const rows = await this.predictions.history(square.acquisitionId, square.squareId, 0);
    return grouped(
      byTime(rows).map((row) => [row.model, rowReply(row, { square: squareUuid, hole: null })]),
    );
  }

  /** By model, then by EPU's number of the hole; without `metricName`, what is said of every metric. */
  async ofHoles(
    squareUuid: string,
    metricName: string | null,
  ): Promise<Found<Record<string, Record<string, Reply[]>>>> {
    const metric = metricName === null ? EVERY_METRIC : metricOf(metricName);
    if (metric === null) return { value: {}, why: `"${metricName}" is no metric` };
    const square = await this.#square(squareUuid);
    const uuids = await this.#holes(square);
    const rows = (await this.predictions.history(square.acquisitionId, square.squareId)).filter(
      ({ holeId, about }) => holeId !== null && about === metric,
    );
    const value: Record<string, Record<string, Reply[]>> = {};
    for (const row of byTime(rows)) {
      const hole = uuids.get(row.holeId!)?.id ?? null;
      const holes = value[row.model] ??= {};
      (holes[String(row.holeId)] ??= []).push(rowReply(row, { square: squareUuid, hole }));
    }
    return { value, why: why(rows, "no model spoke of these holes") };
  }

  /** What a model says of each square now; of each hole, where it speaks of those only. */
  async ofGrid(model: string, gridUuid: string): Promise<Found<Reply[]>> {
    const found = await this.grids.find(gridUuid);
    if (found === null) return { value: [], why: "there is no such grid" };
    const a = found.acquisition.id;
    const squares = await this.#squares(a);
    const value: Reply[] = [];
    for (const level of ["square", "hole"] as const) {
      for await (const { squareId, holeId, predictions } of this.predictions.latest(a, level)) {
        const said = saidBy(model, predictions);
        const square = squares.get(squareId);
        if (said === null || square === undefined) continue;
        const hole = holeId === null
          ? null
          : (await this.epu.hole(a, squareId, holeId))?.id ?? null;
        value.push(nowReply(model, said, { square: square.id, hole }));
      }
      if (value.length > 0) break;
    }
    return { value, why: why(value, `"${model}" has said nothing of this grid`) };
  }

  async ofSquareNow(model: string, squareUuid: string): Promise<Found<Reply[]>> {
    const ref = await this.find.maybe(squareUuid, "square");
    if (ref === null) return { value: [], why: "there is no such grid square" };
    const square = await this.#square(squareUuid);
    const uuids = await this.#holes(square);
    const value: Reply[] = [];
    const { acquisitionId: a, squareId } = square;
    for await (const { holeId, predictions } of this.predictions.latest(a, "hole", squareId)) {
      const said = saidBy(model, predictions);
      const hole = uuids.get(holeId!)?.id;
      if (said === null || hole === undefined) continue;
      value.push(nowReply(model, said, { square: null, hole }));
    }
    return { value, why: why(value, `"${model}" has said nothing of these holes`) };
  }

  async overall(squareUuid: string): Promise<Found<Reply[]>> {
    const ref = await this.find.maybe(squareUuid, "square");
    if (ref === null) return { value: [], why: "there is no such grid square" };
    const square = await this.#square(squareUuid);
    const uuids = await this.#holes(square);
    const gridUuid = await this.grids.uuidOf(square.acquisitionId);
    const value: Reply[] = [];
    const all = this.predictions.overall(square.acquisitionId, square.squareId);
    for await (const { overall } of all) {
      for (const hole of overall.holes) {
        value.push({
          id: numberOf(overall.atMs, String(hole.holeId)),
          value: hole.value,
          suggested_acquisition_index: hole.suggestedIndex,
          foilhole_uuid: uuids.get(hole.holeId)?.id ?? null,
          grid_uuid: gridUuid,
          gridsquare_uuid: squareUuid,
        });
      }
    }
    return { value, why: why(value, "no order was computed yet") };
  }

  async latentOfGrid(model: string, gridUuid: string): Promise<Found<Reply[]>> {
    const found = await this.grids.find(gridUuid);
    if (found === null) return { value: [], why: "there is no such grid" };
    const points = await this.predictions.latent(found.acquisition.id, model);
    const value = await Promise.all(points.map(async (point) => {
      const isHole = (await this.epu.entity(point.entityId))?.kind === "hole";
      return latentReply(point, isHole);
    }));
    return { value, why: why(value, `"${model}" keeps no latent space of this grid`) };
  }

  async latentOfSquare(model: string, squareUuid: string): Promise<Found<Reply[]>> {
    const ref = await this.find.maybe(squareUuid, "square");
    if (ref === null) return { value: [], why: "there is no such grid square" };
    const value: Reply[] = [];
    for (const point of await this.predictions.latent(ref.acquisitionId, model)) {
      const entity = await this.epu.entity(point.entityId);
      if (entity?.kind !== "hole" || entity.squareId !== ref.squareId) continue;
      value.push({ ...latentReply(point, true), gridsquare_uuid: squareUuid });
    }
    return { value, why: why(value, `"${model}" keeps no latent space of these holes`) };
  }

  async suggestedSquares(gridUuid: string, model: string, latent: string): Promise<Found<Reply[]>> {
    const found = await this.grids.find(gridUuid);
    if (found === null) return { value: [], why: "there is no such grid" };
    const a = found.acquisition.id;
    const squares = await this.#squares(a);
    const clusters = await this.#clusters(a, latent, "square");
    const candidates = [];
    for await (const { squareId, predictions } of this.predictions.latest(a, "square")) {
      const prediction = saidBy(model, predictions)?.value;
      const widthPx = squares.get(squareId)?.atlasWidthPx ?? null;
      if (prediction === undefined) continue;
      candidates.push({
        id: squareId,
        prediction,
        cluster: clusters.get(squareId) ?? null,
        widthPx,
      });
    }
    const words = await this.grids.words(a);
    const value = suggestedSquares(candidates).flatMap((id) => {
      const square = squares.get(id);
      return square === undefined ? [] : [squareReply(square, words.get(id) ?? null, gridUuid)];
    });
    return { value, why: why(value, `"${model}" has said too little of this grid's squares`) };
  }

  async suggestedHoles(squareUuid: string, model: string, latent: string): Promise<Found<Reply[]>> {
    const ref = await this.find.maybe(squareUuid, "square");
    if (ref === null) return { value: [], why: "there is no such grid square" };
    const square = await this.#square(squareUuid);
    const { acquisitionId: a, squareId } = square;
    const holes = await this.#holes(square);
    const clusters = await this.#clusters(a, latent, "hole");
    const candidates = [];
    for await (const { holeId, predictions } of this.predictions.latest(a, "hole", squareId)) {
      const prediction = saidBy(model, predictions)?.value;
      if (prediction === undefined) continue;
      candidates.push({ id: holeId!, prediction, cluster: clusters.get(holeId!) ?? null });
    }
    const value = suggestedHoles(candidates).flatMap((id) => {
      const hole = holes.get(id);
      return hole === undefined ? [] : [{ ...holeReply(hole), gridsquare_uuid: squareUuid }];
    });
    return {
      value,
      why: why(value, `"${model}" or the clusters of "${latent}" say too little of these holes`),
    };
  }

  async #square(uuid: string): Promise<GridSquare> {
    const ref = await this.find.maybe(uuid, "square");
    if (ref === null) throw new SmartemRefusal(404, `GridSquare ${uuid} not found`);
    return await this.find.square(uuid);
  }

  async #squares(a: string): Promise<Map<number, GridSquare>> {
    const found = new Map<number, GridSquare>();
    for await (const one of this.find.squares(a)) found.set(one.squareId, one);
    return found;
  }

  async #holes({ acquisitionId, squareId }: GridSquare): Promise<Map<number, FoilHole>> {
    const found = new Map<number, FoilHole>();
    for await (const one of this.find.holes(acquisitionId, squareId)) found.set(one.holeId, one);
    return found;
  }

  /** Clusters by EPU's number, whichever of its names the model knows an entity by. */
  async #clusters(
    a: string,
    model: string,
    kind: "square" | "hole",
  ): Promise<Map<number, number>> {
    const found = new Map<number, number>();
    for (const { key, value } of await this.predictions.parameters(a, model, "cluster_indices")) {
      const entity = await this.epu.entity(key);
      if (entity?.kind !== kind) continue;
      found.set(kind === "square" ? entity.squareId! : entity.holeId!, value);
    }
    return found;
  }
}

interface Names {
  readonly square: string | null;
  readonly hole: string | null;
}

function rowReply(row: PredictionRow, { square, hole }: Names): Reply {
  return {
    id: numberOf(row.atMs, row.id),
    prediction_model_name: row.model,
    value: row.value,
    timestamp: isoOf(row.atMs),
    gridsquare_uuid: square,
    foilhole_uuid: hole,
    metric_name: row.about === EVERY_METRIC ? null : METRIC_KINDS[row.about].compatName,
  };
}

function nowReply(model: string, said: { value: number; atMs: number }, names: Names): Reply {
  return {
    id: numberOf(said.atMs, names.hole ?? names.square ?? ""),
    prediction_model_name: model,
    value: said.value,
    timestamp: isoOf(said.atMs),
    gridsquare_uuid: names.square,
    foilhole_uuid: names.hole,
  };
}

function latentReply({ entityId, x, y, cluster }: LatentPoint, isHole: boolean): Reply {
  return {
    x,
    y,
    index: cluster,
    gridsquare_uuid: isHole ? "" : entityId,
    foilhole_uuid: isHole ? entityId : "",
  };
}

/** The newest of what a model says of a target. */
function saidBy(
  model: string,
  { models }: Predictions,
): { value: number; atMs: number } | null {
  const all = Object.values(models[model] ?? {});
  return all.length === 0 ? null : all.reduce((a, b) => b.atMs > a.atMs ? b : a);
}

function modelReply({ name, description, canTrain, canInfer, canUpdate }: PredictionModel): Reply {
  return {
    name,
    description,
    can_train: canTrain,
    can_infer: canInfer,
    can_update: canUpdate,
  };
}

function modelChange(ask: ReturnType<typeof given<typeof modelFields>>) {
  const { description, can_train, can_infer, can_update } = ask;
  if (description != null && description.length > 4000) {
    throw wrong("description", "has at most 4000 characters", description.length);
  }
  return {
    ...description === undefined ? {} : { description: description ?? "" },
    ...can_train == null ? {} : { canTrain: can_train },
    ...can_infer == null ? {} : { canInfer: can_infer },
    ...can_update == null ? {} : { canUpdate: can_update },
  };
}

function noModel(name: string): SmartemRefusal {
  return new SmartemRefusal(404, `Prediction model ${name} not found`);
}

function byTime(rows: readonly PredictionRow[]): PredictionRow[] {
  return rows.toSorted((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1));
}

function grouped(rows: readonly (readonly [string, Reply])[]): Record<string, Reply[]> {
  const found: Record<string, Reply[]> = {};
  for (const [name, row] of rows) (found[name] ??= []).push(row);
  return found;
}

function why(rows: readonly unknown[], reason: string): string | null {
  return rows.length === 0 ? reason : null;
}
