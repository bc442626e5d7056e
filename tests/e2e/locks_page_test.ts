import assert from "node:assert/strict";
import { runInstrument } from "../running_instrument.ts";
import { isBrowserMissing, TestBrowser } from "./browser.ts";
import { logIn } from "./log_in.ts";

const PASSWORD = "correct horse battery";

Deno.test({
  name:
    "two people share one stirrer: taken by hand, asked for, given back, taken over, and told " +
    "(needs chromium)",
  ignore: isBrowserMissing(),
  async fn(t) {
    await using instrument = await runInstrument({ HOLDFAST_AUTH_ENABLED: "true" });
    const { url, instrument: { auth, locks } } = instrument;
    await auth.users.add({ name: "anna", role: "operator", password: PASSWORD }, "system");
    await auth.users.add({ name: "bo", role: "admin", password: PASSWORD }, "system");
    await using annas = await TestBrowser.open();
    await using bos = await TestBrowser.open();
    await using anna = await logIn(annas, url, "anna", PASSWORD);
    await using bo = await logIn(bos, url, "bo", PASSWORD);
    const rowOf = (visit: typeof anna) =>
      visit.page.locator(".lock-board > li", {
        has: visit.page.getByRole("link", { name: "Stirrer" }),
      });

    await t.step("driving by hand takes the lock, and the page counts it down", async () => {
      await anna.open(`${url}/devices/stirrer`);
      await anna.page.locator("form.command input[name]:not([type=hidden])").first().fill("40");
      await anna.page.locator("form.command button[type=submit]").first().click();
      await anna.page.getByText(/yours for \d/).first().waitFor();
      const [lock] = locks.list({ deviceId: "stirrer" }).value;
      assert.equal(lock?.owner.actor, "user:anna");
      assert.equal(lock?.type, "MANUAL_OPERATOR");
    });

    await t.step("the other sees who holds it, and cannot drive it", async () => {
      await bo.open(`${url}/devices/stirrer`);
      await bo.page.getByText("held by anna").first().waitFor();
      assert.ok(await bo.page.locator("form.command button[type=submit]").first().isDisabled());
    });

    await t.step("who asks stands in line, and is next when it is given back", async () => {
      await bo.open(`${url}/locks`);
      await rowOf(bo).getByRole("button", { name: "Ask for control" }).click();
      await rowOf(bo).getByText("you wait").waitFor();
      await anna.open(`${url}/locks`);
      await rowOf(anna).getByText("bo waits").waitFor();
      await rowOf(anna).getByRole("button", { name: "Give back" }).click();
      await rowOf(anna).getByText(/bo ·/).waitFor();
      await rowOf(bo).getByText(/you ·/).waitFor();
      assert.equal(locks.holder("stirrer")?.actor, "user:bo");
    });

    await t.step("taking over asks why, and tells who lost it on whatever page", async () => {
      await rowOf(bo).getByRole("button", { name: "Give back" }).click();
      await rowOf(anna).getByRole("button", { name: "Take control" }).click();
      await rowOf(anna).getByText(/you ·/).waitFor();
      await anna.open(`${url}/events`);
      await rowOf(bo).getByText(/anna ·/).waitFor();
      await rowOf(bo).getByText("Take over", { exact: true }).click();
      await rowOf(bo).getByLabel("Why").fill("smoke in the room");
      await rowOf(bo).getByRole("button", { name: "Take over Stirrer" }).click();
      await anna.page.getByText("You lost a lock").waitFor();
      assert.match(await anna.page.locator("section.notice-crit").innerText(), /smoke in the room/);
      assert.equal(locks.holder("stirrer")?.actor, "user:bo");
    });

    await t.step("a loss is told on the next page too, until it was seen", async () => {
      await anna.open(`${url}/alarms`);
      await anna.page.getByText("You lost a lock").waitFor();
      await anna.page.getByRole("button", { name: "Seen" }).click();
      await anna.page.getByText("You lost a lock").waitFor({ state: "detached" });
      await anna.open(`${url}/devices`);
      assert.equal(await anna.page.getByText("You lost a lock").count(), 0);
    });

    await t.step("the history says all of it", async () => {
      await bo.open(`${url}/locks/stirrer`);
      const rows = await bo.page.locator(".lock-table tbody tr th").allInnerTexts();
      assert.deepEqual(rows.slice(0, 3), ["taken", "taken away", "taken"]);
      assert.ok(rows.includes("waits"));
    });
    assert.deepEqual([...anna.problems([/409/]), ...bo.problems([/409/])], []);
  },
});
