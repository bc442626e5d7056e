import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import {
  actionsFor,
  chipClass,
  elapsedText,
  isActive,
  stateWord,
} from "../components/experiments.ts";
import { formatStamp } from "../components/format.ts";
import { clockAheadMs, hearExperiments, tick } from "../components/live.ts";
import type { Experiment } from "../lib/experiments/model.ts";

interface Props {
  initial: Experiment;
  mine: boolean;
  nowMs: number;
}

/** Title, state and what may be done now; live. */
export default function RunHead({ initial, mine, nowMs }: Props) {
  const experiment = useSignal(initial);
  const pending = useSignal<string | null>(null);
  const failure = useSignal<string | null>(null);

  useEffect(() =>
    hearExperiments((changed) => {
      if (changed.id !== initial.id) return;
      const over = isActive(experiment.value.state) && !isActive(changed.state);
      experiment.value = changed;
      // Its files and its last lines are complete only now.
      if (over) setTimeout(() => location.reload(), 800);
    }), []);

  async function act(event: SubmitEvent, action: string) {
    event.preventDefault();
    if (pending.value !== null) return;
    pending.value = action;
    failure.value = null;
    const reply = await fetch(`/api/v1/experiments/${initial.id}/${action}`, { method: "POST" })
      .catch(() => null);
    const body = await reply?.json().catch(() => null);
    if (reply?.ok) experiment.value = body;
    else failure.value = body?.detail ?? "The instrument did not answer";
    pending.value = null;
  }

  const { number, title, state, error, exitCode, attempt, phase, createdAtMs } = experiment.value;
  const now = (tick.value || nowMs) + clockAheadMs.value;
  return (
    <>
      <div class="head">
        <h1>{title}</h1>
        <span class={chipClass(state)}>{stateWord(state)}</span>
        {actionsFor(state).map((action) => (
          <form
            method="post"
            key={action}
            onSubmit={(event) => act(event, action)}
          >
            <input type="hidden" name="action" value={action} />
            <button
              class={action === "cancel" ? "btn btn-danger" : "btn"}
              type="submit"
              aria-busy={pending.value === action}
            >
              {action === "cancel" ? (isActive(state) ? "Stop run" : "Cancel") : WORDS[action]}
            </button>
          </form>
        ))}
      </div>
      <p class="sub num">
        experiment {number} · {mine ? "yours" : "somebody else’s"} · submitted{" "}
        {formatStamp(createdAtMs, nowMs)} · {elapsedText(experiment.value, now)}
        {attempt > 1 && ` · attempt ${attempt}`}
        {exitCode !== null && ` · exit code ${exitCode}`}
        {phase !== null && ` · ${phase}`}
      </p>
      {error !== null && (
        <p class={state === "failed" ? "notice notice-crit" : "notice"}>
          <span class="dot" />
          <b>{error.code}</b>
          <span class="grow">{error.text}</span>
        </p>
      )}
      {failure.value !== null && (
        <p class="notice" role="alert">
          <span class="dot" />
          <span class="grow">{failure.value}</span>
        </p>
      )}
    </>
  );
}

const WORDS = { pause: "Pause", resume: "Resume" };
