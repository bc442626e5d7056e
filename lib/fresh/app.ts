import { asRoute, below, type Command, segmentsOf } from "./commands.ts";
import { compile, type Tree } from "./compile.ts";
import { Context, type FreshConfig } from "./context.ts";
import { HttpError, statusOf } from "./error.ts";
import {
  type LayoutConfig,
  type Method,
  METHODS,
  type Middleware,
  type Route,
  type RouteComponent,
  type RouteConfig,
} from "./handlers.ts";
import type { Build } from "./manifest.ts";
import { renderRoute, runMiddlewares, runScopes } from "./scopes.ts";

/** How a built application is attached; see `server.ts`. */
export interface Attachment {
  readonly build: Build;
  /** Told of every error answered with a status of 500 or above. */
  readonly onError: (error: unknown, request: Request) => void;
}

const ATTACHED = new WeakMap<object, Attachment>();

/** Gives an app what was built for it. Not part of Fresh's API: `server.ts` calls it. */
export function attach<State>(app: App<State>, attachment: Attachment): void {
  ATTACHED.set(app, attachment);
}

/** Passes requests through middleware to routes. */
export class App<State> {
  #commands: Command<State>[] = [];
  readonly config: Required<FreshConfig>;

  constructor(config: FreshConfig = {}) {
    this.config = { mode: config.mode ?? "production" };
  }

  /** Adds middleware for every request, or for the routes below a path. */
  use(...middlewares: Middleware<State>[]): this;
  use(path: string, ...middlewares: Middleware<State>[]): this;
  use(first: string | Middleware<State>, ...rest: Middleware<State>[]): this {
    const scope = typeof first === "string" ? segmentsOf(first) : [];
    const middlewares = typeof first === "string" ? rest : [first, ...rest];
    this.#commands.push({ do: "use", scope, middlewares });
    return this;
  }

  get(path: string, ...fns: Middleware<State>[]): this {
    return this.#handler(path, ["GET"], fns);
  }
  head(path: string, ...fns: Middleware<State>[]): this {
    return this.#handler(path, ["HEAD"], fns);
  }
  post(path: string, ...fns: Middleware<State>[]): this {
    return this.#handler(path, ["POST"], fns);
  }
  put(path: string, ...fns: Middleware<State>[]): this {
    return this.#handler(path, ["PUT"], fns);
  }
  patch(path: string, ...fns: Middleware<State>[]): this {
    return this.#handler(path, ["PATCH"], fns);
  }
  delete(path: string, ...fns: Middleware<State>[]): this {
    return this.#handler(path, ["DELETE"], fns);
  }
  all(path: string, ...fns: Middleware<State>[]): this {
    return this.#handler(path, METHODS, fns);
  }

  #handler(path: string, methods: readonly Method[], fns: Middleware<State>[]): this {
    const last = fns.at(-1);
    if (last === undefined) throw new TypeError(`Cannot add "${path}": there is no handler`);
    const before = fns.slice(0, -1);
    const run = (ctx: Context<State>) =>
      runMiddlewares(ctx, before, () => Promise.resolve(last(ctx)));
    const handler = Object.fromEntries(methods.map((method) => [method, run]));
    return this.route(path, { handler });
  }

  /** Adds a route as a module of `routes/` would. */
  route(path: string, route: Route<State>, config: RouteConfig = {}): this {
    this.#commands.push({
      do: "route",
      scope: segmentsOf(path),
      pattern: config.routeOverride ?? route.config?.routeOverride ?? path,
      route: { ...route, config: { ...route.config, ...config } },
    });
    return this;
  }

  /** Wraps the pages below `path` (`*` for all) in a layout. */
  layout(path: string, component: RouteComponent<State>, config: LayoutConfig = {}): this {
    this.#commands.push({ do: "layout", scope: segmentsOf(path), component, config });
    return this;
  }

  /** Sets the component around every page: `<html>`, `<head>`, `<body>`. */
  appWrapper(component: RouteComponent<State>): this {
    this.#commands.push({ do: "app", component });
    return this;
  }

  /** Answers whatever nothing else answers, and every `HttpError` 404. */
  notFound(answer: Route<State> | Middleware<State>): this {
    this.#commands.push({ do: "not-found", route: asRoute(answer) });
    return this;
  }

  /** Answers what was thrown below `path` (`*` for all); it is in `ctx.error`. */
  onError(path: string, answer: Route<State> | Middleware<State>): this {
    this.#commands.push({ do: "error", scope: segmentsOf(path), route: asRoute(answer) });
    return this;
  }

  /** Adds the files of `routes/` here, below `path` when given. */
  fsRoutes(path = "*"): this {
    this.#commands.push({ do: "fs", prefix: path === "*" ? "" : path });
    return this;
  }

  /** Adds all that another app was told, below `path`. */
  mountApp(path: string, app: App<State>): this {
    const prefix = path === "/" || path === "*" ? "" : path.replace(/\/$/, "");
    this.#commands.push(...app.#commands.map((command) => below(prefix, command)));
    return this;
  }

  /** The function to give to a server; `info` reaches pages as `ctx.info`. */
  handler(): (request: Request, info?: Deno.ServeHandlerInfo) => Promise<Response> {
    const { build, onError } = ATTACHED.get(this) ?? NOT_BUILT;
    const tree = compile<State>(this.#commands, build);
    return async (request, info = NO_CONNECTION) => {
      const response = await answer(tree, { build, onError }, request, info);
      if (request.method !== "HEAD" || response.body === null) return response;
      await response.body.cancel();
      return new Response(null, response);
    };
  }
}

