import type { ChannelEntry, Row } from "./file.ts";
import { QUALITIES } from "./file.ts";
import type { Level } from "./model.ts";
import { freshRows, type SampleSource } from "./series.ts";

export interface ExportAsk {
  readonly channels: readonly { readonly deviceId: string; readonly channel: string }[];
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  /** `auto`: the finest level that is complete over the range. */
  readonly level: Level | "auto";
  /** Adds a column with the quality of each sample; raw samples only. */
  readonly quality?: boolean;
  /** Puts raw samples on a grid of this width: a row a step, in each cell the step's newest number. */
  readonly everyMs?: number;
}

/** What one column of an export holds. */
export interface ExportColumn {
  readonly deviceId: string;
  readonly channel: string;
  readonly unit: string;
  /** `value`: the sample itself; the rest are of a minute or an hour. */
  readonly measure: "value" | "quality" | "mean" | "min" | "max" | "count";
}

export type ExportCell = number | string | null;

/** A wide table: one row for every stamp at which any channel has a sample, so a long gap costs nothing. */
export interface ExportTable {
  readonly level: Level;
  readonly columns: readonly ExportColumn[];
  /** In order of time; `cells` as `columns`. Read from the file bit by bit while it is walked. */
  readonly rows: Iterable<{ readonly atMs: number; readonly cells: readonly ExportCell[] }>;
}

/** Rows of one channel read at once: what bounds the memory of an export. */
const CHUNK_ROWS = 2000;

/** See `Telemetry.exportTable`. */
export function exportTable(ask: ExportAsk, source: SampleSource): ExportTable {
  const level = ask.everyMs !== undefined
    ? "raw"
    : ask.level === "auto"
    ? completeLevel(ask.fromMs, source)
    : ask.level;
  const tracks = ask.channels.map(({ deviceId, channel }) => {
    const entry = source.find(deviceId, channel)?.entry ??
      { id: 0, deviceId, channel, unit: "", type: "number" as const };
    return level === "raw"
      ? rawTrack(entry, ask, source)
      : rollUpTrack(entry, level, ask.fromMs, ask.toMs, source);
  });
  return { level, columns: tracks.flatMap((track) => track.columns), rows: merge(tracks) };
}

function completeLevel(fromMs: number, source: SampleSource): Level {
  return (["raw", "minute"] as const).find((level) => source.keptFromMs(level) <= fromMs) ?? "hour";
}

interface Sample {
  readonly atMs: number;
  readonly cells: readonly ExportCell[];
}

/** One channel on its way into the table. */
interface Track {
  readonly columns: readonly ExportColumn[];
  readonly samples: Iterator<Sample>;
}

function* merge(tracks: readonly Track[]): Generator<Sample> {
  const blanks = tracks.map(({ columns }) => columns.map(() => null));
  const heads = tracks.map(({ samples }) => samples.next());
  for (;;) {
    let atMs = Infinity;
    for (const head of heads) if (!head.done) atMs = Math.min(atMs, head.value.atMs);
    if (atMs === Infinity) return;
    const cells: ExportCell[] = [];
    for (const [i, head] of heads.entries()) {
      if (head.done || head.value.atMs !== atMs) {
        cells.push(...blanks[i]!);
        continue;
      }
      cells.push(...head.value.cells);
      heads[i] = tracks[i]!.samples.next();
    }
    yield { atMs, cells };
  }
}

function rawTrack(entry: ChannelEntry, ask: ExportAsk, source: SampleSource): Track {
  const { deviceId, channel, unit } = entry;
  const measures = ask.quality ? ["value", "quality"] as const : ["value"] as const;
  return {
    columns: measures.map((measure) => ({ deviceId, channel, unit, measure })),
    samples: (function* () {
      const rows = rawRows(entry, ask.fromMs, ask.toMs, source);
      for (const row of ask.everyMs === undefined ? rows : onGrid(rows, ask.everyMs)) {
        const { atMs, value, quality } = row;
        yield { atMs, cells: ask.quality ? [value, QUALITIES[quality]!] : [value] };
      }
    })(),
  };
}

/**
 * Samples in order of stamp, then arrival. Each chunk joins what the clustered table and the inbox hold at
 * that moment, so a sample that is settled while the export runs is neither lost nor doubled.
 */
