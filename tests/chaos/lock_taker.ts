/**
 * Takes and gives back locks as fast as it can on the store given as its argument, and prints a line for
 * each answer: `+ <lock> <device>=<fence> ...` once granted, `- <lock>` once released. Meant to be killed;
 * ends by itself after half a minute.
 */
import { systemClock } from "../../lib/clock.ts";
import { Kv } from "../../lib/kv.ts";
import { type Asker, LOCK_SCOPES, LockAsk, Locks } from "../../lib/locks/mod.ts";

const CALLERS = 10;
const DEVICES = ["a", "a.b", "a.c", "d", "e", "f"];
const END_MS = 30_000;

const kv = await Kv.open(Deno.args[0]!, systemClock);
const locks = await Locks.open(kv, systemClock);
const encoder = new TextEncoder();
const endMs = performance.now() + END_MS;
const say = (line: string) => Deno.stdout.writeSync(encoder.encode(`${line}\n`));

await Promise.all(Array.from({ length: CALLERS }, async (_, caller) => {
  const actor = `user:${caller}`;
  const asker: Asker = {
    actor,
    label: actor,
    client: null,
    asserted: false,
    may: LOCK_SCOPES,
  };
  while (performance.now() < endMs) {
    const deviceIds = DEVICES.filter(() => Math.random() < 0.3);
    if (deviceIds.length === 0) continue;
    const ask = LockAsk.parse({
      deviceIds,
      type: "QUEUE_EXECUTING",
      leaseMs: 3_600_000,
      waitMs: 5000,
    });
    const answer = await locks.request(ask, asker);
    if (!answer.ok || answer.value.kind !== "granted") continue;
    const { id, fences } = answer.value.grant.lock;
    say(`+ ${id} ${Object.entries(fences).map((pair) => pair.join("=")).join(" ")}`);
    // Some are held until the end.
    if (Math.random() < 0.02) continue;
    if ((await locks.release(id, { asker })).ok) say(`- ${id}`);
  }
}));
