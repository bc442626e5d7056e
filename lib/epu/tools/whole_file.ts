import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";

/** Puts `bytes` in the place of a file, whole or not at all, also when the power fails meanwhile. */
export function replaceFile(file: string, bytes: Uint8Array | string, mode?: number): void {
  const temporary = `${file}.${crypto.randomUUID().slice(0, 8)}.new`;
  try {
    const handle = openSync(temporary, "wx");
    try {
      // The umask has no say in the mode of a file that was there before.
      if (mode !== undefined) fchmodSync(handle, mode & 0o7777);
      writeFileSync(handle, bytes);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
