import type { Clock } from "../clock.ts";
import type { Acquisition } from "./model.ts";
import type { Epu } from "./service.ts";
import { diskSource, validateProject, type Validation } from "./validate/mod.ts";

/** A report stays good for so long: a page that is opened twice reads the files once. */
const KEPT_MS = 60_000;
const KEPT_MAX = 20;

export interface Validated {
  readonly atMs: number;
  readonly validation: Validation;
}

/** Checks the folders of acquisitions when asked, one after another. */
export class Validator {
  readonly #reports = new Map<string, { sinceMs: number; report: Promise<Validated> }>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly epu: Epu, private readonly clock: Clock) {}

  /** `null`: its folder is not one that this instrument watches, or cannot be listed. */
  async report({ id, root, folder }: Acquisition): Promise<Validated | null> {
    const dir = root === null ? null : this.epu.dirOf(root);
    if (dir === null) return null;
    const kept = this.#reports.get(id);
    if (kept !== undefined && this.clock.monotonicMs() - kept.sinceMs < KEPT_MS) {
      return await kept.report;
    }
    const report = this.#last.then(async () => ({
      atMs: this.clock.nowMs(),
      validation: await validateProject(diskSource, dir, folder, {
        atlasRoots: this.epu.atlasRootsOf(root!),
      }),
    }));
    this.#last = report.catch(() => {});
    this.#reports.delete(id);
    this.#reports.set(id, { sinceMs: this.clock.monotonicMs(), report });
    for (const old of this.#reports.keys()) {
      if (this.#reports.size <= KEPT_MAX) break;
      this.#reports.delete(old);
    }
    try {
      const done = await report;
      this.#reports.set(id, { sinceMs: this.clock.monotonicMs(), report });
      return done;
    } catch (error) {
      this.#reports.delete(id);
      throw error;
    }
  }
}
