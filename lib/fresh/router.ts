import { RegExpRouter } from "hono/router/reg-exp-router";
import { SmartRouter } from "hono/router/smart-router";
import { TrieRouter } from "hono/router/trie-router";
import { HttpError } from "./error.ts";

export interface Match<T> {
  readonly item: T;
  /** The pattern it was added with. */
  readonly pattern: string;
  readonly params: Record<string, string>;
}

interface Entry<T> {
  readonly item: T;
  readonly pattern: string;
}

/**
 * Fresh's path patterns over Hono's router. Plain paths go before patterns; among patterns the one added
 * first wins. An item stands for all methods of its path: choosing one is the caller's part.
 */
export class PathRouter<T> {
  readonly #plain = new Map<string, Entry<T>>();
  readonly #router = new SmartRouter<Entry<T>>({
    routers: [new RegExpRouter(), new TrieRouter()],
  });
  #patterns = 0;

  /** Throws a `SyntaxError` for a pattern outside the subset: names, `:name`, `:name?`, and as the last one
   * `:name*`, `:name+`, `*`. */
  add(pattern: string, item: T): void {
    const entry = { item, pattern };
    const paths = honoPaths(pattern);
    if (/[:*]/.test(pattern)) {
      for (const path of paths) this.#router.add("ALL", path, entry);
      this.#patterns++;
    } else this.#plain.set(pattern, entry);
  }

  /** Throws `HttpError` 400 when the path holds a broken percent escape. */
  match(pathname: string): Match<T> | null {
    const plain = this.#plain.get(pathname);
    if (plain !== undefined) return { ...plain, params: {} };
    if (this.#patterns === 0) return null;
    const [found, values] = this.#router.match("ALL", pathname);
    const first = found[0];
    if (first === undefined) return null;
    const [entry, names] = first;
    const params: Record<string, string> = {};
    for (const [name, value] of Object.entries(names)) {
      const raw = typeof value === "number" ? values?.[value] : value;
      if (raw !== undefined && /^\w+$/.test(name)) params[name] = decode(raw);
    }
    return { ...entry, params };
  }
}

function decode(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch (cause) {
    throw new HttpError(400, "The address holds a broken percent escape", { cause });
  }
}

/** Hono's spelling of a pattern, several where it has no single one. */
function honoPaths(pattern: string): string[] {
  if (pattern === "*") return honoPaths("/*");
  if (!pattern.startsWith("/")) throw new SyntaxError(`Cannot route "${pattern}": it needs a "/"`);
  let paths = [""];
  const segments = pattern === "/" ? [] : pattern.slice(1).split("/");
  segments.forEach((segment, index) => {
    const [, name, modifier] = /^:(\w+)([?*+]?)$/.exec(segment) ?? [];
    const last = index === segments.length - 1;
    if (name !== undefined && modifier === "") paths = paths.map((p) => `${p}/:${name}`);
    else if (name !== undefined && modifier === "?") {
      paths = [...paths, ...paths.map((p) => `${p}/:${name}`)];
    } else if (name !== undefined && last) {
      // Any number of segments, none of them empty.
      const some = paths.map((p) => `${p}/:${name}{.*[^/]}`);
      // Of "/:all*" the address "/" is no match, as URLPattern has it.
      paths = modifier === "*" ? [...paths.filter((p) => p !== ""), ...some] : some;
    } else if (segment === "*" && last) {
      paths = paths.flatMap((p) => [`${p}/`, `${p}/:0{.+}`]);
    } else if (/[:*?{}()]/.test(segment)) {
      throw new SyntaxError(
        `Cannot route "${pattern}": "${segment}" is not a plain name, ":name", ":name?" or, at the end, ":name*" or "*"`,
      );
    } else paths = paths.map((p) => `${p}/${segment}`);
  });
  return paths.map((path) => path === "" ? "/" : path);
}
