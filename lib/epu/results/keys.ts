/** `Statistics`. */
export function statisticsKey(a: string, metric?: string): Deno.KvKey {
  return metric === undefined ? ["epu", "metric", a] : ["epu", "metric", a, metric];
}

/** `SquareStatistics`. */
export function squareMetricKey(a: string, squareId?: number): Deno.KvKey {
  return squareId === undefined
    ? ["epu", "square_metric", a]
    : ["epu", "square_metric", a, squareId];
}

/** `Contribution`. */
export function contributionKey(a: string, micrographId?: string): Deno.KvKey {
  return micrographId === undefined
    ? ["epu", "contribution", a]
    : ["epu", "contribution", a, micrographId];
}

/** `Asked`. */
export function askedKey(idempotencyKey?: string): Deno.KvKey {
  return idempotencyKey === undefined
    ? ["epu", "results_asked"]
    : ["epu", "results_asked", idempotencyKey];
}

/** All that this part keeps of one acquisition. */
export function resultPrefixes(a: string): Deno.KvKey[] {
  return [statisticsKey(a), squareMetricKey(a), contributionKey(a)];
}
