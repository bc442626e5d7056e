/**
 * Owns the data folder given as its argument, starts a child that outlives it, as runs do, prints that
 * child's pid, and waits to be killed.
 */
import { openDataFolder } from "../../lib/data_folder.ts";

await openDataFolder(Deno.args[0]!);
const child = new Deno.Command("sleep", {
  args: ["60"],
  stdin: "null",
  stdout: "null",
  stderr: "null",
}).spawn();
console.log(child.pid);
await Deno.stdin.read(new Uint8Array(1));
