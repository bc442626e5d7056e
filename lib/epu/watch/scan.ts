import { isMissing, type Look, type WatchFs } from "./fs.ts";

/** A folder this deep below the watched one is not EPU's. */
const DEPTH_MAX = 24;

export interface ScanReport {
  /** Folders that could not be listed, below the root; "" is the root itself. */
  readonly unlisted: {
    readonly path: string;
    readonly error: string;
    readonly isMissing: boolean;
  }[];
  /** Links that lead out of every watched folder. */
  readonly strayLinks: string[];
  /** Neither files nor folders nor links, or not to be looked at. */
  readonly others: string[];
}

export interface ScanTarget {
  /** Absolute folder of the root. */
  readonly dir: string;
  /** Where to begin, below it: "" for all. */
  readonly below: string;
  /** Real paths of all watched folders: a link may lead nowhere else. */
  readonly reals: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Walks a folder and tells of every file. Links are not followed: one that leads to a place that is watched
 * is found there, any other is refused.
 */
export async function scan(
  fs: WatchFs,
  { dir, below, reals, signal }: ScanTarget,
  onFile: (path: string, look: Look) => void,
): Promise<ScanReport> {
  const report: ScanReport = { unlisted: [], strayLinks: [], others: [] };
  const folders: { path: string; depth: number }[] = [{ path: below, depth: 0 }];
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    if (signal.aborted) break;
    const { path: folder, depth } = next;
    let entries: Awaited<ReturnType<WatchFs["list"]>>;
    try {
      entries = await fs.list(absolute(dir, folder));
    } catch (error) {
      report.unlisted.push({
        path: folder,
        error: error instanceof Error ? error.message : String(error),
        isMissing: isMissing(error),
      });
      continue;
    }
    // The same order everywhere: an image's xml, jpg and movie stand side by side.
    entries.sort((a, b) => a.name < b.name ? -1 : 1);
    for (const { name, look } of entries) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (look.kind === "folder") {
        if (depth < DEPTH_MAX) folders.push({ path, depth: depth + 1 });
      } else if (look.kind === "link") {
        const real = await fs.real(absolute(dir, path));
        if (real !== null && !reals.some((one) => isWithin(one, real))) {
          report.strayLinks.push(path);
        }
      } else if (look.kind === "file") onFile(path, look);
      else report.others.push(path);
    }
  }
  return report;
}

/** A root's folder and a path below it, with this system's slashes taken as they come. */
export function absolute(dir: string, path: string): string {
  return path === "" ? dir : `${dir.replace(/[\\/]+$/, "")}/${path}`;
}

/** Whether `path` is `folder` or lies in it; either slash, and as the system writes them otherwise. */
export function isWithin(folder: string, path: string): boolean {
  const outer = slashed(folder);
  const inner = slashed(path);
  return inner === outer || inner.startsWith(`${outer}/`);
}

/** `path` below `folder`, forward slashes; `null` where it is not there. */
export function below(folder: string, path: string): string | null {
  if (!isWithin(folder, path)) return null;
  return slashed(path).slice(slashed(folder).length + 1);
}

function slashed(path: string): string {
  // `\\?\C:\` is how Windows writes the real path of `C:\`.
  return path.replace(/^\\\\\?\\/, "").replaceAll("\\", "/").replace(/\/+$/, "");
}
