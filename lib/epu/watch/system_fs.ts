import { join } from "node:path";
import { hintsBelow } from "./folder_hints.ts";
import { isMissing, type Look, type WatchFs } from "./fs.ts";

/** Looks at once: enough to hide the latency of a network share. */
const LOOKS_AT_ONCE = 32;

/** This machine's file system, POSIX or Windows. */
export const systemFs: WatchFs = {
  async list(folder) {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(folder)) names.push(name);
    const found: { name: string; look: Look }[] = [];
    for (let i = 0; i < names.length; i += LOOKS_AT_ONCE) {
      const some = names.slice(i, i + LOOKS_AT_ONCE);
      const looks = await Promise.all(some.map((name) => lookOrNothing(folder, name)));
      for (const [at, look] of looks.entries()) {
        if (look !== null) found.push({ name: some[at]!, look });
      }
    }
    return found;
  },
  look,
  async read(path, bytesMax) {
    using file = await Deno.open(path, { read: true });
    const before = lookOf(await file.stat());
    if (before.sizeBytes > bytesMax) {
      throw new RangeError(`It has ${before.sizeBytes} bytes, more than ${bytesMax}`);
    }
    const bytes = new Uint8Array(before.sizeBytes);
    let at = 0;
    while (at < bytes.length) {
      const count = await file.read(bytes.subarray(at));
      if (count === null) break;
      at += count;
    }
    const after = lookOf(await file.stat());
    return { bytes: bytes.subarray(0, at), look: after };
  },
  async real(path) {
    try {
      return await Deno.realPath(path);
    } catch {
      return null;
    }
  },
  async watch(folder, hint) {
    // Elsewhere the system itself watches a whole tree, and follows no links.
    if (Deno.build.os === "linux") return await hintsBelow(folder, hint);
    let watcher: Deno.FsWatcher;
    try {
      watcher = Deno.watchFs(folder, { recursive: true });
    } catch {
      // No watcher on this file system: the scan alone finds everything.
      return () => {};
    }
    (async () => {
      for await (const { kind, paths, flag } of watcher) {
        if (flag === "rescan") hint(null);
        else if (kind !== "access") hint(paths);
      }
    })().catch(() => hint(null));
    return () => {
      try {
        watcher.close();
      } catch {
        // It ended by itself.
      }
    };
  },
};

async function look(path: string): Promise<Look> {
  return lookOf(await Deno.lstat(path));
}

async function lookOrNothing(folder: string, name: string): Promise<Look | null> {
  try {
    return await look(join(folder, name));
  } catch (error) {
    // A name that is no text is listed with signs in the place of its bytes, and never found under it.
    if (isMissing(error) && !name.includes("\uFFFD")) return null;
    return { kind: "other", sizeBytes: 0, mtimeMs: 0, fileId: null };
  }
}

function lookOf(info: Deno.FileInfo): Look {
  const kind = info.isSymlink
    ? "link"
    : info.isDirectory
    ? "folder"
    : info.isFile
    ? "file"
    : "other";
  return {
    kind,
    sizeBytes: info.size,
    mtimeMs: info.mtime?.getTime() ?? 0,
    fileId: info.ino === null || info.ino === 0 ? null : `${info.dev}:${info.ino}`,
  };
}
