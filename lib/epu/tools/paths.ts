/** A path from outside that would leave the folder it belongs to. */
export class UnsafePath extends Error {
  override readonly name = "UnsafePath";
}

const PATH_LENGTH_MAX = 1024;

/**
 * A relative path with forward slashes, as given or written with backslashes, that stays below its folder on
 * every operating system.
 *
 * @throws {UnsafePath}
 */
export function safePath(given: string): string {
  const path = given.replaceAll("\\", "/");
  const why = whyUnsafe(path);
  if (why !== null) throw new UnsafePath(`Refusing the path ${JSON.stringify(given)}: ${why}`);
  return path;
}

function whyUnsafe(path: string): string | null {
  if (path === "") return "it is empty";
  if (path.length > PATH_LENGTH_MAX) return `it is longer than ${PATH_LENGTH_MAX} characters`;
  if (path.startsWith("/")) return "it is absolute";
  // Windows: "C:x" is relative to another drive, "name:stream" is no file of its own.
  if (path.includes(":")) return "it has a colon";
  // deno-lint-ignore no-control-regex
  if (/[\u0000-\u001f]/.test(path)) return "it has a control character";
  const parts = path.split("/");
  if (parts.includes("..")) return 'it has ".."';
  if (parts.includes("") || parts.includes(".")) return 'it has an empty part or "."';
  return null;
}
