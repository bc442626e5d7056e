import { basename } from "node:path";
import type { Clock } from "../clock.ts";
import type { Reading } from "../devices/model.ts";
import type { Log } from "../log.ts";
import { moveAside } from "./aside.ts";
import { Backlog, type Hole } from "./backlog.ts";
import { Dictionary } from "./dictionary.ts";
import { type ExportAsk, type ExportTable, exportTable } from "./export.ts";
import { FaultBoard, type TelemetryFault } from "./faults.ts";
import { TelemetryFile } from "./file.ts";
import { TelemetryCorrupt, TelemetryUnavailable } from "./file_errors.ts";
import type { Series, StoredChannel } from "./model.ts";
import { type SampleSource, type SeriesAsk, seriesOf } from "./series.ts";
import { Trimmer } from "./trim.ts";

export interface TelemetryOptions {
  /** How long each level is kept, days. */
  readonly rawDays: number;
  readonly minuteDays: number;
  readonly hourDays: number;
  /** How often samples are written, milliseconds. */
  readonly flushMs: number;
  /** Most samples that wait in memory while the file cannot be written; then the oldest are given up. */
  readonly bufferMax: number;
  /** Called when a condition begins and when it ends; at the first good write also for all that may be left from before. Must not throw. */
  readonly onFault: (fault: TelemetryFault) => void;
}

/** What a person or a metric wants to know of the store. */
export interface TelemetryStatus {
  readonly channels: number;
  /** Samples not yet on disk. */
  readonly buffered: number;
  /** Samples written since the start. */
  readonly written: number;
  /** Samples given up since the start. */
  readonly lost: number;
  /** Why the file cannot be written now, or `null`. */
  readonly fault: string | null;
}

const DEFAULTS: TelemetryOptions = {
  rawDays: 30,
  minuteDays: 730,
  hourDays: 3650,
  flushMs: 1000,
  bufferMax: 100_000,
  onFault: () => {},
};

/** The inbox is settled this often, or as soon as it holds `TURN_ROWS`. */
const SETTLE_EVERY_MS = 60_000;
/** Samples of one turn; more wait for the next, so that a long backlog never holds up a STOP. */
const TURN_ROWS = 3000;
/** Pause after a write failed. */
const RETRY_MS = 5000;
/** Files set aside by one process; a disk that damages every file would otherwise be filled with them. */
const ASIDE_MAX = 3;

/**
 * Every reading of every channel, on disk: see `docs/decisions/0001-kv-and-node-sqlite.md`.
 *
 * `record` never throws and never waits: samples are gathered in memory and written once a second. While
 * the file cannot be written they wait, up to `bufferMax`; then the oldest are given up, counted, and the
 * hole is noted in the file as soon as it can be written again. A file that turns out to be damaged is
 * set aside and a new one begun: telemetry never stops the instrument.
 *
 * Samples are kept under the stamp they came with. When the wall clock is set back an hour, both passes
 * through that hour are kept, in the order of their stamps and, where two are alike, of their arrival.
 */
export class Telemetry {
  readonly #dictionary = new Dictionary();
  readonly #backlog: Backlog;
  readonly #faults: FaultBoard;
  readonly #trimmer: Trimmer;
  readonly #source: SampleSource;
  #file: TelemetryFile | null = null;
  #cancelTimer: (() => void) | null = null;
  #settledAtMs: number;
  #inboxRows = 0;
  #written = 0;
  #asides = 0;
  #closed = false;

  private constructor(
    private readonly path: string,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly options: TelemetryOptions,
  ) {
    const { rawDays: raw, minuteDays: minute, hourDays: hour, bufferMax, onFault } = options;
    this.#backlog = new Backlog(bufferMax);
    this.#faults = new FaultBoard(log, onFault);
    this.#trimmer = new Trimmer(clock, log, { raw, minute, hour });
    this.#settledAtMs = clock.monotonicMs();
    const file = () => this.#file;
    this.#source = {
      get file() {
        return file();
      },
      find: (deviceId, channel) => this.#dictionary.latest(deviceId, channel),
      waiting: (entry, fromMs, toMs) => this.#backlog.of(entry, fromMs, toMs),
      // A cutoff set while the clock was ahead must not hide what has been recorded since.
      keptFromMs: (level) =>
        Math.min(file()?.keptFromMs(level) ?? 0, this.#trimmer.cutoffMs(level)),
    };
  }

