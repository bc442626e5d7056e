import type { Experiment } from "./model.ts";
import { claimOf, devicesOf, type QueueOptions } from "./run_deps.ts";

/** Of those that wait, how many are looked at for one that does not want what others before it want. */
const LOOKED_MAX = 100;

export interface Turns {
  /** Whose turn it is, in the order of the queue. */
  readonly start: readonly Experiment[];
  /** The foremost whose turn it is not yet; `null`: nobody else waits. */
  readonly next: Experiment | null;
  /** What keeps `next` from its turn; `null`: as many run as may. */
  readonly obstacle: string | null;
  /** What keeps the foremost of all from its turn; `null`: nothing, or as many run as may. */
  readonly atFront: string | null;
}

/**
 * Whose turn it is. Nobody passes one that waits for the same device, so one that wants every device gets
 * them as soon as those that run have ended. While only one may run, nobody passes anybody.
 */
export function turnsOf(o: Pick<QueueOptions, "store" | "devices" | "locks">, begun: Begun): Turns {
  const { live, concurrency } = o.store;
  const wanted = new Map<string, Experiment>();
  const claim = (one: Experiment) => {
    for (const id of devicesOf(one, o.devices)) if (!wanted.has(id)) wanted.set(id, one);
  };
  let free = concurrency;
  for (const run of live.runs()) {
    claim(run);
    free--;
  }
  const start: Experiment[] = [];
  let next: Turns["next"] = null;
  let obstacle: Turns["obstacle"] = null;
  let atFront: Turns["atFront"] = null;
  let looked = 0;
  for (const one of live.eachWaiting()) {
    if (one.state !== "queued") continue;
    const starts = begun.has(one.id);
    const why = starts ? null : obstacleOf(o, one, wanted);
    if (looked++ === 0) atFront = why;
    if (starts) free--;
    else if (why === null && free > 0) {
      start.push(one);
      free--;
    } else if (next === null) {
      next = one;
      obstacle = why;
    }
    claim(one);
    const over = free <= 0 || concurrency === 1 || looked >= LOOKED_MAX;
    if (over && next !== null) break;
  }
  return { start, next, obstacle, atFront };
}

/** Experiments that are being started and may not be recorded so yet. */
type Begun = ReadonlyMap<string, unknown>;

function obstacleOf(
  o: Pick<QueueOptions, "devices" | "locks">,
  one: Experiment,
  wanted: ReadonlyMap<string, Experiment>,
): string | null {
  const claim = claimOf(one, o.devices);
  for (const deviceId of claim.deviceIds) {
    const earlier = wanted.get(deviceId);
    if (earlier === undefined) continue;
    const how = earlier.rank === null ? "held" : "waited for";
    return `"${deviceId}" is ${how} by experiment ${earlier.number}`;
  }
  return o.locks.obstacle(claim)?.text ?? null;
}
