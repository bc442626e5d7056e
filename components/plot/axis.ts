import { formatNumber, formatTime } from "../format.ts";

/** Round values and times for axes, the same for the drawn chart and its picture. Pure. */

/** A value axis: where it begins and ends, and its lines. */
export interface ValueAxis {
  readonly min: number;
  readonly max: number;
  readonly ticks: number[];
  /** Decimals its labels need. */
  readonly decimals: number;
}

/** What an axis has to know of the channels on it. */
interface AxisChannel {
  readonly decimals: number;
  readonly min?: number;
  readonly max?: number;
  /** What people want the axis to span at least. */
  readonly axis?: { readonly min?: number | undefined; readonly max?: number | undefined };
}

/** Steps of the display that an axis spans at least: noise in the last digit stays small. */
const STEPS_SHOWN_MIN = 100;
const AIR = 0.06;
/** Part of a step that is taken for the error of dividing by it. */
const SLACK = 1e-9;

/**
 * A round axis over `extent`, at least a hundred steps of the last shown digit long, so that a steady
 * value is a steady line; it does not reach beyond what the channels can read. Where people chose an end it
 * is there, and beyond it only where a value lies: none is ever cut off.
 */
export function valueAxis(
  extent: readonly [number, number] | null,
  channels: readonly AxisChannel[],
  intervalsMost: number,
): ValueAxis {
  const spanMin = Math.max(...channels.map(({ decimals }) => STEPS_SHOWN_MIN * 10 ** -decimals));
  const floor = Math.min(...channels.map(({ min }) => min ?? -Infinity));
  const ceiling = Math.max(...channels.map(({ max }) => max ?? Infinity));
  const chosenMin = Math.min(...channels.map(({ axis }) => axis?.min ?? Infinity));
  const chosenMax = Math.max(...channels.map(({ axis }) => axis?.max ?? -Infinity));
  const [low, high] = extent ?? restingExtent(
    Math.max(floor, Number.isFinite(chosenMin) ? chosenMin : floor),
    Math.min(ceiling, Number.isFinite(chosenMax) ? chosenMax : ceiling),
  );
  const span = Math.max(spanMin, (high - low) * (1 + 2 * AIR));
  let from = (low + high - span) / 2;
  let to = from + span;
  if (from < floor && low >= floor) [from, to] = [floor, Math.max(floor + span, high)];
  if (to > ceiling && high <= ceiling) {
    [from, to] = [Math.max(floor, Math.min(ceiling - span, low)), ceiling];
  }
  if (low >= chosenMin) from = chosenMin;
  if (high <= chosenMax) to = chosenMax;
  if (to <= from) to = from + spanMin;
  // A range with zero inside it has two stretches at least, however wide they are.
  const most = Math.max(2, intervalsMost);
  let step = roundStep((to - from) / Math.max(1, intervalsMost));
  // Rounding outwards may have added a line at each end.
  while (intervalsIn(from, to, step) > most) step = roundStep(step * 1.5);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks: number[] = [];
  const first = Math.floor(from / step + SLACK);
  const last = Math.ceil(to / step - SLACK);
  for (let n = first; n <= Math.max(last, first + 1); n++) {
    ticks.push(Number((n * step).toFixed(digits)));
  }
  // A chosen end is where it was chosen, round or not; lines stand between.
  const min = from === chosenMin ? from : ticks[0]!;
  const max = to === chosenMax ? to : ticks.at(-1)!;
  const slack = step * SLACK;
  const inside = ticks.filter((tick) => tick >= min - slack && tick <= max + slack);
  return inside.length >= 2
    ? { min, max, ticks: inside, decimals: digits }
    : { min, max, ticks: [min, max], decimals: Math.max(...channels.map((one) => one.decimals)) };
}

function restingExtent(floor: number, ceiling: number): [number, number] {
  const rest = Math.min(Math.max(0, floor), ceiling);
  return [rest, rest];
}

function intervalsIn(from: number, to: number, step: number): number {
  return Math.ceil(to / step - SLACK) - Math.floor(from / step + SLACK);
}

/** 1, 2 or 5 times a power of ten, not below `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= least * (1 - 1e-9))!;
  return step * power;
}

const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;
const STEPS_MS = [
  ...[S, 2 * S, 5 * S, 10 * S, 15 * S, 30 * S],
  ...[MIN, 2 * MIN, 5 * MIN, 10 * MIN, 15 * MIN, 30 * MIN],
  ...[H, 2 * H, 3 * H, 6 * H, 12 * H],
  ...[D, 2 * D, 7 * D, 14 * D, 28 * D],
];

/** At most `most` + 1 round times in the range, on the wall clock of a zone `aheadMs` ahead of UTC. */
export function timeTicks(fromMs: number, toMs: number, most: number, aheadMs: number): number[] {
  const span = Math.max(1, toMs - fromMs);
  const stepMs = STEPS_MS.find((step) => span / step <= most) ?? Math.ceil(span / most / D) * D;
  const ticks: number[] = [];
  for (
    let at = Math.ceil((fromMs + aheadMs) / stepMs) * stepMs - aheadMs;
    at <= toMs;
    at += stepMs
  ) ticks.push(at);
  return ticks;
}

/** What stands under a tick: as short as the range allows. `zone` `null`: time since the start of a run. */
export function tickText(atMs: number, spanMs: number, zone: string | null): string {
  if (zone === null) return sinceText(atMs, spanMs);
  if (spanMs > 2 * D) return formatTime(atMs, "stamp", zone).replace(/ \d\d:\d\d:\d\d$/, "");
  return formatTime(atMs, spanMs > 10 * MIN ? "minute" : "clock", zone);
}

function sinceText(ms: number, spanMs: number): string {
  if (spanMs <= 5 * MIN) return `${formatNumber(ms / S, 0)} s`;
  if (spanMs <= 5 * H) return `${trimmed(ms / MIN)} min`;
  if (spanMs <= 4 * D) return `${trimmed(ms / H)} h`;
  return `${trimmed(ms / D)} d`;
}

function trimmed(value: number): string {
  return formatNumber(value, 1).replace(/\.0$/, "");
}
