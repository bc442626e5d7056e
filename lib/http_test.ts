import assert from "node:assert/strict";
import { createRoute, z } from "@hono/zod-openapi";
import { HTTPException } from "hono/http-exception";
import { ManualClock } from "./clock.ts";
import {
  createApi,
  jsonBody,
  jsonReply,
  problemHandler,
  problemNotFound,
  problems,
} from "./http.ts";
import { ContentionError, KvUnavailable } from "./kv.ts";
import { memoryLog } from "./log.ts";
import { Problem } from "./problem.ts";

const route = createRoute({
  method: "put",
  path: "/dose/{pump}",
  request: {
    params: z.object({ pump: z.string().regex(/^[a-z]+$/) }),
    query: z.object({ times: z.coerce.number().int().max(3).default(1) }),
    body: jsonBody(z.strictObject({ ml: z.number().positive(), at: z.object({ s: z.number() }) }), {
      ml: 1,
      at: { s: 0 },
    }),
  },
  responses: {
    200: jsonReply("Done", z.object({ ml: z.number() })),
    ...problems("invalid-request", "out-of-range"),
  },
});

function setUp(thrown?: () => unknown) {
  const { log, lines } = memoryLog(new ManualClock());
  const app = createApi();
  app.onError(problemHandler(log));
  app.notFound(problemNotFound);
  app.use("*", async (c, next) => {
    c.set("requestId", "R1");
    await next();
  });
  app.openapi(route, (c) => c.json({ ml: c.req.valid("json").ml }, 200));
  app.get("/throws", () => {
    throw thrown?.();
  });
  const put = async (path: string, body: string, type = "application/json") => {
    const reply = await app.request(path, {
      method: "PUT",
      headers: { "content-type": type },
      body,
    });
    return { status: reply.status, body: await reply.json() };
  };
  return { app, put, lines };
}

Deno.test("a request that does not fit names every field, where it stands and what is wrong", async () => {
  const { put } = setUp();
  const { status, body } = await put("/dose/inflow", '{"ml":-1,"at":{"s":"x"},"surprise":1}');
  assert.equal(status, 422);
  assert.equal(body.type, "/problems/invalid-request");
  assert.equal(body.code, "invalid_request");
  assert.equal(body.requestId, "R1");
  assert.deepEqual(
    body.errors.map(({ path, in: part }: { path: string; in: string }) => [part, path]).sort(),
    [["json", ""], ["json", "at.s"], ["json", "ml"]],
  );
  assert.match(body.detail, /"ml": /);
  const query = await put("/dose/inflow?times=9", '{"ml":1,"at":{"s":1}}');
  assert.deepEqual(query.body.errors.map((e: { path: string; in: string }) => [e.in, e.path]), [
    ["query", "times"],
  ]);
  const param = await put("/dose/IN", '{"ml":1,"at":{"s":1}}');
  assert.equal(param.body.errors[0].in, "param");
});

Deno.test("a body that is no JSON, of another type, or missing never reaches the handler", async () => {
  const { put, app } = setUp();
  assert.equal((await put("/dose/inflow", "{")).body.type, "/problems/malformed-body");
  assert.equal((await put("/dose/inflow", "")).body.type, "/problems/malformed-body");
  assert.equal((await put("/dose/inflow", "a", "text/plain")).status, 415);
  const none = await app.request("/dose/inflow", { method: "PUT" });
  assert(none.status === 422 || none.status === 415, String(none.status));
});

Deno.test("whatever is thrown becomes the problem it is, and only our own failures are logged", async () => {
  const cases: [() => unknown, number, string, boolean][] = [
    [() => new Problem("device-held", "x", { holder: "y" }), 409, "device-held", false],
    [() => new KvUnavailable("/var/secret"), 503, "store-unavailable", true],
    [() => new ContentionError("keys"), 503, "store-unavailable", true],
    [() => new HTTPException(404, { message: "no" }), 404, "not-found", false],
    [() => new HTTPException(502, { message: "/var/secret" }), 500, "internal", true],
    // Requests are checked at the door: what fails later is a record of ours.
    [() => z.object({ a: z.string() }).safeParse({}).error, 500, "internal", true],
    [() => new Error("/var/secret", { cause: new Error("deeper") }), 500, "internal", true],
    [() => new TypeError("undefined is not a function"), 500, "internal", true],
  ];
  for (const [thrown, status, kind, isLogged] of cases) {
    const { app, lines } = setUp(thrown);
    const reply = await app.request("/throws");
    const text = await reply.text();
    assert.equal(reply.status, status, kind);
    assert.equal(reply.headers.get("content-type"), "application/problem+json");
    assert.equal(reply.headers.get("x-request-id"), "R1");
    assert.equal(JSON.parse(text).type, `/problems/${kind}`);
    assert(!/secret|\.ts|undefined is/.test(text), text);
    assert.equal(lines.length, isLogged ? 1 : 0, kind);
    if (isLogged) assert.match(lines[0]!, /"requestId":"R1"/);
  }
});

Deno.test("a wait is told in the header too, and a missing page is a problem", async () => {
  const { app } = setUp(() => new Problem("too-many-attempts", "wait", { retryAfterS: 2.3 }));
  assert.equal((await app.request("/throws")).headers.get("retry-after"), "3");
  const missing = await app.request("/nothing");
  assert.equal(missing.status, 404);
  assert.equal((await missing.json()).detail, 'There is nothing at "/nothing"');
});
