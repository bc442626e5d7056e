import assert from "node:assert/strict";
import { openFixture } from "./fixture_app.ts";

const app = await openFixture();
const { ask, errors } = app;
globalThis.addEventListener("unload", () => Deno.removeSync(app.build.root, { recursive: true }));

/** What stands between the app's navigation and the scripts. */
function content(text: string): string {
  return /<\/nav>(.*?)(?:<script|<template|<\/body>)/s.exec(text)?.[1] ?? text;
}

/** Error pages of this test are expected; what they tell the log is looked at. */
function takeErrors(): unknown[] {
  return errors.splice(0);
}

Deno.test("a page stands within its layouts and the app", async () => {
  const { status, headers, text } = await ask("/samples");
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(text, /^<!DOCTYPE html><html lang="en"/);
  assert.equal(
    content(text),
    '<main class="outer"><div class="samples"><h1>All samples</h1></div></main>',
  );
});

Deno.test("a group wraps its pages and does not show in the address", async () => {
  const { text } = await ask("/about");
  assert.match(content(text), /<main class="outer"><div class="group"><b>grouped<\/b>/);
  assert.equal((await ask("/(group)/about")).status, 404);
});

Deno.test("parts beside pages are no pages", async () => {
  assert.equal((await ask("/Badge")).status, 404);
  assert.equal((await ask("/clock-face")).status, 404);
  assert.equal((await ask("/api")).status, 404);
  assert.equal((await ask("/_app")).status, 404);
});

Deno.test("a page may stand without layouts and without the app", async () => {
  const { text } = await ask("/bare");
  assert.equal(
    text,
    '<!DOCTYPE html><html><head><meta charset="utf-8"></head><body><p>bare</p></body></html>',
  );
});

Deno.test("a parameter reaches the handler and the page, decoded", async () => {
  const { status, headers, text } = await ask("/samples/pH%20%C3%A4%2Fb");
  assert.equal(status, 200);
  assert.equal(headers.get("x-sample"), "yes");
  assert.match(content(text), /<h1 data-route="\/samples\/:id">Sample pH ä\/b pH ä\/b<\/h1>/);
});

Deno.test("a plain name goes before a parameter", async () => {
  assert.match(content((await ask("/samples/new")).text), /<h1>New sample<\/h1>/);
});

Deno.test("an optional parameter may be left out", async () => {
  assert.match(content((await ask("/docs")).text), /Docs latest/);
  assert.match(content((await ask("/docs/v2")).text), /Docs v2/);
  assert.equal((await ask("/docs/v2/more")).status, 404);
});

Deno.test("a catch-all takes everything below its folder, and nothing too", async () => {
  assert.equal((await ask("/files/a/b%20c.txt")).text, "GET a/b c.txt");
  assert.equal((await ask("/files")).text, "GET ");
});

Deno.test("a route's pattern can be its own", async () => {
  assert.match(content((await ask("/elsewhere/q")).text), /elsewhere: q/);
  assert.equal((await ask("/override")).status, 404);
});

Deno.test("middleware runs from the root inwards and sees the response on the way back", async () => {
  assert.equal((await ask("/samples")).headers.get("x-stamped"), "root>samples");
  assert.equal((await ask("/")).headers.get("x-stamped"), "root");
});

Deno.test("a form works without scripts: wrong input comes back, right input leads on", async () => {
  const post = (name: string) =>
    ask("/form", { method: "POST", body: new URLSearchParams({ name }), redirect: "manual" });
  const wrong = await post("");
  assert.equal(wrong.status, 400);
  assert.match(wrong.text, /role="alert">A name is needed</);
  const right = await post("x y");
  assert.equal(right.status, 303);
  assert.equal(right.headers.get("location"), "/samples/x%20y");
});

Deno.test("form fields carry their values in the page", async () => {
  const { text } = await ask("/form");
  assert.match(text, /<option selected value="b">/);
  assert.match(text, /<textarea name="note">first line<\/textarea>/);
});

