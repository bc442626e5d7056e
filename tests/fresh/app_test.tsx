import assert from "node:assert/strict";
import { App, type Context, HttpError, trailingSlashes } from "fresh";

interface State {
  who?: string;
  seen?: string[];
}

function ask(app: App<State>): (path: string, init?: RequestInit) => Promise<Response> {
  const handler = app.handler();
  return (path, init) => handler(new Request(new URL(path, "http://localhost"), init));
}

/** Runs `test` with what an app without a build would print gathered instead. */
async function withLog(test: (logged: unknown[]) => Promise<void>): Promise<void> {
  const original = console.error;
  const logged: unknown[] = [];
  console.error = (error: unknown) => void logged.push(error);
  try {
    await test(logged);
  } finally {
    console.error = original;
  }
}

Deno.test("an app answers what it was given by hand", async () => {
  const get = ask(
    new App<State>()
      .get("/", () => new Response("start"))
      .post("/", () => new Response("posted"))
      .get("/books/:id", (ctx) => new Response(`${ctx.route} ${ctx.params.id}`))
      .all("/any", (ctx) => new Response(ctx.req.method))
      .get("/page", (ctx) => ctx.render(<h1>by hand</h1>, { status: 201 })),
  );
  assert.equal(await (await get("/")).text(), "start");
  assert.equal(await (await get("/", { method: "POST" })).text(), "posted");
  assert.equal((await get("/", { method: "PUT" })).headers.get("allow"), "GET, HEAD, POST");
  assert.equal(await (await get("/books/a%20b")).text(), "/books/:id a b");
  assert.equal(await (await get("/any", { method: "PATCH" })).text(), "PATCH");
  const page = await get("/page");
  assert.equal(page.status, 201);
  assert.match(await page.text(), /<body><h1>by hand<\/h1><\/body>/);
});

Deno.test("middleware holds for what is added after it, below its path", async () => {
  const note = (text: string) => (ctx: Context<State>) => {
    (ctx.state.seen ??= []).push(text);
    return ctx.next();
  };
  const show = (ctx: Context<State>) => new Response((ctx.state.seen ?? []).join(" "));
  const get = ask(
    new App<State>()
      .get("/early", show)
      .use(note("all"), note("second"))
      .use("/admin", note("admin"))
      .get("/late", show)
      .get("/admin/users", note("own"), show),
  );
  assert.equal(await (await get("/early")).text(), "");
  assert.equal(await (await get("/late")).text(), "all second");
  assert.equal(await (await get("/admin/users")).text(), "all second admin own");
});

Deno.test("a middleware may go on more than once", async () => {
  let asked = 0;
  let between = 0;
  const get = ask(
    new App<State>()
      .use(async (ctx) => {
        const first = await ctx.next();
        return first.status === 503 ? await ctx.next() : first;
      })
      .use((ctx) => {
        between++;
        return ctx.next();
      })
      .get("/flaky", () => new Response(null, { status: ++asked < 2 ? 503 : 200 })),
  );
  assert.equal((await get("/flaky")).status, 200);
  assert.deepEqual([between, asked], [2, 2]);
});

Deno.test("a HEAD that was written goes before the one made from GET", async () => {
  const get = ask(
    new App<State>()
      .head("/a", () => new Response(null, { headers: { "x-head": "written" } }))
      .get("/a", () => new Response("a"))
      .get("/b", () => new Response("b"))
      .head("/b", () => new Response(null, { headers: { "x-head": "written" } })),
  );
  for (const path of ["/a", "/b"]) {
    assert.equal((await get(path, { method: "HEAD" })).headers.get("x-head"), "written");
  }
});

Deno.test("what the server hands over reaches every page by ctx.info", async () => {
  const app = new App<State>()
    .use((ctx) => {
      ctx.state.who = (ctx.info as Deno.ServeHandlerInfo & { who: string }).who;
      return ctx.next();
    })
    .get("/", (ctx) => new Response(ctx.state.who));
  const handler = app.handler();
  // A variable, not a literal: the type of `info` says nothing of further members.
  const carrying = (who: string) => ({
    remoteAddr: { transport: "tcp" as const, hostname: "::1", port: 1 },
    completed: Promise.resolve(),
    who,
  });
  const asked = await Promise.all(
    Array.from({ length: 20 }, (_, i) => {
      const info = carrying(`user ${i}`);
      return handler(new Request("http://localhost/"), info);
    }),
  );
  assert.deepEqual(
    await Promise.all(asked.map((response) => response.text())),
    Array.from({ length: 20 }, (_, i) => `user ${i}`),
    "and never another request's",
  );
});

