/**
 * The part of Fresh 2's public API that the pages use. Only what Fresh itself exports stands here, so that
 * on a machine with JSR the import map alone decides. What serves a built application is in `server.ts`.
 */
export { App } from "./app.ts";
export { Context, type FreshConfig } from "./context.ts";
export { createDefine, type Define } from "./define.ts";
export { HttpError } from "./error.ts";
export {
  type HandlerByMethod,
  type HandlerFn,
  type LayoutConfig,
  type Method,
  type Middleware,
  page,
  type PageProps,
  type PageResponse,
  type Route,
  type RouteConfig,
  type RouteData,
  type RouteHandler,
} from "./handlers.ts";
export { staticFiles } from "./static_files.ts";
export { trailingSlashes } from "./trailing_slashes.ts";
