import type { Command } from "./commands.ts";
import type { LayoutConfig, Middleware, Route, RouteComponent, RouteConfig } from "./handlers.ts";
import { byPrecedence, type RouteFile, routeFile } from "./route_files.ts";

/** What a module of `routes/` may export. */
interface RouteModule<State> {
  default?: RouteComponent<State> | Middleware<State> | Middleware<State>[];
  handler?: Route<State>["handler"] | Middleware<State>[];
  handlers?: Route<State>["handler"];
  config?: RouteConfig;
}

/** The commands that the modules of `routes/` stand for. Throws where one exports nothing of use. */
export function fsCommands<State>(modules: Readonly<Record<string, unknown>>): Command<State>[] {
  const files = Object.keys(modules).map(routeFile).sort(byPrecedence);
  const taken = new Map<string, string>();
  return files.map((file) => {
    if (file.pattern !== null) {
      const other = taken.get(file.pattern);
      if (other !== undefined) {
        throw new SyntaxError(
          `routes/${other} and routes/${file.path} both answer "${file.pattern}"`,
        );
      }
      taken.set(file.pattern, file.path);
    }
    return command<State>(file, modules[file.path] as RouteModule<State>);
  });
}

function command<State>(file: RouteFile, module: RouteModule<State>): Command<State> {
  const { scope } = file;
  const handler = module.handlers ?? module.handler;
  switch (file.kind) {
    case "middleware": {
      const given = module.default ?? handler;
      const middlewares = Array.isArray(given) ? given : [given];
      if (middlewares.some((one) => typeof one !== "function") || middlewares.length === 0) {
        throw missing(file, "a middleware or a list of them as its default export");
      }
      return { do: "use", scope, middlewares: middlewares as Middleware<State>[] };
    }
    case "app":
      if (scope.length > 0) throw missing(file, "to be moved: _app stands in routes/ only");
      return { do: "app", component: component(file, module) };
    case "layout":
      return {
        do: "layout",
        scope,
        component: component(file, module),
        config: (module.config ?? {}) as LayoutConfig,
      };
    case "error":
      return { do: "error", scope, route: route(file, module) };
    case "not-found":
      if (scope.length > 0) throw missing(file, "to be moved: _404 stands in routes/ only");
      return { do: "not-found", route: route(file, module) };
    case "route": {
      const pattern = module.config?.routeOverride ?? file.pattern!;
      return { do: "route", scope, pattern, route: route(file, module) };
    }
  }
}

function route<State>(file: RouteFile, module: RouteModule<State>): Route<State> {
  const handler = module.handlers ?? module.handler;
  if (Array.isArray(handler)) throw missing(file, "one handler, not a list");
  if (handler === undefined && typeof module.default !== "function") {
    throw missing(file, 'a component as its default export, or "handler"');
  }
  return {
    handler,
    config: module.config,
    component: module.default as RouteComponent<State> | undefined,
  };
}

function component<State>(file: RouteFile, module: RouteModule<State>): RouteComponent<State> {
  if (typeof module.default !== "function") throw missing(file, "a component as default export");
  return module.default as RouteComponent<State>;
}

function missing(file: RouteFile, what: string): TypeError {
  return new TypeError(`Cannot use routes/${file.path}: it needs ${what}`);
}
