import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import * as pages from "../fresh.gen.ts";
import { checkAccessCoverage } from "../lib/access.ts";
import { buildApp } from "../routes/app.ts";
import { runInstrument, type RunningInstrument } from "./running_instrument.ts";

const MB = 1024 * 1024;

Deno.test("the whole application against hostile callers", async (t) => {
  await using instrument = await runInstrument({ HOLDFAST_SERVER_BODY_LIMIT_MB: "2" });
  const { ask } = instrument;

  await t.step("every route that changes something has an access rule", async () => {
    const app = await buildApp(instrument.instrument, {
      root: join(import.meta.dirname!, ".."),
      manifest: pages,
      dev: false,
    });
    assert(app.routes.some(({ method }) => method === "POST"));
    assert.deepEqual(checkAccessCoverage(app.routes), []);
  });

  await t.step("pages, data, files and errors all carry the strict headers", async () => {
    const paths = [
      "/",
      "/devices",
      "/docs",
      "/css/tokens.css",
      "/api/v1/devices",
      "/nothing",
      "/api/x",
    ];
    for (const path of [...paths, "/problems/device-held", "/api/v3/capabilities"]) {
      const reply = await ask(path, { headers: { accept: "text/html" } });
      await reply.body?.cancel();
      const policy = reply.headers.get("content-security-policy") ?? "";
      assert(
        policy.includes("script-src 'self'") && !policy.includes("unsafe"),
        `${path}: ${policy}`,
      );
      assert.equal(reply.headers.get("x-content-type-options"), "nosniff", path);
    }
  });

  await t.step(
    "a hundred megabytes are refused, announced or not, and memory does not follow",
    async () => {
      const before = Deno.memoryUsage().rss;
      const chunk = new Uint8Array(MB).fill(0x20);
      let sent = 0;
      const body = () =>
        new ReadableStream<Uint8Array>({
          pull(controller) {
            if (sent++ < 100) controller.enqueue(chunk);
            else controller.close();
          },
        });
      for (const path of ["/api/v1/experiments", "/api/v1/stop/clear", "/api/experiments/start"]) {
        sent = 0;
        const status = await ask(path, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: body(),
        }).then(async (reply) => {
          await reply.body?.cancel();
          return reply.status;
        }, () => "cut off");
        assert(status === 413 || status === "cut off", `${path}: ${status}`);
      }
      const announced = await rawStatus(
        instrument,
        "POST /api/v1/experiments HTTP/1.1",
        ["content-type: application/json", `content-length: ${100 * MB}`],
      );
      assert.equal(announced, 413);
      const grownMb = (Deno.memoryUsage().rss - before) / MB;
      assert(grownMb < 150, `memory grew by ${grownMb} MiB`);
      assert.equal((await ask("/healthz")).status, 200);
    },
  );

  await t.step("requests that no library would send do no harm", async () => {
    const cases: [string, string[], number[]][] = [
      ["GET /healthz HTTP/1.1", ["host: evil.example"], [421]],
      ["GET /healthz HTTP/1.1", ["host: localhost", "host: evil.example"], [400, 421]],
      ["GET /healthz HTTP/1.1", ["host: localhost:99999"], [421]],
      ["GET /healthz HTTP/1.1", ["host: a:b:c"], [421]],
      ["GET /healthz HTTP/1.1", ["host: [::1"], [421]],
      ["GET http://evil.example/healthz HTTP/1.1", ["host: localhost"], [200, 400, 421]],
      ["GET /healthz HTTP/1.0", [], [400, 421, 200]],
      ["GET /%00 HTTP/1.1", ["host: localhost"], [400, 404]],
      ["GET /..%2f..%2fetc%2fpasswd HTTP/1.1", ["host: localhost"], [400, 404]],
      ["GET /../../etc/passwd HTTP/1.1", ["host: localhost"], [400, 404]],
      ["GET /css/..%2f..%2fholdfast.toml HTTP/1.1", ["host: localhost"], [400, 404]],
      ["POST /api/v1/stop HTTP/1.1", ["host: localhost", "origin: https://evil.example"], [403]],
      ["TRACE / HTTP/1.1", ["host: localhost"], [404, 405, 501]],
      ["POST / HTTP/1.1", ["host: localhost"], [404, 405]],
      [`GET /${"a".repeat(20_000)} HTTP/1.1`, ["host: localhost"], [404, 414, 431, 400]],
      ["GET /healthz HTTP/1.1", ["host: localhost", `x: ${"a".repeat(200_000)}`], [400, 431, 0]],
    ];
    for (const [line, headers, statuses] of cases) {
      const status = await rawStatus(instrument, line, headers);
      assert(
        statuses.includes(status),
        `${line.slice(0, 60)} [${headers}]: ${status}`.slice(0, 200),
      );
    }
    assert.equal((await ask("/healthz")).status, 200);
  });

  await t.step("malformed and misfitting bodies are told apart on every native route", async () => {
    const document = await (await ask("/api/openapi.json")).json();
    for (
      const [path, item] of Object.entries<
        Record<string, { requestBody?: { required?: boolean } }>
      >(document.paths)
    ) {
      for (const [method, operation] of Object.entries(item)) {
        if (operation.requestBody?.required !== true) continue;
        const send = async (body: string, type = "application/json") => {
          const reply = await ask(path.replaceAll(/\{\w+\}/g, "1"), {
            method: method.toUpperCase(),
            headers: { "content-type": type },
            body,
          });
          const text = await reply.text();
          assert.match(reply.headers.get("content-type")!, /problem\+json/, `${path}: ${text}`);
          assert(!/\/home|\/work|\.ts:\d|at async/.test(text), `${path}: ${text}`);
          return reply.status;
        };
        assert.equal(await send("{"), 400, `${method} ${path}`);
        for (const body of ["[]", "null", '"x"', '{"surprise":1}']) {
          assert.equal(await send(body), 422, `${method} ${path} ${body}`);
        }
        assert.equal(await send("<a/>", "application/xml"), 415, `${method} ${path}`);
      }
    }
  });

  await t.step("a page that is sent something else than a form says so", async () => {
    const pages = ["/alarms", "/devices/led", "/experiments/new", "/experiments/1"];
    for (
      const path of [
        ...pages,
        "/settings/theme",
        "/settings/users",
        "/settings/tokens",
        "/settings/simulator",
      ]
    ) {
      const send = async (body: string, type?: string) => {
        const headers: Record<string, string> = { accept: "text/html" };
        if (type !== undefined) headers["content-type"] = type;
        const bytes = new TextEncoder().encode(body);
        const reply = await ask(path, { method: "POST", headers, body: bytes });
        await reply.body?.cancel();
        return reply.status;
      };
      assert.equal(await send("{}", "application/json"), 415, path);
      assert.equal(await send("a=b"), 415, path);
      assert.equal(await send("a=b", "multipart/form-data"), 400, path);
      assert.equal(await send("a=b", "multipart/form-data; boundary=x"), 400, path);
    }
  });

  await t.step("none of it was Holdfast's own failure", () => {
    assert.deepEqual(instrument.complaints.filter((line) => line.includes("ERROR")), []);
  });
});

