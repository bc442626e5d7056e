import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, ErrorHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ZodError } from "zod";
import type { Principal } from "./auth/model.ts";
import { ContentionError, KvUnavailable } from "./kv.ts";
import type { Log } from "./log.ts";
import { Problem, type ProblemKind, PROBLEMS } from "./problem.ts";

/** What the security middleware puts on every request; the Hono environment of every router. */
export type HoldfastEnv = {
  Variables: {
    /** Who asks; `anonymous` where nobody does. */
    principal: Principal;
    /** Names this request in the log and in `x-request-id`. */
    requestId: string;
    /** Peer's IP address without port, or `null` when the transport gives none (a Unix socket). */
    remoteAddress: string | null;
    /** Whether the browser's side of the connection is encrypted, so that cookies can be `Secure`. */
    secure: boolean;
  };
};

/** One thing wrong with a request, as clients see it in `errors` of an `invalid-request` problem. */
export interface FieldError {
  /** Dotted path below `in`: `args.velocity`; empty for the whole. */
  readonly path: string;
  readonly message: string;
  /** Which part of the request: `json`, `form`, `query`, `param`, `header`, `cookie`. */
  readonly in?: string;
}

/** All that zod found, in its order, with dotted paths and one line each. */
export function fieldErrors(error: ZodError, part?: string): FieldError[] {
  return error.issues.map((issue) => ({
    path: issue.path.map(String).join("."),
    message: issue.message,
    ...(part === undefined ? {} : { in: part }),
  }));
}

/**
 * A router for one domain. A request that does not fit its route's schema is thrown as the problem
 * `invalid-request`, with everything that is wrong in `errors`.
 */
export function createApi(): OpenAPIHono<HoldfastEnv> {
  return new OpenAPIHono<HoldfastEnv>({
    defaultHook(result) {
      if (!result.success) throw invalidRequest(fieldErrors(result.error, result.target));
    },
  });
}

/** A body with thousands of mistakes is answered with the first ones. */
const ERRORS_MAX = 50;

/** The problem `invalid-request`, whose `detail` names the first errors for clients that read no further. */
export function invalidRequest(errors: readonly FieldError[]): Problem {
  const named = errors.slice(0, 3).map(({ path, message }) =>
    path === "" ? message : `"${path}": ${message}`
  );
  const more = errors.length > 3 ? ` (and ${errors.length - 3} more)` : "";
  return new Problem("invalid-request", named.join("; ") + more, {
    errors: errors.slice(0, ERRORS_MAX),
  });
}

/** Any thrown thing as the problem it is; what we do not know becomes `internal` without a word of its cause. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof HTTPException) return ofHttpException(error);
  if (error instanceof SyntaxError && /JSON/.test(error.message)) {
    return new Problem("malformed-body", "The body is not valid JSON", {}, { cause: error });
  }
  if (error instanceof KvUnavailable) {
    return new Problem(
      "store-unavailable",
      error.maybeWritten
        ? "The store failed and does not say whether it wrote; look before trying again"
        : "The store does not answer; nothing was changed",
      {},
      { cause: error },
    );
  }
  if (error instanceof ContentionError) {
    return new Problem(
      "store-unavailable",
      "Too many changes at once to the same record; nothing was changed, try again",
      {},
      { cause: error },
    );
  }
  return new Problem(
    "internal",
    "Something failed inside Holdfast; the log holds the cause under this request id",
    {},
    { cause: error },
  );
}

const KIND_OF_STATUS: Readonly<Record<number, ProblemKind>> = {
  400: "malformed-body",
  401: "login-required",
  403: "forbidden",
  404: "not-found",
  405: "method-not-allowed",
  413: "too-large",
  415: "unsupported-media-type",
  429: "too-many-attempts",
};

function ofHttpException(error: HTTPException): Problem {
  const kind = KIND_OF_STATUS[error.status];
  if (kind === undefined) {
    return new Problem("internal", "Something failed inside Holdfast", {}, { cause: error });
  }
  return new Problem(kind, error.message || PROBLEMS[kind].title, {}, { cause: error });
}

/**
 * The reply to a thrown error: `application/problem+json` with the request id, never a stack, a path of
 * this machine or a cause. Sends `retry-after` (seconds) when the problem has a `retryAfterS` member.
 */
export function problemResponse(error: unknown, c: Context): Response {
  const problem = toProblem(error);
  const requestId: unknown = c.get("requestId");
  const headers: Record<string, string> = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
  };
  if (typeof requestId === "string") headers["x-request-id"] = requestId;
  const { retryAfterS } = problem.members;
  if (typeof retryAfterS === "number") headers["retry-after"] = String(Math.ceil(retryAfterS));
  if (problem.kind === "login-required") headers["www-authenticate"] = 'Bearer realm="holdfast"';
  const body = {
    ...problem.toJSON(),
    ...(typeof requestId === "string" ? { requestId } : {}),
  };
  return c.body(JSON.stringify(body), problem.status as 500, headers);
}

/** The application's one `onError`: logs what is our fault with its cause, answers as `problemResponse` does. */
export function problemHandler(log: Log): ErrorHandler<HoldfastEnv> {
  return (error, c) => {
    const problem = toProblem(error);
    if (problem.status >= 500) {
      log.error("request failed", {
        requestId: c.get("requestId"),
        method: c.req.method,
        path: c.req.path,
        problem: problem.kind,
        error: problem.cause ?? problem,
      });
    }
    return problemResponse(problem, c);
  };
}

/** The application's `notFound` for everything that is no page. */
export function problemNotFound(c: Context): Response {
  return problemResponse(
    new Problem("not-found", `There is nothing at "${c.req.path.slice(0, 200)}"`),
    c,
  );
}

/** Every error's body: RFC 9457, with `code` and whatever members its kind adds. */
export const ProblemBody = z.looseObject({
  type: z.string().openapi({ example: "/problems/device-held" }),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string().openapi({ example: "device_held" }),
  requestId: z.string().optional(),
}).openapi("Problem");

interface ProblemDoc {
  description: string;
  content: { "application/problem+json": { schema: typeof ProblemBody } };
}

/** Entries for `responses` of `createRoute`: `{ 200: …, ...problems("device-held", "device-unknown") }`. */
export function problems<const K extends ProblemKind>(
  ...kinds: K[]
): { [S in (typeof PROBLEMS)[K]["status"]]: ProblemDoc } {
  const docs: Record<number, ProblemDoc> = {};
  for (const kind of kinds) {
    const { status, title } = PROBLEMS[kind];
    const line = `${title} (\`${kind}\`)`;
    const earlier = docs[status];
    docs[status] = {
      description: earlier === undefined ? line : `${earlier.description}; ${line}`,
      content: { "application/problem+json": { schema: ProblemBody } },
    };
  }
  return docs as { [S in (typeof PROBLEMS)[K]["status"]]: ProblemDoc };
}

/**
 * `request.body` of `createRoute` for a JSON body that must be there. Without `required` a request
 * with an empty body would reach the handler unvalidated, as `{}`.
 */
export function jsonBody<S extends z.ZodType>(schema: S, example: z.input<S>): {
  required: true;
  content: { "application/json": { schema: S; example: z.input<S> } };
} {
  return { required: true, content: { "application/json": { schema, example } } };
}

/** One entry of `responses` for a JSON reply. */
export function jsonReply<S extends z.ZodType>(description: string, schema: S): {
  description: string;
  content: { "application/json": { schema: S } };
} {
  return { description, content: { "application/json": { schema } } };
}
