import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { GeneratedFile } from "./generate.ts";
import { safePath } from "./paths.ts";

/** The folder to write into holds something. */
export class FolderNotEmpty extends Error {
  override readonly name = "FolderNotEmpty";
}

/** @throws {FolderNotEmpty} */
export function requireEmptyFolder(dir: string): void {
  let entries: string[];
  try {
    entries = readdirSync(dir);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return;
    throw error;
  }
  if (entries.length > 0) {
    throw new FolderNotEmpty(
      `"${dir}" is not empty (it holds "${entries[0]}"); name a folder that is not there yet`,
    );
  }
}

export interface WrittenFiles {
  readonly files: number;
  readonly bytes: number;
}

const REPORT_EVERY = 1000;

/** Writes every file below `dir`, each with its time, making folders as needed. */
export function writeFiles(
  dir: string,
  files: Iterable<GeneratedFile>,
  onProgress: (soFar: WrittenFiles) => void = () => {},
): WrittenFiles {
  const made = new Set<string>();
  let count = 0;
  let total = 0;
  for (const { path, bytes, atMs } of files) {
    const file = join(dir, safePath(path));
    const folder = dirname(file);
    if (!made.has(folder)) {
      mkdirSync(folder, { recursive: true });
      made.add(folder);
    }
    writeFileSync(file, bytes, { flag: "wx" });
    utimesSync(file, atMs / 1000, atMs / 1000);
    total += bytes.length;
    if (++count % REPORT_EVERY === 0) onProgress({ files: count, bytes: total });
  }
  return { files: count, bytes: total };
}
