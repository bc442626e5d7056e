import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Page } from "playwright-core";
import { isBrowserMissing, TestBrowser, type Visit } from "./browser.ts";
import { HoldfastProcess } from "./holdfast_process.ts";

const PYTHON = `from bioreactor_client import Bioreactor, measure_all_data, write_data_to_csv
import time

with Bioreactor() as bio:
    bio.change_stirrer(20)
    for row in range(12):
        write_data_to_csv(measure_all_data(bio))
        print(f"row {row}")
        time.sleep(0.25)
`;
const TYPESCRIPT = `import { Bioreactor, measureAllData, writeDataToCsv } from "bioreactor_client";

await using bio = await Bioreactor.connect();
await bio.changeStirrer(20);
for (let row = 0; row < 12; row++) {
  writeDataToCsv(await measureAllData(bio));
  console.log(\`row \${row}\`);
  await new Promise((resolve) => setTimeout(resolve, 250));
}
`;

/** Python where this machine can run it in its sandbox, else TypeScript. */
async function scriptForHere(): Promise<{ kind: string; text: string; mistake: string }> {
  const found = await Promise.all(
    [["python3", "--version"], ["bwrap", "--version"]].map(async ([command, flag]) => {
      try {
        return (await new Deno.Command(command!, { args: [flag!] }).output()).success;
      } catch {
        return false;
      }
    }),
  );
  return found.every(Boolean)
    ? { kind: "python", text: PYTHON, mistake: "print('no end\n" }
    : { kind: "typescript", text: TYPESCRIPT, mistake: "const a = ;\n" };
}

const chip = (page: Page, word: string) => page.locator(".top .chip", { hasText: word });
const deviceRow = (page: Page, name: string) =>
  page.locator(".dev", { has: page.getByRole("link", { name, exact: true }) });

/** Resolves once some pixels of the first chart are drawn. */
async function drawn(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const canvas = document.querySelector<HTMLCanvasElement>(".panel canvas");
    if (canvas === null || canvas.width === 0) return false;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    return data.some((byte) => byte > 0);
  });
}

async function fileOf(page: Page, press: () => Promise<void>): Promise<Uint8Array> {
  const [download] = await Promise.all([page.waitForEvent("download"), press()]);
  return await Deno.readFile((await download.path())!);
}

function holdsFile(archive: Uint8Array, name: string): boolean {
  return new TextDecoder("latin1").decode(archive).includes(name);
}

