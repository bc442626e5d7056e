import assert from "node:assert/strict";
import { z } from "zod";
import {
  type JsonSchema,
  type OpenApiDocument,
  type Operation,
  operationsOf,
} from "../lib/openapi.ts";
import { type ExampleRequest, exampleRequests } from "../lib/openapi_examples.ts";
import { runInstrument, type RunningInstrument } from "./running_instrument.ts";

/** What is wrong with one reply according to the document, or `null`. */
async function replyFault(
  document: OpenApiDocument,
  { operation }: ExampleRequest,
  reply: Response,
): Promise<string | null> {
  const described = operation.responses[String(reply.status)];
  if (described === undefined) {
    const detail = (await reply.text()).slice(0, 300);
    return `status ${reply.status} is not described (${
      Object.keys(operation.responses)
    }): ${detail}`;
  }
  const type = (reply.headers.get("content-type") ?? "").split(";")[0]!;
  const { content } = described;
  if (content === undefined || Object.keys(content).length === 0) {
    await reply.body?.cancel();
    return null;
  }
  const media = content[type];
  if (media === undefined) {
    await reply.body?.cancel();
    return `content type "${type}" is not described (${Object.keys(content)})`;
  }
  if (!/json$/.test(type) || media.schema === undefined) {
    // Streams without end among them: that they begin is enough here.
    await reply.body?.cancel();
    return null;
  }
  const body: unknown = await reply.json();
  const checked = validatorOf(document, media.schema).safeParse(body);
  return checked.success
    ? null
    : `${z.prettifyError(checked.error)}\nin ${JSON.stringify(body).slice(0, 500)}`;
}

function validatorOf(document: OpenApiDocument, schema: JsonSchema): z.ZodType {
  const withDefs = { ...schema, $defs: document.components?.schemas ?? {} };
  const text = JSON.stringify(withDefs).replaceAll("#/components/schemas/", "#/$defs/");
  return z.fromJSONSchema(JSON.parse(text));
}

function isQuestion({ method, operation }: { method: string; operation: Operation }): boolean {
  return method === "GET" &&
    !(operation.parameters ?? []).some((p) => p.in === "path" || p.required === true);
}

/** What the examples call it, and what asking for one of its kind gave here. */
const MADE_BY: Readonly<Record<string, string>> = {
  "POST /api/v1/experiments": "/api/v1/experiments/",
  "POST /api/v1/tokens": "/api/v1/tokens/",
};

/** What stands for the example's experiment, which is in Python, where no Python runs. */
function submitTypeScript(ask: RunningInstrument["ask"]): Promise<Response> {
  return ask("/api/v1/experiments", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ script: 'console.log("in place of it")', kind: "typescript" }),
  });
}

Deno.test("every example of the interface's description is answered as described", async (t) => {
  await using instrument = await runInstrument();
  const { ask } = instrument;
  const document: OpenApiDocument = await (await ask("/api/openapi.json")).json();

  await t.step("the document is complete", () => {
    assert.equal(document.openapi, "3.1.0");
    assert(operationsOf(document).length > 40, `${operationsOf(document).length} operations`);
    for (const { method, path, operation } of operationsOf(document)) {
      const name = `${method} ${path}`;
      assert(operation.summary !== undefined, `${name} has no summary`);
      assert(operation.tags?.length === 1, `${name} needs one tag`);
    }
    for (const { name, description } of document.tags) {
      assert(description !== "", `the tag "${name}" has no description`);
    }
  });

  // An example's id is nobody's; where this run made one of the kind, that one is asked for.
  const ids = new Map<string, string>();
  const urlOf = ({ url }: ExampleRequest) => {
    for (const [base, id] of ids) {
      if (url.startsWith(base)) return url.replace(/[0-7][0-9A-HJKMNP-TV-Z]{25}/, id);
    }
    return url;
  };
  const requests = exampleRequests(document);
  // Questions before what ends things, so that they find something.
  const ordered = [
    ...requests.filter(({ method }) => method !== "DELETE"),
    ...requests.filter(({ method }) => method === "DELETE"),
  ];
  for (const request of ordered) {
    const name = `${request.method} ${request.template}`;
    await t.step(name, async () => {
      const reply = await ask(urlOf(request), {
        method: request.method,
        headers: { ...request.headers },
        body: request.body,
      });
      if (isQuestion(request)) assert.equal(reply.status, 200);
      const base = MADE_BY[name];
      if (base !== undefined) {
        const made = reply.status === 503 ? await submitTypeScript(ask) : reply.clone();
        ids.set(base, (await made.json()).id);
      }
      assert.equal(await replyFault(document, request, reply), null);
    });
  }

  await t.step("the page at /docs shows them all", async () => {
    const page = await (await ask("/docs")).text();
    for (const { operation } of operationsOf(document)) {
      const summary = operation.summary!.replaceAll(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
      assert(page.includes(summary), summary);
    }
  });

  assert.equal(
    [...ids.values()].filter((id) => typeof id === "string").length,
    2,
    "an experiment and a token were made",
  );
});
