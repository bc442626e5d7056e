/** What one look at a name gives. */
export interface Look {
  readonly kind: "file" | "folder" | "link" | "other";
  readonly sizeBytes: number;
  /** Epoch ms; 0 where the file system gives none. */
  readonly mtimeMs: number;
  /** Tells one file from another where the system has such a number. */
  readonly fileId: string | null;
}

/** The file system as the watcher needs it; nothing here writes. Paths are absolute. */
export interface WatchFs {
  /** Names in a folder with a look at each, in no order; names that vanish meanwhile are left out. */
  list(folder: string): Promise<{ readonly name: string; readonly look: Look }[]>;
  /** Does not follow links. */
  look(path: string): Promise<Look>;
  /** All bytes, and the look of what was opened. @throws {RangeError} beyond `bytesMax` */
  read(
    path: string,
    bytesMax: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly look: Look }>;
  /** Without links; `null` where it leads nowhere. */
  real(path: string): Promise<string | null>;
  /** Tells of paths that may have changed, `null` when some were lost; the returned function ends it. */
  watch(
    folder: string,
    hint: (paths: readonly string[] | null) => void,
  ): Promise<() => void>;
}

/** What is missing, as every system says it. */
export function isMissing(error: unknown): boolean {
  if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
    return true;
  }
  const { code } = error as { code?: unknown };
  return code === "ENOENT" || code === "ENOTDIR";
}
