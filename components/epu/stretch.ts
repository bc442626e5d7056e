import type { Grey } from "./fft.ts";

/** Luminance of a canvas' pixels, row by row. */
export function greyOf(
  { width, height, data }: { width: number; height: number; data: Uint8ClampedArray },
): Grey {
  const values = new Float64Array(width * height);
  for (let i = 0; i < values.length; i++) {
    values[i] = 0.299 * data[4 * i]! + 0.587 * data[4 * i + 1]! + 0.114 * data[4 * i + 2]!;
  }
  return { width, height, values };
}

/** Of a spectrum, and most of a picture: it has one for each of its grey levels. */
export const BINS = 256;

export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly counts: readonly number[];
}

/** `bins` is by default one for each whole step between the values, 256 at most. */
export function histogramOf({ values }: Grey, bins?: number): Histogram {
  let min = Infinity;
  let max = -Infinity;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (values.length === 0) return { min: 0, max: 1, counts: [] };
  const size = bins ?? Math.min(BINS, Math.round(max - min) + 1);
  const counts = new Array<number>(size).fill(0);
  const scale = max > min ? size / (max - min) : 0;
  for (const value of values) counts[Math.min(size - 1, Math.floor((value - min) * scale))]!++;
  return { min, max, counts };
}

/** Share of the darkest and of the brightest pixels that a stretch gives up. */
const CUT = 0.005;

/** Black and white points that leave out the few darkest and brightest pixels. */
export function autoRange({ min, max, counts }: Histogram, cut = CUT): readonly [number, number] {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const at = (from: readonly number[]) => {
    let sum = 0;
    const i = from.findIndex((count) => (sum += count) > all * cut);
    return Math.max(0, i);
  };
  const step = (max - min) / counts.length;
  const low = min + at(counts) * step;
  const high = max - at(counts.toReversed()) * step;
  return high > low ? [low, high] : [min, max];
}

/** Grey as a canvas takes it, black at `low` and white at `high`; a flat picture is mid grey. */
export function stretched(
  { values }: Grey,
  low: number,
  high: number,
): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(values.length * 4);
  const scale = high > low ? 255 / (high - low) : 0;
  for (let i = 0; i < values.length; i++) {
    const level = scale === 0 ? 128 : (values[i]! - low) * scale;
    pixels[4 * i] = pixels[4 * i + 1] = pixels[4 * i + 2] = level;
    pixels[4 * i + 3] = 255;
  }
  return pixels;
}

/** A histogram's outline in a box of `width` by `height`, its roots so that tails are seen. */
export function outlineOf({ counts }: Histogram, width: number, height: number): string {
  const most = Math.sqrt(Math.max(1, ...counts));
  const step = width / Math.max(1, counts.length);
  const points = counts.map((count, i) => {
    const y = height - (Math.sqrt(count) / most) * height;
    return `V${y.toFixed(1)}H${((i + 1) * step).toFixed(1)}`;
  });
  return `M0 ${height}${points.join("")}V${height}z`;
}
