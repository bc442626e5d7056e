import type { EventDraft } from "../events.ts";
import type { Experiment, ExperimentState } from "./model.ts";
import { ownerLabel } from "./owner.ts";

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
