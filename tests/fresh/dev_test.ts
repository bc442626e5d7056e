import assert from "node:assert/strict";
import { join } from "node:path";
import { openDevBuild } from "../../lib/fresh/dev.ts";
import { manifest } from "./fixture/fresh.gen.ts";
import { appOver, copyFixture, DENO_JSON } from "./fixture_app.ts";

Deno.test("in development bundles are made in memory, with source maps, and pages follow changes", async () => {
  await using copy = await copyFixture();
  await using build = await openDevBuild({ root: copy.root, manifest, denoJson: DENO_JSON });
  const app = appOver(build);

  const { text } = await app.ask("/");
  assert.match(text, /<script type="module" src="\/_fresh\/dev\/reload\.js"><\/script>/);
  assert.equal((await app.ask("/_fresh/dev/reload.js")).status, 200);
  const boot = await app.ask(build.boot.url);
  assert.match(boot.text, /sourceMappingURL=/);
  assert.equal((await app.ask(`${build.boot.url}.map`)).status, 200);

  const events = await app.handler(new Request("http://localhost/_fresh/dev/events"));
  assert.equal(events.headers.get("content-type"), "text/event-stream");
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
  const seen: string[] = [];
  const next = async () => {
    const { value } = await reader.read();
    return /data: (\w+)/.exec(value ?? "")?.[1];
  };
  seen.push((await next())!);
  assert.equal(seen[0], build.id);
  const path = join(copy.root, "static/css/page.css");
  await Deno.writeTextFile(path, "body { color: red; }");
  // A burst of changes may tell the same build more than once.
  let id: string | undefined = seen[0];
  while (id === seen[0]) id = await next();
  assert.notEqual(id, seen[0]);
  while ((await app.ask("/css/page.css")).text !== "body { color: red; }") await next();
  await reader.cancel();
});

Deno.test("without a list of modules development imports those that are there", async () => {
  await using copy = await copyFixture();
  await using build = await openDevBuild({
    root: copy.root,
    ignore: [/^api\.ts$/],
    denoJson: DENO_JSON,
  });
  assert.deepEqual(Object.keys(build.routes).sort(), Object.keys(manifest.routes).sort());
  assert.equal((await appOver(build).ask("/nested")).status, 200);
});
