import type { Atlas, Visit } from "./facts.ts";
import { PREVIEW, READOUT } from "./facts.ts";
import { encodeGreyJpeg } from "./jpeg.ts";
import { Seeded } from "./seeded.ts";

/**
 * Previews that look like what they stand for: a grid with its squares, a square with its holes, a hole in
 * its carbon, particles in ice. Made up, and the same for the same seed.
 */

const { width: WIDTH, height: HEIGHT } = PREVIEW;
const NOISE_QUALITY = 45;

/** A float for each pixel, row-major; noise of about `sd` is laid over it when it is developed. */
class Canvas {
  readonly values: Float32Array;
  constructor(readonly width: number, readonly height: number, fill: number) {
    this.values = new Float32Array(width * height).fill(fill);
  }
  /** Adds `value(distance / radius)` to every pixel closer than `radius`. */
  disc(x: number, y: number, radius: number, value: (share: number) => number): void {
    const top = Math.max(0, Math.ceil(y - radius));
    const bottom = Math.min(this.height - 1, Math.floor(y + radius));
    const left = Math.max(0, Math.ceil(x - radius));
    const right = Math.min(this.width - 1, Math.floor(x + radius));
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        const share = Math.hypot(row - y, column - x) / radius;
        if (share < 1) this.values[row * this.width + column]! += value(share);
      }
    }
  }
  /** Sets every pixel of a turned rectangle. */
  box(x: number, y: number, width: number, height: number, angleRad: number, value: number): void {
    const reach = Math.hypot(width, height) / 2;
    const cos = Math.cos(angleRad);
    const sin = Math.sin(angleRad);
    for (
      let row = Math.max(0, Math.ceil(y - reach));
      row <= Math.min(this.height - 1, y + reach);
      row++
    ) {
      for (
        let column = Math.max(0, Math.ceil(x - reach));
        column <= Math.min(this.width - 1, x + reach);
        column++
      ) {
        const along = (column - x) * cos + (row - y) * sin;
        const across = (row - y) * cos - (column - x) * sin;
        if (Math.abs(along) <= width / 2 && Math.abs(across) <= height / 2) {
          this.values[row * this.width + column] = value;
        }
      }
    }
  }
  develop(random: Seeded, sd: number, quality = NOISE_QUALITY): Uint8Array {
    const grey = new Uint8ClampedArray(this.values.length);
    // The difference of two bytes: a tent, its standard deviation 104.
    const scale = sd / 104;
    for (let i = 0; i < grey.length; i += 2) {
      const bits = random.bits();
      grey[i] = this.values[i]! + ((bits & 255) - ((bits >>> 8) & 255)) * scale;
      if (i + 1 < grey.length) {
        grey[i + 1] = this.values[i + 1]! + (((bits >>> 16) & 255) - (bits >>> 24)) * scale;
      }
    }
    return encodeGreyJpeg(grey, this.width, this.height, quality);
  }
}

/** Particles in ice; the further from focus, the darker. `intensity`: of the hole, about 700. */
export function micrographPicture(
  seed: string,
  stem: string,
  { defocusM, intensity }: { defocusM: number; intensity: number },
): Uint8Array {
  const random = new Seeded(seed, "micrograph picture", stem);
  const canvas = new Canvas(WIDTH, HEIGHT, 120);
  const slope = random.between(-0.04, 0.04);
  for (let i = 0; i < canvas.values.length; i++) {
    canvas.values[i]! += slope * (i % WIDTH - WIDTH / 2);
  }
  const contrast = 14 + Math.abs(defocusM) * 1.1e7;
  // Thick ice is dark and crowded, thin ice pushes particles out.
  const count = Math.max(
    8,
    Math.round(220 - Math.abs(intensity - 680) * 0.9 + 20 * random.normal()),
  );
  for (let i = 0; i < count; i++) {
    const depth = contrast * random.between(0.7, 1.1);
    canvas.disc(
      random.between(0, WIDTH),
      random.between(0, HEIGHT),
      random.between(6, 8.5),
      (share) => share < 0.72 ? -depth * (0.6 + 0.4 * share) : depth * 0.3,
    );
  }
  if (random.chance(0.15)) {
    const radius = random.between(15, 45);
    canvas.disc(
      random.between(0, WIDTH),
      random.between(0, HEIGHT),
      radius,
      (s) => s < 0.9 ? -70 : 25,
    );
  }
  return canvas.develop(random, 26);
}

