/** The tables of `telemetry.sqlite` and the longer statements on them. */

/** Version of the tables, kept in `user_version`. */
export const SCHEMA_VERSION = 1;

/**
 * Samples arrive in `inbox`, one or two pages a second whatever the number of channels, and are moved
 * once a minute into `raw`, clustered by channel, together with their share of `minute` and `hour`.
 * Writing straight into the clustered tables would touch three pages a channel every second: ten times
 * the wear on an SD card (`bench/telemetry_bench.ts`). `n` parts samples with one stamp, which a clock
 * set back can make.
 */
export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS channel (
    id INTEGER PRIMARY KEY,
    device_id TEXT NOT NULL, channel TEXT NOT NULL, unit TEXT NOT NULL, type TEXT NOT NULL,
    UNIQUE (device_id, channel, unit)
  );
  CREATE TABLE IF NOT EXISTS inbox (
    id INTEGER PRIMARY KEY,
    channel INTEGER NOT NULL, at_ms INTEGER NOT NULL, value REAL, quality INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS raw (
    channel INTEGER NOT NULL, at_ms INTEGER NOT NULL, n INTEGER NOT NULL,
    value REAL, quality INTEGER NOT NULL,
    PRIMARY KEY (channel, at_ms, n)
  ) WITHOUT ROWID;
  ${["minute", "hour"].map(rollUpTable).join("")}
  CREATE TABLE IF NOT EXISTS hole (
    id INTEGER PRIMARY KEY,
    from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, samples INTEGER NOT NULL
  );
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

function rollUpTable(name: string): string {
  return `CREATE TABLE IF NOT EXISTS ${name} (
    channel INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    min REAL, max REAL, mean REAL, last REAL, last_ms INTEGER,
    count INTEGER NOT NULL, suspect INTEGER NOT NULL, bad INTEGER NOT NULL,
    PRIMARY KEY (channel, at_ms)
  ) WITHOUT ROWID;`;
}

/** Adds roll-ups to those already there. */
export function mergeSql(table: string): string {
  return `
    INSERT INTO ${table} (channel, at_ms, min, max, mean, last, last_ms, count, suspect, bad)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (channel, at_ms) DO UPDATE SET
      min = coalesce(min(min, excluded.min), min, excluded.min),
      max = coalesce(max(max, excluded.max), max, excluded.max),
      mean = CASE WHEN count + excluded.count = 0 THEN NULL ELSE
        coalesce(mean, 0) * (1.0 * count / (count + excluded.count)) +
        coalesce(excluded.mean, 0) * (1.0 * excluded.count / (count + excluded.count)) END,
      last = CASE WHEN last_ms IS NULL OR excluded.last_ms >= last_ms
        THEN excluded.last ELSE last END,
      last_ms = coalesce(max(last_ms, excluded.last_ms), last_ms, excluded.last_ms),
      count = count + excluded.count,
      suspect = suspect + excluded.suspect,
      bad = bad + excluded.bad`;
}

// Numbers are bound as REAL, so whoever divides must cast first.
/** Samples by bucket. */
export const GROUP_RAW = `
  WITH b AS (
    SELECT (at_ms - cast(:origin AS INTEGER)) / cast(:width AS INTEGER) AS k,
      min(value) AS mn, max(value) AS mx, avg(value) AS mean, count(value) AS c,
      sum(quality = 1) AS suspect, count(*) - count(value) AS bad,
      max(CASE WHEN value IS NOT NULL THEN at_ms END) AS last_ms
    FROM raw WHERE channel = :channel AND at_ms >= :from AND at_ms < :to GROUP BY k)
  SELECT k, mn, mx, mean,
    (SELECT value FROM raw WHERE channel = :channel AND at_ms = b.last_ms AND value IS NOT NULL
      ORDER BY n DESC LIMIT 1),
    last_ms, c, suspect, bad FROM b`;

/** Minutes or hours by bucket. */
export function groupRollUps(table: string): string {
  return `
  WITH b AS (
    SELECT (at_ms - cast(:origin AS INTEGER)) / cast(:width AS INTEGER) AS k,
      min(min) AS mn, max(max) AS mx, sum(mean * count) / sum(count) AS mean, sum(count) AS c,
      sum(suspect) AS suspect, sum(bad) AS bad,
      max(CASE WHEN last_ms IS NOT NULL THEN at_ms END) AS last_row
    FROM ${table} WHERE channel = :channel AND at_ms >= :from AND at_ms < :to GROUP BY k)
  SELECT b.k, b.mn, b.mx, b.mean, t.last, t.last_ms, b.c, b.suspect, b.bad
  FROM b LEFT JOIN ${table} t ON t.channel = :channel AND t.at_ms = b.last_row`;
}
