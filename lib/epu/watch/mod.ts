/** Watching folders: from names and bytes to batches of what files say. File system and clock are given. */
export { systemClock } from "../../clock.ts";
export { isMissing, type Look, type WatchFs } from "./fs.ts";
export { isWithin } from "./scan.ts";
export { WATCH_SETTINGS, type WatchSettings } from "./settings.ts";
export { systemFs } from "./system_fs.ts";
export { readingOf, type TakenFile } from "./take.ts";
export {
  type KnownFile,
  Watcher,
  type WatcherOptions,
  type WatcherStatus,
  type WatchRoot,
} from "./watcher.ts";
