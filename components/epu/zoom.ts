/** The part of a map that is seen, in the map's own units. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** How far a map may be enlarged. */
export const ZOOM_MAX = 40;

export function whole({ width, height }: Size): Box {
  return { x: 0, y: 0, width, height };
}

export function isWhole(box: Box, map: Size): boolean {
  return box.width >= map.width * 0.999;
}

/** Never outside the map, and never larger than it. */
export function within(box: Box, map: Size): Box {
  const width = Math.min(map.width, Math.max(map.width / ZOOM_MAX, box.width));
  const height = width * map.height / map.width;
  return {
    x: Math.min(Math.max(0, box.x), map.width - width),
    y: Math.min(Math.max(0, box.y), map.height - height),
    width,
    height,
  };
}

/** Enlarged `factor` times; what is at (x, y) stays where it is. */
export function zoomed(box: Box, map: Size, factor: number, at: { x: number; y: number }): Box {
  const width = Math.min(map.width, Math.max(map.width / ZOOM_MAX, box.width / factor));
  const scale = width / box.width;
  return within({
    x: at.x - (at.x - box.x) * scale,
    y: at.y - (at.y - box.y) * scale,
    width,
    height: box.height * scale,
  }, map);
}

export function middleOf({ x, y, width, height }: Box): { x: number; y: number } {
  return { x: x + width / 2, y: y + height / 2 };
}

/** Moved so that (x, y) is seen with some room around; as it is where it is already. */
export function showing(box: Box, map: Size, at: { x: number; y: number }): Box {
  const room = 0.08;
  const inside = at.x >= box.x + box.width * room && at.x <= box.x + box.width * (1 - room) &&
    at.y >= box.y + box.height * room && at.y <= box.y + box.height * (1 - room);
  if (inside || isWhole(box, map)) return box;
  return within({ ...box, x: at.x - box.width / 2, y: at.y - box.height / 2 }, map);
}

export interface Placed {
  readonly id: number;
  readonly x: number;
  readonly y: number;
}

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** The next one from `id` in an arrow's direction: the nearest, with a step aside counted twice. */
export function neighbour(places: readonly Placed[], id: number, arrow: string): number | null {
  const direction = ARROWS[arrow];
  const from = places.find((one) => one.id === id);
  if (direction === undefined || from === undefined) return null;
  const [dx, dy] = direction;
  let best: number | null = null;
  let least = Infinity;
  for (const one of places) {
    const along = (one.x - from.x) * dx + (one.y - from.y) * dy;
    const aside = Math.abs((one.x - from.x) * dy) + Math.abs((one.y - from.y) * dx);
    if (along <= 0 || aside > along) continue;
    const far = along + 2 * aside;
    if (far < least) [best, least] = [one.id, far];
  }
  return best;
}
