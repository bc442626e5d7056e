export { resultPrefixes } from "./keys.ts";
export * from "./model.ts";
export {
  type MetricSummaries,
  type MetricSummary,
  type MicrographAsk,
  type MicrographFinder,
  type ResultRefusal,
  ResultStore,
  type TakenIn,
  type TrendQuery,
} from "./store.ts";
