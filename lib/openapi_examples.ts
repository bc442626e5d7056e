import {
  type JsonSchema,
  type MediaType,
  type OpenApiDocument,
  type Operation,
  operationsOf,
  type Parameter,
} from "./openapi.ts";

/** One request as the document gives it for an example. */
export interface ExampleRequest {
  readonly method: string;
  /** The path's template: `/api/v1/devices/{id}`. */
  readonly template: string;
  /** Path and query with the examples filled in. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly operation: Operation;
}

/** An example request for every operation of the document. */
export function exampleRequests(document: OpenApiDocument): ExampleRequest[] {
  return operationsOf(document).map(({ method, path, operation }) =>
    exampleRequest(document, method, path, operation)
  );
}

export function exampleRequest(
  document: OpenApiDocument,
  method: string,
  template: string,
  operation: Operation,
): ExampleRequest {
  const parameters = operation.parameters ?? [];
  const path = parameters.filter((p) => p.in === "path").reduce(
    (url, p) => url.replace(new RegExp(`\\{${p.name}(:[^}]*)?\\}`), encoded(exampleOf(p) ?? "1")),
    template,
  );
  const query = parameters.filter((p) => p.in === "query" && exampleOf(p) !== undefined).map((p) =>
    `${encodeURIComponent(p.name)}=${encoded(exampleOf(p))}`
  ).join("&");
  const headers: Record<string, string> = {};
  for (const p of parameters) {
    if (p.in === "header" && exampleOf(p) !== undefined) headers[p.name] = String(exampleOf(p));
  }
  const [type, media] = bodyOf(operation);
  let body: string | null = null;
  if (type !== null) {
    const example = exampleOfMedia(document, media);
    if (example !== undefined) {
      headers["content-type"] = type;
      body = type.includes("json") ? JSON.stringify(example) : String(example);
    }
  }
  const url = query === "" ? path : `${path}?${query}`;
  return { method, template, url, headers, body, operation };
}

/** The request as a command for a shell; `base` is the instrument's address. */
export function curlOf(request: ExampleRequest, base: string): string {
  const parts = ["curl"];
  if (request.method !== "GET") parts.push(`-X ${request.method}`);
  parts.push(quoted(base + request.url));
  const lines = [parts.join(" ")];
  for (const [name, value] of Object.entries(request.headers)) {
    lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  }
  if (request.body !== null) lines.push(`-d ${quoted(request.body)}`);
  return lines.join(" \\\n  ");
}

/** In single quotes, in which a shell changes nothing. */
function quoted(text: string): string {
  return /^[\w:/.=&%-]+$/.test(text) && !text.includes("&")
    ? text
    : `'${text.replaceAll("'", "'\\''")}'`;
}

function encoded(value: unknown): string {
  const text = Array.isArray(value) ? value.join(",") : String(value);
  return encodeURIComponent(text).replaceAll("%2C", ",").replaceAll("%3A", ":");
}

function exampleOf({ example, schema }: Parameter): unknown {
  return example ?? schema?.example ??
    (Array.isArray(schema?.examples) ? schema.examples[0] : undefined);
}

function bodyOf(operation: Operation): [string, MediaType] | [null, MediaType] {
  const content = operation.requestBody?.content ?? {};
  const type = ["application/json", ...Object.keys(content)].find((t) => Object.hasOwn(content, t));
  return type === undefined ? [null, {}] : [type, content[type]!];
}

/** The example beside the schema, in it, or put together from those of its fields. */
export function exampleOfMedia(document: OpenApiDocument, media: MediaType): unknown {
  const named = Object.values(media.examples ?? {})[0]?.value;
  return media.example ?? named ??
    (media.schema === undefined ? undefined : exampleOfSchema(document, media.schema, 0));
}

function exampleOfSchema(document: OpenApiDocument, given: JsonSchema, depth: number): unknown {
  if (depth > 8) return undefined;
  const schema = resolved(document, given);
  if (schema.example !== undefined) return schema.example;
  if (Array.isArray(schema.examples) && schema.examples.length > 0) return schema.examples[0];
  if (schema.properties === undefined) return undefined;
  const fields = Object.entries(schema.properties as Record<string, JsonSchema>).map((
    [name, field],
  ) => [name, exampleOfSchema(document, field, depth + 1)] as const);
  const shown = fields.filter(([, value]) => value !== undefined);
  const required = (schema.required ?? []) as readonly string[];
  // Half an example would be refused; none is better.
  return required.every((name) => shown.some(([n]) => n === name)) && shown.length > 0
    ? Object.fromEntries(shown)
    : undefined;
}

/** The schema itself, or the component its `$ref` names. */
export function resolved(document: OpenApiDocument, schema: JsonSchema): JsonSchema {
  const name = refName(schema);
  return name === null ? schema : document.components?.schemas?.[name] ?? schema;
}

export function refName(schema: JsonSchema): string | null {
  const match = /^#\/components\/schemas\/(.+)$/.exec(String(schema.$ref ?? ""));
  return match?.[1] ?? null;
}
