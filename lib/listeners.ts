/**
 * Those who want to hear of something. They are called at once and in the order they came; they must not
 * throw or wait. One that throws is reported as an uncaught error and disturbs nobody else.
 */
export class Listeners<T extends readonly unknown[]> {
  readonly #listeners = new Set<(...args: T) => void>();

  /** The returned function takes `listener` away again. */
  add(listener: (...args: T) => void): () => void {
    // Wrapped, so that one function given twice is heard twice and taken away once.
    const own = (...args: T) => listener(...args);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  tell(...args: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(...args);
      } catch (error) {
        reportError(error);
      }
    }
  }
}
