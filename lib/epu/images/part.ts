import { accept, refuse, type Result } from "../../result.ts";
import { type Picture, type PictureRefusal, realFile } from "./mod.ts";
import { type Grey, readMrc } from "./mrc.ts";
import { pngOf } from "./render.ts";

/** A part of a picture, in its own pixels, around (`x`, `y`), counted from the first row of the file. */
export interface Part {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Largest picture cut at full resolution; a larger one is reduced before. */
const SIDE_MAX = 8192;
/** Longest side of what is given. */
const GIVEN_MAX = 2048;
const KEPT_MAX = 8;

const kept = new Map<string, Picture>();
/** A picture at full resolution takes a lot of memory: one at a time. */
let last: Promise<unknown> = Promise.resolve();

/**
 * An MRC, or what of `part` lies within it, as a PNG whose first row is the file's first. The format counts
 * rows from below; those who place things on EPU's pictures by pixel count them as they stand in the file.
 */
export async function mrcPart(
  dir: string,
  path: string,
  part: Part | null,
): Promise<Result<Picture, PictureRefusal>> {
  const found = await realFile(dir, path);
  if (!found.ok) return found;
  const { real, size, mtimeMs } = found.value;
  const cut = part === null ? "" : [part.x, part.y, part.width, part.height].join("_");
  const etag = `"${mtimeMs.toString(36)}-${size.toString(36)}-${cut}"`;
  const key = `${real} ${etag}`;
  const ready = kept.get(key);
  if (ready !== undefined) return accept(ready);
  const made = last.then(() => make(real, part, etag));
  last = made.catch(() => {});
  const picture = await made;
  if (picture.ok) {
    kept.set(key, picture.value);
    for (const old of kept.keys()) {
      if (kept.size <= KEPT_MAX) break;
      kept.delete(old);
    }
  }
  return picture;
}

async function make(
  real: string,
  part: Part | null,
  etag: string,
): Promise<Result<Picture, PictureRefusal>> {
  try {
    using file = await Deno.open(real);
    const grey = await readMrc(file, part === null ? GIVEN_MAX : SIDE_MAX);
    if (!grey.ok) return refuse({ kind: "unreadable", text: grey.refusal.text });
    const region = cutOf(grey.value, part);
    if (region === null) {
      return refuse({ kind: "outside", text: "the part lies outside the picture" });
    }
    return accept({ body: pngOf(region), type: "image/png", etag });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return refuse({ kind: "unreadable", text: `it cannot be read: ${text}` });
  }
}

/** `null`: nothing of it is within the picture. */
function cutOf(
  { width, height, values }: Grey,
  part: Part | null,
): Pick<Grey, "width" | "height" | "values"> | null {
  const [left, right] = part === null ? [0, width] : within(part.x, part.width, width);
  const [top, bottom] = part === null ? [0, height] : within(part.y, part.height, height);
  if (right <= left || bottom <= top) return null;
  const step = Math.max(1, Math.ceil(Math.max(right - left, bottom - top) / GIVEN_MAX));
  const cut = {
    width: Math.ceil((right - left) / step),
    height: Math.ceil((bottom - top) / step),
  };
  const picked = new Float32Array(cut.width * cut.height);
  for (let y = 0; y < cut.height; y++) {
    // `values` has the file's last row first.
    const row = height - 1 - (top + y * step);
    for (let x = 0; x < cut.width; x++) {
      picked[y * cut.width + x] = values[row * width + left + x * step]!;
    }
  }
  return { ...cut, values: picked };
}

function within(center: number, size: number, most: number): [number, number] {
  const from = center - Math.floor(size / 2);
  return [Math.max(0, Math.min(most, from)), Math.max(0, Math.min(most, from + size))];
}
