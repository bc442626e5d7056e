import type { Clock } from "../../clock.ts";
import type { WatchFs } from "./fs.ts";

/** What the file system has been asked and has not answered. */
export class PatientFs {
  readonly #asked = new Map<symbol, { readonly path: string; readonly sinceMs: number }>();

  constructor(private readonly fs: WatchFs, private readonly clock: Clock) {}

  list: WatchFs["list"] = (folder) => this.#await(folder, this.fs.list(folder));
  look: WatchFs["look"] = (path) => this.#await(path, this.fs.look(path));
  read: WatchFs["read"] = (path, bytesMax) => this.#await(path, this.fs.read(path, bytesMax));
  real: WatchFs["real"] = (path) => this.#await(path, this.fs.real(path));
  watch: WatchFs["watch"] = (folder, hint) => this.fs.watch(folder, hint);

  /** Paths asked for longer ago than `ms`: a share that hangs fails nothing, it only never answers. */
  silentFor(ms: number): string[] {
    const beforeMs = this.clock.monotonicMs() - ms;
    return [...this.#asked.values()].filter(({ sinceMs }) => sinceMs <= beforeMs)
      .map(({ path }) => path);
  }

  async #await<T>(path: string, answer: Promise<T>): Promise<T> {
    const id = Symbol();
    this.#asked.set(id, { path, sinceMs: this.clock.monotonicMs() });
    try {
      return await answer;
    } finally {
      this.#asked.delete(id);
    }
  }
}
