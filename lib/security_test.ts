import assert from "node:assert/strict";
import { z } from "zod";
import { Auth, authApi } from "./auth/mod.ts";
import { ACCESS, type AccessEntry } from "./access.ts";
import { ManualClock } from "./clock.ts";
import { ConfigFile } from "./config_schema.ts";
import { createApi, problemHandler } from "./http.ts";
import { Kv } from "./kv.ts";
import { memoryLog } from "./log.ts";
import { assertSafeListen, security, UnsafeListen } from "./security.ts";

const PASSWORD = "correct horse battery";
const TABLE: AccessEntry[] = [
  { method: "POST", pattern: "/api/v1/echo", rule: { role: "operator", scope: "devices" } },
  { method: "POST", pattern: "/api/v1/fail", rule: { role: "operator" } },
  {
    method: "POST",
    pattern: "/api/v1/experiments/:id/phase",
    rule: { role: "admin", experiment: "own" },
  },
  ...ACCESS,
];

interface Options {
  server?: z.input<typeof ConfigFile>["server"];
  enabled?: boolean;
}

async function setUp({ server = {}, enabled = false }: Options = {}) {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  const auth = await Auth.open({ kv, clock, enabled, sessionHours: 12 });
  const { log, lines } = memoryLog(clock);
  const app = createApi();
  app.onError(problemHandler(log));
  const config = ConfigFile.parse({ server });
  app.use("*", ...security({ config, auth, clock, access: TABLE, machineName: "Bench-7" }));
  app.route("/api/v1", authApi(auth));
  app.get("/", (c) => c.html("<p>page</p>"));
  app.get("/healthz", (c) => c.text("ok"));
  app.get("/api/v1/status", (c) => c.json({ who: c.get("principal") }));
  app.post("/api/v1/echo", async (c) => c.json(await c.req.json()));
  app.post("/api/v1/stop", (c) => c.json({ stopped: true }));
  app.post("/api/v1/fail", () => {
    throw new TypeError(`secret path ${import.meta.filename}`);
  });
  app.post("/api/v1/unruled", (c) => c.text("must not be reached"));
  app.post("/api/v1/experiments/:id/phase", (c) => c.text("phase"));
  const ask = (
    path: string,
    init: RequestInit & { from?: string; env?: Record<string, unknown> } = {},
  ) =>
    app.request(path.startsWith("http") ? path : `http://localhost:8000${path}`, init, {
      remoteAddr: { transport: "tcp", hostname: init.from ?? "127.0.0.1", port: 40000 },
      ...init.env,
    });
  const send = (path: string, headers: Record<string, string> = {}, from?: string) =>
    ask(path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: "{}",
      from,
    });
  return {
    app,
    auth,
    kv,
    clock,
    lines,
    ask,
    send,
    [Symbol.asyncDispose]: async () => await kv.close(),
  };
}

async function kindOf(response: Response): Promise<string> {
  assert.match(response.headers.get("content-type")!, /^application\/problem\+json/);
  const body = await response.json();
  assert.equal(body.status, response.status);
  assert.equal(body.requestId, response.headers.get("x-request-id"));
  assert.equal(typeof body.detail, "string");
  return body.type.replace("/problems/", "");
}

Deno.test("every reply carries the strict headers, pages, data and errors alike", async () => {
  await using s = await setUp();
  for (const path of ["/", "/api/v1/status", "/nothing", "/healthz"]) {
    const { headers } = await s.ask(path);
    const policy = headers.get("content-security-policy")!;
    assert.match(policy, /default-src 'self'; script-src 'self'; style-src 'self'/);
    assert(!policy.includes("unsafe"), policy);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("referrer-policy"), "same-origin");
    assert.equal(headers.get("cross-origin-opener-policy"), "same-origin");
    assert.match(headers.get("x-request-id")!, /^[0-9A-Z]{26}$/);
  }
  assert.equal((await s.ask("/api/v1/status")).headers.get("cache-control"), "no-store");
});

