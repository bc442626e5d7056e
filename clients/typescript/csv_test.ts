import assert from "node:assert/strict";
import { join } from "node:path";
import { CsvFile, type CsvForm, type Row, writeDataToCsv } from "./csv.ts";
import { localStamp, parseLine, pythonFloat } from "./csv_fields.ts";
import { ExperimentLink } from "./experiment.ts";
import { Api } from "./transport.ts";

const golden = new URL("../golden/", import.meta.url);

// The same rows are written by the Python tests, against the same golden files.
const ROWS: Row[] = [
  {
    timestamp: "2026-01-25T20:35:11.103915",
    co2_ppm: 633,
    temperature: null,
    od_voltages: [0.12, null, 0.18],
    eyespy_voltages: [],
    stirrer_duty: 0,
    peltier_duty: 0,
    peltier_direction: "forward",
    ring_light_r: 0,
    ring_light_g: 0,
    ring_light_b: 0,
  },
  {
    timestamp: "2026-01-25T20:35:21",
    co2_ppm: 1e16,
    temperature: 25.4,
    od_voltages: [1e-5, 0.1 + 0.2, NaN],
    eyespy_voltages: [1],
    stirrer_duty: 35,
    peltier_duty: 12,
    peltier_direction: "heat",
    ring_light_r: 255,
    ring_light_g: 128,
    ring_light_b: 0,
  },
  {
    timestamp: "2026-01-25T20:35:31.000001",
    co2_ppm: 0.0001,
    temperature: NaN,
    od_voltages: [],
    eyespy_voltages: [],
    stirrer_duty: null,
    peltier_duty: null,
    peltier_direction: 'say "cool", twice',
    ring_light_r: null,
    ring_light_g: null,
    ring_light_b: null,
  },
];
const STRICT_STAMPS = [
  "2026-01-25T20:35:11.103Z",
  "2026-01-25T21:35:21.0005+01:00",
  "2026-01-25T20:35:31.999999Z",
];

