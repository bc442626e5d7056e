import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { createApi, fieldErrors, type HoldfastEnv, invalidRequest } from "../http.ts";
import { Problem } from "../problem.ts";
import type { Auth } from "./auth.ts";
import { actorOf } from "./model.ts";
import {
  addUserRoute,
  changeUserRoute,
  issueRoute,
  LoginAsk,
  loginRoute,
  logoutRoute,
  meRoute,
  passwordRoute,
  removeUserRoute,
  revokeRoute,
  tokensRoute,
  usersRoute,
} from "./routes.ts";
import type { TokenRefusal } from "./tokens.ts";
import type { UserRefusal } from "./users.ts";

/** Login, tokens and users; to be mounted at `/api/v1`. Who may call what stands in `lib/access.ts`. */
export function authApi(auth: Auth): OpenAPIHono<HoldfastEnv> {
  const api = createApi();

  api.openapi(loginRoute, async (c) => {
    const isForm = isFormRequest(c);
    const given = LoginAsk.safeParse(isForm ? await c.req.parseBody() : await c.req.json());
    if (!given.success) throw invalidRequest(fieldErrors(given.error));
    const ask = given.data;
    const done = await auth.login(ask.name, ask.password, c.get("remoteAddress"), c.get("secure"));
    const next = localPath(ask.next);
    if (done.ok) {
      c.header("set-cookie", done.value.cookie);
      return isForm ? c.redirect(next, 303) : c.json(done.value.user, 200);
    }
    const { refusal } = done;
    if (isForm) {
      return c.redirect(`/login?failed=${refusal.kind}&next=${encodeURIComponent(next)}`, 303);
    }
    switch (refusal.kind) {
      case "wrong":
        throw new Problem("login-required", "The name or the password is wrong");
      case "too-many":
        throw new Problem(
          "too-many-attempts",
          `Too many attempts to log in; try again in ${refusal.retryAfterS} s`,
          { retryAfterS: refusal.retryAfterS },
        );
      case "disabled":
        throw new Problem(
          "login-required",
          "Nobody logs in on this machine: authentication is not set up",
        );
    }
  });

  api.openapi(logoutRoute, async (c) => {
    c.header("set-cookie", await auth.logout(c.req.raw));
    return isFormRequest(c) ? c.redirect("/login", 303) : c.body(null, 204);
  });

  api.openapi(meRoute, (c) => {
    const principal = c.get("principal");
    return c.json({
      kind: principal.kind,
      actor: actorOf(principal),
      name: nameOf(principal),
      role: principal.role,
      scopes: principal.kind === "token" ? [...principal.scopes] : [],
      authEnabled: auth.enabled,
    }, 200);
  });

  api.openapi(passwordRoute, async (c) => {
    const principal = c.get("principal");
    if (principal.kind !== "user") {
      throw new Problem("forbidden", "Only somebody who logged in has a password to change");
    }
    const { current, next } = c.req.valid("json");
    const known = await auth.checkPassword(principal.name, current, c.get("remoteAddress"));
    if (!known.ok) {
      throw known.refusal.kind === "too-many"
        ? new Problem("too-many-attempts", "Too many attempts", {
          retryAfterS: known.refusal.retryAfterS,
        })
        : new Problem("forbidden", "The current password is wrong");
    }
    const changed = await auth.users.setPassword(principal.name, next, actorOf(principal));
    if (!changed.ok) throw userProblem(changed.refusal);
    return c.body(null, 204);
  });

  api.openapi(tokensRoute, (c) => c.json({ tokens: auth.tokensOf(c.get("principal")) }, 200));

  api.openapi(issueRoute, async (c) => {
    const issued = await auth.issueTokenAs(c.get("principal"), c.req.valid("json"));
    if (!issued.ok) throw tokenProblem(issued.refusal);
    return c.json({ ...issued.value.record, token: issued.value.token }, 201);
  });

  api.openapi(revokeRoute, async (c) => {
    const revoked = await auth.revokeTokenAs(c.get("principal"), c.req.valid("param").id);
    if (!revoked.ok) throw tokenProblem(revoked.refusal);
    return c.body(null, 204);
  });

  api.openapi(usersRoute, (c) => c.json({ users: auth.users.list() }, 200));

  api.openapi(addUserRoute, async (c) => {
    const added = await auth.users.add(c.req.valid("json"), actorOf(c.get("principal")));
    if (!added.ok) throw userProblem(added.refusal);
    return c.json(added.value, 201);
  });

  api.openapi(changeUserRoute, async (c) => {
    const { name } = c.req.valid("param");
    const { role, password } = c.req.valid("json");
    const actor = actorOf(c.get("principal"));
    let changed = auth.users.get(name.toLowerCase());
    if (changed === null) throw userProblem({ kind: "user-unknown", name });
    if (password !== undefined) {
      const done = await auth.users.setPassword(name, password, actor);
      if (!done.ok) throw userProblem(done.refusal);
      changed = done.value;
    }
    if (role !== undefined) {
      const done = await auth.users.setRole(name, role, actor);
      if (!done.ok) throw userProblem(done.refusal);
      changed = done.value;
    }
    return c.json(changed, 200);
  });

  api.openapi(removeUserRoute, async (c) => {
    const removed = await auth.users.remove(
      c.req.valid("param").name,
      actorOf(c.get("principal")),
    );
    if (!removed.ok) throw userProblem(removed.refusal);
    return c.body(null, 204);
  });

  return api;
}

