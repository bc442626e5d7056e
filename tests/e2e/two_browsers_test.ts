import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Locator, Page } from "playwright-core";
import { runInstrument, type RunningInstrument } from "../running_instrument.ts";
import { isBrowserMissing, TestBrowser, type Visit } from "./browser.ts";
import { logIn } from "./log_in.ts";

const PASSWORD = "correct horse battery";

/** After this long a page that does not agree never will. */
const PATIENCE_MS = 60_000;
/** Runs until it is ended. */
const ENDLESS = `console.log("up");\nsetInterval(() => {}, 60_000);\n`;

/** The queue as the API has it, in the words of the board: what runs, and each that waits with its state. */
interface Seen {
  readonly running: string | null;
  readonly waiting: string[];
}

const WAITING = "section[aria-label='Waiting'] tbody tr";
const RUNNING = "section[aria-label='Running'] tbody tr";

/** What the board shows, read in one go so that it is of one moment. */
function shownBy(page: Page): Promise<Seen> {
  return page.evaluate(([waiting, running]) => {
    const words = (row: Element, cell: string) => row.querySelector(cell)!.textContent!.trim();
    const of = (row: Element) => `${words(row, "th a")} ${words(row, ".chip")}`;
    const run = document.querySelector(running!);
    return {
      running: run === null ? null : of(run),
      waiting: [...document.querySelectorAll(waiting!)].map((row) =>
        `${words(row, ".place span")}. ${of(row)}`
      ),
    };
  }, [WAITING, RUNNING]);
}

