import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ManualClock } from "./clock.ts";
import { backUp, listBackups, restore } from "./backup.ts";
import { KV_FILE, openDataFolder, TELEMETRY_FILE } from "./data_folder.ts";
import {
  DataFolderBackupUnfit,
  DataFolderOwned,
  DataFolderRestoreUnfinished,
} from "./data_folder_errors.ts";
import { EventLog } from "./events.ts";
import { Kv } from "./kv.ts";
import { accept } from "./result.ts";

async function inTemp(test: (dir: string, clock: ManualClock) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await test(dir, new ManualClock());
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function setState(dir: string, clock: ManualClock, value: string): Promise<void> {
  const kv = await Kv.open(join(dir, KV_FILE), clock);
  await kv.transact([], () => accept({ value: 0, set: [[["state"], value]] as const }));
  await kv.close();
  const telemetry = new DatabaseSync(join(dir, TELEMETRY_FILE));
  telemetry.exec("CREATE TABLE IF NOT EXISTS t (value TEXT)");
  telemetry.prepare("INSERT INTO t VALUES (?)").run(value);
  telemetry.close();
}

async function stateOf(
  dir: string,
  clock: ManualClock,
): Promise<{ state: unknown; samples: unknown[] }> {
  const kv = await Kv.open(join(dir, KV_FILE), clock);
  const state = await kv.get(["state"]);
  await kv.close();
  const telemetry = new DatabaseSync(join(dir, TELEMETRY_FILE));
  const samples = telemetry.prepare("SELECT value FROM t ORDER BY rowid").all().map((row) =>
    row["value"]
  );
  telemetry.close();
  return { state, samples };
}

const names = (dir: string) => [...Deno.readDirSync(dir)].map(({ name }) => name).sort();

Deno.test("what was backed up comes back, and what it replaces is kept", () =>
  inTemp(async (dir, clock) => {
    await setState(dir, clock, "old");
    const backup = await backUp(dir, clock);
    assert.equal(backup.stamp, "20260125T200000.000Z");
    await clock.advance(1000);
    await setState(dir, clock, "new");
    const done = await restore(dir, clock);
    assert.equal(done.backup.stamp, backup.stamp);
    assert.deepEqual(await stateOf(dir, clock), { state: "old", samples: ["old"] });
    assert.deepEqual(await stateOf(done.replaced, clock), {
      state: "new",
      samples: ["old", "new"],
    });
    (await openDataFolder(dir)).close();
  }));

Deno.test("a backup taken while another process writes holds whole commits only", () =>
  inTemp(async (dir, clock) => {
    const path = join(dir, KV_FILE);
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        join(import.meta.dirname!, "../tests/chaos/kv_writer.ts"),
        path,
      ],
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    const backups: string[] = [];
    try {
      for (let i = 0; i < 5; i++) {
        for (let bytes = 0; bytes < 5000;) bytes += (await reader.read()).value!.length;
        await clock.advance(1000);
        backups.push((await backUp(dir, clock)).path);
      }
    } finally {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    }
    let seqBefore = 0;
    for (const backup of backups) {
      const kv = await Kv.open(join(backup, KV_FILE), clock);
      const log = new EventLog(kv, clock, { countMax: 1e9, ageMaxMs: 1e15 });
      assert.ok(kv.seq > seqBefore);
      seqBefore = kv.seq;
      const last = new Map<string, number>();
      for (let seq = 0; seq < kv.seq; seq += 5000) {
        for (const event of await log.read({ afterSeq: seq, limit: 5000 })) {
          assert.equal(event.data["n"], (last.get(event.subject) ?? 0) + 1);
          last.set(event.subject, Number(event.data["n"]));
        }
      }
      for (const [caller, n] of last) assert.equal(await kv.get(["last", Number(caller)]), n);
      await kv.close();
    }
  }));

