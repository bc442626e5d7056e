import { existsSync, renameSync } from "node:fs";
import type { Clock } from "../clock.ts";
import type { Reading } from "../devices/model.ts";
import type { Log } from "../log.ts";
import {
  type ChannelEntry,
  QUALITIES,
  type Row,
  TelemetryCorrupt,
  TelemetryFile,
  TelemetryUnavailable,
} from "./file.ts";
import type { Level, Series, StoredChannel } from "./model.ts";
import { type ExportAsk, type ExportTable, exportTable } from "./export.ts";
import { type SampleSource, type SeriesAsk, seriesOf } from "./series.ts";
import { Trimmer } from "./trim.ts";

/** An abnormal condition of the store, in the words of an alarm: raise it while `active`, else clear it. */
export interface TelemetryFault {
  /** `telemetry:write`: samples wait in memory; `telemetry:gap`: samples were lost; `telemetry:corrupt`: a new file was started. */
  readonly id: "telemetry:write" | "telemetry:gap" | "telemetry:corrupt";
  readonly active: boolean;
  readonly severity: "warning" | "critical";
  readonly title: string;
  readonly text: string;
}

export interface TelemetryOptions {
  /** How long each level is kept, days. */
  readonly rawDays: number;
  readonly minuteDays: number;
  readonly hourDays: number;
  /** How often samples are written, milliseconds. */
  readonly flushMs: number;
  /** Most samples that wait in memory while the file cannot be written; then the oldest are given up. */
  readonly bufferMax: number;
  /** Called when a condition begins or ends. Must not throw. */
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

/** The inbox is settled this often, or as soon as it holds `SETTLE_ROWS`, so that no settling takes long. */
const SETTLE_EVERY_MS = 60_000;
const SETTLE_ROWS = 3000;
/** Samples of one commit; more wait for the next turn, so that a long backlog never holds up a STOP. */
const COMMIT_ROWS = 5000;
/** Pause after a write failed. */
const RETRY_MS = 5000;
/** Corrupt files set aside by one process; a card that damages every file would otherwise fill itself. */
const ASIDE_MAX = 3;

type Pending = Row & { readonly entry: ChannelEntry };

/** A channel and what is known of it without asking the file. */
interface Known {
  readonly entry: ChannelEntry;
  lastAtMs: number | null;
  lastValue: number | null;
  lastQuality: number;
  periodMs: number | null;
}

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
  readonly #known = new Map<string, Known>();
  readonly #trimmer: Trimmer;
  #file: TelemetryFile | null = null;
  #buffer: Pending[] = [];
  #cancelTimer: (() => void) | null = null;
  #settledAtMs: number;
  #inboxRows = 0;
  #written = 0;
  #lost = 0;
  /** Samples given up that the file does not know of yet. */
  #gap: { fromMs: number; toMs: number; samples: number } | null = null;
  #fault: string | null = null;
  #asides = 0;
  #closed = false;

