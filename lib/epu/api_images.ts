import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { createApi, type HoldfastEnv, problems } from "../http.ts";
import { Problem } from "../problem.ts";
import { micrographNamed } from "./api.ts";
import { firstPicture, picturesOf } from "./images/mod.ts";
import { AcquisitionParams, HoleParams, SquareParams } from "./routes.ts";
import type { Epu } from "./service.ts";

const picture = (path: string, summary: string, params: z.ZodObject) =>
  createRoute({
    method: "get",
    path,
    tags: ["cryo-em"],
    summary,
    description:
      "EPU's own preview where there is one; else its MRC, reduced to 1024 pixels and stretched.",
    request: { params },
    responses: {
      200: {
        description: "The picture",
        content: { "image/jpeg": { schema: z.string() }, "image/png": { schema: z.string() } },
      },
      304: { description: "It has not changed since it was last given" },
      ...problems("not-found", "store-unavailable"),
    },
  });

const MicrographName = z.object({
  name: z.string().min(1).max(300).openapi({
    example: "FoilHole_5665438_Data_4601896_4601898_20240406_102527",
  }),
});

/** Pictures of atlas, squares, holes and micrographs; to be mounted at `/api/v1`. */
export function epuImagesApi(epu: Epu): OpenAPIHono<HoldfastEnv> {
  const api = createApi();

  async function answer(
    c: Context,
    root: string | null,
    paths: readonly (string | null)[],
  ): Promise<Response> {
    const dir = root === null ? null : epu.dirOf(root);
    if (dir === null) {
      throw new Problem("not-found", "Its folder is not watched by this instrument");
    }
    const found = await firstPicture(dir, paths.flatMap(picturesOf));
    if (!found.ok) throw new Problem("not-found", `No picture: ${found.refusal.text}`);
    const { body, type, etag } = found.value;
    const headers = { etag, "cache-control": "private, no-cache" };
    if (c.req.header("if-none-match") === etag) return new Response(null, { status: 304, headers });
    return new Response(body as BodyInit, { headers: { ...headers, "content-type": type } });
  }
  async function rootOf(acquisitionId: string): Promise<string | null> {
    const found = await epu.acquisition(acquisitionId);
    if (found === null) throw new Problem("not-found", `There is no such acquisition`);
    return found.root;
  }

  api.openapi(
    picture("/epu/acquisitions/{id}/atlas/image", "Show the atlas", AcquisitionParams),
    async (c) => {
      const atlas = await epu.atlas(AcquisitionParams.parse(c.req.param()).id);
      if (atlas === null) throw new Problem("not-found", "No atlas is known of it");
      return await answer(c, atlas.root, [atlas.imagePath]);
    },
  );
  api.openapi(
    picture("/epu/acquisitions/{id}/squares/{square}/image", "Show a grid square", SquareParams),
    async (c) => {
      const { id, square: squareId } = SquareParams.parse(c.req.param());
      const square = await epu.square(id, squareId);
      if (square === null) throw new Problem("not-found", `There is no grid square ${squareId}`);
      return await answer(c, await rootOf(id), [square.previewPath, square.imagePath]);
    },
  );
  api.openapi(
    picture("/epu/acquisitions/{id}/holes/{hole}/image", "Show a foil hole", HoleParams),
    async (c) => {
      const { id, hole: holeId } = HoleParams.parse(c.req.param());
      const hole = await epu.hole(id, null, holeId);
      if (hole === null) throw new Problem("not-found", `There is no foil hole ${holeId}`);
      return await answer(c, await rootOf(id), [hole.previewPath, hole.imagePath]);
    },
  );
  api.openapi(
    picture("/epu/micrographs/{name}/image", "Show a micrograph", MicrographName),
    async (c) => {
      const { name } = MicrographName.parse(c.req.param());
      const one = await micrographNamed(epu, name);
      if (one === null) throw new Problem("not-found", `There is no micrograph "${name}"`);
      return await answer(c, await rootOf(one.acquisitionId), [one.previewPath, one.xmlPath]);
    },
  );
  return api;
}
