import assert from "node:assert/strict";
import { join } from "node:path";
import { seedAcquisition } from "../epu_acquisition.ts";
import { runInstrument } from "../running_instrument.ts";
import { isBrowserMissing, TestBrowser } from "./browser.ts";

/** A file somewhere below `dir`, by its name. */
async function found(dir: string, name: string): Promise<string> {
  for await (const entry of Deno.readDir(dir)) {
    const path = join(dir, entry.name);
    if (entry.isFile && entry.name === name) return path;
    if (entry.isDirectory) {
      const below = await found(path, name).catch(() => null);
      if (below !== null) return below;
    }
  }
  return assert.fail(`there is no file "${name}"`);
}

Deno.test({
  name:
    "a proposal appears, a person edits the order and approves, the log and its effect show it " +
    "(needs chromium)",
  ignore: isBrowserMissing(),
  async fn(t) {
    await using instrument = await runInstrument();
    const { url, instrument: { kv, clock, steering: { decisions } } } = instrument;
    await seedAcquisition(kv, clock.nowMs());
    await using browser = await TestBrowser.open();
    await using visit = await browser.visit(`${url}/epu/a1/decisions`);
    const { page } = visit;
    const proposal = page.locator("details.proposal");
    const order = async () =>
      (await proposal.locator("tbody th").allInnerTexts()).map((text) => Number(text));
    const log = page.locator(".decision-log tbody tr");

    await t.step("without an authority the page says so, and how to begin", async () => {
      await page.getByText("No authority acts here").waitFor();
    });

    await t.step("who acts is chosen on the page, and its proposal appears by itself", async () => {
      await page.getByLabel("Acting authority").selectOption("manual");
      await page.getByLabel("Decisions go to").selectOption("file");
      await page.getByText("Plan for the authority").click();
      await page.getByLabel("Holes in order").fill("14 12 11 13");
      await page.getByRole("button", { name: "Save" }).click();
      await proposal.waitFor();
      assert.deepEqual(await order(), [14, 12, 11, 13]);
      // EPU's own order is 11 to 14: the first is its fourth.
      await proposal.locator(".shift", { hasText: "▲" }).first().waitFor();
      const first = await proposal.locator("tbody tr").first().innerText();
      assert.match(first.replaceAll(/\s+/g, " "), /1 14 4 ▲ ?earlier by 3/i);
    });

    await t.step(
      "keys move a hole, a press leaves one out, and the text says the same",
      async () => {
        await page.getByRole("button", { name: /Hole 13, place 4 of 4/ }).press("Home");
        await page.getByRole("button", { name: /Hole 13, place 1 of 4/ }).waitFor();
        assert.equal(
          await page.evaluate(() => document.activeElement?.getAttribute("aria-label")),
          "Hole 13, place 1 of 4: arrow keys move it",
          "the handle keeps the focus as its row moves",
        );
        await page.getByRole("button", { name: "Leave out hole 11" }).click();
        assert.deepEqual(await order(), [13, 14, 12]);
        assert.equal(await proposal.locator("textarea").inputValue(), "13 14 12");
      },
    );

    await t.step("dragging moves a hole as well", async () => {
      const grip = page.getByRole("button", { name: /Hole 12, place 3/ });
      const from = (await grip.boundingBox())!;
      const to = (await proposal.locator("tbody tr").first().boundingBox())!;
      await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
      await page.mouse.down();
      await page.mouse.move(from.x + from.width / 2, to.y + 20, { steps: 4 });
      await page.mouse.move(from.x + from.width / 2, to.y + 1, { steps: 4 });
      await page.mouse.up();
      await page.getByRole("button", { name: /Hole 12, place 1 of 3/ }).waitFor();
      assert.deepEqual(await order(), [12, 13, 14]);
    });

    await t.step("approving it stands in the log with the note and the effect", async () => {
      await proposal.getByLabel("Note").fill("ice looks thin there");
      await page.getByRole("button", { name: "Approve the edited order" }).click();
      await proposal.waitFor({ state: "detached" });
      await log.first().getByText("approved").waitFor();
      await log.first().getByText("sent", { exact: true }).waitFor();
      const row = (await log.first().innerText()).replaceAll(/\s+/g, " ");
      assert.match(row, /Order of holes, 3 holes edited/i);
      assert.match(row, /12 13 14.*“ice looks thin there”/);
      const [decision] = await decisions.store.decisions("a1", { limit: 1 });
      assert.deepEqual(decision?.targetIds, [12, 13, 14]);
      assert.equal(decision?.edited, true);
      const [file] = decision!.effect!.references;
      assert.match(await Deno.readTextFile(await found(instrument.dir, file!)), /12/);
    });

    await t.step("what somebody edits outlives a newer proposal, and is told apart", async () => {
      const plan = (holes: number[]) =>
        decisions.setSettings("a1", { plan: { squares: [], holes } }, "user:bo");
      await plan([21, 22, 23]);
      await proposal.waitFor();
      await page.getByRole("button", { name: /Hole 23, place 3/ }).press("Home");
      await page.getByRole("button", { name: /Hole 23, place 1/ }).waitFor();
      await plan([22, 23, 24]);
      await page.getByText("1 of your targets is done or gone, 1 new one stands at the end")
        .waitFor();
      assert.deepEqual(await order(), [23, 22, 24]);
      await proposal.getByLabel("Note").fill("not tonight");
      await page.getByRole("button", { name: "Reject" }).click();
      await log.first().getByText("rejected").waitFor();
    });

    await t.step("a policy is told of on every page, and switched off there", async () => {
      await using other = await browser.visit(`${url}/epu/a1/trends`);
      const policy = {
        name: "night",
        enabled: true,
        kinds: ["holeOrder" as const],
        confidenceMin: 0.7,
        holesPerHour: 60,
        squaresPerHour: 2,
      };
      assert.ok((await decisions.setSettings("a1", { policy }, "user:bo")).ok);
      const notice = page.getByText("Automatic approval is on");
      await notice.waitFor();
      await other.page.getByText("Automatic approval is on").waitFor();
      await other.page.getByRole("button", { name: "Switch off" }).click();
      await notice.waitFor({ state: "detached" });
      assert.equal((await decisions.store.automation())?.off, true);
      assert.deepEqual(other.problems(), []);
    });

    assert.deepEqual(await visit.accessibility(), []);
    assert.deepEqual(visit.problems(), []);
  },
});
