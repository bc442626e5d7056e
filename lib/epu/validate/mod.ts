/**
 * Says of a folder whether it is an EPU session's (valid) and whether it is whole (complete). Reads every
 * xml once, one square at a time.
 */
import { type FolderEntry, type FolderSource } from "./source.ts";
import { below } from "./look.ts";
import { isProject, type ValidateOptions, validateProject } from "./project.ts";
import type { Validation } from "./report.ts";
import { join } from "node:path";

export { diskSource, errorCode, type FolderEntry, type FolderSource } from "./source.ts";
export { isProject, type ValidateOptions, validateProject } from "./project.ts";
export type { ProjectCounts, Validation } from "./report.ts";

/** Folders below which no session is sought: a visit holds its sessions one or two folders down. */
const DEPTH_MAX = 4;

/**
 * The session's folders at or below `root`, relative. Where some are found, an empty folder beside them is
 * one as well: a session that was started and never written. None is found: `root` itself, to be told so.
 *
 * @throws when `root` cannot be listed
 */
export async function findProjects(source: FolderSource, root: string): Promise<string[]> {
  const entries = await source.list(root);
  if (isProject(entries)) return [""];
  const found = await projectsBelow(source, root, "", entries, 1);
  return found.length === 0 ? [""] : found;
}

async function projectsBelow(
  source: FolderSource,
  root: string,
  folder: string,
  entries: readonly FolderEntry[],
  depth: number,
): Promise<string[]> {
  const own: string[] = [];
  const empty: string[] = [];
  const deeper: string[] = [];
  for (const { name, type } of entries.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
    if (type !== "folder") continue;
    const path = below(folder, name);
    let inner: FolderEntry[];
    try {
      inner = await source.list(join(root, path));
    } catch {
      // A folder that may not be listed is no session we could say anything of.
      continue;
    }
    if (isProject(inner)) own.push(path);
    else if (inner.length === 0) empty.push(path);
    else if (depth < DEPTH_MAX) {
      deeper.push(...await projectsBelow(source, root, path, inner, depth + 1));
    }
  }
  return [...own, ...(own.length > 0 ? empty : []), ...deeper].toSorted();
}

/** Every session's folder at or below `root`, one after another. */
export async function* validate(
  source: FolderSource,
  root: string,
  options: ValidateOptions = {},
): AsyncGenerator<Validation> {
  for (const project of await findProjects(source, root)) {
    yield await validateProject(source, root, project, options);
  }
}
