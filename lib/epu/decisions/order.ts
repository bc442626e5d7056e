import { byEpuOrder } from "./authority.ts";

export interface ScoredHole {
  readonly id: number;
  readonly squareId: number;
  readonly order: number | null;
  /** 0 to 1. */
  readonly score: number;
}

/** Even the worst hole is worth this much of the best: else a far square would be left unfinished for it. */
const WORTH_MIN = 0.01;

/** The holes of one square still to be exposed, best first, with running sums of what they are worth. */
interface Square {
  readonly id: number;
  readonly holes: readonly ScoredHole[];
  readonly sums: readonly number[];
  next: number;
}

/**
 * The order in which to expose all `holes`, each once: at every step where the most is gained for the time,
 * a way of `cost` holes' time included. Staying where one is costs nothing. Free ways give the order of
 * the scores; very long ones never come back to a square.
 *
 * @param start the square one is in, `null` for none: then the first way is free.
 */
export function visitOrder(
  holes: readonly ScoredHole[],
  cost: (fromSquareId: number, toSquareId: number) => number,
  start: number | null = null,
): number[] {
  return [...visits(holes, cost, start)];
}

/** `visitOrder` hole by hole, so that whoever asks can let others have their turn between. */
export function* visits(
  holes: readonly ScoredHole[],
  cost: (fromSquareId: number, toSquareId: number) => number,
  start: number | null,
): Generator<number, void, void> {
  const squares = squaresOf(holes);
  let here: Square | null = squares.find(({ id }) => id === start) ?? null;
  const from = () => here?.id ?? start;
  for (;;) {
    const away = bestAway(squares, here, (to) => from() === null ? 0 : cost(from()!, to));
    // Stay as long as the next hole here is worth as much as the best elsewhere on average.
    while (here !== null && here.next < here.holes.length) {
      if (!stays(here.holes[here.next]!, away)) break;
      yield here.holes[here.next++]!.id;
    }
    if (away === null) return;
    here = away.square;
    // One goes there to expose at least one hole, so every way brings the end nearer.
    yield here.holes[here.next++]!.id;
  }
}

interface Away {
  readonly square: Square;
  readonly rate: number;
}

/** The square that gains the most per time, the way included; `null` when nothing is left elsewhere. */
function bestAway(
  squares: readonly Square[],
  here: Square | null,
  costTo: (squareId: number) => number,
): Away | null {
  let best: Away | null = null;
  for (const square of squares) {
    if (square === here || square.next === square.holes.length) continue;
    const rate = bestRate(square, Math.max(0, costTo(square.id)));
    const first = square.holes[square.next]!;
    if (
      best === null || rate > best.rate ||
      rate === best.rate && betterFirst(first, best.square.holes[best.square.next]!) < 0
    ) best = { square, rate };
  }
  return best;
}

/** Whether to stay. Ties go to the square one is in, or without any way to the hole that sorts first. */
function stays(next: ScoredHole, away: Away | null): boolean {
  const own = worth(next);
  if (away === null || own > away.rate) return true;
  if (own < away.rate) return false;
  const other = away.square.holes[away.square.next]!;
  return worth(other) !== own || betterFirst(next, other) < 0;
}

/**
 * The largest mean worth of the first k holes when the way counts as `cost` more of them. The mean rises
 * while the next hole is above it and falls from there on, so the turn is found by halving.
 */
function bestRate({ holes, sums, next }: Square, cost: number): number {
  // Without a way the first hole alone is the mean: exactly, or sums of rounded numbers would decide.
  if (cost === 0) return worth(holes[next]!);
  const gone = next === 0 ? 0 : sums[next - 1]!;
  const rate = (k: number) => (sums[next + k - 1]! - gone) / (k + cost);
  let low = 1;
  let high = holes.length - next;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (worth(holes[next + middle]!) > rate(middle)) low = middle + 1;
    else high = middle;
  }
  return rate(low);
}

function betterFirst(a: ScoredHole, b: ScoredHole): number {
  return b.score - a.score || byEpuOrder(a, b);
}

function worth({ score }: ScoredHole): number {
  return WORTH_MIN + (1 - WORTH_MIN) * score;
}

function squaresOf(holes: readonly ScoredHole[]): Square[] {
  const groups = Map.groupBy(holes, ({ squareId }) => squareId);
  return [...groups].sort(([a], [b]) => a - b).map(([id, own]) => {
    const sorted = own.toSorted(betterFirst);
    let sum = 0;
    return { id, holes: sorted, sums: sorted.map((hole) => sum += worth(hole)), next: 0 };
  });
}

/**
 * The same order with a share of it chosen from its worse half, spread evenly, so that models hear of holes
 * they do not favour. The choice depends on `seed` and the ids alone.
 */
export function withExploration(
  order: readonly number[],
  share: number,
  seed: string,
): { readonly order: number[]; readonly exploration: number[] } {
  const count = Math.floor(Math.min(share, 0.5) * order.length);
  if (count === 0) return { order: [...order], exploration: [] };
  const worse = order.slice(Math.ceil(order.length / 2));
  const exploration = worse
    .map((id) => ({ id, lot: lotOf(`${seed}:${id}`) }))
    .sort((a, b) => a.lot - b.lot || a.id - b.id)
    .slice(0, count)
    .map(({ id }) => id);
  const chosen = new Set(exploration);
  const rest = order.filter((id) => !chosen.has(id));
  const mixed: number[] = [];
  const every = order.length / exploration.length;
  let next = 0;
  for (const [i, id] of exploration.entries()) {
    const upTo = Math.ceil((i + 1) * every) - 1;
    while (mixed.length < upTo && next < rest.length) mixed.push(rest[next++]!);
    mixed.push(id);
  }
  return { order: [...mixed, ...rest.slice(next)], exploration };
}

/** FNV-1a: spreads texts over 32 bits, the same everywhere. */
function lotOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
