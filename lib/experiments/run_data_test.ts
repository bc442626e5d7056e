import assert from "node:assert/strict";
import { join } from "node:path";
import { Folders } from "./folders.ts";
import { DATA_FILE, RunDataReader } from "./run_data.ts";

const ID = "01J0000000000000000000000A";

async function place(text?: string) {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-data-" });
  const folders = new Folders(dir);
  await Deno.mkdir(folders.outputFolder(ID), { recursive: true });
  const path = join(folders.outputFolder(ID), DATA_FILE);
  const reader = new RunDataReader(folders);
  const write = (more: string) => Deno.writeTextFileSync(path, more, { append: true });
  if (text !== undefined) write(text);
  return {
    reader,
    folders,
    write,
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

const LEGACY =
  "timestamp,co2_ppm,temperature,od_voltages,eyespy_voltages,stirrer_duty,peltier_duty,peltier_direction\r\n" +
  '2026-01-25T20:35:11.103915,633.0,,"[0.12, None, 0.18]",[],0.0,0.0,forward\r\n' +
  '2026-01-25T20:35:21,634.0,25.4,"[0.13, 0.2, 0.19]",[],10.0,0.0,forward\r\n';

Deno.test("the original client's file becomes columns, its lists one column an item", async () => {
  await using p = await place(LEGACY);
  assert.deepEqual(await p.reader.read(ID), {
    columns: [
      { name: "co2_ppm", unit: "ppm", values: [633, 634] },
      { name: "temperature", unit: "°C", values: [null, 25.4] },
      { name: "od_voltages[0]", unit: "V", values: [0.12, 0.13] },
      { name: "od_voltages[1]", unit: "V", values: [null, 0.2] },
      { name: "od_voltages[2]", unit: "V", values: [0.18, 0.19] },
      { name: "stirrer_duty", unit: "%", values: [0, 10] },
      { name: "peltier_duty", unit: "%", values: [0, 0] },
    ],
    elapsedMs: [0, 9897],
    startedAtMs: null,
    rows: 2,
    every: 1,
    skipped: 0,
  });
});

Deno.test("the guide's own sample, the library's and the older node's files are read", async () => {
  await using guide = await place(
    "timestamp,co2_ppm,temperature,od_voltages,eyespy_voltages,stirrer_duty,peltier_duty,peltier_direction\n" +
      "2026-01-25T20:35:11.103915,633.0,25.4,[0.12,0.15,0.18],[],0.0,0.0,forward\n",
  );
  const data = (await guide.reader.read(ID))!;
  assert.deepEqual(data.columns.map((c) => [c.name, c.values[0]]), [
    ["co2_ppm", 633],
    ["temperature", 25.4],
    ["od_voltages[0]", 0.12],
    ["od_voltages[1]", 0.15],
    ["od_voltages[2]", 0.18],
    ["stirrer_duty", 0],
    ["peltier_duty", 0],
  ]);
  await using library = await place(
    "time,elapsed_time,OD_135_V,temperature_C,CO2_ppm,peltier_forward,relay_1\n" +
      "2026-01-25 20:35:11,0.5,0.123,31.0,nan,1,True\n2026-01-25 20:35:12,1.5,0.124,31.1,640,0,False\n",
  );
  assert.deepEqual((await library.reader.read(ID))!.elapsedMs, [0, 1000]);
  assert.deepEqual(
    (await library.reader.read(ID))!.columns.map((c) => [c.name, c.unit, ...c.values]),
    [
      ["OD_135_V", "V", 0.123, 0.124],
      ["temperature_C", "°C", 31, 31.1],
      ["CO2_ppm", "ppm", null, 640],
      ["peltier_forward", "", 1, 0],
      ["relay_1", "", 1, 0],
    ],
  );
  await using node = await place(
    "time,vial_A_135_degree,io_temp_in,peltier_current\n0.0,0.1,24.5,-0.25\n2.5,0.2,24.6,-0.3\n",
  );
  const older = (await node.reader.read(ID))!;
  assert.deepEqual(older.elapsedMs, [0, 2500]);
  assert.deepEqual(older.columns.map((c) => c.unit), ["V", "°C", "A"]);
});

Deno.test("our own form has its zone and its units from the schema beside it", async () => {
  await using p = await place(
    "timestamp,elapsed_s,temperature,strange\n" +
      "2026-01-25T20:35:11.103Z,0,25.4,1\n2026-01-25T20:35:12.104Z,1.001,25.5,2\n",
  );
  Deno.writeTextFileSync(
    join(p.folders.outputFolder(ID), "experiment_data.schema.json"),
    JSON.stringify({ v: 1, columns: [{ name: "strange", unit: "furlong" }] }),
  );
  const data = (await p.reader.read(ID))!;
  assert.equal(data.startedAtMs, Date.UTC(2026, 0, 25, 20, 35, 11, 103));
  assert.deepEqual(data.elapsedMs, [0, 1001]);
  assert.deepEqual(data.columns.map((c) => c.unit), ["°C", "furlong"]);
});

Deno.test("rows that were shifted, repeated headers and half a last line are no data", async () => {
  await using p = await place("a,b\n1,2\n3,4,5\na,b\n6\n7,8\n9,");
  const data = (await p.reader.read(ID))!;
  assert.deepEqual(data.columns.map((c) => c.values), [[1, 7], [2, 8]]);
  assert.equal(data.skipped, 2);
});

Deno.test("no file, an empty file and a header alone are told apart", async () => {
  await using p = await place();
  assert.equal(await p.reader.read(ID), null);
  p.write("");
  assert.equal(await p.reader.read(ID), null);
  p.write("timestamp,temp");
  assert.equal(await p.reader.read(ID), null);
  p.write("erature\n");
  assert.deepEqual((await p.reader.read(ID))!.columns, []);
});

Deno.test("a file that grows is read on from where it was, one that began again from its start", async () => {
  await using p = await place("t,x\n");
  for (let i = 0; i < 50; i++) {
    p.write(`${i},${i * 2}\n`);
    const { columns, rows } = (await p.reader.read(ID))!;
    assert.equal(rows, i + 1);
    assert.deepEqual(columns[1]!.values.at(-1), i * 2);
    assert.equal(columns[1]!.values.length, i + 1);
  }
  Deno.removeSync(join(p.folders.outputFolder(ID), DATA_FILE));
  p.write("t,y\n5,6\n");
  assert.deepEqual((await p.reader.read(ID))!.columns.map((c) => c.name), ["t", "y"]);
});

Deno.test("a long file is thinned to the rows asked for, evenly and from its first row on", async () => {
  await using p = await place("elapsed_s,x,y\n");
  let text = "";
  for (let i = 0; i < 100_000; i++) text += `${i},${i},${-i}\n`;
  p.write(text);
  const startMs = performance.now();
  const data = (await p.reader.read(ID, { rows: 500, columns: ["x"] }))!;
  assert.ok(performance.now() - startMs < 2000);
  assert.equal(data.every, 200);
  assert.equal(data.rows, 100_000);
  assert.deepEqual(data.columns.map((c) => c.name), ["x"]);
  assert.deepEqual(data.columns[0]!.values.slice(0, 3), [0, 200, 400]);
  assert.equal(data.columns[0]!.values.length, 500);
  assert.deepEqual(data.elapsedMs.slice(0, 2), [0, 200_000]);
  assert.equal((await p.reader.read(ID, { every: 1000 }))!.columns[0]!.values.length, 100);
});

Deno.test("a row without an end is given up on, not read to the end of a terabyte", async () => {
  await using p = await place("elapsed_s,x\n0,1\n1,2\n");
  // A hole takes no room on the disk, so no quota keeps a script from it.
  await Deno.truncate(join(p.folders.outputFolder(ID), DATA_FILE), 2 ** 40);
  const data = (await p.reader.read(ID))!;
  assert.deepEqual(data.columns.map((c) => c.values), [[1, 2]]);
  assert.deepEqual((await p.reader.read(ID))!.rows, 2);
});

Deno.test("while a long file is read everything else has its turn", async () => {
  await using p = await place("elapsed_s,x\n");
  p.write("1,2\n".repeat(1_000_000));
  let turns = 0;
  const ticking = setInterval(() => turns++, 0);
  const data = (await p.reader.read(ID, { rows: 10 }))!;
  clearInterval(ticking);
  assert.equal(data.rows, 1_000_000);
  assert(turns > 3, `${turns}`);
});

Deno.test("a wide file is given in part: the first thousand columns, and fewer rows", async () => {
  const names = Array.from({ length: 3000 }, (_, i) => `c${i}`);
  await using p = await place(`${names.join(",")}\n`);
  p.write(`${names.map((_, i) => i).join(",")}\n`.repeat(2500));
  const { columns, every, rows } = (await p.reader.read(ID))!;
  assert.equal(rows, 2500);
  assert.equal(columns.length, 1000);
  assert.equal(every, 2);
  assert.equal(columns[999]!.values.length, 1250);
  const few = (await p.reader.read(ID, { columns: ["c2999"] }))!;
  assert.deepEqual([few.every, few.columns.map((c) => c.name)], [1, ["c2999"]]);
});

Deno.test("a run of the originals' library has its numbers too, unless it has a table of the client's", async () => {
  await using p = await place();
  const write = (name: string, text: string) =>
    Deno.writeTextFile(join(p.folders.outputFolder(ID), name), text);
  await write(
    "bioreactor_data.csv",
    "time,elapsed_time,OD_135_V,temperature_C\n2026-01-25 20:35:11,0.0,0.5,25.1\n",
  );
  const library = (await p.reader.read(ID))!;
  assert.deepEqual(library.columns.map(({ name, unit }) => [name, unit]), [
    ["OD_135_V", "V"],
    ["temperature_C", "°C"],
  ]);
  await write(DATA_FILE, "elapsed_s,x\n0,1\n");
  assert.deepEqual((await p.reader.read(ID))!.columns.map(({ name }) => name), ["x"]);
});
