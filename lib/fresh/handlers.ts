import type { AnyComponent, ComponentType, RenderableProps, VNode } from "preact";
import type { Context } from "./context.ts";

export const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
export type Method = (typeof METHODS)[number];

/** What a handler answers when its page component shall be rendered. */
export interface PageResponse<T> {
  data: T;
  headers?: HeadersInit;
  /** HTTP status of the page; 200 when absent. */
  status?: number;
}

/** Renders the route's page component with `data`. */
export function page(): PageResponse<undefined>;
export function page<T>(
  data: T,
  options?: { headers?: HeadersInit; status?: number },
): PageResponse<T>;
export function page<T>(
  data?: T,
  options: { headers?: HeadersInit; status?: number } = {},
): PageResponse<T | undefined> {
  return { data, ...options };
}

/** Answers a request itself, or gives the data its page component is rendered with. */
export interface HandlerFn<Data, State> {
  (
    ctx: Context<State>,
  ): Response | PageResponse<Data> | Promise<Response | PageResponse<Data>>;
}
export type HandlerByMethod<Data, State> = { [M in Method]?: HandlerFn<Data, State> };
export type RouteHandler<Data, State> = HandlerFn<Data, State> | HandlerByMethod<Data, State>;
export type RouteData<Handler extends RouteHandler<unknown, unknown>> = Handler extends
  RouteHandler<infer Data, unknown> ? Data : never;

/** Acts before and after what comes below it; goes on with `ctx.next()`. */
export type Middleware<State> = (ctx: Context<State>) => Response | Promise<Response>;

/** What page, layout and app components are given. */
export type PageProps<Data = unknown, State = unknown> =
  & Pick<
    Context<State>,
    | "config"
    | "url"
    | "req"
    | "params"
    | "info"
    | "state"
    | "isPartial"
    | "Component"
    | "error"
    | "route"
  >
  & { data: Data };

/** A server component that awaits; it may also answer with a whole response. */
export interface AsyncComponent<Props> {
  // deno-lint-ignore no-explicit-any
  (props: RenderableProps<Props>, context?: any): Promise<VNode<any> | Response | null>;
}
export type RouteComponent<State> =
  // deno-lint-ignore no-explicit-any
  | ComponentType<PageProps<any, State>>
  // deno-lint-ignore no-explicit-any
  | AsyncComponent<PageProps<any, State>>
  // deno-lint-ignore no-explicit-any
  | AnyComponent<PageProps<any, State>>;

export interface LayoutConfig {
  /** Leave out the layouts of the folders above. */
  skipInheritedLayouts?: boolean;
  /** Leave out `_app.tsx`. */
  skipAppWrapper?: boolean;
}

/** What a route exports as `config`. */
export interface RouteConfig extends LayoutConfig {
  /** A path pattern in place of the one the file's name gives: `/x/:id`, `/files/:path*`. */
  routeOverride?: string;
}

/** A route given to the app by hand. */
export interface Route<State> {
  component?: RouteComponent<State>;
  config?: RouteConfig;
  handler?: RouteHandler<unknown, State>;
}

/** The methods a route takes, HEAD where it takes GET. */
export function methodsOf<State>(route: Route<State>): readonly Method[] {
  const { handler, component } = route;
  if (typeof handler === "function") return METHODS;
  const taken = new Set(Object.keys(handler ?? {}) as Method[]);
  if (component !== undefined) taken.add("GET");
  if (taken.has("GET")) taken.add("HEAD");
  return METHODS.filter((method) => taken.has(method));
}

/** The function that answers `method`; a page without a GET handler is rendered as it is. */
export function handlerFor<State>(
  route: Route<State>,
  method: string,
): HandlerFn<unknown, State> | null {
  const { handler, component } = route;
  if (typeof handler === "function") return handler;
  const own = handler?.[method as Method];
  if (own !== undefined) return own;
  if (method === "HEAD" && handler?.GET !== undefined) return handler.GET;
  const readsOnly = method === "GET" || method === "HEAD";
  return component !== undefined && readsOnly ? () => page() : null;
}
