import fc from "fast-check";
import assert from "node:assert/strict";
import { HttpError } from "fresh";
import { fsCommands } from "../../lib/fresh/fs_routes.ts";
import { byPrecedence, routeFile } from "../../lib/fresh/route_files.ts";
import { PathRouter } from "../../lib/fresh/router.ts";

Deno.test("a file's name says which addresses it answers", () => {
  const patterns = {
    "index.tsx": "/",
    "about.tsx": "/about",
    "blog/index.ts": "/blog",
    "blog/[slug].ts": "/blog/:slug",
    "blog/[slug]/comments.tsx": "/blog/:slug/comments",
    "old/[...path].ts": "/old/:path*",
    "docs/[[version]]/index.ts": "/docs/:version?",
    "[[name]].ts": "/:name?",
    "(info)/contact.tsx": "/contact",
    "(info)/index.tsx": "/",
    "robots.txt.ts": "/robots.txt",
  };
  for (const [path, pattern] of Object.entries(patterns)) {
    assert.equal(routeFile(path).pattern, pattern, path);
    assert.equal(routeFile(path).kind, "route");
  }
});

Deno.test("names with an underscore wrap or answer for their folder", () => {
  assert.equal(routeFile("_app.tsx").kind, "app");
  assert.equal(routeFile("_404.tsx").kind, "not-found");
  const layout = routeFile("devices/[id]/(tabs)/_layout.tsx");
  assert.equal(layout.kind, "layout");
  assert.deepEqual(layout.scope, ["devices", ":id", "(tabs)"]);
  assert.equal(layout.pattern, null);
});

Deno.test("a name that would not do what it says is refused", () => {
  for (const path of ["_helper.tsx", "a/_Layout.tsx", "[id].json/x.ts", "x[id].ts", "[a][b].ts"]) {
    if (path === "[id].json/x.ts") assert.throws(() => routeFile(path), SyntaxError);
    else {assert.throws(() => routeFile(path), {
        name: "SyntaxError",
        message: /Cannot use routes/,
      });}
  }
  for (const path of ["[...a]/b.ts"]) {
    const router = new PathRouter<string>();
    assert.throws(() => router.add(routeFile(path).pattern!, path), SyntaxError);
  }
});

Deno.test("wrappers come first, exact names before parameters, catch-alls last", () => {
  const sorted = [
    "_app.tsx",
    "_middleware.ts",
    "_layout.tsx",
    "_error.tsx",
    "devices/_layout.tsx",
    "index.tsx",
    "(info)/contact.tsx",
    "devices/index.tsx",
    "devices/new.tsx",
    "devices/new/[part].tsx",
    "devices/[id].tsx",
    "devices/[id]/history.tsx",
    "devices/[...rest].tsx",
    "[place].tsx",
    "[...all].tsx",
  ];
  const shuffled = fc.shuffledSubarray(sorted, { minLength: sorted.length });
  fc.assert(fc.property(shuffled, (paths) => {
    assert.deepEqual(paths.map(routeFile).sort(byPrecedence).map(({ path }) => path), sorted);
  }));
});

Deno.test("two files for one address are refused by name", () => {
  const page = { default: () => null };
  assert.throws(
    () => fsCommands({ "(a)/about.tsx": page, "(b)/about.tsx": page }),
    /routes\/\(a\)\/about\.tsx and routes\/\(b\)\/about\.tsx both answer "\/about"/,
  );
});

Deno.test("a module that exports nothing of use is refused by name", () => {
  assert.throws(
    () => fsCommands({ "x.tsx": { helper: 1 } }),
    /routes\/x\.tsx: it needs a component/,
  );
  assert.throws(() => fsCommands({ "_middleware.ts": { default: {} } }), /needs a middleware/);
  assert.throws(() => fsCommands({ "_layout.tsx": {} }), /needs a component as default export/);
  assert.throws(
    () => fsCommands({ "a/_app.tsx": { default: () => null } }),
    /stands in routes\/ only/,
  );
});

const name = fc.constantFrom("a", "b", "ab", "x.y", "a-b");
const patternArbitrary = fc.tuple(
  fc.array(fc.oneof(name, fc.constantFrom(":p", ":q")), { maxLength: 3 }),
  fc.option(fc.constantFrom(":r?", ":r*", ":r+", "*"), { nil: null }),
).map(([parts, tail]) => {
  const named = parts.map((part, i) => part.startsWith(":") ? `:p${i}` : part);
  return "/" + [...named, ...tail === null ? [] : [tail]].join("/");
});
const pathArbitrary = fc.array(
  fc.oneof(name, fc.constantFrom("c", "%20", "%C3%A4", "a%2Fb", "...")),
  { maxLength: 5 },
).chain((parts) => fc.boolean().map((slash) => "/" + parts.join("/") + (slash ? "/" : "")));

Deno.test("addresses are matched as URLPattern, which Fresh uses, matches them", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(patternArbitrary, { minLength: 1, maxLength: 6 }),
      fc.array(pathArbitrary, { minLength: 1, maxLength: 8 }),
      (patterns, paths) => {
        const router = new PathRouter<string>();
        for (const pattern of patterns) router.add(pattern, pattern);
        for (const raw of paths) {
          const { pathname } = new URL(raw.replaceAll(/\/{2,}/g, "/"), "http://localhost");
          const isPlain = (pattern: string) => !/[:*]/.test(pattern);
          const expected = [...patterns.filter(isPlain), ...patterns.filter((p) => !isPlain(p))]
            .map((pattern) => ({
              pattern,
              // Fresh spells [[name]] at the root so that it answers "/" too.
              result: new URLPattern({ pathname: pattern.replace(/^\/:r\?$/, "/{:r}?") })
                .exec({ pathname }),
            }))
            .find(({ result }) => result !== null);
          const found = router.match(pathname);
          const shown = `${pathname} among ${patterns.join(" ")}`;
          assert.equal(found?.pattern, expected?.pattern, shown);
          const groups = Object.entries(expected?.result?.pathname.groups ?? {})
            .filter(([, value]) => value !== undefined && value !== "")
            .map(([key, value]) => [key, decodeURIComponent(value!)]);
          assert.deepEqual({ ...found?.params }, Object.fromEntries(groups), shown);
        }
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("a broken percent escape in a parameter is the visitor's mistake", () => {
  const router = new PathRouter<string>();
  router.add("/x/:id", "x");
  assert.throws(() => router.match("/x/%E0%A4%A"), (error) => {
    assert.ok(error instanceof HttpError);
    assert.equal(error.status, 400);
    return true;
  });
});

Deno.test("a pattern outside the subset is refused", () => {
  const router = new PathRouter<string>();
  for (const pattern of ["/x/:module@:version", "/:a*/b", "/*/b", "/{x}?", "/(\\d+)", "x"]) {
    assert.throws(() => router.add(pattern, "x"), SyntaxError, pattern);
  }
});
