import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";

/** A file that is changed where it lies, as EPU does: made if need be, never replaced by another. */
export class InPlaceFile implements Disposable {
  readonly #handle: number;

  constructor(file: string) {
    this.#handle = openForUpdate(file);
  }
  /** Longer than it is: the rest reads as zeros and takes no room on disk. */
  truncate(size: number): void {
    ftruncateSync(this.#handle, size);
  }
  write(bytes: Uint8Array, at: number): void {
    for (let done = 0; done < bytes.length;) {
      done += writeSync(this.#handle, bytes, done, bytes.length - done, at + done);
    }
  }
  [Symbol.dispose](): void {
    closeSync(this.#handle);
  }
}

function openForUpdate(file: string): number {
  try {
    return openSync(file, "r+");
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
    return openSync(file, "wx+");
  }
}
