import assert from "node:assert/strict";
import { join } from "node:path";

const KILLS = Deno.env.get("HOLDFAST_LONG") === "1" ? 20 : 2;
const CLIENTS = 8;
const ANSWERS_MAX = 120;
const DEVICES = ["stirrer", "pump-inflow", "pump-outflow", "peltier", "led"];

interface Host {
  readonly url: string;
  kill(): Promise<void>;
}

/** The runtime as a process, once it listens. */
async function startHost(dir: string): Promise<Host> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      join(import.meta.dirname!, "lock_host.ts"),
      join(dir, "data"),
    ],
    env: { TMPDIR: dir },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  let said = "";
  while (!said.includes("\n")) {
    const { value, done } = await reader.read();
    assert.ok(!done, "the runtime did not start");
    said += new TextDecoder().decode(value);
  }
  return {
    url: said.trim(),
    async kill() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}

async function ask(url: string, path: string, name: string, body?: unknown, key?: string) {
  const reply = await fetch(`${url}/api/v1${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      "content-type": "application/json",
      "x-lock-client": name,
      ...(key === undefined ? {} : { "x-lock-key": key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: reply.status, body: await reply.json() };
}

/** What clients were answered, over all lives of the runtime. */
class Answers {
  readonly held = new Map<string, { key: string; name: string; fences: Record<string, number> }>();
  readonly released = new Set<string>();
  readonly highest = new Map<string, number>();
  count = 0;

  granted(id: string, name: string, key: string, fences: Record<string, number>): void {
    for (const [device, fence] of Object.entries(fences)) {
      const before = this.highest.get(device) ?? 0;
      // Answers of one moment may overtake each other; across a restart nothing may.
      this.highest.set(device, Math.max(before, fence));
    }
    this.held.set(id, { key, name, fences });
    this.count++;
  }
  gone(id: string): void {
    this.released.add(id);
    this.held.delete(id);
    this.count++;
  }
}

/** Takes and gives back until the runtime is gone; some are kept. */
async function useLocks(url: string, name: string, answers: Answers): Promise<void> {
  try {
    for (;;) {
      const devices = DEVICES.filter(() => Math.random() < 0.3);
      if (devices.length === 0) continue;
      const taken = await ask(url, "/locks", name, {
        devices,
        type: "MANUAL_OPERATOR",
        lease_ms: 3_600_000,
        plan_uid: crypto.randomUUID(),
      });
      if (taken.status !== 201) continue;
      const { id, key, fences } = taken.body;
      answers.granted(id, name, key, fences);
      if (Math.random() < 0.02) continue;
      // Whether it is given back is open from here on, until the answer comes.
      const given = answers.held.get(id)!;
      answers.held.delete(id);
      const back = await ask(url, `/locks/${id}/release`, name, {}, given.key);
      assert.equal(back.status, 200);
      answers.gone(id);
    }
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    // The runtime is gone.
  }
}

Deno.test(`a runtime killed ${KILLS} times has every lock it answered for, and gives higher fences`, async () => {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-killed-" });
  let host = await startHost(dir);
  const answers = new Answers();
  for (let kill = 0; kill < KILLS; kill++) {
    const from = answers.count;
    const killAfter = 10 + Math.floor(Math.random() * ANSWERS_MAX);
    const clients = Array.from(
      { length: CLIENTS },
      (_, i) => useLocks(host.url, `client-${kill}-${i}`, answers),
    );
    const keep = await ask(host.url, "/locks", "keeper", {
      devices: ["ring_light"],
      type: "MANUAL_OPERATOR",
      lease_ms: 3_600_000,
    });
    assert.ok([200, 201].includes(keep.status), JSON.stringify(keep.body));
    answers.granted(keep.body.id, "keeper", keep.body.key, keep.body.fences);
    while (answers.count - from < killAfter) await new Promise((done) => setTimeout(done, 2));
    await host.kill();
    await Promise.all(clients);

    host = await startHost(dir);
    const { body: { locks } } = await ask(host.url, "/locks", "checker");
    // deno-lint-ignore no-explicit-any
    const found = new Map<string, any>(locks.map((one: any) => [one.id, one]));
    for (const [id, { fences }] of answers.held) {
      assert.deepEqual(found.get(id)?.fences, fences, `grant ${id} was answered and is lost`);
    }
    for (const id of answers.released) assert.equal(found.has(id), false, `${id} is held again`);
    assert.ok(answers.held.has(keep.body.id));
    const { body: again } = await ask(host.url, "/locks", "keeper", {
      devices: ["ring_light"],
      type: "MANUAL_OPERATOR",
      lease_ms: 3_600_000,
    });
    assert.equal(again.key, keep.body.key, "its owner recovers it");

    // Everything, from whoever has it: above all that was ever answered.
    const all = await ask(host.url, "/locks", "service", {
      devices: ["*"],
      type: "MAINTENANCE",
      preempt: "force",
      reason: "the test",
    });
    assert.equal(all.status, 201, JSON.stringify(all.body));
    const highest = Math.max(...answers.highest.values());
    assert.ok(all.body.fences["*"] > highest, `${all.body.fences["*"]} after ${highest}`);
    for (const id of answers.held.keys()) answers.gone(id);
    await ask(host.url, `/locks/${all.body.id}/release`, "service", {}, all.body.key);
    const next = await ask(host.url, "/locks", "service", {
      devices: ["stirrer"],
      type: "MANUAL_OPERATOR",
    });
    assert.ok(next.body.fences.stirrer > all.body.fences["*"]);
    await ask(host.url, `/locks/${next.body.id}/release`, "service", {}, next.body.key);
  }
  await host.kill();
  await Deno.remove(dir, { recursive: true });
});
