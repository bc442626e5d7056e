import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { chipClass, elapsedText, ownerText, stateWord } from "../components/experiments.ts";
import { formatStamp } from "../components/format.ts";
import { clockAheadMs, hearExperiments, tick } from "../components/live.ts";
import type { Experiment } from "../lib/experiments/model.ts";

interface Props {
  title: string;
  rows: Experiment[];
  nowMs: number;
  /** The owner who looks. */
  mine: string;
  /** What an empty table says; `null`: nothing is shown at all. */
  empty: string | null;
  /** Rows are the queue, in order. */
  positions: boolean;
}

/** Experiments of one kind. When one of them moves on, or a new one comes, the page is read again. */
export default function ExperimentTable({ title, rows, nowMs, mine, empty, positions }: Props) {
  const stale = useSignal(false);
  useEffect(() =>
    hearExperiments((changed) => {
      const known = rows.find(({ id }) => id === changed.id);
      if (known !== undefined && known.state === changed.state) return;
      if (stale.value) return;
      stale.value = true;
      // One reading for a burst of changes; a person who types in a form is not interrupted here.
      setTimeout(() => location.reload(), 700);
    }), []);
  if (rows.length === 0 && empty === null) return null;
  const now = (tick.value || nowMs) + clockAheadMs.value;
  return (
    <section class="card" aria-busy={stale.value}>
      <header>
        <h2>{title}</h2>
        {positions && <span class="sub">{rows.length} in the queue</span>}
      </header>
      {rows.length === 0 ? <p class="empty">{empty}</p> : (
        <div class="scroll-x">
          <table>
            <thead>
              <tr>
                {positions && <th class="num">#</th>}
                <th>Experiment</th>
                <th>State</th>
                <th>Whose</th>
                <th>Submitted</th>
                <th>Time</th>
                <th>
                  <span class="visually-hidden">Files</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((one, index) => (
                <tr key={one.id}>
                  {positions && <td class="num">{index + 1}</td>}
                  <td>
                    <a href={`/experiments/${one.id}`}>
                      <b>{one.title}</b>
                    </a>{" "}
                    <small class="num">{one.number}</small>
                  </td>
                  <td>
                    <span class={chipClass(one.state)}>{stateWord(one.state)}</span>
                    {one.error !== null && <small class="why">{one.error.text}</small>}
                  </td>
                  <td>{ownerText(one.owner, mine)}</td>
                  <td class="num">{formatStamp(one.createdAtMs, nowMs)}</td>
                  <td class="num">{elapsedText(one, now)}</td>
                  <td>
                    {one.startedAtMs !== null && (
                      <a class="btn btn-quiet" href={`/api/v1/experiments/${one.id}/archive.zip`}>
                        Download
                      </a>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
