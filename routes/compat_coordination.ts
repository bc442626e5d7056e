import { type Context, Hono, type MiddlewareHandler } from "hono";
import { actorOf } from "../lib/auth/model.ts";
import type { Coordination } from "../lib/coordination/mod.ts";
import type { Face } from "../lib/compat/mod.ts";
import { BodyFaults, notJson } from "../lib/fastapi.ts";
import type { HoldfastEnv } from "../lib/http.ts";

type Act = (c: Context<HoldfastEnv>) => Response | Promise<Response>;

/** What this router takes, and how; for who asks otherwise. */
const TAKES: Readonly<Record<string, string>> = {
  "/api/lock/request": "POST",
  "/api/lock/release": "POST",
  "/api/locks/status": "GET",
  "/api/locks/device/:device_name": "GET",
  "/api/health/live": "GET",
  "/api/health/ready": "GET",
};

/** The device coordination service's paths, as its clients know them, on every port. */
export function coordinationCompat(coordination: Coordination): Hono<HoldfastEnv> {
  const api = new Hono<HoldfastEnv>();

  api.post(
    "/api/lock/request",
    plain(async (c) => {
      const { status, body } = await coordination.request(
        await bodyOf(c),
        c.get("principal"),
        c.req.raw.signal,
      );
      return c.json(body, status);
    }),
  );
  api.post(
    "/api/lock/release",
    plain(async (c) => {
      const query = new URL(c.req.url).searchParams;
      const { status, body } = await coordination.release(query, c.get("principal"));
      return c.json(body, status);
    }),
  );
  api.get(
    "/api/locks/status",
    plain((c) => c.body(coordination.statusBytes(), 200, { "content-type": "application/json" })),
  );
  api.get(
    "/api/locks/device/:device_name",
    plain((c) => c.json(coordination.device(c.req.param("device_name") ?? ""))),
  );
  api.get("/api/health/live", plain((c) => c.json(coordination.live())));
  api.get(
    "/api/health/ready",
    plain((c) => {
      const { status, body } = coordination.ready();
      return c.json(body, status);
    }),
  );
  api.get("/ws", async (c, next) => {
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") return await next();
    return coordination.socket(c.req.raw, actorOf(c.get("principal")));
  });

  for (const path of ["/api/lock/request", "/api/lock/release"]) {
    api.get(path, (c) => c.json({ detail: "Method Not Allowed" }, 405, { allow: "POST" }));
  }
  return api;
}

/** What a browser needs of the pages to show `/docs` and what an error's page says. */
const ASIDE = /^\/(css|icons|problems|_fresh)\/|^\/(icon\.svg|favicon\.ico)$/;

/** The locks' own port shows no pages: what nothing above took is not there. */
export function locksFaceOnly(): Hono<HoldfastEnv> {
  return new Hono<HoldfastEnv>()
    .get("/redoc", onLocksFace((c) => c.redirect("/docs", 302)))
    .get("/openapi.json", onLocksFace((c) => c.redirect("/api/openapi.json", 302)))
    .all(
      "*",
      onLocksFace((c) => {
        if (ASIDE.test(c.req.path)) return null;
        const allow = allowOf(c.req.path);
        return allow === null
          ? c.json({ detail: "Not Found" }, 404)
          : c.json({ detail: "Method Not Allowed" }, 405, { allow });
      }),
    );
}

/**
 * On the locks' own port: refusals of paths and methods, and the answer to `OPTIONS`, as the original gives
 * them. To be used before everything else.
 */
export const locksFaceShapes: MiddlewareHandler<HoldfastEnv> = async (c, next) => {
  await next();
  if (faceOf(c) !== "locks" || c.res.status === 101) return;
  const { status, headers } = c.res;
  const isProblem = headers.get("content-type") === "application/problem+json";
  const isNative = c.req.path.startsWith("/api/v1/");
  if (isProblem && (status === 404 || status === 405) && !isNative) {
    // What no rule of access names is not there for the checks before us; the original says 405.
    const allow = allowOf(c.req.path);
    const detail = allow === null ? "Not Found" : "Method Not Allowed";
    const kept = new Headers(headers);
    kept.set("content-type", "application/json");
    kept.delete("allow");
    if (allow !== null) kept.set("allow", allow);
    c.res = undefined;
    c.res = new Response(JSON.stringify({ detail }), {
      status: allow === null ? 404 : 405,
      headers: kept,
    });
  }
  if (c.req.method === "OPTIONS" && status === 204) {
    const kept = new Headers(headers);
    kept.set("content-type", "text/plain; charset=utf-8");
    c.res = undefined;
    c.res = new Response("OK", { status: 200, headers: kept });
  }
  if (c.res.headers.has("access-control-allow-origin")) {
    c.header("access-control-allow-credentials", "true");
  }
};

/** The method one of the original's paths takes, `null` for any other path. */
function allowOf(path: string): string | null {
  const found = Object.entries(TAKES).find(([pattern]) =>
    pattern.endsWith("/:device_name")
      ? /^\/api\/locks\/device\/[^/]+$/.test(path)
      : pattern === path
  );
  return found?.[1] ?? null;
}

function faceOf(c: Context<HoldfastEnv>): Face | undefined {
  return (c.env as { readonly face?: Face } | undefined)?.face;
}

function onLocksFace(
  act: (c: Context<HoldfastEnv>) => Response | null,
): MiddlewareHandler<HoldfastEnv> {
  return async (c, next) => {
    const reply = faceOf(c) === "locks" ? act(c) : null;
    if (reply !== null) return reply;
    await next();
  };
}

/** Errors of the body in the original's shape; nothing is cached. */
function plain(act: Act): Act {
  return async (c) => {
    c.header("cache-control", "no-store");
    try {
      return await act(c);
    } catch (error) {
      if (error instanceof BodyFaults) return c.json({ detail: error.detail }, 422);
      throw error;
    }
  };
}

/** As there: only what calls itself JSON is read as JSON; else the text itself is what does not fit. */
async function bodyOf(c: Context<HoldfastEnv>): Promise<unknown> {
  const text = await c.req.text();
  if (text === "") return undefined;
  if (!/^application\/([\w.-]+\+)?json\b/i.test(c.req.header("content-type") ?? "")) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    const at = /position (\d+)/.exec(String(error))?.[1];
    throw notJson(at === undefined ? text.length : Number(at), "The body is not valid JSON");
  }
}
