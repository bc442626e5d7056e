import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { PageClock } from "../components/clock.ts";
import { endText, type ShownExperiment, type Viewer } from "../components/experiments.ts";
import { hearExperiments } from "../components/live.ts";
import {
  fetchBoard,
  inTheWayOf,
  moveTo,
  onBoardChange,
  placeForKey,
  type QueueView,
  type Told,
  WAITING_MOST,
  WAITING_SHOWN,
} from "../components/queue.ts";
import { followDrag } from "../components/queue_drag.ts";
import { QueueRow } from "../components/QueueRow.tsx";
import { RunTable } from "../components/RunTable.tsx";

interface Props {
  queue: QueueView;
  /** How many of those that wait are shown at most. */
  shown: number;
  /** The last that ended. */
  ended: ShownExperiment[];
  viewer: Viewer;
  /** A form without scripts was meant for another queue. */
  stale: boolean;
  clock: PageClock;
}

const STALE =
  "Somebody changed the queue meanwhile, so nothing was moved. It is shown as it is now.";

/** The queue board: what runs, what waits and in which order, what ended last; live. */
export default function ExperimentBoard(props: Props) {
  const { viewer, clock } = props;
  const board = useSignal({ ...props.queue, ended: props.ended });
  const notice = useSignal<string | null>(props.stale ? STALE : null);
  const said = useSignal("");
  /** What is dragged, and the place it would take. */
  const drag = useSignal<{ id: string; place: number } | null>(null);
  const section = useRef<HTMLDivElement>(null);
  const focused = useRef<string | null>(null);
  const moves = useRef<Promise<void>>(Promise.resolve());

  async function refresh() {
    const found = await fetchBoard({ limit: Math.max(props.ended.length, 5) }, props.shown);
    // An older answer than the one that is shown came late.
    if (found === null || found.version < board.value.version) return;
    const active = document.activeElement;
    focused.current = section.current?.contains(active) ? active!.id || null : null;
    board.value = found;
  }

  useEffect(() => {
    const stops = [
      onBoardChange(refresh),
      hearExperiments((changed) => {
        const { runs, running } = board.value;
        if (!runs.some(({ id }) => id === changed.id)) return;
        board.value = {
          ...board.value,
          running: changed.id === running?.id ? changed : running,
          runs: runs.map((one) => one.id === changed.id ? changed : one),
        };
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }, []);

  // A row that moves is taken out and put in again, which takes the focus from what is in it.
  useLayoutEffect(() => {
    const wanted = focused.current;
    focused.current = null;
    if (wanted === null || document.activeElement?.id === wanted) return;
    const element = document.getElementById(wanted) ?? document.getElementById("waiting");
    element?.focus({ preventScroll: true });
  }, [board.value]);

  /** One move after another: the place of each is counted where the one before it has left the row. */
  function move(id: string, target: (from: number) => number, version?: number) {
    moves.current = moves.current.then(async () => {
      const { waiting, waitingCount } = board.value;
      const index = waiting.findIndex((one) => one.id === id);
      const one = waiting[index];
      if (one === undefined) return;
      const from = index + 1;
      const to = Math.min(waitingCount, Math.max(1, target(from)));
      const name = `Experiment ${one.number}`;
      if (to === from) {
        said.value = `${name} stays at place ${from} of ${waitingCount}`;
        return;
      }
      const told = await moveTo(id, to, version ?? board.value.version);
      await refresh();
      notice.value = told.ok ? null : told.stale ? STALE : `${name} was not moved: ${told.text}`;
      if (told.ok) said.value = `${name} is at place ${to} of ${board.value.waitingCount}`;
    });
  }

  function grip(event: PointerEvent, id: string) {
    const { version } = board.value;
    const tbody = (event.currentTarget as HTMLElement).closest("tbody")!;
    followDrag(event, tbody, id, {
      over: (place) => drag.value = place === null ? null : { id, place },
      // Meant for the queue as it stood when the row was lifted.
      drop: (place) => move(id, () => place, version),
    });
  }

  function key(event: KeyboardEvent, id: string) {
    const { key, ctrlKey, metaKey, altKey } = event;
    if (ctrlKey || metaKey || altKey || placeForKey(key, 1, 1) === null) return;
    event.preventDefault();
    move(id, (from) => placeForKey(key, from, board.value.waitingCount) ?? from);
  }

  async function ranNow(number: number, told: Told) {
    if (told.ok) said.value = `Experiment ${number} runs as soon as the instrument is free`;
    await refresh();
  }

  const { running, runs, concurrency, waiting, waitingCount, estimates, obstacle, ended, version } =
    board.value;
  const lifted = drag.value === null ? -1 : waiting.findIndex(({ id }) => id === drag.value!.id);
  return (
    <div class="board" ref={section}>
      <p class="visually-hidden" aria-live="polite" id="board-said">{said.value}</p>
      {notice.value !== null && (
        <p class="notice" role="status">
          <span class="dot" />
          <span class="grow">{notice.value}</span>
          <button
            type="button"
            class="btn btn-quiet script-only"
            onClick={() => notice.value = null}
          >
            Dismiss
          </button>
        </p>
      )}
      {running === null && waiting.length + ended.length === 0 && (
        <Nothing maySubmit={viewer.mayOperate} />
      )}
      {running !== null && (
        <RunTable
          title="Running"
          sub={runs.length === 1
            ? endText(estimates[running.id])
            : `${runs.length} side by side, each on devices of its own`}
          rows={runs}
          viewer={viewer}
          clock={clock}
          onChange={refresh}
        />
      )}
      {waiting.length > 0 && (
        <section class="card" aria-label="Waiting">
          <header>
            <h2 id="waiting" tabIndex={-1}>Waiting</h2>
            <span class="sub">{waitingCount === 1 ? "1 waits" : `${waitingCount} wait`}</span>
          </header>
          {obstacle !== null && running === null && (
            <p class="notice">
              <span class="dot" />
              <span class="grow">Nothing is started: {obstacle}</span>
              {/ is held by /.test(obstacle) && <a class="btn btn-quiet" href="/locks">Locks</a>}
            </p>
          )}
          <table class="run-table queue-table">
            <thead>
              <tr>
                <th scope="col" class="num">Place</th>
                <th scope="col">Experiment</th>
                <th scope="col">State</th>
                <th scope="col">Whose</th>
                <th scope="col">Starts</th>
                <th scope="col">
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {waiting.map((one, index) => (
                <QueueRow
                  key={one.id}
                  experiment={one}
                  place={index + 1}
                  count={waitingCount}
                  version={version}
                  estimate={estimates[one.id]}
                  running={inTheWayOf(one, { runs, concurrency })}
                  viewer={viewer}
                  look={lookOf(index, lifted, drag.value?.place ?? 0)}
                  onMove={(place) => move(one.id, () => place)}
                  onGrip={(event) => grip(event, one.id)}
                  onKey={(event) => key(event, one.id)}
                  onChange={refresh}
                  onRunNow={(told) => ranNow(one.number, told)}
                />
              ))}
            </tbody>
          </table>
          {waitingCount > waiting.length && (
            <p class="row">
              <span class="sub">{waitingCount - waiting.length} more wait behind these.</span>
              {waiting.length < WAITING_MOST
                ? (
                  <a
                    class="btn"
                    href={`/experiments?shown=${waiting.length + WAITING_SHOWN}#${`grip-${
                      waiting.at(-1)!.id
                    }`}`}
                  >
                    Show {Math.min(WAITING_SHOWN, waitingCount - waiting.length)} more
                  </a>
                )
                : <a class="btn" href="/experiments/mine">Find yours under Mine</a>}
            </p>
          )}
        </section>
      )}
      {ended.length > 0 && (
        <RunTable
          title="Ended last"
          rows={ended}
          viewer={viewer}
          clock={clock}
          more={{ href: "/experiments/results", text: "All results" }}
        />
      )}
    </div>
  );
}

/** The dragged row is lifted; the edge it would be dropped at is drawn on the row there. */
function lookOf(index: number, lifted: number, place: number): "lifted" | "above" | "below" | null {
  if (lifted < 0) return null;
  if (index === lifted) return "lifted";
  // Index of this row once the lifted one is out.
  const left = index > lifted ? index - 1 : index;
  if (left === place - 1) return "above";
  return left === place - 2 ? "below" : null;
}

function Nothing({ maySubmit }: { maySubmit: boolean }) {
  return (
    <section class="card blank">
      <h2>No experiment yet</h2>
      <p>
        An experiment is a Python or TypeScript script that measures and drives the devices. It
        waits its turn, runs alone, and leaves its log, numbers and files here.
      </p>
      {maySubmit && (
        <div class="row">
          <a class="btn btn-main" href="/experiments/new">Submit the first one</a>
          <a class="btn" href="/experiments/new?sample=demo">Look at the demo</a>
        </div>
      )}
    </section>
  );
}
