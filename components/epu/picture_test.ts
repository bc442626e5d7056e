import assert from "node:assert/strict";
import { fft, halved, powerSpectrum, spectrumSide } from "./fft.ts";
import { autoRange, greyOf, histogramOf, outlineOf, stretched } from "./stretch.ts";

Deno.test("a transform is the sum of its definition", () => {
  const n = 16;
  const re = Float64Array.from({ length: n }, (_, i) => Math.sin(i * i) + i / 7);
  const im = Float64Array.from({ length: n }, (_, i) => Math.cos(3 * i));
  const slow = Array.from({ length: n }, (_, k) => {
    let sumRe = 0;
    let sumIm = 0;
    for (let i = 0; i < n; i++) {
      const angle = (-2 * Math.PI * i * k) / n;
      sumRe += re[i]! * Math.cos(angle) - im[i]! * Math.sin(angle);
      sumIm += re[i]! * Math.sin(angle) + im[i]! * Math.cos(angle);
    }
    return [sumRe, sumIm] as const;
  });
  fft(re, im);
  for (const [k, [a, b]] of slow.entries()) {
    assert.ok(Math.abs(re[k]! - a) < 1e-9 && Math.abs(im[k]! - b) < 1e-9, `at ${k}`);
  }
});

Deno.test("a transform of another length than a power of two is refused", () => {
  assert.throws(() => fft(new Float64Array(6), new Float64Array(6)), RangeError);
  assert.throws(() => fft(new Float64Array(8), new Float64Array(4)), RangeError);
  assert.throws(() => fft(new Float64Array(0), new Float64Array(0)), RangeError);
});

Deno.test("a wave of eight pixels shows as two points at an eighth of the sampling frequency", () => {
  const width = 64;
  const height = 48;
  const values = Float64Array.from(
    { length: width * height },
    (_, i) => 100 + 50 * Math.cos((2 * Math.PI * (i % width)) / 8),
  );
  const power = powerSpectrum({ width, height, values });
  assert.equal(power.width, 64);
  const most = power.values.indexOf(Math.max(...power.values));
  const x = most % 64;
  const y = Math.floor(most / 64);
  assert.equal(y, 32);
  assert.equal(Math.abs(x - 32), 8);
  // The mean is taken off: nothing stands in the middle.
  assert.ok(power.values[32 * 64 + 32]! < power.values[most]! / 2);
});

Deno.test("pictures are transformed in the next power of two, no larger than 1024", () => {
  assert.equal(spectrumSide({ width: 512, height: 364 }), 512);
  assert.equal(spectrumSide({ width: 513, height: 10 }), 1024);
  assert.equal(spectrumSide({ width: 4000, height: 4000 }), 1024);
});

Deno.test("a half is the mean of two by two", () => {
  const { width, height, values } = halved({
    width: 4,
    height: 2,
    values: Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  });
  assert.deepEqual([width, height, [...values]], [2, 1, [3.5, 5.5]]);
});

Deno.test("the automatic range leaves the few brightest out, and a flat picture is mid grey", () => {
  const values = Float64Array.from({ length: 10_000 }, (_, i) => 100 + (i % 50));
  values[0] = 255;
  const grey = { width: 100, height: 100, values };
  const histogram = histogramOf(grey);
  assert.equal(histogram.counts.length, 156);
  const [low, high] = autoRange(histogram);
  assert.ok(low >= 100 && low < 103 && high > 145 && high < 155, `${low} to ${high}`);
  const flat = { width: 2, height: 1, values: Float64Array.of(7, 7) };
  const [from, to] = autoRange(histogramOf(flat));
  assert.deepEqual([...stretched(flat, from, to)], [128, 128, 128, 255, 128, 128, 128, 255]);
});

Deno.test("a stretch is black at its lower point, white at its upper, and keeps within them", () => {
  const grey = { width: 4, height: 1, values: Float64Array.of(0, 50, 110, 200) };
  const pixels = stretched(grey, 50, 150);
  assert.deepEqual([0, 1, 2, 3].map((i) => pixels[4 * i]), [0, 0, 153, 255]);
});

Deno.test("grey is the luminance of a canvas, and its outline is closed", () => {
  const data = Uint8ClampedArray.of(255, 255, 255, 255, 0, 0, 0, 255);
  const grey = greyOf({ width: 2, height: 1, data });
  assert.deepEqual([...grey.values].map(Math.round), [255, 0]);
  assert.match(outlineOf(histogramOf(grey), 100, 20), /^M0 20V.*V20z$/);
});
