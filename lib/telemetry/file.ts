import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Quality } from "../devices/model.ts";
import type { Level } from "./model.ts";
import { classify, TelemetryUnavailable } from "./file_errors.ts";
import { type RollUp, rollUps, type Sum } from "./rollup.ts";
import { GROUP_RAW, groupRollUps, mergeSql, SCHEMA, SCHEMA_VERSION } from "./tables.ts";

/** Order is stored: never change it, only append. */
export const QUALITIES: readonly Quality[] = ["good", "suspect", "stale", "bad"];

/** One sample on its way to the file, or read from it. */
export interface Row {
  /** Unix epoch, milliseconds. */
  readonly atMs: number;
  /** `null` when the reading was bad or stale. */
  readonly value: number | null;
  /** Index into `QUALITIES`. */
  readonly quality: number;
}

/** A channel of the dictionary; `id` is 0 until a commit has given it one. */
export interface ChannelEntry {
  id: number;
  readonly deviceId: string;
  readonly channel: string;
  readonly unit: string;
  type: "number" | "boolean";
}

/** Rows that fell into the same bucket, summed up. */
export interface Group extends Sum {
  /** The bucket's number from `originMs`. */
  readonly k: number;
}

/**
 * `telemetry.sqlite` itself: tables, prepared statements and the few transactions they take part in.
 * Every method either did all of its work or none; times are Unix epoch milliseconds.
 */
export class TelemetryFile {
  readonly #statements = new Map<string, StatementSync>();

  private constructor(private readonly db: DatabaseSync, readonly path: string) {}

