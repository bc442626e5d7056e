export { AuthorityFailed, httpAuthority, type HttpAuthorityOptions } from "./authorities/http.ts";
export { type Recorded, replay } from "./authorities/replay.ts";
export type {
  Budget,
  DecisionAuthority,
  Snapshot,
  SnapshotHole,
  SnapshotObservation,
  SnapshotSquare,
} from "./authority.ts";
export type { DecideRefusal, Proposed } from "./commits.ts";
export type { Comparison, ComparisonPoint } from "./compare.ts";
export { BASELINE, Decisions, type Refreshed, type SettingsRefusal } from "./decisions.ts";
export { agentChannel } from "./effects/agent.ts";
export { athenaChannel, AthenaFailed } from "./effects/athena.ts";
export {
  type Applied,
  type EffectChannel,
  type EffectContext,
  EffectRefused,
} from "./effects/channel.ts";
export { fileChannel } from "./effects/file.ts";
export { recordChannel } from "./effects/record.ts";
export { decisionPrefixes } from "./keys.ts";
export * from "./model.ts";
export type { DecisionsOptions } from "./options.ts";
export type { DecisionStore, LogQuery } from "./store.ts";
export type { Travel } from "./travel.ts";