  /** Opens `path`, or begins it. Never throws for the file's sake: it tries again while samples wait. */
  static open(
    path: string,
    clock: Clock,
    log: Log,
    options: Partial<TelemetryOptions> = {},
  ): Telemetry {
    const telemetry = new Telemetry(path, clock, log, { ...DEFAULTS, ...options });
    telemetry.#attempt(() => telemetry.#opened());
    telemetry.#arm(telemetry.options.flushMs);
    return telemetry;
  }

  /** Takes readings of numbers and booleans (as 0 and 1); words are not kept here. */
  record(readings: readonly Reading[]): void {
    if (this.#closed) return;
    for (const reading of readings) {
      const sample = this.#dictionary.take(reading, this.clock.nowMs());
      if (sample !== null) this.#backlog.add(sample);
    }
    const { hole } = this.#backlog;
    if (hole !== null) {
      const since = new Date(hole.fromMs).toISOString();
      this.#faults.raise(
        "telemetry:gap",
        `The file could not be written for so long that memory is full: samples since ${since} are ` +
          "being lost, the oldest first. Free some space or check the data folder",
      );
    }
  }

  /** By device and channel; of a channel whose unit has changed, each unit by itself. */
  channels(): StoredChannel[] {
    return this.#dictionary.list();
  }

  /**
   * One series for each channel asked for, in that order, all on one grid. A channel nobody has recorded
   * has empty buckets and no unit; of one whose unit has changed, the unit that was recorded last counts.
   *
   * @throws {RangeError} if the range is empty or `buckets` is not 1 to 5000.
   * @throws {TelemetryUnavailable} when the file cannot be read.
   */
  series(ask: SeriesAsk): Series[] {
    return [...this.seriesOneByOne(ask)];
  }

  /** As `series`, each read when it is asked for: between two, others may have their turn. */
  seriesOneByOne(ask: SeriesAsk): Generator<Series> {
    return this.#guarded(seriesOf(ask, this.#source));
  }

  /**
   * A range as a wide table, read while it is walked. What is in the inbox is settled first, so that a
   * table of minutes or hours reaches up to now.
   *
   * @throws {TelemetryUnavailable} when the file cannot be read, also while the rows are walked.
   */
  exportTable(ask: ExportAsk): ExportTable {
    this.settle();
    const table = this.#reading(() => exportTable(ask, this.#source));
    return { ...table, rows: this.#guarded(table.rows) };
  }

  /** Writes what waits in memory, all of it if the file can be written. */
  flush(): void {
    while (this.#backlog.size > 0) {
      if (this.#attempt(() => this.#write()) === "failed") return;
    }
  }

  /** Flushes, then moves everything into the clustered tables and the roll-ups. */
  settle(): void {
    this.flush();
    this.#trySettle();
  }

  /** Removes a bounded number of rows that are past their retention; @returns how many. */
  trim(): number {
    if (this.#file === null) return 0;
    try {
      return this.#trimmer.trim(this.#file, this.#dictionary.newestMs());
    } catch (error) {
      if (error instanceof TelemetryCorrupt) this.#beginAnew(error);
      else this.log.warn("telemetry: cannot trim", { error });
      return 0;
    }
  }

  /** Holes left by samples that could not be kept, newest first. */
  holes(): Hole[] {
    const noted = this.#reading(() => this.#file?.holes() ?? []);
    return this.#backlog.hole === null ? noted : [this.#backlog.hole, ...noted];
  }

  status(): TelemetryStatus {
    return {
      channels: this.#dictionary.size,
      buffered: this.#backlog.size,
      written: this.#written,
      lost: this.#backlog.lost,
      fault: this.#faults.now,
    };
  }

  /** Writes what waits, then closes the file. Readings that come later are dropped. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelTimer?.();
    this.settle();
    if (this.#backlog.size > 0) {
      this.log.error("telemetry: samples lost at close", { samples: this.#backlog.size });
    }
    this.#file?.close();
    this.#file = null;
  }

  #arm(delayMs: number): void {
    if (this.#closed) return;
    this.#cancelTimer = this.clock.timer(delayMs, () => this.#arm(this.#turn()));
  }

  /** One turn of the timer; @returns when the next is due. */
  #turn(): number {
    if (this.#backlog.size > 0 && this.#attempt(() => this.#write()) === "failed") return RETRY_MS;
    const due = this.clock.monotonicMs() - this.#settledAtMs >= SETTLE_EVERY_MS;
    // After a fault both steps must work before it counts as over, or its alarm would come and go.
    if (due || this.#inboxRows >= TURN_ROWS || this.#faults.now !== null) {
      if (!this.#trySettle()) return RETRY_MS;
      this.trim();
    }
    return this.#backlog.size >= TURN_ROWS ? 0 : this.options.flushMs;
  }

  #write(): void {
    const file = this.#opened();
    const { hole } = this.#backlog;
    if (hole !== null) {
      file.noteHole(hole);
      this.#backlog.holeNoted();
    }
    const samples = this.#backlog.head(TURN_ROWS);
    file.append(samples);
    this.#backlog.drop(samples.length);
    this.#inboxRows += samples.length;
    this.#written += samples.length;
  }

  #trySettle(): boolean {
    const outcome = this.#attempt(() => {
      this.#opened().settle();
      this.#inboxRows = 0;
      this.#settledAtMs = this.clock.monotonicMs();
    });
    if (outcome === "done" && this.#backlog.hole === null) this.#faults.allWell();
    return outcome !== "failed";
  }

  /** The open file; opens it when that could not be done before. */
  #opened(): TelemetryFile {
    if (this.#file !== null) return this.#file;
    if (this.#asides > ASIDE_MAX) {
      const text = `${ASIDE_MAX} telemetry files were damaged since the start`;
      throw new TelemetryUnavailable(text, false);
    }
    const file = TelemetryFile.open(this.path);
    try {
      this.#settleRemains(file);
      this.#dictionary.adopt(file);
    } catch (error) {
      file.close();
      throw error;
    }
    return this.#file = file;
  }

  /** Settles the last minute before a crash or a power cut; on a full disk that can wait. */
  #settleRemains(file: TelemetryFile): void {
    try {
      file.settle();
    } catch (error) {
      if (!(error instanceof TelemetryUnavailable)) throw error;
    }
  }

