import type { Context, MiddlewareHandler } from "hono";
import { type AccessEntry, accessRefusal } from "./access.ts";
import { isAddress, isLoopbackAddress, isLoopbackHost, plainAddress } from "./addresses.ts";
import type { Principal } from "./auth/model.ts";
import { limitBody } from "./body_limit.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config.ts";
import type { HoldfastEnv } from "./http.ts";
import { newId } from "./ids.ts";
import { Problem } from "./problem.ts";
import { allowedHosts, checkHost, checkQuery, checkSite, preflight } from "./request_checks.ts";

/** The part of `Auth` that every request needs. */
export interface Authority {
  readonly enabled: boolean;
  readonly hasAdmin: boolean;
  principalOf(req: Request, remoteAddress: string | null): Promise<Principal>;
  ownerCookie(req: Request, secure: boolean): string | null;
}

export interface SecurityOptions {
  readonly config: Pick<Config, "server">;
  readonly auth: Authority;
  readonly clock: Clock;
  /** This machine's name, which people use on the local network, with and without `.local`. */
  readonly machineName?: string;
  /** Another table than the instrument's; for tests. */
  readonly access?: readonly AccessEntry[];
}

/** What `Deno.serve` hands to `app.fetch`, and what a listener may add. */
interface Listener {
  readonly remoteAddr?: Deno.Addr;
  /** A listener for running scripts: nobody is believed to be this machine's user, only tokens count. */
  readonly scriptsOnly?: boolean;
}

const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'self'",
].join("; ");

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "same-origin",
  "permissions-policy":
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

const STRICT = Object.entries(HEADERS);

/** The headers of the reply, to be written to; those of a reply that was fetched are not. */
function ownHeaders(c: Context<HoldfastEnv>): Headers {
  const { headers } = c.res;
  try {
    headers.delete("x-request-id");
    return headers;
  } catch {
    // This makes a reply of our own of it.
    c.header("x-request-id", undefined);
    return c.res.headers;
  }
}

/**
 * The middleware before every route, in order: request id and strict headers; Host; Origin; body limit;
 * who asks; whether they may. Use it first: `app.use("*", ...security(options))`. Refusals are thrown as
 * problems for the application's one `onError`.
 */
export function security(options: SecurityOptions): MiddlewareHandler<HoldfastEnv>[] {
  const { config: { server }, auth, clock, access } = options;
  const hosts = allowedHosts(server, options.machineName);
  const origins = new Set(server.allowedOrigins.map((origin) => new URL(origin).origin));
  const proxies = new Set(server.trustedProxies.map(plainAddress));

  const envelope: MiddlewareHandler<HoldfastEnv> = async (c, next) => {
    const requestId: string = newId<"Request">(clock);
    c.set("requestId", requestId);
    const peer = peerOf(c, proxies);
    c.set("remoteAddress", peer.address);
    c.set("secure", peer.secure);
    await next();
    // A reply that turns the connection into a WebSocket must be given on as it is.
    if (c.res.status === 101) return;
    const headers = ownHeaders(c);
    headers.set("x-request-id", requestId);
    for (const [name, value] of STRICT) headers.set(name, value);
    if (!headers.has("cache-control")) {
      headers.set(
        "cache-control",
        c.req.path.startsWith("/api/") ? "no-store" : "private, no-cache",
      );
    }
    const origin = c.req.header("origin");
    if (origin !== undefined && origins.has(origin)) {
      c.header("access-control-allow-origin", origin);
      c.header("access-control-expose-headers", "x-request-id, retry-after, content-disposition");
      c.header("cross-origin-resource-policy", "cross-origin");
      c.header("vary", "origin", { append: true });
    }
  };

  const site: MiddlewareHandler<HoldfastEnv> = async (c, next) => {
    checkHost(c, hosts);
    checkQuery(c);
    checkSite(c, origins);
    if (c.req.method === "OPTIONS") return preflight(c, origins);
    await next();
  };

  const who: MiddlewareHandler<HoldfastEnv> = async (c, next) => {
    const remoteAddress = c.get("remoteAddress");
    const scriptsOnly = (c.env as Listener | undefined)?.scriptsOnly === true;
    const principal = scriptsOnly && c.req.header("authorization") === undefined
      ? { kind: "anonymous", role: null } as const
      : await auth.principalOf(c.req.raw, remoteAddress);
    c.set("principal", principal);
    const fromThisMachine = !scriptsOnly &&
      (remoteAddress === null || isLoopbackAddress(remoteAddress));
    const refusal = accessRefusal(
      { method: c.req.method, path: c.req.path, fromThisMachine },
      principal,
      access,
    );
    switch (refusal?.kind) {
      case "login-required":
        if (auth.enabled && wantsPage(c)) {
          const { pathname, search } = new URL(c.req.url);
          return c.redirect(`/login?next=${encodeURIComponent(pathname + search)}`, 303);
        }
        throw new Problem(
          "login-required",
          auth.enabled
            ? 'Log in, or send a token as "Authorization: Bearer"'
            : "Authentication is not set up, so only the machine itself may connect",
        );
      case "forbidden":
        throw new Problem("forbidden", refusal.why);
      case "not-found":
        throw new Problem("not-found", `Nothing takes ${c.req.method} at this address`);
      case "method-not-allowed":
        c.header("allow", refusal.allowed.join(", "));
        throw new Problem(
          "method-not-allowed",
          `This address takes ${refusal.allowed.join(", ")}, not ${c.req.method}`,
        );
    }
    await next();
    // The request of a connection that is a WebSocket now can no longer be looked at.
    if (c.res.status === 101) return;
    if (principal.kind === "local" && wantsPage(c)) {
      const cookie = auth.ownerCookie(c.req.raw, c.get("secure"));
      if (cookie !== null) c.header("set-cookie", cookie, { append: true });
    }
  };

  return [envelope, site, limitBody(server.bodyLimitMb * 1024 * 1024, clock), who];
}