  private constructor(
    private readonly path: string,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly options: TelemetryOptions,
  ) {
    this.#settledAtMs = clock.monotonicMs();
    this.#trimmer = new Trimmer(clock, log, {
      raw: options.rawDays,
      minute: options.minuteDays,
      hour: options.hourDays,
    });
  }

  /** Opens `path`, or begins it. Never throws for the file's sake: it tries again while samples wait. */
  static open(
    path: string,
    clock: Clock,
    log: Log,
    options: Partial<TelemetryOptions> = {},
  ): Telemetry {
    const telemetry = new Telemetry(path, clock, log, { ...DEFAULTS, ...options });
    telemetry.#guard(() => telemetry.#reopen());
    telemetry.#arm();
    return telemetry;
  }

  /** Takes readings of numbers and booleans (as 0 and 1); words are not kept here. */
  record(readings: readonly Reading[]): void {
    if (this.#closed) return;
    for (const reading of readings) this.#take(reading);
    const { bufferMax } = this.options;
    if (this.#buffer.length > bufferMax) {
      // A sixteenth at once, for moving the rest costs time.
      const excess = this.#buffer.length - bufferMax + Math.floor(bufferMax / 16);
      this.#giveUp(this.#buffer.splice(0, excess));
    }
  }

  #take({ deviceId, channel, unit, atMs, value, quality }: Reading): void {
    if (typeof value === "string") return;
    const key = channelKey(deviceId, channel, unit);
    let known = this.#known.get(key);
    if (known === undefined) {
      // Whether a channel carries words shows with its first value.
      if (value === null) return;
      const type = typeof value === "boolean" ? "boolean" : "number";
      known = knownOf({ id: 0, deviceId, channel, unit, type });
      this.#known.set(key, known);
    }
    const number = value === null ? null : Number(value);
    const finite = number !== null && Number.isFinite(number) ? number : null;
    const row = {
      entry: known.entry,
      atMs: Number.isSafeInteger(atMs) && atMs >= 0 ? atMs : this.clock.nowMs(),
      value: finite,
      quality: QUALITIES.indexOf(finite === null && quality !== "stale" ? "bad" : quality),
    };
    if (
      row.atMs === known.lastAtMs && row.value === known.lastValue &&
      row.quality === known.lastQuality
    ) return; // the same reading twice, as an answer and as a notice
    if (known.lastAtMs !== null && row.atMs > known.lastAtMs) {
      const step = row.atMs - known.lastAtMs;
      known.periodMs = known.periodMs === null
        ? step
        : Math.round(known.periodMs + (step - known.periodMs) / 8);
    }
    known.lastAtMs = row.atMs;
    known.lastValue = row.value;
    known.lastQuality = row.quality;
    this.#buffer.push(row);
  }

  /** By device and channel; of a channel whose unit has changed, each unit by itself. */
  channels(): StoredChannel[] {
    return [...this.#known.values()]
      .map(({ entry: { deviceId, channel, unit, type }, lastAtMs }) => ({
        deviceId,
        channel,
        unit,
        type,
        lastAtMs,
      }))
      .sort((a, b) =>
        compare(a.deviceId, b.deviceId) || compare(a.channel, b.channel) || compare(a.unit, b.unit)
      );
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
  *seriesOneByOne(ask: SeriesAsk): Generator<Series> {
    const series = seriesOf(ask, this.#source);
    for (;;) {
      const next = this.#reading(() => series.next());
      if (next.done) return;
      yield next.value;
    }
  }

  /**
   * A range as a wide table. What is still in the inbox is settled first, so that a table of minutes or
   * hours reaches up to now.
   *
   * @throws {TelemetryUnavailable} when the file cannot be read, also while the rows are walked.
   */
  exportTable(ask: ExportAsk): ExportTable {
    this.settle();
    const table = exportTable(ask, this.#source);
    const read = <T>(work: () => T) => this.#reading(work);
    return {
      ...table,
      rows: (function* () {
        const rows = table.rows[Symbol.iterator]();
        for (;;) {
          const next = read(() => rows.next());
          if (next.done) return;
          yield next.value;
        }
      })(),
    };
  }

  /** Writes what waits in memory, all of it if the file can be written. */
  flush(): void {
    while (this.#buffer.length > 0 && this.#guard(() => this.#write())) { /* next portion */ }
  }

  /** Flushes, then moves everything into the clustered tables and the roll-ups. */
  settle(): void {
    this.flush();
    if (this.#guard(() => this.#settle())) this.#setFault(null);
  }

  /** Removes a bounded number of rows that are past their retention; @returns how many. */
  trim(): number {
    if (this.#file === null) return 0;
    try {
      return this.#trimmer.trim(this.#file, this.#newestMs());
    } catch (error) {
      if (error instanceof TelemetryCorrupt) this.#setAside(error);
      else this.log.warn("telemetry: cannot trim", { error });
      return 0;
    }
  }

  /** Holes left by samples that could not be kept, newest first. */
  lost(): { fromMs: number; toMs: number; samples: number }[] {
    const noted = this.#reading(() => this.#file?.lost() ?? []);
    return this.#gap === null ? noted : [{ ...this.#gap }, ...noted];
  }

  status(): TelemetryStatus {
    return {
      channels: this.#known.size,
      buffered: this.#buffer.length,
      written: this.#written,
      lost: this.#lost,
      fault: this.#fault,
    };
  }

  /** Writes what waits, then closes the file. Readings that come later are dropped. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelTimer?.();
    this.settle();
    if (this.#buffer.length > 0) {
      this.log.error("telemetry: samples lost at close", { samples: this.#buffer.length });
    }
    this.#file?.close();
    this.#file = null;
  }

  #arm(delayMs = this.options.flushMs): void {
    if (this.#closed) return;
    this.#cancelTimer = this.clock.timer(delayMs, () => this.#arm(this.#tick()));
  }

  /** One turn of the timer; @returns when the next is due. */
  #tick(): number {
    if (this.#buffer.length > 0 && !this.#guard(() => this.#write())) return RETRY_MS;
    if (this.#buffer.length >= COMMIT_ROWS) return 0;
    const due = this.clock.monotonicMs() - this.#settledAtMs >= SETTLE_EVERY_MS;
    // After a fault both steps must work before it counts as over, or its alarm would come and go.
    if (due || this.#inboxRows >= SETTLE_ROWS || this.#fault !== null) {
      if (!this.#guard(() => this.#settle())) return RETRY_MS;
      this.#setFault(null);
      this.trim();
    }
    return this.options.flushMs;
  }

  #write(): void {
    const file = this.#file ?? this.#reopen();
    if (this.#gap !== null) {
      file.noteLost(this.#gap.fromMs, this.#gap.toMs, this.#gap.samples);
      this.#gap = null;
    }
    const rows = this.#buffer.slice(0, COMMIT_ROWS);
    file.append(rows);
    this.#buffer.splice(0, rows.length);
    this.#inboxRows += rows.length;
    this.#written += rows.length;
  }

  #settle(): void {
    (this.#file ?? this.#reopen()).settle();
    this.#inboxRows = 0;
    this.#settledAtMs = this.clock.monotonicMs();
  }

  #reopen(): TelemetryFile {
    const file = TelemetryFile.open(this.path);
    try {
      this.#settleRemains(file);
      this.#adopt(file);
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

  /** Learns the file's channels; those met before the file could be opened keep what is known of them. */
  #adopt(file: TelemetryFile): void {
    for (const entry of file.channels()) {
      const key = channelKey(entry.deviceId, entry.channel, entry.unit);
      const known = this.#known.get(key);
      if (known !== undefined) {
        known.entry.id = entry.id;
        continue;
      }
      const stamps = file.newestStamps(entry.id, 16);
      const fresh = knownOf(entry);
      fresh.lastAtMs = stamps[0] ?? null;
      fresh.periodMs = medianStep(stamps);
      this.#known.set(key, fresh);
    }
  }

  /** Does `work` on the file; what it throws becomes a fault. @returns whether it was done. */
  #guard(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (error instanceof TelemetryCorrupt) this.#setAside(error);
      else this.#setFault(error);
      return false;
    }
  }

  /** Reads from the file; damage found on the way starts a new file before the error goes on to the asker. */
  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof TelemetryCorrupt)) throw error;
      this.#setAside(error);
      throw new TelemetryUnavailable("The telemetry file is damaged; a new one was begun", false, {
        cause: error,
      });
    }
  }

  #setFault(error: unknown): void {
    const text = error === null ? null : error instanceof Error ? error.message : String(error);
    const before = this.#fault;
    this.#fault = text;
    if (text === null && before !== null) {
      this.log.info("telemetry: writing again", { lost: this.#lost });
      this.options.onFault({
        id: "telemetry:write",
        active: false,
        severity: "critical",
        title: "Telemetry is written again",
        text: "Samples that waited in memory are on disk",
      });
    } else if (text !== null && before === null) {
      const full = error instanceof TelemetryUnavailable && error.full;
      this.log.error("telemetry: cannot write", { error });
      this.options.onFault({
        id: "telemetry:write",
        active: true,
        severity: "critical",
        title: full ? "The disk is full: telemetry is not written" : "Telemetry cannot be written",
        text: `Readings go on, and up to ${this.options.bufferMax} samples wait in memory; ` +
          `after that the oldest are lost. ${full ? "Free some space" : "Check the data folder"}`,
      });
    }
  }

  #giveUp(rows: readonly Pending[]): void {
    const stamps = rows.map((row) => row.atMs);
    const fromMs = stamps.reduce((a, b) => Math.min(a, b), this.#gap?.fromMs ?? Infinity);
    const toMs = stamps.reduce((a, b) => Math.max(a, b), this.#gap?.toMs ?? -Infinity);
    const first = this.#gap === null;
    this.#gap = { fromMs, toMs, samples: (this.#gap?.samples ?? 0) + rows.length };
    this.#lost += rows.length;
    if (!first) return;
    this.log.error("telemetry: samples are being lost", { fromMs, buffered: this.#buffer.length });
    this.options.onFault({
      id: "telemetry:gap",
      active: true,
      severity: "critical",
      title: "Telemetry samples are being lost",
      text: `The file could not be written for too long: samples from ${
        new Date(fromMs).toISOString()
      } on are gone`,
    });
  }

  #setAside(error: TelemetryCorrupt): void {
    try {
      this.#file?.close();
    } catch { /* a damaged file may refuse to close; it is moved all the same */ }
    this.#file = null;
    this.#inboxRows = 0;
    if (this.#asides >= ASIDE_MAX) {
      return this.#setFault(
        new TelemetryUnavailable(
          `${ASIDE_MAX} files were damaged since the start: the disk cannot be trusted`,
          false,
          { cause: error },
        ),
      );
    }
    try {
      const stamp = new Date(this.clock.nowMs()).toISOString().replaceAll(/[-:]|\.\d+/g, "");
      const aside = freeName(`${this.path}.corrupt-${stamp}`);
      for (const suffix of ["", "-wal", "-shm"]) {
        if (existsSync(this.path + suffix)) renameSync(this.path + suffix, aside + suffix);
      }
      this.#asides++;
      // Ids belong to the file that gave them.
      for (const { entry } of this.#known.values()) entry.id = 0;
      this.log.error("telemetry: the file was damaged and set aside, a new one begins", {
        aside,
        error,
      });
      this.options.onFault({
        id: "telemetry:corrupt",
        active: true,
        severity: "critical",
        title: "The telemetry file was damaged",
        text:
          `It was kept as "${aside.slice(aside.lastIndexOf("/") + 1)}" in the data folder and a ` +
          `new one begun: charts start anew. Check the disk; the old file may be repaired with ` +
          `"sqlite3 FILE .recover"`,
      });
      this.#reopen();
    } catch (cause) {
      this.#setFault(cause);
    }
  }

  readonly #source: SampleSource = ((store: Telemetry) => ({
    get file() {
      return store.#file;
    },
    find: (deviceId: string, channel: string) => store.#latest(deviceId, channel),
    waiting: (entry: ChannelEntry, fromMs: number, toMs: number) =>
      store.#buffer.filter((row) => row.entry === entry && row.atMs >= fromMs && row.atMs < toMs),
    // A cutoff set while the clock was ahead must not hide what has been recorded since.
    keptFromMs: (level: Level) =>
      Math.min(store.#file?.keptFromMs(level) ?? 0, store.#trimmer.cutoffMs(level)),
  }))(this);

  /** The unit of a channel that was recorded last. */
  #latest(deviceId: string, channel: string): Known | null {
    let latest: Known | null = null;
    for (const known of this.#known.values()) {
      if (known.entry.deviceId !== deviceId || known.entry.channel !== channel) continue;
      if (latest === null || (known.lastAtMs ?? 0) >= (latest.lastAtMs ?? 0)) latest = known;
    }
    return latest;
  }

  #newestMs(): number | null {
    let newest: number | null = null;
    for (const { lastAtMs } of this.#known.values()) {
      if (lastAtMs !== null && (newest === null || lastAtMs > newest)) newest = lastAtMs;
    }
    return newest;
  }
}

function knownOf(entry: ChannelEntry): Known {
  return { entry, lastAtMs: null, lastValue: null, lastQuality: -1, periodMs: null };
}

function channelKey(deviceId: string, channel: string, unit: string): string {
  return `${deviceId}.${channel} ${unit}`;
}

/** Of stamps, newest first; `null` for fewer than two. */
function medianStep(stamps: readonly number[]): number | null {
  const steps = stamps.slice(1).map((at, i) => stamps[i]! - at).sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? null;
}

function freeName(name: string): string {
  for (let i = 1;; i++) {
    const candidate = i === 1 ? name : `${name}-${i}`;
    if (!existsSync(candidate)) return candidate;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
