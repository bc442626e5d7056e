import type { Clock } from "../../clock.ts";
import { newId } from "../../ids.ts";
import type { Kv, Seen } from "../../kv.ts";
import { accept, refuse, type Result } from "../../result.ts";
import { acquisitionKey, holeKey, squareKey } from "../keys.ts";
import { type Metric, METRICS } from "../quality/metrics.ts";
import type { ByModel } from "../quality/weights.ts";
import {
  groupKey,
  modelKey,
  overallKey,
  parameterKey,
  predictionKey,
  predictionPrefix,
  predictionRowKey,
  totalsKey,
  weightKey,
  weightRowKey,
} from "./keys.ts";
import {
  type About,
  EVERY_METRIC,
  HoleGroup,
  type LatentPoint,
  latentPoints,
  Overall,
  Parameter,
  PredictionModel,
  PredictionModelAsk,
  PredictionRow,
  Predictions,
  PredictionTotals,
  type Target,
  WeightRow,
  Weights,
} from "./model.ts";

/** Targets told in one commit: each is read with its predictions. */
const BATCH = 45;

export type PredictionRefusal =
  | { readonly kind: "unknown-model"; readonly model: string }
  | { readonly kind: "unknown-acquisition"; readonly acquisitionId: string }
  | { readonly kind: "unknown-target"; readonly target: Target }
  | { readonly kind: "unknown-group"; readonly group: string }
  | { readonly kind: "not-a-share"; readonly value: number };

export interface PredictionAsk {
  readonly acquisitionId: string;
  readonly model: string;
  /** `null`: of every metric. */
  readonly metric: Metric | null;
  /** 0 (bad) to 1 (good). */
  readonly value: number;
  readonly targets: readonly Target[];
}

/** What prediction services say, what they keep with us, and how far they are believed. */
export class PredictionStore {
  constructor(private readonly kv: Kv, private readonly clock: Clock) {}

  /** In the order of their names. */
  models(): Promise<PredictionModel[]> {
    return this.#all(PredictionModel, { prefix: modelKey() });
  }

  async model(name: string): Promise<PredictionModel | null> {
    const value = await this.kv.get(modelKey(name));
    return value === null ? null : PredictionModel.parse(value);
  }

  async addModel(
    ask: PredictionModelAsk,
    actor: string,
  ): Promise<Result<PredictionModel, { kind: "exists"; model: string }>> {
    const model = PredictionModel.parse({
      ...PredictionModelAsk.parse(ask),
      v: 1,
      createdAtMs: this.clock.nowMs(),
    });
    return await this.kv.transact<PredictionModel, { kind: "exists"; model: string }>(
      [modelKey(model.name)],
      ([seen]) =>
        seen!.value !== null ? refuse({ kind: "exists", model: model.name }) : accept({
          value: model,
          set: [[modelKey(model.name), model]],
          events: [modelEvent(model, actor, "registered")],
        }),
    );
  }

  async changeModel(
    name: string,
    change: Partial<Omit<PredictionModelAsk, "name">>,
    actor: string,
  ): Promise<Result<PredictionModel, PredictionRefusal>> {
    return await this.kv.transact<PredictionModel, PredictionRefusal>(
      [modelKey(name)],
      ([seen]) => {
        if (seen!.value === null) return refuse({ kind: "unknown-model", model: name });
        const before = PredictionModel.parse(seen!.value);
        const model = PredictionModel.parse({ ...before, ...change, name });
        return accept({
          value: model,
          set: [[modelKey(name), model]],
          events: [modelEvent(model, actor, "changed")],
        });
      },
    );
  }

  /** What it said stays. */
  async removeModel(name: string, actor: string): Promise<Result<void, PredictionRefusal>> {
    return await this.kv.transact<void, PredictionRefusal>([modelKey(name)], ([seen]) => {
      if (seen!.value === null) return refuse({ kind: "unknown-model", model: name });
      const model = PredictionModel.parse(seen!.value);
      return accept({
        value: undefined,
        remove: [modelKey(name)],
        events: [modelEvent(model, actor, "removed")],
      });
    });
  }

  /**
   * Takes in what a model says of targets: their current prediction and a row of history each. Refused at
   * the first target that does not exist; of more than 45 targets those before it may be stored then.
   */
  async predict(
    ask: PredictionAsk,
    actor: string,
  ): Promise<Result<PredictionRow[], PredictionRefusal>> {
    if (!(ask.value >= 0 && ask.value <= 1)) {
      return refuse({ kind: "not-a-share", value: ask.value });
    }
    const rows: PredictionRow[] = [];
    for (let from = 0; from < ask.targets.length; from += BATCH) {
      const done = await this.#predict(ask, ask.targets.slice(from, from + BATCH), actor);
      if (!done.ok) return done;
      rows.push(...done.value);
    }
    return accept(rows);
  }

