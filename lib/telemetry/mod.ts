export * from "./model.ts";
export { Telemetry } from "./store.ts";
export type { TelemetryOptions, TelemetryStatus } from "./store.ts";
export type { TelemetryFault } from "./faults.ts";
export { TelemetryUnavailable } from "./file_errors.ts";
export type { SeriesAsk } from "./series.ts";
export { LiveStream } from "./stream.ts";
export type {
  StreamAsk,
  StreamEvents,
  StreamOptions,
  StreamSources,
  StreamStatus,
} from "./stream.ts";
export type { ExportAsk, ExportTable } from "./export.ts";
export { streamApi, telemetryApi } from "./api.ts";
export type { ChannelUnit } from "./api.ts";
