import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import {
  chipClass,
  elapsedText,
  isActive,
  ownerText,
  type ShownExperiment,
  stateWord,
} from "../components/experiments.ts";
import { hearExperiments, hearHello, instrumentNow } from "../components/live.ts";
import { RunActions } from "../components/RunActions.tsx";
import { Time } from "../components/Time.tsx";

interface Props {
  initial: ShownExperiment;
  /** The owner who looks, and whether it is theirs to change. */
  mine: string;
  mayChange: boolean;
  clock: PageClock;
}

/** Title, state, timeline and what may be done now; live. */
export default function RunHead({ initial, mine, mayChange, clock }: Props) {
  const experiment = useSignal(initial);

  useEffect(() => {
    const stops = [
      hearExperiments((changed) => {
        if (changed.id === initial.id) experiment.value = changed;
      }),
      // What happened while nobody listened.
      hearHello(async () => {
        const reply = await fetch(`/api/v1/experiments/${initial.id}`).catch(() => null);
        if (reply?.ok) experiment.value = await reply.json();
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }, []);

  const now = instrumentNow(clock);
  const { number, title, state, error, exitCode, attempt, phase, position, holdAcknowledgedAtMs } =
    experiment.value;
  return (
    <>
      <div class="head">
        <h1>{title}</h1>
        <span class={chipClass(state)}>{stateWord(state)}</span>
        {mayChange && (
          <RunActions
            experiment={experiment.value}
            onChange={(changed) => experiment.value = changed}
          />
        )}
      </div>
      <p class="sub num under-head">
        experiment {number} · {ownerText(experiment.value, mine)}
        {position !== null && ` · place ${position} in the queue`}
        {attempt > 1 && ` · attempt ${attempt}`}
        {exitCode !== null && ` · exit code ${exitCode}`}
        {phase !== null && isActive(state) && ` · ${phase}`}
      </p>
      <Timeline experiment={experiment.value} nowMs={now} clock={clock} />
      {error !== null && (
        <p class={state === "failed" ? "notice notice-crit" : "notice"}>
          <span class="dot" />
          <b>{END_WORDS[error.code] ?? error.code}</b>
          <span class="grow">{error.text}</span>
        </p>
      )}
      {state === "holding" && (
        <p class="notice">
          <span class="dot" />
          <b>Held</b>
          <span class="grow">
            Its devices stand in their hold state and its commands are refused.{" "}
            {holdAcknowledgedAtMs === null
              ? "Its script has not asked yet, so it does not know."
              : "Its script knows."}
          </span>
        </p>
      )}
    </>
  );
}

/** Why a run ended, in the words of a heading. */
const END_WORDS: Record<string, string> = {
  script: "The script failed",
  memory: "It used too much memory",
  output: "It wrote too much",
  processes: "It started too many processes",
  disk: "The disk is full",
  wall: "Its time was up",
  runner: "It could not be run",
  restart: "Holdfast was restarted",
  unstarted: "It never began",
  cancel: "Stopped by a person",
  stop: "STOP was pressed",
};

/** Submitted, started, ended or expected to end. */
function Timeline(
  { experiment, nowMs, clock }: { experiment: ShownExperiment; nowMs: number; clock: PageClock },
) {
  const { createdAtMs, startedAtMs, endedAtMs, limits } = experiment;
  const limitMs = startedAtMs !== null && limits.wallMs !== null
    ? startedAtMs + limits.wallMs
    : null;
  return (
    <ol class="timeline num">
      <li class="done">
        <b>Submitted</b> <Time atMs={createdAtMs} clock={clock} as="stamp" />
      </li>
      <li class={startedAtMs === null ? undefined : "done"}>
        <b>Started</b> {startedAtMs === null
          ? endedAtMs === null ? "not yet" : "never"
          : <Time atMs={startedAtMs} clock={clock} as="stamp" />}
      </li>
      <li class={endedAtMs === null ? undefined : "done"}>
        {endedAtMs !== null
          ? (
            <>
              <b>Ended</b> <Time atMs={endedAtMs} clock={clock} as="stamp" />
            </>
          )
          : limitMs !== null
          ? (
            <>
              <b>Ends by</b> <Time atMs={limitMs} clock={clock} as="stamp" />
            </>
          )
          : <b>No time limit</b>}
        {startedAtMs !== null && ` · ${elapsedText(experiment, nowMs)}`}
      </li>
      {startedAtMs !== null && limitMs !== null && endedAtMs === null && (
        <li class="bar">
          <progress
            value={Math.min(1, (nowMs - startedAtMs) / (limitMs - startedAtMs))}
            max={1}
            aria-label="Share of the longest time this run may take"
          />
        </li>
      )}
    </ol>
  );
}
