import { join } from "node:path";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Folders } from "./folders.ts";
import type { ExperimentStore } from "./store.ts";

const DAY_MS = 86_400_000;

/** Once a day removes files that nobody needs any more; the records of experiments stay. */
export class Retention {
  #cancel: (() => void) | null = null;

  constructor(
    private readonly o: {
      readonly clock: Clock;
      readonly log: Log;
      readonly store: ExperimentStore;
      readonly folders: Folders;
      /** Files of runs are kept so many days after their end; 0: for ever. */
      readonly days: number;
    },
  ) {}

  /** Sweeps now and then daily. */
  begin(): void {
    this.sweep().catch((error) => this.o.log.error("old files could not be swept", { error }));
    this.#cancel = this.o.clock.timer(DAY_MS, () => this.begin());
  }
  close(): void {
    this.#cancel?.();
  }

  async sweep(): Promise<void> {
    if (this.o.days > 0) await this.#sweepRuns();
    await this.#sweepScripts();
  }

  async #sweepRuns(): Promise<void> {
    const { store, folders, clock, log, days } = this.o;
    const beforeMs = clock.nowMs() - days * DAY_MS;
    for (const { name } of await entriesOf(join(folders.dir, "experiments"))) {
      const endedAtMs = (await store.get(name))?.endedAtMs ?? null;
      if (endedAtMs === null || endedAtMs >= beforeMs) continue;
      await folders.removeRun(name);
      log.info("removed the files of an old run", { experiment: name });
    }
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

async function entriesOf(folder: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
