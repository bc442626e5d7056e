import assert from "node:assert/strict";
import { isBrowserMissing, SCREENS, TestBrowser, THEMES } from "./e2e/browser.ts";
import { runInstrument } from "./running_instrument.ts";

const PASSWORD = "correct horse battery";

Deno.test({
  name: "the interface's page reads well in every theme and size, without scripts (needs chromium)",
  ignore: isBrowserMissing(),
  async fn(t) {
    await using instrument = await runInstrument();
    await using browser = await TestBrowser.open();
    const url = `${instrument.url}/docs`;
    for (const theme of THEMES) {
      for (
        const screen of theme === "light" ? ["desktop", "phone"] as const : ["desktop"] as const
      ) {
        await t.step(`${theme}, ${screen}`, async () => {
          await using visit = await browser.visit(url, { theme, screen });
          assert.deepEqual(visit.problems(), []);
          const found = await visit.accessibility();
          // Long wavelengths alone reach no such contrast; light and dark must.
          const isExcused = (line: string) => theme === "darkroom" && /color-contrast/.test(line);
          assert.deepEqual(found.filter((line) => !isExcused(line)), []);
          const width = await visit.page.evaluate(() => document.documentElement.scrollWidth);
          assert(width <= SCREENS[screen].width, `the page is ${width} pixels wide`);
          assert(await visit.page.getByRole("button", { name: "STOP" }).isVisible());
        });
      }
    }
    await t.step("its links lead to what they name, and STOP stops", async () => {
      await using visit = await browser.visit(url, { scripts: false });
      const { page } = visit;
      await page.getByRole("link", { name: "POST /devices/{id}/commands" }).click();
      assert.match(page.url(), /#post-api-v1-devices-id-commands$/);
      assert(await page.locator("article:target").getByText("curl -X POST").isVisible());
      await Promise.all([
        page.waitForResponse((reply) => reply.url().endsWith("/api/v1/stop")),
        page.getByRole("button", { name: "STOP" }).click(),
      ]);
      assert.notEqual(instrument.instrument.devices.stopped(), null);
    });
  },
});

Deno.test({
  name: "people log in, see what their role allows, and log out, without scripts (needs chromium)",
  ignore: isBrowserMissing(),
  async fn() {
    await using instrument = await runInstrument({ HOLDFAST_AUTH_ENABLED: "true" });
    const { auth } = instrument.instrument;
    await auth.users.add({ name: "ola", role: "observer", password: PASSWORD }, "system");
    await using browser = await TestBrowser.open();
    await using visit = await browser.visit(`${instrument.url}/devices`, { scripts: false });
    const { page } = visit;
    assert.equal(new URL(page.url()).pathname, "/login");
    const fill = async (password: string) => {
      await page.getByLabel("Name").fill("ola");
      await page.getByLabel("Password").fill(password);
      await page.getByRole("button", { name: "Log in" }).click();
    };
    await fill("not the password");
    await page.getByRole("alert").waitFor();
    assert.equal(new URL(page.url()).searchParams.get("next"), "/devices");
    await fill(PASSWORD);
    await page.waitForURL("**/devices");
    assert.match(await page.locator("main").innerText(), /stirrer/i);
    const cookies = await page.context().cookies();
    const session = cookies.find(({ name }) => name === "holdfast_session");
    assert(session !== undefined && session.httpOnly && session.sameSite === "Strict");
    const users = await page.goto(`${instrument.url}/api/v1/users`);
    assert.equal(users!.status(), 403);
    assert.deepEqual(visit.problems([/403/]), []);
  },
});
