import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "./clock.ts";

/** Lines waiting for the disk beyond this are dropped, and counted. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** After trouble with the disk, how long until the file is tried again. */
const RETRY_MS = 30_000;

/**
 * An append-only file of lines with numbered predecessors (`log`, `log.1`, `log.2`). Writes go out in
 * batches, off the event loop, and are never synced one by one. When the disk fails, `onTrouble` is told
 * once, lines are dropped and counted, and the file is tried again later.
 */
export class LogFile {
  #file: Deno.FsFile | null = null;
  #size = 0;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #broken: { sinceMs: number } | null = null;
  #work: Promise<void> | null = null;

  constructor(
    private readonly options: {
      readonly path: string;
      readonly clock: Clock;
      readonly sizeBytesMax: number;
      readonly filesMax: number;
      readonly onTrouble: (text: string) => void;
    },
  ) {}

  /** Takes one line with its line end. Returns at once. */
  write(line: string): void {
    const { clock } = this.options;
    const tooSoon = this.#broken !== null &&
      clock.monotonicMs() - this.#broken.sinceMs < RETRY_MS;
    const bytes = new TextEncoder().encode(line);
    if (tooSoon || this.#waitingBytes + bytes.length > WAITING_BYTES_MAX) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#work ??= this.#drain();
  }

  async flush(): Promise<void> {
    while (this.#work !== null) await this.#work;
  }

  async close(): Promise<void> {
    await this.flush();
    this.#closeFile();
  }

  flushSync(): void {
    try {
      for (const bytes of this.#takeWaiting()) this.#openFile().writeSync(bytes);
    } catch {
      // The process is ending and the lines stood on stderr already.
    }
  }

  async #drain(): Promise<void> {
    // Lets lines of the same moment gather into one write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const lines = this.#takeWaiting();
      try {
        await this.#writeAll(lines);
        this.#recovered();
      } catch (error) {
        this.#failed(error as Error, lines.length);
      }
    }
    this.#work = null;
  }

  async #writeAll(lines: readonly Uint8Array[]): Promise<void> {
    let batch: Uint8Array[] = [];
    let bytes = 0;
    for (const line of lines) {
      const file = this.#openFile();
      if (this.#size + bytes > 0 && this.#size + bytes + line.length > this.options.sizeBytesMax) {
        await writeTo(file, batch);
        batch = [];
        bytes = 0;
        await this.#rotate();
      }
      batch.push(line);
      bytes += line.length;
    }
    await writeTo(this.#openFile(), batch);
    this.#size += bytes;
  }

  #openFile(): Deno.FsFile {
    if (this.#file === null) {
      const { path } = this.options;
      mkdirSync(dirname(path), { recursive: true });
      this.#file = Deno.openSync(path, { append: true, create: true, mode: 0o640 });
      this.#size = this.#file.statSync().size;
    }
    return this.#file;
  }

  async #rotate(): Promise<void> {
    this.#closeFile();
    const { path, filesMax } = this.options;
    const nameOf = (n: number) => n === 0 ? path : `${path}.${n}`;
    if (filesMax === 1) await Deno.remove(path);
    for (let n = filesMax - 2; n >= 0; n--) {
      await Deno.rename(nameOf(n), nameOf(n + 1)).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
    this.#openFile();
  }

  #closeFile(): void {
    this.#file?.close();
    this.#file = null;
  }

  #takeWaiting(): Uint8Array[] {
    const lines = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return lines;
  }

  #failed(error: Error, lines: number): void {
    this.#dropped += lines;
    const known = this.#broken !== null;
    this.#broken = { sinceMs: this.options.clock.monotonicMs() };
    try {
      this.#closeFile();
    } catch {
      this.#file = null;
    }
    if (!known) {
      this.options.onTrouble(
        `The log file cannot be written, lines go to stderr only: ${error.message}`,
      );
    }
  }

  #recovered(): void {
    if (this.#broken !== null) {
      this.options.onTrouble(
        `The log file can be written again; ${this.#dropped} lines are missing in it`,
      );
    } else if (this.#dropped > 0) {
      this.options.onTrouble(
        `The disk was too slow for the log; ${this.#dropped} lines are missing in it`,
      );
    }
    this.#broken = null;
    this.#dropped = 0;
  }
}

async function writeTo(file: Deno.FsFile, batch: readonly Uint8Array[]): Promise<void> {
  const bytes = new Uint8Array(batch.reduce((sum, line) => sum + line.length, 0));
  let at = 0;
  for (const line of batch) {
    bytes.set(line, at);
    at += line.length;
  }
  for (let sent = 0; sent < bytes.length;) sent += await file.write(bytes.subarray(sent));
}