function* rawRows(
  entry: ChannelEntry,
  fromMs: number,
  toMs: number,
  source: SampleSource,
): Generator<Row> {
  let nextMs = fromMs;
  let limit = CHUNK_ROWS;
  while (nextMs < toMs) {
    const settled = source.file === null || entry.id === 0
      ? []
      : source.file.raw(entry.id, nextMs, toMs, limit);
    // A full chunk may end amid samples with one stamp: leave that stamp to the next chunk.
    const untilMs = settled.length < limit ? toMs : settled.at(-1)!.atMs;
    if (untilMs === nextMs) {
      limit *= 2;
      continue;
    }
    const rows = settled.filter((row) => row.atMs < untilMs);
    const fresh = freshRows(entry, nextMs, untilMs, source);
    // The sort is stable: of two with one stamp, the settled one came first.
    yield* fresh.length === 0 ? rows : [...rows, ...fresh].sort((a, b) => a.atMs - b.atMs);
    nextMs = untilMs;
    limit = CHUNK_ROWS;
  }
}

/** One row a step that has any; a sample without a number never hides one with. */
function* onGrid(rows: Iterable<Row>, everyMs: number): Generator<Row> {
  let step: Row | null = null;
  for (const row of rows) {
    const atMs = Math.floor(row.atMs / everyMs) * everyMs;
    if (step !== null && step.atMs !== atMs) yield step;
    else if (step !== null && row.value === null) continue;
    step = { ...row, atMs };
  }
  if (step !== null) yield step;
}

const ROLL_UP_MEASURES = ["mean", "min", "max", "count"] as const;

function rollUpTrack(
  entry: ChannelEntry,
  level: "minute" | "hour",
  fromMs: number,
  toMs: number,
  source: SampleSource,
): Track {
  const { deviceId, channel, unit } = entry;
  return {
    columns: ROLL_UP_MEASURES.map((measure) => ({ deviceId, channel, unit, measure })),
    samples: (function* () {
      let nextMs = fromMs;
      while (source.file !== null && entry.id !== 0) {
        const rows = source.file.rollUps(level, entry.id, nextMs, toMs, CHUNK_ROWS);
        for (const row of rows) {
          yield { atMs: row.atMs, cells: ROLL_UP_MEASURES.map((measure) => row[measure]) };
        }
        if (rows.length < CHUNK_ROWS) return;
        nextMs = rows.at(-1)!.atMs + 1;
      }
    })(),
  };
}

/** Head of a column: `temp.temperature [°C]`, `temp.temperature min [°C]`, `temp.temperature quality`. */
export function columnTitle({ deviceId, channel, unit, measure }: ExportColumn): string {
  const name = `${deviceId}.${channel}${measure === "value" ? "" : ` ${measure}`}`;
  const bare = unit === "" || measure === "quality" || measure === "count";
  return bare ? name : `${name} [${unit}]`;
}

/** RFC 4180 with LF: a field is quoted where it must be, a missing value is an empty field. */
export function* csvLines({ columns, rows }: ExportTable): Generator<string> {
  yield ["time", ...columns.map(columnTitle)].map(csvField).join(",") + "\n";
  for (const { atMs, cells } of rows) {
    let line = new Date(atMs).toISOString();
    for (const cell of cells) line += "," + (cell === null ? "" : csvField(String(cell)));
    yield line + "\n";
  }
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** `{ "level", "columns": […], "rows": [[time, …cells], …] }`, a row a line. */
export function* jsonLines({ level, columns, rows }: ExportTable): Generator<string> {
  const head = columns.map((column) => ({ ...column, title: columnTitle(column) }));
  yield `{"level":${JSON.stringify(level)},"columns":${JSON.stringify(head)},"rows":[`;
  let separator = "\n";
  for (const { atMs, cells } of rows) {
    yield separator + JSON.stringify([new Date(atMs).toISOString(), ...cells]);
    separator = ",\n";
  }
  yield "\n]}\n";
}

/** Bytes of text pieces, some 64 KiB a chunk, made only as fast as they are read. */
export function textStream(pieces: Generator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      // Others get their turn between two chunks: a command or a STOP must not wait for an export.
      await new Promise((resolve) => setTimeout(resolve, 0));
      let text = "";
      while (text.length < 65_536) {
        const { done, value } = pieces.next();
        if (done) {
          if (text !== "") controller.enqueue(encoder.encode(text));
          return controller.close();
        }
        text += value;
      }
      controller.enqueue(encoder.encode(text));
    },
    cancel() {
      pieces.return(undefined);
    },
  });
}
