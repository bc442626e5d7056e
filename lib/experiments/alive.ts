import { closeSync, openSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import type { Folders } from "./folders.ts";

/** How often the stamp is renewed while nothing is lost. */
const STAMP_MS = 1000;

/**
 * When the runtime last stood behind a run's setpoints: the time of the file `alive` in the run folder, for
 * the runtime after this one. The file is empty and only its time is set, so that it costs an SD card nothing;
 * where it could not be written or the machine went down, the stamp is too old, and nothing is restored.
 */
export class Alive {
  #cancel: () => void = () => {};

  constructor(private readonly folders: Folders, private readonly clock: Clock) {}

  /** Epoch milliseconds, or `null` where nobody knows. */
  lastAtMs(id: string): number | null {
    try {
      return Deno.statSync(this.#path(id)).mtime?.getTime() ?? null;
    } catch {
      return null;
    }
  }

  /** Renews the stamp from now on, as often as `stands` says that nothing is lost. */
  keep(id: string, stands: () => boolean): void {
    this.end();
    const turn = () => {
      if (stands()) this.#stamp(id);
      this.#cancel = this.clock.timer(STAMP_MS, turn);
    };
    turn();
  }

  end(): void {
    this.#cancel();
  }

  #stamp(id: string): void {
    const path = this.#path(id);
    const atS = this.clock.nowMs() / 1000;
    try {
      utimesSync(path, atS, atS);
    } catch {
      try {
        closeSync(openSync(path, "a"));
        utimesSync(path, atS, atS);
      } catch {
        // An old stamp means that nothing is restored, which is safe.
      }
    }
  }

  #path(id: string): string {
    return join(this.folders.runFolder(id), "alive");
  }
}
