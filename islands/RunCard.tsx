import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { chipClass, elapsedText, isActive, stateWord } from "../components/experiments.ts";
import { formatClock, formatDuration } from "../components/format.ts";
import { clockAheadMs, hearExperiments, tick } from "../components/live.ts";
import type { Experiment } from "../lib/experiments/model.ts";

interface Props {
  running: Experiment;
  logTail: string;
  nowMs: number;
  mine: boolean;
}

/** The running experiment: progress, its last words, and the way to stop it. */
export default function RunCard({ running, logTail, nowMs, mine }: Props) {
  const experiment = useSignal(running);
  const log = useSignal(logTail);
  const pending = useSignal(false);
  const failure = useSignal<string | null>(null);

  useEffect(() => {
    const stop = hearExperiments((changed) => {
      if (changed.id === experiment.value.id) {
        experiment.value = changed;
        // Over: the page shows what comes next.
        if (!isActive(changed.state)) setTimeout(() => location.reload(), 1200);
      }
    });
    const poll = setInterval(async () => {
      if (document.hidden || !isActive(experiment.value.state)) return;
      const reply = await fetch(`/api/v1/experiments/${running.id}/log?tail=4`).catch(() => null);
      if (reply?.ok) log.value = await reply.text();
    }, 2000);
    return () => {
      stop();
      clearInterval(poll);
    };
  }, []);

  async function cancel(event: Event) {
    event.preventDefault();
    if (pending.value) return;
    pending.value = true;
    failure.value = null;
    const reply = await fetch(`/api/v1/experiments/${running.id}/cancel`, { method: "POST" })
      .catch(() => null);
    if (!reply?.ok) {
      const body = await reply?.json().catch(() => null);
      failure.value = body?.detail ?? "The instrument did not answer; the run may still be going";
    }
    pending.value = false;
  }

  const { number, title, state, startedAtMs, limits, attempt, phase } = experiment.value;
  const now = (tick.value || nowMs) + clockAheadMs.value;
  const share = startedAtMs !== null && limits.wallMs !== null
    ? Math.min(1, (now - startedAtMs) / limits.wallMs)
    : null;
  return (
    <>
      <header>
        <h2>{title}</h2>
        <span class={chipClass(state)}>{stateWord(state)}</span>
      </header>
      <p class="sub num">
        experiment {number} · {mine ? "yours" : "somebody else’s"}
        {startedAtMs !== null && ` · started ${formatClock(startedAtMs).slice(0, 5)}`}
        {attempt > 1 && ` · attempt ${attempt}`}
        {phase !== null && ` · ${phase}`}
      </p>
      {share !== null && (
        <progress value={share} max={1} aria-label="Share of the longest time this run may take" />
      )}
      <p class="sub num">
        {elapsedText(experiment.value, now)}
        {startedAtMs !== null && limits.wallMs !== null &&
          ` · at most ${formatDuration(startedAtMs + limits.wallMs - now)} more`}
      </p>
      <pre
        class="log num"
        tabIndex={0}
        aria-label="Last lines of the run's log"
      >{log.value || "No output yet"}</pre>
      {failure.value !== null && <p class="notice" role="alert">{failure.value}</p>}
      <form class="row" method="post" action={`/experiments/${running.id}`} onSubmit={cancel}>
        <input type="hidden" name="action" value="cancel" />
        <button
          class="btn btn-danger"
          type="submit"
          disabled={pending.value || state === "stopping"}
        >
          {state === "stopping" ? "Stopping" : "Stop run"}
        </button>
        <a class="btn btn-quiet" href={`/experiments/${running.id}`}>Open</a>
      </form>
    </>
  );
}
