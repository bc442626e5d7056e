import assert from "node:assert/strict";
import { runSession } from "../epu_session.ts";
import { isBrowserMissing, TestBrowser } from "./browser.ts";

const LONG = Deno.env.get("HOLDFAST_LONG") === "1";
const MICROGRAPHS = LONG ? 50_000 : 600;
const LATE = 4;
/** Rows kept in the page however long the list is: what is seen, and some to spare. */
const ROWS_MAX = 80;

/** After this long a picture that is not drawn never will be. */
const PATIENCE_MS = 60_000;

Deno.test({
  name:
    `a session of ${MICROGRAPHS} micrographs is looked through: atlas, square, list, and what EPU adds ` +
    "meanwhile (needs chromium)",
  ignore: isBrowserMissing(),
  async fn(t) {
    let exposures = 0;
    await using rig = await runSession(
      {
        micrographs: MICROGRAPHS,
        areas: 6,
        holesPerSquare: LONG ? 250 : 60,
        // Pixels of fifty thousand would say nothing more about the page.
        ...(LONG ? { previews: "none" } : { squares: 220, previews: "pictures" }),
      },
      // The last exposures' files come while the page is open.
      ({ path }) => /_Data_.*\.xml$/.test(path) && ++exposures > MICROGRAPHS - LATE,
    );
    const { epu, id, url, running } = rig;
    const squares = (await epu.squares({ acquisitionId: id, limit: 1000 })).items;
    const imaged = squares.filter(({ holes }) => holes > 0);
    const [one, other] = [imaged[0]!, imaged.at(-1)!];
    await using browser = await TestBrowser.open();
    await using visit = await browser.visit(`${url}/epu/${id}`);
    const { page } = visit;
    const atlas = page.getByRole("group", { name: /^Atlas with/ });
    const map = page.getByRole("group", { name: /^Square \d+ with/ });
    const search = () => new URL(page.url()).searchParams;
    const took: string[] = [];
    /** Does something and waits for what it shows; how long that took is printed, never judged. */
    async function timed(what: string, act: () => Promise<void>) {
      const startMs = performance.now();
      await act();
      took.push(`${what} ${Math.round(performance.now() - startMs)} ms`);
    }

    await t.step("every square is on the atlas, and every hole on its square", async () => {
      assert.equal(await atlas.locator("[data-place]").count(), squares.length);
      const shown = Number(/\d+/.exec((await map.getAttribute("aria-label"))!)![0]);
      const square = squares.find(({ squareId }) => squareId === shown)!;
      assert.equal(await map.locator("[data-place]").count(), square.holes);
    });

    await t.step("a press on the atlas shows another square, and Back returns", async () => {
      await timed("selecting a square", async () => {
        await atlas.locator(`[data-place="${one.squareId}"]`).click();
        await page.getByRole("group", { name: `Square ${one.squareId} with` }).waitFor();
        await map.locator("[data-place]").nth(one.holes - 1).waitFor();
      });
      assert.equal(search().get("square"), String(one.squareId));
      await timed("selecting a hole", async () => {
        await map.locator("[data-place]").first().click();
        await page.locator(".map-said a").waitFor();
      });
      assert.notEqual(search().get("hole"), null);
      await page.goBack();
      await page.goBack();
      assert.equal(search().get("square"), null);
    });

    await t.step("arrows and Enter do what the pointer does", async () => {
      await atlas.locator(`[data-place="${other.squareId}"]`).click();
      await atlas.locator(`[data-place="${other.squareId}"]`).focus();
      const focused = () =>
        page.evaluate(() => document.activeElement?.getAttribute("data-place") ?? null);
      for (const arrow of ["ArrowUp", "ArrowLeft", "ArrowDown", "ArrowRight"]) {
        const before = await focused();
        await page.keyboard.press(arrow);
        if (await focused() !== before) break;
      }
      const next = await focused();
      assert.notEqual(next, String(other.squareId));
      await page.keyboard.press("Enter");
      await page.waitForFunction(
        (square) => new URL(location.href).searchParams.get("square") === square,
        next,
      );
    });

    await t.step("the atlas is zoomed by buttons, keys and wheel, and dragged", async () => {
      const view = () => atlas.getAttribute("viewBox");
      const width = async () => Number((await view())!.split(" ")[2]);
      const all = await width();
      await timed("zooming in", async () => {
        await page.getByRole("button", { name: "Zoom in" }).first().click();
        await page.waitForFunction(
          (all) =>
            Number(document.querySelector(".map-view")!.getAttribute("viewBox")!.split(" ")[2]) <
              all,
          all,
        );
      });
      const box = (await atlas.boundingBox())!;
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      const before = await view();
      const chosen = search().get("square");
      await page.mouse.move(x, y);
      await page.mouse.down();
      await page.mouse.move(x + 60, y + 40, { steps: 4 });
      await page.mouse.up();
      assert.notEqual(await view(), before);
      // Dragging is not choosing, whatever lay under the pointer.
      assert.equal(search().get("square"), chosen);
      const once = await width();
      await page.keyboard.down("Control");
      await page.mouse.wheel(0, -300);
      await page.keyboard.up("Control");
      await page.waitForFunction(
        (once) =>
          Number(document.querySelector(".map-view")!.getAttribute("viewBox")!.split(" ")[2]) <
            once,
        once,
      );
      await page.getByRole("button", { name: "Whole" }).first().click();
      await page.waitForFunction(
        (all) =>
          Number(document.querySelector(".map-view")!.getAttribute("viewBox")!.split(" ")[2]) ===
            all,
        all,
      );
    });

    await t.step("the list loads as it is scrolled, and keeps few rows in the page", async () => {
      await visit.open(`${url}/epu/${id}?list=micrographs`);
      const list = page.locator(".epu-scroll");
      const rows = page.locator(".epu-table tbody tr[aria-rowindex]");
      const last = () => rows.last().getAttribute("aria-rowindex").then(Number);
      await timed("scrolling through 500 micrographs", async () => {
        while (await last() < 500) {
          const before = await last();
          await list.evaluate((element) => element.scrollTop = element.scrollHeight);
          await page.waitForFunction(
            (before) =>
              Number(
                [...document.querySelectorAll(".epu-table tr[aria-rowindex]")].at(-1)!
                  .getAttribute("aria-rowindex"),
              ) > before,
            before,
          );
        }
      });
      assert.ok(await rows.count() <= ROWS_MAX, `${await rows.count()} rows are in the page`);
      await list.evaluate((element) => element.scrollTop = 0);
      await page.locator('.epu-table tr[aria-rowindex="2"]').waitFor();
    });

    await t.step(
      "filters and order of the lists change what is shown and the address",
      async () => {
        await page.getByLabel("Order").selectOption("oldest");
        await page.getByText("oldest first.").waitFor();
        const { items } = await epu.micrographs({ acquisitionId: id, limit: 1 });
        await page.locator(`.epu-table a[href$="${items[0]!.id}"]`).waitFor();
        await page.getByRole("link", { name: "Squares", exact: true }).click();
        await page.getByLabel("Find").fill(String(one.squareId));
        await page.getByText(`1 of ${squares.length} squares`).waitFor();
        assert.equal(search().get("find"), String(one.squareId));
        await page.getByLabel("Find").fill("");
        await page.getByRole("columnheader", { name: "Square" }).getByRole("link").click();
        await page.locator("th[aria-sort=ascending]").waitFor();
        assert.equal(search().get("sort"), "square");
      },
    );

    await t.step("what EPU writes meanwhile appears without a reload", async () => {
      await visit.open(`${url}/epu/${id}?list=micrographs`);
      assert.equal(rig.late.length, LATE);
      const seen = MICROGRAPHS.toLocaleString("en-GB");
      assert.equal(await page.locator(".epu-counts .seen b").innerText() === seen, false);
      const mark = await page.evaluate(() => performance.timeOrigin);
      await timed("from a file to the page", async () => {
        rig.write(rig.late);
        await page.locator(".epu-counts .seen b", { hasText: seen }).waitFor({ timeout: 60_000 });
      });
      assert.equal(await page.evaluate(() => performance.timeOrigin), mark);
    });

    await t.step("a micrograph is stretched and transformed in the browser", async () => {
      if (LONG) return;
      const { items } = await epu.micrographs({ acquisitionId: id, limit: 1 });
      await timed("picture and spectrum", async () => {
        await visit.open(`${url}/epu/micrographs/${items[0]!.id}`);
        await page.locator(".spectrum canvas").waitFor();
      });
      const levels = (canvas: string) =>
        page.locator(canvas).evaluate((element) => {
          const { width, height } = element as HTMLCanvasElement;
          const { data } = (element as HTMLCanvasElement).getContext("2d")!
            .getImageData(0, 0, width, height);
          let sum = 0;
          const seen = new Set<number>();
          for (let i = 0; i < data.length; i += 4) {
            sum += data[i]!;
            seen.add(data[i]!);
          }
          return { mean: sum / (data.length / 4), shades: seen.size };
        });
      type Levels = Awaited<ReturnType<typeof levels>>;
      /** A canvas is there before it is drawn, and is drawn after its slider has moved. */
      const drawn = async (canvas: string, isDrawn: (now: Levels) => boolean) => {
        const untilMs = Date.now() + PATIENCE_MS;
        for (;;) {
          const now = await levels(canvas);
          if (isDrawn(now)) return now;
          assert.ok(Date.now() < untilMs, `${canvas} shows ${JSON.stringify(now)}`);
        }
      };
      await drawn(".spectrum canvas", ({ shades }) => shades > 50);
      const picture = ".micrograph-picture canvas";
      const before = await drawn(picture, ({ shades }) => shades > 10);
      await page.getByRole("slider", { name: "White" }).fill("120");
      await drawn(picture, ({ mean }) => mean > before.mean);
      await page.getByRole("button", { name: "Auto" }).click();
      await drawn(picture, (now) => now.mean === before.mean && now.shades === before.shades);
      assert.deepEqual(await visit.accessibility(), []);
    });

    console.log(`    ${took.join(", ")}`);
    // The long session's squares have no pictures.
    assert.deepEqual(visit.problems(LONG ? [/404/] : []), []);
    assert.deepEqual(running.complaints, []);
  },
});