Deno.test({
  name: "a person's first hour with the simulated instrument (needs chromium)",
  ignore: isBrowserMissing(),
  async fn(t) {
    await using holdfast = await HoldfastProcess.start();
    const { url } = holdfast;
    const script = await scriptForHere();
    await using browser = await TestBrowser.open();
    await using visit = await browser.visit(url);
    const { page } = visit;

    await t.step("values move, and curves are drawn", async () => {
      await page.locator(".top-clock small", { hasText: "live" }).waitFor();
      const value = deviceRow(page, "Optical density").locator(".val");
      const before = await value.textContent();
      await page.waitForFunction(
        (before) => document.querySelector(".dev .val")!.textContent !== before,
        before,
      );
      assert.match((await value.textContent())!, /^0\.\d{4}V$/);
      await drawn(page);
      await fits(page);
    });

    await t.step("the stirrer is set on its page; readback and event come back", async () => {
      await page.goto(`${url}/devices`);
      await page.getByRole("link", { name: "Stirrer" }).click();
      await page.getByRole("spinbutton", { name: "Duty" }).fill("30");
      await page.getByRole("button", { name: "Set duty" }).click();
      await page.getByText("it reports duty 30").waitFor();
      await page.locator(".device-table .value", { hasText: "30 %" }).waitFor();
      await page.locator(".event-list", { hasText: "set: duty 30" }).waitFor();
    });

    await t.step("a value out of range is refused beside its field, and kept", async () => {
      const duty = page.getByRole("spinbutton", { name: "Duty" });
      // The browser's own check would stop it: what matters is the instrument's.
      await page.locator("form.command").evaluate((form: HTMLFormElement) => {
        form.noValidate = true;
      });
      await duty.fill("400");
      await page.getByRole("button", { name: "Set duty" }).click();
      await page.locator(".field .error").waitFor();
      assert.equal(await duty.inputValue(), "400");
      assert.equal(await duty.getAttribute("aria-invalid"), "true");
    });

    await t.step(
      "what was driven by hand is given back, so that the queue may have it",
      async () => {
        await page.goto(`${url}/locks`);
        await visit.awake();
        const back = page.getByRole("button", { name: "Give back" });
        await back.click();
        await back.waitFor({ state: "detached" });
        await page.goto(`${url}/devices/stirrer`);
        await visit.awake();
      },
    );

    await t.step(
      "STOP stops everything on every screen, and asks before it starts again",
      async () => {
        await using colleague = await browser.visit(url, { screen: "phone" });
        await page.getByRole("button", { name: "STOP" }).click();
        await page.getByText("The instrument is stopped", { exact: true }).waitFor();
        await chip(page, "stopped").waitFor();
        // The other screen learns it without being touched.
        await chip(colleague.page, "stopped").waitFor();
        await colleague.page.getByText("The instrument is stopped", { exact: true }).waitFor();
        await page.locator(".device-table .value", { hasText: /^0 %/ }).waitFor();
        assert(await page.getByRole("button", { name: "Set duty" }).isDisabled());
        await page.getByPlaceholder("Why is it safe again?").fill("the test goes on");
        await page.getByRole("button", { name: "Start again" }).click();
        await chip(page, "idle").waitFor();
        await chip(colleague.page, "idle").waitFor();
        assert.deepEqual(colleague.problems(), []);
      },
    );

    await t.step("an alarm that nobody has seen is acknowledged", async () => {
      await page.goto(url);
      const alarm = page.getByRole("region", { name: "Instrument stopped" });
      await alarm.getByRole("button", { name: "Acknowledge" }).click();
      await alarm.waitFor({ state: "detached" });
      await page.getByText("no alarms").waitFor();
    });

    await t.step("keys lead everywhere, and nothing they open covers STOP", async () => {
      await page.keyboard.press("Control+k");
      await page.keyboard.type("ring li");
      await page.locator(".palette li a.first", { hasText: "Ring light" }).waitFor();
      assert(await isPressable(page, ".stop"), "the palette covers STOP");
      await page.keyboard.press("Enter");
      await page.waitForURL("**/devices/ring-light");
      await visit.awake();
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keys" }).waitFor();
      assert(await isPressable(page, ".stop"), "the list of keys covers STOP");
      await page.keyboard.press("Escape");
      await page.getByRole("dialog", { name: "Keys" }).waitFor({ state: "hidden" });
      await page.keyboard.press("Escape");
      await page.keyboard.press("g");
      await page.keyboard.press("o");
      await page.waitForURL(`${url}/`);
      await chip(page, "idle").waitFor();
    });

    await t.step("a chart is zoomed with keys, and its address shows the same again", async () => {
      await visit.awake();
      await drawn(page);
      await page.locator(".panels").focus();
      await page.keyboard.press("+");
      await page.waitForURL(/from=\d+&to=\d+/);
      const title = await page.locator(".plot h2").textContent();
      assert.match(title!, /\d\d:\d\d:\d\d to \d\d:\d\d:\d\d/);
      await page.reload();
      assert.equal(await page.locator(".plot h2").textContent(), title);
      await page.getByRole("link", { name: "1 h", exact: true }).click();
      await page.waitForURL(`${url}/?window=1h`);
      await page.getByRole("button", { name: "Table" }).click();
      await page.getByRole("group", { name: "Table of the chart" }).waitFor();
    });

    await t.step("a script with a mistake comes back with its line", async () => {
      await page.goto(`${url}/experiments/new`);
      await visit.awake();
      await page.getByRole("textbox", { name: "Script" }).fill(script.mistake);
      await page.getByLabel("Language").selectOption(script.kind);
      await page.getByLabel("Title").fill("First hour");
      await page.getByRole("button", { name: "Submit experiment" }).click();
      await page.getByText("Not submitted").waitFor();
      await page.getByText(/line 1/).first().waitFor();
      assert.equal(
        await page.getByRole("textbox", { name: "Script" }).inputValue(),
        script.mistake,
      );
      assert.equal(await page.getByLabel("Title").inputValue(), "First hour");
    });

    await t.step("a script runs; its log, curve and files appear without a reload", async () => {
      await visit.awake();
      await page.getByRole("textbox", { name: "Script" }).fill(script.text);
      await page.getByRole("button", { name: "Submit experiment" }).click();
      await page.waitForURL(/\/experiments\/[0-9A-Z]{26}$/);
      await visit.awake();
      await page.evaluate(() => Object.assign(globalThis, { sameDocument: true }));
      await page.locator(".run-log-box", { hasText: "row 3" }).waitFor();
      await page.locator(".legend b", { hasText: /\d/ }).first().waitFor();
      await drawn(page);
      await page.getByRole("link", { name: "experiment_data.csv" }).waitFor();
      await page.locator(".head .chip", { hasText: "completed" }).waitFor();
      await page.locator(".run-log-box", { hasText: "row 11" }).waitFor();
      await page.getByText("12 rows in experiment_data.csv").waitFor();
      assert(await page.evaluate(() => "sameDocument" in globalThis), "the page was reloaded");
    });

    await t.step("the archive is downloaded, with the numbers and the script in it", async () => {
      const archive = await fileOf(
        page,
        () => page.getByRole("link", { name: "Download all" }).click(),
      );
      assert.deepEqual([...archive.slice(0, 2)], [0x50, 0x4b]);
      for (const name of ["experiment_data.csv", "user_script."]) {
        assert(holdsFile(archive, name), `the archive has no ${name}`);
      }
    });

    await t.step("the overview and the board follow the queue by themselves", async () => {
      await using board = await browser.visit(`${url}/experiments`);
      await page.goto(url);
      await visit.awake();
      await page.locator(".top-clock small", { hasText: "live" }).waitFor();
      await board.page.locator(".top-clock small", { hasText: "live" }).waitFor();
      const reply = await fetch(`${url}/api/v1/experiments`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ script: script.text, kind: script.kind, title: "From elsewhere" }),
      });
      assert.equal(reply.status, 201, await reply.text());
      await page.locator(".exp h2", { hasText: "From elsewhere" }).waitFor();
      await board.page.getByRole("region", { name: "Running" }).getByText("From elsewhere")
        .waitFor();
      await page.locator(".exp .log", { hasText: "row " }).waitFor();
      await page.locator(".exp summary", { hasText: "Stop run" }).click();
      await page.getByRole("button", { name: /^Stop experiment \d+$/ }).click();
      await board.page.getByRole("region", { name: "Ended" }).getByText("From elsewhere").waitFor();
      await page.getByText("No experiment is running").waitFor();
      assert.deepEqual(board.problems(), []);
    });

    await t.step("a page nobody sees lets go of its connection, and comes back", async () => {
      const see = (hidden: boolean) =>
        page.evaluate((hidden) => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
          document.dispatchEvent(new Event("visibilitychange"));
        }, hidden);
      // A connection that ends is noticed a moment later.
      await viewersAre(url, 1);
      await see(true);
      await viewersAre(url, 0);
      await see(false);
      await viewersAre(url, 1);
    });

    await t.step("no page complained", () => {
      // Refused forms are answered with their status, which the browser notes.
      assert.deepEqual(visit.problems([/status of 422/]), []);
    });

    for (const theme of ["light", "dark"] as const) {
      await t.step(`axe finds nothing serious on any page, ${theme}`, async () => {
        await using seen = await browser.visit(url, { theme });
        await accessible(seen, url);
      });
    }
    await t.step("no page is wider than a phone, and axe finds nothing there either", async () => {
      await using seen = await browser.visit(url, { theme: "light", screen: "phone" });
      await accessible(seen, url);
    });
  },
});

