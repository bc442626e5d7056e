import type { LayoutConfig, Middleware, Route, RouteComponent } from "./handlers.ts";

/** What an app was told, in order; scopes are lists of path segments, `[]` the root. */
export type Command<State> =
  | { do: "use"; scope: readonly string[]; middlewares: readonly Middleware<State>[] }
  | {
    do: "layout";
    scope: readonly string[];
    component: RouteComponent<State>;
    config: LayoutConfig;
  }
  | { do: "error"; scope: readonly string[]; route: Route<State> }
  | { do: "app"; component: RouteComponent<State> }
  | { do: "not-found"; route: Route<State> }
  | { do: "route"; scope: readonly string[]; pattern: string; route: Route<State> }
  | { do: "fs"; prefix: string };

/** A route of what an app was given to answer with. */
export function asRoute<State>(answer: Route<State> | Middleware<State>): Route<State> {
  return typeof answer === "function" ? { handler: answer } : answer;
}

/** A path's segments; `/` and `*` have none. */
export function segmentsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== "*");
}

/** The command as it reads below a path. */
export function below<State>(prefix: string, command: Command<State>): Command<State> {
  if (prefix === "" || command.do === "app" || command.do === "not-found") return command;
  if (command.do === "fs") return { ...command, prefix: prefix + command.prefix };
  const scope = [...segmentsOf(prefix), ...command.scope];
  if (command.do !== "route") return { ...command, scope };
  const pattern = command.pattern === "/" ? prefix : prefix + command.pattern;
  return { ...command, scope, pattern };
}
