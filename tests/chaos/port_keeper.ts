/** Listens on a free port, prints its number, and logs to stderr until its stdin ends. */
import { systemClock } from "../../lib/clock.ts";
import { keepListening } from "../../lib/listening.ts";
import { openLog } from "../../lib/log.ts";

const log = openLog({ clock: systemClock, level: "info" });
const door = keepListening(
  { hostname: "127.0.0.1", port: 0, clock: systemClock, log },
  () => new Response("here"),
);
console.log(door.port);
while (await Deno.stdin.read(new Uint8Array(64)) !== null);
await door.shutdown();
await log.close();
