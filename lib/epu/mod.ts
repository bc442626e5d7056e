export { epuApi } from "./api.ts";
export { epuAcquisitionsApi } from "./api_acquisitions.ts";
export { epuDecisionsApi } from "./api_decisions.ts";
export { epuImagesApi } from "./api_images.ts";
export { epuResultsApi } from "./api_results.ts";
export { epuSteeringApi } from "./api_steering.ts";
export { isFinished, isTarget } from "./counts.ts";
export { canonicalDump } from "./dump.ts";
export type { Taken } from "./ingest.ts";
export type { DriveMapping } from "./ingest_atlas.ts";
export * from "./model.ts";
export { Epu, type EpuFolder, type EpuOptions, rootsOf } from "./service.ts";
export type { DeleteRefusal } from "./service_delete.ts";
export type { AgentFeed, AskAgent, Unreachable } from "./service_feed.ts";
export type { AcquisitionAsk, Upsert, UpsertRefusal } from "./service_upsert.ts";
export {
  type AcquisitionsQuery,
  EpuStore,
  type FilesQuery,
  type FindingsQuery,
  type HolesQuery,
  type MicrographsQuery,
  type OrphansQuery,
  type Page,
  PAGE_MAX,
  type SquaresQuery,
} from "./store.ts";
export type { WatcherStatus } from "./watch/mod.ts";
export * from "./decisions/mod.ts";
export * from "./instructions/mod.ts";
export * from "./outbox/mod.ts";
export * from "./predictions/mod.ts";
export { type Metric, METRIC_KINDS, metricOf, METRICS } from "./quality/metrics.ts";
export * from "./results/mod.ts";
export { Steering, type SteeringOptions } from "./steering.ts";
export { type WatchAsk, type Watched, watchFolder } from "./service_watch.ts";