Deno.test({
  name: "two people change one queue from two browsers, and both pages agree with the API " +
    "(needs chromium)",
  ignore: isBrowserMissing(),
  async fn(t) {
    await using instrument = await runInstrument({ HOLDFAST_AUTH_ENABLED: "true" });
    const { url, instrument: { auth, experiments } } = instrument;
    await auth.users.add({ name: "anna", role: "operator", password: PASSWORD }, "system");
    await auth.users.add({ name: "bo", role: "admin", password: PASSWORD }, "system");
    await using annas = await TestBrowser.open();
    await using bos = await TestBrowser.open();
    await using anna = await logIn(annas, url, "anna", PASSWORD);
    await using bo = await logIn(bos, url, "bo", PASSWORD);
    const api = await apiOf(instrument);
    const people: [Visit, Visit] = [anna, bo];

    /** The queue once nothing is on its way between two states. */
    async function settled(): Promise<Seen> {
      for (;;) {
        const next = api.changed();
        const { running, waiting } = await api.queue();
        const isSettled = running === null ? waiting.length === 0 : running.state === "running";
        if (isSettled) {
          return {
            running: running === null ? null : `${running.title} ${running.state}`,
            waiting: waiting.map(({ title, state }, index) => `${index + 1}. ${title} ${state}`),
          };
        }
        await next;
      }
    }
    /** Both pages show what the API says: the same order, the same states. */
    async function agree(): Promise<Seen> {
      const untilMs = Date.now() + PATIENCE_MS;
      for (;;) {
        const truth = await settled();
        const shown = await Promise.all(people.map(({ page }) => shownBy(page)));
        if (shown.every((one) => isDeepStrictEqual(one, truth))) return truth;
        if (Date.now() > untilMs) assert.deepEqual(shown, [truth, truth]);
      }
    }

    await t.step("seven experiments of two people stand on both boards", async () => {
      for (let number = 1; number <= 7; number++) {
        await api.submit(number % 2 === 1 ? "anna" : "bo", `E${number}`);
      }
      for (const { page } of people) await page.locator(`${RUNNING} .chip-busy`).waitFor();
      assert.deepEqual(await agree(), {
        running: "E1 running",
        waiting: ["E2", "E3", "E4", "E5", "E6", "E7"].map((one, i) => `${i + 1}. ${one} queued`),
      });
    });

    await t.step("nobody is offered what is somebody else's, but an admin", async () => {
      const gripsOf = ({ page }: Visit) => page.locator(`${WAITING} .grip`).count();
      assert.deepEqual(await Promise.all(people.map(gripsOf)), [3, 6]);
    });

    await t.step("one cancels while the other drags", async () => {
      await Promise.all([
        cancel(anna.page, 3),
        untilMoved(bo.page, () => drag(bo.page, "E6", "E2"), () => api.places(["E6", "E2"])),
      ]);
      const { waiting } = await agree();
      assert.deepEqual(namesOf(waiting), ["E6", "E2", "E4", "E5", "E7"]);
    });

    await t.step(
      "one drags while the other moves with the keyboard, and keeps the focus",
      async () => {
        const grip = anna.page.getByRole("button", { name: /^Experiment 7, place/ });
        await Promise.all([
          untilMoved(anna.page, async () => {
            await grip.focus();
            await anna.page.keyboard.press("ArrowUp");
          }, () => api.places(["E7", "E5"])),
          untilMoved(bo.page, () => drag(bo.page, "E4", "E6"), () => api.places(["E4", "E6"])),
        ]);
        const { waiting } = await agree();
        assert.deepEqual(namesOf(waiting), ["E4", "E6", "E2", "E7", "E5"]);
        // Rows were put elsewhere under it, by hers and by his.
        assert.match((await focusedName(anna.page))!, /^Experiment 7, place 4 of 5/);
        await anna.page.getByText("Experiment 7 is at place 4 of 5").waitFor({ state: "attached" });
      },
    );

    await t.step(
      "what was lifted before somebody else's change is not moved, and told so",
      async () => {
        const before = await agree();
        await lift(bo.page, "E5", "E4");
        await api.as("anna", "POST", "/experiments/7/pause");
        await bo.page.mouse.up();
        await bo.page.getByText("Somebody changed the queue meanwhile").waitFor();
        const { waiting } = await agree();
        assert.deepEqual(namesOf(waiting), namesOf(before.waiting));
        assert.equal(waiting[3], "4. E7 paused");
      },
    );

    await t.step(
      "one runs hers now in place of another's while the other resumes his",
      async () => {
        const row = rowOf(bo.page, "E6");
        await row.locator("summary", { hasText: "Run now" }).click();
        const form = row.locator("form.run-now");
        assert.match((await form.textContent())!, /Experiment 1, “E1”, of anna ends now/);
        await form.getByRole("textbox").fill("the culture will not wait");
        await Promise.all([
          form.getByRole("button", { name: "End 1, run 6 now" }).click(),
          rowOf(anna.page, "E7").getByRole("button", { name: /Resume/ }).click(),
        ]);
        for (const { page } of people) {
          await page.locator(RUNNING, { hasText: "E6" }).locator(".chip-busy", {
            hasText: "running",
          }).waitFor();
        }
        await rowOf(anna.page, "E7").locator(".chip", { hasText: "queued" }).waitFor();
        const { running, waiting } = await agree();
        assert.equal(running, "E6 running");
        // The displaced one is run again after it.
        assert.deepEqual(namesOf(waiting), ["E1", "E4", "E2", "E7", "E5"]);
        const notice = await api.events("experiment.displaced");
        assert.match(notice[0]!, /experiment 6 was run now: the culture will not wait/);
      },
    );

    await t.step("a person who may not displace what runs is told whose it is", async () => {
      const row = rowOf(anna.page, "E5");
      await row.locator("summary", { hasText: "Run now" }).click();
      const form = row.locator("form.run-now");
      assert.match((await form.textContent())!, /of bo runs\. Only its owner or an admin/);
      assert.equal(await form.getByRole("button").count(), 0);
      await row.locator("summary", { hasText: "Run now" }).click();
    });

    await t.step("all that is left is cancelled from both at once", async () => {
      await Promise.all([
        (async () => {
          for (const number of [1, 7, 5]) await cancel(anna.page, number);
        })(),
        (async () => {
          for (const number of [4, 2]) await cancel(bo.page, number);
        })(),
      ]);
      // Only now: what still waited would be started in its place.
      await cancel(bo.page, 6, "Stop");
      for (const { page } of people) {
        await page.locator(`${WAITING}, ${RUNNING}`).first().waitFor({ state: "detached" });
      }
      assert.deepEqual(await agree(), { running: null, waiting: [] });
      const states = (await experiments.list({ limit: 10 })).experiments.map(({ state }) => state);
      assert.deepEqual(states, Array(7).fill("cancelled"));
    });

    await t.step("no page complained", () => {
      // A move that was meant for an older queue is answered with its status, which the browser notes.
      for (const visit of people) assert.deepEqual(visit.problems([/status of 412/]), []);
    });
  },
});

