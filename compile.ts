/**
 * Makes the single binary: `deno run -A compile.ts [TARGET]`, with a target as `deno compile` takes it. What
 * the runtime reads as files or starts as Workers is included by name; packages that only building, testing
 * or the browser needs are left out.
 */
import { AGENTS } from "./agents/agents.ts";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

/** Folders and modules that no import of `main.ts` leads to. */
export const INCLUDED: readonly string[] = [
  "_fresh",
  "static",
  "docs/problems",
  "clients",
  ...Object.values(AGENTS).map(({ module }) =>
    relative(import.meta.dirname!, fileURLToPath(module))
  ),
];

interface Graph {
  modules: { kind?: string; npmPackage?: string }[];
  npmPackages: Record<string, { dependencies: string[]; localPath: string }>;
}

/** Programs of the machine that compiles: pages are bundled before, and never by the binary. */
const BUNDLER = /\/@esbuild\+/;

/** Folders of the installed packages that `main.ts` does not reach, and of those it never uses. */
export function unreachedPackages({ modules, npmPackages }: Graph): string[] {
  const reached = new Set<string>();
  const visit = (key: string) => {
    if (reached.has(key)) return;
    reached.add(key);
    npmPackages[key]?.dependencies.forEach(visit);
  };
  for (const { npmPackage } of modules) if (npmPackage !== undefined) visit(npmPackage);
  const kept = new Set([...reached].flatMap((key) => npmPackages[key]?.localPath ?? []));
  return Object.values(npmPackages).map(({ localPath }) => localPath)
    .filter((path) => !kept.has(path) || BUNDLER.test(path));
}

/** Arguments of `deno compile` for one target; without one, for this machine. */
export async function compileArguments(target?: string): Promise<string[]> {
  const root = import.meta.dirname!;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "main.ts"],
    cwd: root,
    stderr: "inherit",
  }).output();
  const graph: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const excluded: string[] = [];
  for (const path of unreachedPackages(graph)) {
    const exists = await Deno.stat(path).then(() => true, () => false);
    if (exists) excluded.push(relative(root, path));
  }
  return [
    "compile",
    "-A",
    ...INCLUDED.flatMap((path) => ["--include", path]),
    ...excluded.flatMap((path) => ["--exclude", path]),
    ...(target === undefined ? [] : ["--target", target]),
    "--output",
    outputOf(target),
    "main.ts",
  ];
}

/** Deno adds `.exe` by itself. */
function outputOf(target: string | undefined): string {
  if (target === undefined) return "dist/holdfast";
  return target.includes("windows")
    ? "dist/holdfast-windows"
    : `dist/holdfast-${target.split("-")[0]}`;
}

if (import.meta.main) {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: await compileArguments(Deno.args[0]),
    cwd: import.meta.dirname,
  }).spawn().status;
  Deno.exit(code);
}
