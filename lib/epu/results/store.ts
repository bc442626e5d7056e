import type { Clock } from "../../clock.ts";
import { newId } from "../../ids.ts";
import type { Commit, Kv, Seen } from "../../kv.ts";
import { accept, refuse, type Result } from "../../result.ts";
import { emptyCounts } from "../counts.ts";
import { countKey, digestOf, micrographKey } from "../keys.ts";
import { Counts, Micrograph, type Results } from "../model.ts";
import { predictionKey, weightKey, weightRowKey } from "../predictions/keys.ts";
import { Predictions, Weights } from "../predictions/model.ts";
import { Breath } from "../breath.ts";
import { type Metric, METRICS } from "../quality/metrics.ts";
import { meanOf, quantileOf, standardDeviationOf, Statistics } from "../quality/statistics.ts";
import { type MedianPoint, rollingMedian, thinned } from "../quality/trends.ts";
import { askedKey, contributionKey, squareMetricKey, statisticsKey } from "./keys.ts";
import {
  Asked,
  Contribution,
  type ParsedAsk,
  type ProcessingStatus,
  ResultsAsk,
  SquareStatistics,
  statusOf,
} from "./model.ts";
import { type Ledger, mergedResults, take, type Taken } from "./take.ts";

/** Which micrograph: by its id, by EPU's unique id, or by the name of its files. */
export type MicrographAsk =
  | { readonly id: string }
  | { readonly uniqueId: string; readonly acquisitionId?: string }
  | { readonly stem: string; readonly acquisitionId?: string };

/** Finds micrographs; `EpuStore` is one. */
export interface MicrographFinder {
  micrograph(ask: MicrographAsk): Promise<Micrograph | null>;
}

export type ResultRefusal =
  | { readonly kind: "unknown-micrograph"; readonly ask: MicrographAsk }
  /** The key came before, with other results or for another micrograph. */
  | { readonly kind: "key-reused"; readonly idempotencyKey: string };

export interface TakenIn {
  readonly micrograph: Micrograph;
  readonly status: ProcessingStatus;
  readonly contribution: Contribution | null;
  /** Nothing of it was new. */
  readonly repeated: boolean;
}

/** A metric of an acquisition or of one square, in the metric's unit. */
export interface MetricSummary {
  readonly count: number;
  readonly mean: number | null;
  readonly sd: number | null;
  readonly median: number | null;
}
export type MetricSummaries = Partial<Record<Metric, MetricSummary>>;

export interface TrendQuery {
  readonly acquisitionId: string;
  readonly metric: Metric;
  /** Of this square only. */
  readonly squareId?: number;
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Values the rolling median is taken over. */
  readonly window: number;
  /** Most points given, evenly picked. */
  readonly countMax: number;
}

const KEY_DAYS = 7;
const REMOVE_BATCH = 500;
const DAY_MS = 86_400_000;

/**
 * What processing found. A result, the statistics and weights it changes, its event and its place in the
 * counts are one commit, so that none is ever counted twice or lost between them.
 */
export class ResultStore {
  constructor(
    private readonly kv: Kv,
    private readonly clock: Clock,
    private readonly finder: MicrographFinder,
  ) {}

  /**
   * Takes results in. The same results again change nothing; an ask with an idempotency key that came
   * before changes nothing either, though others corrected its results since.
   *
   * @throws {ZodError} for an ask that does not fit `ResultsAsk`.
   */
  async take(
    ask: MicrographAsk,
    given: ResultsAsk,
    by: { readonly actor: string; readonly idempotencyKey?: string },
  ): Promise<Result<TakenIn, ResultRefusal>> {
    const parsed = ResultsAsk.parse(given);
    const found = await this.finder.micrograph(ask);
    if (found === null) return refuse({ kind: "unknown-micrograph", ask });
    return await this.#take(found, parsed, by);
  }

  /**
   * Takes back all results of a micrograph, as if it had never been processed: before it is deleted.
   * Nothing happens for one without any.
   */
  async forget(micrographId: string, actor: string): Promise<void> {
    await this.take({ id: micrographId }, {
      motion: null,
      ctf: null,
      picking: null,
      selection: null,
    }, {
      actor,
    });
  }

  /** Of the whole acquisition; metrics without a value are absent. */
  async statistics(a: string): Promise<Partial<Record<Metric, Statistics>>> {
    const found: Partial<Record<Metric, Statistics>> = {};
    for (const metric of METRICS) {
      const value = await this.kv.get(statisticsKey(a, metric));
      if (value !== null) found[metric] = Statistics.parse(value);
    }
    return found;
  }

  async summary(a: string): Promise<MetricSummaries> {
    return summariesOf(await this.statistics(a));
  }

