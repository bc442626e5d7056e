/** Fourier transform of a picture, for its power spectrum; pure, and small enough to read. */

/**
 * In place, radix 2, decimation in time: `re` and `im` of the same length, a power of two.
 *
 * @throws {RangeError} for any other length.
 * Source: Cooley and Tukey, "An algorithm for the machine calculation of complex Fourier series", 1965.
 */
export function fft(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  if (n === 0 || (n & (n - 1)) !== 0 || im.length !== n) {
    throw new RangeError(`Cannot transform ${n} and ${im.length} values: not a power of two`);
  }
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j]!, re[i]!];
      [im[i], im[j]] = [im[j]!, im[i]!];
    }
  }
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    const step = (-2 * Math.PI) / size;
    for (let k = 0; k < half; k++) {
      const wr = Math.cos(step * k);
      const wi = Math.sin(step * k);
      for (let i = k; i < n; i += size) {
        const j = i + half;
        const r = re[j]! * wr - im[j]! * wi;
        const m = re[j]! * wi + im[j]! * wr;
        re[j] = re[i]! - r;
        im[j] = im[i]! - m;
        re[i] = re[i]! + r;
        im[i] = im[i]! + m;
      }
    }
  }
}

/** A picture in grey, row by row. */
export interface Grey {
  readonly width: number;
  readonly height: number;
  /** 0 to 255 for a picture; any numbers for a spectrum. */
  readonly values: Float64Array;
}

/** Largest side that is transformed: a second's work for a slow browser. */
const SIDE_MAX = 1024;

/** Side of the square that a picture is transformed in. */
export function spectrumSide({ width, height }: Pick<Grey, "width" | "height">): number {
  let side = 2;
  while (side < Math.max(width, height) && side < SIDE_MAX) side *= 2;
  return side;
}

/**
 * Logarithm of the power spectrum, zero frequency in the middle: a square whose side is a power of two, whose
 * edge is the picture's own Nyquist frequency in both directions. The picture's mean is taken off and its edges
 * are faded, so that they draw no cross.
 */
export function powerSpectrum(grey: Grey): Grey {
  const { width, height, values } = grey;
  const side = spectrumSide(grey);
  const w = Math.min(width, side);
  const h = Math.min(height, side);
  const left = (width - w) >> 1;
  const top = (height - h) >> 1;
  let mean = 0;
  for (const value of values) mean += value / values.length;
  const re = new Float64Array(side * side);
  const im = new Float64Array(side * side);
  for (let y = 0; y < h; y++) {
    const fadeY = hann(y, h);
    for (let x = 0; x < w; x++) {
      re[y * side + x] = (values[(y + top) * width + x + left]! - mean) * fadeY * hann(x, w);
    }
  }
  for (let y = 0; y < side; y++) {
    fft(re.subarray(y * side, (y + 1) * side), im.subarray(y * side, (y + 1) * side));
  }
  const columnRe = new Float64Array(side);
  const columnIm = new Float64Array(side);
  const power = new Float64Array(side * side);
  const half = side / 2;
  for (let x = 0; x < side; x++) {
    for (let y = 0; y < side; y++) {
      columnRe[y] = re[y * side + x]!;
      columnIm[y] = im[y * side + x]!;
    }
    fft(columnRe, columnIm);
    const toX = (x + half) % side;
    for (let y = 0; y < side; y++) {
      power[((y + half) % side) * side + toX] = Math.log1p(columnRe[y]! ** 2 + columnIm[y]! ** 2);
    }
  }
  return { width: side, height: side, values: power };
}

/** Each pixel the mean of two by two: a spectrum is noise, and its rings show in the mean. */
export function halved({ width, height, values }: Grey): Grey {
  const w = width >> 1;
  const h = height >> 1;
  const mean = new Float64Array(w * h);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const i = 2 * y * width + 2 * x;
      mean[y * w + x] =
        (values[i]! + values[i + 1]! + values[i + width]! + values[i + width + 1]!) / 4;
    }
  }
  return { width: w, height: h, values: mean };
}

function hann(i: number, n: number): number {
  return n < 2 ? 1 : 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (n - 1));
}
