/** Where the SmartEM API stands inside. */
export const SMARTEM_BASE = "/smartem";

/** Paths that mean the same under every face. */
const COMMON =
  /^\/(api\/v1|problems|css|icons|_fresh)(\/|$)|^\/(icon\.svg|favicon\.ico|healthz|readyz|metrics)$/;

/**
 * The request at the address where the SmartEM API stands: `base` is the path its clients were given, "/" on
 * a port of its own. Anything else is given on as it came.
 */
export function toSmartem(request: Request, base: string): Request {
  // The server builds the address from the header as it came: `localhost:99999` makes none.
  const url = URL.parse(request.url);
  if (url === null) return request;
  const { pathname } = url;
  const isOwn = pathname === SMARTEM_BASE || pathname.startsWith(`${SMARTEM_BASE}/`);
  if (isOwn) return request;
  if (base === "/") {
    if (COMMON.test(pathname)) return request;
    url.pathname = SMARTEM_BASE + pathname;
    return new Request(url, request);
  }
  if (pathname !== base && !pathname.startsWith(`${base}/`)) return request;
  url.pathname = SMARTEM_BASE + pathname.slice(base.length);
  return new Request(url, request);
}
