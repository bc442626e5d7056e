import { join } from "node:path";
import { bundle, BUNDLE_PATH, digest, fileAliases, stopBundler } from "./bundle.ts";
import { contentTypeOf } from "./content_type.ts";
import type { Build, Manifest, StaticFile } from "./manifest.ts";
import { filesBelow, holdfastProject, importManifest } from "./project.ts";
import { decodePath, islandMap } from "./server.ts";

const EVENTS_PATH = "/_fresh/dev/events";
const SCRIPT_PATH = "/_fresh/dev/reload.js";

// A page asks which build it is served by: another answer, after a restart or a change of a file, reloads it.
const SCRIPT = `let seen = null;
new EventSource(${JSON.stringify(EVENTS_PATH)}).addEventListener("build", ({ data }) => {
  if (seen !== null && seen !== data) location.reload();
  seen = data;
});
`;

export interface DevOptions {
  readonly root: string;
  /** The application's modules; by default imported from the files that are there now. */
  readonly manifest?: Manifest;
  readonly ignore?: readonly RegExp[];
  readonly denoJson?: string;
}

/**
 * A build made in memory, with source maps, that follows changes of `static/`. Changed modules need another
 * process (\`deno run --watch\`); pages reload when they meet it.
 */
export async function openDevBuild(options: DevOptions): Promise<Build & AsyncDisposable> {
  const { root } = options;
  const project = { ...holdfastProject(root), ...options.ignore && { ignore: options.ignore } };
  const manifest = options.manifest ?? await importManifest(project);
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

  let statics = await readStatic(root);
  const started = crypto.randomUUID();
  const idNow = () =>
    digest(started, ...[...bundles.keys(), ...[...statics].flatMap(([k, v]) => [k, v.etag])]);
  let id = idNow();
  const listeners = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const tell = (controller: ReadableStreamDefaultController<Uint8Array>) =>
    controller.enqueue(new TextEncoder().encode(`event: build\ndata: ${id}\n\n`));

  const watcher = await watch(join(root, "static"), async () => {
    statics = await readStatic(root);
    id = idNow();
    for (const controller of listeners) tell(controller);
  });

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
    devResponse(url) {
      if (url.pathname !== EVENTS_PATH) return null;
      let own: ReadableStreamDefaultController<Uint8Array>;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          own = controller;
          listeners.add(controller);
          tell(controller);
        },
        cancel: () => void listeners.delete(own),
      });
      return new Response(body, {
        headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
      });
    },
    async [Symbol.asyncDispose]() {
      for (const controller of listeners) controller.close();
      listeners.clear();
      await watcher.close();
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

/** Calls `changed` after each burst of changes below `folder`; no folder, no changes. */
async function watch(
  folder: string,
  changed: () => Promise<void>,
): Promise<{ close(): Promise<void> }> {
  const isThere = await Deno.stat(folder).then(() => true, () => false);
  if (!isThere) return { close: () => Promise.resolve() };
  const watcher = Deno.watchFs(folder);
  const done = (async () => {
    for await (const event of watcher) {
      if (event.kind === "access") continue;
      // A file may be gone again, or half written: the change that follows tells of it.
      await changed().catch((error) => console.warn("Cannot read static/", error));
    }
  })();
  return {
    async close() {
      watcher.close();
      await done;
    },
  };
}