Deno.test("a Host that is not ours is refused: DNS rebinding gets nothing", async () => {
  await using s = await setUp({ server: { allowedHosts: ["vessel.lab.example"] } });
  for (
    const host of [
      "localhost:8000",
      "127.0.0.1",
      "[::1]:8000",
      "LOCALHOST",
      "vessel.lab.example:80",
    ]
  ) {
    assert.equal((await s.ask("/healthz", { headers: { host } })).status, 200, host);
  }
  for (
    const host of [
      "evil.example",
      "127.0.0.1.evil.example",
      "localhost.evil.example:8000",
      "10.0.0.7",
      "bench-7.local",
      "127.0.0.1@evil.example",
      "evil.example#localhost",
      "localhost:8000:1",
      " ",
    ]
  ) {
    const response = await s.ask("/healthz", { headers: { host } });
    assert.equal(response.status, 421, host);
    assert.equal(await kindOf(response), "bad-host");
  }
});

Deno.test("beyond loopback the machine's name and addresses are its own, other names are not", async () => {
  await using s = await setUp({ server: { host: "0.0.0.0" }, enabled: true });
  for (const host of ["10.0.0.7:8000", "bench-7", "BENCH-7.local:8000", "[fd00::7]:8000"]) {
    assert.equal((await s.ask("/healthz", { headers: { host } })).status, 200, host);
  }
  assert.equal((await s.ask("/healthz", { headers: { host: "evil.example" } })).status, 421);
});

Deno.test("a page of another site can neither change nor read anything", async () => {
  await using s = await setUp();
  const foreign: Record<string, string>[] = [
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: "http://localhost:9999" },
    { origin: "http://localhost.evil.example:8000" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "http://localhost:8000", "sec-fetch-site": "cross-site" },
  ];
  for (const headers of foreign) {
    const response = await s.send("/api/v1/stop", headers);
    assert.equal(response.status, 403, JSON.stringify(headers));
    assert.equal(await kindOf(response), "bad-origin");
    const read = await s.ask("/api/v1/status", { headers });
    assert.equal(read.status, 403, JSON.stringify(headers));
    assert.equal(read.headers.get("access-control-allow-origin"), null);
  }
  const upgrade = { upgrade: "websocket", origin: "https://evil.example" };
  assert.equal((await s.ask("/", { headers: upgrade })).status, 403);
});

Deno.test("our own pages, forms and programs are let through, and so are links from elsewhere", async () => {
  await using s = await setUp();
  const own: Record<string, string>[] = [
    {},
    { origin: "http://localhost:8000", "sec-fetch-site": "same-origin" },
    { "sec-fetch-site": "none" },
  ];
  for (const headers of own) {
    assert.equal((await s.send("/api/v1/stop", headers)).status, 200, JSON.stringify(headers));
  }
  const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
  assert.equal((await s.ask("/", { headers: link })).status, 200);
});

Deno.test("a configured origin may call, and is told so before and after", async () => {
  await using s = await setUp({ server: { allowedOrigins: ["https://lab.example"] } });
  const headers = { origin: "https://lab.example", "sec-fetch-site": "cross-site" };
  const before = await s.ask("/api/v1/echo", { method: "OPTIONS", headers });
  assert.equal(before.status, 204);
  assert.equal(before.headers.get("access-control-allow-origin"), "https://lab.example");
  const after = await s.send("/api/v1/echo", headers);
  assert.equal(after.status, 200);
  assert.equal(after.headers.get("access-control-allow-origin"), "https://lab.example");
  assert.equal(after.headers.get("access-control-allow-credentials"), null);
  const other = await s.ask("/api/v1/echo", {
    method: "OPTIONS",
    headers: { origin: "https://evil.example" },
  });
  assert.equal(other.headers.get("access-control-allow-origin"), null);
});

Deno.test("a route without a rule is not there, whoever asks", async () => {
  await using s = await setUp();
  const response = await s.send("/api/v1/unruled");
  assert.equal(response.status, 404);
  assert.equal(await kindOf(response), "not-found");
});

Deno.test("a method an address does not take is told which it takes", async () => {
  await using s = await setUp();
  const response = await s.ask("/api/v1/echo", { method: "DELETE" });
  assert.equal(response.status, 405);
  assert.equal(response.headers.get("allow"), "GET, POST");
});

Deno.test("secrets in the address are refused", async () => {
  await using s = await setUp();
  for (
    const query of [
      "token=abc",
      "api_key=x",
      "access_token=x",
      "a=hf_abc",
      "session_id=x",
      "Token=1",
    ]
  ) {
    const response = await s.ask(`/api/v1/status?${query}`);
    assert.equal(response.status, 422, query);
    assert(!(await response.text()).includes("abc"));
  }
  assert.equal((await s.ask("/api/v1/status?from=1&channels=a.b")).status, 200);
});

