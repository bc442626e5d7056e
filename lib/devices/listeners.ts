import type { Log } from "../log.ts";

/** Those who want to be told. One that throws is logged and disturbs nobody else. */
export class Listeners<T> {
  readonly #all = new Set<(value: T) => void>();

  constructor(private readonly log: Log) {}

  /** The returned function ends it. */
  add(listener: (value: T) => void): () => void {
    const own = (value: T) => listener(value);
    this.#all.add(own);
    return () => this.#all.delete(own);
  }

  tell(value: T): void {
    for (const listener of [...this.#all]) {
      try {
        listener(value);
      } catch (error) {
        this.log.error("a listener of the devices failed", { error });
      }
    }
  }
}
