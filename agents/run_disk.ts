import { statfsSync } from "node:fs";

/** Bytes on disk below a folder, in MiB; links are not followed. */
export function folderMb(folder: string): number {
  let bytes = 0;
  const waiting = [folder];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    try {
      for (const entry of Deno.readDirSync(next)) {
        const path = `${next}/${entry.name}`;
        if (entry.isDirectory) waiting.push(path);
        else bytes += bytesOf(path);
      }
    } catch {
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

/** Room left on the disk of `path`, MiB. */
export function freeMbOf(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize / 1_048_576;
}
