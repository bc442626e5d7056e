import { Html, markup } from "./html.ts";
import {
  type JsonSchema,
  type MediaType,
  type OpenApiDocument,
  type Operation,
  operationsOf,
} from "./openapi.ts";
import { curlOf, exampleOfMedia, exampleRequest } from "./openapi_examples.ts";
import { fieldsOf, type FieldText, ruleText, typeText } from "./openapi_schema_text.ts";

export interface ApiPageOptions {
  readonly document: OpenApiDocument;
  /** The instrument's address as the reader reaches it, for the curl examples. */
  readonly base: string;
  readonly instrumentName: string;
  readonly theme: "light" | "dark" | "darkroom" | "system";
  /** A static file's address. */
  readonly asset: (path: string) => string;
}

const SHEETS = ["tokens", "shell", "parts", "docs"];

/** The interface's description as one page that needs no script: `/docs`. */
export function apiPage(options: ApiPageOptions): string {
  const { document, instrumentName, theme, asset } = options;
  const operations = operationsOf(document);
  const groups = document.tags.map((tag) => ({
    tag,
    operations: operations.filter(({ operation }) => operation.tags?.[0] === tag.name),
  })).filter(({ operations }) => operations.length > 0);
  return markup`<!doctype html>
<html lang="en"${theme === "system" ? "" : markup` data-theme="${theme}"`}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Interface · ${instrumentName} · Holdfast</title>
<link rel="icon" href="${asset("/icon.svg")}" type="image/svg+xml">
${SHEETS.map((name) => markup`<link rel="stylesheet" href="${asset(`/css/${name}.css`)}">`)}
</head>
<body class="docs-body">
<a class="skip" href="#main">Skip to content</a>
<header class="top">
<div class="top-id docs-id"><a href="/"><strong>${instrumentName}</strong></a></div>
<div class="top-lease">Interface, version ${document.info.version}</div>
<a class="btn" href="/api/openapi.json">OpenAPI 3.1</a>
<form method="post" action="/api/v1/stop"><button class="stop" type="submit">STOP</button></form>
</header>
<nav class="docs-rail" aria-label="Contents">
${groups.map(({ tag, operations }) => contents(tag.name, operations))}
<p class="docs-rail-title"><a href="#schemas">Schemas</a></p>
</nav>
<main class="main docs" id="main">
<section class="card"><header><h1>The interface of Holdfast</h1></header>
<p class="docs-lead">${prose(document.info.description)}</p></section>
${
    groups.map(({ tag, operations }) =>
      markup`<section aria-labelledby="${slug("tag", tag.name)}">
<h2 class="docs-tag" id="${slug("tag", tag.name)}">${capital(tag.name)}</h2>
<p class="sub">${tag.description}</p>
${operations.map((o) => operationCard(options, o.method, o.path, o.operation))}
</section>`
    )
  }
${schemas(document)}
</main>
</body>
</html>
`.text;
}

function contents(tag: string, operations: readonly { method: string; path: string }[]): Html {
  return markup`<p class="docs-rail-title"><a href="#${slug("tag", tag)}">${capital(tag)}</a></p>
<ul>${
    operations.map(({ method, path }) =>
      markup`<li><a href="#${slug(method, path)}"><span class="docs-method">${method}</span> ${
        shortPath(path)
      }</a></li>`
    )
  }</ul>`;
}

function operationCard(
  { document, base }: ApiPageOptions,
  method: string,
  path: string,
  operation: Operation,
): Html {
  const request = exampleRequest(document, method, path, operation);
  const parameters = (operation.parameters ?? []).map((p): FieldText & { place: string } => ({
    name: p.name,
    place: p.in,
    required: p.required ?? false,
    type: typeText(document, p.schema ?? {}),
    ref: null,
    rule: ruleText(p.schema ?? {}),
    description: p.description ?? String(p.schema?.description ?? ""),
  }));
  return markup`<article class="card docs-op" id="${slug(method, path)}">
<header><h3><span class="docs-method">${method}</span> <code>${breakable(path)}</code></h3></header>
<p><strong>${operation.summary}</strong></p>
${operation.description === undefined ? null : markup`<p>${prose(operation.description)}</p>`}
${parameters.length === 0 ? null : fieldTable("Parameters", parameters, (p) => p.place)}
${
    Object.entries(operation.requestBody?.content ?? {}).map(([type, media]) =>
      bodyTable(document, type, media)
    )
  }
<pre tabindex="0" role="group" aria-label="Example request"><code>${
    curlOf(request, base)
  }</code></pre>
${Object.entries(operation.responses).map(([status, r]) => response(document, status, r))}
</article>`;
}

