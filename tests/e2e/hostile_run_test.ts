import assert from "node:assert/strict";
import { isBrowserMissing, TestBrowser } from "./browser.ts";
import { HoldfastProcess } from "./holdfast_process.ts";

/**
 * A run whose title, log, file names, phase, notes and numbers are all meant to break out of a page: no page
 * that shows them may run any of it.
 */

const BREAK =
  `"'><img src=x onerror="window.broken=1"><script>window.broken=1</script></textarea>{{7*7}}`;
const SCRIPT = `
// parameters: {"note": {"type": "string", "default": ""}}
import { Bioreactor } from "bioreactor_client";
const text = ${JSON.stringify(BREAK)};
const dir = Deno.env.get("OUTPUT_DIR")!;
console.log(text);
console.log("\\u001b[31mred\\u001b[0m \\u202Egnp.exe " + text);
console.log("x".repeat(2_000_000));
const slashless = text.replaceAll("/", "");
Deno.writeTextFileSync(dir + "/" + slashless + ".csv", text);
Deno.writeTextFileSync(dir + "/page.html", "<script>window.broken=1</script>");
Deno.writeTextFileSync(dir + "/drawing.svg", "<svg xmlns='http://www.w3.org/2000/svg' onload='window.broken=1'/>");
Deno.writeTextFileSync(dir + "/new\\nline\\u0007.txt", "x");
Deno.writeTextFileSync(
  dir + "/experiment_data.csv",
  'elapsed_s,"' + slashless.replaceAll('"', '""') + '"\\n0,1\\n1,2\\n',
);
console.log("all written");
`;

const missing = isBrowserMissing();

Deno.test({
  name: "what a hostile run says and is called is shown as text on every page that shows it" +
    (missing ? " (needs chromium)" : ""),
  ignore: missing,
  async fn() {
    await using holdfast = await HoldfastProcess.start();
    const ask = async (path: string, body?: unknown) => {
      const reply = await fetch(
        holdfast.url + path,
        body === undefined ? {} : {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        },
      );
      assert.ok(reply.ok, `${path}: ${reply.status} ${await reply.clone().text()}`);
      return await reply.json();
    };
    const { id, number } = await ask("/api/v1/experiments", {
      script: SCRIPT,
      kind: "typescript",
      title: BREAK.slice(0, 200),
      parameters: { note: BREAK },
    });
    for (let i = 0;; i++) {
      const { state, error } = await ask(`/api/v1/experiments/${id}`);
      if (state === "completed") break;
      assert.ok(i < 600 && !["failed", "cancelled"].includes(state), JSON.stringify(error));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await using browser = await TestBrowser.open();
    const pages = [
      "/",
      "/experiments",
      `/experiments/${number}`,
      `/experiments/${id}`,
      `/experiments/compare?runs=${number}`,
      `/experiments/new?from=${number}`,
      "/events",
      `/api/v1/experiments/${id}/files/page.html`,
      `/api/v1/experiments/${id}/files/drawing.svg`,
    ];
    for (const path of pages) {
      // Without scripts one page is enough: it is the same HTML.
      for (const scripts of path === `/experiments/${number}` ? [true, false] : [true]) {
        if (path.startsWith("/api/")) continue;
        await using visit = await browser.visit(holdfast.url + path, { scripts });
        const broken = scripts ? await visit.page.evaluate(() => "broken" in globalThis) : false;
        assert.equal(broken, false, `${path} ran it`);
        assert.equal(
          await visit.page.locator("img[src='x']").count(),
          0,
          `${path} holds its image`,
        );
      }
    }
    // Files that a browser would run are given to be saved, never shown in our origin.
    for (const name of ["page.html", "drawing.svg"]) {
      const reply = await fetch(`${holdfast.url}/api/v1/experiments/${id}/files/${name}`);
      assert.match(reply.headers.get("content-disposition") ?? "", /^attachment/);
      assert.equal(reply.headers.get("content-type"), "application/octet-stream");
      assert.equal(reply.headers.get("x-content-type-options"), "nosniff");
      await reply.body?.cancel();
    }
    // A name with a line end cannot put a header of its own into an answer.
    const { files } = await ask(`/api/v1/experiments/${id}/files`);
    const odd = files.find(({ path }: { path: string }) => path.startsWith("new"));
    const reply = await fetch(
      `${holdfast.url}/api/v1/experiments/${id}/files/${encodeURIComponent(odd.path)}`,
    );
    assert.equal(reply.status, 200);
    assert.equal(await reply.text(), "x");
    // A line of two megabytes comes in pieces that a page can hold.
    const tail = await (await fetch(`${holdfast.url}/api/v1/experiments/${id}/log?tail=5`)).text();
    assert.ok(tail.length <= 1_048_576 && tail.endsWith("all written\n"));
  },
});
