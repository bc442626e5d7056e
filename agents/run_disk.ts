import { statfsSync } from "node:fs";

/** What each file and folder takes beside its content: its inode and its line in the folder above. */
const ENTRY_BYTES = 4096;

/**
 * MiB on disk below a folder; links are not followed. `Infinity` where a folder cannot be read: nobody
 * knows what grows in there.
 */
export function folderMb(folder: string): number {
  let bytes = 0;
  const waiting = [folder];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    try {
      for (const entry of Deno.readDirSync(next)) {
        const path = `${next}/${entry.name}`;
        bytes += ENTRY_BYTES;
        if (entry.isDirectory) waiting.push(path);
        else bytes += bytesOf(path);
      }
    } catch (error) {
      if (error instanceof Deno.errors.PermissionDenied) return Infinity;
      // Removed by the script while we looked.
    }
  }
  return bytes / 1_048_576;
}

function bytesOf(path: string): number {
  try {
    const { size, blocks } = Deno.lstatSync(path);
    // A file with holes counts what it takes, a compressed one what it says.
    return blocks === null ? size : Math.min(size, blocks * 512);
  } catch {
    return 0;
  }
}

/**
 * Lets our own user read, and remove, what a script left below a folder, whatever rights it set, and takes
 * away what would run as somebody else. Only once nothing of the script lives: it could put a link in the way.
 */
export function openUp(folder: string): void {
  const waiting = [folder];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    try {
      const { mode, isFile, isDirectory } = Deno.lstatSync(next);
      if (!isFile && !isDirectory || mode === null) continue;
      const wanted = mode & 0o777 | (isDirectory ? 0o700 : 0o600);
      if (wanted !== (mode & 0o7777)) Deno.chmodSync(next, wanted);
      if (!isDirectory) continue;
      for (const { name } of Deno.readDirSync(next)) waiting.push(`${next}/${name}`);
    } catch {
      // Another user's, by whatever way it came there: it stays as it is.
    }
  }
}

/** Room left on the disk of `path`, MiB. */
export function freeMbOf(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize / 1_048_576;
}
