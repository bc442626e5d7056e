import assert from "node:assert/strict";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { setBuildId } from "../../lib/fresh/build_id.ts";
import { contentTypeOf } from "../../lib/fresh/content_type.ts";
import { openBuild } from "../../lib/fresh/server.ts";
import { asset, assetSrcSet } from "fresh/runtime";
import * as manifest from "./fixture/fresh.gen.ts";
import { appOver, buildAt, copyFixture } from "./fixture_app.ts";

const copy = await copyFixture();
await buildAt(copy.root);
const app = appOver(await openBuild({ root: copy.root, manifest }));
globalThis.addEventListener("unload", () => Deno.removeSync(copy.root, { recursive: true }));

const page = await Deno.readTextFile(join(copy.root, "static/css/page.css"));

Deno.test("a file of static/ is served with its type, its length and a tag", async () => {
  const { status, headers, text } = await app.ask("/css/page.css");
  assert.equal(status, 200);
  assert.equal(text, page);
  assert.equal(headers.get("content-type"), "text/css; charset=utf-8");
  assert.equal(headers.get("content-length"), String(page.length));
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.match(headers.get("etag") ?? "", /^"[0-9a-f]{16}"$/);
  assert.equal(headers.get("cache-control"), "public, no-cache");
});

Deno.test("a file asked for as asset() names it is kept for a year, by this build only", async () => {
  const url = asset("/css/page.css");
  assert.equal(url, `/css/page.css?__frsh_c=${app.build.id}`);
  assert.match(
    (await app.ask(url)).headers.get("cache-control") ?? "",
    /max-age=31536000, immutable/,
  );
  const old = await app.ask("/css/page.css?__frsh_c=0123456789abcdef");
  assert.equal(old.headers.get("cache-control"), "public, no-cache");
});

Deno.test("two builds in one process each name their own files", async () => {
  await using other = await copyFixture();
  await Deno.writeTextFile(join(other.root, "static/robots.txt"), "other");
  await buildAt(other.root);
  const second = appOver(await openBuild({ root: other.root, manifest }));
  assert.notEqual(second.build.id, app.build.id);
  const sheet = async (which: typeof app) =>
    /page\.css\?__frsh_c=(\w+)/.exec((await which.ask("/samples")).text)?.[1];
  assert.equal(await sheet(app), app.build.id);
  assert.equal(await sheet(second), second.build.id);
  setBuildId(app.build.id);
});

Deno.test("asset() leaves other hosts, relative paths and marked addresses alone", () => {
  for (const url of ["https://x.test/a.css", "//x.test/a.css", "a.css", asset("/a.css")]) {
    assert.equal(asset(url), url);
  }
  assert.equal(asset("/a.svg?x=1#part"), `/a.svg?x=1&__frsh_c=${app.build.id}#part`);
  assert.equal(
    assetSrcSet("/a.png 1x, /b.png 2x"),
    `${asset("/a.png")} 1x, ${asset("/b.png")} 2x`,
  );
});

Deno.test("a browser that has the file is told so, in whatever encoding it has it", async () => {
  for (const encoding of ["identity", "gzip", "br"]) {
    const first = await app.ask("/css/page.css", { headers: { "accept-encoding": encoding } });
    const etag = first.headers.get("etag")!;
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const { status, hasBody, headers } = await app.ask("/css/page.css", {
        headers: { "if-none-match": tag, "accept-encoding": encoding },
      });
      assert.equal(status, 304, tag);
      assert.equal(hasBody, false);
      assert.equal(headers.get("etag"), etag);
    }
  }
  const other = await app.ask("/css/page.css", { headers: { "if-none-match": '"other"' } });
  assert.equal(other.status, 200);
});

Deno.test("text is sent compressed to who takes it, the best form first", async () => {
  const get = async (accept: string) => {
    const response = await app.handler(
      new Request("http://localhost/css/page.css", { headers: { "accept-encoding": accept } }),
    );
    return { response, bytes: new Uint8Array(await response.arrayBuffer()) };
  };
  const br = await get("gzip, deflate, br");
  assert.equal(br.response.headers.get("content-encoding"), "br");
  assert.equal(br.response.headers.get("vary"), "accept-encoding");
  assert.equal(brotliDecompressSync(br.bytes).toString(), page);
  const gzip = await get("gzip;q=0.5, br;q=0");
  assert.equal(gzip.response.headers.get("content-encoding"), "gzip");
  assert.equal(gunzipSync(gzip.bytes).toString(), page);
  assert.notEqual(br.response.headers.get("etag"), gzip.response.headers.get("etag"));
  assert.equal((await get("identity")).response.headers.get("content-encoding"), null);
});

Deno.test("HEAD tells of a file without sending it; other methods find no file", async () => {
  const { status, headers, hasBody } = await app.ask("/robots.txt", { method: "HEAD" });
  assert.equal(status, 200);
  assert.equal(headers.get("content-length"), "14");
  assert.equal(hasBody, false);
  assert.equal((await app.ask("/robots.txt", { method: "POST" })).status, 404);
});

Deno.test("a file taken away after the start is not found, and is no failure", async () => {
  const path = join(copy.root, "static/robots.txt");
  const content = await Deno.readFile(path);
  await Deno.remove(path);
  try {
    assert.equal((await app.ask("/robots.txt")).status, 404);
    assert.deepEqual(app.errors, []);
  } finally {
    await Deno.writeFile(path, content);
  }
});

Deno.test("a file of no known kind is a download", () => {
  assert.equal(contentTypeOf("run.bin"), "application/octet-stream");
  assert.equal(contentTypeOf("FONT.WOFF2"), "font/woff2");
});