function bodyTable(document: OpenApiDocument, type: string, media: MediaType): Html | null {
  const fields = fieldsOf(document, media.schema ?? {});
  return fields.length === 0
    ? markup`<p class="sub">Body: <code>${type}</code></p>`
    : fieldTable(`Body, ${type}`, fields);
}

function response(
  document: OpenApiDocument,
  status: string,
  { description, content = {} }: Operation["responses"][string],
): Html {
  const entries = Object.entries(content).filter(([type]) => type !== "application/problem+json");
  const head = markup`<span class="docs-status">${status}</span> ${prose(description)}`;
  if (entries.length === 0) return markup`<p class="docs-response">${head}</p>`;
  return markup`<details class="docs-response"><summary>${head}</summary>
${
    entries.map(([type, media]) => {
      const example = exampleOfMedia(document, media);
      return markup`<p class="sub"><code>${type}</code> ${schemaLink(document, media.schema)}</p>
${
        example === undefined
          ? null
          : markup`<pre tabindex="0" role="group" aria-label="Example reply"><code>${
            typeof example === "string" ? example : JSON.stringify(example, null, 2)
          }</code></pre>`
      }
${
        media.schema === undefined || "$ref" in media.schema
          ? null
          : optionalTable(fieldsOf(document, media.schema))
      }`;
    })
  }
</details>`;
}

function optionalTable(fields: readonly FieldText[]): Html | null {
  return fields.length === 0 ? null : fieldTable("Fields", fields);
}

function fieldTable<F extends FieldText>(
  caption: string,
  fields: readonly F[],
  placeOf?: (field: F) => string,
): Html {
  const rows = fields.map((field) => {
    const { name, required, type, ref, description, rule } = field;
    return markup`<tr><th scope="row"><code>${breakable(name)}</code>${
      required ? markup` <span class="tag">required</span>` : null
    }</th>
<td>${ref === null ? type : markup`<a href="#${slug("schema", ref)}">${type}</a>`}${
      placeOf === undefined ? null : markup` <span class="docs-place">in ${placeOf(field)}</span>`
    }</td>
<td>${prose(description)}${
      description === "" || rule === "" ? "" : between(description)
    }${rule}</td></tr>
`;
  });
  return markup`<div class="docs-table" role="group" aria-label="${caption}" tabindex="0">
<table><caption>${caption}</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

function schemaLink(document: OpenApiDocument, schema: JsonSchema | undefined): Html | string {
  if (schema === undefined) return "";
  const text = typeText(document, schema);
  return "$ref" in schema ? markup`<a href="#${slug("schema", text)}">${text}</a>` : text;
}

function schemas(document: OpenApiDocument): Html {
  const entries = Object.entries(document.components?.schemas ?? {}).sort(([a], [b]) =>
    a < b ? -1 : 1
  );
  return markup`<section aria-labelledby="schemas"><h2 class="docs-tag" id="schemas">Schemas</h2>
${
    entries.map(([name, schema]) =>
      markup`<article class="card docs-op" id="${
        slug("schema", name)
      }"><header><h3>${name}</h3></header>
${schema.description === undefined ? null : markup`<p>${prose(String(schema.description))}</p>`}
${
        optionalTable(fieldsOf(document, schema)) ??
          markup`<p>${typeText(document, schema)} ${ruleText(schema)}</p>`
      }
</article>`
    )
  }</section>`;
}

/** What joins a sentence, finished or not, and the rule after it. */
function between(sentence: string): string {
  return /[.:;!?]$/.test(sentence) ? " " : "; ";
}

/** Text with its `code` marked. */
function prose(text: string): Html {
  return new Html(
    text.split(/`([^`]+)`/).map((part, i) =>
      i % 2 === 0 ? markup`${part}`.text : markup`<code>${part}</code>`.text
    ).join(""),
  );
}

/** Long names may break after a slash or a dot. */
function breakable(text: string): Html {
  return new Html(text.split(/(?<=[/.])/).map((part) => markup`${part}`.text).join("<wbr>"));
}

function shortPath(path: string): Html {
  return breakable(path.replace(/^\/api\/v1/, ""));
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function slug(kind: string, name: string): string {
  return `${kind}-${name}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replace(/-$/, "");
}
