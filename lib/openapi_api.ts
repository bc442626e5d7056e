import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import { apiPage } from "./api_page.ts";
import { createApi, type HoldfastEnv } from "./http.ts";
import { type OpenApiDocument, openApiDocument } from "./openapi.ts";

export interface OpenApiOptions {
  /** What is described: a router with every other mounted in it. */
  readonly described: OpenAPIHono<HoldfastEnv>;
  readonly version: string;
  readonly instrumentName: string;
  /** A static file's address in this build. */
  readonly asset?: (path: string) => string;
}

const THEMES = ["light", "dark", "darkroom"] as const;

/** `/api/openapi.json` and `/docs`, to be mounted at the root. The document is made at the first request. */
export function openApiRouter(options: OpenApiOptions): OpenAPIHono<HoldfastEnv> {
  const { described, version, instrumentName, asset = (path) => path } = options;
  let made: OpenApiDocument | null = null;
  const document = () => made ??= openApiDocument(described, { version });
  const api = createApi();
  api.get("/api/openapi.json", (c) => {
    c.header("cache-control", "private, no-cache");
    return c.json(document());
  });
  api.get("/docs", (c) =>
    c.html(apiPage({
      document: document(),
      base: baseOf(c),
      instrumentName,
      theme: THEMES.find((theme) => theme === getCookie(c, "theme")) ?? "system",
      asset,
    })));
  return api;
}

function baseOf(c: Context<HoldfastEnv>): string {
  const host = c.req.header("host") ?? new URL(c.req.url).host;
  return `${c.get("secure") ? "https" : "http"}://${host}`;
}