  /**
   * @throws {TelemetryCorrupt} when the file is no SQLite file or its tables cannot be read.
   * @throws {TelemetryUnavailable} when it cannot be opened or written.
   */
  static open(path: string): TelemetryFile {
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(path);
      db.exec(`
        PRAGMA busy_timeout = 200;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = NORMAL;
        PRAGMA journal_size_limit = 16777216;
        PRAGMA cache_size = -4096;
      `);
      const version = Number(db.prepare("PRAGMA user_version").get()!["user_version"]);
      if (version > SCHEMA_VERSION) {
        throw new TelemetryUnavailable(
          `"${path}" was written by a newer Holdfast (tables ${version}, this one knows ${SCHEMA_VERSION})`,
          false,
        );
      }
      db.exec("BEGIN IMMEDIATE");
      db.exec(SCHEMA);
      db.exec("COMMIT");
      const file = new TelemetryFile(db, path);
      file.#probe();
      return file;
    } catch (cause) {
      try {
        db?.close();
      } catch { /* a database that failed to open may fail to close; the cause is what counts */ }
      throw classify(cause, `Cannot open "${path}"`);
    }
  }

  /** Touches both ends of every table, so that plain damage shows at start and not at the first chart. */
  #probe(): void {
    this.channels();
    for (const table of ["inbox", "raw", "minute", "hour", "hole"]) {
      this.db.prepare(`SELECT * FROM ${table} LIMIT 1`).all();
    }
    for (const table of ["raw", "minute", "hour"]) {
      this.db.prepare(`SELECT * FROM ${table} ORDER BY channel DESC, at_ms DESC LIMIT 1`).all();
    }
  }

  channels(): ChannelEntry[] {
    return this.#all("SELECT id, device_id, channel, unit, type FROM channel ORDER BY id")
      .map(([id, deviceId, channel, unit, type]) => ({
        id: id as number,
        deviceId: deviceId as string,
        channel: channel as string,
        unit: unit as string,
        type: type as "number" | "boolean",
      }));
  }

  /** Puts samples into the inbox; channels without an id get one in the same commit. */
  append(rows: readonly (Row & { readonly entry: ChannelEntry })[]): void {
    const named: ChannelEntry[] = [];
    try {
      this.#transaction(() => {
        const insert = this.#prepare(
          "INSERT INTO inbox (channel, at_ms, value, quality) VALUES (?, ?, ?, ?)",
        );
        for (const { entry, atMs, value, quality } of rows) {
          if (entry.id === 0) {
            const { lastInsertRowid } = this.#prepare(
              "INSERT INTO channel (device_id, channel, unit, type) VALUES (?, ?, ?, ?)",
            ).run(entry.deviceId, entry.channel, entry.unit, entry.type);
            entry.id = Number(lastInsertRowid);
            named.push(entry);
          }
          insert.run(entry.id, atMs, value, quality);
        }
      });
    } catch (error) {
      for (const entry of named) entry.id = 0;
      throw error;
    }
  }

  /**
   * Moves the inbox into `raw` and adds it to the roll-ups, in one commit. A sample that is already
   * there (same channel, stamp, value and quality) is dropped; another one with that stamp stays beside it.
   *
   * @returns how many samples were moved.
   */
  settle(): number {
    return this.#transaction(() => {
      const rows = this.#all(
        "SELECT channel, at_ms, value, quality FROM inbox ORDER BY channel, at_ms, id",
      ) as [number, number, number | null, number][];
      if (rows.length === 0) return 0;
      const insert = this.#prepare(
        "INSERT INTO raw VALUES (?, ?, 0, ?, ?) ON CONFLICT DO NOTHING",
      );
      const kept = rows.filter(([channel, atMs, value, quality]) =>
        Number(insert.run(channel, atMs, value, quality).changes) === 1 ||
        this.#insertBeside(channel, atMs, value, quality)
      );
      for (const level of ["minute", "hour"] as const) {
        const merge = this.#prepare(mergeSql(level));
        for (const r of rollUps(kept, level)) merge.run(...rollUpColumns(r));
      }
      this.#prepare("DELETE FROM inbox").run();
      return kept.length;
    });
  }

  #insertBeside(channel: number, atMs: number, value: number | null, quality: number): boolean {
    const same = this.#all(
      "SELECT n FROM raw WHERE channel = ? AND at_ms = ? AND value IS ? AND quality = ?",
      channel,
      atMs,
      value,
      quality,
    );
    if (same.length > 0) return false;
    this.#prepare(
      `INSERT INTO raw SELECT ?, ?, max(n) + 1, ?, ? FROM raw WHERE channel = ? AND at_ms = ?`,
    ).run(channel, atMs, value, quality, channel, atMs);
    return true;
  }

  /** Rows of one channel by bucket of `widthMs` from `originMs`; the inbox is not among them. */
  groups(level: Level, channelId: number, q: {
    fromMs: number;
    toMs: number;
    originMs: number;
    widthMs: number;
  }): Group[] {
    return this.#all(level === "raw" ? GROUP_RAW : groupRollUps(level), {
      ":channel": channelId,
      ":from": q.fromMs,
      ":to": q.toMs,
      ":origin": q.originMs,
      ":width": q.widthMs,
    }).map(([k, min, max, mean, last, lastMs, count, suspect, bad]) =>
      ({ k, min, max, mean, last, lastMs, count, suspect, bad }) as Group
    );
  }

  /** At most `limit` samples of `fromMs <= at < toMs`, oldest first, then in order of arrival. */
  raw(channelId: number, fromMs: number, toMs: number, limit: number): Row[] {
    return this.#all(
      `SELECT at_ms, value, quality FROM raw WHERE channel = ? AND at_ms >= ? AND at_ms < ?
        ORDER BY at_ms, n LIMIT ?`,
      channelId,
      fromMs,
      toMs,
      limit,
    ).map(toRow);
  }

  /** Samples not yet settled, in order of arrival. */
  inbox(channelId: number, fromMs: number, toMs: number): Row[] {
    return this.#all(
      "SELECT at_ms, value, quality FROM inbox WHERE channel = ? AND at_ms >= ? AND at_ms < ? ORDER BY id",
      channelId,
      fromMs,
      toMs,
    ).map(toRow);
  }

  /** At most `limit` roll-ups of `fromMs <= at < toMs`, oldest first. */
  rollUps(
    level: "minute" | "hour",
    channelId: number,
    fromMs: number,
    toMs: number,
    limit: number,
  ): RollUp[] {
    return this.#all(
      `SELECT channel, at_ms, min, max, mean, last, last_ms, count, suspect, bad FROM ${level}
        WHERE channel = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms LIMIT ?`,
      channelId,
      fromMs,
      toMs,
      limit,
    ).map(([channel, atMs, min, max, mean, last, lastMs, count, suspect, bad]) =>
      ({ channel, atMs, min, max, mean, last, lastMs, count, suspect, bad }) as RollUp
    );
  }

  /** How many settled samples a range holds, from the hour roll-ups: cheap, and exact to the hour. */
  sampleCount(channelId: number, fromMs: number, toMs: number): number {
    const hour = 3_600_000;
    const rows = this.#all(
      "SELECT coalesce(sum(count + bad), 0) FROM hour WHERE channel = ? AND at_ms >= ? AND at_ms < ?",
      channelId,
      Math.floor(fromMs / hour) * hour,
      toMs,
    );
    return rows[0]![0] as number;
  }

  /** Stamps of a channel's newest settled samples, newest first. */
  newestStamps(channelId: number, limit: number): number[] {
    return this.#all(
      "SELECT at_ms FROM raw WHERE channel = ? ORDER BY at_ms DESC, n DESC LIMIT ?",
      channelId,
      limit,
    ).map(([atMs]) => atMs as number);
  }

  /** From when on a level is complete: everything before may have been trimmed. 0: nothing was. */
  keptFromMs(level: Level): number {
    return (this.#all("SELECT value FROM meta WHERE key = ?", `${level}_kept_from_ms`)[0]?.[0] ??
      0) as number;
  }

  /** Removes at most about `limit` of one channel's rows before `beforeMs`; @returns how many. */
  trim(level: Level, channelId: number, beforeMs: number, limit: number): number {
    return this.#transaction(() => {
      const bound = this.#all(
        `SELECT at_ms FROM ${level} WHERE channel = ? AND at_ms < ? ORDER BY at_ms LIMIT 1 OFFSET ?`,
        channelId,
        beforeMs,
        limit,
      )[0]?.[0] as number | undefined;
      const { changes } = this.#prepare(`DELETE FROM ${level} WHERE channel = ? AND at_ms < ?`)
        .run(channelId, bound ?? beforeMs);
      if (Number(changes) > 0) {
        this.#prepare(
          `INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = max(value, excluded.value)`,
        ).run(`${level}_kept_from_ms`, beforeMs);
      }
      return Number(changes);
    });
  }

  /** A channel's oldest row of a level, or `null`. */
  oldestMs(level: Level, channelId: number): number | null {
    return (this.#all(
      `SELECT at_ms FROM ${level} WHERE channel = ? ORDER BY at_ms LIMIT 1`,
      channelId,
    )[0]?.[0] ?? null) as number | null;
  }

  /** Keeps a record of samples that could not be kept. */
  noteHole({ fromMs, toMs, samples }: { fromMs: number; toMs: number; samples: number }): void {
    this.#transaction(() => {
      this.#prepare("INSERT INTO hole (from_ms, to_ms, samples) VALUES (?, ?, ?)")
        .run(fromMs, toMs, samples);
    });
  }

  /** Newest first, at most 1000. */
  holes(): { fromMs: number; toMs: number; samples: number }[] {
    return this.#all("SELECT from_ms, to_ms, samples FROM hole ORDER BY id DESC LIMIT 1000")
      .map(([fromMs, toMs, samples]) =>
        ({ fromMs, toMs, samples }) as {
          fromMs: number;
          toMs: number;
          samples: number;
        }
      );
  }

  close(): void {
    this.#statements.clear();
    this.db.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.db.prepare(sql);
      (statement as ArrayStatement).setReturnArrays(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #all(sql: string, ...args: (number | string | null)[]): unknown[][];
  #all(sql: string, args: Record<string, number | string | null>): unknown[][];
  #all(sql: string, ...args: unknown[]): unknown[][] {
    try {
      return this.#prepare(sql).all(...args as []) as unknown as unknown[][];
    } catch (cause) {
      throw classify(cause, `Cannot read "${this.path}"`);
    }
  }

  #transaction<T>(work: () => T): T {
    try {
      this.db.exec("BEGIN IMMEDIATE");
      const value = work();
      this.db.exec("COMMIT");
      return value;
    } catch (cause) {
      try {
        if (this.db.isTransaction) this.db.exec("ROLLBACK");
      } catch { /* SQLite rolls back by itself after the worst errors; the cause is what counts */ }
      throw classify(cause, `Cannot write "${this.path}"`);
    }
  }
}

function toRow([atMs, value, quality]: unknown[]): Row {
  return { atMs, value, quality } as Row;
}

function rollUpColumns(r: RollUp): (number | null)[] {
  return [
    r.channel,
    r.atMs,
    r.min,
    r.max,
    r.mean,
    r.last,
    r.lastMs,
    r.count,
    r.suspect,
    r.bad,
  ];
}

/** Deno has the method, its types do not yet. Rows as arrays are read three times as fast as objects. */
type ArrayStatement = StatementSync & { setReturnArrays(on: boolean): void };
