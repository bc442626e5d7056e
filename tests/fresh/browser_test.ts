import assert from "node:assert/strict";
import { join } from "node:path";
import { isBrowserMissing, TestBrowser } from "../e2e/browser.ts";
import { openDevBuild } from "../../lib/fresh/dev.ts";
import * as manifest from "./fixture/fresh.gen.ts";
import { appOver, copyFixture, DENO_JSON, openFixture } from "./fixture_app.ts";

/** What Holdfast itself sends: no inline script or style runs. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
].join("; ");

const ignore = isBrowserMissing();

/** A test with the sample application served under the strict policy, and a browser. */
function inBrowser(
  name: string,
  test: (browser: TestBrowser, base: string) => Promise<void>,
): void {
  Deno.test({
    name: `${name} (in Chromium)`,
    ignore,
    async fn() {
      await using app = await openFixture();
      await using server = Deno.serve({ port: 0, onListen() {} }, async (request, info) => {
        const response = await app.handler(request, info);
        response.headers.set("content-security-policy", POLICY);
        return response;
      });
      await using browser = await TestBrowser.open();
      await test(browser, `http://localhost:${server.addr.port}`);
    },
  });
}

inBrowser("islands wake up and share the signal they were both given", async (browser, base) => {
  await using visit = await browser.visit(base);
  const { page } = visit;
  await page.click("text=More left");
  await page.click("text=More right");
  assert.equal(await page.textContent("#left output"), "5");
  assert.equal(await page.textContent("#right output"), "5");
  assert.equal(await page.title(), "Counters");
  assert.deepEqual(visit.problems(), []);
});

inBrowser("values of every kind arrive in the browser", async (browser, base) => {
  await using bare = await browser.visit(`${base}/values`, { scripts: false });
  const rendered = await bare.page.textContent("#values");
  await using visit = await browser.visit(`${base}/values`);
  const { page } = visit;
  await page.waitForSelector("#values[data-ready=true]");
  // The text is the island's own now: changed on purpose, it would be put right by the next render.
  assert.equal(await page.textContent("#values"), rendered);
  assert.match(rendered!, /2361183241434822606848\n1\ntrue\ntrue\ntrue\ntrue\n1,2,255/);
  assert.match(rendered!, /\n__proto__\n\n\ntrue$/);
  assert.equal(await page.getAttribute("#values", "data-where"), "browser");
  const sheet = await page.getAttribute("link[rel=stylesheet]", "href");
  assert.equal(
    await page.getAttribute("#values", "data-asset"),
    sheet!.replace("/css/page.css", "/robots.txt"),
    "asset() names the same build on both sides",
  );
  assert.deepEqual(visit.problems(), []);
});

inBrowser(
  "what the server rendered stays in an island, with islands of its own",
  async (browser, base) => {
    await using visit = await browser.visit(`${base}/nested`);
    const { page } = visit;
    const [open, closed] = await page.$$("section");
    assert.equal(await open!.$eval("h2", (h2) => h2.textContent), "Open");
    await page.click("text=More inner");
    assert.equal(await page.textContent("#inner output"), "8");

    await (await open!.$("button"))!.click();
    await page.waitForSelector("#inner", { state: "detached" });
    await (await open!.$("button"))!.click();
    assert.equal(await page.textContent("section .content p"), "from the server");
    assert.equal(await page.textContent("#inner output"), "8", "the signal outlives its island");

    assert.equal(await page.$("#late"), null);
    await (await closed!.$("button"))!.click();
    assert.equal(await page.textContent("#late output"), "8");
    await page.click("text=More late");
    assert.equal(await page.textContent("#inner output"), "9");

    const after = await page.$eval(
      "main",
      (main) => [...main.children].map(({ localName }) => localName).join(" "),
    );
    assert.equal(after, "section section p", "an island grows within its own place");
    assert.deepEqual(visit.problems(), []);
  },
);

inBrowser("an island changes the document's title", async (browser, base) => {
  await using visit = await browser.visit(`${base}/about`);
  const { page } = visit;
  assert.equal(await page.title(), "Ticks: 0");
  await page.click("#clock");
  await page.click("#clock");
  await page.waitForFunction(() => document.title === "Ticks: 2");
  assert.equal(await page.textContent("#clock"), "2");
  assert.equal(
    await page.$eval(".group", (group) => [...group.children].map(({ id }) => id).join(" ")),
    " clock ticked below",
    "what it adds stands before what follows it",
  );
  assert.deepEqual(visit.problems(), []);
});

