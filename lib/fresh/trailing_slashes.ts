import type { Middleware } from "./handlers.ts";

/** Redirects to the one spelling of an address, with a slash at its end or without; a POST stays a POST. */
export function trailingSlashes<State>(mode: "always" | "never"): Middleware<State> {
  return (ctx) => {
    const { pathname, search } = ctx.url;
    if (pathname === "/" || pathname.endsWith("/") === (mode === "always")) return ctx.next();
    const spelling = mode === "always" ? `${pathname}/` : pathname.slice(0, -1);
    return ctx.redirect(spelling + search, 308);
  };
}
