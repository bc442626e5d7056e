import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { runInstrument } from "../running_instrument.ts";
import { isBrowserMissing, TestBrowser } from "./browser.ts";

/** A newcomer's script; TypeScript, so that neither Python nor bubblewrap is needed. */
const SCRIPT = `import { Bioreactor, measureAllData, writeDataToCsv } from "bioreactor_client";
await using bio = await Bioreactor.connect();
for (let i = 0; i < 4; i++) {
  writeDataToCsv(await measureAllData(bio));
  console.log("row", i);
  await new Promise((done) => setTimeout(done, 300));
}
console.log("all measured");
`;

const READY_MS = 30_000;

/** Waits until the page's main part holds `text`. */
function sees(page: Page, text: string | RegExp): Promise<void> {
  return page.locator("main").getByText(text).filter({ visible: true }).first().waitFor({
    timeout: READY_MS,
  });
}

Deno.test({
  name: "a newcomer's first hour, in the browser (needs chromium)",
  ignore: isBrowserMissing(),
  async fn(t) {
    await using instrument = await runInstrument();
    await using browser = await TestBrowser.open();
    const at = (path: string) => instrument.url + path;

    await t.step("the overview lives: a value changes while one looks", async () => {
      await using visit = await browser.visit(at("/"));
      const { page } = visit;
      const value = page.locator(".dev .val").first();
      const before = await value.textContent();
      await page.waitForFunction(
        (text) => document.querySelector(".dev .val")?.textContent !== text,
        before,
        { timeout: READY_MS },
      );
      assert.deepEqual(visit.problems(), []);
    });

    await t.step("the stirrer is set; what came back and the event are shown", async () => {
      await using visit = await browser.visit(at("/devices/stirrer"));
      const { page } = visit;
      await visit.awake();
      await page.getByLabel("Duty").first().fill("40");
      await page.getByRole("button", { name: "Set duty" }).click();
      await page.locator(".command .outcome").waitFor({ timeout: READY_MS });
      await page.locator(".event-list li").filter({ hasText: "40" }).first()
        .waitFor({ timeout: READY_MS });
      assert.deepEqual(instrument.instrument.devices.view("stirrer")!.state.setpoint, { duty: 40 });
      assert.deepEqual(visit.problems(), []);
    });

    await t.step("STOP makes everything safe, and says who and when", async () => {
      await using visit = await browser.visit(at("/"));
      const { page } = visit;
      await Promise.all([
        page.waitForResponse((reply) => reply.url().endsWith("/api/v1/stop")),
        page.getByRole("button", { name: "STOP" }).click(),
      ]);
      await sees(page, "The instrument is stopped");
      assert.equal(instrument.instrument.devices.view("stirrer")!.state.safe, true);
      await page.getByPlaceholder("Why is it safe again?").fill("only trying");
      await page.getByRole("button", { name: "Start again" }).click();
      await page.getByText("The instrument is stopped").waitFor({ state: "hidden" });
      assert.equal(instrument.instrument.devices.stopped(), null);
    });

    await t.step("a script is submitted, watched and downloaded", async () => {
      await using visit = await browser.visit(at("/experiments/new"));
      const { page } = visit;
      await visit.awake();
      await page.getByRole("textbox", { name: "Script" }).fill(SCRIPT);
      await page.getByLabel("Language").selectOption("typescript");
      await page.getByLabel("Title").fill("First try");
      await page.getByRole("button", { name: "Submit experiment" }).click();
      await page.waitForURL(/\/experiments\/[0-9A-Z]{26}$/, { timeout: READY_MS });
      await sees(page, "all measured");
      await sees(page, "completed");
      await page.locator(".legend li").first().waitFor({ timeout: READY_MS });
      const [download] = await Promise.all([
        page.waitForEvent("download", { timeout: READY_MS }),
        page.getByRole("link", { name: "Download all" }).click(),
      ]);
      const bytes = await Deno.readFile(await download.path());
      const text = new TextDecoder("latin1").decode(bytes);
      for (const name of ["experiment_data.csv", "container_logs.txt", "manifest.json"]) {
        assert.ok(text.includes(name), `the archive has no ${name}`);
      }
    });

    await t.step("the same without scripts: values, commands, STOP, submission", async () => {
      await using visit = await browser.visit(at("/devices/led"), { scripts: false });
      const { page } = visit;
      await page.getByLabel("Power").first().fill("12");
      await page.getByRole("button", { name: "Set power" }).click();
      await page.waitForLoadState();
      assert.deepEqual(instrument.instrument.devices.view("led")!.state.setpoint, { power: 12 });
      await page.getByRole("button", { name: "STOP" }).click();
      await sees(page, "The instrument is stopped");
      await page.getByPlaceholder("Why is it safe again?").fill("only trying");
      await page.getByRole("button", { name: "Start again" }).click();
      await page.waitForLoadState();
      assert.equal(instrument.instrument.devices.stopped(), null);
      await visit.open(at("/experiments/new"));
      await page.getByRole("textbox", { name: "Script" }).fill('console.log("plain");\n');
      await page.getByLabel("Language").selectOption("typescript");
      await page.getByRole("button", { name: "Submit experiment" }).click();
      await page.waitForURL(/\/experiments\/[0-9A-Z]{26}$/);
      const id = page.url().split("/").at(-1)!;
      const ended = new Promise<void>((resolve) => {
        const stop = instrument.instrument.experiments.onChange(({ id: changed, state }) => {
          if (changed === id && state === "completed") resolve(stop());
        });
      });
      const now = await instrument.instrument.experiments.get(id);
      if (now?.state !== "completed") await ended;
      await visit.open(at(`/experiments/${id}`));
      await sees(page, "plain");
    });

    await t.step("no page has a serious fault for those who use a reader or keys", async (t) => {
      const newest = await instrument.instrument.experiments.list({ limit: 1 });
      const pages = ["/", "/devices", "/devices/stirrer", "/experiments", "/experiments/new"];
      pages.push(`/experiments/${newest.experiments[0]!.id}`, "/events", "/alarms", "/settings");
      pages.push("/login", "/problems", "/problems/device-held", "/nothing-here");
      for (const path of pages) {
        await t.step(path, async () => {
          for (const theme of ["light", "dark"] as const) {
            await using visit = await browser.visit(at(path), { theme });
            assert.deepEqual(await visit.accessibility(), []);
            assert.deepEqual(visit.problems().filter((line) => !/\b404\b/.test(line)), []);
          }
        });
      }
    });
  },
});
