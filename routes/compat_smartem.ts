import { type Context, Hono } from "hono";
import type { MiddlewareHandler } from "hono";
import { actorOf } from "../lib/auth/model.ts";
import { BodyFaults, bool, fallback, integer, optional, readQuery } from "../lib/fastapi.ts";
import type { HoldfastEnv } from "../lib/http.ts";
import { type Reply, type Smartem, SMARTEM_BASE, SmartemRefusal } from "../lib/smartem/mod.ts";
import { jsonOf } from "./compat_answer.ts";
import { smartemAgentRoutes } from "./compat_smartem_agents.ts";
import { smartemDescription } from "./compat_smartem_openapi.ts";
import { smartemPredictionRoutes } from "./compat_smartem_predictions.ts";

/** One request of the SmartEM API, read as far as every route needs it. */
export interface Ask {
  /** The address's part of that name. */
  param(name: string): string;
  readonly query: URLSearchParams;
  readonly actor: string;
  header(name: string): string | undefined;
  /** The body as JSON, whatever it calls itself; `undefined` for none. */
  body(): Promise<unknown>;
}

/** What a route answers: a value as JSON with its status, a list that is too long to hold, or a reply as it is. */
export type Answer = Response | AsyncIterable<Reply> | { status: number; body: unknown };
export type Act = (ask: Ask) => Answer | Promise<Answer>;

/** One operation: method, path in the original's spelling, what it does, and how. */
export type Operation = readonly [method: string, path: string, summary: string, act: Act];

const ok = (body: unknown) => ({ status: 200, body });
const created = (body: unknown) => ({ status: 201, body });
const accepted = (body: unknown) => ({ status: 202, body });
const gone = { status: 204, body: null };

