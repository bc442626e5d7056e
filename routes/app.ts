import { OpenAPIHono } from "@hono/zod-openapi";
import { App, HttpError, staticFiles, trailingSlashes } from "fresh";
import { asset } from "fresh/runtime";
import type { Manifest } from "../lib/fresh/manifest.ts";
import { attachBuild, openBuild, openDevBuild } from "../lib/fresh/server.ts";
import { healthApi } from "../lib/health.ts";
import { type HoldfastEnv, problemHandler, problemNotFound } from "../lib/http.ts";
import { type Instrument, type State, THEMES } from "../lib/instrument/mod.ts";
import { RequestMeter } from "../lib/metrics.ts";
import { openApiRouter } from "../lib/openapi_api.ts";
import { withForm } from "../lib/page_form.ts";
import { Problem } from "../lib/problem.ts";
import { security } from "../lib/security.ts";
import { API_BASE, nativeApi } from "./api.ts";
import { originals } from "./compat.ts";
import { locksFaceShapes } from "./compat_coordination.ts";
import { smartemCompat, smartemShapes } from "./compat_smartem.ts";

export interface Site {
  /** Folder that holds `_fresh/` and `static/`. */
  readonly root: string;
  /** The pages and islands, as `fresh.gen.ts` lists them. */
  readonly manifest: Manifest;
  /** Bundles on the fly and reloads pages as files change. */
  readonly dev: boolean;
  /** This machine's name on the network, which pages may be asked under. */
  readonly machineName?: string;
}

/**
 * The whole HTTP face of one instrument on one listener: checks first, then the native API, the paths of
 * the systems Holdfast replaces, and last the pages.
 * @throws {NotBuilt} when the pages have not been built.
 */
export async function buildApp(
  instrument: Instrument,
  site: Site,
): Promise<OpenAPIHono<HoldfastEnv>> {
  const { config, auth, clock, log } = instrument;
  const app = new OpenAPIHono<HoldfastEnv>();
  const meter = new RequestMeter(clock);
  app.onError(problemHandler(log));
  app.use("*", meter.middleware);
  app.use("*", locksFaceShapes);
  app.use("*", smartemShapes);
  app.use("*", ...security({ config, auth, clock, machineName: site.machineName }));
  app.route("/", healthApi(instrument, meter));
  app.route(API_BASE, nativeApi(instrument));
  app.route(
    "/",
    openApiRouter({
      described: app,
      version: instrument.version,
      instrumentName: config.instrument.name,
      asset,
    }),
  );
  app.route("/", smartemCompat(instrument.smartem));
  app.route("/", originals(instrument));
  app.all("/api/*", problemNotFound);

  const pages = await pagesOf(site, (error, request) => {
    log.error("a page failed", { path: new URL(request.url).pathname, error });
  });
  app.all("*", async (c) => {
    const request = c.req.method === "POST" ? await withForm(c.req.raw) : c.req.raw;
    return await pages(request, {
      instrument,
      principal: c.get("principal"),
      theme: themeOf(c.req.header("cookie")),
    });
  });
  return app;
}

type PagesHandler = (request: Request, state: State) => Promise<Response>;

async function pagesOf(
  { root, manifest, dev }: Site,
  onError: (error: unknown, request: Request) => void,
): Promise<PagesHandler> {
  const build = dev ? await openDevBuild({ root, manifest }) : await openBuild({ root, manifest });
  const app = new App<State>({ mode: dev ? "development" : "production" });
  // What the outer router knows of a request reaches the pages as their state.
  const states = new WeakMap<Request, State>();
  app.use((ctx) => {
    Object.assign(ctx.state, states.get(ctx.req));
    return ctx.next();
  });
  app.use(staticFiles());
  app.use(trailingSlashes("never"));
  app.use(async (ctx) => {
    try {
      return await ctx.next();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw new HttpError(error.status as 500, error.detail, { cause: error });
    }
  });
  app.fsRoutes();
  attachBuild(app, build, onError);
  const handle = app.handler();
  return (request, state) => {
    states.set(request, state);
    return handle(request);
  };
}

function themeOf(cookie: string | undefined): State["theme"] {
  const asked = /(?:^|;\s*)theme=([a-z]+)/.exec(cookie ?? "")?.[1];
  return THEMES.find((theme) => theme === asked) ?? "system";
}
