import { createHash } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import type { Clock } from "./clock.ts";
import {
  BACKUPS,
  claimDataFolder,
  freeBytes,
  isBackupStamp,
  KV_FILE,
  newestBackup,
  RESTORING,
  TELEMETRY_FILE,
} from "./data_folder.ts";
import {
  DataFolderBackupUnfit,
  DataFolderError,
  DataFolderFull,
  fileError,
} from "./data_folder_errors.ts";

const FILES = [KV_FILE, TELEMETRY_FILE];
const MANIFEST_FILE = "manifest.json";
const PARTIAL = ".partial-";
/** How long the copy waits for a writer. */
const BUSY_MS = 10_000;

const Manifest = z.object({
  v: z.literal(1),
  /** Unix epoch, milliseconds. */
  atMs: z.number().int(),
  files: z.array(z.object({
    name: z.enum([KV_FILE, TELEMETRY_FILE]),
    bytes: z.number().int().nonnegative(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  })).min(1),
});

export interface Backup extends z.infer<typeof Manifest> {
  /** `20260125T200000.000Z`: its folder below `backups/`. */
  readonly stamp: string;
  readonly path: string;
}

/**
 * Copies the state and the telemetry, each as it stands at one moment, into `backups/<stamp>/`. May run
 * while another process owns the folder and writes. Blocks its thread while SQLite copies, so the runtime
 * itself leaves this to a process of its own. A backup that was cut off leaves nothing that counts as one.
 *
 * @throws {DataFolderFull} @throws {DataFolderUnwritable}
 * @throws {DataFolderBackupUnfit} when there is nothing to copy.
 */
export async function backUp(folder: string, clock: Clock): Promise<Backup> {
  const backups = join(folder, BACKUPS);
  const atMs = clock.nowMs();
  const stamp = new Date(atMs).toISOString().replaceAll(/[-:]/g, "");
  const partial = join(backups, PARTIAL + stamp);
  const path = join(backups, stamp);
  try {
    const names = FILES.filter((name) => sizeOf(join(folder, name)) > 0);
    if (names.length === 0) throw new DataFolderBackupUnfit(`There is no state in "${folder}" yet`);
    await Deno.mkdir(backups, { recursive: true, mode: 0o700 });
    await removePartial(backups);
    checkRoom(folder, names);
    await Deno.mkdir(partial, { mode: 0o700 });
    const files: Backup["files"] = [];
    for (const name of names) {
      copyDatabase(join(folder, name), join(partial, name));
      files.push({ name, ...await digestOf(join(partial, name)) } as Backup["files"][number]);
      await syncFile(join(partial, name));
    }
    const manifest = Manifest.parse({ v: 1, atMs, files });
    await Deno.writeTextFile(
      join(partial, MANIFEST_FILE),
      JSON.stringify(manifest, null, 2) + "\n",
    );
    await syncFile(join(partial, MANIFEST_FILE));
    await Deno.rename(partial, path);
    await syncFile(backups);
    return { ...manifest, stamp, path };
  } catch (cause) {
    await Deno.remove(partial, { recursive: true }).catch(() => {});
    if (cause instanceof DataFolderError) throw cause;
    throw fileError(`back up the data folder "${folder}"`, cause);
  }
}

/** Whole backups below the data folder, newest first. */
export async function listBackups(folder: string): Promise<Backup[]> {
  const backups: Backup[] = [];
  try {
    for await (const { name } of Deno.readDir(join(folder, BACKUPS))) {
      if (isBackupStamp(name)) backups.push(await readBackup(folder, name));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return backups.sort((a, b) => a.stamp < b.stamp ? 1 : -1);
}

/**
 * Puts a backup, the newest without `stamp`, in the place of what is there, which is kept in
 * `backups/replaced-<now>/`. Every file is compared with its manifest first; until all of them lie beside
 * the old ones nothing is touched. Cut off in between, the folder refuses to start until it is done again.
 *
 * @throws {DataFolderOwned} while Holdfast runs on the folder.
 * @throws {DataFolderBackupUnfit} @throws {DataFolderFull} @throws {DataFolderUnwritable}
 */
export async function restore(
  folder: string,
  clock: Clock,
  stamp = newestBackup(folder),
): Promise<{ backup: Backup; replaced: string }> {
  using _owner = await claimDataFolder(folder);
  if (stamp === null) {
    throw new DataFolderBackupUnfit(`There is no backup in "${join(folder, BACKUPS)}"`);
  }
  const backup = await readBackup(folder, stamp);
  for (const file of backup.files) await verify(backup.path, file);
  const now = new Date(clock.nowMs()).toISOString().replaceAll(/[-:]/g, "");
  const replaced = join(folder, BACKUPS, `replaced-${now}`);
  try {
    for (const { name } of backup.files) {
      await Deno.copyFile(join(backup.path, name), join(folder, name + RESTORING));
      await syncFile(join(folder, name + RESTORING));
    }
    await Deno.mkdir(replaced, { recursive: true, mode: 0o700 });
    for (const { name } of backup.files) {
      // A log left by a killed process belongs to the old file and would spoil the new one.
      for (const suffix of ["", "-wal", "-shm"]) {
        await moveIfThere(join(folder, name + suffix), join(replaced, name + suffix));
      }
    }
    for (const { name } of backup.files) {
      await Deno.rename(join(folder, name + RESTORING), join(folder, name));
    }
    await syncFile(folder);
  } catch (cause) {
    throw fileError(`restore "${backup.path}"`, cause);
  }
  return { backup, replaced };
}

async function readBackup(folder: string, stamp: string): Promise<Backup> {
  const path = join(folder, BACKUPS, stamp);
  if (!isBackupStamp(stamp)) {
    throw new DataFolderBackupUnfit(`"${stamp}" is not the name of a backup`);
  }
  try {
    const text = await Deno.readTextFile(join(path, MANIFEST_FILE));
    return { ...Manifest.parse(JSON.parse(text)), stamp, path };
  } catch (cause) {
    throw new DataFolderBackupUnfit(`There is no whole backup in "${path}"`, { cause });
  }
}

async function verify(path: string, file: Backup["files"][number]): Promise<void> {
  const found = await digestOf(join(path, file.name)).catch((cause) => {
    throw new DataFolderBackupUnfit(`The backup's file "${join(path, file.name)}" cannot be read`, {
      cause,
    });
  });
  if (found.sha256 !== file.sha256) {
    throw new DataFolderBackupUnfit(
      `The backup's file "${
        join(path, file.name)
      }" is not what was written: SHA-256 ${found.sha256}, ` +
        `not ${file.sha256}`,
    );
  }
}

function copyDatabase(from: string, to: string): void {
  const database = new DatabaseSync(from, { timeout: BUSY_MS });
  try {
    database.prepare("VACUUM INTO ?").run(to);
  } finally {
    database.close();
  }
}

function checkRoom(folder: string, names: readonly string[]): void {
  const needed = names.reduce(
    (sum, name) => sum + sizeOf(join(folder, name)) + sizeOf(join(folder, `${name}-wal`)),
    0,
  );
  const free = freeBytes(folder);
  if (needed > free) {
    throw new DataFolderFull(
      `A backup of "${folder}" needs up to ${needed} bytes, ${free} are free. Remove old backups`,
    );
  }
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

async function digestOf(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash("sha256");
  let bytes = 0;
  using file = await Deno.open(path, { read: true });
  const buffer = new Uint8Array(1024 * 1024);
  for (;;) {
    const count = await file.read(buffer);
    if (count === null) return { bytes, sha256: hash.digest("hex") };
    hash.update(buffer.subarray(0, count));
    bytes += count;
  }
}

/** Through to the disk; of a folder, its names. */
async function syncFile(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true });
  await file.sync();
}

async function removePartial(backups: string): Promise<void> {
  for await (const { name } of Deno.readDir(backups)) {
    if (name.startsWith(PARTIAL)) await Deno.remove(join(backups, name), { recursive: true });
  }
}

async function moveIfThere(from: string, to: string): Promise<void> {
  try {
    await Deno.rename(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
