import { readFileSync, statSync, writeFileSync } from "node:fs";
import type { Clock } from "../../clock.ts";
import { nameStamp } from "./facts.ts";
import { formatXml } from "./format_xml.ts";
import { replaceFile } from "./whole_file.ts";

export interface FormattedFile {
  readonly isChanged: boolean;
  /** The copy of the file as it was; `null`: none was asked for, or nothing changed. */
  readonly backup: string | null;
}

/**
 * Lays out one file anew where it lies: whole or not at all.
 *
 * @throws {XmlUnreadable}, and what the file system says; the file is then as it was.
 */
export function formatFile(
  file: string,
  { clock, keepBackup, dryRun }: { clock: Clock; keepBackup: boolean; dryRun: boolean },
): FormattedFile {
  const before = readFileSync(file);
  const after = formatXml(before);
  const isChanged = !before.equals(after);
  if (!isChanged || dryRun) return { isChanged, backup: null };
  let backup: string | null = null;
  if (keepBackup) {
    backup = `${file}.${nameStamp(clock.nowMs(), 0)}.bak`;
    writeFileSync(backup, before, { flag: "wx" });
  }
  replaceFile(file, after, statSync(file).mode);
  return { isChanged, backup };
}
