import assert from "node:assert/strict";
import { createRoute, z } from "@hono/zod-openapi";
import { markup } from "./html.ts";
import { createApi, jsonBody, jsonReply, problems } from "./http.ts";
import { openApiRouter } from "./openapi_api.ts";
import { type OpenApiDocument, openApiDocument } from "./openapi.ts";
import { curlOf, exampleRequests } from "./openapi_examples.ts";
import { fieldsOf } from "./openapi_schema_text.ts";

const Dose = z.object({
  /** Not shown. */
  pump: z.string().openapi({ example: "inflow", description: "Which <pump>" }),
  ml: z.number().min(0).max(50).openapi({ example: 1.5 }),
  repeat: z.number().int().default(1),
  light: z.object({ red: z.number().int() }).nullable().optional(),
}).openapi("Dose");

function described() {
  const api = createApi();
  const inner = createApi();
  inner.openapi(
    createRoute({
      method: "post",
      path: "/pumps/{id}/dose",
      tags: ["Devices"],
      summary: "Dose <b>a</b> volume",
      description: "Uses `set`.",
      request: {
        params: z.object({ id: z.string().openapi({ example: "pump 1" }) }),
        query: z.object({ wait: z.string().optional().openapi({ example: "it's" }) }),
        headers: z.object({ "idempotency-key": z.string().openapi({ example: "key-1" }) }),
        body: jsonBody(Dose, { pump: "inflow", ml: 2 }),
      },
      responses: {
        201: jsonReply(
          "Done",
          z.object({ dose: Dose, list: z.array(Dose), last: Dose.nullable() }),
        ),
        ...problems("device-held", "stale-fence", "device-unknown"),
      },
    }),
    (c) => {
      const dose = c.req.valid("json");
      return c.json({ dose, list: [], last: null }, 201);
    },
  );
  api.route("/api/v1", inner);
  return api;
}

function documentOf(): OpenApiDocument {
  return JSON.parse(JSON.stringify(openApiDocument(described(), { version: "1.2.3" })));
}

Deno.test("the document is OpenAPI 3.1 with every mounted router, tags and ways to log in", () => {
  const document = documentOf();
  assert.equal(document.openapi, "3.1.0");
  assert.deepEqual(Object.keys(document.paths), ["/api/v1/pumps/{id}/dose"]);
  assert.deepEqual(document.tags.map((t) => t.name), ["devices"]);
  const { components } = document as unknown as {
    components: { securitySchemes: object; schemas: object };
  };
  assert.deepEqual(Object.keys(components.securitySchemes).sort(), ["session", "token"]);
  assert.deepEqual(Object.keys(components.schemas).sort(), ["Dose", "Problem"]);
  const { responses } = document.paths["/api/v1/pumps/{id}/dose"]!.post!;
  assert.match(responses["409"]!.description, /device-held.*stale-fence/);
});

Deno.test("a named schema or null is written so that null satisfies it", () => {
  const document = documentOf();
  const { responses } = document.paths["/api/v1/pumps/{id}/dose"]!.post!;
  const { properties } = responses["201"]!.content!["application/json"]!.schema as {
    properties: Record<string, unknown>;
  };
  assert.deepEqual(properties.last, {
    anyOf: [{ $ref: "#/components/schemas/Dose" }, { type: "null" }],
  });
});

Deno.test("making the document twice gives the same", () => {
  const api = described();
  const first = openApiDocument(api, { version: "1" });
  assert.deepEqual(openApiDocument(api, { version: "1" }), first);
});

Deno.test("an example is the request the document describes, and as curl it is what a shell sends", async () => {
  const [request] = exampleRequests(documentOf());
  assert.equal(request!.method, "POST");
  assert.equal(request!.url, "/api/v1/pumps/pump%201/dose?wait=it's");
  assert.equal(request!.body, '{"pump":"inflow","ml":2}');
  const reply = await described().request(request!.url, {
    method: request!.method,
    headers: { ...request!.headers },
    body: request!.body,
  });
  assert.equal(reply.status, 201);
  const curl = curlOf(request!, "http://localhost:8000");
  const shell = new Deno.Command("sh", {
    args: ["-c", `curl() { printf '%s\\n' "$@"; }\n${curl}`],
  });
  const words = new TextDecoder().decode((await shell.output()).stdout).trimEnd().split("\n");
  assert.deepEqual(words, [
    "-X",
    "POST",
    "http://localhost:8000/api/v1/pumps/pump%201/dose?wait=it's",
    "-H",
    "idempotency-key: key-1",
    "-H",
    "content-type: application/json",
    "-d",
    '{"pump":"inflow","ml":2}',
  ]);
});

Deno.test("fields are listed with type, rule and whether they must be there", () => {
  const document = documentOf();
  const fields = fieldsOf(document, { $ref: "#/components/schemas/Dose" });
  assert.deepEqual(
    fields.map(({ name, type, required, rule }) => [name, type, required, rule]),
    [
      ["pump", "text", true, ""],
      ["ml", "number", true, "0 to 50"],
      ["repeat", "integer", false, "default 1"],
      ["light", "object or null", false, ""],
      ["light.red", "integer", true, ""],
    ],
  );
});

Deno.test("the page shows every operation, escapes what it shows, and needs neither script nor inline style", async () => {
  const router = openApiRouter({
    described: described(),
    version: "1.2.3",
    instrumentName: 'Vessel <"A">',
  });
  const page = await (await router.request("/docs", {
    headers: { host: "localhost:8118", cookie: "theme=dark" },
  })).text();
  assert(page.startsWith('<!doctype html>\n<html lang="en" data-theme="dark">'), page.slice(0, 80));
  assert.match(page, /Dose &#60;b&#62;a&#60;\/b&#62; volume/);
  assert.match(page, /Vessel &#60;&#34;A&#34;&#62;/);
  assert.match(page, /curl -X POST .*http:\/\/localhost:8118\/api\/v1\/pumps/);
  assert.match(page, /<code>set<\/code>/);
  assert(!/<script|<style|\sstyle=|\son\w+=|javascript:/i.test(page), "inline script or style");
  assert(!/(src|href)="(https?:)?\/\//.test(page), "something is loaded from elsewhere");
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map((m) => m[1]);
  assert.equal(new Set(ids).size, ids.length, "an id stands twice");
  for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) {
    assert(ids.includes(target!), `#${target} leads nowhere`);
  }
  assert.match(page, /<form method="post" action="\/api\/v1\/stop">/);
});

Deno.test("the document is served where clients look for it", async () => {
  const router = openApiRouter({ described: described(), version: "1.2.3", instrumentName: "A" });
  const reply = await router.request("/api/openapi.json");
  assert.equal(reply.status, 200);
  assert.equal((await reply.json()).info.version, "1.2.3");
});

Deno.test("markup escapes every value that is not markup", () => {
  assert.equal(
    markup`<p title="${'"&'}">${["<", markup`<b>${"'"}</b>`, null, 0]}</p>`.text,
    '<p title="&#34;&#38;">&#60;<b>&#39;</b>0</p>',
  );
});