Deno.test("with logins, nothing is shown to strangers and STOP still works on the machine", async () => {
  await using instrument = await runInstrument({ HOLDFAST_AUTH_ENABLED: "true" });
  const { ask } = instrument;
  const page = await ask("/devices", { headers: { accept: "text/html" } });
  assert.equal(page.status, 303);
  assert.equal(page.headers.get("location"), "/login?next=%2Fdevices");
  const login = await ask("/login", { headers: { accept: "text/html" } });
  assert.equal(login.status, 200);
  const text = await login.text();
  assert(!/pump-inflow|stirrer/.test(text), "the login page tells of devices");
  for (
    const path of ["/api/v1/devices", "/api/v1/stream", "/metrics", "/docs", "/api/v3/capabilities"]
  ) {
    const reply = await ask(path);
    await reply.body?.cancel();
    assert.equal(reply.status, 401, path);
  }
  const stop = await ask("/api/v1/stop", { method: "POST" });
  assert.equal(stop.status, 200, await stop.text());
  const clear = await ask("/api/v1/stop/clear", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"reason":"it is safe"}',
  });
  assert.equal(clear.status, 401, await clear.text());
});

/** The status of a request written by hand; 0 when the connection was closed without one. */
async function rawStatus(
  { url }: RunningInstrument,
  line: string,
  headers: readonly string[],
): Promise<number> {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port) });
  const given = headers.some((h) => h.startsWith("host:")) || line.endsWith("1.0")
    ? headers
    : [...headers, "host: localhost"];
  let text = "";
  socket.setEncoding("utf8");
  socket.on("data", (data: string) => text += data);
  socket.on("error", () => {});
  socket.setTimeout(5000, () => socket.destroy());
  socket.write(`${line}\r\n${given.join("\r\n")}\r\nconnection: close\r\n\r\n`);
  await new Promise((resolve) => socket.on("close", resolve));
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0);
}
