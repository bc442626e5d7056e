import { below, type Command } from "./commands.ts";
import { fsCommands } from "./fs_routes.ts";
import { type Method, methodsOf, type Route } from "./handlers.ts";
import type { Build } from "./manifest.ts";
import { PathRouter } from "./router.ts";
import { frozen, newScope, type Scope, scopeAt } from "./scopes.ts";

/** What stands at one path: one route a method, each in the scopes it was added to. */
export interface Endpoint<State> {
  readonly methods: Map<Method, { route: Route<State>; scopes: readonly Scope<State>[] }>;
}

/** All that an app was told, ready to be asked. */
export interface Tree<State> {
  readonly root: Scope<State>;
  readonly router: PathRouter<Endpoint<State>>;
}

/** Puts what an app was told, and the files of its build, into their places. */
export function compile<State>(commands: readonly Command<State>[], build: Build): Tree<State> {
  const root = newScope<State>();
  const router = new PathRouter<Endpoint<State>>();
  const endpoints = new Map<string, Endpoint<State>>();
  const all = commands.flatMap((command) =>
    command.do === "fs"
      ? fsCommands<State>(build.routes).map((inner) => below(command.prefix, inner))
      : [command]
  );
  for (const command of all) {
    switch (command.do) {
      case "use":
        scopeAt(root, command.scope).at(-1)!.middlewares.push(...command.middlewares);
        break;
      case "layout": {
        const scope = scopeAt(root, command.scope).at(-1)!;
        scope.layout = { component: command.component, config: command.config };
        break;
      }
      case "error":
        scopeAt(root, command.scope).at(-1)!.error = command.route;
        break;
      case "app":
        root.app = command.component;
        break;
      case "not-found":
        root.shared.notFound = command.route;
        break;
      case "route": {
        let endpoint = endpoints.get(command.pattern);
        if (endpoint === undefined) {
          endpoint = { methods: new Map() };
          endpoints.set(command.pattern, endpoint);
          router.add(command.pattern, endpoint);
        }
        const placed = { route: command.route, scopes: frozen(scopeAt(root, command.scope)) };
        for (const method of methodsOf(command.route)) {
          // A HEAD made from GET gives way to one that was written.
          const written = method !== "HEAD" || hasHead(command.route);
          if (written || !endpoint.methods.has(method)) endpoint.methods.set(method, placed);
        }
        break;
      }
      case "fs":
        throw new TypeError("File routes hold no further file routes");
    }
  }
  return { root, router };
}

function hasHead<State>({ handler }: Route<State>): boolean {
  return typeof handler === "function" || handler?.HEAD !== undefined;
}