inBrowser("an island with an island of its own wakes up whole", async (browser, base) => {
  await using visit = await browser.visit(`${base}/pair`);
  await visit.page.click("text=More first");
  assert.equal(await visit.page.textContent("#second output"), "2");
  await visit.page.waitForSelector("#late");
  assert.equal(
    await visit.page.$eval(
      "main",
      (main) => [...main.children].map((e) => e.id || e.className).join(" "),
    ),
    "late pair below",
    "one that was empty at first appears in its own place",
  );
  assert.deepEqual(visit.problems(), []);
});

inBrowser("what was typed before the islands woke up stays", async (browser, base) => {
  await using visit = await browser.visit(`${base}/samples`);
  const { page } = visit;
  const typed = Promise.withResolvers<void>();
  await page.route(/\/boot-/, async (route) => {
    await typed.promise;
    await route.continue();
  });
  await page.goto(`${base}/nested`, { waitUntil: "commit" });
  await page.fill("input[name=note]", "typed early");
  typed.resolve();
  await visit.awake();
  await page.click("text=More inner");
  assert.equal(await page.inputValue("input[name=note]"), "typed early");
  assert.deepEqual(visit.problems(), []);
});

inBrowser("in development an open page reloads when a file changes", async (browser) => {
  await using copy = await copyFixture();
  const app = appOver(
    await openDevBuild({ root: copy.root, manifest, denoJson: DENO_JSON }),
  );
  await using server = Deno.serve({ port: 0, onListen() {} }, app.handler);
  await using visit = await browser.visit(`http://localhost:${server.addr.port}/samples`);
  const { page } = visit;
  // The first answer tells the page what it is served by; what it sees afterwards is compared with it.
  await page.waitForResponse(/\/_fresh\/dev\/events$/);
  await page.waitForResponse(/\/_fresh\/dev\/events$/);
  await Deno.writeTextFile(join(copy.root, "static/css/page.css"), "body { color: red; }");
  await page.waitForEvent("load");
  assert.equal(await page.$eval("body", (body) => getComputedStyle(body).color), "rgb(255, 0, 0)");
});

inBrowser("without scripts pages are whole and forms work", async (browser, base) => {
  await using visit = await browser.visit(`${base}/form`, { scripts: false });
  const { page } = visit;
  assert.equal(await page.inputValue("select"), "b");
  assert.equal(await page.inputValue("textarea"), "first line");
  await page.click("button");
  assert.equal(await page.textContent("[role=alert]"), "A name is needed");
  await page.fill("input", "Chlamydomonas 1");
  await page.click("button");
  assert.equal(new URL(page.url()).pathname, "/samples/Chlamydomonas%201");
  await visit.open(base);
  assert.equal(await page.textContent("#left output"), "3");
});

inBrowser(
  "an island whose bundle is gone stays as it was rendered, the others work",
  async (browser, base) => {
    await using visit = await browser.visit(`${base}/samples`);
    const { page } = visit;
    await page.route(/islands_panel/, (route) => route.abort());
    await visit.open(`${base}/nested`);
    assert.equal(await page.textContent("section h2"), "Open");
    assert.ok(
      visit.problems().some((problem) => problem.includes("Cannot load /_fresh/js/islands_panel")),
    );
  },
);

inBrowser("the policy stops inline code, and the harness sees it", async (browser, base) => {
  await using visit = await browser.visit(`${base}/samples`);
  await visit.page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "document.title = 'taken over'";
    document.body.append(script);
  });
  assert.notEqual(await visit.page.title(), "taken over");
  assert.ok(visit.problems().some((problem) => /Content Security Policy/.test(problem)));
});

inBrowser("axe-core runs under the policy and finds what is wrong", async (browser, base) => {
  await using visit = await browser.visit(`${base}/form`);
  const found = await visit.accessibility();
  assert.ok(found.some((line) => /^(critical|serious) select-name/.test(line)), found.join("\n"));
});