Deno.test("a hundred megabytes are refused at once when announced", async () => {
  await using s = await setUp({ server: { bodyLimitMb: 1 } });
  const response = await s.ask("/api/v1/echo", {
    method: "POST",
    headers: { "content-type": "application/json", "content-length": String(100 * 1024 * 1024) },
    body: "{}",
  });
  assert.equal(response.status, 413);
  assert.equal(await kindOf(response), "too-large");
});

Deno.test("a body that never says how long it is gets no further than the limit", async () => {
  await using s = await setUp({ server: { bodyLimitMb: 1 } });
  let pulled = 0;
  const endless = () =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(65536).fill(0x20));
      },
    });
  // A route that reads by itself, and one whose reader takes any trouble for malformed JSON.
  for (const path of ["/api/v1/echo", "/api/v1/tokens"]) {
    pulled = 0;
    const response = await s.ask(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: endless(),
    });
    assert.equal(response.status, 413, path);
    assert.equal(await kindOf(response), "too-large");
    assert(pulled < 40, `${pulled} chunks were read`);
  }
});

Deno.test("a sender that stops in mid body is let go after half a minute, and no sooner", async () => {
  await using s = await setUp({ server: { bodyLimitMb: 1 } });
  // A route that reads by itself, and one whose reader takes any trouble for malformed JSON.
  for (const path of ["/api/v1/echo", "/api/v1/tokens"]) {
    const begun = Promise.withResolvers<void>();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"name":')),
      pull: () => {
        begun.resolve();
        return new Promise(() => {});
      },
    }, { highWaterMark: 0 });
    let isAnswered = false;
    const reply = Promise.resolve(s.ask(path, {
      method: "POST",
      headers: { "content-type": "application/json", "content-length": "8192" },
      body,
    })).finally(() => isAnswered = true);
    await begun.promise;
    await s.clock.advance(30_999);
    assert.equal(isAnswered, false, path);
    await s.clock.advance(1);
    const response = await reply;
    assert.equal(response.status, 408, path);
    assert.equal(await kindOf(response), "too-slow");
  }
});

Deno.test("a large body has a second more for each 8 KiB", async () => {
  await using s = await setUp({ server: { bodyLimitMb: 1 } });
  let send: ((text: string) => void) | null = null;
  const begun = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      send = (text) => {
        controller.enqueue(new TextEncoder().encode(text));
        controller.close();
      };
    },
    pull: () => begun.resolve(),
  }, { highWaterMark: 0 });
  const text = JSON.stringify({ text: "x".repeat(800_000) });
  const reply = s.ask("/api/v1/echo", {
    method: "POST",
    headers: { "content-type": "application/json", "content-length": String(text.length) },
    body,
  });
  await begun.promise;
  await s.clock.advance(120_000);
  send!(text);
  assert.equal((await reply).status, 200);
});

Deno.test("a body below the limit arrives whole, with and without a length", async () => {
  await using s = await setUp({ server: { bodyLimitMb: 1 } });
  const text = JSON.stringify({ text: "x".repeat(500_000) });
  for (const body of [text, new Blob([text]).stream()]) {
    const response = await s.ask("/api/v1/echo", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    assert.equal((await response.text()).length, text.length);
  }
});

Deno.test("malformed JSON is malformed-body, and a failure tells nothing of its cause", async () => {
  await using s = await setUp();
  const bad = await s.ask("/api/v1/echo", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"a": ',
  });
  assert.equal(await kindOf(bad), "malformed-body");
  const failed = await s.send("/api/v1/fail");
  assert.equal(failed.status, 500);
  const text = await failed.text();
  assert(!/secret|TypeError|\.ts|stack|\/home|\/work/.test(text), text);
  assert.equal(s.lines.length, 1);
  assert.match(s.lines[0]!, /TypeError.*secret path/);
  assert(s.lines[0]!.includes(failed.headers.get("x-request-id")!));
});

Deno.test("where nobody logs in, other machines get nothing but health", async () => {
  await using s = await setUp();
  assert.equal((await s.ask("/healthz", { from: "10.0.0.9" })).status, 200);
  for (const path of ["/", "/api/v1/status"]) {
    const response = await s.ask(path, { from: "10.0.0.9" });
    assert.equal(await kindOf(response), "login-required");
  }
  assert.equal((await s.send("/api/v1/stop", {}, "10.0.0.9")).status, 401);
});

