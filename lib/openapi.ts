import type { OpenAPIHono } from "@hono/zod-openapi";
import type { HoldfastEnv } from "./http.ts";

/** A JSON Schema (draft 2020-12) as OpenAPI 3.1 carries it. */
export type JsonSchema = { readonly [key: string]: unknown };

export interface Parameter {
  readonly name: string;
  readonly in: "query" | "path" | "header" | "cookie";
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: JsonSchema;
  readonly example?: unknown;
}

export interface MediaType {
  readonly schema?: JsonSchema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value?: unknown }>>;
}

export interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly required?: boolean;
    readonly content: Readonly<Record<string, MediaType>>;
  };
  readonly responses: Readonly<
    Record<
      string,
      { readonly description: string; readonly content?: Readonly<Record<string, MediaType>> }
    >
  >;
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, JsonSchema>> };
}

export const METHODS = ["get", "post", "put", "patch", "delete"] as const;

const DESCRIPTION = [
  "Everything the pages do, they do through this interface.",
  "Times are milliseconds since 1970 in UTC and end in `AtMs`; where a query takes a time, RFC 3339 is taken too.",
  "Errors are `application/problem+json` (RFC 9457); `type` is the address of a page that says what to do.",
  "On a machine without accounts nobody needs to log in, and only the machine itself may connect.",
  "Elsewhere send a token: `Authorization: Bearer hf_…`. A command that moves hardware takes an",
  "`Idempotency-Key`, so that asking again does not move it twice.",
].join(" ");

/** In the order in which they are shown; routers may bring others. */
const TAGS: Readonly<Record<string, string>> = {
  instrument: "The instrument as a whole: its state, STOP, its configuration",
  devices: "What can be read and driven, and the agents behind it",
  locks: "Who may drive which device, the line of those who wait, and the record",
  telemetry: "Recorded readings: ranges, export",
  live: "One stream of everything that moves",
  events: "The record of what happened",
  alarms: "What is abnormal now, and was",
  "cryo-em":
    "Cryo-EM sessions: acquisitions, grid squares, foil holes and micrographs as EPU makes them",
  simulator: "Faults on demand and the time scale of the simulated instrument",
  experiments: "The queue, runs, their logs and files",
  access: "Login, users, tokens",
  health: "For whatever watches over this machine",
};

/** The OpenAPI 3.1 document of everything described in `api` and the routers mounted in it. */
export function openApiDocument(
  api: OpenAPIHono<HoldfastEnv>,
  { version }: { version: string },
): OpenApiDocument {
  const registry = api.openAPIRegistry;
  if (!registry.definitions.some((d) => d.type === "component" && d.name === "token")) {
    registry.registerComponent("securitySchemes", "token", {
      type: "http",
      scheme: "bearer",
      description: "An API token, `hf_…`, from Settings or `holdfast token issue`",
    });
    registry.registerComponent("securitySchemes", "session", {
      type: "apiKey",
      in: "cookie",
      name: "holdfast_session",
      description: "What a browser has after logging in",
    });
  }
  const document = api.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Holdfast",
      version,
      description: DESCRIPTION,
      license: { name: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ token: [] }, { session: [] }, {}],
  });
  const tidy = withPlainNulls(JSON.parse(JSON.stringify(document))) as OpenApiDocument;
  for (const { operation } of operationsOf(tidy)) {
    const { tags } = operation as { tags?: string[] };
    tags?.forEach((tag, i) => tags[i] = tag.toLowerCase());
  }
  return { ...tidy, tags: tagsOf(tidy) };
}

/**
 * The generator writes "this schema or null" as "this schema and (object or null)", which no null can
 * satisfy; here it becomes what was meant.
 */
function withPlainNulls(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withPlainNulls);
  if (node === null || typeof node !== "object") return node;
  const entries = Object.entries(node).map(([key, inner]) => [key, withPlainNulls(inner)]);
  const { allOf, ...rest } = Object.fromEntries(entries);
  if (!Array.isArray(allOf)) return allOf === undefined ? rest : { ...rest, allOf };
  const isNullPart = (part: JsonSchema) =>
    Object.keys(part).length === 1 && Array.isArray(part.type) && part.type.includes("null");
  if (!allOf.some(isNullPart)) return { ...rest, allOf };
  const others = allOf.filter((part) => !isNullPart(part));
  const meant = others.length === 1 ? others[0] : { allOf: others };
  return { ...rest, anyOf: [meant, { type: "null" }] };
}

function tagsOf(document: OpenApiDocument): { name: string; description: string }[] {
  const used = new Set(operationsOf(document).flatMap(({ operation }) => operation.tags ?? []));
  const known = Object.entries(TAGS).filter(([name]) => used.has(name));
  const others = [...used].filter((name) => !Object.hasOwn(TAGS, name)).sort();
  return [...known, ...others.map((name) => [name, ""] as const)].map(([name, description]) => ({
    name,
    description,
  }));
}

/** Every operation with its method (upper case) and path, in the document's order. */
export function operationsOf(
  document: Pick<OpenApiDocument, "paths">,
): { method: string; path: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      return operation === undefined ? [] : [{ method: method.toUpperCase(), path, operation }];
    })
  );
}
