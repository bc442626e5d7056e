import type { PageClock } from "./clock.ts";
import {
  chipClass,
  elapsedText,
  fileHref,
  isActive,
  mayChangeIt,
  ownerText,
  type ShownExperiment,
  type ShownFile,
  stateWord,
  type Viewer,
} from "./experiments.ts";
import { formatBytes } from "./format.ts";
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
  /** Hears what became of one that a button changed. */
  onChange?(changed: ShownExperiment): void;
  /** By id: files shown below an experiment's title. */
  files?: Readonly<Record<string, readonly ShownFile[]>>;
  /** Ids of those whose files were removed after their time: nothing to download. */
  gone?: readonly string[];
  /** With a box at each for a comparison, in the form of this id. */
  compareIn?: string;
  /** With a button that removes an ended one for good. */
  removable?: boolean;
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
                <Files id={one.id} files={props.files?.[one.id]} />
                {props.gone?.includes(one.id) && (
                  <small class="why">its files were removed after their time</small>
                )}
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

/** Files shown at most; the archive has them all. */
const FILES_SHOWN = 40;

function Files({ id, files = [] }: { id: string; files?: readonly ShownFile[] }) {
  if (files.length === 0) return null;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return (
    <details class="run-files">
      <summary>
        {files.length === 1 ? "1 file" : `${files.length} files`}, {formatBytes(bytes)}
      </summary>
      <ul class="plain-list files">
        {files.slice(0, FILES_SHOWN).map(({ path, bytes }) => (
          <li key={path}>
            <a href={fileHref(id, path)}>{path}</a>
            <span class="num">{formatBytes(bytes)}</span>
          </li>
        ))}
      </ul>
      {files.length > FILES_SHOWN && (
        <p class="sub">{files.length - FILES_SHOWN} more in the archive</p>
      )}
    </details>
  );
}

function Actions(
  { experiment, viewer, onChange, gone, removable }: Props & { experiment: ShownExperiment },
) {
  const { id, number, startedAtMs, endedAtMs } = experiment;
  const mayChange = mayChangeIt(viewer, experiment);
  if (endedAtMs === null) {
    return onChange !== undefined && mayChange
      ? (
        <div class="row acts">
          <RunActions experiment={experiment} onChange={onChange} back="queue" />
        </div>
      )
      : null;
  }
  return (
    <div class="row acts">
      {startedAtMs !== null && !gone?.includes(id) && (
        <a
          class="btn btn-quiet"
          href={`/api/v1/experiments/${id}/archive.zip`}
          aria-label={`Download experiment ${number}`}
        >
          Download
        </a>
      )}
      {removable ? mayChange && <RemoveRun id={id} number={number} /> : viewer.mayOperate && (
        <a
          class="btn btn-quiet"
          href={`/experiments/new?from=${number}`}
          aria-label={`Again: submit experiment ${number} once more`}
        >
          Again
        </a>
      )}
    </div>
  );
}

/** Two presses, a form without scripts: what it wrote cannot be brought back. */
function RemoveRun({ id, number }: { id: string; number: number }) {
  return (
    <details class="menu confirm">
      <summary class="btn btn-danger" aria-label={`Remove, experiment ${number}`}>Remove</summary>
      <form class="menu-list below" method="post" action={`/experiments/${id}`}>
        <input type="hidden" name="action" value="remove" />
        <p>
          The record of experiment {number}{" "}
          and every file it wrote are removed for good. Download them first.
        </p>
        <button class="btn btn-danger" type="submit">Remove experiment {number}</button>
      </form>
    </details>
  );
}
