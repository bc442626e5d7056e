import assert from "node:assert/strict";
import { ManualClock } from "../clock.ts";
import { ConfigFile } from "../config_schema.ts";
import { createApi, problemHandler } from "../http.ts";
import { Kv } from "../kv.ts";
import { memoryLog } from "../log.ts";
import { rowsOf } from "../rows.ts";
import { security } from "../security.ts";
import { Auth, authApi, localPath, type Role } from "./mod.ts";

const PASSWORD = "correct horse battery";

async function setUp(enabled = true) {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  const auth = await Auth.open({ kv, clock, enabled, sessionHours: 12 });
  const { log, lines } = memoryLog(clock);
  const app = createApi();
  app.onError(problemHandler(log));
  app.use("*", ...security({ config: ConfigFile.parse({}), auth, clock }));
  app.route("/api/v1", authApi(auth));
  const ask = async (
    method: string,
    path: string,
    { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
  ) => {
    const reply = await app.request(`http://localhost/api/v1${path}`, {
      method,
      headers: {
        ...(typeof body === "string" ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
    }, { remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 1 } });
    const text = await reply.text();
    return { status: reply.status, headers: reply.headers, body: text === "" ? null : parse(text) };
  };
  const as = async (name: string, role: Role) => {
    await auth.users.add({ name, role, password: PASSWORD }, "system");
    const { headers } = await ask("POST", "/login", { body: { name, password: PASSWORD } });
    return { cookie: headers.get("set-cookie")!.split(";")[0]! };
  };
  return { auth, kv, clock, ask, as, lines, [Symbol.asyncDispose]: async () => await kv.close() };
}

// deno-lint-ignore no-explicit-any
function parse(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

Deno.test("logging in, seeing who you are, changing the password, logging out", async () => {
  await using s = await setUp();
  const headers = await s.as("anna", "operator");
  const me = await s.ask("GET", "/me", { headers });
  assert.deepEqual(me.body, {
    kind: "user",
    actor: "user:anna",
    name: "anna",
    role: "operator",
    scopes: [],
    authEnabled: true,
  });
  const wrong = await s.ask("PUT", "/me/password", {
    headers,
    body: { current: "not that one", next: "another long phrase" },
  });
  assert.equal(wrong.status, 403);
  const changed = await s.ask("PUT", "/me/password", {
    headers,
    body: { current: PASSWORD, next: "another long phrase" },
  });
  assert.equal(changed.status, 204);
  assert.equal((await s.ask("GET", "/me", { headers })).body.kind, "anonymous");
  const again = await s.ask("POST", "/login", {
    body: { name: "anna", password: "another long phrase" },
  });
  const second = { cookie: again.headers.get("set-cookie")!.split(";")[0]! };
  assert.equal((await s.ask("POST", "/logout", { headers: second })).status, 204);
  assert.equal((await s.ask("GET", "/me", { headers: second })).body.kind, "anonymous");
});

Deno.test("a wrong login says nothing of which part was wrong, and at last asks for patience", async () => {
  await using s = await setUp();
  await s.as("anna", "operator");
  const unknown = await s.ask("POST", "/login", { body: { name: "nobody", password: "x y z" } });
  const wrong = await s.ask("POST", "/login", { body: { name: "anna", password: "x y z" } });
  assert.equal(unknown.status, 401);
  assert.deepEqual({ ...unknown.body, requestId: "" }, { ...wrong.body, requestId: "" });
  for (let i = 0; i < 5; i++) {
    await s.ask("POST", "/login", { body: { name: "anna", password: "x y z" } });
  }
  const late = await s.ask("POST", "/login", { body: { name: "anna", password: PASSWORD } });
  assert.equal(late.status, 429);
  assert(Number(late.headers.get("retry-after")) >= 1);
  assert.equal(late.headers.get("set-cookie"), null);
  assert(!s.lines.join().includes(PASSWORD));
});

Deno.test("the login form works without scripts and leads nowhere else", async () => {
  await using s = await setUp();
  await s.as("anna", "operator");
  const form = (fields: Record<string, string>) =>
    s.ask("POST", "/login", {
      body: new URLSearchParams(fields).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
  const good = await form({ name: "anna", password: PASSWORD, next: "/devices?x=1" });
  assert.equal(good.status, 303);
  assert.equal(good.headers.get("location"), "/devices?x=1");
  assert.match(good.headers.get("set-cookie")!, /^holdfast_session=/);
  const away = await form({ name: "anna", password: PASSWORD, next: "//evil.example/x" });
  assert.equal(away.headers.get("location"), "/");
  const bad = await form({ name: "anna", password: "nope nope", next: "/devices" });
  assert.equal(bad.headers.get("location"), "/login?failed=wrong&next=%2Fdevices");
  assert.equal(bad.headers.get("set-cookie"), null);
});

Deno.test("no next leads to another site", () => {
  for (
    const next of [
      "https://evil.example",
      "//evil.example",
      "/\\evil.example",
      "\\\\evil.example",
      "/.//evil.example",
      "/..//evil.example",
      "/\t/evil.example",
      "javascript:alert(1)",
      "",
      undefined,
    ]
  ) {
    const to = localPath(next);
    assert.equal(new URL(to, "http://here").origin, "http://here", String(next));
    assert(/^\/(?!\/)/.test(to), `${next} became ${to}`);
  }
  assert.equal(localPath("/devices/a?b=c#d"), "/devices/a?b=c#d");
});

Deno.test("unknown fields, wrong types and broken JSON are told apart, on every route with a body", async () => {
  await using s = await setUp();
  const headers = await s.as("ada", "admin");
  const routes = [
    ["POST", "/login", { name: "a", password: "b" }],
    ["PUT", "/me/password", { current: "a", next: "a long enough one" }],
    ["POST", "/tokens", { name: "t" }],
    ["POST", "/users", { name: "bert", role: "observer", password: "a long enough one" }],
    ["PATCH", "/users/ada", { role: "admin" }],
  ] as const;
  for (const [method, path, good] of routes) {
    const kind = async (body: unknown) =>
      (await s.ask(method, path, {
        headers: { "content-type": "application/json", ...headers },
        body,
      })).body.type;
    assert.equal(await kind({ ...good, surprise: 1 }), "/problems/invalid-request", path);
    assert.equal(
      await kind({ ...good, [Object.keys(good)[0]!]: 5 }),
      "/problems/invalid-request",
      path,
    );
    assert.equal(await kind([]), "/problems/invalid-request", path);
    assert.equal(await kind("{"), "/problems/malformed-body", path);
    assert.equal(await kind(""), "/problems/malformed-body", path);
  }
});

Deno.test("a token is shown once, listed without its secret, and revoked", async () => {
  await using s = await setUp();
  const headers = await s.as("ada", "admin");
  const issued = await s.ask("POST", "/tokens", {
    headers,
    body: { name: "ci", role: "operator" },
  });
  assert.equal(issued.status, 201);
  const bearer = { authorization: `Bearer ${issued.body.token}` };
  assert.equal((await s.ask("GET", "/me", { headers: bearer })).body.actor, "token:ci");
  const listed = await s.ask("GET", "/tokens", { headers });
  assert.equal(listed.body.tokens[0].name, "ci");
  assert(!JSON.stringify(listed.body).includes(issued.body.token));
  assert.equal((await s.ask("DELETE", `/tokens/${issued.body.id}`, { headers })).status, 204);
  assert.equal((await s.ask("GET", "/me", { headers: bearer })).status, 401);
  assert.equal((await s.ask("DELETE", `/tokens/${issued.body.id}`, { headers })).status, 404);
  const past = await s.ask("POST", "/tokens", { headers, body: { name: "x", expiresAtMs: 1 } });
  assert.equal(past.status, 422);
});

Deno.test("nobody issues more than they are, nor sees or revokes what others issued", async () => {
  await using s = await setUp();
  const ada = await s.as("ada", "admin");
  const ove = await s.as("ove", "operator");
  const issue = (headers: Record<string, string>, body: object) =>
    s.ask("POST", "/tokens", { headers, body: { name: "t", ...body } });
  assert.equal((await issue(ove, { role: "admin" })).status, 403);
  const own = await issue(ove, { role: "operator" });
  assert.equal(own.status, 201);
  const theirs = await issue(ada, { role: "admin" });
  assert.equal((await s.ask("GET", "/tokens", { headers: ove })).body.tokens.length, 1);
  assert.equal((await s.ask("GET", "/tokens", { headers: ada })).body.tokens.length, 2);
  assert.equal((await s.ask("DELETE", `/tokens/${theirs.body.id}`, { headers: ove })).status, 404);

  const narrow = await issue(ada, { role: "admin", scopes: ["admin"] });
  const bearer = { authorization: `Bearer ${narrow.body.token}` };
  assert.equal((await issue(bearer, { role: "admin", scopes: [] })).status, 403);
  assert.equal((await issue(bearer, { role: "admin", scopes: ["devices"] })).status, 403);
  assert.equal((await issue(bearer, { role: "observer", scopes: ["admin"] })).status, 201);
});

Deno.test("an admin manages users, the last one stays", async () => {
  await using s = await setUp();
  const headers = await s.as("ada", "admin");
  const add = (name: string) =>
    s.ask("POST", "/users", {
      headers,
      body: { name, role: "observer", password: "a long enough one" },
    });
  assert.equal((await add("Bert")).body.name, "bert");
  assert.equal((await add("bert")).status, 412);
  const changed = await s.ask("PATCH", "/users/bert", { headers, body: { role: "operator" } });
  assert.equal(changed.body.role, "operator");
  assert.equal((await s.ask("PATCH", "/users/nobody", { headers, body: {} })).status, 404);
  assert.equal(
    (await s.ask("PATCH", "/users/ada", { headers, body: { role: "observer" } })).status,
    412,
  );
  assert.equal((await s.ask("DELETE", "/users/ada", { headers })).status, 412);
  assert.equal((await s.ask("DELETE", "/users/bert", { headers })).status, 204);
  const { users } = (await s.ask("GET", "/users", { headers })).body;
  assert.deepEqual(users.map((u: { name: string }) => u.name), ["ada"]);
  assert(!JSON.stringify(users).includes("hash"));
});

Deno.test("who did what to accounts stands in the event log", async () => {
  await using s = await setUp();
  const headers = await s.as("ada", "admin");
  await s.ask("POST", "/tokens", { headers, body: { name: "ci" } });
  const events: string[] = [];
  for await (const { value } of s.kv.list({ prefix: ["event"] })) {
    for (const { type, actor } of rowsOf(value) as { type: string; actor: string }[]) {
      events.push(`${type} ${actor}`);
    }
  }
  assert.deepEqual(events, [
    "auth.user_added system",
    "auth.login user:ada",
    "auth.token_issued user:ada",
  ]);
});
