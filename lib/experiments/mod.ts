export * from "./model.ts";
export { ownerLabel, ownerOf } from "./owner.ts";
export { runActor, type RunDevices, type RunLocks, type RunTokens } from "./queue.ts";
export { Experiments, type ExperimentsOptions, type Submitted } from "./service.ts";
export type { ChangeRefusal, MoveRefusal, Page, Query } from "./store.ts";
export { loadSamples, type Sample } from "./samples.ts";
export type { LogPiece, LogRange, StampedLine } from "./run_log.ts";
export type { OpenFile, OutputFile } from "./folders.ts";
