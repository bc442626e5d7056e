import { Buffer } from "node:buffer";
import { join } from "node:path";
import type { ExperimentsOptions } from "./lib/experiments/mod.ts";

/** The name under which the binary becomes the supervisor of one run. */
export const RUN_SUPERVISOR = "run_supervisor";

/**
 * What the compiled binary does differently for runs: it is its own supervisor, and the client libraries,
 * which live inside it, are laid out in the data folder, where Python and the sandbox can read them.
 */
export async function standaloneRuns(
  { root, dataDir, execPath }: { root: string; dataDir: string; execPath: string },
): Promise<Pick<ExperimentsOptions, "supervisor" | "clients" | "place">> {
  const clients = join(dataDir, "clients");
  await layOut(join(root, "clients"), clients);
  return {
    supervisor: { command: [execPath, "agent", RUN_SUPERVISOR], env: { NO_COLOR: "1" } },
    clients,
    place: { execPath, standalone: true },
  };
}

/** Copies a folder of the binary to disk, file by file; what is there and the same is left alone. */
export async function layOut(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    const target = join(to, name);
    if (isDirectory) {
      await layOut(join(from, name), target);
      continue;
    }
    const bytes = await Deno.readFile(join(from, name));
    const present = await Deno.readFile(target).catch(() => null);
    if (present !== null && Buffer.compare(present, bytes) === 0) continue;
    // Renamed into place: a script that starts meanwhile reads the old file or the new one.
    await Deno.writeFile(`${target}.new`, bytes);
    await Deno.rename(`${target}.new`, target);
  }
}
