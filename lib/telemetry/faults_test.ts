import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { TelemetryUnavailable } from "./file_errors.ts";
import { type Bench, reading, START, withStore } from "./testing.ts";

const TEMPERATURE = { deviceId: "temp", channel: "temperature" };

function countAt(b: Bench, fromMs: number, toMs: number): number {
  const [series] = b.telemetry.series({ channels: [TEMPERATURE], fromMs, toMs, buckets: 1 });
  return series!.buckets[0]!.count;
}

/** What alarms would stand now, and that no condition was told twice. */
function standing(b: Bench): string[] {
  const active = new Set<string>();
  for (const { id, active: on } of b.faults) {
    if (on) {
      assert.ok(!active.has(id), `${id} was told twice`);
      active.add(id);
    } else active.delete(id);
  }
  return [...active];
}

/** Holds the file's write lock, as a copying tool or a full disk would keep us from writing. */
function lock(path: string): Disposable {
  const db = new DatabaseSync(path);
  db.exec("BEGIN IMMEDIATE");
  return {
    [Symbol.dispose]() {
      db.exec("ROLLBACK");
      db.close();
    },
  };
}

Deno.test("samples wait in memory while the file cannot be written, and all are there afterwards", () =>
  withStore(async (b) => {
    b.telemetry.record([reading(START, 1)]);
    b.telemetry.settle();
    const held = lock(b.path);
    for (let second = 1; second <= 20; second++) {
      b.telemetry.record([reading(START + second * 1000, second)]);
      await b.clock.advance(1000);
    }
    assert.deepEqual(standing(b), ["telemetry:write"]);
    assert.equal(b.telemetry.status().buffered, 20);
    assert.match(b.telemetry.status().fault!, /locked/);
    assert.equal(countAt(b, START, START + 30_000), 21, "charts show what waits");
    held[Symbol.dispose]();
    await b.clock.advance(6000);
    assert.deepEqual(standing(b), []);
    assert.equal(b.telemetry.status().fault, null);
    b.reopen();
    assert.equal(countAt(b, START, START + 30_000), 21);
    assert.deepEqual(b.telemetry.holes(), []);
  }));

Deno.test("when memory is full too, the oldest samples go, counted and noted in the file", () =>
  withStore(async (b) => {
    b.telemetry.record([reading(START, 0)]);
    b.telemetry.settle();
    const held = lock(b.path);
    for (let i = 1; i <= 250; i++) b.telemetry.record([reading(START + i * 1000, i)]);
    await b.clock.advance(1000);
    assert.deepEqual(standing(b), ["telemetry:gap", "telemetry:write"]);
    const { buffered, lost } = b.telemetry.status();
    assert.equal(buffered + lost, 250);
    assert.ok(buffered <= 160, `${buffered} wait`);
    held[Symbol.dispose]();
    await b.clock.advance(6000);
    assert.deepEqual(standing(b), []);
    b.reopen();
    assert.deepEqual(b.telemetry.holes(), [
      { fromMs: START + 1000, toMs: START + lost * 1000, samples: lost },
    ]);
    assert.equal(countAt(b, START, START + 300_000), 251 - lost);
    assert.equal(countAt(b, START + 1000, START + (lost + 1) * 1000), 0, "a gap is a gap");
  }, { bufferMax: 160 }));

Deno.test("a folder that is not there yet loses nothing", () =>
  withStore(async (b) => {
    b.telemetry.close();
    renameSync(b.folder, `${b.folder}-away`);
    b.reopen();
    b.telemetry.record([reading(START, 1)]);
    await b.clock.advance(3000);
    assert.deepEqual(standing(b), ["telemetry:write"]);
    assert.equal(countAt(b, START, START + 1000), 1);
    mkdirSync(b.folder);
    renameSync(`${b.folder}-away`, b.folder);
    await b.clock.advance(6000);
    assert.deepEqual(standing(b), []);
    b.reopen();
    assert.equal(countAt(b, START, START + 1000), 1);
  }));

Deno.test("a file that is no database is set aside at start, and recording goes on in a new one", () =>
  withStore(async (b) => {
    b.telemetry.record([reading(START, 1)]);
    b.telemetry.close();
    writeFileSync(b.path, "Not a database at all. ".repeat(500));
    b.reopen();
    assert.deepEqual(standing(b), ["telemetry:corrupt"]);
    assert.ok(existsSync(`${b.path}.corrupt-20260125T200000Z`));
    b.telemetry.record([reading(START + 1000, 2)]);
    await b.clock.advance(61_000);
    assert.deepEqual(standing(b), [], "the alarm ends with the first samples safe on disk");
    assert.equal(countAt(b, START, START + 2000), 1);
  }));

Deno.test("a file cut off in the middle is set aside", () =>
  withStore((b) => {
    for (let i = 0; i < 3000; i++) b.telemetry.record([reading(START + i * 1000, i)]);
    b.telemetry.close();
    Deno.truncateSync(b.path, 12_288 + 100);
    b.reopen();
    assert.deepEqual(standing(b), ["telemetry:corrupt"]);
    b.telemetry.record([reading(START, 1)]);
    b.telemetry.settle();
    assert.equal(countAt(b, START, START + 1000), 1);
  }));

Deno.test("damage found while running costs neither the samples in memory nor the instrument", () =>
  withStore(async (b) => {
    for (let i = 0; i < 20_000; i++) b.telemetry.record([reading(START + i * 1000, i)]);
    b.telemetry.settle();
    b.reopen(); // so that no page is left in the cache
    using file = Deno.openSync(b.path, { write: true, read: true });
    const size = file.statSync().size;
    file.seekSync(4096, Deno.SeekMode.Start);
    file.writeSync(new Uint8Array(size - 4096).fill(0xa5));
    b.telemetry.record([reading(START - 1000, 5)]);
    assert.throws(() => countAt(b, START, START + 20_000_000), TelemetryUnavailable);
    assert.deepEqual(standing(b), ["telemetry:corrupt"]);
    await b.clock.advance(61_000);
    assert.equal(countAt(b, START - 1000, START + 1), 1);
    assert.deepEqual(standing(b), []);
    assert.equal(readdirSync(b.folder).filter((name) => /corrupt-[0-9TZ]+$/.test(name)).length, 1);
  }));

Deno.test("a disk that damages every file is not filled with copies", () =>
  withStore(async (b) => {
    for (let round = 0; round < 6; round++) {
      b.telemetry.record([reading(START + round * 1000, round)]);
      {
        using db = new DatabaseSync(b.path);
        db.exec("DROP TABLE IF EXISTS inbox");
      }
      await b.clock.advance(61_000);
    }
    const asides = readdirSync(b.folder).filter((name) => /corrupt-[0-9TZ]+(-\d+)?$/.test(name));
    assert.equal(asides.length, 3);
    assert.notEqual(b.telemetry.status().fault, null);
    assert.ok(b.telemetry.status().buffered > 0, "samples wait in memory");
  }));

Deno.test("a file of a newer Holdfast is left alone", () =>
  withStore((b) => {
    b.telemetry.close();
    {
      using db = new DatabaseSync(b.path);
      db.exec("PRAGMA user_version = 99");
    }
    b.reopen();
    assert.deepEqual(standing(b), ["telemetry:write"]);
    assert.match(b.telemetry.status().fault!, /newer Holdfast/);
    assert.deepEqual(readdirSync(b.folder).filter((name) => name.includes("corrupt")), []);
  }));
