/** Owns the data folder given as its argument, says so, and waits to be killed. */
import { openDataFolder } from "../../lib/data_folder.ts";

const folder = await openDataFolder(Deno.args[0]!);
console.log(`owned ${folder.path}`);
await Deno.stdin.read(new Uint8Array(1));
