import { join } from "node:path";
import type { Manifest } from "./manifest.ts";
import { isIslandFile, isPartFile, routeFile } from "./route_files.ts";

/** Where an application's parts are and what in `routes/` is no page. */
export interface Project {
  /** Absolute path of the folder with `routes/`, `islands/` and `static/`. */
  readonly root: string;
  /** Paths below `routes/` that are neither pages nor islands. */
  readonly ignore: readonly RegExp[];
}

/** Holdfast's own pages: the routers that stand beside them in `routes/` are not pages. */
export function holdfastProject(root: string): Project {
  return { root, ignore: [/^(app|api|compat[^/]*)\.ts$/] };
}

/** The files of an application, as sorted paths with `/`. */
export interface ProjectFiles {
  /** Below `routes/`. */
  readonly routes: readonly string[];
  /** Below the root. */
  readonly islands: readonly string[];
  /** Below `static/`. */
  readonly static: readonly string[];
}

const TEST_FILE = /[._]test\.[jt]sx?$/;

/** Lists an application's files. Throws a `SyntaxError` for a file whose name means nothing. */
export async function listFiles({ root, ignore }: Project): Promise<ProjectFiles> {
  const isModule = (path: string) => /\.[jt]sx?$/.test(path) && !TEST_FILE.test(path);
  const inRoutes = (await filesBelow(join(root, "routes"))).filter((path) =>
    isModule(path) && !ignore.some((pattern) => pattern.test(path))
  );
  const routes = inRoutes.filter((path) => !isPartFile(path));
  routes.forEach(routeFile);
  const islands = [
    ...(await filesBelow(join(root, "islands"))).filter((path) => /\.[jt]sx$/.test(path))
      .map((path) => `islands/${path}`),
    ...inRoutes.filter((path) => isIslandFile(path) && /\.[jt]sx$/.test(path))
      .map((path) => `routes/${path}`),
  ].filter(isModule);
  return { routes, islands: islands.sort(), static: await filesBelow(join(root, "static")) };
}

/** Paths of all files below a folder, sorted; none where there is no folder. Names with a dot first are left out. */
export async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  async function walk(below: string): Promise<void> {
    for await (const entry of Deno.readDir(join(folder, below))) {
      if (entry.name.startsWith(".")) continue;
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory) await walk(path);
      else if (entry.isFile) found.push(path);
    }
  }
  try {
    await walk("");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort();
}

/** Imports an application's modules; for development and tests, where none are listed beforehand. */
export async function importManifest(project: Project): Promise<Manifest> {
  const files = await listFiles(project);
  const load = async (path: string) => await import(`file://${join(project.root, path)}`);
  const routes = await Promise.all(
    files.routes.map(async (path) => [path, await load(`routes/${path}`)]),
  );
  const islands = await Promise.all(files.islands.map(async (path) => [path, await load(path)]));
  return { routes: Object.fromEntries(routes), islands: Object.fromEntries(islands) };
}

/** The module that lists an application's pages and islands, in its root. */
export const MANIFEST_FILE = "fresh.gen.ts";

/** The text of `fresh.gen.ts`: every page and island imported by name, so that a compiled binary holds them. */
export function manifestModule({ routes, islands }: ProjectFiles): string {
  const line = (name: string, path: string) =>
    `import * as ${name} from ${JSON.stringify(`./${path}`)};`;
  const key = (path: string, name: string) => `  ${JSON.stringify(path)}: ${name},`;
  return [
    "// Written by `deno task build` from the files of routes/ and islands/. Not edited by hand.",
    ...routes.map((path, i) => line(`route${i}`, `routes/${path}`)),
    ...islands.map((path, i) => line(`island${i}`, path)),
    "",
    "/** Pages and what wraps them, by their path below routes/. */",
    "export const routes = {",
    ...routes.map((path, i) => key(path, `route${i}`)),
    "};",
    "",
    "/** Islands by their path. */",
    "export const islands = {",
    ...islands.map((path, i) => key(path, `island${i}`)),
    "};",
    "",
  ].join("\n");
}
