import { createHash } from "node:crypto";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

/** Where bundles are served from. */
export const BUNDLE_PATH = "/_fresh/js/";

export interface BundledEntry {
  readonly url: string;
  /** Addresses of the chunks it needs at once. */
  readonly preload: string[];
}

export interface Bundle {
  readonly boot: BundledEntry;
  /** By the island's path below the root. */
  readonly islands: Record<string, BundledEntry>;
  /** File names below `BUNDLE_PATH`, with their content. */
  readonly files: Map<string, Uint8Array>;
  /** Absolute paths of the project's own files that went in, without those of packages. */
  readonly inputs: string[];
}

export interface BundleOptions {
  readonly root: string;
  /** Paths below the root. */
  readonly islands: readonly string[];
  /** Import map entries that are files of the project: name or prefix to absolute path. */
  readonly aliases: Readonly<Record<string, string>>;
  readonly mode: "development" | "production";
  /** Where packages are looked for besides the folders above an island. */
  readonly nodeModules: string;
}

/** Brings islands and what they import into modules a browser loads. Throws with esbuild's own messages. */
export async function bundle(options: BundleOptions): Promise<Bundle> {
  const { root, islands, aliases, mode, nodeModules } = options;
  const boot = fileURLToPath(new URL("./client/boot.ts", import.meta.url));
  const names = new Map(islands.map((path) => [entryName(path), path]));
  const result = await esbuild.build({
    absWorkingDir: root,
    entryPoints: {
      boot,
      ...Object.fromEntries([...names].map(([name, path]) => [name, join(root, path)])),
    },
    entryNames: "[name]-[hash]",
    chunkNames: "chunk-[hash]",
    outdir: join(root, "_fresh/js"),
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    minify: mode === "production",
    sourcemap: mode === "development" ? "linked" : false,
    metafile: true,
    write: false,
    logLevel: "silent",
    // esbuild would take a tsconfig.json above the project; there is none of ours.
    tsconfigRaw: "{}",
    nodePaths: [nodeModules],
    plugins: [importMap(aliases)],
  });
  const files = new Map(result.outputFiles.map(({ path, contents }) => [basename(path), contents]));
  const outputs = Object.entries(result.metafile.outputs);
  const entryOf = (name: string): BundledEntry => {
    const found = outputs.find(([path, { entryPoint }]) =>
      entryPoint !== undefined && basename(path).replace(/-[^-]*\.js$/, "") === name
    );
    if (found === undefined) throw new TypeError(`esbuild gave no file for ${name}`);
    return { url: BUNDLE_PATH + basename(found[0]), preload: chunksOf(result.metafile, found[0]) };
  };
  return {
    boot: entryOf("boot"),
    islands: Object.fromEntries([...names].map(([name, path]) => [path, entryOf(name)])),
    files,
    inputs: Object.keys(result.metafile.inputs)
      .filter((path) => !path.includes("node_modules/"))
      .map((path) => join(root, path)),
  };
}

/** Ends esbuild's process; a program that bundled ends only after this. */
export async function stopBundler(): Promise<void> {
  await esbuild.stop();
}

// "islands/status/Clock.tsx" -> "islands_status_Clock": one flat folder, and a name a person can read.
function entryName(path: string): string {
  return path.replace(/\.[jt]sx?$/, "").replaceAll(/[^A-Za-z0-9]+/g, "_");
}

function chunksOf(metafile: esbuild.Metafile, output: string): string[] {
  const chunks = new Set<string>();
  const visit = (path: string) => {
    for (const { path: next, kind } of metafile.outputs[path]?.imports ?? []) {
      if (kind !== "import-statement" || chunks.has(next)) continue;
      chunks.add(next);
      visit(next);
    }
  };
  visit(output);
  return [...chunks].map((path) => BUNDLE_PATH + basename(path));
}

function importMap(aliases: Readonly<Record<string, string>>): esbuild.Plugin {
  return {
    name: "import-map",
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, ({ path, importer }) => {
        for (const [name, target] of Object.entries(aliases)) {
          if (path === name) return { path: target };
          if (name.endsWith("/") && path.startsWith(name)) {
            return { path: join(target, path.slice(name.length)) };
          }
        }
        if (/^(node|npm|jsr|https?):/.test(path)) {
          const from = relative(build.initialOptions.absWorkingDir ?? "", importer);
          return {
            errors: [{ text: `${from} imports "${path}", which a browser does not have` }],
          };
        }
        return undefined;
      });
    },
  };
}

/** The entries of `deno.json`'s import map that are files, for `aliases`. */
export async function fileAliases(denoJson: string): Promise<Record<string, string>> {
  const { imports = {} } = JSON.parse(await Deno.readTextFile(denoJson)) as {
    imports?: Record<string, string>;
  };
  const folder = join(denoJson, "..");
  return Object.fromEntries(
    Object.entries(imports)
      .filter(([, target]) => target.startsWith("./"))
      .map(([name, target]) => [name, join(folder, target)]),
  );
}

/** A short name for a content: 16 hexadecimal digits of its SHA-256. */
export function digest(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex").slice(0, 16);
}