  async addGroup(
    acquisitionId: string,
    group: {
      id: string;
      name: string | null;
      holes: readonly { squareId: number; holeId: number }[];
    },
    actor: string,
  ): Promise<Result<HoleGroup, PredictionRefusal>> {
    const stored = HoleGroup.parse({
      v: 1,
      id: group.id,
      name: group.name,
      holes: group.holes.map(({ squareId, holeId }) => [squareId, holeId]),
    });
    return await this.kv.transact<HoleGroup, PredictionRefusal>(
      [acquisitionKey(acquisitionId)],
      ([seen]) => {
        if (seen!.value === null) return refuse({ kind: "unknown-acquisition", acquisitionId });
        return accept({
          value: stored,
          set: [[groupKey(acquisitionId, stored.id), stored]],
          events: [{
            type: "epu.hole_group",
            subject: acquisitionId,
            actor,
            text: `group of ${stored.holes.length} foil holes`,
            data: { groupId: stored.id, name: stored.name, holes: stored.holes.length },
          }],
        });
      },
    );
  }

  /** One prediction for every hole of a group. */
  async predictGroup(
    ask: Omit<PredictionAsk, "targets"> & { readonly group: string },
    actor: string,
  ): Promise<Result<PredictionRow[], PredictionRefusal>> {
    const { group, ...rest } = ask;
    const value = await this.kv.get(groupKey(ask.acquisitionId, group));
    if (value === null) return refuse({ kind: "unknown-group", group });
    const targets = HoleGroup.parse(value).holes.map(([squareId, holeId]) => ({
      squareId,
      holeId,
    }));
    return await this.predict({ ...rest, targets }, actor);
  }

  /** What is said of the target now. */
  async current(a: string, { squareId, holeId }: Target): Promise<Predictions | null> {
    const value = await this.kv.get(predictionKey(a, squareId, holeId));
    return value === null ? null : Predictions.parse(value);
  }

  /** Of all squares, of all holes, or of the holes of one square, in the order of their ids. */
  async *latest(
    a: string,
    level: "square" | "hole",
    squareId?: number,
  ): AsyncGenerator<Target & { readonly predictions: Predictions }> {
    const selector = level === "square" && squareId !== undefined
      ? exactly(predictionKey(a, squareId, null))
      : { prefix: predictionPrefix(a, level, squareId) };
    for await (const { key, value } of this.kv.list(selector)) {
      yield {
        squareId: Number(key[3]),
        holeId: level === "square" ? null : Number(key[4]),
        predictions: Predictions.parse(value),
      };
    }
  }

  /** Every prediction of a square (`holeId` 0), of one hole, or of a square and all its holes; oldest first per target. */
  history(a: string, squareId: number, holeId?: number): Promise<PredictionRow[]> {
    return this.#all(PredictionRow, { prefix: predictionRowKey(a, squareId, holeId) });
  }

  /** Per metric; a metric no exposure was compared in yet has none. */
  async weights(a: string): Promise<Partial<Record<Metric, ByModel>>> {
    const found: Partial<Record<Metric, ByModel>> = {};
    for (const metric of METRICS) {
      const value = await this.kv.get(weightKey(a, metric));
      if (value !== null) found[metric] = Weights.parse(value).weights;
    }
    return found;
  }

  /** Newest last, at most the `limit` newest. */
  async weightHistory(a: string, limit: number): Promise<WeightRow[]> {
    const rows: WeightRow[] = [];
    const newest = this.kv.list({ prefix: weightRowKey(a) }, { reverse: true, limit });
    for await (const { value } of newest) rows.push(WeightRow.parse(value));
    return rows.reverse();
  }

  async setParameters(
    a: string,
    parameters: readonly Omit<Parameter, "v" | "atMs">[],
    actor: string,
  ): Promise<Result<void, PredictionRefusal>> {
    const atMs = this.clock.nowMs();
    for (let from = 0; from < parameters.length; from += 500) {
      const some = parameters.slice(from, from + 500).map((one) =>
        Parameter.parse({ ...one, v: 1, atMs })
      );
      const done = await this.kv.transact<void, PredictionRefusal>(
        [acquisitionKey(a)],
        ([seen]) => {
          if (seen!.value === null) {
            return refuse({ kind: "unknown-acquisition", acquisitionId: a });
          }
          return accept({
            value: undefined,
            set: some.map((one) => [parameterKey(a, one.model, one.group, one.key), one] as const),
            events: [{
              type: "epu.model_parameters",
              subject: a,
              actor,
              text: `${some.length} parameters of "${some[0]!.model}"`,
              data: { model: some[0]!.model, count: some.length },
            }],
          });
        },
      );
      if (!done.ok) return done;
    }
    return accept(undefined);
  }