Deno.test({
  name: "the same first hour without scripts (needs chromium)",
  ignore: isBrowserMissing(),
  async fn(t) {
    await using holdfast = await HoldfastProcess.start();
    const { url } = holdfast;
    const script = await scriptForHere();
    await using browser = await TestBrowser.open();
    await using visit = await browser.visit(url, { scripts: false });
    const { page } = visit;

    await t.step(
      "the page shows values, units and curves as they were when it was made",
      async () => {
        const row = deviceRow(page, "Temperature");
        await reloadUntil(
          page,
          async () => /^2\d\.\d\d°C$/.test((await row.locator(".val").textContent())!),
        );
        await reloadUntil(
          page,
          async () => await page.locator(".panels svg path[stroke='var(--s2)']").count() > 0,
        );
        await page.getByRole("link", { name: "1 h", exact: true }).click();
        assert.match(page.url(), /window=1h/);
        await page.getByText("Last hour").waitFor();
      },
    );

    await t.step("the stirrer is set, and STOP and starting again work", async () => {
      await page.goto(`${url}/devices/stirrer`);
      await page.getByRole("spinbutton", { name: "Duty" }).fill("30");
      await page.getByRole("button", { name: "Set duty" }).click();
      await page.locator(".event-list", { hasText: "set: duty 30" }).waitFor();
      await page.getByRole("button", { name: "STOP" }).click();
      assert.equal(new URL(page.url()).pathname, "/devices/stirrer");
      await page.getByText("The instrument is stopped", { exact: true }).waitFor();
      await page.getByPlaceholder("Why is it safe again?").fill("the test goes on");
      await page.getByRole("button", { name: "Start again" }).click();
      await chip(page, "idle").waitFor();
    });

    await t.step(
      "what was driven by hand is given back, so that the queue may have it",
      async () => {
        await page.goto(`${url}/locks`);
        const back = page.getByRole("button", { name: "Give back" });
        await back.click();
        await back.waitFor({ state: "detached" });
      },
    );

    await t.step("an alarm is acknowledged", async () => {
      await page.goto(`${url}/alarms`);
      await page.getByRole("button", { name: "Acknowledge" }).click();
      await page.getByText("No alarm stands").waitFor();
    });

    await t.step("a script is submitted as a file, and its page shows what it left", async () => {
      await page.goto(`${url}/experiments/new`);
      await page.getByLabel("or a file").setInputFiles({
        name: script.kind === "python" ? "first.py" : "first.ts",
        mimeType: "text/plain",
        buffer: Buffer.from(script.text),
      });
      await page.getByRole("button", { name: "Submit experiment" }).click();
      await page.waitForURL(/\/experiments\/[0-9A-Z]{26}$/);
      await reloadUntil(
        page,
        () => page.locator(".head .chip", { hasText: "completed" }).isVisible(),
      );
      await page.locator(".run-log-box", { hasText: "row 11" }).waitFor();
      await page.locator(".panels svg path[stroke^='var(--s']").first().waitFor({
        state: "attached",
      });
      const csv = await fileOf(
        page,
        () => page.getByRole("link", { name: "experiment_data.csv" }).click(),
      );
      assert.equal(new TextDecoder().decode(csv).trim().split("\n").length, 13);
    });

    await t.step("a token is issued and a theme is chosen", async () => {
      await page.goto(`${url}/settings`);
      await page.locator("#token-name").fill("logger");
      await page.getByRole("button", { name: "Issue token" }).click();
      await page.getByText("Copy it now").waitFor();
      await page.goto(`${url}/settings`);
      await page.getByLabel("Dark-room").check();
      await page.getByRole("button", { name: "Use this theme" }).click();
      assert.equal(await page.locator("html").getAttribute("data-theme"), "darkroom");
    });

    await t.step("the demo begins with one press, and a run ends with two", async () => {
      await page.goto(url);
      await page.getByRole("button", { name: "Start a demo experiment" }).click();
      await page.waitForURL(/\/experiments\/[0-9A-Z]{26}$/);
      await page.locator("summary", { hasText: /Stop run|Cancel/ }).click();
      await page.getByRole("button", { name: /^(Stop|Cancel) experiment/ }).click();
      await reloadUntil(
        page,
        () => page.locator(".head .chip", { hasText: "cancelled" }).isVisible(),
      );
    });

    await t.step("no page complained", () => assert.deepEqual(visit.problems(), []));
  },
});