Deno.test("a caller behind an unknown proxy on this machine is not taken for this machine", async () => {
  await using s = await setUp();
  for (const name of ["x-forwarded-for", "forwarded", "x-real-ip"]) {
    const response = await s.ask("/api/v1/status", { headers: { [name]: "127.0.0.1" } });
    assert.equal(response.status, 401, name);
  }
});

Deno.test("a configured proxy tells who asks and whether TLS was spoken; others are not believed", async () => {
  await using s = await setUp({ server: { trustedProxies: ["10.0.0.1"] }, enabled: true });
  await s.auth.users.add({ name: "anna", role: "admin", password: PASSWORD }, "system");
  const login = (headers: Record<string, string>, from: string) =>
    s.ask("/api/v1/login", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ name: "anna", password: PASSWORD }),
      from,
    });
  const tls = { "x-forwarded-proto": "https", "x-forwarded-for": "127.0.0.1, 10.9.9.9" };
  assert.match((await login(tls, "10.0.0.1")).headers.get("set-cookie")!, /; Secure$/);
  assert.doesNotMatch((await login(tls, "10.0.0.2")).headers.get("set-cookie")!, /Secure/);
  // The nearest hop is the proxy's word; what stands before it is the sender's.
  const stop = await s.send(
    "/api/v1/stop",
    { "x-forwarded-for": "127.0.0.1, 10.9.9.9" },
    "10.0.0.1",
  );
  assert.equal(stop.status, 401);
});

Deno.test("with logins: pages send people to log in, data is refused, and roles hold", async () => {
  await using s = await setUp({ enabled: true });
  const page = await s.ask("/?a=1", { headers: { accept: "text/html,*/*" } });
  assert.equal(page.status, 303);
  assert.equal(page.headers.get("location"), "/login?next=%2F%3Fa%3D1");
  const data = await s.ask("/api/v1/status");
  assert.equal(data.status, 401);
  assert.match(data.headers.get("www-authenticate")!, /Bearer/);

  const cookieOf = async (name: string, role: "observer" | "operator") => {
    await s.auth.users.add({ name, role, password: PASSWORD }, "system");
    const done = await s.auth.login(name, PASSWORD, null);
    assert(done.ok);
    return done.value.cookie.split(";")[0]!;
  };
  const observer = await cookieOf("ola", "observer");
  const operator = await cookieOf("ove", "operator");
  assert.equal((await s.ask("/api/v1/status", { headers: { cookie: observer } })).status, 200);
  assert.equal(await kindOf(await s.send("/api/v1/echo", { cookie: observer })), "forbidden");
  assert.equal((await s.send("/api/v1/echo", { cookie: operator })).status, 200);
  assert.equal((await s.ask("/api/v1/users", { headers: { cookie: operator } })).status, 403);
  assert.equal((await s.send("/api/v1/stop", { cookie: observer }, "10.0.0.2")).status, 200);
});

Deno.test("stopping needs no login from this machine, and one from elsewhere", async () => {
  await using s = await setUp({ enabled: true });
  assert.equal((await s.send("/api/v1/stop")).status, 200);
  assert.equal((await s.send("/api/v1/stop", {}, "::1")).status, 200);
  assert.equal((await s.send("/api/v1/stop", {}, "10.0.0.2")).status, 401);
  assert.equal((await s.send("/api/v1/stop", { "x-forwarded-for": "::1" })).status, 401);
});

Deno.test("a token does what its role and its scopes allow, and no more", async () => {
  await using s = await setUp({ enabled: true });
  const bearer = async (role: "observer" | "operator", scopes: ("devices" | "telemetry")[]) => {
    const issued = await s.auth.tokens.issue({ name: "t", role, scopes }, "system");
    assert(issued.ok);
    return { authorization: `Bearer ${issued.value.token}` };
  };
  const status = async (headers: Record<string, string>) =>
    (await s.send("/api/v1/echo", headers, "10.0.0.2")).status;
  assert.equal(await status(await bearer("operator", [])), 200);
  assert.equal(await status(await bearer("operator", ["devices"])), 200);
  assert.equal(await status(await bearer("operator", ["telemetry"])), 403);
  assert.equal(await status(await bearer("observer", [])), 403);
  assert.equal(await status({ authorization: "Bearer hf_wrong" }), 401);
});

