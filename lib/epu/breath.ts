/**
 * Lets everything else have its turn, sockets and STOP among it, when work has gone on for a while: a
 * snapshot of a large acquisition takes seconds, and nothing may wait for all of it.
 */
export class Breath {
  #sinceMs = performance.now();

  /** Waits for a turn of the event loop if the last was long ago; else costs next to nothing. */
  async take(): Promise<void> {
    if (performance.now() - this.#sinceMs < BUSY_MS) return;
    // Deno's `setImmediate` would let sockets wait a hundred turns.
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#sinceMs = performance.now();
  }
}

const BUSY_MS = 10;
