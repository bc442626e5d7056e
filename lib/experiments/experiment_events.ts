import type { EventDraft } from "../events.ts";
import type { Experiment, ExperimentState } from "./model.ts";
import { ownerLabel } from "./owner.ts";

/** The notice to the owner of a run that another one was run now in place of. */
export function displacedEvent(
  { id, number, owner }: Experiment,
  { text, requeue }: { text: string; requeue: boolean },
  actor: string,
): EventDraft {
  const after = requeue ? "it will be run again after that one" : "it is cancelled";
  return {
    type: "experiment.displaced",
    subject: id,
    actor,
    text: `experiment ${number}: ${text}; ${after}`,
    data: { number, owner: ownerLabel(owner), requeue },
  };
}

/** The event of one change, with the whole new state that anybody may read; `from` is the state before. */
export function eventOf(
  experiment: Experiment,
  from: ExperimentState | null,
  actor: string,
  text: string,
): EventDraft {
  const { number, title, kind, state, attempt, exitCode, error, phase } = experiment;
  return {
    type: from === experiment.state ? "experiment.changed" : "experiment.state",
    subject: experiment.id,
    actor,
    text: `experiment ${number}: ${text}`,
    data: {
      number,
      title,
      kind,
      owner: ownerLabel(experiment.owner),
      state,
      from,
      attempt,
      exitCode,
      error,
      phase,
      createdAtMs: experiment.createdAtMs,
      startedAtMs: experiment.startedAtMs,
      endedAtMs: experiment.endedAtMs,
    },
  };
}