/** One hole, brighter than the film around it. `centerPx`, `sizePx` in pixels of the readout. */
export function holePicture(
  seed: string,
  stem: string,
  found: { centerPx: { x: number; y: number }; sizePx: number },
): Uint8Array {
  const random = new Seeded(seed, "hole picture", stem);
  const canvas = new Canvas(WIDTH, HEIGHT, 70);
  const scale = WIDTH / READOUT.width;
  canvas.disc(
    found.centerPx.x * scale,
    found.centerPx.y * scale,
    found.sizePx * scale / 2,
    (share) => share < 0.96 ? 110 + 18 * share : 40,
  );
  return canvas.develop(random, 12);
}

/** A grid square with all its holes, each as bright as its intensity says. */
export function squarePicture(seed: string, stem: string, visit: Visit, rotationRad: number) {
  const random = new Seeded(seed, "square picture", stem);
  const scale = WIDTH / READOUT.width;
  const canvas = new Canvas(WIDTH, HEIGHT, 18);
  const side = (Math.ceil(Math.sqrt(visit.holes.length)) + 0.4) * visit.spacingPx * scale;
  canvas.box(WIDTH / 2, HEIGHT / 2, side, side, rotationRad, 95);
  for (const { centerPx, intensityMean } of visit.holes) {
    const bright = Math.min(150, Math.max(10, (intensityMean - 420) * 0.33));
    const radius = Math.max(1.5, visit.diameterPx * scale / 2);
    canvas.disc(centerPx.x * scale, centerPx.y * scale, radius, () => bright);
  }
  return canvas.develop(random, 7, 70);
}

/** Pixels of an atlas for each of its picture. */
export const ATLAS_REDUCTION = 4;

/** The whole grid, its tiles joined; `ATLAS_REDUCTION` times smaller than the atlas. */
export function atlasPicture(atlas: Atlas): Uint8Array {
  return atlasCanvas(atlas).develop(new Seeded(atlas.seed, "atlas picture"), 6, 70);
}

export function tilePictures(atlas: Atlas): (index: number) => Uint8Array {
  const whole = atlasCanvas(atlas);
  return (index) => {
    const tile = atlas.tiles[index]!;
    const part = new Canvas(
      Math.floor(tile.width / ATLAS_REDUCTION),
      Math.floor(tile.height / ATLAS_REDUCTION),
      0,
    );
    const left = Math.floor(tile.x / ATLAS_REDUCTION);
    const top = Math.floor(tile.y / ATLAS_REDUCTION);
    for (let row = 0; row < part.height; row++) {
      const from = (top + row) * whole.width + left;
      part.values.set(whole.values.subarray(from, from + part.width), row * part.width);
    }
    return part.develop(new Seeded(atlas.seed, "tile picture", tile.id), 6, 70);
  };
}

function atlasCanvas(atlas: Atlas): Canvas {
  const edge = (end: number) => Math.ceil(end / ATLAS_REDUCTION);
  const canvas = new Canvas(
    edge(Math.max(1, ...atlas.tiles.map(({ x, width }) => x + width))),
    edge(Math.max(1, ...atlas.tiles.map(({ y, height }) => y + height))),
    16,
  );
  for (const { squareId, centerPx, sizePx, rotationRad, category } of atlas.nodes) {
    const random = new Seeded(atlas.seed, "square on atlas", squareId);
    // Category 0 is the emptiest; nil is broken or covered.
    const bright = category === null ? 38 : 215 - 30 * category;
    canvas.box(
      centerPx.x / ATLAS_REDUCTION,
      centerPx.y / ATLAS_REDUCTION,
      sizePx.x / ATLAS_REDUCTION,
      sizePx.y / ATLAS_REDUCTION,
      rotationRad,
      bright + random.between(-12, 12),
    );
  }
  return canvas;
}