/** Listening beyond this machine would expose hardware that anyone may drive. */
export class UnsafeListen extends Error {
  override readonly name = "UnsafeListen";
}

/**
 * Refuses to listen where others could connect without a login.
 *
 * @throws {UnsafeListen} unless `server.host` is loopback, or authentication is on and has an admin.
 */
export function assertSafeListen(
  config: Pick<Config, "server">,
  auth: Pick<Authority, "enabled" | "hasAdmin">,
): void {
  const { host } = config.server;
  if (isLoopbackHost(host)) return;
  if (!auth.enabled) {
    throw new UnsafeListen(
      `Cannot listen on "${host}": anyone who reaches this machine could drive the instrument. ` +
        'Set "enabled = true" under [auth] and add an admin with "holdfast user add NAME --role admin", ' +
        'or listen on "127.0.0.1"',
    );
  }
  if (!auth.hasAdmin) {
    throw new UnsafeListen(
      `Cannot listen on "${host}": authentication is on, but there is no admin yet. ` +
        'Add one with "holdfast user add NAME --role admin"',
    );
  }
}

const FORWARDING = ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host"];

/**
 * The true peer. A proxy is believed only when it is configured; an unknown one on this machine makes a
 * caller that is not this machine, for its real origin is unknown.
 */
function peerOf(
  c: Context<HoldfastEnv>,
  proxies: ReadonlySet<string>,
): { address: string | null; secure: boolean } {
  const addr = (c.env as Listener | undefined)?.remoteAddr;
  const direct = addr !== undefined && "hostname" in addr ? plainAddress(addr.hostname) : null;
  const isTls = c.req.url.startsWith("https:");
  if (direct !== null && proxies.has(direct)) {
    const chain = (c.req.header("x-forwarded-for") ?? "").split(",").map((part) =>
      plainAddress(part.trim().replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1"))
    );
    const client = chain.findLast((address) => !proxies.has(address));
    return {
      address: client !== undefined && isAddress(client) ? client : "unknown",
      secure: isTls || c.req.header("x-forwarded-proto")?.split(",").at(-1)?.trim() === "https",
    };
  }
  const isForwarded = FORWARDING.some((name) => c.req.header(name) !== undefined);
  return { address: isForwarded ? "unknown" : direct, secure: isTls };
}

/** A browser asking for a page, not a program asking for data. */
function wantsPage(c: Context<HoldfastEnv>): boolean {
  return c.req.method === "GET" && !c.req.path.startsWith("/api/") &&
    /\btext\/html\b/.test(c.req.header("accept") ?? "");
}
