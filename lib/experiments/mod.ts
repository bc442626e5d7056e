export * from "./model.ts";
export { ownerLabel, ownerOf } from "./owner.ts";
export {
  declaredParameters,
  ParameterDeclaration,
  type ParameterDeclarations,
  parameterValues,
} from "./parameters.ts";
export { holdGate } from "./hold_gate.ts";
export type { Estimate } from "./estimates.ts";
export { runActor, type RunDevices, type RunLocks, type RunTokens } from "./run_deps.ts";
export { Experiments, type ExperimentsOptions, type Submitted } from "./service.ts";
export type { ChangeRefusal, MoveRefusal, Page, Query } from "./store.ts";
export { loadSamples, type Sample, sampleName } from "./samples.ts";
export type { LogPiece, LogRange, StampedLine } from "./run_log.ts";
export type { OpenFile, OutputFile } from "./folders.ts";
export type { DataColumn, RunData } from "./run_data.ts";
export { changeProblem, submitProblem } from "./problems.ts";
export { type Annotation, ANNOTATION_CHARS_MAX } from "./annotations.ts";
export { annotateProblem, AnnotationAsk } from "./annotations_api.ts";
export { experimentsApi, mayChange, publicView } from "./api.ts";
export { stampedText } from "./replies.ts";
export { type Cell, parseCell, parseStamp, splitRow } from "./csv.ts";
