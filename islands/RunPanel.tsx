import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import {
  chipClass,
  elapsedText,
  isActive,
  LAST_SHOWN,
  ownerText,
  type ShownExperiment,
  stateWord,
} from "../components/experiments.ts";
import { Icon } from "../components/Icon.tsx";
import { hearExperiments, instrumentNow } from "../components/live.ts";
import { fetchBoard, onBoardChange } from "../components/queue.ts";
import { RunActions } from "../components/RunActions.tsx";
import { Time } from "../components/Time.tsx";

interface Props {
  running: ShownExperiment | null;
  waiting: ShownExperiment[];
  /** The last that ended. */
  last: ShownExperiment[];
  /** Last lines of what runs. */
  log: string;
  /** The owner who looks. */
  mine: string;
  maySubmit: boolean;
  /** Whether this person may stop what runs; admins may stop anybody's. */
  mayStopAll: boolean;
  clock: PageClock;
}

const LOG_LINES = 4;
const LOG_EVERY_MS = 2000;
const QUEUE_SHOWN = 4;

/** The overview's left card: what runs now or how to begin, and what comes next. */
export default function RunPanel(props: Props) {
  const { mine, maySubmit, mayStopAll, clock } = props;
  const board = useSignal({ running: props.running, waiting: props.waiting, last: props.last });
  const log = useSignal(props.log);

  useEffect(() => {
    async function readLog() {
      const { running } = board.value;
      if (document.hidden || running === null || running.startedAtMs === null) return;
      const reply = await fetch(`/api/v1/experiments/${running.id}/log?tail=${LOG_LINES}`)
        .catch(() => null);
      if (reply?.ok) log.value = await reply.text();
    }
    const stops = [
      onBoardChange(async () => {
        const found = await fetchBoard({ limit: LAST_SHOWN });
        if (found === null) return;
        if (found.running?.id !== board.value.running?.id) log.value = "";
        board.value = {
          running: found.running,
          waiting: [...found.waiting],
          last: found.ended,
        };
        await readLog();
      }),
      hearExperiments((changed) => {
        if (changed.id === board.value.running?.id && isActive(changed.state)) {
          board.value = { ...board.value, running: changed };
        }
      }),
    ];
    const again = setInterval(readLog, LOG_EVERY_MS);
    return () => {
      stops.forEach((stop) => stop());
      clearInterval(again);
    };
  }, []);

  const { running, waiting, last } = board.value;
  const maySubmitNow = maySubmit && running === null;
  return (
    <section class="card exp" aria-label="Experiment">
      {running === null ? <Idle maySubmit={maySubmitNow} hasRun={last.length > 0} /> : (
        <Running
          running={running}
          log={log.value}
          mine={mine}
          mayStop={maySubmit && (mayStopAll || running.owner === mine)}
          onChange={(changed) => board.value = { ...board.value, running: changed }}
          clock={clock}
        />
      )}
      {waiting.length > 0 && (
        <>
          <h3>Next in queue</h3>
          <ol class="queue">
            {waiting.slice(0, QUEUE_SHOWN).map((one, index) => (
              <li key={one.id} class={one.state === "paused" ? "paused" : undefined}>
                <a href={`/experiments/${one.id}`}>{one.title}</a>
                <span class="side">{one.state === "paused" ? "paused" : `${index + 1}.`}</span>
                <span>experiment {one.number} · {ownerText(one, mine)}</span>
              </li>
            ))}
          </ol>
          {waiting.length > QUEUE_SHOWN && (
            <a class="sub" href="/experiments">{waiting.length - QUEUE_SHOWN} more wait</a>
          )}
        </>
      )}
      {running === null && last.length > 0 && (
        <>
          <h3>Last runs</h3>
          <ol class="queue">
            {last.map((one) => (
              <li key={one.id}>
                <a href={`/experiments/${one.id}`}>{one.title}</a>
                <span class="side">
                  <span class={chipClass(one.state)}>{stateWord(one.state)}</span>
                </span>
                <span class="num">
                  experiment {one.number} · {elapsedText(one, instrumentNow(clock))}
                </span>
              </li>
            ))}
          </ol>
        </>
      )}
    </section>
  );
}

function Idle({ maySubmit, hasRun }: { maySubmit: boolean; hasRun: boolean }) {
  const sent = useSignal(false);
  return (
    <>
      <header>
        <h2>No experiment is running</h2>
      </header>
      <p class="sub">
        {hasRun
          ? "The instrument is free."
          : "The instrument is free. The demo stirs, warms and measures for two minutes, and writes a CSV you can download."}
      </p>
      {maySubmit && (
        <div class="stack">
          <form
            method="post"
            action="/experiments/new"
            onSubmit={(event) => sent.value ? event.preventDefault() : sent.value = true}
          >
            <input type="hidden" name="sample" value="demo" />
            <button
              class={hasRun ? "btn" : "btn btn-main"}
              type="submit"
              aria-busy={sent.value}
            >
              <Icon name="play" />Start a demo experiment
            </button>
          </form>
          <a class={hasRun ? "btn btn-main" : "btn"} href="/experiments/new">
            Submit your own
          </a>
        </div>
      )}
    </>
  );
}

function Running(
  { running, log, mine, mayStop, onChange, clock }: {
    running: ShownExperiment;
    log: string;
    mine: string;
    mayStop: boolean;
    onChange(changed: ShownExperiment): void;
    clock: PageClock;
  },
) {
  const { id, number, title, state, startedAtMs, limits, attempt, phase } = running;
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => box.current?.scrollTo({ top: box.current.scrollHeight }), [log]);
  const now = instrumentNow(clock);
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
        experiment {number} · {ownerText(running, mine)}
        {startedAtMs !== null && (
          <>
            {" · started "}
            <Time atMs={startedAtMs} clock={clock} as="minute" />
          </>
        )}
        {attempt > 1 && ` · attempt ${attempt}`}
      </p>
      {share !== null && (
        <progress value={share} max={1} aria-label="Share of the longest time this run may take" />
      )}
      <p class="sub num">
        {elapsedText(running, now)}
        {startedAtMs !== null && limits.wallMs !== null && (
          <>
            {" · ends by "}
            <Time atMs={startedAtMs + limits.wallMs} clock={clock} as="minute" />
          </>
        )}
        {phase !== null && ` · ${phase}`}
      </p>
      <pre
        class="log num"
        ref={box}
        tabIndex={0}
        role="group"
        aria-label="Last lines of the run's log"
      >
        {log.trimEnd() || "No output yet"}
      </pre>
      <div class="row">
        {mayStop && <RunActions experiment={running} onChange={onChange} />}
        <a class="btn btn-quiet" href={`/experiments/${id}`}>Open</a>
      </div>
    </>
  );
}
