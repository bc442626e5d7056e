import { join } from "node:path";
import { bundle, BUNDLE_PATH, digest, fileAliases, stopBundler } from "./bundle.ts";
import { contentTypeOf } from "./content_type.ts";
import type { Build, Manifest, StaticFile } from "./manifest.ts";
import {
  filesBelow,
  holdfastProject,
  importManifest,
  listFiles,
  MANIFEST_FILE,
  manifestModule,
} from "./project.ts";
import { decodePath, islandMap } from "./server.ts";
import { writeIfChanged } from "./write_file.ts";

const EVENTS_PATH = "/_fresh/dev/events";
const SCRIPT_PATH = "/_fresh/dev/reload.js";
const ASK_AGAIN_MS = 1000;

// Another answer, after a restart or a change of a file, reloads the page.
const SCRIPT = `let seen = null;
new EventSource(${JSON.stringify(EVENTS_PATH)}).addEventListener("build", ({ data }) => {
  if (seen !== null && seen !== data) location.reload();
  seen = data;
});
`;

export interface DevOptions {
  readonly root: string;
  /**
   * The application's modules, as its `fresh.gen.ts` lists them, which is brought up to date; by default
   * those that are there now are imported.
   */
  readonly manifest?: Manifest;
  readonly ignore?: readonly RegExp[];
  readonly denoJson?: string;
}

/**
 * A build made in memory, with source maps, that takes up changes of `static/`. Changed modules need another
 * process (`deno run --watch`); open pages notice either and reload.
 */
export async function openDevBuild(options: DevOptions): Promise<Build> {
  const { root } = options;
  const project = { ...holdfastProject(root), ...options.ignore && { ignore: options.ignore } };
  const manifest = options.manifest ?? await importManifest(project);
  // A page that was added is served by the next process, which this change of a module starts.
  if (options.manifest !== undefined) {
    await writeIfChanged(join(root, MANIFEST_FILE), manifestModule(await listFiles(project)));
  }
  const denoJson = options.denoJson ?? join(root, "deno.json");
  const bundled = await bundle({
    root,
    islands: Object.keys(manifest.islands),
    aliases: await fileAliases(denoJson),
    nodeModules: join(denoJson, "../node_modules"),
    mode: "development",
  });
  await stopBundler();
  const bundles = new Map(
    [...bundled.files].map(([name, bytes]) => [BUNDLE_PATH + name, inMemory(name, bytes, true)]),
  );
  bundles.set(SCRIPT_PATH, inMemory("reload.js", new TextEncoder().encode(SCRIPT), false));

  const process = crypto.randomUUID();
  let statics = new Map<string, StaticFile>();
  let id = "";
  async function lookAgain(): Promise<void> {
    statics = await readStatic(root);
    id = digest(process, ...[...statics].flatMap(([path, { etag }]) => [path, etag]));
  }
  await lookAgain();

  return {
    root,
    mode: "development",
    get id() {
      return id;
    },
    routes: manifest.routes,
    islands: islandMap(manifest, bundled.islands),
    boot: bundled.boot,
    devScripts: [SCRIPT_PATH],
    file: (path) => bundles.get(path) ?? statics.get(decodePath(path)) ?? null,
    async devResponse(url) {
      if (url.pathname !== EVENTS_PATH) return null;
      await lookAgain();
      // It ends at once and the browser asks again: no open stream keeps the server from stopping.
      return new Response(`retry: ${ASK_AGAIN_MS}\nevent: build\ndata: ${id}\n\n`, {
        headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
      });
    },
  };
}

function inMemory(name: string, bytes: Uint8Array, immutable: boolean): StaticFile {
  return {
    contentType: contentTypeOf(name),
    etag: `"${digest(bytes)}"`,
    immutable,
    bytes: bytes.byteLength,
    encodings: [],
    read: () => Promise.resolve(new Uint8Array(bytes)),
  };
}

async function readStatic(root: string): Promise<Map<string, StaticFile>> {
  const folder = join(root, "static");
  const entries = await Promise.all(
    (await filesBelow(folder)).map(async (name) => {
      const path = join(folder, name);
      const bytes = await Deno.readFile(path);
      return [`/${name}`, {
        ...inMemory(name, bytes, false),
        read: () => Deno.readFile(path),
      }] as const;
    }),
  );
  return new Map(entries);
}
