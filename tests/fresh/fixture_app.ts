import { join } from "node:path";
import { App, staticFiles } from "fresh";
import { build, type BuildReport } from "../../lib/fresh/build.ts";
import { stopBundler } from "../../lib/fresh/bundle.ts";
import type { Build } from "../../lib/fresh/manifest.ts";
import { attachBuild, openBuild } from "../../lib/fresh/server.ts";
import * as manifest from "./fixture/fresh.gen.ts";
import type { State } from "./fixture/define.ts";

/** The sample application in the repository. */
export const FIXTURE = join(import.meta.dirname!, "fixture");
export const DENO_JSON = join(import.meta.dirname!, "../../deno.json");

/** A copy of the sample application that a test may change; gone with `await using`. */
export async function copyFixture(): Promise<{ root: string } & AsyncDisposable> {
  const root = await Deno.makeTempDir({ prefix: "holdfast-fresh-" });
  await copyFolder(FIXTURE, root);
  return { root, [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }) };
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    if (entry.name === "_fresh") continue;
    if (entry.isDirectory) await copyFolder(join(from, entry.name), join(to, entry.name));
    else await Deno.copyFile(join(from, entry.name), join(to, entry.name));
  }
}

/** Builds the application in `root` as `deno task build` does. */
export async function buildAt(root: string): Promise<BuildReport> {
  try {
    return await build({ root, ignore: [/^api\.ts$/], denoJson: DENO_JSON });
  } finally {
    await stopBundler();
  }
}

export interface FixtureApp {
  readonly build: Build;
  /** Everything answered with a status of 500 or above. */
  readonly errors: unknown[];
  /** Asks the application; the response is whole and its body read. */
  ask(path: string, init?: RequestInit): Promise<Answer>;
  handler: (request: Request, info?: Deno.ServeHandlerInfo) => Promise<Response>;
}
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly hasBody: boolean;
}

/** An app over a build, set up as a program would. */
export function appOver(build: Build): FixtureApp {
  const errors: unknown[] = [];
  const app = new App<State>().use(staticFiles()).fsRoutes();
  attachBuild(app, build, (error) => errors.push(error));
  const handler = app.handler();
  return {
    build,
    errors,
    handler,
    async ask(path, init) {
      const response = await handler(new Request(new URL(path, "http://localhost:8000"), init));
      const { status, headers, body } = response;
      return { status, headers, text: await response.text(), hasBody: body !== null };
    },
  };
}

/** The sample application, built and opened. */
export async function openFixture(): Promise<FixtureApp & AsyncDisposable> {
  const copy = await copyFixture();
  await buildAt(copy.root);
  const app = appOver(await openBuild({ root: copy.root, manifest }));
  return { ...app, [Symbol.asyncDispose]: () => copy[Symbol.asyncDispose]() };
}
