import { accept, refuse, type Result } from "../result.ts";
import { type Experiment, isWaiting } from "./model.ts";
import type { ChangeRefusal, ExperimentStore, MoveRefusal } from "./store.ts";

export interface RunNowAsk {
  readonly actor: string;
  /** Why, for the owner of what is displaced. */
  readonly reason: string;
  /** What is displaced is run again after this one; else it is cancelled. */
  readonly requeue?: boolean;
  /** Whether the asker may end what runs; default: yes. */
  readonly mayDisplace?: (running: Experiment) => boolean;
  /** Those that run on devices it wants; default: all that run. */
  readonly inItsWay?: (experiment: Experiment) => Experiment[];
}

/**
 * Which runs must end so that it can start: those that have its devices, and where nobody has and as many run
 * as may, the one that came last.
 */
export function displacedBy(
  { live, concurrency }: ExperimentStore,
  experiment: Experiment,
  inItsWay?: RunNowAsk["inItsWay"],
): Experiment[] {
  const runs = live.runs();
  const inWay = inItsWay === undefined ? runs : inItsWay(experiment);
  return inWay.length > 0 || runs.length < concurrency ? inWay : runs.slice(-1);
}

/**
 * To the front, unpaused, and what runs now is ended for it, its owner told by an event. Gives the ids of what
 * was displaced, for their processes to be ended. Each step is a commit of its own: cut off between two of them
 * it is at the front, and what runs goes on.
 */
export async function runNow(
  store: ExperimentStore,
  id: string,
  { actor, reason, requeue = false, mayDisplace = () => true, inItsWay }: RunNowAsk,
): Promise<
  Result<{ experiment: Experiment; displaced: string[] }, ChangeRefusal | MoveRefusal>
> {
  const experiment = await store.get(id);
  if (experiment === null) return refuse({ kind: "unknown", id });
  if (!isWaiting(experiment.state)) {
    return refuse({ kind: "not-waiting", state: experiment.state });
  }
  // From here to its displacement another one could start; only the one that was judged is displaced.
  const inWay = displacedBy(store, experiment, inItsWay);
  const theirs = inWay.find((running) => !mayDisplace(running));
  if (theirs !== undefined) return refuse({ kind: "not-theirs", id: theirs.id });
  const moved = await store.move(id, 1, actor);
  if (!moved.ok) return moved;
  if (moved.value.state === "paused") {
    const resumed = await store.change(id, { kind: "resume" }, actor);
    if (!resumed.ok) return resumed;
  }
  const displaced: string[] = [];
  for (const running of inWay) {
    const why = reason.trim() === "" ? "" : `: ${reason.trim().slice(0, 500)}`;
    const text = `experiment ${experiment.number} was run now${why}`;
    const ended = await store.change(running.id, { kind: "displace", text, requeue }, actor);
    // Refused where it has ended meanwhile, which is as good.
    if (ended.ok) displaced.push(running.id);
  }
  return accept({ experiment: await store.get(id) ?? moved.value, displaced });
}
