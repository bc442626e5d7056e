import { createRoute, z } from "@hono/zod-openapi";
import { jsonReply, problems } from "../http.ts";
import {
  Acquisition,
  ACQUISITION_STATES,
  Atlas,
  Counts,
  FILE_STATES,
  FileEntry,
  FoilHole,
  GridSquare,
  Micrograph,
  Observation,
  Orphan,
  PROCESSING_STEPS,
  SEVERITIES,
  StoredFinding,
  Tile,
  TileLink,
} from "./model.ts";
import { PAGE_MAX } from "./store.ts";

/** Reading cryo-EM sessions: what is asked and what comes back. */
const tags = ["cryo-em"];

/** A ULID of ours or the uuid a caller brought. */
const Id = z.string().min(1).max(100).openapi({ example: "01KFPS2Y8E9N6VYPTT1MYH05CQ" });
const EpuId = z.coerce.number().int().nonnegative().openapi({ example: 4590776 });
const Flag = z.enum(["true", "false"]).transform((text) => text === "true").optional();

export const AcquisitionParams = z.object({ id: Id });
export const SquareParams = z.object({ id: Id, square: EpuId });
export const HoleParams = z.object({ id: Id, hole: EpuId });

const Paging = z.object({
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(100),
  after: z.string().max(500).optional().openapi({ description: "`next` of the page before" }),
});

/** Comma separated names of the fields wanted; ids always come along. */
const Fields = z.object({
  fields: z.string().max(2000).optional().openapi({
    description: "Names of the fields wanted, separated by commas; without it all of them",
    example: "id,state,exposures",
  }),
});

function page<S extends z.ZodType>(schema: S) {
  return z.object({ items: z.array(schema), next: z.string().nullable() });
}

/** With `fields` only some of an entity's fields are there. */
const Chosen = z.record(z.string(), z.unknown());

export const AcquisitionSummary = z.object({ acquisition: Acquisition, counts: Counts });

export const acquisitionsRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions",
  tags,
  summary: "List the acquisitions, newest first",
  request: {
    query: Paging.extend({
      state: z.enum(ACQUISITION_STATES).optional(),
      root: z.string().max(200).optional().openapi({ description: "Name of a watched folder" }),
    }),
  },
  responses: {
    200: jsonReply("Acquisitions with their counts", page(AcquisitionSummary)),
    ...problems("invalid-request", "store-unavailable"),
  },
});

export const acquisitionRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}",
  tags,
  summary: "Read one acquisition with its counts",
  request: { params: AcquisitionParams },
  responses: {
    200: jsonReply("The acquisition", AcquisitionSummary),
    ...problems("not-found", "store-unavailable"),
  },
});

export const atlasRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/atlas",
  tags,
  summary: "Read the atlas with its tiles, and where squares lie on them",
  request: { params: AcquisitionParams },
  responses: {
    200: jsonReply(
      "The atlas",
      z.object({ atlas: Atlas.nullable(), tiles: z.array(Tile), links: z.array(TileLink) }),
    ),
    ...problems("not-found", "store-unavailable"),
  },
});

export const squaresRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/squares",
  tags,
  summary: "List the grid squares",
  request: {
    params: AcquisitionParams,
    query: Paging.extend(Fields.shape).extend({
      selected: Flag,
      imaged: Flag,
      low_mag: Flag,
      category: z.coerce.number().int().optional(),
      state: z.string().max(50).optional(),
    }),
  },
  responses: {
    200: jsonReply("Grid squares", page(Chosen)),
    ...problems("not-found", "invalid-request", "store-unavailable"),
  },
});

export const squareRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/squares/{square}",
  tags,
  summary: "Read one grid square, and every image taken of it",
  request: { params: SquareParams },
  responses: {
    200: jsonReply(
      "The square",
      z.object({ square: GridSquare, observations: z.array(Observation) }),
    ),
    ...problems("not-found", "store-unavailable"),
  },
});

export const holesRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/holes",
  tags,
  summary: "List the foil holes of a square, or of the whole grid",
  request: {
    params: AcquisitionParams,
    query: Paging.extend(Fields.shape).extend({
      square: EpuId.optional(),
      selected: Flag,
      near_bar: Flag,
      exposed: Flag,
      state: z.string().max(50).optional(),
      quality_min: z.coerce.number().optional(),
      quality_max: z.coerce.number().optional(),
    }),
  },
  responses: {
    200: jsonReply("Foil holes", page(Chosen)),
    ...problems("not-found", "invalid-request", "store-unavailable"),
  },
});

export const holeRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/holes/{hole}",
  tags,
  summary: "Read one foil hole with its images and micrographs",
  request: { params: HoleParams },
  responses: {
    200: jsonReply(
      "The hole",
      z.object({
        hole: FoilHole,
        observations: z.array(Observation),
        micrographs: z.array(Micrograph),
      }),
    ),
    ...problems("not-found", "store-unavailable"),
  },
});

export const micrographsRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/micrographs",
  tags,
  summary: "List the micrographs, in the order in which they became known",
  request: {
    params: AcquisitionParams,
    query: Paging.extend(Fields.shape).extend({
      square: EpuId.optional(),
      hole: EpuId.optional().openapi({ description: "Needs `square`" }),
      seen: Flag,
      from: z.coerce.number().int().optional().openapi({ description: "Epoch ms" }),
      to: z.coerce.number().int().optional().openapi({ description: "Epoch ms" }),
      resolution_max: z.coerce.number().positive().optional().openapi({
        description: "Worst CTF resolution, Å",
      }),
      processed: z.enum(PROCESSING_STEPS).optional(),
      order: z.enum(["oldest", "newest"]).optional().openapi({
        description: "Which come first, by when they became known; of a square, hole by hole",
      }),
    }),
  },
  responses: {
    200: jsonReply("Micrographs", page(Chosen)),
    ...problems("not-found", "invalid-request", "store-unavailable"),
  },
});

export const micrographRoute = createRoute({
  method: "get",
  path: "/epu/micrographs/{name}",
  tags,
  summary: "Read one micrograph by its id, EPU's unique id or its file stem",
  request: {
    params: z.object({
      name: z.string().min(1).max(300).openapi({
        example: "FoilHole_5665438_Data_4601896_4601898_20240406_102527",
      }),
    }),
  },
  responses: {
    200: jsonReply("The micrograph", Micrograph),
    ...problems("not-found", "store-unavailable"),
  },
});

export const findingsRoute = createRoute({
  method: "get",
  path: "/epu/findings",
  tags,
  summary: "List what a person should know of the files, with what follows from it",
  request: {
    query: Paging.extend({
      acquisition: Id.optional(),
      severity: z.enum(SEVERITIES).optional(),
    }),
  },
  responses: {
    200: jsonReply("Findings", page(StoredFinding)),
    ...problems("invalid-request", "store-unavailable"),
  },
});

export const orphansRoute = createRoute({
  method: "get",
  path: "/epu/orphans",
  tags,
  summary: "List what waits for its parent",
  request: { query: Paging.extend({ acquisition: Id.optional() }) },
  responses: {
    200: jsonReply("Orphans", page(Orphan)),
    ...problems("invalid-request", "store-unavailable"),
  },
});

export const filesRoute = createRoute({
  method: "get",
  path: "/epu/files",
  tags,
  summary: "List the files of the watched folders, and how far each is",
  request: {
    query: Paging.extend({
      acquisition: Id.optional(),
      root: z.string().max(200).optional(),
      state: z.enum(FILE_STATES).optional(),
    }),
  },
  responses: {
    200: jsonReply("Files", page(FileEntry)),
    ...problems("invalid-request", "store-unavailable"),
  },
});
