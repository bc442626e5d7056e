import {
  chipClass,
  mayChangeIt,
  ownerText,
  type ShownEstimate,
  type ShownExperiment,
  startText,
  stateWord,
  takesText,
  type Viewer,
} from "./experiments.ts";
import { Icon } from "./Icon.tsx";
import type { Told } from "./queue.ts";
import { RunActions } from "./RunActions.tsx";
import { RunNow } from "./RunNow.tsx";

interface Props {
  experiment: ShownExperiment;
  /** From 1. */
  place: number;
  /** How many wait. */
  count: number;
  version: number;
  estimate: ShownEstimate | undefined;
  running: ShownExperiment | null;
  viewer: Viewer;
  /** It is being dragged, or something would be dropped at its upper or lower edge. */
  look: "lifted" | "above" | "below" | null;
  onMove(place: number): void;
  onGrip(event: PointerEvent): void;
  onKey(event: KeyboardEvent): void;
  onChange(changed: ShownExperiment): void;
  onRunNow(told: Told): void;
}

/** One waiting experiment: its place, when it starts, and all that may be done to it. */
export function QueueRow(props: Props) {
  const { experiment, place, count, version, estimate, running, viewer, look } = props;
  const { id, number, title, state } = experiment;
  const mayChange = mayChangeIt(viewer, experiment);
  return (
    <tr data-id={id} class={look ?? undefined}>
      <td class="num place">
        {mayChange && (
          <button
            type="button"
            class="grip script-only"
            id={`grip-${id}`}
            aria-label={`Experiment ${number}, place ${place} of ${count}: arrow keys move it`}
            title="Drag, or use the arrow keys, Home and End"
            onPointerDown={props.onGrip}
            onKeyDown={props.onKey}
          >
            <Icon name="grip" />
          </button>
        )}
        <span>{place}</span>
      </td>
      <th scope="row">
        <a href={`/experiments/${id}`}>{title}</a>
        <small class="num">experiment {number}</small>
      </th>
      <td>
        <span class={chipClass(state)}>{stateWord(state)}</span>
      </td>
      <td data-label="by">{ownerText(experiment, viewer.owner)}</td>
      <td class="fig" data-label="starts">
        {startText(state, estimate)}
        <small>{takesText(estimate)}</small>
      </td>
      <td class="end">
        {mayChange && (
          <div class="row acts">
            <Step {...props} to={place - 1} label="up" version={version} />
            <Step {...props} to={place + 1} label="down" version={version} />
            <RunNow
              experiment={experiment}
              running={running}
              viewer={viewer}
              onDone={props.onRunNow}
            />
            <RunActions experiment={experiment} onChange={props.onChange} back="queue" />
          </div>
        )}
      </td>
    </tr>
  );
}

/** One place up or down: a form without scripts, and a button that keeps its focus as its row moves. */
function Step(
  { experiment: { id, number }, to, count, label, version, onMove }: Props & {
    to: number;
    label: "up" | "down";
  },
) {
  const off = to < 1 || to > count;
  return (
    <form
      method="post"
      action={`/experiments/${id}`}
      onSubmit={(event) => {
        event.preventDefault();
        onMove(to);
      }}
    >
      <input type="hidden" name="action" value="move" />
      <input type="hidden" name="back" value="queue" />
      <input type="hidden" name="position" value={Math.max(1, to)} />
      <input type="hidden" name="version" value={version} />
      <button
        class="btn step"
        type="submit"
        id={`${label}-${id}`}
        aria-disabled={off}
        aria-label={`Move experiment ${number} ${label}`}
        title={`One place ${label}`}
      >
        <Icon name={label} />
      </button>
    </form>
  );
}
