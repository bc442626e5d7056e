import { encode } from "fast-png";
import type { Grey } from "./mrc.ts";

/** Part of the pixels that may be cut off at each end of the scale. */
const CUT = 0.005;
/** Steps of the histogram the ends are found with. */
const BINS = 4096;
const TURNS_MAX = 6;

/** Grey values as a PNG of 8 bits: the darkest and brightest half per cent are cut, a flat picture is mid grey. */
export function pngOf(
  { width, height, values }: Pick<Grey, "width" | "height" | "values">,
): Uint8Array {
  const [low, high] = limitsOf(values);
  const scale = high > low ? 255 / (high - low) : 0;
  const data = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    // What is no number is shown black, as a dead pixel is.
    data[i] = Number.isNaN(value)
      ? 0
      : scale === 0
      ? 128
      : Math.max(0, Math.min(255, Math.round((value - low) * scale)));
  }
  return encode({ width, height, data, channels: 1, depth: 8 });
}

/** Between which values all but `CUT` of the pixels lie at each end. */
export function limitsOf(values: Float32Array): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(high > low)) return [low, low];
  // One hot pixel can put all others into a single step: then the steps are made finer around them.
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    const { first, last, perValue } = quantiles(values, low, high);
    [low, high] = [low + first / perValue, low + (last + 1) / perValue];
    if (last - first > BINS / 16) break;
  }
  return [low, high];
}

/** In which steps between `low` and `high` the cut ends lie; values outside count at the ends. */
function quantiles(values: Float32Array, low: number, high: number) {
  const counts = new Uint32Array(BINS);
  const perValue = (BINS - 1) / (high - low);
  let counted = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    counts[Math.max(0, Math.min(BINS - 1, Math.floor((value - low) * perValue)))]!++;
    counted++;
  }
  const cut = counted * CUT;
  return { first: edge(counts, cut), last: BINS - 1 - edge(counts.toReversed(), cut), perValue };
}

function edge(counts: Uint32Array, cut: number): number {
  let sum = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    sum += counts[bin]!;
    if (sum > cut) return bin;
  }
  return 0;
}
