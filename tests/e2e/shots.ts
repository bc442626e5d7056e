/**
 * Pictures of every page for people to look at, on both screens and in all themes, with what the browser
 * and axe-core complain about:
 *
 *     deno run -A tests/e2e/shots.ts <baseUrl> <outDir> [paths...]
 *
 * Without paths it begins at `/` and follows the pages' own links, one page of each kind. Ends with status
 * 1 when a page complained. `--whole` takes pages in full height; `--fast` the light theme only.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Screen, SCREENS, TestBrowser, type Theme, THEMES } from "./browser.ts";

/** Pages that only differ in an id are of one kind: `/devices/stirrer` and `/devices/pump-1`. */
function kindOf(path: string): string {
  const [, place = "", second, ...rest] = path.split("/");
  if (second === undefined) return `/${place}`;
  return second === "new" ? path : ["", place, "*", ...rest].join("/");
}

function fileNameOf(path: string): string {
  return path.replace(/^\//, "").replaceAll(/[^A-Za-z0-9]+/g, "_").slice(0, 60) || "overview";
}

async function findPages(browser: TestBrowser, base: string): Promise<string[]> {
  const found = new Map([["/", "/"]]);
  for (const path of found.values()) {
    await using visit = await browser.visit(new URL(path, base));
    const links = await visit.page.$$eval(
      "a[href]",
      (anchors) => anchors.map((anchor) => (anchor as HTMLAnchorElement).href),
    );
    for (const link of links) {
      const url = new URL(link);
      // Only pages: a download or the API would be saved, not shown.
      const isPage = url.origin === new URL(base).origin &&
        !/^\/(api|metrics|healthz|readyz)(\/|$)|\.\w+$|\/(archive|export|files|data|script)\b/.test(
          url.pathname,
        );
      if (isPage && !found.has(kindOf(url.pathname))) found.set(kindOf(url.pathname), url.pathname);
    }
    if (found.size > 40) break;
  }
  return [...found.values()];
}

const { values: flags, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    whole: { type: "boolean", default: false },
    fast: { type: "boolean", default: false },
  },
});
const [base, outDir, ...paths] = positionals;
if (base === undefined || outDir === undefined) {
  console.error("Usage: deno run -A tests/e2e/shots.ts <baseUrl> <outDir> [paths...]");
  Deno.exit(2);
}
await Deno.mkdir(outDir, { recursive: true });
let complaints = 0;
{
  await using browser = await TestBrowser.open();
  const pages = paths.length > 0 ? paths : await findPages(browser, base);
  const themes: readonly Theme[] = flags.fast ? ["light"] : THEMES;
  for (const path of pages) {
    for (const theme of themes) {
      for (const screen of Object.keys(SCREENS) as Screen[]) {
        await using visit = await browser.visit(new URL(path, base), { screen, theme });
        const file = join(outDir, `${fileNameOf(path)}-${screen}-${theme}.png`);
        await visit.screenshot(file, { wholePage: flags.whole });
        const found = [...visit.problems(), ...await visit.accessibility()];
        const wide = await visit.page.evaluate(() =>
          document.documentElement.scrollWidth - document.documentElement.clientWidth
        );
        if (wide > 0) found.push(`the page is ${wide} px wider than the screen`);
        console.log(`${found.length === 0 ? "ok " : "BAD"} ${path} ${screen} ${theme} -> ${file}`);
        for (const line of found) console.log(`    ${line.replaceAll("\n", "\n    ")}`);
        complaints += found.length;
      }
    }
  }
}
Deno.exit(complaints === 0 ? 0 : 1);
