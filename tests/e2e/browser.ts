import axe from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

/** Where the browser is looked for; tests that need it are ignored when it is not there. */
export const CHROMIUM_PATH = "/usr/bin/chromium";

/** Whether tests in a real browser cannot run on this machine. */
export function isBrowserMissing(): boolean {
  try {
    return !Deno.statSync(CHROMIUM_PATH).isFile;
  } catch {
    return true;
  }
}

// Nothing but the pages under test: no GPU, no calls home, no first-run pages.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** CSS pixels of the two screens every page is looked at on. */
export const SCREENS = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 390, height: 844 },
} as const;
export type Screen = keyof typeof SCREENS;

export const THEMES = ["light", "dark", "darkroom"] as const;
export type Theme = (typeof THEMES)[number];

/** Places named of each thing axe-core finds. */
const PLACES_SHOWN = 3;

export interface VisitOptions {
  readonly screen?: Screen;
  /** Kept in the cookie `theme`, as Settings keeps it; the system's choice when absent. */
  readonly theme?: Theme;
  /** False: the page as someone without scripts has it. */
  readonly scripts?: boolean;
  readonly headers?: Record<string, string>;
}

/** One Chromium with a profile of its own, gone with `await using`. */
export class TestBrowser implements AsyncDisposable {
  readonly #browser: Browser;
  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async open(): Promise<TestBrowser> {
    return new TestBrowser(
      await chromium.launch({ executablePath: CHROMIUM_PATH, headless: true, args: FLAGS }),
    );
  }

  /** Opens `url` in a new, empty context and waits until its islands are awake. */
  async visit(url: string | URL, options: VisitOptions = {}): Promise<Visit> {
    const { screen = "desktop", theme, scripts = true, headers } = options;
    const context = await this.#browser.newContext({
      viewport: SCREENS[screen],
      deviceScaleFactor: 1,
      javaScriptEnabled: scripts,
      reducedMotion: "reduce",
      colorScheme: theme === undefined || theme === "light" ? "light" : "dark",
      acceptDownloads: true,
      extraHTTPHeaders: headers,
    });
    // Long enough for a loaded machine, short enough that a hanging page fails its test.
    context.setDefaultTimeout(20_000);
    if (theme !== undefined) {
      await context.addCookies([{ name: "theme", value: theme, url: new URL(url).origin }]);
    }
    const visit = new Visit(context, await context.newPage(), scripts);
    try {
      await visit.open(url);
    } catch (error) {
      await visit[Symbol.asyncDispose]();
      throw error;
    }
    return visit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

/** One page in a context of its own, and all it complained about. */
export class Visit implements AsyncDisposable {
  readonly #problems: string[] = [];
  readonly #context: BrowserContext;
  readonly #scripts: boolean;

  constructor(context: BrowserContext, readonly page: Page, scripts: boolean) {
    this.#context = context;
    this.#scripts = scripts;
    // Violations of the content security policy arrive here too, as errors.
    page.on("console", (message) => {
      if (message.type() === "error") this.#problems.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.#problems.push(`uncaught: ${error.message}`));
    page.on("crash", () => this.#problems.push("the page crashed"));
  }

  /** Goes to another page of the same visit. Gives the HTTP status. */
  async open(url: string | URL): Promise<number> {
    const response = await this.page.goto(String(url), { waitUntil: "load" });
    await this.awake();
    return response?.status() ?? 0;
  }

  /** Waits until every island of the page that is shown has been hydrated. */
  async awake(): Promise<void> {
    if (!this.#scripts) return;
    await this.page.waitForFunction(() =>
      document.getElementById("__FRSH_STATE") === null ||
      performance.getEntriesByName("frsh:hydrated").length > 0
    );
  }

  /** Console errors, uncaught exceptions and policy violations so far, but those that match `expected`. */
  problems(expected: readonly RegExp[] = []): string[] {
    return this.#problems.filter((problem) => !expected.some((pattern) => pattern.test(problem)));
  }

  async screenshot(path: string, options: { wholePage?: boolean } = {}): Promise<void> {
    await this.page.screenshot({
      path,
      fullPage: options.wholePage ?? false,
      animations: "disabled",
    });
  }

  /** What axe-core finds serious or critical: a line for each rule, with the first places it holds for. */
  async accessibility(): Promise<string[]> {
    await this.page.evaluate(axe.source);
    const violations = await this.page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
      return (await axe.run(document, { resultTypes: ["violations"] })).violations;
    });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, impact, help, nodes }) => {
        const places = nodes.slice(0, PLACES_SHOWN).map(({ target, failureSummary = "" }) => {
          // Its first line only says that one of the following has to be put right.
          const [, reason = ""] = failureSummary.split("\n").map((line) => line.trim());
          return `\n    at ${target.join(" ")}: ${reason}`;
        });
        return `${impact} ${id} (${nodes.length}x): ${help}${places.join("")}`;
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close();
  }
}
