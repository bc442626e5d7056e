/** At most one line of `log.times` in this long: what a line's stamp can be early by. */
const STAMP_MS = 250;

/**
 * The run's log: the script's output as it came, byte for byte, up to a limit. Past it a marker line is
 * written, the rest is counted and dropped, and the script keeps running.
 */
export class RunLog {
  #bytes: number;
  #dropped = 0;
  #stampedAtMs = -Infinity;
  #lastByte = 10;

  private constructor(
    private readonly log: Deno.FsFile,
    private readonly times: Deno.FsFile,
    private readonly bytesMax: number,
    bytes: number,
  ) {
    this.#bytes = bytes;
  }

  /** Goes on where an earlier attempt's log in the same files ended. */
  static open(path: string, timesPath: string, bytesMax: number): RunLog {
    const options = { create: true, append: true } as const;
    const log = Deno.openSync(path, options);
    return new RunLog(log, Deno.openSync(timesPath, options), bytesMax, log.statSync().size);
  }

  /** @throws what the file system throws: a full disk, most likely. */
  write(chunk: Uint8Array): void {
    const room = this.bytesMax - this.#bytes;
    if (this.#dropped > 0 || room <= 0) {
      this.#drop(chunk.length);
      return;
    }
    const kept = chunk.length <= room ? chunk : chunk.subarray(0, room);
    this.#append(kept);
    if (kept.length < chunk.length) this.#drop(chunk.length - kept.length);
  }

  /** A line of our own; it counts to no limit. */
  note(text: string): void {
    this.#append(
      new TextEncoder().encode(`${this.#lastByte === 10 ? "" : "\n"}[holdfast] ${text}\n`),
    );
  }

  close(): void {
    if (this.#dropped > 0) this.note(`${this.#dropped} bytes of output were dropped`);
    this.log.syncDataSync();
    this.log.close();
    this.times.close();
  }

  #drop(count: number): void {
    if (this.#dropped === 0) {
      const limitMb = Math.round(this.bytesMax / 1_048_576);
      this.note(`the log reached its limit of ${limitMb} MiB; what follows is dropped`);
    }
    this.#dropped += count;
  }

  #append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const nowMs = Date.now();
    if (Math.abs(nowMs - this.#stampedAtMs) >= STAMP_MS) {
      this.times.writeSync(new TextEncoder().encode(`${this.#bytes}\t${nowMs}\n`));
      this.#stampedAtMs = nowMs;
    }
    for (let done = 0; done < bytes.length;) done += this.log.writeSync(bytes.subarray(done));
    this.#bytes += bytes.length;
    this.#lastByte = bytes[bytes.length - 1]!;
  }
}
