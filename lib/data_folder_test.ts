import assert from "node:assert/strict";
import { join } from "node:path";
import { ManualClock } from "./clock.ts";
import { backUp } from "./backup.ts";
import { KV_FILE, openDataFolder } from "./data_folder.ts";
import { DataFolderDamaged, DataFolderOwned, DataFolderUnwritable } from "./data_folder_errors.ts";
import { Kv } from "./kv.ts";
import { accept } from "./result.ts";

const clock = new ManualClock();

async function inTemp(test: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await test(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** A store with enough in it to have many pages. */
async function fillStore(path: string): Promise<void> {
  const kv = await Kv.open(path, clock);
  for (let i = 0; i < 40; i++) {
    await kv.transact([], () => accept({ value: 0, set: [[["n", i], "x".repeat(5000)]] as const }));
  }
  await kv.close();
}

Deno.test("a data folder that is not there is made, for its owner's eyes only", () =>
  inTemp(async (dir) => {
    const path = join(dir, "deep", "data");
    using folder = await openDataFolder(path);
    assert.equal(folder.path, path);
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o700);
    assert.ok(folder.freeBytes() > 0);
    assert.deepEqual([...Deno.readDirSync(path)].map(({ name }) => name), ["owner.lock"]);
  }));

Deno.test("a second owner is refused with the first one's pid; once that gave it up anybody may", () =>
  inTemp(async (dir) => {
    const first = await openDataFolder(dir);
    const refused = await openDataFolder(dir).catch((error) => error);
    assert.ok(refused instanceof DataFolderOwned);
    assert.equal(refused.pid, Deno.pid);
    assert.equal(
      refused.message,
      `The data folder "${dir}" is in use by process ${Deno.pid}. Stop that one, or choose another folder`,
    );
    first.close();
    first.close();
    (await openDataFolder(dir)).close();
  }));

Deno.test("an owner that was killed is in nobody's way, nor are the runs that outlive it", () =>
  inTemp(async (dir) => {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        join(import.meta.dirname!, "../tests/chaos/folder_owner.ts"),
        dir,
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    const survivor = Number(new TextDecoder().decode((await reader.read()).value));
    const refused = await openDataFolder(dir).catch((error) => error);
    assert.ok(refused instanceof DataFolderOwned);
    assert.equal(refused.pid, child.pid);
    child.kill("SIGKILL");
    await child.status;
    try {
      (await openDataFolder(dir)).close();
    } finally {
      Deno.kill(survivor, "SIGKILL");
    }
    await reader.cancel();
    await child.stdin.close().catch(() => {});
    // As after a power cut, when the pid written there may be anybody's by now.
    await Deno.writeTextFile(join(dir, "owner.lock"), "1\n");
    (await openDataFolder(dir)).close();
  }));

Deno.test("a place where no folder can be made or written is refused by name", () =>
  inTemp(async (dir) => {
    await Deno.writeTextFile(join(dir, "file"), "in the way");
    await assert.rejects(openDataFolder(join(dir, "file", "data")), (error) => {
      assert.ok(error instanceof DataFolderUnwritable);
      assert.match(error.message, /^Cannot use the data folder ".*file\/data": Not a directory/);
      return true;
    });
  }));

Deno.test({
  name: "a read-only disk is refused by name (Linux: /sys)",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await assert.rejects(openDataFolder("/sys/holdfast"), DataFolderUnwritable);
  },
});

Deno.test("a sound store opens, also one a killed process left with its log", () =>
  inTemp(async (dir) => {
    const path = join(dir, KV_FILE);
    await fillStore(path);
    const kv = await Deno.openKv(path);
    await kv.set(["last"], 1);
    for (const suffix of ["", "-wal", "-shm"]) {
      await Deno.mkdir(join(dir, "killed"), { recursive: true });
      await Deno.copyFile(path + suffix, join(dir, "killed", KV_FILE + suffix));
    }
    kv.close();
    using folder = await openDataFolder(join(dir, "killed"));
    const again = await Kv.open(folder.kvPath, clock);
    assert.equal(await again.get(["last"]), 1);
    await again.close();
  }));

Deno.test("a damaged store is refused with its name and the way back, and nothing is changed", () =>
  inTemp(async (dir) => {
    const path = join(dir, KV_FILE);
    await fillStore(path);
    const sound = await Deno.readFile(path);
    const damages: Record<string, (bytes: Uint8Array) => Uint8Array> = {
      "its head overwritten": (bytes) => bytes.fill(0xa5, 0, 60),
      "pages in its middle overwritten": (bytes) => bytes.fill(0xa5, 40_960, 122_880),
      "cut off": (bytes) => bytes.slice(0, 50_000),
      "another file": () => new TextEncoder().encode("not a database ".repeat(100)),
    };
    for (const [name, damage] of Object.entries(damages)) {
      const bytes = damage(sound.slice());
      await Deno.writeFile(path, bytes);
      const refused = await openDataFolder(dir).catch((error) => error);
      assert.ok(refused instanceof DataFolderDamaged, `${name}: ${refused}`);
      assert.equal(refused.file, path);
      assert.equal(refused.backup, null);
      assert.match(
        refused.message,
        /holdfast\.kv" is damaged \(.+\)\. Nothing was changed\. There is no/,
      );
      assert.match(refused.message, /mv ".*holdfast\.kv" ".*holdfast\.kv\.damaged"$/);
      assert.deepEqual(await Deno.readFile(path), bytes, name);
    }

    await Deno.writeFile(path, sound);
    const { stamp } = await backUp(dir, clock);
    await Deno.writeFile(path, damages["cut off"]!(sound.slice()));
    await assert.rejects(openDataFolder(dir), (error: DataFolderDamaged) => {
      assert.equal(error.backup, stamp);
      assert.match(error.message, new RegExp(`to go back to it: holdfast restore ${stamp}$`));
      return true;
    });
    // The refusal gave the folder back.
    await Deno.writeFile(path, sound);
    (await openDataFolder(dir)).close();
  }));