Deno.test("apps mount below a path with all they hold", async () => {
  const inner = new App<State>()
    .use(async (ctx) => {
      const response = await ctx.next();
      response.headers.set("x-inner", "yes");
      return response;
    })
    .onError("*", (ctx) => new Response(`caught ${(ctx.error as Error).message}`, { status: 500 }))
    .get("/", () => new Response("inner start"))
    .get("/fail", () => {
      throw new Error("inside");
    });
  const get = ask(
    new App<State>().mountApp("/inner", inner).get("/", () => new Response("outer")),
  );
  const start = await get("/inner");
  assert.equal(await start.text(), "inner start");
  assert.equal(start.headers.get("x-inner"), "yes");
  assert.equal(await (await get("/inner/fail")).text(), "caught inside");
  assert.equal((await get("/")).headers.get("x-inner"), null);
});

Deno.test("an error page that fails leaves it to the one above, and at last to plain text", async () => {
  const fail = (message: string) => () => {
    throw new Error(message);
  };
  await withLog(async (logged) => {
    const nested = ask(
      new App<State>()
        .onError("*", (ctx) => new Response(String(ctx.error), { status: 500 }))
        .onError("/a", fail("second"))
        .get("/a/x", fail("first")),
    );
    assert.match(await (await nested("/a/x")).text(), /^AggregateError: An error page failed/);

    const bare = ask(new App<State>().onError("*", fail("second")).get("/x", fail("first")));
    const response = await bare("/x");
    assert.equal(response.status, 500);
    assert.equal(await response.text(), "Internal server error");
    assert.equal(logged.length, 2);
    for (const error of logged) {
      assert.deepEqual((error as AggregateError).errors.map(({ message }) => message), [
        "first",
        "second",
      ]);
    }
  });
});

Deno.test("an HttpError without an error page is plain text", async () => {
  const get = ask(
    new App<State>()
      .get("/teapot", () => {
        throw new HttpError(418, "No coffee");
      })
      .get("/empty", () => {
        throw new HttpError(410);
      }),
  );
  const teapot = await get("/teapot");
  assert.equal(teapot.status, 418);
  assert.equal(await teapot.text(), "No coffee");
  assert.equal(await (await get("/empty")).text(), "Status 410");
  assert.equal((await get("/nowhere")).status, 404);
});

Deno.test("a redirect to a path stays on this host", async () => {
  const get = ask(
    new App<State>().get("/go", (ctx) => ctx.redirect(ctx.url.searchParams.get("to") ?? "/", 303)),
  );
  const to = async (target: string) =>
    (await get(`/go?to=${encodeURIComponent(target)}`)).headers.get("location");
  assert.equal(await to("/a?b=//c#d"), "/a?b=//c#d");
  for (const target of ["//evil.test", "///evil.test", "/\\evil.test", "\\\\evil.test"]) {
    assert.equal(await to(target), "/evil.test", target);
  }
});

Deno.test("trailing slashes lead to the one spelling", async () => {
  const get = ask(
    new App<State>().use(trailingSlashes("never")).get("/x", () => new Response("x")),
  );
  const redirected = await get("/x/?y=1");
  assert.equal(redirected.status, 308);
  assert.equal(redirected.headers.get("location"), "/x?y=1");
  assert.equal((await get("/x")).status, 200);
});

Deno.test("what is neither a response nor a page is a failure, not an empty answer", async () => {
  await withLog(async (logged) => {
    const get = ask(
      new App<State>()
        .get("/nothing", (() => undefined) as unknown as () => Response)
        .get("/text", (ctx) => ctx.render("text" as never)),
    );
    assert.equal((await get("/nothing")).status, 500);
    assert.equal((await get("/text")).status, 500);
    assert.match(String(logged[1]), /Cannot render string/);
  });
});