Deno.test("HEAD is GET without its body", async () => {
  const { status, headers, hasBody } = await ask("/samples/x", { method: "HEAD" });
  assert.equal(status, 200);
  assert.equal(headers.get("x-sample"), "yes");
  assert.equal(hasBody, false);
});

Deno.test("a method that a page does not take is refused with those it takes", async () => {
  const refused = await ask("/samples", { method: "POST" });
  assert.equal(refused.status, 405);
  assert.equal(refused.headers.get("allow"), "GET, HEAD");
  assert.match(content(refused.text), /Failed: 405/);
  const form = await ask("/form", { method: "DELETE" });
  assert.equal(form.headers.get("allow"), "GET, HEAD, POST");
  assert.deepEqual(takeErrors(), []);
});

Deno.test("OPTIONS names the methods of an address", async () => {
  const { status, headers } = await ask("/form", { method: "OPTIONS" });
  assert.equal(status, 204);
  assert.equal(headers.get("allow"), "GET, HEAD, POST");
});

Deno.test("a handler for all methods is asked for all methods", async () => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    assert.equal((await ask("/files/x", { method })).text, `${method} x`);
  }
});

Deno.test("what is nowhere is answered by _404 with status 404", async () => {
  const { status, text } = await ask("/nowhere/%3Cscript%3E");
  assert.equal(status, 404);
  assert.match(content(text), /<main class="outer"><h1>Nothing at \/nowhere\/%3Cscript%3E<\/h1>/);
});

Deno.test("a 404 that a handler throws is answered by _404 too", async () => {
  const { status, text } = await ask("/samples/lost");
  assert.equal(status, 404);
  assert.match(content(text), /Nothing at \/samples\/lost/);
  assert.deepEqual(takeErrors(), []);
});

Deno.test("an error page shows what was thrown with its status, whatever the method", async () => {
  const { status, text } = await ask("/form", {
    method: "POST",
    body: new URLSearchParams({ name: "boom" }),
  });
  assert.equal(status, 422);
  assert.match(content(text), /Failed: 422: No explosives/);
  assert.deepEqual(takeErrors(), [], "a refusal is not a failure of the server");
});

Deno.test("the nearest error page answers, and the failure is reported once", async () => {
  const { status, text } = await ask("/samples/cursed");
  assert.equal(status, 500);
  assert.match(content(text), /<div class="samples"><h1>Sample failed: cursed sample<\/h1>/);
  const reported = takeErrors();
  assert.equal(reported.length, 1);
  assert.match(String(reported[0]), /cursed sample/);
});

Deno.test("a page that fails while it is rendered is a 500 that tells nothing of the inside", async () => {
  const { status, text } = await ask("/broken");
  assert.equal(status, 500);
  assert.match(content(text), /Failed: Unexpected/);
  assert.doesNotMatch(text, /secret/);
  assert.match(String(takeErrors()[0]), /a secret of the server/);
});

Deno.test("hostile addresses are answered with 400 or 404 and never fail", async () => {
  const paths = [
    "/samples/%",
    "/samples/%E0%A4%A",
    "/%",
    "/..%2f..%2fdeno.json",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/css/..%2f..%2froutes/index.tsx",
    "/_fresh/manifest.json",
    "/_fresh/js/",
    "/_fresh/js/..%2f..%2fmanifest.json",
    "/constructor",
    "/__proto__",
    "/css\0page.css",
    "/" + "a/".repeat(2000),
    "/" + "%00".repeat(100),
  ];
  for (const path of paths) {
    const { status } = await ask(path);
    assert.ok(status === 400 || status === 404, `${path.slice(0, 60)} was answered with ${status}`);
  }
  assert.deepEqual(takeErrors(), []);
});

Deno.test("doubled slashes lead to the same page and never to another host", async () => {
  assert.equal((await ask("http://localhost:8000//samples")).status, 200);
  assert.equal((await ask("http://localhost:8000//evil.test/samples")).status, 404);
});

