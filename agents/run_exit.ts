import { RUN_FILES, type RunExit } from "../lib/experiments/model.ts";

/** How a run ended, without when. */
export type Outcome = Pick<RunExit, "reason" | "exitCode" | "signal" | "text">;

/** `exit.json` with its room taken at the start, so that a full disk cannot keep the end from being written. */
export class ExitRecord {
  static readonly #ROOM = 4096;
  readonly #startedAtMs = Date.now();

  constructor(private readonly attempt: number) {
    this.#put(" ".repeat(ExitRecord.#ROOM));
  }

  write(outcome: Outcome): void {
    const exit: RunExit = {
      v: 1,
      attempt: this.attempt,
      ...outcome,
      text: outcome.text.slice(0, 1000),
      startedAtMs: this.#startedAtMs,
      endedAtMs: Date.now(),
    };
    this.#put(JSON.stringify(exit).padEnd(ExitRecord.#ROOM));
    Deno.renameSync(`${RUN_FILES.exit}.new`, RUN_FILES.exit);
    // The rename is durable once the folder is.
    using folder = Deno.openSync(".");
    folder.syncSync();
  }

  #put(text: string): void {
    using file = Deno.openSync(`${RUN_FILES.exit}.new`, { create: true, write: true });
    const bytes = new TextEncoder().encode(text);
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
    file.syncSync();
  }
}
