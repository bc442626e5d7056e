/**
 * Lets heavy work be done one piece after another, in the order it was asked for: many askers at once
 * would together keep everything else waiting, STOP among it.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Does `work` when all before it is done, however that ended. Gives what it gives, throws what it throws. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const taken = this.#last.then(work);
    this.#last = taken.catch(() => {});
    return taken;
  }
}