Deno.test("backups are listed newest first; an unfinished one does not count and is swept away", () =>
  inTemp(async (dir, clock) => {
    assert.deepEqual(await listBackups(dir), []);
    await setState(dir, clock, "a");
    const first = await backUp(dir, clock);
    await Deno.mkdir(join(dir, "backups", ".partial-20990101T000000.000Z"));
    await clock.advance(1);
    const second = await backUp(dir, clock);
    assert.deepEqual((await listBackups(dir)).map(({ stamp }) => stamp), [
      second.stamp,
      first.stamp,
    ]);
    assert.deepEqual(names(join(dir, "backups")), [first.stamp, second.stamp]);
    assert.deepEqual(second.files.map(({ name }) => name), [KV_FILE, TELEMETRY_FILE]);
    for (const { name, bytes } of second.files) {
      assert.equal(Deno.statSync(join(second.path, name)).size, bytes);
    }
  }));

Deno.test("nothing is restored while somebody owns the folder", () =>
  inTemp(async (dir, clock) => {
    await setState(dir, clock, "old");
    await backUp(dir, clock);
    await setState(dir, clock, "new");
    const folder = await openDataFolder(dir);
    await assert.rejects(restore(dir, clock), DataFolderOwned);
    folder.close();
    assert.deepEqual((await stateOf(dir, clock)).state, "new");
  }));

Deno.test("a backup that is not what was written, is not there or has no name is refused before anything is touched", () =>
  inTemp(async (dir, clock) => {
    await setState(dir, clock, "old");
    await assert.rejects(restore(dir, clock), /There is no backup in/);
    const { path, stamp } = await backUp(dir, clock);
    await setState(dir, clock, "new");
    const file = join(path, TELEMETRY_FILE);
    const bytes = await Deno.readFile(file);
    await Deno.writeFile(file, bytes.with(5000, bytes[5000]! ^ 1));
    await assert.rejects(
      restore(dir, clock, stamp),
      /is not what was written: SHA-256 [0-9a-f]{64}, not/,
    );
    await Deno.remove(file);
    await assert.rejects(restore(dir, clock, stamp), DataFolderBackupUnfit);
    await assert.rejects(restore(dir, clock, "20250101T000000.000Z"), DataFolderBackupUnfit);
    await assert.rejects(
      restore(dir, clock, "../../etc"),
      /"..\/..\/etc" is not the name of a backup/,
    );
    assert.deepEqual((await stateOf(dir, clock)).state, "new");
    (await openDataFolder(dir)).close();
  }));

Deno.test("a restore that was cut off keeps the folder from starting until it is run again", () =>
  inTemp(async (dir, clock) => {
    await setState(dir, clock, "old");
    const { path, stamp } = await backUp(dir, clock);
    // As if the power went between moving the old file away and naming the new one.
    await Deno.copyFile(join(path, KV_FILE), join(dir, `${KV_FILE}.restoring`));
    await Deno.remove(join(dir, KV_FILE));
    await assert.rejects(openDataFolder(dir), (error) => {
      assert.ok(error instanceof DataFolderRestoreUnfinished);
      assert.match(error.message, new RegExp(`Run it again: holdfast restore ${stamp}$`));
      return true;
    });
    await restore(dir, clock, stamp);
    (await openDataFolder(dir)).close();
    assert.deepEqual((await stateOf(dir, clock)).state, "old");
  }));

Deno.test("a log left beside a damaged file does not spoil what is restored over it", () =>
  inTemp(async (dir, clock) => {
    await setState(dir, clock, "old");
    await backUp(dir, clock);
    const path = join(dir, KV_FILE);
    const kv = await Deno.openKv(path);
    await kv.set(["state"], "new, still in the log only");
    const left = await Deno.readFile(`${path}-wal`);
    kv.close();
    await Deno.writeFile(`${path}-wal`, left);
    await restore(dir, clock);
    assert.deepEqual((await stateOf(dir, clock)).state, "old");
  }));

Deno.test("an empty folder has nothing to back up, and says so", () =>
  inTemp(async (dir, clock) => {
    await assert.rejects(backUp(dir, clock), /There is no state in ".*" yet/);
    assert.deepEqual(names(dir), []);
  }));
