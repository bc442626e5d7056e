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
import { hearExperiments, instrumentNow } from "../components/live.ts";
import { fetchBoard, onBoardChange } from "../components/queue.ts";
import { Time } from "../components/Time.tsx";

interface Props {
  running: ShownExperiment | null;
  waiting: ShownExperiment[];
  ended: ShownExperiment[];
  /** The owner who looks. */
  mine: string;
  mineOnly: boolean;
  /** An older page of the ended: they stay as they are. */
  older: boolean;
  maySubmit: boolean;
  clock: PageClock;
}

/** The queue board: what runs, what waits, what ended; live. */
export default function ExperimentBoard(props: Props) {
  const { mine, mineOnly, older, maySubmit, clock } = props;
  const board = useSignal({
    running: props.running,
    waiting: props.waiting,
    ended: props.ended,
  });
  useEffect(() => {
    const stops = [
      onBoardChange(async () => {
        const found = await fetchBoard({
          limit: Math.max(props.ended.length, 25),
          ...(mineOnly ? { owner: "me" as const } : {}),
        });
        if (found === null) return;
        board.value = {
          running: found.running,
          waiting: [...found.waiting],
          ended: older ? board.value.ended : found.ended,
        };
      }),
      hearExperiments((changed) => {
        if (changed.id === board.value.running?.id) {
          board.value = { ...board.value, running: changed };
        }
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }, []);

  const own = (list: ShownExperiment[]) =>
    mineOnly ? list.filter(({ owner }) => owner === mine) : list;
  const running = own(board.value.running === null ? [] : [board.value.running]);
  const waiting = own(board.value.waiting);
  const { ended } = board.value;
  if (running.length + waiting.length + ended.length === 0) {
    return (
      <section class="card blank">
        <h2>{mineOnly ? "You have submitted no experiment yet" : "No experiment yet"}</h2>
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
  return (
    <>
      <Table title="Running" rows={running} mine={mine} clock={clock} positions={false} />
      <Table title="Waiting" rows={waiting} mine={mine} clock={clock} positions />
      <Table title="Ended" rows={ended} mine={mine} clock={clock} positions={false} />
    </>
  );
}

function Table(
  { title, rows, mine, clock, positions }: {
    title: string;
    rows: ShownExperiment[];
    mine: string;
    clock: PageClock;
    /** Rows are the queue, in order. */
    positions: boolean;
  },
) {
  if (rows.length === 0) return null;
  const now = instrumentNow(clock);
  return (
    <section class="card" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {positions && (
          <span class="sub">{rows.length === 1 ? "1 waits" : `${rows.length} wait`}</span>
        )}
      </header>
      <table class="run-table">
        <thead>
          <tr>
            <th scope="col" class="num">{positions ? "Place" : "No."}</th>
            <th scope="col">Experiment</th>
            <th scope="col">State</th>
            <th scope="col">Whose</th>
            <th scope="col">Submitted</th>
            <th scope="col">Time</th>
            <th scope="col">
              <span class="visually-hidden">Files</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((one, index) => (
            <tr key={one.id}>
              <td class="num place">{positions ? one.position ?? index + 1 : one.number}</td>
              <th scope="row">
                <a href={`/experiments/${one.id}`}>{one.title}</a>
                {positions && <small class="num">experiment {one.number}</small>}
                {one.phase !== null && isActive(one.state) && <small>{one.phase}</small>}
                {one.error !== null && <small class="why">{one.error.text}</small>}
              </th>
              <td>
                <span class={chipClass(one.state)}>{stateWord(one.state)}</span>
              </td>
              <td data-label="by">{ownerText(one, mine)}</td>
              <td class="fig" data-label="submitted">
                <Time atMs={one.createdAtMs} clock={clock} as="stamp" />
              </td>
              <td class="fig">{elapsedText(one, now)}</td>
              <td class="end">
                {one.startedAtMs !== null && (
                  <a
                    class="btn btn-quiet"
                    href={`/api/v1/experiments/${one.id}/archive.zip`}
                    aria-label={`Download experiment ${one.number}`}
                  >
                    Download
                  </a>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
