import { type ComponentChildren, type JSX, toChildArray, type VNode } from "preact";
import { useEffect } from "preact/hooks";
import { ASSET_KEY, currentBuildId } from "./build_id.ts";
import { applyToHead } from "./head.ts";

export { HttpError } from "./error.ts";

/** Whether this runs in a browser rather than while a page is rendered. */
export const IS_BROWSER: boolean = typeof document !== "undefined";

/**
 * The address of a file of `static/` as this build has it: it may be cached for a year, for another build
 * has another address. Relative paths and other hosts are given back as they are.
 */
export function asset(path: string): string {
  if (!path.startsWith("/") || path.startsWith("//") || currentBuildId() === "") return path;
  const url = new URL(path, "http://localhost");
  if (url.searchParams.has(ASSET_KEY)) return path;
  url.searchParams.set(ASSET_KEY, currentBuildId());
  return url.pathname + url.search + url.hash;
}

/** `asset` for every address in a `srcset` attribute. */
export function assetSrcSet(srcset: string): string {
  // An address with a parenthesis or a comma cannot be told from the list's own commas.
  if (srcset.includes("(")) return srcset;
  const entries = srcset.split(",");
  if (entries.some((entry) => entry.trim() === "")) return srcset;
  return entries.map((entry) => entry.replace(/^(\s*)(\S+)/, (_, space, url) => space + asset(url)))
    .join(",");
}

export interface HeadProps {
  children?: ComponentChildren;
}

/**
 * Puts its children into the document's `<head>`, from any page or island. A `<title>` replaces the one
 * before it, as does an element with the same `key`.
 */
export function Head({ children }: HeadProps): JSX.Element | null {
  // The server takes the children before this is called (render.ts); here an island changes the head.
  useEffect(() => applyToHead(toChildArray(children) as VNode[]));
  return null;
}
