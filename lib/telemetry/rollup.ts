/** Width of one roll-up, milliseconds. Both divide a day, so their edges are whole minutes and hours UTC. */
export const LEVEL_MS = { minute: 60_000, hour: 3_600_000 } as const;

/** Index of `suspect` in the stored order of qualities. */
const SUSPECT = 1;

/** What some samples of one channel come to; numbers are `null` while `count` is 0. */
export interface Sum {
  min: number | null;
  max: number | null;
  mean: number | null;
  /** The newest number; of two with one stamp, the later comer. */
  last: number | null;
  lastMs: number | null;
  /** Samples with a number. */
  count: number;
  /** How many of `count` were suspect. */
  suspect: number;
  /** Samples without a number. */
  bad: number;
}

/** A minute or an hour of one channel. */
export interface RollUp extends Sum {
  readonly channel: number;
  /** Start of the minute or hour. */
  readonly atMs: number;
}

/** Sums `[channel, atMs, value, quality]` up by channel and minute or hour, in order of first appearance. */
export function rollUps(
  rows: Iterable<readonly [number, number, number | null, number]>,
  level: keyof typeof LEVEL_MS,
): RollUp[] {
  const widthMs = LEVEL_MS[level];
  const byKey = new Map<string, RollUp>();
  for (const [channel, rowMs, value, quality] of rows) {
    const atMs = Math.floor(rowMs / widthMs) * widthMs;
    const key = `${channel}/${atMs}`;
    let sum = byKey.get(key);
    if (sum === undefined) byKey.set(key, sum = { channel, atMs, ...emptySum() });
    addSample(sum, rowMs, value, quality);
  }
  return [...byKey.values()];
}

export function emptySum(): Sum {
  return {
    min: null,
    max: null,
    mean: null,
    last: null,
    lastMs: null,
    count: 0,
    suspect: 0,
    bad: 0,
  };
}

/** Adds one sample. The mean is carried as a mean, so it cannot overflow where the samples do not. */
export function addSample(sum: Sum, atMs: number, value: number | null, quality: number): void {
  if (value === null) {
    sum.bad++;
    return;
  }
  sum.count++;
  if (quality === SUSPECT) sum.suspect++;
  sum.min = sum.min === null ? value : Math.min(sum.min, value);
  sum.max = sum.max === null ? value : Math.max(sum.max, value);
  sum.mean = sum.mean === null
    ? value
    : sum.mean * ((sum.count - 1) / sum.count) + value / sum.count;
  if (sum.lastMs === null || atMs >= sum.lastMs) {
    sum.last = value;
    sum.lastMs = atMs;
  }
}
