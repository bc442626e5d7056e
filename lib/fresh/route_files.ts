/**
 * What the name of a file below `routes/` means. Patterns are written as in Fresh: `/devices/:id`,
 * `/old/:path*`, `/docs/:version?`.
 */
export type RouteFileKind = "app" | "layout" | "middleware" | "error" | "not-found" | "route";

export interface RouteFile {
  /** Below `routes/`, with `/` and extension: `devices/[id].tsx`. */
  readonly path: string;
  readonly kind: RouteFileKind;
  /** Folders as scopes of layouts and middleware, groups kept: `["devices", ":id", "(tabs)"]`. */
  readonly scope: readonly string[];
  /** The path it answers; only routes have one. */
  readonly pattern: string | null;
}

const SPECIAL: Record<string, RouteFileKind> = {
  _app: "app",
  _layout: "layout",
  _middleware: "middleware",
  _error: "error",
  _404: "not-found",
};

/** Whether a path below `routes/` is an island: a file in a folder named `(_islands)`. */
export function isIslandFile(path: string): boolean {
  return /(^|\/)\(_islands\)\//.test(path);
}

/** Whether a path below `routes/` is in a folder of parts, `(_anything)`, none of which is a route. */
export function isPartFile(path: string): boolean {
  return /(^|\/)\(_[^/]*\)\//.test(path);
}

/**
 * Reads a file's name. Throws a `SyntaxError` for a name that would not do what it seems to say.
 */
export function routeFile(path: string): RouteFile {
  const folders = path.split("/");
  const name = folders.pop()!.replace(/\.[jt]sx?$/, "");
  const scope = folders.map((folder) => segment(folder, path));
  const kind = SPECIAL[name];
  if (kind !== undefined) return { path, kind, scope, pattern: null };
  if (name.startsWith("_")) {
    const known = Object.keys(SPECIAL).join(", ");
    throw new SyntaxError(
      `Cannot use routes/${path}: a name with "_" is one of ${known}; other parts go into a folder "(_components)"`,
    );
  }
  const parts = scope.filter((part) => !part.startsWith("("));
  if (name !== "index") parts.push(segment(name, path));
  return { path, kind: "route", scope, pattern: "/" + parts.join("/") };
}

function segment(text: string, path: string): string {
  if (/^\([^()]+\)$/.test(text)) return text;
  const dynamic = /^\[(?:(\.\.\.)(\w+)|\[(\w+)\]|(\w+))\]$/.exec(text);
  if (dynamic !== null) {
    const [, rest, tail, optional, plain] = dynamic;
    return rest !== undefined
      ? `:${tail}*`
      : optional !== undefined
      ? `:${optional}?`
      : `:${plain}`;
  }
  if (/[[\]():*?{}]/.test(text)) {
    throw new SyntaxError(
      `Cannot use routes/${path}: "${text}" is neither a plain name nor [name], [[name]], [...name] or (group)`,
    );
  }
  return text;
}

// In a folder: what wraps first, then plain names, then names with parameters, then catch-alls.
const KIND_ORDER: RouteFileKind[] = ["app", "middleware", "layout", "error", "not-found", "route"];

function weight(part: string): number {
  if (/^:\w+\*$/.test(part)) return 3;
  if (/^:\w+\?$/.test(part)) return 2;
  return part.startsWith(":") ? 1 : 0;
}

/** Orders files so that wrappers come before what they wrap, and the more exact route before the less. */
export function byPrecedence(a: RouteFile, b: RouteFile): number {
  if (a.kind !== "route" || b.kind !== "route") {
    const kind = Number(a.kind === "route") - Number(b.kind === "route");
    return kind || a.scope.length - b.scope.length ||
      KIND_ORDER.indexOf(a.kind) - KIND_ORDER.indexOf(b.kind) || compare(a.path, b.path);
  }
  const left = a.pattern!.split("/").slice(1);
  const right = b.pattern!.split("/").slice(1);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const l = left[i];
    const r = right[i];
    if (l === undefined || r === undefined) return l === undefined ? -1 : 1;
    const difference = weight(l) - weight(r) || (weight(l) === 0 ? compare(l, r) : 0);
    if (difference !== 0) return difference;
  }
  return compare(a.path, b.path);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
