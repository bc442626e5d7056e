import type { Context } from "hono";
import { isAddress, isLoopbackHost, plainAddress } from "./addresses.ts";
import type { Config } from "./config.ts";
import type { HoldfastEnv } from "./http.ts";
import { Problem } from "./problem.ts";

/** Whether a host name, without port, is one this machine answers to. */
type HostCheck = (host: string) => boolean;

/** The names and addresses `server` answers to; those of this machine only where it listens beyond it. */
export function allowedHosts(server: Config["server"], machineName?: string): HostCheck {
  const names = new Set(server.allowedHosts.map((host) => plainAddress(host)));
  const isOpen = !isLoopbackHost(server.host);
  if (isOpen && machineName !== undefined && machineName !== "") {
    const short = machineName.toLowerCase().split(".")[0]!;
    for (const name of [machineName.toLowerCase(), short, `${short}.local`]) names.add(name);
  }
  return (host) => {
    if (isLoopbackHost(host) || names.has(plainAddress(host))) return true;
    // DNS rebinding needs a name; an address in the Host header is what was typed.
    return isOpen && isAddress(host);
  };
}

function hostOf(authority: string): string | null {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(authority);
  return match?.[1] ?? null;
}

/** @throws {Problem} `bad-host` for a name that is not ours: DNS rebinding, or a forgotten setting. */
export function checkHost(c: Context<HoldfastEnv>, isAllowed: HostCheck): void {
  // The server builds the address from the header as it came: `localhost:99999` makes none.
  if (!URL.canParse(c.req.url)) throw new Problem("bad-host", "The Host header names no host");
  const header = c.req.header("host") ?? new URL(c.req.url).host;
  const host = hostOf(header);
  if (host === null || !isAllowed(host)) {
    throw new Problem(
      "bad-host",
      "This instrument does not go by that name; add it to server.allowed_hosts if it should",
    );
  }
}

const SECRET_PARAMETER =
  /^(token|access_token|auth_token|api_?key|authorization|password|session_?id|holdfast_session)$/i;

/** Addresses end up in histories, logs and referrers; a secret in one is refused, so that nobody starts to rely on it. */
export function checkQuery(c: Context<HoldfastEnv>): void {
  for (const [name, value] of new URL(c.req.url).searchParams) {
    if (SECRET_PARAMETER.test(name) || value.startsWith("hf_")) {
      throw new Problem(
        "invalid-request",
        'Secrets are not taken from the address; send "Authorization: Bearer" instead',
        {
          errors: [{
            path: SECRET_PARAMETER.test(name) ? name : "",
            message: "is not taken from the address",
            in: "query",
          }],
        },
      );
    }
  }
}

const SAFE_METHODS = ["GET", "HEAD", "OPTIONS"];

/**
 * Whether a page of another site sent this. Browsers say so in `Origin` and `Sec-Fetch-Site`; a request
 * with neither comes from a program, which no foreign page can make send our cookies.
 */
export function checkSite(c: Context<HoldfastEnv>, origins: ReadonlySet<string>): void {
  const origin = c.req.header("origin");
  const site = c.req.header("sec-fetch-site");
  if (origin !== undefined && origins.has(origin)) return;
  const isUnsafe = !SAFE_METHODS.includes(c.req.method) || c.req.header("upgrade") !== undefined;
  const isForeign = origin !== undefined && !isOwnOrigin(origin, c) ||
    site !== undefined && site !== "same-origin" && site !== "none";
  if (!isForeign) return;
  const isNavigation = c.req.header("sec-fetch-mode") === "navigate" && !isUnsafe;
  // Links from elsewhere are fine, and so is what a foreign page can neither read nor change.
  if (!isUnsafe && (isNavigation || !c.req.path.startsWith("/api/"))) return;
  if (c.req.method === "OPTIONS") return;
  throw new Problem(
    "bad-origin",
    "A page of another site sent this; add its origin to server.allowed_origins if it should",
  );
}

/** By host and port: behind a proxy the scheme we see is not the browser's. */
function isOwnOrigin(origin: string, c: Context<HoldfastEnv>): boolean {
  if (!/^https?:\/\//.test(origin) || !URL.canParse(origin)) return false;
  const host = (c.req.header("host") ?? new URL(c.req.url).host).toLowerCase();
  const given = new URL(origin).host;
  return given === host || given === host.replace(/:(80|443)$/, "");
}

/** The answer to `OPTIONS`: what pages of configured origins may send. */
export function preflight(c: Context<HoldfastEnv>, origins: ReadonlySet<string>): Response {
  const origin = c.req.header("origin");
  if (origin !== undefined && origins.has(origin)) {
    c.header("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE");
    c.header(
      "access-control-allow-headers",
      "authorization, content-type, idempotency-key, if-match, last-event-id",
    );
    c.header("access-control-max-age", "600");
  }
  return c.body(null, 204);
}
