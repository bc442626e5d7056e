/**
 * Fills the small disk it is given with commits, frees a part again and goes on; prints what it met as
 * JSON. Ballast is a file that is removed to make room.
 */
import { join } from "node:path";
import { systemClock } from "../../lib/clock.ts";
import { openDataFolder } from "../../lib/data_folder.ts";
import { EventLog } from "../../lib/events.ts";
import { Kv } from "../../lib/kv.ts";
import { accept } from "../../lib/result.ts";

const disk = Deno.args[0]!;
const ballast = join(disk, "ballast");
await Deno.writeFile(ballast, new Uint8Array(6 * 1024 * 1024));
const folder = await openDataFolder(join(disk, "data"));
const kv = await Kv.open(folder.kvPath, systemClock);

async function write(n: number): Promise<void> {
  await kv.transact([["n"]], () =>
    accept({
      value: n,
      set: [[["n"], n], [["bulk", n], "x".repeat(40_000)]] as const,
      events: [{ type: "written", subject: "disk", actor: "system", text: `${n}` }],
    }));
}

let written = 0;
let failure: Error | null = null;
while (failure === null && written < 1000) {
  try {
    await write(written + 1);
    written++;
  } catch (error) {
    failure = error as Error;
  }
}
const readable = await kv.get(["n"]);
// The rest of the room goes, too, so that not even a probe fits.
try {
  for (let i = 0;; i++) await Deno.writeFile(join(disk, `rest${i}`), new Uint8Array(4096));
} catch { /* full to the brim */ }
const second = await openDataFolder(join(disk, "other")).then(() => null, (error: Error) => error);

await Deno.remove(ballast);
await write(written + 1);
await kv.close();
folder.close();

const again = await openDataFolder(join(disk, "data"));
const reopened = await Kv.open(again.kvPath, systemClock);
const log = new EventLog(reopened, systemClock, { countMax: 1e6, ageMaxMs: 1e15 });
const events = await log.read({ afterSeq: 0, limit: 10_000 });
console.log(JSON.stringify({
  written,
  failure: `${failure?.name}: ${failure?.message}`,
  readable,
  second: `${second?.name}: ${second?.message}`,
  after: await reopened.get(["n"]),
  texts: events.map(({ text }) => Number(text)),
}));
await reopened.close();
again.close();
