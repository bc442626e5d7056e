import assert from "node:assert/strict";
import { join } from "node:path";
import { filesBelow, holdfastProject, listFiles, manifestModule } from "../../lib/fresh/project.ts";
import { NotBuilt, openBuild } from "../../lib/fresh/server.ts";
import * as manifest from "./fixture/fresh.gen.ts";
import { appOver, buildAt, copyFixture, FIXTURE } from "./fixture_app.ts";

const REPOSITORY = join(import.meta.dirname!, "../..");

Deno.test("fresh.gen.ts lists the pages and islands there are (else run `deno task build`)", async () => {
  const files = await listFiles(holdfastProject(REPOSITORY));
  const committed = await Deno.readTextFile(join(REPOSITORY, "fresh.gen.ts"));
  assert.equal(committed, manifestModule(files));
  const ours = await listFiles({ root: FIXTURE, ignore: [/^api\.ts$/] });
  assert.equal(await Deno.readTextFile(join(FIXTURE, "fresh.gen.ts")), manifestModule(ours));
});

Deno.test("routers, tests and parts in routes/ are not listed as pages", async () => {
  await using copy = await copyFixture();
  for (const name of ["app.ts", "api.ts", "compat_hub.ts", "index_test.tsx", "notes.md"]) {
    await Deno.writeTextFile(join(copy.root, "routes", name), "");
  }
  const { routes, islands } = await listFiles(holdfastProject(copy.root));
  assert.deepEqual(routes, (await listFiles({ root: FIXTURE, ignore: [/^api\.ts$/] })).routes);
  assert.deepEqual(islands, [
    "islands/Counter.tsx",
    "islands/Late.tsx",
    "islands/Pair.tsx",
    "islands/Values.tsx",
    "islands/panel.tsx",
    "routes/(group)/(_islands)/clock-face.tsx",
  ]);
});

Deno.test("a build of an unchanged project does nothing, and one of the same files gives the same names", async () => {
  await using copy = await copyFixture();
  const first = await buildAt(copy.root);
  assert.equal(first.rebuilt, true);
  assert.equal(first.islands, 6);
  const written = await filesBelow(join(copy.root, "_fresh"));
  assert.deepEqual(await buildAt(copy.root), { ...first, rebuilt: false });

  await Deno.remove(join(copy.root, "_fresh"), { recursive: true });
  assert.deepEqual(await buildAt(copy.root), first);
  assert.deepEqual(await filesBelow(join(copy.root, "_fresh")), written);
});

Deno.test("a change of any file that reaches the browser makes another build", async () => {
  await using copy = await copyFixture();
  let { id } = await buildAt(copy.root);
  const touched = [
    ["islands/Counter.tsx", "\nexport const more = 1;\n"],
    ["islands/(_parts)/describe.ts", "\nexport const more = 1;\nconsole.log(more);\n"],
    ["static/css/page.css", "\np { margin: 0; }\n"],
    ["static/new.txt", "new"],
  ] as const;
  for (const [path, text] of touched) {
    await Deno.writeTextFile(join(copy.root, path), text, { append: true });
    const report = await buildAt(copy.root);
    assert.equal(report.rebuilt, true, path);
    assert.notEqual(report.id, id, path);
    id = report.id;
  }
  await Deno.remove(join(copy.root, "static/new.txt"));
  assert.notEqual((await buildAt(copy.root)).id, id);
});

Deno.test("a build that lost a file is made again", async () => {
  await using copy = await copyFixture();
  const first = await buildAt(copy.root);
  const [script] = await filesBelow(join(copy.root, "_fresh/js"));
  await Deno.writeTextFile(join(copy.root, "_fresh/js", script!), "cut");
  assert.deepEqual(await buildAt(copy.root), first);
  assert.notEqual(await Deno.readTextFile(join(copy.root, "_fresh/js", script!)), "cut");
});

Deno.test("a server that still runs keeps the bundles of its build through the next one", async () => {
  await using copy = await copyFixture();
  await buildAt(copy.root);
  const running = await openBuild({ root: copy.root, manifest });
  const { url } = [...running.islands.values()].find(({ file }) => file.includes("Counter"))!;
  const counter = join(copy.root, "islands/Counter.tsx");
  const change = (n: number) =>
    Deno.writeTextFile(counter, `\nglobalThis.name = "${n}";\n`, { append: true });

  await change(1);
  await buildAt(copy.root);
  assert.equal((await appOver(running).ask(url)).status, 200);
  await change(2);
  await buildAt(copy.root);
  assert.equal((await appOver(running).ask(url)).status, 404, "but not for ever");
});

Deno.test("two builds at once leave one whole build", async () => {
  await using copy = await copyFixture();
  const run = () =>
    new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `import { build } from ${JSON.stringify(join(REPOSITORY, "lib/fresh/build.ts"))};
         import { stopBundler } from ${JSON.stringify(join(REPOSITORY, "lib/fresh/bundle.ts"))};
         await build({ root: ${JSON.stringify(copy.root)}, ignore: [/^api/],
           denoJson: ${JSON.stringify(join(REPOSITORY, "deno.json"))} });
         await stopBundler();`,
      ],
      cwd: REPOSITORY,
    }).output();
  const outcomes = await Promise.all([run(), run()]);
  for (const { code, stderr } of outcomes) assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.deepEqual(
    (await filesBelow(join(copy.root, "_fresh"))).filter((name) => name.endsWith(".tmp")),
    [],
  );
  const build = await openBuild({ root: copy.root, manifest });
  assert.equal((await appOver(build).ask(build.boot.url)).status, 200);
  assert.equal((await buildAt(copy.root)).rebuilt, false);
});

Deno.test("an island that reaches for what a browser has not is refused by name", async () => {
  await using copy = await copyFixture();
  await Deno.writeTextFile(
    join(copy.root, "islands/Reader.tsx"),
    'import { readFileSync } from "node:fs";\nexport default () => <p>{readFileSync("/x")}</p>;\n',
  );
  await assert.rejects(
    buildAt(copy.root),
    /islands\/Reader\.tsx imports "node:fs", which a browser does not have/,
  );
});

Deno.test("a broken island stops the build with its place, and the last build stays", async () => {
  await using copy = await copyFixture();
  const { id } = await buildAt(copy.root);
  await Deno.writeTextFile(join(copy.root, "islands/Counter.tsx"), "\nconst = 1;\n", {
    append: true,
  });
  await assert.rejects(buildAt(copy.root), /islands\/Counter\.tsx:\d+:\d+: ERROR/);
  assert.equal((await openBuild({ root: copy.root, manifest })).id, id);
});

Deno.test("what was never built, or built from other pages, says what to do", async () => {
  await using copy = await copyFixture();
  await assert.rejects(openBuild({ root: copy.root, manifest }), (error) => {
    assert.ok(error instanceof NotBuilt);
    assert.match(error.message, /run "deno task build" first/);
    return true;
  });
  await buildAt(copy.root);
  const islands = { ...manifest.islands, "islands/New.tsx": {} };
  await assert.rejects(
    openBuild({ root: copy.root, manifest: { ...manifest, islands } }),
    /no bundle of islands\/New\.tsx/,
  );
});
