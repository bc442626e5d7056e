import type { OpenAPIHono } from "@hono/zod-openapi";
import { createApi, type HoldfastEnv, invalidRequest } from "../http.ts";
import { Problem } from "../problem.ts";
import type { Acquisition, Micrograph } from "./model.ts";
import {
  acquisitionRoute,
  acquisitionsRoute,
  atlasRoute,
  filesRoute,
  findingsRoute,
  holeRoute,
  holesRoute,
  micrographRoute,
  micrographsRoute,
  orphansRoute,
  squareRoute,
  squaresRoute,
} from "./routes.ts";
import type { EpuStore } from "./store.ts";

/** What always comes along, whatever `fields` names. */
const ALWAYS = ["id", "acquisitionId", "squareId", "holeId"];
/** Of one hole. */
const MICROGRAPHS_MAX = 1000;

/** Reading cryo-EM sessions; to be mounted at `/api/v1`. */
export function epuApi(epu: EpuStore): OpenAPIHono<HoldfastEnv> {
  const api = createApi();

  async function acquisitionOf(id: string): Promise<Acquisition> {
    const found = await epu.acquisition(id);
    if (found === null) throw new Problem("not-found", `There is no acquisition "${id}"`);
    return found;
  }
  const summaryOf = async (acquisition: Acquisition) => ({
    acquisition,
    counts: (await epu.counts(acquisition.id))!,
  });

  api.openapi(acquisitionsRoute, async (c) => {
    const { limit, after, state, root } = c.req.valid("query");
    const page = await epu.acquisitions(given({ limit, after, root, states: state && [state] }));
    return c.json({ items: await Promise.all(page.items.map(summaryOf)), next: page.next }, 200);
  });

  api.openapi(acquisitionRoute, async (c) => {
    return c.json(await summaryOf(await acquisitionOf(c.req.valid("param").id)), 200);
  });

  api.openapi(atlasRoute, async (c) => {
    const { id } = await acquisitionOf(c.req.valid("param").id);
    const [atlas, tiles, links] = await Promise.all([
      epu.atlas(id),
      epu.tiles(id),
      epu.tileLinks(id),
    ]);
    return c.json({ atlas, tiles, links }, 200);
  });

  api.openapi(squaresRoute, async (c) => {
    const { id: acquisitionId } = await acquisitionOf(c.req.valid("param").id);
    const { limit, after, fields, selected, imaged, low_mag, category, state } = c.req.valid(
      "query",
    );
    const page = await paged(() =>
      epu.squares(given({
        acquisitionId,
        limit,
        after,
        filters: given({ selected, imaged, lowMag: low_mag, category, state }),
      }))
    );
    return c.json({ items: chosen(page.items, fields), next: page.next }, 200);
  });

  api.openapi(squareRoute, async (c) => {
    const { id, square: squareId } = c.req.valid("param");
    const square = await epu.square(id, squareId);
    if (square === null) throw new Problem("not-found", `There is no grid square ${squareId}`);
    return c.json({ square, observations: await epu.observations(id, squareId) }, 200);
  });

  api.openapi(holesRoute, async (c) => {
    const { id: acquisitionId } = await acquisitionOf(c.req.valid("param").id);
    const { limit, after, fields, square, selected, near_bar, exposed, state, ...quality } = c.req
      .valid("query");
    const page = await paged(() =>
      epu.holes(given({
        acquisitionId,
        limit,
        after,
        squareId: square,
        filters: given({
          selected,
          nearGridBar: near_bar,
          exposed,
          state,
          qualityMin: quality.quality_min,
          qualityMax: quality.quality_max,
        }),
      }))
    );
    return c.json({ items: chosen(page.items, fields), next: page.next }, 200);
  });

  api.openapi(holeRoute, async (c) => {
    const { id, hole: holeId } = c.req.valid("param");
    const hole = await epu.hole(id, null, holeId);
    if (hole === null) throw new Problem("not-found", `There is no foil hole ${holeId}`);
    const { squareId } = hole;
    const [observations, micrographs] = await Promise.all([
      epu.observations(id, squareId, holeId),
      epu.micrographs({ acquisitionId: id, squareId, holeId, limit: MICROGRAPHS_MAX }),
    ]);
    return c.json({ hole, observations, micrographs: micrographs.items }, 200);
  });

  api.openapi(micrographsRoute, async (c) => {
    const { id: acquisitionId } = await acquisitionOf(c.req.valid("param").id);
    const { limit, after, fields, square, hole, seen, from, to, resolution_max, processed, order } =
      c.req.valid("query");
    if (hole !== undefined && square === undefined) {
      throw invalidRequest([{ path: "hole", message: 'needs "square" beside it', in: "query" }]);
    }
    const page = await paged(() =>
      epu.micrographs(given({
        acquisitionId,
        limit,
        after,
        squareId: square,
        holeId: hole,
        newestFirst: order === "newest",
        filters: given({
          seen,
          fromMs: from,
          toMs: to,
          ctfResolutionMaxA: resolution_max,
          processed,
        }),
      }))
    );
    return c.json({ items: chosen(page.items, fields), next: page.next }, 200);
  });

  api.openapi(micrographRoute, async (c) => {
    const { name } = c.req.valid("param");
    const found = await micrographNamed(epu, name);
    if (found === null) throw new Problem("not-found", `There is no micrograph "${name}"`);
    return c.json(found, 200);
  });

  api.openapi(findingsRoute, async (c) => {
    const { limit, after, acquisition, severity } = c.req.valid("query");
    const page = await paged(() =>
      epu.findings(given({
        acquisitionId: acquisition ?? null,
        limit,
        after,
        severities: severity && [severity],
      }))
    );
    return c.json({ items: page.items, next: page.next }, 200);
  });

  api.openapi(orphansRoute, async (c) => {
    const { limit, after, acquisition } = c.req.valid("query");
    const page = await paged(() =>
      epu.orphans(given({ acquisitionId: acquisition ?? null, limit, after }))
    );
    return c.json({ items: page.items, next: page.next }, 200);
  });

  api.openapi(filesRoute, async (c) => {
    const { limit, after, acquisition, root, state } = c.req.valid("query");
    const page = await paged(() =>
      epu.files(given({
        acquisitionId: acquisition ?? null,
        limit,
        after,
        root,
        states: state && [state],
      }))
    );
    return c.json({ items: page.items, next: page.next }, 200);
  });

  return api;
}

/** A micrograph by any of its names: our id, EPU's unique id, its file stem. */
export async function micrographNamed(epu: EpuStore, name: string): Promise<Micrograph | null> {
  return await epu.micrograph({ id: name }) ?? await epu.micrograph({ uniqueId: name }) ??
    await epu.micrograph({ stem: name });
}

/** Without what was not given: an absent filter is none. */
type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function given<T extends object>(values: T): Given<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Given<T>;
}

/** @throws {Problem} invalid-request for a cursor that no list gave. */
async function paged<T>(list: () => Promise<T>): Promise<T> {
  try {
    return await list();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalidRequest([{ path: "after", message: error.message, in: "query" }]);
  }
}

function chosen(items: readonly object[], fields: string | undefined): Record<string, unknown>[] {
  if (fields === undefined) return items as Record<string, unknown>[];
  const wanted = new Set([...ALWAYS, ...fields.split(",").map((name) => name.trim())]);
  return items.map((item) =>
    Object.fromEntries(Object.entries(item).filter(([name]) => wanted.has(name)))
  );
}
