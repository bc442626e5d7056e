import assert from "node:assert/strict";
import { ManualClock, systemClock } from "../../lib/clock.ts";
import { smoke } from "../../lib/epu/tools/mod.ts";

/** A backend that answers as told, below a base path. */
function backend(answer: (path: string) => Response | Promise<Response>) {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    return pathname.startsWith("/base/")
      ? answer(pathname.slice("/base".length))
      : new Response("not here", { status: 404 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/base`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const options = { clock: systemClock, timeoutMs: 60_000 };

Deno.test("a backend that is well passes, with or without a slash behind its address", async () => {
  await using well = backend(() => Response.json({ status: "ok" }));
  for (const url of [well.url, `${well.url}/`]) {
    const checks = await smoke(url, options);
    assert.deepEqual(checks.map(({ path, isOk, status }) => [path, isOk, status]), [
      ["/status", true, 200],
      ["/health", true, 200],
    ]);
  }
});

Deno.test("a backend without its database is told apart from an address where none is", async () => {
  await using ill = backend((path) =>
    path === "/status"
      ? Response.json({ status: "ok" })
      : Response.json({ detail: { status: "degraded" } }, { status: 503 })
  );
  const [status, health] = await smoke(ill.url, options);
  assert.equal(status?.isOk, true);
  assert.deepEqual([health?.isOk, health?.status, health?.says], [false, 503, "degraded"]);
  await using other = backend(() => new Response("<html>", { status: 200 }));
  const [strange] = await smoke(other.url, options);
  assert.deepEqual([strange?.isOk, strange?.says], [false, "no answer of a SmartEM interface"]);
});

Deno.test("a backend that does not answer in time, or at all, fails with that", async () => {
  const clock = new ManualClock();
  const asked = Promise.withResolvers<void>();
  const never = Promise.withResolvers<Response>();
  let url = "";
  {
    await using silent = backend((path) => {
      if (path === "/health") return Response.json({ status: "ok" });
      asked.resolve();
      return never.promise;
    });
    url = silent.url;
    const running = smoke(url, { clock, timeoutMs: 5000 });
    await asked.promise;
    await clock.advance(5000);
    const [status, health] = await running;
    assert.deepEqual([status?.isOk, status?.says], [false, "no answer within 5 s"]);
    assert.equal(health?.isOk, true);
    never.resolve(new Response());
  }
  const checks = await smoke(url, options);
  assert.deepEqual(checks.map(({ isOk, status }) => [isOk, status]), [[false, null], [
    false,
    null,
  ]]);
});
