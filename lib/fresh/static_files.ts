import { ASSET_KEY } from "./build_id.ts";
import { internalsOf } from "./context.ts";
import type { Middleware } from "./handlers.ts";
import type { Encoding, StaticFile } from "./manifest.ts";

const ONE_YEAR = "public, max-age=31536000, immutable";
// Kept, but asked about each time: the answer is mostly "304 Not Modified".
const ASK_AGAIN = "public, no-cache";

/**
 * Serves the files of `static/` and the bundles of islands. Only files known when the build was opened are
 * looked up, by their whole path, so no address leads outside.
 */
export function staticFiles<State>(): Middleware<State> {
  return async (ctx) => {
    const { build } = internalsOf(ctx);
    const { method, headers } = ctx.req;
    if (method !== "GET" && method !== "HEAD") return await ctx.next();
    const special = await build.devResponse(ctx.url);
    if (special !== null) return special;
    const file = build.file(ctx.url.pathname);
    if (file === null) return await ctx.next();
    const encoding = chooseEncoding(headers.get("accept-encoding"), file);
    const etag = encoding === null ? file.etag : file.etag.replace(/"$/, `-${encoding}"`);
    const isThisBuild = ctx.url.searchParams.get(ASSET_KEY) === build.id;
    const answer = new Headers({
      "content-type": file.contentType,
      "etag": etag,
      "cache-control": file.immutable || isThisBuild ? ONE_YEAR : ASK_AGAIN,
      "x-content-type-options": "nosniff",
    });
    if (file.encodings.length > 0) answer.set("vary", "accept-encoding");
    if (sameTag(headers.get("if-none-match"), etag)) {
      return new Response(null, { status: 304, headers: answer });
    }
    let body: Uint8Array<ArrayBuffer>;
    try {
      body = await file.read(encoding);
    } catch (error) {
      // Taken away since the build was opened: then it is as if it had never been there.
      if (error instanceof Deno.errors.NotFound) return await ctx.next();
      throw error;
    }
    if (encoding !== null) answer.set("content-encoding", encoding);
    answer.set("content-length", String(body.byteLength));
    return new Response(method === "HEAD" ? null : body, { headers: answer });
  };
}

// Weak comparison, RFC 9110 section 13.1.2: a proxy that compresses may have weakened our tag.
function sameTag(given: string | null, etag: string): boolean {
  if (given === null) return false;
  return given.split(",").some((tag) =>
    tag.trim() === "*" || tag.trim().replace(/^W\//, "") === etag
  );
}

function chooseEncoding(accept: string | null, file: StaticFile): Encoding | null {
  const accepted = new Map(
    (accept ?? "").split(",").map((entry) => {
      const [name = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
      const q = parameters.find((parameter) => parameter.startsWith("q="));
      return [name, q === undefined ? 1 : Number(q.slice(2))];
    }),
  );
  return file.encodings.find((encoding) => (accepted.get(encoding) ?? 0) > 0) ?? null;
}