/** All operations of the SmartEM API but the streams of documentation. */
export function smartemOperations(smartem: Smartem): Operation[] {
  const { acquisitions, atlases, squares, micrographs, images } = smartem;
  const acquisition = "acquisition_uuid";
  const grid = "grid_uuid";
  const atlas = "atlas_uuid";
  const tile = "tile_uuid";
  const square = "gridsquare_uuid";
  const hole = "foilhole_uuid";
  const micrograph = "micrograph_uuid";
  return [
    ["GET", "/status", "Tell what this is", () => ok(smartem.status())],
    ["GET", "/version", "Tell the version", () => ok(smartem.version())],
    ["GET", "/health", "Tell whether all parts answer", async () => {
      const { isOk, report } = await smartem.health();
      return isOk ? ok(report) : { status: 503, body: { detail: report } };
    }],

    ["GET", "/acquisitions", "List acquisitions", async () => ok(await acquisitions.list())],
    [
      "GET",
      "/acquisitions/grid-counts",
      "Count the grids of each acquisition",
      async () => ok(await acquisitions.gridCounts()),
    ],
    [
      "POST",
      "/acquisitions",
      "Tell of an acquisition",
      async (a) => created(await acquisitions.create(await a.body(), a.actor)),
    ],
    [
      "GET",
      "/acquisitions/{acquisition_uuid}",
      "Read an acquisition",
      async (a) => ok(await acquisitions.get(a.param(acquisition))),
    ],
    [
      "PUT",
      "/acquisitions/{acquisition_uuid}",
      "Change an acquisition",
      async (a) => ok(await acquisitions.update(a.param(acquisition), await a.body(), a.actor)),
    ],
    ["DELETE", "/acquisitions/{acquisition_uuid}", "Delete an acquisition", async (a) => {
      await acquisitions.remove(a.param(acquisition), a.actor);
      return gone;
    }],
    [
      "GET",
      "/acquisitions/{acquisition_uuid}/grids",
      "List the grids of an acquisition",
      async (a) => ok(await acquisitions.gridsOf(a.param(acquisition))),
    ],
    [
      "POST",
      "/acquisitions/{acquisition_uuid}/grids",
      "Tell of a grid",
      async (a) =>
        created(await acquisitions.createGrid(a.param(acquisition), await a.body(), a.actor)),
    ],

    ["GET", "/grids", "List grids", async () => ok(await acquisitions.listGrids())],
    [
      "GET",
      "/grids/{grid_uuid}",
      "Read a grid",
      async (a) => ok(await acquisitions.getGrid(a.param(grid))),
    ],
    [
      "PUT",
      "/grids/{grid_uuid}",
      "Change a grid",
      async (a) => ok(await acquisitions.updateGrid(a.param(grid), await a.body(), a.actor)),
    ],
    ["DELETE", "/grids/{grid_uuid}", "Delete an empty grid", async (a) => {
      await acquisitions.removeGrid(a.param(grid));
      return gone;
    }],
    [
      "POST",
      "/grids/{grid_uuid}/registered",
      "Say that all squares of a grid were told of",
      async (a) => ok(await squares.gridRegistered(a.param(grid), a.actor)),
    ],
    [
      "GET",
      "/grids/{grid_uuid}/atlas",
      "Read the atlas of a grid",
      async (a) => ok(await atlases.ofGrid(a.param(grid))),
    ],
    [
      "POST",
      "/grids/{grid_uuid}/atlas",
      "Tell of an atlas with its tiles",
      async (a) => created(await atlases.create(a.param(grid), await a.body(), a.actor)),
    ],
    ["GET", "/grids/{grid_uuid}/atlas_image", "Show the atlas, or a part of it", async (a) => {
      const whole = optional(integer());
      const { x, y, w, h } = readQuery(a.query, { x: whole, y: whole, w: whole, h: whole });
      const part = x === null || y === null || w === null || h === null
        ? null
        : { x, y, width: Math.max(0, w), height: Math.max(0, h) };
      return picture(a, await images.atlas(a.param(grid), part));
    }],
    [
      "GET",
      "/grids/{grid_uuid}/gridsquares",
      "List the squares of a grid",
      (a) => squares.ofGrid(a.param(grid)),
    ],
    [
      "POST",
      "/grids/{grid_uuid}/gridsquares",
      "Tell of a grid square",
      async (a) => created(await squares.create(a.param(grid), await a.body(), a.actor)),
    ],
    [
      "POST",
      "/grids/{grid_uuid}/gridsquares/batch",
      "Tell of many grid squares, all or none",
      async (a) =>
        created({
          gridsquares: await squares.createBatch(a.param(grid), await a.body(), a.actor),
        }),
    ],

    ["GET", "/atlases", "List atlases", async () => ok(await atlases.list())],
    [
      "GET",
      "/atlases/{atlas_uuid}",
      "Read an atlas",
      async (a) => ok(await atlases.get(a.param(atlas))),
    ],
    [
      "PUT",
      "/atlases/{atlas_uuid}",
      "Change an atlas",
      async (a) => ok(await atlases.update(a.param(atlas), await a.body(), a.actor)),
    ],
    ["DELETE", "/atlases/{atlas_uuid}", "Delete an atlas", async (a) => {
      await atlases.remove(a.param(atlas), a.actor);
      return gone;
    }],
    [
      "GET",
      "/atlases/{atlas_uuid}/tiles",
      "List the tiles of an atlas",
      async (a) => ok(await atlases.tilesOf(a.param(atlas))),
    ],
    [
      "POST",
      "/atlases/{atlas_uuid}/tiles",
      "Tell of a tile",
      async (a) => created(await atlases.createTile(a.param(atlas), await a.body(), a.actor)),
    ],
    ["GET", "/atlas-tiles", "List tiles", async () => ok(await atlases.listTiles())],
    [
      "GET",
      "/atlas-tiles/{tile_uuid}",
      "Read a tile",
      async (a) => ok(await atlases.getTile(a.param(tile))),
    ],
    [
      "PUT",
      "/atlas-tiles/{tile_uuid}",
      "Change a tile",
      async (a) => ok(await atlases.updateTile(a.param(tile), await a.body(), a.actor)),
    ],
    ["DELETE", "/atlas-tiles/{tile_uuid}", "Delete a tile", async (a) => {
      await atlases.removeTile(a.param(tile), a.actor);
      return gone;
    }],
    [
      "POST",
      "/atlas-tiles/{tile_uuid}/gridsquares/{gridsquare_uuid}",
      "Say where a square lies on a tile",
      async (a) =>
        created(await atlases.link(a.param(tile), a.param(square), await a.body(), a.actor)),
    ],
    [
      "POST",
      "/atlas-tiles/{tile_uuid}/gridsquares",
      "Say where squares lie on a tile",
      async (a) => created(await atlases.links(a.param(tile), await a.body(), a.actor)),
    ],

    ["GET", "/gridsquares", "List grid squares", () => squares.list()],
    [
      "GET",
      "/gridsquares/{gridsquare_uuid}",
      "Read a grid square",
      async (a) => ok(await squares.get(a.param(square))),
    ],
    [
      "PUT",
      "/gridsquares/{gridsquare_uuid}",
      "Change a grid square",
      async (a) => ok(await squares.update(a.param(square), await a.body(), a.actor)),
    ],
    ["DELETE", "/gridsquares/{gridsquare_uuid}", "Delete a grid square", async (a) => {
      await squares.remove(a.param(square), a.actor);
      return gone;
    }],
    [
      "POST",
      "/gridsquares/{gridsquare_uuid}/registered",
      "Say that all holes of a square were told of",
      async (a) => {
        const { count } = readQuery(a.query, { count: optional(integer()) });
        return ok(await squares.registered(a.param(square), count, a.actor));
      },
    ],
    ["GET", "/gridsquares/{gridsquare_uuid}/foilholes", "List the holes of a square", (a) => {
      const only = readQuery(a.query, { on_square_only: fallback(bool(), false) });
      return squares.holesOf(a.param(square), only.on_square_only);
    }],
    [
      "POST",
      "/gridsquares/{gridsquare_uuid}/foilholes",
      "Tell of foil holes",
      async (a) => created(await squares.createHoles(a.param(square), await a.body(), a.actor)),
    ],
    [
      "GET",
      "/gridsquares/{gridsquare_uuid}/gridsquare_image",
      "Show a grid square",
      async (a) => picture(a, await images.square(a.param(square))),
    ],

    ["GET", "/foilholes", "List foil holes", () => squares.listHoles()],
    [
      "GET",
      "/foilholes/{foilhole_uuid}",
      "Read a foil hole",
      async (a) => ok(await squares.getHole(a.param(hole))),
    ],
    [
      "PUT",
      "/foilholes/{foilhole_uuid}",
      "Change a foil hole",
      async (a) => ok(await squares.updateHole(a.param(hole), await a.body(), a.actor)),
    ],
    ["DELETE", "/foilholes/{foilhole_uuid}", "Delete a foil hole", async (a) => {
      await squares.removeHole(a.param(hole), a.actor);
      return gone;
    }],
    [
      "GET",
      "/foilholes/{foilhole_uuid}/micrographs",
      "List the micrographs of a hole",
      (a) => micrographs.ofHole(a.param(hole)),
    ],
    [
      "POST",
      "/foilholes/{foilhole_uuid}/micrographs",
      "Tell of a micrograph",
      async (a) => created(await micrographs.create(a.param(hole), await a.body(), a.actor)),
    ],

    ["GET", "/micrographs", "List micrographs", () => micrographs.list()],
    [
      "GET",
      "/micrographs/{micrograph_uuid}",
      "Read a micrograph",
      async (a) => ok(await micrographs.get(a.param(micrograph))),
    ],
    [
      "PUT",
      "/micrographs/{micrograph_uuid}",
      "Change a micrograph, results of processing among it",
      async (a) => ok(await micrographs.update(a.param(micrograph), await a.body(), a.actor)),
    ],
    ["DELETE", "/micrographs/{micrograph_uuid}", "Delete a micrograph", async (a) => {
      await micrographs.remove(a.param(micrograph), a.actor);
      return gone;
    }],
    [
      "POST",
      "/micrographs/{micrograph_uuid}/motion_correction/completed",
      "Take in the result of motion correction",
      async (a) => accepted(await micrographs.motion(a.param(micrograph), await a.body(), a.actor)),
    ],
    [
      "POST",
      "/micrographs/{micrograph_uuid}/motion_correction/registered",
      "Say how good the motion was",
      async (a) =>
        accepted(
          await micrographs.registered(a.param(micrograph), "motion", await a.body(), a.actor),
        ),
    ],
    [
      "POST",
      "/micrographs/{micrograph_uuid}/ctf_estimation/completed",
      "Take in the result of CTF estimation",
      async (a) => accepted(await micrographs.ctf(a.param(micrograph), await a.body(), a.actor)),
    ],
    [
      "POST",
      "/micrographs/{micrograph_uuid}/ctf_estimation/registered",
      "Say how good the CTF was",
      async (a) =>
        accepted(
          await micrographs.registered(a.param(micrograph), "ctf", await a.body(), a.actor),
        ),
    ],
    ...smartemPredictionRoutes(smartem),
    ...smartemAgentRoutes(smartem),
  ];
}

