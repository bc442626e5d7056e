import { join } from "node:path";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Folders } from "./folders.ts";
import { type Experiment, isTerminal } from "./model.ts";
import type { ExperimentStore } from "./store.ts";

const DAY_MS = 86_400_000;
const MIB = 1_048_576;
/** Old records are looked for so many at a time. */
const PAGE = 200;

/** What is kept, and how long; 0 sets no limit. */
export interface RetentionRules {
  /** Files of a run, days after its end. */
  readonly days: number;
  /** Files of all ended runs together, MiB: beyond it the oldest go first. */
  readonly filesMb: number;
  /** Record of an experiment, days after its end; one that still has files stays. */
  readonly recordDays: number;
}

/** Removes files, records and scripts that the rules no longer keep: at the start, daily, and after a run. */
export class Retention {
  #cancel: (() => void) | null = null;
  #unsubscribe: (() => void) | null = null;
  /** Of ended runs, whose files change no more. */
  #bytes = new Map<string, number>();
  #sweeping: Promise<void> = Promise.resolve();

  constructor(
    private readonly o: RetentionRules & {
      readonly clock: Clock;
      readonly log: Log;
      readonly store: ExperimentStore;
      readonly folders: Folders;
    },
  ) {}

  begin(): void {
    this.#sweepSoon();
    this.#cancel?.();
    this.#cancel = this.o.clock.timer(DAY_MS, () => this.begin());
    this.#unsubscribe ??= this.o.store.onChange(({ state }) => {
      if (this.o.filesMb > 0 && isTerminal(state)) this.#sweepSoon();
    });
  }
  close(): void {
    this.#cancel?.();
    this.#unsubscribe?.();
  }

  #sweepSoon(): void {
    this.#sweeping = this.#sweeping.then(() => this.sweep())
      .catch((error) => this.o.log.error("old files could not be swept", { error }));
  }

  async sweep(): Promise<void> {
    if (this.o.days > 0 || this.o.filesMb > 0) await this.#sweepRuns();
    if (this.o.recordDays > 0) await this.#sweepRecords();
    await this.#sweepScripts();
  }

  async #sweepRuns(): Promise<void> {
    const { store, folders, clock, days, filesMb } = this.o;
    const beforeMs = days === 0 ? -Infinity : clock.nowMs() - days * DAY_MS;
    const kept: Ended[] = [];
    for (const { name } of await entriesOf(join(folders.dir, "experiments"))) {
      const experiment = await store.get(name);
      if (experiment === null || !hasEnded(experiment)) continue;
      if (experiment.endedAtMs < beforeMs) await this.#removeFiles(experiment, "too old");
      else kept.push(experiment);
    }
    if (filesMb === 0) return;
    let bytes = 0;
    // The youngest first: what no longer fits is older than all that does.
    for (const experiment of kept.sort((a, b) => b.endedAtMs - a.endedAtMs)) {
      bytes += await this.#bytesOf(experiment.id);
      if (bytes > filesMb * MIB) await this.#removeFiles(experiment, "too much");
    }
  }

  async #removeFiles({ id, number }: Experiment, why: string): Promise<void> {
    await this.o.folders.removeRun(id);
    this.#bytes.delete(id);
    this.o.log.info("removed the files of an old run", { experiment: id, number, why });
  }

  async #bytesOf(id: string): Promise<number> {
    const known = this.#bytes.get(id);
    if (known !== undefined) return known;
    const bytes = await folderBytes(this.o.folders.runFolder(id));
    this.#bytes.set(id, bytes);
    return bytes;
  }

  async #sweepRecords(): Promise<void> {
    const { store, folders, clock, log, recordDays } = this.o;
    const beforeMs = clock.nowMs() - recordDays * DAY_MS;
    let cursor: number | null = null;
    do {
      const page = await store.list({ limit: PAGE, ...(cursor === null ? {} : { cursor }) });
      for (const experiment of page.experiments) {
        if (!hasEnded(experiment) || experiment.endedAtMs >= beforeMs) continue;
        // The record says what the files are: they go by their own rule, and it after them.
        if (await exists(folders.runFolder(experiment.id))) continue;
        const removed = await store.remove(experiment.id, "system");
        if (removed.ok) log.info("removed an old record", { experiment: experiment.id });
      }
      cursor = page.next;
    } while (cursor !== null);
  }

  /** Scripts of experiments that were removed. One stored today may belong to a submission under way. */
  async #sweepScripts(): Promise<void> {
    const { store, folders, clock } = this.o;
    const folder = join(folders.dir, "scripts");
    for (const { name } of await entriesOf(folder)) {
      const sha256 = name.split(".")[0]!;
      const info = await Deno.lstat(join(folder, name)).catch(() => null);
      if ((info?.mtime?.getTime() ?? Infinity) > clock.nowMs() - DAY_MS) continue;
      if (await store.needsScript(sha256)) continue;
      await Deno.remove(join(folder, name)).catch(() => {});
    }
  }
}

type Ended = Experiment & { endedAtMs: number };

function hasEnded(experiment: Experiment): experiment is Ended {
  return isTerminal(experiment.state) && experiment.endedAtMs !== null;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** Ordinary files of the folder and all below it; links are not followed. */
async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const { name, isDirectory, isFile } of await entriesOf(folder)) {
    const path = join(folder, name);
    if (isDirectory) bytes += await folderBytes(path);
    else if (isFile) bytes += (await Deno.lstat(path).catch(() => null))?.size ?? 0;
  }
  return bytes;
}

async function entriesOf(folder: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
