import { join } from "node:path";

/** More folders than this are left to the scan: each takes one of the system's watches. */
const FOLDERS_MAX = 20_000;

/**
 * The system's word of changes below `folder`, without following links: a recursive watch of Linux walks into
 * every link, and one to `/` would have it watch the whole machine. Folders that come later are found by the
 * word of their parent, and told, for files may have come before anybody listened.
 */
export async function hintsBelow(
  folder: string,
  hint: (paths: readonly string[] | null) => void,
): Promise<() => void> {
  const folders = new Set<string>();
  let watcher: Deno.FsWatcher | null = null;
  let isEnded = false;
  const fresh: string[] = [folder];
  let growing: Promise<void> | null = null;

  /** Listens to what is in `fresh` too, until there is no more of it. */
  async function grow(): Promise<void> {
    while (fresh.length > 0 && !isEnded) {
      const found: string[] = [];
      for (const one of fresh.splice(0)) await collect(one, found);
      const added = found.filter((one) => !folders.has(one));
      if (added.length === 0) continue;
      for (const one of added) folders.add(one);
      if (!await listen()) continue;
      // At the start a scan follows.
      if (!folders.has(folder) || added[0] === folder) continue;
      hint(added);
    }
  }

  /** Whether the system listens to all of `folders` now. */
  async function listen(): Promise<boolean> {
    while (!isEnded && folders.size > 0 && folders.size <= FOLDERS_MAX) {
      try {
        const next = Deno.watchFs([...folders], { recursive: false });
        watcher?.close();
        watcher = next;
        follow(next).catch(() => hint(null));
        return true;
      } catch {
        const { size } = folders;
        for (const one of [...folders]) if (!await isFolder(one)) folders.delete(one);
        // All are there: no watches are left, or no such thing on this file system. The scan finds everything.
        if (folders.size === size) break;
      }
    }
    return false;
  }

  async function follow(own: Deno.FsWatcher): Promise<void> {
    for await (const { kind, paths, flag } of own) {
      if (flag === "rescan") {
        hint(null);
        fresh.push(folder);
      } else if (kind !== "access") {
        hint(paths);
        if (kind === "create" || kind === "rename" || kind === "other") {
          for (const path of paths) if (await isFolder(path)) fresh.push(path);
        } else if (kind === "remove") { for (const path of paths) folders.delete(path); }
      }
      if (fresh.length > 0) growing ??= grow().finally(() => growing = null);
    }
  }

  await grow();
  return () => {
    isEnded = true;
    try {
      watcher?.close();
    } catch {
      // It ended by itself.
    }
  };
}

async function collect(folder: string, into: string[]): Promise<void> {
  if (into.length > FOLDERS_MAX || !await isFolder(folder)) return;
  into.push(folder);
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory) await collect(join(folder, name), into);
    }
  } catch {
    // Gone, or closed to us: the scan says which.
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.lstat(path)).isDirectory;
  } catch {
    return false;
  }
}
