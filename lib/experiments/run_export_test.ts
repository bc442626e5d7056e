import assert from "node:assert/strict";
import { join } from "node:path";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { Folders } from "./folders.ts";
import { DATA_FILE, type DataAsk, NoClockError, RunDataReader } from "./run_data.ts";
import { csvPieces, parquetPieces } from "./run_export.ts";

const ID = "01J0000000000000000000000A";
const START_MS = Date.parse("2026-01-25T20:35:11.000Z");

async function place(text: string, units?: Record<string, string>) {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-export-" });
  const folders = new Folders(dir);
  const output = folders.outputFolder(ID);
  await Deno.mkdir(output, { recursive: true });
  await Deno.writeTextFile(join(output, DATA_FILE), text);
  if (units !== undefined) {
    const columns = Object.entries(units).map(([name, unit]) => ({ name, unit }));
    await Deno.writeTextFile(
      join(output, "experiment_data.schema.json"),
      JSON.stringify({ columns }),
    );
  }
  const reader = new RunDataReader(folders);
  const whole = async (
    ask: DataAsk,
    pieces: (
      blocks: AsyncGenerator<never>,
      startedAtMs: number | null,
    ) => AsyncGenerator<Uint8Array>,
  ) => {
    const data = (await reader.export(ID, ask))!;
    const found: Uint8Array[] = [];
    for await (const piece of pieces(data.blocks as never, data.startedAtMs)) found.push(piece);
    data.close();
    return new Uint8Array(await new Blob(found as BlobPart[]).arrayBuffer());
  };
  return {
    reader,
    csv: async (ask: DataAsk = {}) => new TextDecoder().decode(await whole(ask, csvPieces)),
    parquet: async (ask: DataAsk = {}) =>
      (await whole(ask, (blocks, at) => parquetPieces(blocks, at, { experiment: ID }))).buffer,
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

/** Rows a second apart; a list that is longer in the last row; one row that is none. */
function table(rows: number): string {
  const lines = ["timestamp,elapsed_s,temperature,od"];
  for (let i = 0; i < rows; i++) {
    const stamp = new Date(START_MS + i * 1000).toISOString();
    const od = i === rows - 1 ? '"[0.5, null, 0.7]"' : '"[0.5, 0.6]"';
    lines.push(`${stamp},${i}.0,${i % 2 === 0 ? 25 + i / 10 : ""},${od}`);
    if (i === 1) lines.push("half a row");
  }
  return lines.join("\n") + "\n";
}

Deno.test("a run as CSV has UTC stamps, every row, and columns for lists that grew at its end", async () => {
  await using p = await place(table(4));
  assert.equal(
    await p.csv(),
    "timestamp,elapsed_s,temperature,od[0],od[1],od[2]\n" +
      "2026-01-25T20:35:11.000Z,0,25,0.5,0.6,\n" +
      "2026-01-25T20:35:12.000Z,1,,0.5,0.6,\n" +
      "2026-01-25T20:35:13.000Z,2,25.2,0.5,0.6,\n" +
      "2026-01-25T20:35:14.000Z,3,,0.5,,0.7\n",
  );
});

Deno.test("a run as Parquet is read back by another program, with its units in the metadata", async () => {
  const rows = 20_000;
  await using p = await place(table(rows), { temperature: "°C", od: "V" });
  const file = await p.parquet();
  const metadata = parquetMetadata(file);
  assert.equal(Number(metadata.num_rows), rows);
  assert.equal(metadata.row_groups.length, 3, "a block is a row group");
  const facts = Object.fromEntries(
    metadata.key_value_metadata!.map(({ key, value }) => [key, value]),
  );
  assert.equal(facts.experiment, ID);
  assert.deepEqual(JSON.parse(facts.units!), {
    elapsed_s: "s",
    temperature: "°C",
    "od[0]": "V",
    "od[1]": "V",
    "od[2]": "V",
  });
  const found = await parquetReadObjects({ file });
  assert.deepEqual(found[1], {
    timestamp: new Date(START_MS + 1000),
    elapsed_s: 1,
    temperature: null,
    "od[0]": 0.5,
    "od[1]": 0.6,
    "od[2]": null,
  });
  assert.equal(found.at(-1)!["od[2]"], 0.7);
  assert.deepEqual(
    found.map(({ elapsed_s }) => elapsed_s),
    Array.from({ length: rows }, (_, i) => i),
  );
});

Deno.test("columns, times and one in so many are chosen alike in JSON, CSV and Parquet", async () => {
  await using p = await place(table(100));
  const ask = {
    columns: ["temperature"],
    every: 10,
    from: { elapsedMs: 20_000 },
    to: { atMs: START_MS + 60_000 },
  };
  const wanted = [20, 30, 40, 50];
  const json = (await p.reader.read(ID, ask))!;
  assert.deepEqual(json.elapsedMs, wanted.map((s) => s * 1000));
  assert.deepEqual(json.columns.map(({ name, values }) => [name, values]), [
    ["temperature", wanted.map((s) => 25 + s / 10)],
  ]);
  assert.equal((await p.csv(ask)).trim().split("\n").length, 5);
  const objects = await parquetReadObjects({ file: await p.parquet(ask) });
  assert.deepEqual(objects.map(({ elapsed_s }) => elapsed_s), wanted);
  // A part is thinned by its own rows, not by the file's.
  const part = (await p.reader.read(ID, { rows: 10, from: { elapsedMs: 90_000 } }))!;
  assert.deepEqual(
    [part.every, part.elapsedMs.length, part.rows],
    [1, 10, 101],
    "what is no row was counted by its line",
  );
});

Deno.test("an empty choice is a table without rows, and a time of day needs a file with a zone", async () => {
  await using p = await place(table(3));
  const none = { from: { elapsedMs: 1e9 } };
  assert.equal(await p.csv(none), "timestamp,elapsed_s\n");
  assert.equal((await parquetReadObjects({ file: await p.parquet(none) })).length, 0);
  await using local = await place(
    "time,temperature\n2026-01-25 20:35:11,25\n2026-01-25 20:35:21,26\n",
  );
  await assert.rejects(local.reader.export(ID, { from: { atMs: 1 } }), NoClockError);
  await assert.rejects(local.reader.read(ID, { to: { atMs: 1 } }), NoClockError);
  assert.equal(await local.csv({ from: { elapsedMs: 5000 } }), "elapsed_s,temperature\n10,26\n");
});
