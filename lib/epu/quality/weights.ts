/** No model's weight falls below this, so that one that was wrong early can be right later. */
export const WEIGHT_FLOOR = 0.01;
/** A likelihood below this counts as this: no single exposure ends a model. */
const LIKELIHOOD_FLOOR = 0.01;
/** Models that may be weighed against each other on one acquisition. */
export const MODELS_MAX = 50;

/** A number per prediction model: weights sum to 1, predictions are 0 to 1. */
export type ByModel = Readonly<Record<string, number>>;

/** Equal weights. @throws {RangeError} for more than `MODELS_MAX` models. */
export function startWeights(models: readonly string[]): ByModel {
  if (models.length > MODELS_MAX) {
    throw new RangeError(`Cannot weigh ${models.length} models: at most ${MODELS_MAX}`);
  }
  return Object.fromEntries([...models].sort().map((model) => [model, 1 / models.length]));
}

/** The same models with room made for those in `models` that are new; each of them gets an equal part. */
export function withModels(weights: ByModel, models: readonly string[]): ByModel {
  const added = models.filter((model) => !Object.hasOwn(weights, model));
  if (added.length === 0) return weights;
  const names = [...Object.keys(weights), ...added];
  const equal = startWeights(names);
  const kept = Object.keys(weights).length / names.length;
  return withSum(
    Object.fromEntries(
      names.map((name) => [name, (weights[name] ?? 0) * kept || equal[name]!]),
    ),
    1,
  );
}

/** How well each prediction fits an exposure of quality `quality`, from `LIKELIHOOD_FLOOR` to 1. */
export function likelihoods(predictions: ByModel, quality: number): ByModel {
  return Object.fromEntries(
    Object.entries(predictions).map(([model, prediction]) => {
      const fit = quality * prediction + (1 - quality) * (1 - prediction);
      return [model, Math.max(LIKELIHOOD_FLOOR, fit)];
    }),
  );
}

/**
 * Weights after the models named in `factors` were told how well they did; the others keep theirs. With
 * `likelihoods` as factors this is one step of Bayes' rule; with the ratio of two likelihoods it puts a
 * corrected exposure in the place of the one that was counted.
 */
export function reweighed(weights: ByModel, factors: ByModel): ByModel {
  const told = Object.keys(weights).filter((model) => Object.hasOwn(factors, model));
  if (told.length < 2) return weights;
  const share = told.reduce((sum, model) => sum + weights[model]!, 0);
  const raw = Object.fromEntries(told.map((model) => [model, weights[model]! * factors[model]!]));
  return { ...weights, ...withSum(raw, share) };
}

/** `raw` scaled to `sum`, none below the floor. */
function withSum(raw: ByModel, sum: number): ByModel {
  // Weights never sum to less than their floors; rounding may say so by a hair.
  const floor = Math.min(WEIGHT_FLOOR, sum / Object.keys(raw).length);
  const ascending = Object.entries(raw).sort(([, a], [, b]) => a - b);
  let left = sum;
  let leftRaw = ascending.reduce((total, [, value]) => total + value, 0);
  const scaled: Record<string, number> = {};
  for (const [i, [model, value]] of ascending.entries()) {
    // Once one is above the floor all larger ones are.
    const weight = leftRaw > 0 ? value * left / leftRaw : left / (ascending.length - i);
    scaled[model] = Math.max(floor, weight);
    left -= scaled[model];
    leftRaw -= value;
  }
  return scaled;
}

/**
 * One score from predictions of several metrics: the geometric mean of each metric's weighted mean. Models
 * without a prediction and metrics without any are left out; `null` when nothing is left.
 */
export function scoreOf(
  metrics: readonly { readonly weights: ByModel; readonly predictions: ByModel }[],
): number | null {
  let product = 1;
  let count = 0;
  for (const { weights, predictions } of metrics) {
    let sum = 0;
    let weight = 0;
    for (const [model, prediction] of Object.entries(predictions)) {
      const own = weights[model] ?? 0;
      sum += own * prediction;
      weight += own;
    }
    if (weight === 0) continue;
    product *= Math.min(1, Math.max(0, sum / weight));
    count++;
  }
  return count === 0 ? null : product ** (1 / count);
}
