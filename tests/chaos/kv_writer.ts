/**
 * Commits as fast as it can on the store given as its argument, and prints `<caller> <n>` once caller's
 * `n`-th commit is acknowledged. Meant to be killed; ends by itself after half a minute.
 */
import { systemClock } from "../../lib/clock.ts";
import { Kv } from "../../lib/kv.ts";
import { accept } from "../../lib/result.ts";

const CALLERS = 12;
const SHARED = 3;
const END_MS = 30_000;

const kv = await Kv.open(Deno.args[0]!, systemClock);
const encoder = new TextEncoder();
const endMs = performance.now() + END_MS;

await Promise.all(Array.from({ length: CALLERS }, async (_, caller) => {
  while (performance.now() < endMs) {
    const own = ["last", caller];
    const shared = ["count", caller % SHARED];
    const done = await kv.transact([own, shared], ([last, count]) => {
      const n = Number(last!.value ?? 0) + 1;
      return accept({
        value: n,
        set: [[own, n], [shared, Number(count!.value ?? 0) + 1]] as const,
        events: [{
          type: "counted",
          subject: String(caller),
          actor: "system",
          text: `${n}`,
          data: { n },
        }],
      });
    });
    if (done.ok) Deno.stdout.writeSync(encoder.encode(`${caller} ${done.value}\n`));
  }
}));
