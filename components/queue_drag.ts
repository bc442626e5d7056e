import { placeAt } from "./queue.ts";

/** A press becomes a drag from this many pixels on. */
const SLACK_PX = 4;
/** Nearer to the edge of the screen than this, the page scrolls along. */
const EDGE_PX = 48;
const SCROLL_PX = 12;

/**
 * Follows the pointer from a press on a row's handle until it is let go: `over` hears the place from 1 the
 * row would take, `drop` the one it took; `over(null)` when it is given up (Escape, a lost pointer) or was
 * no drag. Works for mouse, pen and finger.
 */
export function followDrag(
  down: PointerEvent,
  tbody: HTMLElement,
  id: string,
  { over, drop }: { over(place: number | null): void; drop(place: number): void },
): void {
  if (down.button !== 0) return;
  const handle = down.currentTarget as HTMLElement;
  const gone = new AbortController();
  const { signal } = gone;
  let place: number | null = null;
  handle.setPointerCapture(down.pointerId);

  function placeOf({ clientY }: PointerEvent): number {
    const others = [...tbody.querySelectorAll<HTMLElement>("tr[data-id]")]
      .filter((row) => row.dataset.id !== id);
    return placeAt(
      clientY,
      others.map((row) => {
        const { top, height } = row.getBoundingClientRect();
        return top + height / 2;
      }),
    );
  }
  function end(kept: boolean) {
    gone.abort();
    if (handle.hasPointerCapture(down.pointerId)) handle.releasePointerCapture(down.pointerId);
    const last = place;
    over(null);
    if (kept && last !== null) drop(last);
  }
  handle.addEventListener("pointermove", (event) => {
    if (place === null && Math.abs(event.clientY - down.clientY) < SLACK_PX) return;
    place = placeOf(event);
    over(place);
    if (event.clientY < EDGE_PX * 2) scrollBy(0, -SCROLL_PX);
    else if (event.clientY > innerHeight - EDGE_PX) scrollBy(0, SCROLL_PX);
  }, { signal });
  handle.addEventListener("pointerup", () => end(true), { signal });
  handle.addEventListener("pointercancel", () => end(false), { signal });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") end(false);
  }, { signal });
}