  parameters(a: string, model: string, group?: string): Promise<Parameter[]> {
    return this.#all(Parameter, { prefix: parameterKey(a, model, group) });
  }

  /** The model's latent space; empty when it keeps none. */
  async latent(a: string, model: string): Promise<LatentPoint[]> {
    return latentPoints(await this.parameters(a, model));
  }

  /** All models together, of one square or of all. */
  async *overall(
    a: string,
    squareId?: number,
  ): AsyncGenerator<{ readonly squareId: number; readonly overall: Overall }> {
    const selector = squareId === undefined
      ? { prefix: overallKey(a) }
      : exactly(overallKey(a, squareId));
    for await (const { key, value } of this.kv.list(selector)) {
      yield { squareId: Number(key[3]), overall: Overall.parse(value) };
    }
  }

  async totals(): Promise<PredictionTotals> {
    return totalsOf(await this.kv.get(totalsKey));
  }

  #predict(
    ask: PredictionAsk,
    targets: readonly Target[],
    actor: string,
  ): Promise<Result<PredictionRow[], PredictionRefusal>> {
    const { acquisitionId: a, model, metric, value } = ask;
    const atMs = this.clock.nowMs();
    const rows = targets.map(({ squareId, holeId }): PredictionRow => ({
      v: 1,
      id: newId(this.clock),
      model,
      about: metric ?? EVERY_METRIC,
      value,
      atMs,
      squareId,
      holeId,
    }));
    const keys = [
      modelKey(model),
      totalsKey,
      ...targets.map(({ squareId, holeId }) =>
        holeId === null ? squareKey(a, squareId) : holeKey(a, squareId, holeId)
      ),
      ...targets.map(({ squareId, holeId }) => predictionKey(a, squareId, holeId)),
    ];
    return this.kv.transact<PredictionRow[], PredictionRefusal>(keys, (seen) => {
      if (seen[0]!.value === null) return refuse({ kind: "unknown-model", model });
      const entities = seen.slice(2, 2 + targets.length);
      const missing = entities.findIndex(({ value }) => value === null);
      if (missing !== -1) return refuse({ kind: "unknown-target", target: targets[missing]! });
      const current = told(seen.slice(2 + targets.length), rows);
      return accept({
        value: rows,
        set: [
          ...current,
          ...rows.map((row) =>
            [predictionRowKey(a, row.squareId, row.holeId ?? 0, row.id), row] as const
          ),
          [totalsKey, withRows(totalsOf(seen[1]!.value), rows)],
        ],
        events: [{
          type: "epu.prediction",
          subject: a,
          actor,
          text: `"${model}" says ${value.toFixed(3)} of ${
            targets.length === 1 ? "one target" : `${targets.length} targets`
          }`,
          data: { model, about: metric ?? EVERY_METRIC, value, targets: [...targets] },
        }],
      });
    });
  }

  async #all<T>(schema: { parse(value: unknown): T }, selector: Deno.KvListSelector): Promise<T[]> {
    const found: T[] = [];
    for await (const { value } of this.kv.list(selector)) found.push(schema.parse(value));
    return found;
  }
}

function told(seen: readonly Seen[], rows: readonly PredictionRow[]): [Deno.KvKey, Predictions][] {
  // The same target twice in one ask: the later word holds.
  const byKey = new Map<string, [Deno.KvKey, Predictions]>();
  for (const [i, { key, value }] of seen.entries()) {
    const { model, about, value: said, atMs } = rows[i]!;
    const name = JSON.stringify(key);
    const before = byKey.get(name)?.[1] ??
      (value === null ? { v: 1 as const, models: {} } : Predictions.parse(value));
    const own = { ...before.models[model], [about as About]: { value: said, atMs } };
    byKey.set(name, [key, { v: 1, models: { ...before.models, [model]: own } }]);
  }
  return [...byKey.values()];
}

function totalsOf(value: unknown): PredictionTotals {
  return value === null
    ? { v: 1, count: 0, sum: 0, min: null, max: null }
    : PredictionTotals.parse(value);
}

function withRows(totals: PredictionTotals, rows: readonly PredictionRow[]): PredictionTotals {
  return rows.reduce((sum, { value }) => ({
    v: 1,
    count: sum.count + 1,
    sum: sum.sum + value,
    min: Math.min(sum.min ?? 1, value),
    max: Math.max(sum.max ?? 0, value),
  }), totals);
}

/** Only this key, as a range. */
function exactly(key: Deno.KvKey): Deno.KvListSelector {
  return { start: key, end: [...key, 0] };
}

function modelEvent(model: PredictionModel, actor: string, act: string) {
  const { createdAtMs: _, ...data } = model;
  return {
    type: "epu.prediction_model",
    subject: model.name,
    actor,
    text: `prediction model ${act}`,
    data,
  };
}