  async squareSummary(a: string, squareId: number): Promise<MetricSummaries> {
    const value = await this.kv.get(squareMetricKey(a, squareId));
    return value === null ? {} : summariesOf(SquareStatistics.parse(value).metrics);
  }

  /** Of every square that has results. */
  async squareSummaries(a: string): Promise<Map<number, MetricSummaries>> {
    const found = new Map<number, MetricSummaries>();
    for await (const { key, value } of this.kv.list({ prefix: squareMetricKey(a) })) {
      found.set(Number(key.at(-1)), summariesOf(SquareStatistics.parse(value).metrics));
    }
    return found;
  }

  async contribution(a: string, micrographId: string): Promise<Contribution | null> {
    const value = await this.kv.get(contributionKey(a, micrographId));
    return value === null ? null : Contribution.parse(value);
  }

  /** What every processed micrograph of the acquisition added, in the order of their ids. */
  async *contributions(a: string): AsyncGenerator<Contribution> {
    for await (const { value } of this.kv.list({ prefix: contributionKey(a) })) {
      yield Contribution.parse(value);
    }
  }

  /** A metric over the time of exposure, with its rolling median. */
  async trend(query: TrendQuery): Promise<MedianPoint[]> {
    const { acquisitionId, metric, fromMs = -Infinity, toMs = Infinity, window, countMax } = query;
    const isOf = (squareId: number) => query.squareId === undefined || query.squareId === squareId;
    const points: { atMs: number; value: number }[] = [];
    const breath = new Breath();
    for await (const { value } of this.kv.list({ prefix: contributionKey(acquisitionId) })) {
      // As stored: fifty thousand of them are not parsed for two numbers each.
      const { atMs, metrics, squareId } = value as Contribution;
      const found = metrics[metric]?.value;
      if (found !== undefined && isOf(squareId)) points.push({ atMs, value: found });
      await breath.take();
    }
    points.sort((a, b) => a.atMs - b.atMs);
    const medians = rollingMedian(points, window);
    return thinned(medians.filter(({ atMs }) => atMs >= fromMs && atMs < toMs), countMax);
  }

  /** Removes idempotency keys older than seven days; gives how many. */
  async sweep(): Promise<number> {
    const oldestMs = this.clock.nowMs() - KEY_DAYS * DAY_MS;
    const old: Deno.KvKey[] = [];
    for await (const { key, value } of this.kv.list({ prefix: askedKey() })) {
      if ((value as Asked).atMs < oldestMs) old.push(key);
    }
    for (let from = 0; from < old.length; from += REMOVE_BATCH) {
      const remove = old.slice(from, from + REMOVE_BATCH);
      await this.kv.transact([], () => accept({ value: null, remove }));
    }
    return old.length;
  }

  #take(
    found: Micrograph,
    ask: ParsedAsk,
    by: { readonly actor: string; readonly idempotencyKey?: string },
  ): Promise<Result<TakenIn, ResultRefusal>> {
    const { acquisitionId: a, id, squareId, holeId } = found;
    const { idempotencyKey } = by;
    const nowMs = this.clock.nowMs();
    // Fresh per call and reused when a race is lost: deciding must not make new ones.
    const rowIds = METRICS.map(() => newId(this.clock));
    const digest = digestOf(JSON.stringify([a, id, ask]));
    const keys = [
      micrographKey(a, id),
      countKey(a),
      contributionKey(a, id),
      squareMetricKey(a, squareId),
      predictionKey(a, squareId, holeId),
      predictionKey(a, squareId, null),
      ...METRICS.map((metric) => statisticsKey(a, metric)),
      ...METRICS.map((metric) => weightKey(a, metric)),
      ...(idempotencyKey === undefined ? [] : [askedKey(idempotencyKey)]),
    ];
    return this.kv.transact<TakenIn, ResultRefusal>(keys, (seen) => {
      const values = seen.map(({ value }) => value);
      if (values[0] === null) return refuse({ kind: "unknown-micrograph", ask: { id } });
      const ledger = ledgerOf(values);
      const earlier = idempotencyKey === undefined ? null : values.at(-1) ?? null;
      if (earlier !== null && Asked.parse(earlier).digest !== digest) {
        return refuse({ kind: "key-reused", idempotencyKey: idempotencyKey! });
      }
      const asked: Asked = { v: 1, digest, acquisitionId: a, micrographId: id, atMs: nowMs };
      const set: [Deno.KvKey, unknown][] = idempotencyKey === undefined || earlier !== null
        ? []
        : [[askedKey(idempotencyKey), asked]];
      const results = earlier === null
        ? mergedResults(ledger.micrograph.results, ask, nowMs)
        : ledger.micrograph.results;
      if (results === ledger.micrograph.results) {
        return accept({ value: takenIn(ledger.micrograph, ledger.contribution, true), set });
      }
      return accept(commitOf(ledger, take(ledger, results, nowMs), {
        counts: values[1] === null ? emptyCounts(nowMs) : Counts.parse(values[1]),
        nowMs,
        actor: by.actor,
        rowIds,
        set,
      }));
    });
  }
}

