import { useSignal } from "@preact/signals";
import type { ExperimentState } from "../lib/experiments/model.ts";
import { isActive } from "./experiments.ts";

interface Props {
  id: string;
  number: number;
  state: ExperimentState;
  /** Where the form leads without scripts; default: to the experiment's own page. */
  back?: "queue";
}

/**
 * Ends an experiment. It may have run for weeks, so one press only asks; STOP, which is for the moment
 * something goes wrong, asks nothing. Two presses without scripts too.
 */
export function StopRun({ id, number, state, back }: Props) {
  const pending = useSignal(false);
  const failure = useSignal<string | null>(null);
  if (state === "stopping") {
    return <button class="btn" type="button" disabled>Stopping</button>;
  }

  async function cancel(event: SubmitEvent) {
    event.preventDefault();
    if (pending.value) return;
    pending.value = true;
    const reply = await fetch(`/api/v1/experiments/${id}/cancel`, { method: "POST" })
      .catch(() => null);
    const body = await reply?.json().catch(() => null);
    // The stream tells what became of it.
    failure.value = reply?.ok
      ? null
      : body?.detail ?? "The instrument did not answer; the run may still be going";
    pending.value = reply?.ok === true;
  }

  const active = isActive(state);
  return (
    <details class="menu confirm">
      <summary
        class="btn btn-danger"
        aria-label={back === undefined
          ? undefined
          : `${active ? "Stop run" : "Cancel"}, experiment ${number}`}
      >
        {active ? "Stop run" : "Cancel"}
      </summary>
      <form
        class="menu-list below"
        method="post"
        action={`/experiments/${id}`}
        onSubmit={cancel}
      >
        <input type="hidden" name="action" value="cancel" />
        {back !== undefined && <input type="hidden" name="back" value={back} />}
        <p>
          {active
            ? `Experiment ${number} ends now, and its devices go to their end state. What it wrote stays.`
            : `Experiment ${number} leaves the queue.`}
        </p>
        {failure.value !== null && <p class="error" role="alert">{failure.value}</p>}
        <button class="btn btn-danger" type="submit" aria-busy={pending.value}>
          {active ? `Stop experiment ${number}` : `Cancel experiment ${number}`}
        </button>
      </form>
    </details>
  );
}
