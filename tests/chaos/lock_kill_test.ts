import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../../lib/clock.ts";
import { Kv } from "../../lib/kv.ts";
import { type AuditRecord, LOCK_SCOPES, LockAsk, Locks } from "../../lib/locks/mod.ts";

const KILLS = Deno.env.get("HOLDFAST_LONG") === "1" ? 40 : 3;
const ANSWERS_MAX = 300;
/** A few commits long, so that the kill falls anywhere within one. */
const COMMIT_MS_MAX = 5;

interface Answers {
  readonly granted: Map<string, Record<string, number>>;
  readonly released: Set<string>;
}

/** Runs the taker and kills it after a random number of answers; gives what it was answered. */
async function takeUntilKilled(path: string): Promise<Answers> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", join(import.meta.dirname!, "lock_taker.ts"), path],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const answers: Answers = { granted: new Map(), released: new Set() };
  const killAfter = 1 + Math.floor(Math.random() * ANSWERS_MAX);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let count = 0;
  let rest = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const [what, id, ...fences] = line.split(" ");
      if (what === "-") answers.released.add(id!);
      else {
        const pairs = fences.map((pair) => pair.split("="));
        answers.granted.set(id!, Object.fromEntries(pairs.map(([d, n]) => [d, Number(n)])));
      }
      if (++count === killAfter) {
        timer = setTimeout(() => child.kill("SIGKILL"), Math.random() * COMMIT_MS_MAX);
      }
    }
  }
  clearTimeout(timer);
  const { signal } = await child.status;
  assert.equal(signal, "SIGKILL");
  return answers;
}

async function wholeLog(locks: Locks): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  while (records.length < locks.seq) {
    records.push(...await locks.audit({ afterSeq: records.length, limit: 1000 }));
  }
  return records;
}

Deno.test(`killed ${KILLS} times, every answered grant and release is there, and fences go on rising`, async () => {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "kv.sqlite");
  let answered = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const { granted, released } = await takeUntilKilled(path);
    answered += granted.size + released.size;

    const kv = await Kv.open(path, systemClock);
    const locks = await Locks.open(kv, systemClock);
    const records = await wholeLog(locks);
    const highest = new Map<string, number>();
    const live = new Map<string, Record<string, number>>();
    for (const { action, id, lock } of records) {
      if (action === "acquired") {
        for (const [deviceId, fence] of Object.entries(lock!.fences)) {
          assert.ok(fence > (highest.get(deviceId) ?? 0), `fence ${fence} of "${deviceId}" again`);
          highest.set(deviceId, fence);
        }
        live.set(id!, lock!.fences);
      } else if (lock === null && id !== null) live.delete(id);
    }
    const held = new Map(locks.list().value.map(({ id, fences }) => [id, fences]));
    assert.deepEqual(held, live, "the table and its log part");
    const acquired = new Set(
      records.flatMap(({ action, id }) => action === "acquired" ? [id!] : []),
    );
    for (const [id, fences] of granted) {
      assert.ok(acquired.has(id), `grant ${id} was answered and is lost`);
      if (held.has(id)) assert.deepEqual(held.get(id), fences);
      for (const [deviceId, fence] of Object.entries(fences)) {
        assert.ok(locks.fences()[deviceId]! >= fence);
      }
    }
    for (const id of released) assert.ok(!held.has(id), `release of ${id} is lost`);

    // Everything can be taken, and its fences are above all that were ever given.
    const admin = {
      actor: "user:admin",
      label: "admin",
      client: null,
      asserted: false,
      may: LOCK_SCOPES,
    };
    const ask = LockAsk.parse({ deviceIds: ["*"], type: "MAINTENANCE", preempt: "force" });
    const all = await locks.request(ask, admin);
    assert.ok(all.ok && all.value.kind === "granted");
    const { id, fences } = all.value.grant.lock;
    assert.ok(fences["*"]! > Math.max(0, ...highest.values()));
    assert.ok((await locks.release(id, { asker: admin })).ok);
    locks.close();
    await kv.close();
  }
  assert.ok(answered > 0);
  console.log(`${KILLS} kills, ${answered} answers`);
  await Deno.remove(dir, { recursive: true });
});
