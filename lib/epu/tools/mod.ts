/** Tools around EPU folders that need neither store nor instrument: the command line and tests use them. */
export { anonymousPaths } from "./anonymous.ts";
export { type DuplicateGroup, duplicateHoles, type Observation } from "./duplicates.ts";
export { formatFile, type FormattedFile } from "./format_file.ts";
export { formatXml } from "./format_xml.ts";
export { filesFromListing } from "./from_listing.ts";
export { type GeneratedFile, generateFiles, generateWrites } from "./generate.ts";
export { readListing } from "./listing.ts";
export { type ListingOptions } from "./listing_projects.ts";
export { safePath, UnsafePath } from "./paths.ts";
export { Plan, type PlanAsk, planOf } from "./plan.ts";
export { openRecording } from "./open_recording.ts";
export {
  record,
  type RecordAsk,
  type RecordedCounts,
  Recorder,
  RecordingPlace,
} from "./recorder.ts";
export {
  micrographsOf,
  type NamedMicrograph,
  type Posted,
  postResult,
  processAcquisition,
  type ProcessingAsk,
  RESULT_KINDS,
  type ResultKind,
  resultsOf,
  type Scenario,
  SCENARIOS,
  type WorkflowAsk,
} from "./processing.ts";
export { SmartemCaller, SmartemUnreachable } from "./smartem_caller.ts";
export {
  isBinaryName,
  type RecordedStep,
  type Recording,
  RecordingUnreadable,
} from "./recording.ts";
export { MODES, type Pace, replay, type ReplayAsk, type ReplayReport } from "./replay.ts";
export { simulate, type SimulationAsk, type SimulationEnd } from "./simulate.ts";
export { SimulationUnreadable, STATE_FILE } from "./simulation_state.ts";
export { smoke, type SmokeCheck } from "./smoke.ts";
export { XmlUnreadable } from "./xml_tokens.ts";
export { FolderNotEmpty, requireEmptyFolder, writeFiles, type WrittenFiles } from "./skeleton.ts";
export type { PlannedWrite } from "./timeline.ts";