async function inFolder(act: (folder: string, read: (name?: string) => string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  const real = console.error;
  console.error = () => {};
  try {
    await act(
      folder,
      (name = "experiment_data.csv") => Deno.readTextFileSync(join(folder, name)),
    );
  } finally {
    console.error = real;
    await Deno.remove(folder, { recursive: true });
  }
}

/** As a new process would: it knows nothing of the file. */
function append(folder: string, row: Row, form: CsvForm = "legacy"): void {
  new CsvFile(join(folder, "experiment_data.csv"), form).append(row);
}

Deno.test("the legacy bytes are those of the original", () =>
  inFolder(async (folder, read) => {
    for (const row of ROWS) writeDataToCsv(row, { outputDir: folder });
    assert.equal(read(), await Deno.readTextFile(new URL("legacy.csv", golden)));
  }));

Deno.test("the strict bytes and the schema are the agreed ones", () =>
  inFolder(async (folder, read) => {
    ROWS.forEach((row, index) => {
      const strict = {
        ...row,
        timestamp: STRICT_STAMPS[index],
        elapsed_s: [0, 9.896, 20.9][index],
      };
      writeDataToCsv(strict, { outputDir: folder, form: "strict" });
    });
    assert.equal(read(), await Deno.readTextFile(new URL("strict.csv", golden)));
    const schema = await Deno.readTextFile(new URL("strict.schema.json", golden));
    assert.equal(
      read("experiment_data.schema.json"),
      schema.replaceAll('"strict.', '"experiment_data.'),
    );
  }));

Deno.test("a later row is never shifted under the header", () =>
  // deno-lint-ignore require-await
  inFolder(async (folder, read) => {
    append(folder, { timestamp: "a", co2_ppm: 1, temperature: 2 });
    append(folder, { temperature: 3, timestamp: "b" });
    append(folder, { timestamp: "c", note: "fed", co2_ppm: 4 });
    assert.equal(read(), "timestamp,co2_ppm,temperature\r\na,1.0,2.0\r\nb,,3.0\r\nc,4.0,\r\n");
    assert.deepEqual(JSON.parse(read("experiment_data.extra.jsonl")), {
      timestamp: "c",
      note: "fed",
    });
  }));

Deno.test("half a last line is set aside before anything is appended", () =>
  // deno-lint-ignore require-await
  inFolder(async (folder, read) => {
    const whole = "timestamp,co2_ppm\r\n2026-01-01T00:00:01,6.0\r\n";
    const last = "2026-01-01T00:00:02,7.25\r\n";
    for (let cut = 1; cut < last.length - 1; cut++) {
      Deno.writeTextFileSync(join(folder, "experiment_data.csv"), whole + last.slice(0, cut));
      append(folder, { timestamp: "3", co2_ppm: 8 });
      assert.equal(read(), `${whole}3,8.0\r\n`);
      assert.ok(read("experiment_data.partial.txt").endsWith(last.slice(0, cut) + "\n"));
    }
    Deno.writeTextFileSync(join(folder, "experiment_data.csv"), whole + last.slice(0, -1));
    append(folder, { timestamp: "3", co2_ppm: 8 });
    assert.equal(read(), `${whole}${last}3,8.0\r\n`, "only the last byte was missing");
    Deno.writeTextFileSync(
      join(folder, "experiment_data.csv"),
      whole + "\0".repeat(70_000),
    );
    append(folder, { timestamp: "3", co2_ppm: 8 });
    assert.equal(read(), `${whole}3,8.0\r\n`, "blocks of zeros left by a power cut");
    Deno.writeTextFileSync(join(folder, "experiment_data.csv"), "times");
    append(folder, { timestamp: "3" });
    assert.equal(read(), "timestamp\r\n3\r\n", "half a header");
  }));

Deno.test("the forms do not mix in one file, and an unknown one is refused", () =>
  // deno-lint-ignore require-await
  inFolder(async (folder, read) => {
    append(folder, { a: 1 });
    assert.throws(() => append(folder, { a: 2 }, "strict"), TypeError);
    assert.equal(read(), "a\r\n1\r\n");
    // deno-lint-ignore no-explicit-any
    assert.throws(() => writeDataToCsv({ a: 1 }, { form: "loose" as any, outputDir: folder }));
    assert.throws(() => writeDataToCsv({}, { outputDir: folder }), TypeError);
  }));

Deno.test("elapsed time goes on in a file that an earlier process began", () =>
  // deno-lint-ignore require-await
  inFolder(async (folder, read) => {
    const began = new Date(Date.now() - 3_600_000).toISOString();
    Deno.writeTextFileSync(
      join(folder, "experiment_data.csv"),
      `timestamp,elapsed_s,co2_ppm\n${began},0.0,1.0\n`,
    );
    append(folder, { co2_ppm: 2 }, "strict");
    const [, elapsed] = parseLine(read().split("\n")[2]!);
    assert.ok(Math.abs(Number(elapsed) - 3600) < 30, elapsed);
  }));

Deno.test("numbers print as Python prints them", () => {
  for (
    const [value, text] of [
      [0, "0.0"],
      [-0, "-0.0"],
      [633, "633.0"],
      [25.4, "25.4"],
      [-1.5, "-1.5"],
      [0.1 + 0.2, "0.30000000000000004"],
      [0.0001, "0.0001"],
      [0.00001, "1e-05"],
      [1.25e-7, "1.25e-07"],
      [1e15, "1000000000000000.0"],
      [1e16, "1e+16"],
      [1.5e300, "1.5e+300"],
      [123456789.125, "123456789.125"],
      [Number.MIN_VALUE, "5e-324"],
    ] as const
  ) assert.equal(pythonFloat(value), text);
});

Deno.test("a stamp on the full second has no fraction", () => {
  const atMs = new Date(2026, 0, 25, 20, 35, 11).getTime();
  assert.equal(localStamp(atMs), "2026-01-25T20:35:11");
  assert.equal(localStamp(atMs + 103.915), "2026-01-25T20:35:11.103915");
  assert.equal(localStamp(atMs + 0.001), "2026-01-25T20:35:11.000001");
});

Deno.test("a line of CSV reads back as its fields", () => {
  assert.deepEqual(parseLine('a,"b, ""c""",,"[]"'), ["a", 'b, "c"', "", "[]"]);
  assert.deepEqual(parseLine(""), [""]);
});

Deno.test("a checkpoint is whole or not there", () =>
  // deno-lint-ignore require-await
  inFolder(async (folder) => {
    const before = Deno.env.get("OUTPUT_DIR");
    Deno.env.set("OUTPUT_DIR", folder);
    try {
      const link = new ExperimentLink(new Api({ url: "http://127.0.0.1:1" }));
      assert.equal(link.loadCheckpoint(), undefined);
      link.checkpoint({ n: 3, text: "µ" });
      assert.deepEqual(link.loadCheckpoint(), { n: 3, text: "µ" });
      assert.throws(() => link.checkpoint({ n: NaN }), TypeError);
      assert.throws(() => link.checkpoint(undefined), TypeError);
      assert.deepEqual(link.loadCheckpoint(), { n: 3, text: "µ" });
      Deno.writeTextFileSync(join(folder, "checkpoint.json"), "{");
      assert.throws(() => link.loadCheckpoint(), /Cannot read the checkpoint/);
    } finally {
      if (before === undefined) Deno.env.delete("OUTPUT_DIR");
      else Deno.env.set("OUTPUT_DIR", before);
    }
  }));
