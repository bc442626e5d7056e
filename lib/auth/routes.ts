import { createRoute, z } from "@hono/zod-openapi";
import { jsonBody, jsonReply, problems } from "../http.ts";
import { Role, Scope } from "./model.ts";
import { NAME_PATTERN, PASSWORD_MAX, PASSWORD_MIN } from "./users.ts";

const Name = z.string().trim().toLowerCase().regex(
  NAME_PATTERN,
  "must be 1 to 32 lower case letters, digits, ., _ and -, starting with a letter",
);
const Password = z.string().min(PASSWORD_MIN).max(PASSWORD_MAX);

export const LoginAsk = z.object({
  name: z.string().min(1).max(64),
  password: z.string().min(1).max(1024),
  /** Forms only: where to go afterwards. */
  next: z.string().max(2048).optional(),
}).strict();

const Me = z.object({
  kind: z.enum(["local", "user", "token", "experiment", "anonymous"]),
  /** As event lists show you: `user:anna`. */
  actor: z.string(),
  name: z.string(),
  role: Role.nullable(),
  scopes: z.array(z.string()),
  /** Whether people log in on this machine. */
  authEnabled: z.boolean(),
}).openapi("Me");

const UserReply = z.object({ name: z.string(), role: Role, createdAtMs: z.number().int() })
  .openapi("User");

const TokenReply = z.object({
  id: z.string(),
  name: z.string(),
  role: Role,
  scopes: z.array(Scope),
  createdBy: z.string(),
  createdAtMs: z.number().int(),
  expiresAtMs: z.number().int().nullable(),
  /** Exact to five minutes. */
  lastUsedAtMs: z.number().int().nullable(),
  expired: z.boolean(),
}).openapi("Token");

const TokenAsk = z.strictObject({
  name: z.string().trim().regex(
    /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u,
    "must be 1 to 64 letters, digits, spaces, ., _ and -",
  ),
  role: Role.default("operator"),
  scopes: z.array(Scope).max(4).default([]),
  expiresAtMs: z.number().int().nullable().default(null),
});

const tags = ["access"];

export const loginRoute = createRoute({
  method: "post",
  path: "/login",
  tags,
  summary: "Log in",
  description: "Sets the session cookie. A form is answered with a redirect to `next`.",
  request: {
    body: {
      content: {
        "application/json": {
          schema: LoginAsk,
          example: { name: "anna", password: "correct horse battery" },
        },
        "application/x-www-form-urlencoded": { schema: LoginAsk },
      },
    },
  },
  responses: {
    200: jsonReply("Logged in", UserReply),
    303: { description: "A form: on to `next`, or back to the login page" },
    ...problems("login-required", "too-many-attempts", "invalid-request", "malformed-body"),
  },
});

export const logoutRoute = createRoute({
  method: "post",
  path: "/logout",
  tags,
  summary: "Log out",
  description: "Ends this session. A form is answered with a redirect to the login page.",
  responses: {
    204: { description: "Logged out" },
    303: { description: "A form: to the login page" },
  },
});

export const meRoute = createRoute({
  method: "get",
  path: "/me",
  tags,
  summary: "Who you are",
  responses: { 200: jsonReply("You, as this request shows you", Me) },
});

export const passwordRoute = createRoute({
  method: "put",
  path: "/me/password",
  tags,
  summary: "Change your password",
  description: "Ends all your sessions, this one included.",
  request: {
    body: jsonBody(
      z.strictObject({ current: z.string().max(1024), next: Password }),
      { current: "correct horse battery", next: "staple and another horse" },
    ),
  },
  responses: {
    204: { description: "Changed" },
    ...problems("login-required", "forbidden", "invalid-request", "too-many-attempts"),
  },
});

export const tokensRoute = createRoute({
  method: "get",
  path: "/tokens",
  tags,
  summary: "List API tokens",
  description: "An admin sees all, others those they made. No token is ever shown again.",
  responses: { 200: jsonReply("Newest first", z.object({ tokens: z.array(TokenReply) })) },
});

export const issueRoute = createRoute({
  method: "post",
  path: "/tokens",
  tags,
  summary: "Issue an API token",
  description: "The token is in this reply and nowhere else. Its role is at most yours.",
  request: {
    body: jsonBody(TokenAsk, { name: "growth logger", role: "observer", scopes: ["telemetry"] }),
  },
  responses: {
    201: jsonReply("Issued", TokenReply.extend({ token: z.string() }).openapi("IssuedToken")),
    ...problems("forbidden", "invalid-request", "malformed-body"),
  },
});

export const revokeRoute = createRoute({
  method: "delete",
  path: "/tokens/{id}",
  tags,
  summary: "Revoke an API token",
  request: {
    params: z.object({ id: z.string().openapi({ example: "01JQZ3T5V8Y2K4M6N8P0R2S4T6" }) }),
  },
  responses: { 204: { description: "Void from now on" }, ...problems("not-found", "forbidden") },
});

export const usersRoute = createRoute({
  method: "get",
  path: "/users",
  tags,
  summary: "List users",
  responses: { 200: jsonReply("By name", z.object({ users: z.array(UserReply) })) },
});

export const addUserRoute = createRoute({
  method: "post",
  path: "/users",
  tags,
  summary: "Add a user",
  request: {
    body: jsonBody(z.strictObject({ name: Name, role: Role, password: Password }), {
      name: "bert",
      role: "operator",
      password: "a long enough phrase",
    }),
  },
  responses: {
    201: jsonReply("Added", UserReply),
    ...problems("invalid-request", "precondition-failed", "malformed-body"),
  },
});

const userParams = z.object({ name: z.string().openapi({ example: "bert" }) });

export const changeUserRoute = createRoute({
  method: "patch",
  path: "/users/{name}",
  tags,
  summary: "Change a user's role or password",
  description: "A new password ends the user's sessions. The last admin stays admin.",
  request: {
    params: userParams,
    body: jsonBody(
      z.strictObject({ role: Role.optional(), password: Password.optional() }),
      { role: "observer" },
    ),
  },
  responses: {
    200: jsonReply("Changed", UserReply),
    ...problems("not-found", "invalid-request", "precondition-failed", "malformed-body"),
  },
});

export const removeUserRoute = createRoute({
  method: "delete",
  path: "/users/{name}",
  tags,
  summary: "Remove a user",
  description: "Ends the user's sessions. Tokens the user made stay; revoke them by themselves.",
  request: { params: userParams },
  responses: {
    204: { description: "Removed" },
    ...problems("not-found", "precondition-failed"),
  },
});
