import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../../lib/clock.ts";
import { EventLog } from "../../lib/events.ts";
import { Kv } from "../../lib/kv.ts";

const KILLS = Deno.env.get("HOLDFAST_LONG") === "1" ? 60 : 5;
const ACKS_MAX = 600;
const START_MS_MAX = 250;
/** A few commits long, so that the kill falls anywhere within one. */
const COMMIT_MS_MAX = 5;

/**
 * Runs the writer and kills it: after a random number of acknowledgements, or a random while after its
 * start, opening of the store and first commits included. Gives each caller's last acknowledged number.
 */
async function writeUntilKilled(
  path: string,
  whileStarting: boolean,
): Promise<Map<string, number>> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", join(import.meta.dirname!, "kv_writer.ts"), path],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const acknowledged = new Map<string, number>();
  const killAfter = whileStarting ? Infinity : 1 + Math.floor(Math.random() * ACKS_MAX);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const killWithin = (maxMs: number) => {
    timer = setTimeout(() => child.kill("SIGKILL"), Math.random() * maxMs);
  };
  if (whileStarting) killWithin(START_MS_MAX);
  let acks = 0;
  let rest = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const [caller, n] = line.split(" ");
      acknowledged.set(caller!, Number(n));
      if (++acks === killAfter) killWithin(COMMIT_MS_MAX);
    }
  }
  clearTimeout(timer);
  const { signal } = await child.status;
  assert.equal(signal, "SIGKILL");
  return acknowledged;
}

Deno.test(`a process killed ${KILLS} times at random moments loses no acknowledged commit`, async () => {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "kv.sqlite");
  const acknowledged = new Map<string, number>();
  const logged = new Map<string, number>();
  let checkedSeq = 0;
  let acks = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    for (const [caller, n] of await writeUntilKilled(path, kill % 5 === 4)) {
      acks += n - (acknowledged.get(caller) ?? 0);
      acknowledged.set(caller, n);
    }

    const kv = await Kv.open(path, systemClock);
    const log = new EventLog(kv, systemClock, { countMax: 1e9, ageMaxMs: 1e15 });
    while (checkedSeq < kv.seq) {
      for (const { seq, subject, data } of await log.read({ afterSeq: checkedSeq, limit: 5000 })) {
        assert.equal(seq, ++checkedSeq, "seq has a gap");
        assert.equal(data["n"], (logged.get(subject) ?? 0) + 1, "an event is missing or doubled");
        logged.set(subject, Number(data["n"]));
      }
    }
    const counts = [0, 0, 0];
    for (const [caller, n] of logged) {
      assert.equal(await kv.get(["last", Number(caller)]), n, "state and events part");
      counts[Number(caller) % 3]! += n;
    }
    for (const [i, count] of counts.entries()) {
      assert.equal((await kv.get(["count", i])) ?? 0, count);
    }
    for (const [caller, n] of acknowledged) {
      assert.ok(
        (logged.get(caller) ?? 0) >= n,
        `caller ${caller}: ${n} was acknowledged and is lost`,
      );
    }
    await kv.close();
  }
  assert.ok(acks > 0);
  console.log(`${KILLS} kills, ${acks} acknowledged commits, ${checkedSeq} stored`);
  await Deno.remove(dir, { recursive: true });
});