/** The SmartEM API below `SMARTEM_BASE`. */
export function smartemCompat(smartem: Smartem): Hono<HoldfastEnv> {
  const api = new Hono<HoldfastEnv>();
  const operations = smartemOperations(smartem);
  for (const [method, path, , act] of operations) {
    const pattern = SMARTEM_BASE + path.replaceAll(/\{(\w+)\}/g, ":$1");
    api.on(method, pattern, async (c) => {
      try {
        return replyOf(c, await act(askOf(c)));
      } catch (error) {
        if (error instanceof BodyFaults) return c.json({ detail: error.detail }, 422);
        if (!(error instanceof SmartemRefusal)) throw error;
        return c.json({ detail: error.detail }, error.status as 400);
      }
    });
  }
  const description = smartemDescription(operations);
  api.get(`${SMARTEM_BASE}/openapi.json`, (c) => c.json(description));
  for (const page of ["docs", "redoc"]) {
    api.get(`${SMARTEM_BASE}/${page}`, (c) => c.redirect("/docs", 302));
  }
  api.get(SMARTEM_BASE, (c) => c.json({ detail: "Not Found" }, 404));
  api.get(`${SMARTEM_BASE}/*`, (c) => c.json({ detail: "Not Found" }, 404));
  return api;
}

/** What the checks before every route refuse, in the original's shape. To be used before everything else. */
export const smartemShapes: MiddlewareHandler<HoldfastEnv> = async (c, next) => {
  await next();
  const { path } = c.req;
  if (path !== SMARTEM_BASE && !path.startsWith(`${SMARTEM_BASE}/`)) return;
  if (c.res.headers.get("content-type") !== "application/problem+json") return;
  const { status, headers } = c.res;
  const problem: { detail?: unknown; title?: unknown } = await c.res.json();
  const kept = new Headers(headers);
  kept.set("content-type", "application/json");
  kept.delete("content-length");
  const detail = status === 404
    ? "Not Found"
    : status === 405
    ? "Method Not Allowed"
    : problem.detail ?? problem.title;
  c.res = undefined;
  c.res = new Response(JSON.stringify({ detail }), { status, headers: kept });
};