/** Values of the keys `#take` reads, in that order. */
function ledgerOf(values: readonly Seen["value"][]): Ledger {
  const at = <T>(i: number, schema: { parse(value: unknown): T }): T | null =>
    values[i] == null ? null : schema.parse(values[i]);
  const byMetric = <T>(from: number, schema: { parse(value: unknown): T }) => {
    const found: Partial<Record<Metric, T>> = {};
    for (const [i, metric] of METRICS.entries()) {
      const value = at(from + i, schema);
      if (value !== null) found[metric] = value;
    }
    return found;
  };
  const weights = byMetric(6 + METRICS.length, Weights);
  return {
    micrograph: Micrograph.parse(values[0]),
    contribution: at(2, Contribution),
    square: at(3, SquareStatistics)?.metrics ?? {},
    predictions: { hole: at(4, Predictions), square: at(5, Predictions) },
    statistics: byMetric(6, Statistics),
    weights: Object.fromEntries(
      Object.entries(weights).map(([metric, one]) => [metric, one.weights]),
    ),
  };
}

function commitOf(
  ledger: Ledger,
  taken: Taken,
  { counts, nowMs, actor, rowIds, set }: {
    counts: Counts;
    nowMs: number;
    actor: string;
    rowIds: readonly string[];
    set: [Deno.KvKey, unknown][];
  },
): Commit<TakenIn> {
  const { acquisitionId: a, squareId, holeId, id } = ledger.micrograph;
  const { results, contribution } = taken;
  const micrograph: Micrograph = {
    ...ledger.micrograph,
    results,
    sources: { ...ledger.micrograph.sources, processing: { path: actor, seenAtMs: nowMs } },
    changedAtMs: nowMs,
  };
  const empty = Object.keys(contribution.metrics).length === 0;
  const square: SquareStatistics = { v: 1, metrics: { ...ledger.square, ...taken.square } };
  const after: Counts = { ...counts, results: counts.results + taken.added, changedAtMs: nowMs };
  return {
    value: takenIn(micrograph, empty ? null : contribution, false),
    set: [
      ...set,
      [micrographKey(a, id), Micrograph.parse(micrograph)],
      [countKey(a), after],
      [squareMetricKey(a, squareId), square],
      ...(empty ? [] : [[contributionKey(a, id), Contribution.parse(contribution)] as const]),
      ...Object.entries(taken.statistics).map(([metric, one]) =>
        [statisticsKey(a, metric), one] as const
      ),
      ...Object.entries(taken.weights).map(([metric, weights]) =>
        [weightKey(a, metric), Weights.parse({ v: 1, weights, changedAtMs: nowMs })] as const
      ),
      ...taken.rows.map((row, i) => {
        const rowId = rowIds[i]!;
        return [weightRowKey(a, rowId), { ...row, id: rowId }] as const;
      }),
    ],
    remove: empty ? [contributionKey(a, id)] : [],
    events: [{
      type: "epu.results",
      subject: a,
      actor,
      text: `results of ${micrograph.stem}: ${describe(results)}`,
      data: {
        micrographId: id,
        uniqueId: micrograph.uniqueId,
        stem: micrograph.stem,
        squareId,
        holeId,
        status: statusOf(results),
        results,
        qualities: Object.fromEntries(
          Object.entries(contribution.metrics).map(([metric, one]) => [metric, one.quality]),
        ),
        counts: after,
      },
    }],
  };
}

function takenIn(
  micrograph: Micrograph,
  contribution: Contribution | null,
  repeated: boolean,
): TakenIn {
  return { micrograph, status: statusOf(micrograph.results), contribution, repeated };
}

function describe({ motion, ctf, picking, selection }: Results): string {
  const said = [
    motion && `motion ${motion.totalA.toFixed(1)} Å`,
    ctf && `CTF ${ctf.maxResolutionA.toFixed(2)} Å`,
    picking && `${picking.picked} particles`,
    selection && `${selection.selected} kept`,
  ].filter((part) => part !== null);
  return said.length === 0 ? "taken back" : said.join(", ");
}

function summariesOf(all: Partial<Record<Metric, Statistics>>): MetricSummaries {
  return Object.fromEntries(
    Object.entries(all).filter(([, one]) => one.count > 0).map(([metric, one]) => [metric, {
      count: one.count,
      mean: meanOf(one),
      sd: standardDeviationOf(one),
      median: quantileOf(one, 0.5),
    }]),
  );
}
