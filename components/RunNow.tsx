import { useSignal } from "@preact/signals";
import { mayChangeIt, ownerText, type ShownExperiment, type Viewer } from "./experiments.ts";
import { runNow, type Told } from "./queue.ts";

interface Props {
  experiment: ShownExperiment;
  /** What it would displace. */
  running: ShownExperiment | null;
  viewer: Viewer;
  onDone(told: Told): void;
}

/**
 * Runs a waiting experiment now. It says whose run ends for it and asks why, for that person reads the
 * reason; two presses, without scripts too.
 */
export function RunNow({ experiment: { id, number }, running, viewer, onDone }: Props) {
  const pending = useSignal(false);
  const failure = useSignal<string | null>(null);
  const theirs = running !== null && running.owner !== viewer.owner;
  const allowed = running === null || mayChangeIt(viewer, running);

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    if (pending.value) return;
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    pending.value = true;
    const told = await runNow(id, {
      reason: String(fields.get("reason") ?? "").trim(),
      requeue: fields.has("requeue"),
    });
    pending.value = false;
    failure.value = told.ok ? null : told.text;
    if (told.ok) form.closest("details")!.open = false;
    onDone(told);
  }

  return (
    <details class="menu confirm">
      <summary class="btn" aria-label={`Run now, experiment ${number}`}>Run now</summary>
      <form
        class="menu-list below run-now"
        method="post"
        action={`/experiments/${id}`}
        onSubmit={submit}
      >
        <input type="hidden" name="action" value="run-now" />
        <input type="hidden" name="back" value="queue" />
        {running === null
          ? <p>Nothing runs: it goes to the front and starts as soon as the instrument is free.</p>
          : (
            <p>
              <b>Experiment {running.number}</b>, “{running.title}”,{" "}
              {theirs ? `of ${ownerText(running, viewer.owner)}` : "yours,"} {allowed
                ? "ends now to make room for it."
                : "runs. Only its owner or an admin can end it for this one."}
            </p>
          )}
        {allowed && (
          <>
            {running !== null && (
              <>
                <label class="stacked">
                  <span>
                    {theirs ? "Why? Its owner reads this." : "Why? It stands in the events."}
                  </span>
                  <input
                    name="reason"
                    required={theirs}
                    maxLength={500}
                    autocomplete="off"
                  />
                </label>
                <label>
                  <input type="checkbox" name="requeue" value="1" defaultChecked />
                  Run {running.number} again after it
                </label>
              </>
            )}
            {failure.value !== null && <p class="error" role="alert">{failure.value}</p>}
            <button class="btn" type="submit" aria-busy={pending.value}>
              {running === null
                ? `Run experiment ${number} next`
                : `End ${running.number}, run ${number} now`}
            </button>
          </>
        )}
      </form>
    </details>
  );
}
