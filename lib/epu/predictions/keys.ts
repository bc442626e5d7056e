/** `PredictionModel`. */
export function modelKey(name?: string): Deno.KvKey {
  return name === undefined ? ["epu", "prediction_model"] : ["epu", "prediction_model", name];
}

/** `Predictions` of a square, or of a hole. */
export function predictionKey(a: string, squareId: number, holeId: number | null): Deno.KvKey {
  return holeId === null
    ? ["epu", "square_prediction", a, squareId]
    : ["epu", "hole_prediction", a, squareId, holeId];
}

/** All of one level; of holes those of one square where it is named. */
export function predictionPrefix(
  a: string,
  level: "square" | "hole",
  squareId?: number,
): Deno.KvKey {
  if (level === "square") return ["epu", "square_prediction", a];
  return squareId === undefined
    ? ["epu", "hole_prediction", a]
    : ["epu", "hole_prediction", a, squareId];
}

/** `PredictionRow`; hole 0 is the square itself. */
export function predictionRowKey(
  a: string,
  squareId?: number,
  holeId?: number,
  id?: string,
): Deno.KvKey {
  const parts = [squareId, holeId, id].filter((part) => part !== undefined);
  return ["epu", "prediction_row", a, ...parts];
}

/** `Weights`. */
export function weightKey(a: string, metric?: string): Deno.KvKey {
  return metric === undefined ? ["epu", "model_weight", a] : ["epu", "model_weight", a, metric];
}

/** `WeightRow`. */
export function weightRowKey(a: string, id?: string): Deno.KvKey {
  return id === undefined ? ["epu", "weight_row", a] : ["epu", "weight_row", a, id];
}

/** `Parameter`. */
export function parameterKey(a: string, model?: string, group?: string, key?: string): Deno.KvKey {
  const parts = [model, group, key].filter((part) => part !== undefined);
  return ["epu", "model_parameter", a, ...parts];
}

/** `HoleGroup`. */
export function groupKey(a: string, id?: string): Deno.KvKey {
  return id === undefined ? ["epu", "hole_group", a] : ["epu", "hole_group", a, id];
}

/** `Overall`. */
export function overallKey(a: string, squareId?: number): Deno.KvKey {
  return squareId === undefined
    ? ["epu", "overall_prediction", a]
    : ["epu", "overall_prediction", a, squareId];
}

/** `PredictionTotals`. */
export const totalsKey: Deno.KvKey = ["epu", "prediction_total"];

/** All that this part keeps of one acquisition. */
export function predictionPrefixes(a: string): Deno.KvKey[] {
  return [
    predictionPrefix(a, "square"),
    predictionPrefix(a, "hole"),
    predictionRowKey(a),
    weightKey(a),
    weightRowKey(a),
    parameterKey(a),
    groupKey(a),
    overallKey(a),
  ];
}
