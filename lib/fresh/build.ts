import { join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { bundle, BUNDLE_PATH, digest, fileAliases, stopBundler } from "./bundle.ts";
import { contentTypeOf, isCompressible } from "./content_type.ts";
import {
  filesBelow,
  holdfastProject,
  listFiles,
  MANIFEST_FILE,
  manifestModule,
  type Project,
  type ProjectFiles,
} from "./project.ts";
import type { BuildRecord, FileRecord } from "./server.ts";
import { writeIfChanged } from "./write_file.ts";

export interface BuildOptions extends Project {
  /** `deno.json` whose import map holds for islands; by default the one in the root. */
  readonly denoJson?: string;
}

export interface BuildReport {
  readonly id: string;
  /** False when nothing had changed since the last build. */
  readonly rebuilt: boolean;
  readonly islands: number;
  /** Of all bundles, before compression. */
  readonly bundleBytes: number;
}

/**
 * Writes `fresh.gen.ts` and `_fresh/` of a project. Files are named by their content and written before
 * the manifest that names them, so a server that runs meanwhile keeps what it serves.
 */
export async function build(options: BuildOptions): Promise<BuildReport> {
  const { root } = options;
  const denoJson = options.denoJson ?? join(root, "deno.json");
  const files = await listFiles(options);
  await writeIfChanged(join(root, MANIFEST_FILE), manifestModule(files));
  const last = await lastRecord(root);
  if (last !== null && await isUnchanged(root, files, denoJson, last)) return report(last, false);

  const bundled = await bundle({
    root,
    islands: files.islands,
    aliases: await fileAliases(denoJson),
    nodeModules: join(denoJson, "../node_modules"),
    mode: "production",
  });
  const served: Record<string, FileRecord> = {};
  await Deno.mkdir(join(root, "_fresh/js"), { recursive: true });
  await Deno.mkdir(join(root, "_fresh/encoded"), { recursive: true });
  for (const [name, bytes] of bundled.files) {
    const path = `_fresh/js/${name}`;
    await writeIfChanged(join(root, path), bytes);
    served[BUNDLE_PATH + name] = await record(root, path, bytes, true);
  }
  for (const name of files.static) {
    const path = `static/${name}`;
    served[`/${name}`] = await record(root, path, await Deno.readFile(join(root, path)), false);
  }
  const id = digest(...Object.entries(served).flatMap(([url, { etag }]) => [url, etag]));
  const inputs = [...bundled.inputs, denoJson, join(root, "deno.lock"), ...await ownFiles()];
  const written: BuildRecord = {
    v: 1,
    id,
    inputs: await digests(root, [...new Set(inputs)]),
    boot: bundled.boot,
    islands: bundled.islands,
    files: served,
  };
  await writeIfChanged(join(root, "_fresh/manifest.json"), JSON.stringify(written, null, 1));
  await prune(root, [written, ...last === null ? [] : [last]]);
  return report(written, true);
}

function report(record: BuildRecord, rebuilt: boolean): BuildReport {
  const bundles = Object.entries(record.files).filter(([url]) => url.startsWith(BUNDLE_PATH));
  return {
    id: record.id,
    rebuilt,
    islands: Object.keys(record.islands).length,
    bundleBytes: bundles.reduce((sum, [, { bytes }]) => sum + bytes, 0),
  };
}

async function record(
  root: string,
  path: string,
  bytes: Uint8Array,
  immutable: boolean,
): Promise<FileRecord> {
  const contentType = contentTypeOf(path);
  const name = digest(bytes);
  const encoded: FileRecord["encoded"] = {};
  if (isCompressible(contentType) && bytes.byteLength > 1024) {
    for (const encoding of ["br", "gzip"] as const) {
      const target = `_fresh/encoded/${name}.${encoding}`;
      // Named by content: what is there is right.
      if (!await exists(join(root, target))) {
        await writeIfChanged(join(root, target), compress(bytes, encoding));
      }
      Object.assign(encoded, { [encoding]: target });
    }
  }
  return {
    path,
    contentType,
    etag: `"${name}"`,
    immutable,
    bytes: bytes.byteLength,
    encoded,
  };
}

function compress(bytes: Uint8Array, encoding: "br" | "gzip"): Uint8Array {
  return encoding === "gzip"
    ? gzipSync(bytes, { level: 9 })
    : brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
}

async function lastRecord(root: string): Promise<BuildRecord | null> {
  try {
    const record = JSON.parse(await Deno.readTextFile(join(root, "_fresh/manifest.json")));
    return record.v === 1 ? record as BuildRecord : null;
  } catch {
    return null;
  }
}

async function isUnchanged(
  root: string,
  files: ProjectFiles,
  denoJson: string,
  last: BuildRecord,
): Promise<boolean> {
  const same = (a: readonly string[], b: readonly string[]) =>
    a.length === b.length && a.every((value, i) => value === b[i]);
  if (!same(files.islands, Object.keys(last.islands).sort())) return false;
  const statics = Object.keys(last.files).filter((url) => !url.startsWith(BUNDLE_PATH));
  if (!same(files.static.map((name) => `/${name}`), statics)) return false;
  if (!(relative(root, denoJson) in last.inputs)) return false;
  const now = await digests(root, Object.keys(last.inputs).map((path) => join(root, path)));
  if (Object.entries(last.inputs).some(([path, digest]) => now[path] !== digest)) return false;
  const served = await Promise.all(
    Object.values(last.files).map(async ({ path, etag, encoded }) => {
      const bytes = await Deno.readFile(join(root, path)).catch(() => null);
      const all = await Promise.all(Object.values(encoded).map((name) => exists(join(root, name))));
      return bytes !== null && `"${digest(bytes)}"` === etag && all.every((there) => there);
    }),
  );
  return served.every((whole) => whole);
}

async function digests(root: string, paths: readonly string[]): Promise<Record<string, string>> {
  const entries = await Promise.all(
    paths.map(async (path) => {
      const bytes = await Deno.readFile(path).catch(() => null);
      return [relative(root, path), bytes === null ? "" : digest(bytes)] as const;
    }),
  );
  return Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : 1));
}

/** The code that makes builds: a change of it makes every build old. */
async function ownFiles(): Promise<string[]> {
  const here = import.meta.dirname!;
  return (await filesBelow(here)).filter((path) => path.endsWith(".ts")).map((path) =>
    join(here, path)
  );
}

// What neither this build nor the one before names: a server that still runs has the latter open.
async function prune(root: string, records: readonly BuildRecord[]): Promise<void> {
  const kept = new Set(
    records.flatMap(({ files }) =>
      Object.values(files).flatMap(({ path, encoded }) => [path, ...Object.values(encoded)])
    ),
  );
  for (const folder of ["_fresh/js", "_fresh/encoded"]) {
    for (const name of await filesBelow(join(root, folder))) {
      const path = `${folder}/${name}`;
      if (!kept.has(path)) await Deno.remove(join(root, path)).catch(() => {});
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

if (import.meta.main) {
  const startedAtMs = performance.now();
  const root = join(import.meta.dirname!, "../..");
  try {
    const { rebuilt, islands, bundleBytes, id } = await build(holdfastProject(root));
    const ms = Math.round(performance.now() - startedAtMs);
    console.log(
      rebuilt
        ? `Built ${islands} islands, ${Math.round(bundleBytes / 1024)} KiB, as ${id} in ${ms} ms`
        : `Build ${id} is up to date (${ms} ms)`,
    );
  } finally {
    await stopBundler();
  }
}
