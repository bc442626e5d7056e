import { safePath } from "./paths.ts";

const FILES_MAX = 2_000_000;

/**
 * The files of a listing: what `tree` prints, or one path a line as `find` and `dir /b /s` do. Relative,
 * with forward slashes, in the listing's order; folders are left out as far as the listing tells.
 *
 * @throws {UnsafePath} for a path that is absolute or climbs; {RangeError} for a listing without any file.
 */
export function readListing(text: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  const paths = lines.some((line) => /^[│|\s]*[├└`|]/.test(line))
    ? treeFiles(lines)
    : plainFiles(lines);
  if (paths.length === 0) throw new RangeError("The listing names no file");
  if (paths.length > FILES_MAX) {
    throw new RangeError(`The listing names ${paths.length} files, more than ${FILES_MAX}`);
  }
  return paths.map(safePath);
}

/** Each level is four columns wide: `│   ├── name`. */
function treeFiles(lines: readonly string[]): string[] {
  const entries: { depth: number; name: string }[] = [];
  for (const line of lines) {
    const match = /^((?:[│|\u00a0 ]{4})*)[├└`|]──\s(.*)$|^((?:[| ] {3})*)[|`]--\s(.*)$/.exec(
      line.replaceAll("\u00a0", " "),
    );
    if (match === null) continue;
    const indent = match[1] ?? match[3] ?? "";
    const name = (match[2] ?? match[4] ?? "").replace(/ -> .*$/, "").replace(/^"(.*)"$/, "$1");
    entries.push({ depth: indent.length / 4, name: name.trim() });
  }
  const folders: string[] = [];
  const files: string[] = [];
  for (const [i, { depth, name }] of entries.entries()) {
    folders.length = depth;
    const next = entries[i + 1];
    const isFolder = name.endsWith("/") || (next !== undefined && next.depth > depth);
    const bare = name.replace(/\/$/, "");
    if (isFolder) folders[depth] = bare;
    else if (/\.[A-Za-z0-9]+$/.test(bare)) files.push([...folders, bare].join("/"));
  }
  return files;
}

function plainFiles(lines: readonly string[]): string[] {
  const paths = lines.map((line) => line.trim().replaceAll("\\", "/").replace(/^(\.\/)+/, ""));
  const folders = new Set(
    paths.flatMap((path) => {
      const parts = path.split("/");
      return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
    }),
  );
  const known = new Set(paths.map((path) => path.replace(/\/$/, "")));
  const common = commonFolder(paths);
  return paths.filter((path) =>
    !path.endsWith("/") && path !== "." && !(folders.has(path) && known.has(path))
  ).map((path) => path.slice(common.length));
}

/** An absolute listing is taken from the deepest folder that all paths share. */
function commonFolder(paths: readonly string[]): string {
  const [first = ""] = paths;
  if (!first.startsWith("/") && !/^[A-Za-z]:\//.test(first)) return "";
  let common = first.slice(0, first.lastIndexOf("/") + 1);
  for (const path of paths) {
    while (!path.startsWith(common)) {
      common = common.slice(0, common.lastIndexOf("/", common.length - 2) + 1);
    }
  }
  return common;
}
