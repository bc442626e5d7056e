/**
 * The reader of EPU's files: pure functions from a path and bytes to what the file says. No file system, no
 * clock, no store, so that an agent with no rights but one folder's can use it.
 */
export * from "./files.ts";
export { fileKindOf, type NamedFile, type NamedKind, type NameStamp } from "./names.ts";
export { HEAD_BYTES, isComplete, TAIL_BYTES } from "./complete.ts";
export { EpuFileReader, readEpuFile, readEpuStream } from "./reader.ts";
