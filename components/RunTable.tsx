import type { ComponentChildren } from "preact";
import type { PageClock } from "./clock.ts";
import {
  chipClass,
  elapsedText,
  isActive,
  mayChangeIt,
  ownerText,
  type ShownExperiment,
  stateWord,
  type Viewer,
} from "./experiments.ts";
import { instrumentNow } from "./live.ts";
import { RunActions } from "./RunActions.tsx";
import { Time } from "./Time.tsx";

interface Props {
  title: string;
  /** Beside the title. */
  sub?: string;
  rows: readonly ShownExperiment[];
  viewer: Viewer;
  clock: PageClock;
  /** Where there are more of them. */
  more?: { href: string; text: string };
  /** With buttons for what may be done to those that have not ended. */
  onChange?(): void;
  /** Below an experiment's title. */
  below?(experiment: ShownExperiment): ComponentChildren;
  /** Their files are gone: nothing to download. */
  gone?: ReadonlySet<string>;
  /** With a box at each for a comparison, in the form of this id. */
  compareIn?: string;
}

/** Experiments that are no queue: what runs, what ended. */
export function RunTable(props: Props) {
  const { title, sub, rows, viewer, clock, more, compareIn } = props;
  return (
    <section class="card" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {sub !== undefined && <span class="sub num">{sub}</span>}
        {more !== undefined && <a class="btn btn-quiet" href={more.href}>{more.text}</a>}
      </header>
      <table class="run-table">
        <thead>
          <tr>
            <th scope="col" class="num">No.</th>
            <th scope="col">Experiment</th>
            <th scope="col">State</th>
            <th scope="col">Whose</th>
            <th scope="col">Submitted</th>
            <th scope="col">Time</th>
            <th scope="col">
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => (
            <tr key={one.id}>
              <td class="num place">
                {compareIn !== undefined && one.startedAtMs !== null && (
                  <input
                    type="checkbox"
                    name="ids"
                    value={one.number}
                    form={compareIn}
                    aria-label={`Compare experiment ${one.number}`}
                  />
                )}
                <span>{one.number}</span>
              </td>
              <th scope="row">
                <a href={`/experiments/${one.id}`}>{one.title}</a>
                {one.phase !== null && isActive(one.state) && <small>{one.phase}</small>}
                {one.error !== null && <small class="why">{one.error.text}</small>}
                {props.below?.(one)}
              </th>
              <td>
                <span class={chipClass(one.state)}>{stateWord(one.state)}</span>
              </td>
              <td data-label="by">{ownerText(one, viewer.owner)}</td>
              <td class="fig" data-label="submitted">
                <Time atMs={one.createdAtMs} clock={clock} as="stamp" />
              </td>
              <td class="fig">{elapsedText(one, instrumentNow(clock))}</td>
              <td class="end">
                <Actions {...props} experiment={one} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Actions({ experiment, viewer, onChange, gone }: Props & { experiment: ShownExperiment }) {
  const { id, number, startedAtMs, endedAtMs } = experiment;
  if (endedAtMs === null) {
    return onChange !== undefined && mayChangeIt(viewer, experiment)
      ? (
        <div class="row acts">
          <RunActions experiment={experiment} onChange={onChange} back="queue" />
        </div>
      )
      : null;
  }
  return (
    <div class="row acts">
      {startedAtMs !== null && gone?.has(id) !== true && (
        <a
          class="btn btn-quiet"
          href={`/api/v1/experiments/${id}/archive.zip`}
          aria-label={`Download experiment ${number}`}
        >
          Download
        </a>
      )}
      {viewer.mayOperate && (
        <a
          class="btn btn-quiet"
          href={`/experiments/new?from=${number}`}
          aria-label={`Submit experiment ${number} again`}
        >
          Again
        </a>
      )}
    </div>
  );
}
