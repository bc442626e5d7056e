import { DatabaseSync } from "node:sqlite";
import { fileError } from "./data_folder_errors.ts";

/** Above this a whole check would keep a Raspberry Pi from starting for many seconds. */
const WHOLE_BYTES_MAX = 128 * 1024 * 1024;

/**
 * Looks whether the SQLite file is sound: `null`, or what was found. A file that is not there, or is empty,
 * is a new one and sound. Large ones are opened and their tables looked up, no more.
 *
 * Not while this process has the file open as plain file: closing that would drop SQLite's locks.
 *
 * @throws {DataFolderUnwritable} when the file cannot be opened for writing.
 */
export function checkDatabase(
  file: string,
): { file: string; found: string; cause?: unknown } | null {
  let bytes: number;
  try {
    using opened = Deno.openSync(file, { read: true, write: true });
    bytes = opened.statSync().size;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return null;
    throw fileError(`open "${file}"`, cause);
  }
  if (bytes === 0) return null;
  try {
    const database = new DatabaseSync(file);
    try {
      if (bytes > WHOLE_BYTES_MAX) {
        database.prepare("SELECT count(*) FROM sqlite_schema").get();
        return null;
      }
      const [row] = database.prepare("PRAGMA quick_check(1)").all();
      const found = String(row?.["quick_check"]).replaceAll(/\s+/g, " ");
      return found === "ok" ? null : { file, found };
    } finally {
      database.close();
    }
  } catch (cause) {
    return { file, found: cause instanceof Error ? cause.message : String(cause), cause };
  }
}
