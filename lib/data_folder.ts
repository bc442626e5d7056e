import { statfsSync } from "node:fs";
import { join } from "node:path";
import type { ZodError } from "zod";
import { checkDatabase } from "./database_check.ts";
import {
  DataFolderDamaged,
  DataFolderOwned,
  DataFolderRestoreUnfinished,
  fileError,
} from "./data_folder_errors.ts";

/** The Deno KV file, and the time series, below the data folder. */
export const KV_FILE = "holdfast.kv";
export const TELEMETRY_FILE = "telemetry.sqlite";
export const BACKUPS = "backups";
/** A database on its way back from a backup carries this behind its name. */
export const RESTORING = ".restoring";

const OWNER_FILE = "owner.lock";
const PROBE_FILE = ".write-probe";
const PROBE_BYTES = 64 * 1024;

/** The folder this process owns until it closes it, or ends in whatever way. */
export interface DataFolder extends Disposable {
  readonly path: string;
  readonly kvPath: string;
  readonly telemetryPath: string;
  freeBytes(): number;
  /** Gives it up; twice is harmless. Close the stores first. */
  close(): void;
}

/**
 * Makes the data folder where there is none, takes it for this process alone, and looks whether it can be
 * written and whether the state in it is sound.
 *
 * @throws {DataFolderUnwritable} @throws {DataFolderFull} @throws {DataFolderOwned}
 * @throws {DataFolderDamaged} @throws {DataFolderRestoreUnfinished}
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  const folder = await claimDataFolder(path);
  try {
    for (const name of [KV_FILE, TELEMETRY_FILE]) refuseUnfinished(path, name);
    const damage = checkDatabase(folder.kvPath);
    if (damage !== null) throw damaged(path, damage);
    return folder;
  } catch (error) {
    folder.close();
    throw error;
  }
}

/** As `openDataFolder`, without a look at what is in it: for a restore. */
export async function claimDataFolder(path: string): Promise<DataFolder> {
  let owner: Deno.FsFile;
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    owner = await Deno.open(join(path, OWNER_FILE), { create: true, read: true, write: true });
  } catch (cause) {
    throw fileError(`use the data folder "${path}"`, cause);
  }
  try {
    // The kernel's lock: it ends with its process, so nothing stale can ever be in the way.
    if (!await owner.tryLock(true)) throw await owned(path);
    await writeOwner(owner);
    await probe(path);
  } catch (error) {
    owner.close();
    throw error;
  }
  let closed = false;
  const close = () => {
    if (closed) return;
    closed = true;
    owner.truncateSync();
    owner.close();
  };
  return {
    path,
    kvPath: join(path, KV_FILE),
    telemetryPath: join(path, TELEMETRY_FILE),
    freeBytes: () => freeBytes(path),
    close,
    [Symbol.dispose]: close,
  };
}

/** Bytes this process may still write to the disk of `path`. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

/** Whether `name` is a whole backup's, like `20260125T200000.000Z`; unfinished ones are called otherwise. */
export function isBackupStamp(name: string): boolean {
  return /^\d{8}T\d{6}\.\d{3}Z$/.test(name);
}

/** Stamp of the newest whole backup below the data folder, or `null`. */
export function newestBackup(path: string): string | null {
  try {
    const stamps = [...Deno.readDirSync(join(path, BACKUPS))].map(({ name }) => name)
      .filter(isBackupStamp);
    return stamps.sort().at(-1) ?? null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function owned(path: string): Promise<DataFolderOwned> {
  // The owner writes its pid once it has the lock, so for a moment there is none to read.
  const pid = Number.parseInt(await Deno.readTextFile(join(path, OWNER_FILE)).catch(() => ""));
  const who = Number.isNaN(pid) ? "another process" : `process ${pid}`;
  return new DataFolderOwned(
    `The data folder "${path}" is in use by ${who}. Stop that one, or choose another folder`,
    Number.isNaN(pid) ? null : pid,
  );
}

async function writeOwner(owner: Deno.FsFile): Promise<void> {
  try {
    await owner.truncate();
    await owner.write(new TextEncoder().encode(`${Deno.pid}\n`));
  } catch (cause) {
    throw fileError("write to the data folder", cause);
  }
}

/** Writes as much as a start needs at least, through to the disk. */
async function probe(path: string): Promise<void> {
  const name = join(path, PROBE_FILE);
  try {
    using file = await Deno.open(name, { create: true, write: true, truncate: true });
    await file.write(new Uint8Array(PROBE_BYTES));
    await file.syncData();
  } catch (cause) {
    throw fileError(`write to the data folder "${path}"`, cause);
  } finally {
    await Deno.remove(name).catch(() => {});
  }
}

function refuseUnfinished(path: string, name: string): void {
  try {
    Deno.lstatSync(join(path, name + RESTORING));
  } catch {
    return;
  }
  const backup = newestBackup(path);
  throw new DataFolderRestoreUnfinished(
    `A restore of "${join(path, name)}" was cut off. Run it again: holdfast restore` +
      (backup === null ? " STAMP" : ` ${backup}`),
  );
}

/** A record that another version wrote, or nobody: `error` is what it fails on. */
export function unreadableRecord(path: string, error: ZodError): DataFolderDamaged {
  const file = join(path, KV_FILE);
  const backup = newestBackup(path);
  const found = error.issues.slice(0, 3).map(({ path, message }) =>
    `"${path.map(String).join(".")}": ${message}`
  );
  const help = backup !== null
    ? `The newest backup is "${backup}"; to go back to it: holdfast restore ${backup}`
    : `There is no backup in "${join(path, BACKUPS)}"; to start anew: mv "${file}" "${file}.old"`;
  return new DataFolderDamaged(
    `A record in "${file}" is not one that this version of Holdfast reads (${found.join("; ")}). ` +
      `If a later version wrote it, start that one. ${help}`,
    file,
    backup,
    { cause: error },
  );
}

function damaged(path: string, { file, found, cause }: Damage): DataFolderDamaged {
  const backup = newestBackup(path);
  const help = backup !== null
    ? `The newest backup is "${backup}"; to go back to it: holdfast restore ${backup}`
    : `There is no backup in "${
      join(path, BACKUPS)
    }". To rescue what can be read: sqlite3 "${file}" ` +
      `.recover | sqlite3 rescued.kv; to start anew: mv "${file}" "${file}.damaged"`;
  return new DataFolderDamaged(
    `The file "${file}" is damaged (${found}). Nothing was changed. ${help}`,
    file,
    backup,
    { cause },
  );
}

type Damage = NonNullable<ReturnType<typeof checkDatabase>>;
