import type { ComponentType } from "preact";
import { join } from "node:path";
import { type App, attach } from "./app.ts";
import { setBuildId } from "./build_id.ts";
import type { Build, Encoding, Island, Manifest, StaticFile } from "./manifest.ts";

/** What `_fresh/manifest.json` holds; `build.ts` writes it. */
export interface BuildRecord {
  readonly v: 1;
  readonly id: string;
  /** Digest of all that went in, to know an unchanged project again. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly boot: BundledFile;
  readonly islands: Readonly<Record<string, BundledFile>>;
  /** Served files by their address. */
  readonly files: Readonly<Record<string, FileRecord>>;
}
export interface BundledFile {
  readonly url: string;
  readonly preload: readonly string[];
}
export interface FileRecord {
  /** Below the root. */
  readonly path: string;
  readonly contentType: string;
  readonly etag: string;
  readonly immutable: boolean;
  readonly bytes: number;
  /** Compressed forms, below the root. */
  readonly encoded: Readonly<Partial<Record<Encoding, string>>>;
}

/** Thrown when there is nothing to serve yet. */
export class NotBuilt extends Error {
  override readonly name = "NotBuilt";
}

/**
 * Opens what `deno task build` wrote into `_fresh/` below `root`. Throws `NotBuilt` when it is missing, or
 * when it was made for other islands than those of `manifest`.
 */
export async function openBuild(
  { root, manifest }: { root: string; manifest: Manifest },
): Promise<Build> {
  const path = join(root, "_fresh/manifest.json");
  let record: BuildRecord;
  try {
    record = JSON.parse(await Deno.readTextFile(path)) as BuildRecord;
  } catch (cause) {
    throw new NotBuilt(`Cannot read "_fresh/manifest.json": run "deno task build" first`, {
      cause,
    });
  }
  const missing = Object.keys(manifest.islands).filter((file) => !(file in record.islands));
  if (record.v !== 1 || missing.length > 0) {
    throw new NotBuilt(
      `"_fresh/" was built from other pages (no bundle of ${
        missing.join(", ")
      }): run "deno task build"`,
    );
  }
  const files = new Map(
    Object.entries(record.files).map(([url, file]) => [url, storedFile(root, file)]),
  );
  return {
    root,
    mode: "production",
    id: record.id,
    routes: manifest.routes,
    islands: islandMap(manifest, record.islands),
    boot: record.boot,
    devScripts: [],
    file: (path) => files.get(decodePath(path)) ?? null,
    devResponse: () => Promise.resolve(null),
  };
}

/**
 * Bundles on the fly and reloads pages when a file changes. The bundler is imported only here, so that a
 * compiled binary does not carry it.
 */
export async function openDevBuild(
  { root, manifest }: { root: string; manifest?: Manifest },
): Promise<Build> {
  const dev = new URL("./dev.ts", import.meta.url).href;
  const module = await import(dev) as typeof import("./dev.ts");
  return await module.openDevBuild({ root, manifest });
}

/** Gives `app` its build, before `app.handler()` is called. `onError` is told of every status of 500 and above. */
export function attachBuild<State>(
  app: App<State>,
  build: Build,
  onError: (error: unknown, request: Request) => void,
): void {
  setBuildId(build.id);
  attach(app, { build, onError });
}

/** The components of all islands, each with its bundle. */
export function islandMap(
  manifest: Manifest,
  bundles: Readonly<Record<string, BundledFile>>,
): Map<ComponentType, Island> {
  const islands = new Map<ComponentType, Island>();
  for (const [file, module] of Object.entries(manifest.islands)) {
    const bundle = bundles[file];
    if (bundle === undefined) continue;
    for (const [exportName, value] of Object.entries(module as Record<string, unknown>)) {
      if (typeof value !== "function") continue;
      islands.set(value as ComponentType, { file, exportName, ...bundle });
    }
  }
  return islands;
}

/** The path an address stands for; one with a broken escape stands for no file. */
export function decodePath(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return "";
  }
}

function storedFile(root: string, record: FileRecord): StaticFile {
  const { contentType, etag, immutable, bytes, encoded } = record;
  return {
    contentType,
    etag,
    immutable,
    bytes,
    encodings: (["br", "gzip"] as const).filter((encoding) => encoded[encoding] !== undefined),
    read: (encoding) =>
      Deno.readFile(join(root, (encoding === null ? null : encoded[encoding]) ?? record.path)),
  };
}