Deno.test("a page's <Head> has the last word over the app's", async () => {
  const { text } = await ask("/");
  assert.deepEqual(text.match(/<title>.*?<\/title>/g), ["<title>Counters</title>"]);
  assert.deepEqual(text.match(/<meta name="description"[^>]*content="([^"]*)"/g)?.length, 1);
  assert.match(text, /content="of the page"/);
  assert.match((await ask("/samples")).text, /<title>Fixture<\/title>/);
});

Deno.test("links to this page and to its parents are marked, unless the page says otherwise", async () => {
  const { text } = await ask("/samples");
  assert.match(text, /<a href="\/samples" data-current="true" aria-current="page">/);
  assert.match(text, /<a href="\/samples" aria-current="false">Self/);
  assert.match((await ask("/samples/x")).text, /<a href="\/samples" data-ancestor="true"/);
});

Deno.test("a page without islands loads no script", async () => {
  assert.doesNotMatch((await ask("/samples")).text, /<script|modulepreload/);
});

Deno.test("a page with islands holds no script but its data and one module of this host", async () => {
  const { text } = await ask("/values");
  const scripts = text.match(/<script[^>]*>/g);
  assert.equal(scripts?.length, 2);
  assert.equal(scripts[0], '<script type="application/json" id="__FRSH_STATE">');
  assert.match(scripts[1]!, /^<script type="module" src="\/_fresh\/js\/boot-\w+\.js">$/);
  assert.doesNotMatch(text, /<[^>]+\s(style|on\w+)=/);
});

Deno.test("no value of a prop can leave the data block", async () => {
  const { text } = await ask("/values");
  const block = /id="__FRSH_STATE">(.*?)<\/script>/s.exec(text)![1]!;
  assert.doesNotMatch(block, /</);
  assert.match(block, /\\u003c\/script>\\u003c!--/);
  JSON.parse(block);
});

Deno.test("the bundles a page names are served", async () => {
  const { text } = await ask("/nested");
  const urls = [...text.matchAll(/(?:href|src)="(\/_fresh\/[^"]+)"/g)].map(([, url]) => url!);
  assert.ok(urls.length >= 4);
  for (const url of urls) {
    const { status, headers } = await ask(url);
    assert.equal(status, 200, url);
    assert.match(headers.get("content-type") ?? "", /^text\/javascript/);
    assert.match(headers.get("cache-control") ?? "", /immutable/);
  }
});

Deno.test("a prop that cannot cross is named, with its island, to the log and not to the visitor", async () => {
  const { status, text } = await ask("/function_prop");
  assert.equal(status, 500);
  assert.doesNotMatch(text, /Counter/);
  assert.equal(
    (takeErrors()[0] as Error).message,
    'Cannot send prop "count" of island islands/Counter.tsx to the browser: a function stays on the server',
  );
});

Deno.test("pages rendered at the same time do not mix", async () => {
  const paths = Array.from({ length: 60 }, (_, i) => ["/", "/nested", "/samples/x"][i % 3]!);
  const alone = new Map<string, string>();
  for (const path of new Set(paths)) alone.set(path, (await ask(path)).text);
  const together = await Promise.all(paths.map((path) => ask(path)));
  together.forEach(({ text }, i) => assert.equal(text, alone.get(paths[i]!)));
});

Deno.test("an island within another's code crosses with it, not beside it", async () => {
  const { text } = await ask("/pair");
  const data = JSON.parse(/id="__FRSH_STATE">(.*?)<\/script>/s.exec(text)![1]!);
  assert.equal(data.islands.length, 2, "Late and Pair, none of the counters");
  assert.equal(text.match(/<!--frsh:island:/g)?.length, 2);
});

Deno.test("what an island does not show yet is kept for it, and only that", async () => {
  const { text } = await ask("/nested");
  assert.deepEqual(text.match(/<template[^>]*>/g), ['<template data-frsh-slot="3">']);
  assert.match(text, /<template data-frsh-slot="3"><p>kept for later<\/p>/);
});
