import { ByteWriter, ParquetWriter, schemaFromColumnData } from "hyparquet-writer";
import type { Turns } from "../turns.ts";
import { type DataColumn, type Row, Table } from "./run_table.ts";

/** Some rows of a table; of one table all blocks have the same columns. */
export interface DataBlock {
  readonly columns: readonly DataColumn[];
  readonly elapsedMs: readonly number[];
}

/** Rows of a block: one row group of a Parquet file. */
const BLOCK_ROWS = 8192;

interface Source {
  readonly table: {
    readonly header: readonly string[];
    readonly columns: readonly string[] | undefined;
    readonly units: ReadonlyMap<string, string>;
    readonly first: Row | null;
  };
  readonly every: number;
  readonly wanted: (cells: readonly string[], index: number) => boolean;
  /** The file's rows, from the first. */
  rows(): AsyncGenerator<{ cells: string[]; row: number }>;
  readonly turns: Turns;
}

/** The rows asked for. Read twice: how wide its lists are is known only at the end, and a table's columns do not change. */
export async function* exportBlocks(source: Source): AsyncGenerator<DataBlock> {
  const names = new Map<string, DataColumn>();
  for await (const { columns } of blocksOf(source)) {
    for (const one of columns) names.set(one.name, { ...one, values: [] });
  }
  const order = [...names.values()].sort((a, b) =>
    placeOf(a.name, source) - placeOf(b.name, source)
  );
  for await (const { columns, elapsedMs } of blocksOf(source)) {
    const found = new Map(columns.map((one) => [one.name, one]));
    yield {
      columns: order.map((one) =>
        found.get(one.name) ?? { ...one, values: elapsedMs.map(() => null) }
      ),
      elapsedMs,
    };
  }
}

async function* blocksOf({ table, every, wanted, rows, turns }: Source): AsyncGenerator<DataBlock> {
  const { header, columns, units, first } = table;
  const all = rows();
  let seen = 0;
  let isOver = false;
  // The first block comes even when it is empty: it has the columns.
  do {
    const block = await turns.take(async () => {
      const one = new Table(header, columns, units);
      while (one.rows < BLOCK_ROWS) {
        const { done, value } = await all.next();
        if (done) {
          isOver = true;
          break;
        }
        if (!wanted(value.cells, value.row) || seen++ % every !== 0) continue;
        one.add(value.cells, value.row);
      }
      return one.done(first);
    });
    yield block;
  } while (!isOver);
}

/** Where a column stands: by its name in the header, then by its place in a list. */
function placeOf(name: string, { table: { header } }: Source): number {
  const [, base = name, item = "0"] = /^(.*)\[(\d+)\]$/.exec(name) ?? [];
  return header.indexOf(base) * 1e6 + Number(item);
}

/** Comma-separated values with one header; times are UTC where the file knows them. LF ends each line. */
export async function* csvPieces(
  blocks: AsyncIterable<DataBlock>,
  startedAtMs: number | null,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let isFirst = true;
  for await (const { columns, elapsedMs } of blocks) {
    const lines: string[] = [];
    const stamped = startedAtMs !== null;
    if (isFirst) {
      const names = columns.map(({ name }) => quoted(name));
      lines.push([...(stamped ? ["timestamp"] : []), "elapsed_s", ...names].join(","));
    }
    isFirst = false;
    elapsedMs.forEach((ms, i) => {
      const cells = columns.map(({ values }) => values[i] ?? "");
      const stamp = stamped ? [new Date(startedAtMs + ms).toISOString()] : [];
      lines.push([...stamp, ms / 1000, ...cells].join(","));
    });
    if (lines.length > 0) yield encoder.encode(lines.join("\n") + "\n");
  }
}

function quoted(name: string): string {
  return /[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}

/**
 * A Parquet file, one row group a block. The units of its columns stand in its metadata under `units`, as
 * JSON, beside `facts`.
 */
export async function* parquetPieces(
  blocks: AsyncIterable<DataBlock>,
  startedAtMs: number | null,
  facts: Readonly<Record<string, string>>,
): AsyncGenerator<Uint8Array> {
  const writer = new ByteWriter();
  let file: ParquetWriter | null = null;
  for await (const { columns, elapsedMs } of blocks) {
    const columnData = [
      ...(startedAtMs === null ? [] : [{
        name: "timestamp",
        data: elapsedMs.map((ms) => new Date(startedAtMs + ms)),
        type: "TIMESTAMP" as const,
        nullable: false,
      }]),
      {
        name: "elapsed_s",
        data: elapsedMs.map((ms) => ms / 1000),
        type: "DOUBLE" as const,
        nullable: false,
      },
      ...columns.map(({ name, values }) => ({
        name,
        data: values,
        type: "DOUBLE" as const,
        nullable: true,
      })),
    ];
    file ??= new ParquetWriter({
      writer,
      schema: schemaFromColumnData({ columnData }),
      createdBy: "holdfast",
      kvMetadata: Object.entries({
        ...facts,
        units: JSON.stringify(Object.fromEntries([
          ["elapsed_s", "s"],
          ...columns.map(({ name, unit }) => [name, unit]),
        ])),
      }).map(([key, value]) => ({ key, value })),
    });
    if (elapsedMs.length > 0) {
      // Its types stand in the schema.
      const data = columnData.map(({ name, data }) => ({ name, data }));
      await file.write({ columnData: data, rowGroupSize: BLOCK_ROWS });
    }
    yield taken(writer);
  }
  file?.finish();
  yield taken(writer);
}

/** What has been written since the last time; the writer goes on counting. */
function taken(writer: ByteWriter): Uint8Array {
  const bytes = writer.getBytes().slice();
  writer.index = 0;
  return bytes;
}
