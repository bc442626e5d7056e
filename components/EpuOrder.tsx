import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { idsFrom, movedTo, type ShownProposal, targetHref } from "./epu_decisions.ts";
import { Icon } from "./Icon.tsx";
import { placeForKey } from "./queue.ts";
import { followDrag } from "./queue_drag.ts";

interface Props {
  acquisitionId: string;
  proposal: ShownProposal;
  order: readonly number[];
  mayEdit: boolean;
  isEdited: boolean;
  onOrder(order: readonly number[], said: string): void;
  onReset(): void;
}

/** Rows drawn at first, and added at once: an order may hold thousands. */
const ROWS = 12;
const MORE = 60;

/** A proposed order, row by row beside EPU's own places; edited by dragging, with keys, or as text. */
export function EpuOrder(
  { acquisitionId, proposal, order, mayEdit, isEdited, onOrder, onReset }: Props,
) {
  const shown = useSignal(ROWS);
  const drag = useSignal<{ id: number; place: number } | null>(null);
  const focused = useRef<string | null>(null);
  const { kind, targetIds, epuPlaces, exploration } = proposal;
  const epuPlace = new Map(targetIds.map((id, i) => [id, epuPlaces[i] ?? null]));
  const explored = new Set(exploration);
  const noun = kind.startsWith("square") ? "Square" : "Hole";
  const rows = order.slice(0, shown.value);
  const isOrder = kind.endsWith("Order");

  // A row that moves is taken out and put in again, which takes the focus from its handle.
  useLayoutEffect(() => {
    const wanted = focused.current;
    focused.current = null;
    if (wanted !== null) document.getElementById(wanted)?.focus({ preventScroll: true });
  }, [order]);

  const gripId = (id: number) => `grip-${proposal.id}-${id}`;
  function move(id: number, place: number) {
    const to = Math.min(Math.max(1, place), order.length);
    if (to > shown.value) shown.value = to;
    onOrder(movedTo(order, id, to), `${noun} ${id} is at place ${to} of ${order.length}`);
  }
  function key(event: KeyboardEvent, id: number) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const to = placeForKey(event.key, order.indexOf(id) + 1, order.length);
    if (to === null) return;
    event.preventDefault();
    focused.current = gripId(id);
    move(id, to);
  }
  function grip(event: PointerEvent, id: number) {
    const tbody = (event.currentTarget as HTMLElement).closest("tbody")!;
    followDrag(event, tbody, String(id), {
      over: (place) => drag.value = place === null ? null : { id, place },
      drop: (place) => move(id, place),
    });
  }
  function leaveOut(id: number) {
    onOrder(order.filter((one) => one !== id), `${noun} ${id} is left out`);
  }
  const lifted = drag.value === null ? -1 : rows.indexOf(drag.value.id);

  return (
    <div class="epu-order">
      <table>
        <thead>
          <tr>
            <th scope="col" class="num">Place</th>
            <th scope="col">{noun}</th>
            {isOrder && <th scope="col" class="num">In EPU’s order</th>}
            <th scope="col">
              <span class="visually-hidden">Remarks and actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((id, i) => (
            <tr key={id} data-id={id} class={lookOf(i, lifted, drag.value?.place ?? 0)}>
              <td class="num place">
                {mayEdit && isOrder && (
                  <button
                    type="button"
                    class="grip script-only"
                    id={gripId(id)}
                    aria-label={`${noun} ${id}, place ${
                      i + 1
                    } of ${order.length}: arrow keys move it`}
                    title="Drag, or use the arrow keys, Home and End"
                    onPointerDown={(event) => grip(event, id)}
                    onKeyDown={(event) =>
                      key(event, id)}
                  >
                    <Icon name="grip" />
                  </button>
                )}
                <span>{i + 1}</span>
              </td>
              <th scope="row" class="fig">
                <a href={targetHref(acquisitionId, kind, id)}>{id}</a>
              </th>
              {isOrder && (
                <td class="num">
                  <Shift place={i + 1} epu={epuPlace.get(id) ?? null} />
                </td>
              )}
              <td class="end">
                {explored.has(id) && (
                  <span class="tag" title="Chosen to learn from, not because it is thought best">
                    exploration
                  </span>
                )}
                {mayEdit && order.length > 1 && (
                  <button
                    type="button"
                    class="grip script-only leave"
                    aria-label={`Leave out ${noun.toLowerCase()} ${id}`}
                    title="Leave out"
                    onClick={() => leaveOut(id)}
                  >
                    <Icon name="close" />
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <div class="row">
        {order.length > rows.length && (
          <>
            <span class="sub">{order.length - rows.length} more follow</span>
            <button
              type="button"
              class="btn btn-quiet script-only"
              onClick={() => shown.value += MORE}
            >
              Show {Math.min(MORE, order.length - rows.length)} more
            </button>
          </>
        )}
        {isEdited && (
          <>
            <span class="tag">edited</span>
            <button type="button" class="btn btn-quiet script-only" onClick={onReset}>
              As it was proposed
            </button>
          </>
        )}
      </div>
      {mayEdit && (
        <details class="as-text">
          <summary>Edit as text</summary>
          <label class="field">
            <span class="hint">
              EPU’s numbers in order; leave out what is not to be done
            </span>
            <textarea
              name="targets"
              rows={4}
              spellcheck={false}
              value={order.join(" ")}
              onChange={(event) => {
                const ids = idsFrom(event.currentTarget.value);
                if (ids !== null) onOrder(ids, `${ids.length} in the order`);
              }}
            />
          </label>
        </details>
      )}
    </div>
  );
}

/** EPU's place, and which way the target moved from it. */
function Shift({ place, epu }: { place: number; epu: number | null }) {
  if (epu === null) return <span class="shift">—</span>;
  const by = epu - place;
  return (
    <span class="shift">
      {epu} {by === 0 ? <span class="same">same</span> : (
        <span>
          <span aria-hidden="true">{by > 0 ? "▲" : "▼"}</span>
          <span class="visually-hidden">{by > 0 ? "earlier by" : "later by"}</span> {Math.abs(by)}
        </span>
      )}
    </span>
  );
}

/** The dragged row is lifted; the edge it would be dropped at is drawn on the row there. */
function lookOf(index: number, lifted: number, place: number): string | undefined {
  if (lifted < 0) return undefined;
  if (index === lifted) return "lifted";
  const left = index > lifted ? index - 1 : index;
  if (left === place - 1) return "above";
  return left === place - 2 ? "below" : undefined;
}