function askOf(c: Context<HoldfastEnv>): Ask {
  return {
    param: (name) => c.req.param(name) ?? "",
    query: new URL(c.req.url).searchParams,
    actor: actorOf(c.get("principal")),
    header: (name) => c.req.header(name),
    body: () => jsonOf(c),
  };
}

function replyOf(c: Context<HoldfastEnv>, answer: Answer): Response {
  if (answer instanceof Response) return answer;
  c.header("cache-control", "no-store");
  if (Symbol.asyncIterator in answer) {
    return c.body(jsonList(answer), 200, { "content-type": "application/json" });
  }
  const { status, body } = answer;
  return status === 204 ? c.body(null, 204) : c.json(body as object, status as 200);
}

const CHUNK_CHARS = 64 * 1024;

/** A list as JSON, a piece at a time: all micrographs of a year need no more memory than one page of them. */
function jsonList(items: AsyncIterable<Reply>): ReadableStream<Uint8Array> {
  const iterator = items[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let isFirst = true;
  return new ReadableStream({
    async pull(controller) {
      let text = isFirst ? "[" : "";
      while (text.length < CHUNK_CHARS) {
        const { value, done } = await iterator.next();
        if (done) {
          controller.enqueue(encoder.encode(text + "]"));
          controller.close();
          return;
        }
        text += (isFirst ? "" : ",") + JSON.stringify(value);
        isFirst = false;
      }
      controller.enqueue(encoder.encode(text));
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

function picture(a: Ask, found: { body: Uint8Array; type: string; etag: string }): Response {
  const headers = { etag: found.etag, "cache-control": "private, no-cache" };
  if (a.header("if-none-match") === found.etag) return new Response(null, { status: 304, headers });
  return new Response(found.body as BodyInit, {
    headers: { ...headers, "content-type": found.type },
  });
}