function isFormRequest(c: Context<HoldfastEnv>): boolean {
  return /^(application\/x-www-form-urlencoded|multipart\/form-data)\b/i.test(
    c.req.header("content-type") ?? "",
  );
}

function nameOf(principal: HoldfastEnv["Variables"]["principal"]): string {
  switch (principal.kind) {
    case "local":
      return principal.owner;
    case "user":
    case "token":
      return principal.name;
    case "experiment":
      return `experiment ${principal.number}`;
    case "anonymous":
      return "";
  }
}

/** A path of this site to go to after login; anything else becomes `/`, so that no link sends people away. */
export function localPath(next: string | undefined): string {
  if (next === undefined || !next.startsWith("/")) return "/";
  try {
    const url = new URL(next, "http://local.invalid");
    const path = url.pathname + url.search + url.hash;
    return url.origin === "http://local.invalid" && !path.startsWith("//") ? path : "/";
  } catch {
    return "/";
  }
}

function tokenProblem(refusal: TokenRefusal): Problem {
  switch (refusal.kind) {
    case "token-unknown":
      return new Problem("not-found", `There is no token "${refusal.id}"`);
    case "too-many-tokens":
      return new Problem("forbidden", "There are too many tokens; revoke some that nobody uses");
    case "exceeds-own":
      return new Problem("forbidden", `The new token's ${refusal.what} would exceed your own`);
    case "already-expired":
      return new Problem("invalid-request", '"expiresAtMs" lies in the past', {
        errors: [{ path: "expiresAtMs", message: "lies in the past", in: "json" }],
      });
  }
}

function userProblem(refusal: UserRefusal): Problem {
  switch (refusal.kind) {
    case "user-unknown":
      return new Problem("not-found", `There is no user "${refusal.name}"`);
    case "user-exists":
      return new Problem("precondition-failed", `There is a user "${refusal.name}" already`);
    case "bad-name":
      return new Problem("invalid-request", `"${refusal.name}" cannot be a user's name`);
    case "bad-password":
      return new Problem("invalid-request", refusal.why, {
        errors: [{ path: "password", message: refusal.why, in: "json" }],
      });
    case "last-admin":
      return new Problem(
        "precondition-failed",
        `"${refusal.name}" is the last admin; make somebody else admin first`,
      );
  }
}