function rowOf(page: Page, title: string): Locator {
  return page.locator(WAITING, { has: page.getByRole("link", { name: title, exact: true }) });
}

function namesOf(waiting: readonly string[]): string[] {
  return waiting.map((line) => line.split(" ")[1]!);
}

/** Asks twice, as the page does. */
async function cancel(page: Page, number: number, verb: "Cancel" | "Stop" = "Cancel") {
  const row = page.locator(`${WAITING}, ${RUNNING}`, {
    has: page.getByRole("link", { name: `E${number}`, exact: true }),
  });
  await row.locator("summary.btn-danger").click();
  await row.getByRole("button", { name: `${verb} experiment ${number}`, exact: true }).click();
  await row.waitFor({ state: "detached" });
}

/**
 * Takes the row of `title` by its handle and holds it over the upper edge of the row of `target`. Rows may
 * move between the look and the press: a press on another row's handle is let go where it is.
 */
async function lift(page: Page, title: string, target: string): Promise<void> {
  const grip = rowOf(page, title).locator(".grip");
  for (;;) {
    await grip.hover();
    await page.mouse.down();
    if (await grip.evaluate((element) => element === document.activeElement)) break;
    await page.mouse.up();
  }
  const { x, y } = (await rowOf(page, target).boundingBox())!;
  await page.mouse.move(x + 60, y + 20, { steps: 4 });
  await page.mouse.move(x + 60, y + 4, { steps: 4 });
}

async function drag(page: Page, title: string, target: string): Promise<void> {
  await lift(page, title, target);
  await page.mouse.up();
}

/** Acts until the places are ascending: a move that was meant for an older queue is refused, and done again. */
async function untilMoved(page: Page, act: () => Promise<void>, places: () => Promise<number[]>) {
  const untilMs = Date.now() + PATIENCE_MS;
  const refused = page.locator(".board > .notice");
  const isMoved = async () => {
    const [first, second] = await places();
    return first! < second!;
  };
  do {
    await act();
    while (!await isMoved() && !await refused.isVisible()) {
      assert(Date.now() < untilMs, "it was neither moved nor refused");
    }
    if (await refused.isVisible()) await refused.getByRole("button", { name: "Dismiss" }).click();
  } while (!await isMoved());
}

function focusedName(page: Page): Promise<string | null> {
  return page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? null);
}

interface Queued {
  readonly title: string;
  readonly state: string;
}

/** The API as both people use it. */
async function apiOf({ url, instrument: { experiments, events } }: RunningInstrument) {
  const cookies = new Map<string, string>();
  for (const name of ["anna", "bo"]) {
    const reply = await fetch(`${url}/api/v1/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name, password: PASSWORD }),
    });
    assert(reply.ok, await reply.text());
    cookies.set(name, reply.headers.get("set-cookie")!.split(";")[0]!);
  }
  async function as(name: string, method: string, path: string, body?: unknown) {
    const reply = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { cookie: cookies.get(name)!, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const json = await reply.json();
    assert(reply.ok, JSON.stringify(json));
    return json;
  }
  const queue = (): Promise<{ running: Queued | null; waiting: Queued[] }> =>
    as("anna", "GET", "/queue");
  return {
    as,
    queue,
    submit: (name: string, title: string) =>
      as(name, "POST", "/experiments", { script: ENDLESS, kind: "typescript", title }),
    places: async (titles: string[]) => {
      const { waiting } = await queue();
      return titles.map((title) => waiting.findIndex((one) => one.title === title));
    },
    /** Resolves at the next change of any experiment. */
    changed: () =>
      new Promise<void>((resolve) => {
        const stop = experiments.onChange(() => {
          stop();
          resolve();
        });
      }),
    events: async (type: string) =>
      (await events.read({ types: [type], limit: 10 })).map(({ text }) => text),
  };
}