Deno.test("a wrong token is refused even where everybody is welcome", async () => {
  await using s = await setUp();
  const response = await s.ask("/api/v1/status", { headers: { authorization: "Bearer hf_old" } });
  assert.equal(response.status, 401);
});

Deno.test("a running script reads, drives, and tells its own phase; nothing else", async () => {
  await using s = await setUp();
  const token = await s.auth.issueExperimentToken("01EXP", 7);
  const headers = { authorization: `Bearer ${token}` };
  const status = async (method: string, path: string) =>
    (await s.ask(path, {
      method,
      headers: { ...headers, "content-type": "application/json" },
      body: method === "GET" ? undefined : "{}",
    })).status;
  assert.equal(await status("GET", "/api/v1/status"), 200);
  assert.equal(await status("POST", "/api/v1/experiments/01EXP/phase"), 200);
  assert.equal(await status("POST", "/api/v1/experiments/7/phase"), 200);
  assert.equal(await status("POST", "/api/v1/stop"), 200);
  assert.equal(await status("POST", "/api/v1/experiments/01OTHER/phase"), 403);
  for (
    const [method, path] of [
      ["POST", "/api/v1/experiments"],
      ["POST", "/api/v1/experiments/01EXP/cancel"],
      ["POST", "/api/v1/tokens"],
      ["GET", "/api/v1/tokens"],
      ["GET", "/api/v1/users"],
      ["POST", "/api/v1/stop/clear"],
      ["PUT", "/api/v1/simulator/time-scale"],
      ["PUT", "/api/v1/me/password"],
    ] as const
  ) assert.equal(await status(method, path), 403, `${method} ${path}`);
});

Deno.test("on the scripts' own listener nobody is this machine's user", async () => {
  await using s = await setUp();
  const env = { scriptsOnly: true };
  assert.equal((await s.ask("/api/v1/status", { env })).status, 401);
  assert.equal((await s.ask("/api/v1/stop", { method: "POST", env })).status, 401);
  const token = await s.auth.issueExperimentToken("01EXP", 7);
  const headers = { authorization: `Bearer ${token}` };
  assert.equal((await s.ask("/api/v1/status", { env, headers })).status, 200);
});

Deno.test("a browser is given its owner cookie with the first page, once", async () => {
  await using s = await setUp();
  const accept = "text/html";
  const first = await s.ask("/", { headers: { accept } });
  const cookie = first.headers.get("set-cookie")!.split(";")[0]!;
  assert.match(cookie, /^session_id=/);
  const owner = async (headers: Record<string, string>) =>
    (await (await s.ask("/api/v1/status", { headers })).json()).who.owner;
  assert.equal(await owner({ cookie }), cookie.slice("session_id=".length).split(".")[0]);
  assert.equal(await owner({ "x-session-id": "test-user" }), "test-user");
  const data = await s.ask("/api/v1/status");
  assert.equal(data.headers.get("set-cookie"), null);
});

Deno.test("what is said in a header or a path cannot add a header to the reply", async () => {
  await using s = await setUp({ enabled: true });
  const page = await s.ask("/x%0d%0aset-cookie:%20a=b?next=%0d%0aset-cookie:%20c=d", {
    headers: { accept: "text/html" },
  });
  assert.equal(page.status, 303);
  assert.equal(page.headers.get("set-cookie"), null);
  assert.doesNotMatch(page.headers.get("location")!, /[\r\n]/);
});

Deno.test("listening beyond this machine without a login is refused, with what to do", () => {
  const config = (host: string) => ConfigFile.parse({ server: { host } });
  for (const host of ["127.0.0.1", "::1", "localhost", "127.0.0.2"]) {
    assertSafeListen(config(host), { enabled: false, hasAdmin: false });
  }
  for (const host of ["0.0.0.0", "::", "10.0.0.7", "vessel-a.local"]) {
    assert.throws(
      () => assertSafeListen(config(host), { enabled: false, hasAdmin: false }),
      (e: unknown) => e instanceof UnsafeListen && /\[auth\].*user add/.test(e.message),
    );
    assert.throws(
      () => assertSafeListen(config(host), { enabled: true, hasAdmin: false }),
      (e: unknown) => e instanceof UnsafeListen && /no admin/.test(e.message),
    );
    assertSafeListen(config(host), { enabled: true, hasAdmin: true });
  }
});
