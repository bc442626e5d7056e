import { type Context, internalsOf, type Shell } from "./context.ts";
import { statusOf } from "./error.ts";
import {
  handlerFor,
  type LayoutConfig,
  type Middleware,
  type Route,
  type RouteComponent,
} from "./handlers.ts";
import { renderComponent } from "./render.ts";

/** One place of the tree of folders: what holds for the routes in it and below. */
export interface Scope<State> {
  readonly children: Map<string, Scope<State>>;
  readonly middlewares: Middleware<State>[];
  layout: { component: RouteComponent<State>; config: LayoutConfig } | null;
  error: Route<State> | null;
  /** Of the root only. */
  app: RouteComponent<State> | null;
  /** One for the whole tree. */
  readonly shared: { notFound: Route<State> | null };
}

export function newScope<State>(shared: Scope<State>["shared"] = { notFound: null }): Scope<State> {
  return { children: new Map(), middlewares: [], layout: null, error: null, app: null, shared };
}

/** The scopes as they are now: what is added to them later does not hold for routes added before. */
export function frozen<State>(scopes: readonly Scope<State>[]): Scope<State>[] {
  return scopes.map((scope) => ({ ...scope, middlewares: [...scope.middlewares] }));
}

/** The scopes from the root to `path`, made where there are none. */
export function scopeAt<State>(root: Scope<State>, path: readonly string[]): Scope<State>[] {
  const scopes = [root];
  for (const part of path) {
    const parent = scopes.at(-1)!;
    let child = parent.children.get(part);
    if (child === undefined) {
      child = newScope<State>(root.shared);
      parent.children.set(part, child);
    }
    scopes.push(child);
  }
  return scopes;
}

/**
 * Runs a request through the middleware of `scopes`, outermost first, to `last`. What is thrown is answered
 * by the innermost error page around it; a 404 by the root's `_404` where there is one.
 */
export async function runScopes<State>(
  ctx: Context<State>,
  scopes: readonly Scope<State>[],
  last: () => Promise<Response>,
  depth = 0,
): Promise<Response> {
  const scope = scopes[depth];
  if (scope === undefined) return await last();
  const internals = internalsOf(ctx);
  const outer = internals.shell;
  internals.shell = shellWithin(outer, scope);
  const inner = internals.shell;
  try {
    return await runMiddlewares(
      ctx,
      scope.middlewares,
      () => runScopes(ctx, scopes, last, depth + 1),
    );
  } catch (error) {
    const status = statusOf(error);
    const { notFound } = scope.shared;
    const answer = status === 404 && notFound !== null ? notFound : scope.error;
    if (answer === null) throw error;
    ctx.error = error;
    internals.shell = inner;
    try {
      const response = await renderRoute(ctx, answer, status);
      if (status >= 500) internals.onError(error, ctx);
      return response;
    } catch (failure) {
      // The error page of a folder above may still be able to show both.
      throw new AggregateError([error, failure], "An error page failed to show an error", {
        cause: failure,
      });
    }
  } finally {
    internals.shell = outer;
  }
}

function shellWithin<State>(outer: Shell<State>, scope: Scope<State>): Shell<State> {
  const { layout } = scope;
  const app = layout?.config.skipAppWrapper ? null : scope.app ?? outer.app;
  if (layout === null) return { app, layouts: outer.layouts };
  const inherited = layout.config.skipInheritedLayouts ? [] : outer.layouts;
  return { app, layouts: [...inherited, layout.component] };
}

/** Runs `middlewares` in order, each going on by `ctx.next()`, to `last`. */
export async function runMiddlewares<State>(
  ctx: Context<State>,
  middlewares: readonly Middleware<State>[],
  last: () => Promise<Response>,
  index = 0,
): Promise<Response> {
  const middleware = middlewares[index];
  if (middleware === undefined) return await last();
  const outer = ctx.next;
  ctx.next = () => runMiddlewares(ctx, middlewares, last, index + 1);
  try {
    const response = await middleware(ctx);
    if (!(response instanceof Response)) {
      throw new TypeError(`A middleware answered ${typeof response} instead of a Response`);
    }
    return response;
  } finally {
    ctx.next = outer;
  }
}

/** Asks the route's handler, and renders its component with what that gives. */
export async function renderRoute<State>(
  ctx: Context<State>,
  route: Route<State>,
  status = 200,
): Promise<Response> {
  const isErrorPage = ctx.error !== null;
  // An error page answers any method: a failed POST shows it too.
  const handler = handlerFor(route, isErrorPage ? "GET" : ctx.req.method);
  if (handler === null) throw new TypeError(`A route has no handler for ${ctx.req.method}`);
  const answer = await handler(ctx);
  if (answer instanceof Response) return answer;
  if (typeof answer !== "object" || answer === null || !("data" in answer)) {
    throw new TypeError(`A handler answered neither a Response nor page(): ${typeof answer}`);
  }
  ctx.data = answer.data;
  const init = { headers: answer.headers, status: answer.status ?? status };
  if (route.component === undefined) {
    throw new TypeError("A handler answered page(), but its route has no component");
  }
  const vnode = await renderComponent(ctx, route.component, answer.data, () => null);
  return vnode instanceof Response ? vnode : await ctx.render(vnode, init, route.config);
}
