import { useSignal } from "@preact/signals";
import { type Action, actionsFor, type ShownExperiment } from "./experiments.ts";
import { StopRun } from "./StopRun.tsx";

const WORDS: Record<Exclude<Action, "cancel">, { label: string; title: string }> = {
  pause: { label: "Pause", title: "It keeps its place in the queue and is passed over" },
  resume: { label: "Resume", title: "It waits for its turn again" },
  hold: {
    label: "Hold",
    title: "Its devices go to their hold state; its script goes on, and its commands are refused",
  },
  release: { label: "Release", title: "Its script drives its devices again" },
};

/** What may be done to an experiment now: forms without scripts, one press each but for ending it. */
export function RunActions(
  { experiment, onChange, back }: {
    experiment: Pick<ShownExperiment, "id" | "number" | "state">;
    onChange(changed: ShownExperiment): void;
    /** Where the forms lead without scripts; default: to the experiment's own page. */
    back?: "queue";
  },
) {
  const pending = useSignal<Action | null>(null);
  const failure = useSignal<string | null>(null);
  const { id, number, state } = experiment;

  async function act(event: SubmitEvent, action: Action) {
    event.preventDefault();
    if (pending.value !== null) return;
    pending.value = action;
    const reply = await fetch(`/api/v1/experiments/${id}/${action}`, { method: "POST" })
      .catch(() => null);
    const body = await reply?.json().catch(() => null);
    if (reply?.ok) onChange(body);
    failure.value = reply?.ok ? null : body?.detail ?? "The instrument did not answer";
    pending.value = null;
  }

  return (
    <>
      {actionsFor(state).map((action) =>
        action === "cancel" ? <StopRun key={action} {...{ id, number, state, back }} /> : (
          <form
            method="post"
            action={`/experiments/${id}`}
            key={action}
            onSubmit={(event) => act(event, action)}
          >
            <input type="hidden" name="action" value={action} />
            {back !== undefined && <input type="hidden" name="back" value={back} />}
            <button
              class="btn"
              type="submit"
              title={WORDS[action].title}
              aria-label={back === undefined
                ? undefined
                : `${WORDS[action].label} experiment ${number}`}
              aria-busy={pending.value === action}
            >
              {WORDS[action].label}
            </button>
          </form>
        )
      )}
      {failure.value !== null && <p class="error" role="alert">{failure.value}</p>}
    </>
  );
}
