const trueNow = Date.now.bind(Date);
const trueMonotonic = performance.now.bind(performance);
const trueTimeout = setTimeout;

/**
 * Clocks of the machine, for waits that concern it and not the experiment: the network, the disk. Taken
 * when this module loads, which in a rehearsal is before `scaleTime` replaces the script's.
 */
export const REAL_TIME = {
  /** Milliseconds since the epoch. */
  now: (): number => trueNow(),
  /** Never goes back, ms. */
  monotonicMs: (): number => trueMonotonic(),
  setTimeout: (act: () => void, ms: number): ReturnType<typeof setTimeout> => trueTimeout(act, ms),
};

/** Resolves after `ms` of the machine's time. */
export function realWait(ms: number): Promise<void> {
  return new Promise((resolve) => trueTimeout(resolve, ms));
}
