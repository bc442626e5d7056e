import { open, readdir, stat } from "node:fs/promises";

/** What validation needs of a file system; paths are absolute or below the working folder. */
export interface FolderSource {
  /** In any order. @throws when the folder cannot be listed */
  list(folder: string): Promise<FolderEntry[]>;
  /** @throws when the file cannot be read; a chunk is valid until the next is asked for */
  read(path: string): AsyncIterable<Uint8Array>;
  /** Bytes, or `null` for what is no readable file. */
  size(path: string): Promise<number | null>;
}

export interface FolderEntry {
  readonly name: string;
  /** `link`: symbolic; never followed, for it may lead anywhere. */
  readonly type: "file" | "folder" | "link" | "other";
}

/** Holds nearly every file there is, image xml of 14 KB, at once. */
const FIRST_CHUNK_BYTES = 32_768;
const CHUNK_BYTES = 262_144;

export const diskSource: FolderSource = {
  async list(folder) {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.map((entry) => ({
      name: entry.name,
      type: entry.isSymbolicLink()
        ? "link"
        : entry.isDirectory()
        ? "folder"
        : entry.isFile()
        ? "file"
        : "other",
    }));
  },
  async *read(path) {
    const file = await open(path, "r");
    try {
      let buffer = new Uint8Array(FIRST_CHUNK_BYTES);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
        if (bytesRead === FIRST_CHUNK_BYTES) buffer = new Uint8Array(CHUNK_BYTES);
      }
    } finally {
      await file.close();
    }
  },
  async size(path) {
    try {
      const found = await stat(path);
      return found.isFile() ? found.size : null;
    } catch {
      // Gone, or behind a folder that is: either way there is no such file for us.
      return null;
    }
  },
};

/** `ENOENT`, `EACCES` ... of a failed file operation. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