/** Loads the page again until it shows something; for who has no scripts, that is how time passes. */
async function reloadUntil(page: Page, shown: () => Promise<boolean>): Promise<void> {
  const untilMs = Date.now() + 30_000;
  while (!await shown()) {
    assert(Date.now() < untilMs, `${page.url()} does not show it`);
    await page.reload();
  }
}

/** Resolves once so many follow the live stream. */
async function viewersAre(url: string, wanted: number): Promise<void> {
  const untilMs = Date.now() + 20_000;
  for (;;) {
    const text = await (await fetch(`${url}/metrics`)).text();
    const [, found] = /^holdfast_stream_viewers (\d+)/m.exec(text) ?? [];
    if (Number(found) === wanted) return;
    assert(Date.now() < untilMs, `${found} follow the stream, not ${wanted}`);
  }
}

/** Whether a press in its middle would reach the element. */
function isPressable(page: Page, selector: string): Promise<boolean> {
  return page.locator(selector).evaluate((element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return element.contains(document.elementFromPoint(left + width / 2, top + height / 2));
  });
}

/** The overview's promise: no scrolling on a small desktop. */
async function fits(page: Page): Promise<void> {
  const beyond = await page.evaluate(() =>
    document.documentElement.scrollHeight - document.documentElement.clientHeight
  );
  assert(beyond <= 0, `the overview is ${beyond} px higher than the screen`);
}

const PAGES = [
  "/",
  "/devices",
  "/devices/stirrer",
  "/devices/optical-density",
  "/devices/ring-light",
  "/experiments",
  "/experiments/mine",
  "/experiments/results",
  "/experiments/archive",
  "/experiments/compare?ids=1,2",
  "/experiments/new?sample=demo",
  "/experiments/1",
  "/experiments/2",
  "/events",
  "/alarms",
  "/settings",
  "/login",
  "/problems",
  "/problems/device-held",
];

async function accessible(visit: Visit, url: string): Promise<void> {
  for (const path of PAGES) {
    assert.equal(await visit.open(url + path), 200, path);
    assert.deepEqual(await visit.accessibility(), [], path);
    const wide = await visit.page.evaluate(() =>
      document.documentElement.scrollWidth - document.documentElement.clientWidth
    );
    assert(wide <= 0, `${path} is ${wide} px wider than the screen`);
  }
  assert.deepEqual(visit.problems(), []);
}
