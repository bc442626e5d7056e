import { Buffer } from "node:buffer";
import { join } from "node:path";

/**
 * Copies the client libraries to a folder of this machine, where interpreters and sandboxes can reach
 * them: in the compiled binary they lie inside it, where only we can. Files that are as they should be are
 * left alone, for a run that goes on may be reading them.
 */
export async function unpackClients(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (name === "tests" || name === "__pycache__") continue;
    if (isDirectory) await unpackClients(join(from, name), join(to, name));
    else if (isFile) await copyIfOther(join(from, name), join(to, name));
  }
}

async function copyIfOther(from: string, to: string): Promise<void> {
  const wanted = await Deno.readFile(from);
  const there = await Deno.readFile(to).catch(() => null);
  if (there !== null && Buffer.compare(there, wanted) === 0) return;
  const fresh = `${to}.new`;
  await Deno.writeFile(fresh, wanted);
  await Deno.rename(fresh, to);
}
