import { Buckets, type Grid, gridOver } from "./buckets.ts";
import type { ChannelEntry, Row, TelemetryFile } from "./file.ts";
import type { Level, Series } from "./model.ts";
import { LEVEL_MS } from "./rollup.ts";

export interface SeriesAsk {
  readonly channels: readonly { readonly deviceId: string; readonly channel: string }[];
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  /** Most buckets of each series, 1 to 5000. */
  readonly buckets: number;
}

/** Where series come from: the file, and what has not reached its clustered tables yet. */
export interface SampleSource {
  readonly file: TelemetryFile | null;
  find(deviceId: string, channel: string): {
    readonly entry: ChannelEntry;
    readonly periodMs: number | null;
  } | null;
  /** Samples of a channel that are still in memory, in order of arrival. */
  waiting(entry: ChannelEntry, fromMs: number, toMs: number): Row[];
  /** From when on a level is complete; 0: always was. */
  keptFromMs(level: Level): number;
}

/** Rows of one channel that may be read for one answer: some 15 ms on a desktop, 80 ms on a Raspberry Pi 4. */
const ROWS_MAX = 40_000;
/** From this many units a bucket, rounding its width up to whole units costs little: take the coarser level. */
const UNITS_WORTH_IT = 3;

const LEVELS = [
  { level: "raw", unitMs: 1 },
  { level: "minute", unitMs: LEVEL_MS.minute },
  { level: "hour", unitMs: LEVEL_MS.hour },
] as const;

/** See `Telemetry.series`; each series is read when it is asked for. */
export function* seriesOf(ask: SeriesAsk, source: SampleSource): Generator<Series> {
  const found = ask.channels.map((c) => ({ ...c, known: source.find(c.deviceId, c.channel) }));
  const { level, grid } = choose(ask, found.flatMap(({ known }) => known?.entry ?? []), source);
  for (const { deviceId, channel, known } of found) {
    yield {
      deviceId,
      channel,
      unit: known?.entry.unit ?? "",
      fromMs: ask.fromMs,
      toMs: ask.toMs,
      bucketMs: grid.widthMs,
      level,
      periodMs: known?.periodMs ?? null,
      buckets: known === null ? new Buckets(grid).finish() : fill(known.entry, level, grid, source),
    };
  }
}

/** The finest level that is complete over the range and quick enough to read. */
function choose(
  { fromMs, toMs, buckets }: SeriesAsk,
  entries: readonly ChannelEntry[],
  source: SampleSource,
): { level: Level; grid: Grid } {
  const [raw, minute, hour] = LEVELS.map(({ level, unitMs }) => ({
    level,
    grid: gridOver(fromMs, toMs, buckets, unitMs),
  })) as [Choice, Choice, Choice];
  const rawWorks = source.keptFromMs("raw") <= fromMs &&
    raw.grid.widthMs < UNITS_WORTH_IT * LEVEL_MS.minute &&
    entries.every(({ id }) => samples(source, id, fromMs, toMs) <= ROWS_MAX);
  if (rawWorks) return raw;
  const minuteWorks = source.keptFromMs("minute") <= fromMs &&
    raw.grid.widthMs < UNITS_WORTH_IT * LEVEL_MS.hour &&
    (toMs - fromMs) / LEVEL_MS.minute <= ROWS_MAX;
  return minuteWorks ? minute : hour;
}

interface Choice {
  readonly level: Level;
  readonly grid: Grid;
}

function samples({ file }: SampleSource, id: number, fromMs: number, toMs: number): number {
  return file === null || id === 0 ? 0 : file.sampleCount(id, fromMs, toMs);
}

function fill(entry: ChannelEntry, level: Level, grid: Grid, source: SampleSource) {
  const fromMs = grid.originMs;
  const toMs = grid.originMs + grid.count * grid.widthMs;
  const buckets = new Buckets(grid);
  if (source.file !== null && entry.id !== 0) {
    const q = { fromMs, toMs, originMs: grid.originMs, widthMs: grid.widthMs };
    for (const group of source.file.groups(level, entry.id, q)) buckets.addGroup(group);
  }
  for (const row of freshRows(entry, fromMs, toMs, source)) {
    buckets.addSample(row.atMs, row.value, row.quality);
  }
  return buckets.finish();
}

/** Samples that no clustered table holds yet, in order of arrival. */
export function freshRows(
  entry: ChannelEntry,
  fromMs: number,
  toMs: number,
  source: SampleSource,
): Row[] {
  const inbox = source.file === null || entry.id === 0
    ? []
    : source.file.inbox(entry.id, fromMs, toMs);
  return [...inbox, ...source.waiting(entry, fromMs, toMs)];
}
