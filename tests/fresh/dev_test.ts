import assert from "node:assert/strict";
import { join } from "node:path";
import { openDevBuild } from "../../lib/fresh/dev.ts";
import * as manifest from "./fixture/fresh.gen.ts";
import { appOver, copyFixture, DENO_JSON } from "./fixture_app.ts";

Deno.test("in development bundles are made in memory, with source maps, and pages follow changes", async () => {
  await using copy = await copyFixture();
  const build = await openDevBuild({ root: copy.root, manifest, denoJson: DENO_JSON });
  const app = appOver(build);

  const { text } = await app.ask("/");
  assert.match(text, /<script type="module" src="\/_fresh\/dev\/reload\.js"><\/script>/);
  assert.equal((await app.ask("/_fresh/dev/reload.js")).status, 200);
  const boot = await app.ask(build.boot.url);
  assert.match(boot.text, /sourceMappingURL=/);
  assert.equal((await app.ask(`${build.boot.url}.map`)).status, 200);

  const buildNow = async () => {
    const { headers, text } = await app.ask("/_fresh/dev/events");
    assert.equal(headers.get("content-type"), "text/event-stream");
    return /^retry: \d+\nevent: build\ndata: (\w+)\n\n$/.exec(text)![1]!;
  };
  const first = await buildNow();
  assert.equal(first, build.id);
  assert.equal(await buildNow(), first, "nothing changed");
  const path = join(copy.root, "static/css/page.css");
  await Deno.writeTextFile(path, "body { color: red; }");
  const second = await buildNow();
  assert.notEqual(second, first);
  assert.equal((await app.ask("/css/page.css")).text, "body { color: red; }");
  assert.match((await app.ask("/samples")).text, new RegExp(`page\\.css\\?__frsh_c=${second}`));
});

Deno.test("without a list of modules development imports those that are there", async () => {
  await using copy = await copyFixture();
  const build = await openDevBuild({
    root: copy.root,
    ignore: [/^api\.ts$/],
    denoJson: DENO_JSON,
  });
  assert.deepEqual(Object.keys(build.routes).sort(), Object.keys(manifest.routes).sort());
  assert.equal((await appOver(build).ask("/nested")).status, 200);
});

Deno.test("a page added in development is listed for the next process", async () => {
  await using copy = await copyFixture();
  const list = join(copy.root, "fresh.gen.ts");
  await openDevBuild({ root: copy.root, manifest, denoJson: DENO_JSON });
  assert.doesNotMatch(await Deno.readTextFile(list), /added/);
  await Deno.writeTextFile(join(copy.root, "routes/added.tsx"), "export default () => <p>new</p>;");
  await openDevBuild({ root: copy.root, manifest, denoJson: DENO_JSON });
  assert.match(await Deno.readTextFile(list), /"added\.tsx": route/);
});
