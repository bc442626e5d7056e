import { basename, join, sep } from "node:path";
import { accept, refuse, type Result } from "../../result.ts";
import { readMrc } from "./mrc.ts";
import { pngOf } from "./render.ts";

export { mrcPart, type Part } from "./part.ts";

/** A picture as browsers take it. */
export interface Picture {
  readonly body: Uint8Array;
  readonly type: "image/jpeg" | "image/png";
  /** Changes with the file. */
  readonly etag: string;
}

export type PictureRefusal = {
  readonly kind: "absent" | "outside" | "unreadable";
  readonly text: string;
};

/** Longest side of a picture made from raw data, and largest file taken as it is. */
const SIDE_MAX = 1024;
const FILE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * The picture at `path` below `dir`: a JPEG or PNG as it is, an MRC reduced and stretched. What a link leads
 * out of `dir` is refused.
 */
export async function pictureAt(
  dir: string,
  path: string,
): Promise<Result<Picture, PictureRefusal>> {
  const found = await realFile(dir, path);
  if (!found.ok) return found;
  const { real, size, mtimeMs } = found.value;
  const etag = `"${mtimeMs.toString(36)}-${size.toString(36)}"`;
  try {
    if (/\.(jpe?g|png)$/i.test(path)) {
      if (size > FILE_BYTES_MAX) {
        return refuse({ kind: "unreadable", text: `"${basename(path)}" has ${size} bytes` });
      }
      const type = /\.png$/i.test(path) ? "image/png" : "image/jpeg";
      return accept({ body: await Deno.readFile(real), type, etag });
    }
    if (!/\.mrc$/i.test(path)) {
      return refuse({ kind: "unreadable", text: `"${basename(path)}" is no JPEG, PNG or MRC` });
    }
    using file = await Deno.open(real);
    const grey = await readMrc(file, SIDE_MAX);
    return grey.ok
      ? accept({ body: pngOf(grey.value), type: "image/png", etag })
      : refuse({ kind: "unreadable", text: `"${basename(path)}": ${grey.refusal.text}` });
  } catch (error) {
    return refuse({
      kind: "unreadable",
      text: `"${basename(path)}" cannot be read: ${error instanceof Error ? error.message : error}`,
    });
  }
}

/** The first of `paths` that there is. */
export async function firstPicture(
  dir: string,
  paths: readonly string[],
): Promise<Result<Picture, PictureRefusal>> {
  let last: PictureRefusal = { kind: "absent", text: "there is no picture of it" };
  for (const path of paths) {
    const found = await pictureAt(dir, path);
    if (found.ok) return found;
    // A picture that is there and cannot be read says more than one that is not.
    if (last.kind === "absent") last = found.refusal;
  }
  return refuse(last);
}

/** Where the picture of an image may be: the path itself, or beside its xml under the same stem. */
export function picturesOf(path: string | null): string[] {
  if (path === null) return [];
  if (/\.(jpe?g|png|mrc)$/i.test(path)) return [path];
  const stem = path.replace(/\.[A-Za-z]+$/, "");
  return [".jpg", ".png", ".mrc"].map((ending) => stem + ending);
}

/** Whether there is a picture for any of `paths`, without reading it. */
export async function isPictureThere(
  dir: string | null,
  paths: readonly (string | null)[],
): Promise<boolean> {
  if (dir === null) return false;
  for (const path of paths.flatMap(picturesOf)) {
    if ((await realFile(dir, path)).ok) return true;
  }
  return false;
}

/** A file below `dir`, wherever links lead, as long as that is below `dir` too. */
export async function realFile(
  dir: string,
  path: string,
): Promise<Result<{ real: string; size: number; mtimeMs: number }, PictureRefusal>> {
  try {
    const [root, real] = await Promise.all([Deno.realPath(dir), Deno.realPath(join(dir, path))]);
    if (!real.startsWith(root.endsWith(sep) ? root : root + sep)) {
      return refuse({ kind: "outside", text: "it lies outside the watched folder" });
    }
    const { isFile, size, mtime } = await Deno.stat(real);
    if (!isFile) return refuse({ kind: "absent", text: `"${basename(path)}" is no file` });
    return accept({ real, size, mtimeMs: mtime?.getTime() ?? 0 });
  } catch {
    return refuse({ kind: "absent", text: `"${basename(path)}" is not there` });
  }
}
