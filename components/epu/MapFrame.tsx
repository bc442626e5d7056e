import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../Icon.tsx";
import {
  type Box,
  isWhole,
  middleOf,
  neighbour,
  type Placed,
  showing,
  type Size,
  whole,
  within,
  zoomed,
} from "./zoom.ts";

interface Props {
  /** Size of what is drawn, in its own units. */
  map: Size;
  label: string;
  /** Everything that arrows walk through. */
  places: readonly Placed[];
  children: ComponentChildren;
  /** What the colours mean: beside the buttons. */
  legend: ComponentChildren;
}

const STEP = 1.6;
/** A pointer that moves less far has pressed, not dragged. */
const DRAG_PX = 4;

/**
 * A map to zoom and pan: wheel with Ctrl, two fingers, drag, `+`, `−` and `0`. Arrows go from one place to the
 * next in their direction; a place is an element with `data-place`.
 */
export function MapFrame({ map, label, places, children, legend }: Props) {
  const box = useSignal<Box>(whole(map));
  const svg = useRef<SVGSVGElement>(null);
  const isAll = isWhole(box.value, map);
  usePointers(svg, box, map);
  useEffect(() => {
    box.value = within(box.value, map);
  }, [map.width, map.height]);

  function zoom(factor: number) {
    box.value = zoomed(box.value, map, factor, middleOf(box.value));
  }
  function press(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") zoom(STEP);
    else if (event.key === "-") zoom(1 / STEP);
    else if (event.key === "0") box.value = whole(map);
    else {
      const here = (event.target as Element).closest<SVGElement>("[data-place]")?.dataset.place;
      const next = here === undefined ? null : neighbour(places, Number(here), event.key);
      if (next === null) {
        if (here !== undefined && event.key.startsWith("Arrow")) event.preventDefault();
        return;
      }
      const to = places.find(({ id }) => id === next)!;
      box.value = showing(box.value, map, to);
      svg.current!.querySelector<SVGElement>(`[data-place="${next}"]`)?.focus();
    }
    event.preventDefault();
  }
  return (
    <div class={isAll ? "map" : "map zoomed"} onKeyDown={press}>
      <svg
        ref={svg}
        class="map-view"
        viewBox={viewBoxOf(box.value)}
        role="group"
        aria-label={label}
      >
        {children}
      </svg>
      <div class="map-foot">
        {legend}
        <div class="map-tools script-only">
          <button type="button" class="btn" aria-label="Zoom in" onClick={() => zoom(STEP)}>
            <Icon name="plus" />
          </button>
          <button
            type="button"
            class="btn"
            aria-label="Zoom out"
            disabled={isAll}
            onClick={() => zoom(1 / STEP)}
          >
            <Icon name="minus" />
          </button>
          <button
            type="button"
            class="btn"
            disabled={isAll}
            onClick={() => box.value = whole(map)}
          >
            Whole
          </button>
        </div>
      </div>
    </div>
  );
}

/** Where a pointer is, in the map's units. */
function placeOf(svg: SVGSVGElement, at: { clientX: number; clientY: number }) {
  const matrix = svg.getScreenCTM();
  if (matrix === null) return null;
  const { x, y } = new DOMPoint(at.clientX, at.clientY).matrixTransform(matrix.inverse());
  return { x, y };
}

function usePointers(
  ref: { readonly current: SVGSVGElement | null },
  box: Signal<Box>,
  map: Size,
): void {
  useEffect(() => {
    const svg = ref.current!;
    const held = new Map<number, PointerEvent>();
    let dragged = false;
    let from: { x: number; y: number } | null = null;
    let apart = 0;

    const spread = () => {
      const [a, b] = [...held.values()];
      return a === undefined || b === undefined
        ? 0
        : Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    };
    const centre = () => {
      const all = [...held.values()];
      const mean = (of: (event: PointerEvent) => number) =>
        all.reduce((sum, one) => sum + of(one), 0) / all.length;
      return placeOf(svg, { clientX: mean((e) => e.clientX), clientY: mean((e) => e.clientY) });
    };
    function restart() {
      from = held.size === 0 ? null : centre();
      apart = spread();
    }
    function down(event: PointerEvent) {
      if (event.pointerType === "mouse" && event.button !== 0) return;
      if (held.size === 0) dragged = false;
      held.set(event.pointerId, event);
      restart();
    }
    function move(event: PointerEvent) {
      const before = held.get(event.pointerId);
      if (before === undefined || from === null) return;
      if (!dragged) {
        const far = Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY);
        if (far < DRAG_PX) return;
        dragged = true;
        // Captured only now: a press that does not move is a click on what lies below it.
        svg.setPointerCapture(event.pointerId);
      }
      held.set(event.pointerId, event);
      const now = spread();
      if (apart > 0 && now > 0) box.value = zoomed(box.value, map, now / apart, from);
      apart = now;
      // The view's own transform follows after this: the shift is reckoned from the box.
      const at = centre();
      if (at === null) return;
      box.value = within({
        ...box.value,
        x: box.value.x - (at.x - from.x),
        y: box.value.y - (at.y - from.y),
      }, map);
      svg.setAttribute("viewBox", viewBoxOf(box.value));
      from = centre();
    }
    function up(event: PointerEvent) {
      if (held.delete(event.pointerId)) restart();
    }
    function click(event: MouseEvent) {
      if (!dragged) return;
      event.preventDefault();
      event.stopPropagation();
      dragged = false;
    }
    function wheel(event: WheelEvent) {
      if (!event.ctrlKey) return;
      event.preventDefault();
      const at = placeOf(svg, event);
      if (at !== null) box.value = zoomed(box.value, map, 2 ** (-event.deltaY / 300), at);
    }
    const still = (event: Event) => event.preventDefault();
    const ended = new AbortController();
    const { signal } = ended;
    svg.addEventListener("pointerdown", down, { signal });
    svg.addEventListener("pointermove", move, { signal });
    svg.addEventListener("pointerup", up, { signal });
    svg.addEventListener("pointercancel", up, { signal });
    svg.addEventListener("click", click, { signal, capture: true });
    svg.addEventListener("wheel", wheel, { signal, passive: false });
    svg.addEventListener("dragstart", still, { signal });
    return () => ended.abort();
  }, [map.width, map.height]);
}

function viewBoxOf({ x, y, width, height }: Box): string {
  return `${x} ${y} ${width} ${height}`;
}