  /** Works on the file; `again`: it was damaged, and a new one is in its place. */
  #attempt(work: () => void): "done" | "again" | "failed" {
    try {
      work();
      return "done";
    } catch (error) {
      if (error instanceof TelemetryCorrupt) return this.#beginAnew(error) ? "again" : "failed";
      this.#cannotWrite(error);
      return "failed";
    }
  }

  /** Reads from the file; damage found on the way begins a new file before the asker hears of it. */
  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof TelemetryCorrupt)) throw error;
      this.#beginAnew(error);
      const text = "The telemetry file is damaged; a new one was begun";
      throw new TelemetryUnavailable(text, false, { cause: error });
    }
  }

  *#guarded<T>(items: Iterable<T>): Generator<T> {
    const iterator = items[Symbol.iterator]();
    for (;;) {
      const next = this.#reading(() => iterator.next());
      if (next.done) return;
      yield next.value;
    }
  }

  #cannotWrite(error: unknown): void {
    const full = error instanceof TelemetryUnavailable && error.full;
    this.#faults.raise(
      full ? "telemetry:full" : "telemetry:write",
      `The instrument goes on, and up to ${this.options.bufferMax} samples wait in memory; after ` +
        `that the oldest are lost. ${full ? "Free some space" : "Check the data folder"}`,
      error,
    );
  }

  /** Sets a damaged file aside. @returns whether a new one is open. */
  #beginAnew(damage: TelemetryCorrupt): boolean {
    try {
      this.#file?.close();
    } catch { /* a damaged file may refuse to close; it is moved all the same */ }
    this.#file = null;
    this.#inboxRows = 0;
    this.#dictionary.forgetIds();
    try {
      if (++this.#asides <= ASIDE_MAX) {
        const aside = basename(moveAside(this.path, this.clock.nowMs()));
        this.#faults.raise(
          "telemetry:corrupt",
          `It was kept as "${aside}" in the data folder and a new one begun: charts start anew. ` +
            `Check the disk; "sqlite3 ${aside} .recover" may save what was in it`,
          damage,
        );
      }
      this.#opened();
      return true;
    } catch (error) {
      this.#cannotWrite(error);
      return false;
    }
  }
}
