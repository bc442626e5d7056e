import { type FunctionComponent, isValidElement, type VNode } from "preact";
import type { Build } from "./manifest.ts";
import type { LayoutConfig, RouteComponent } from "./handlers.ts";
import { renderComponent, renderDocument } from "./render.ts";

export interface FreshConfig {
  /** `development` turns on page reload and source maps. */
  mode?: "development" | "production";
}

export interface ResolvedFreshConfig {
  /** Where `routes/`, `islands/` and `static/` are. */
  root: string;
  basePath: string;
  mode: "development" | "production";
}

/** The components around a page at one place of the tree. */
export interface Shell<State> {
  readonly app: RouteComponent<State> | null;
  /** Outermost first. */
  readonly layouts: readonly RouteComponent<State>[];
}

/** What the app sets while a request goes down the tree; pages see only `Context`. */
export interface ContextInternals<State> {
  shell: Shell<State>;
  readonly build: Build;
  readonly onError: (error: unknown, ctx: Context<State>) => void;
}

const INTERNALS = new WeakMap<object, ContextInternals<unknown>>();

export function internalsOf<State>(ctx: Context<State>): ContextInternals<State> {
  return INTERNALS.get(ctx) as unknown as ContextInternals<State>;
}

/** One request, as handlers, middleware and pages see it. */
export class Context<State> {
  /** Filled by middleware; one object a request. */
  readonly state: State = {} as State;
  /** What was thrown, on an error page; else `null`. */
  error: unknown = null;
  /** Partials are not part of this subset: always `false`. */
  readonly isPartial = false;
  data: unknown = undefined;
  /** What a layout or the app wraps. */
  Component: FunctionComponent = () => null;
  /** Goes on to the next middleware or the route. */
  next: () => Promise<Response> = () =>
    Promise.reject(new TypeError("Nothing comes after a route"));

  constructor(
    readonly req: Request,
    readonly url: URL,
    /** What the server said about the connection; the composition may add members of its own. */
    readonly info: Deno.ServeHandlerInfo,
    /** Pattern of the matched route, or `null`. */
    readonly route: string | null,
    readonly params: Record<string, string>,
    readonly config: ResolvedFreshConfig,
    internals: ContextInternals<State>,
  ) {
    INTERNALS.set(this, internals as unknown as ContextInternals<unknown>);
  }

  /** Sends the browser to `location`. A path stays on this host, whatever slashes it begins with. */
  redirect(location: string, status = 302): Response {
    const safe = location.startsWith("/") || location.startsWith("\\")
      ? location.replace(/^[^?#]*/, (path) => path.replaceAll(/[/\\]+/g, "/"))
      : location;
    return new Response(null, { status, headers: { location: safe } });
  }

  /** Renders a whole document: `vnode` within the layouts and the app of this place. */
  async render(
    // deno-lint-ignore no-explicit-any
    vnode: VNode<any> | null,
    init: ResponseInit = {},
    config: LayoutConfig = {},
  ): Promise<Response> {
    if (vnode !== null && !isValidElement(vnode)) {
      throw new TypeError(`Cannot render ${typeof vnode}: ctx.render() takes JSX or null`);
    }
    const { shell, build } = internalsOf(this);
    const layouts = config.skipInheritedLayouts ? [] : shell.layouts;
    const app = config.skipAppWrapper ? null : shell.app;
    let inner = vnode;
    for (const layout of layouts.toReversed()) {
      const child = inner;
      const wrapped = await renderComponent(this, layout, undefined, () => child);
      if (wrapped instanceof Response) return wrapped;
      inner = wrapped;
    }
    const html = await renderDocument(this, build, inner, app);
    if (html instanceof Response) return html;
    const headers = new Headers(init.headers);
    headers.set("content-type", "text/html; charset=utf-8");
    return new Response(html, { status: init.status, statusText: init.statusText, headers });
  }
}