async function answer<State>(
  { root, router }: Tree<State>,
  { build, onError }: Attachment,
  request: Request,
  info: Deno.ServeHandlerInfo,
): Promise<Response> {
  const url = new URL(request.url);
  url.pathname = url.pathname.replaceAll(/\/{2,}/g, "/");
  let failure: unknown = null;
  let found: ReturnType<typeof router.match> = null;
  try {
    found = router.match(url.pathname);
  } catch (error) {
    failure = error;
  }
  const endpoint = found?.item;
  const placed = endpoint?.methods.get(request.method as Method);
  const allow = endpoint === undefined ? null : [...endpoint.methods.keys()].join(", ");
  const ctx = new Context<State>(
    request,
    url,
    info,
    found?.pattern ?? null,
    found?.params ?? {},
    { root: build.root, basePath: "", mode: build.mode },
    {
      shell: { app: null, layouts: [] },
      build,
      onError: (error, { req }) => onError(error, req),
    },
  );
  const nothingThere = () => {
    if (failure !== null) throw failure;
    if (allow === null) throw new HttpError(404, "There is nothing at this address");
    if (request.method !== "OPTIONS") {
      throw new HttpError(405, `This address does not take ${request.method}`);
    }
    return Promise.resolve(new Response(null, { status: 204, headers: { allow } }));
  };
  try {
    const response = placed === undefined
      ? await runScopes(ctx, [root], nothingThere)
      : await runScopes(ctx, placed.scopes, () => renderRoute(ctx, placed.route));
    const isBare = response.status === 405 && !response.headers.has("allow");
    return isBare && allow !== null ? withHeader(response, "allow", allow) : response;
  } catch (error) {
    const response = plainError(error, request, onError);
    if (response.status === 405 && allow !== null) response.headers.set("allow", allow);
    return response;
  }
}

// Without a build an app still serves what was added by hand, as Fresh's own tests do.
const NOT_BUILT: Attachment = {
  build: {
    root: ".",
    mode: "production",
    id: "",
    routes: {},
    islands: new Map(),
    boot: { url: "", preload: [] },
    devScripts: [],
    file: () => null,
    devResponse: () => Promise.resolve(null),
  },
  onError: (error) => console.error(error),
};

const NO_CONNECTION: Deno.ServeHandlerInfo = {
  remoteAddr: { transport: "tcp", hostname: "localhost", port: 0 },
  completed: Promise.resolve(),
};

function plainError(
  error: unknown,
  request: Request,
  onError: Attachment["onError"],
): Response {
  const status = statusOf(error);
  if (status >= 500) onError(error, request);
  const text = error instanceof HttpError && error.message !== "" && status < 500
    ? error.message
    : status >= 500
    ? "Internal server error"
    : `Status ${status}`;
  return new Response(text, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}

function withHeader(response: Response, name: string, value: string): Response {
  const headers = new Headers(response.headers);
  headers.set(name, value);
  return new Response(response.body, {
    status: response.status,
    statusText: response.statusText,
    headers,
  });
}
