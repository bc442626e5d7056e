import assert from "node:assert/strict";
import { join } from "node:path";

/** What a run had set comes back after `kill -9` of the agent and of the runtime, and a pump does not. */

const ROOT = join(import.meta.dirname!, "../..");
const SCRIPT = `
import time
from bioreactor_client import Bioreactor
with Bioreactor() as bio:
    # The heater's guard wants to have read the temperature.
    while bio.get_temperature() is None:
        time.sleep(0.1)
    bio.change_stirrer(40)
    bio.change_ring_light(50, 40, 30)
    bio.change_peltier(20, True)
    bio.change_pump("inflow", 0.01)
    print("all set", flush=True)
    time.sleep(600)
`;
const ignore = !isProgram("/usr/bin/python3") || !isProgram("/usr/bin/bwrap");
const name = (text: string) => ignore ? `${text} (needs python3 and bwrap)` : text;

Deno.test({
  name: name(
    "after kill -9 of the agent and of the runtime a run has its setpoints back, its pump not",
  ),
  ignore,
  async fn() {
    await using at = await Place.open();
    let holdfast = await at.start();
    const id = await holdfast.submit(SCRIPT);
    await holdfast.says(id, "all set");
    const before = await holdfast.setpoints();
    assert.deepEqual(before, {
      stirrer: { duty: 40 },
      "ring-light": { red: 50, green: 40, blue: 30 },
      peltier: { power: 20 },
      "pump-inflow": { flow: 0.01 },
    });
    const kept = { ...before, "pump-inflow": { flow: 0 } };

    const [{ pid }] = (await holdfast.json("/api/v1/agents")).agents;
    Deno.kill(pid, "SIGKILL");
    await holdfast.restored(3, 1);
    assert.deepEqual(await holdfast.setpoints(), kept);

    await holdfast.kill();
    holdfast = await at.start();
    await holdfast.restored(6, 1);
    assert.deepEqual(await holdfast.setpoints(), kept);
    const run = await holdfast.json(`/api/v1/experiments/${id}`);
    assert.deepEqual([run.state, run.attempt], ["running", 1]);
    for (const event of await holdfast.events("device.restored")) {
      assert.equal(event.actor, `experiment:${id}`);
    }

    // STOP is for good, also for what is lost at that moment.
    await holdfast.json("/api/v1/stop", { reason: "smoke" });
    await until(
      "the run is over",
      async () => (await holdfast.json(`/api/v1/experiments/${id}`)).state === "cancelled",
    );
    await holdfast.kill();
    holdfast = await at.start();
    for (const setpoint of Object.values(await holdfast.setpoints())) {
      for (const value of Object.values(setpoint as object)) assert.equal(value, 0);
    }
    assert.equal((await holdfast.events("device.restored")).length, 6);
    await holdfast.stop();
  },
});

Deno.test({
  name: name("where the configuration says never, an adopted run's devices stay safe"),
  ignore,
  async fn() {
    await using at = await Place.open();
    let holdfast = await at.start({ HOLDFAST_EXPERIMENTS_RESTORE_SETPOINTS_S: "0" });
    const id = await holdfast.submit(SCRIPT);
    await holdfast.says(id, "all set");
    await holdfast.kill();
    holdfast = await at.start({ HOLDFAST_EXPERIMENTS_RESTORE_SETPOINTS_S: "0" });
    await holdfast.restored(0, 4);
    for (const { text } of await holdfast.events("device.not_restored")) {
      assert.match(text, /the configuration says never/);
    }
    assert.deepEqual((await holdfast.setpoints()).stirrer, { duty: 0 });
    assert.equal((await holdfast.json(`/api/v1/experiments/${id}`)).state, "running");
    await holdfast.json(`/api/v1/experiments/${id}/cancel`, {});
    await until(
      "the run is over",
      async () => (await holdfast.json(`/api/v1/experiments/${id}`)).state === "cancelled",
    );
    await holdfast.stop();
  },
});

/** A data folder that outlives its runtimes. */
class Place implements AsyncDisposable {
  #last: Runtime | null = null;
  private constructor(private readonly dir: string) {}

  static async open(): Promise<Place> {
    return new Place(await Deno.makeTempDir({ prefix: "holdfast-setpoints-" }));
  }

  async start(env: Record<string, string> = {}): Promise<Runtime> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", join(ROOT, "main.ts"), "serve"],
      cwd: ROOT,
      env: {
        HOLDFAST_PORT: "0",
        HOLDFAST_DATA: this.dir,
        HOLDFAST_DATA_DISK_FLOOR_MB: "1",
        HOLDFAST_EXPERIMENTS_KILL_GRACE_MS: "500",
        HOLDFAST_LOG_LEVEL: "error",
        NO_COLOR: "1",
        ...env,
      },
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = "";;) {
      const { done, value } = await reader.read();
      if (done) throw new Deno.errors.UnexpectedEof(`Holdfast ended before it listened: ${text}`);
      text += value;
      const [url] = /http:\/\/[\w.:[\]-]+:\d+/.exec(text) ?? [];
      if (url === undefined) continue;
      await reader.cancel();
      return this.#last = new Runtime(url, child);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last?.kill();
    await Deno.remove(this.dir, { recursive: true });
  }
}

class Runtime {
  constructor(private readonly url: string, private readonly child: Deno.ChildProcess) {}

  async json(path: string, body?: unknown) {
    const init = body === undefined ? {} : {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    };
    const reply = await fetch(this.url + path, init);
    const text = await reply.text();
    assert.ok(reply.ok, `${path}: ${reply.status} ${text}`);
    return JSON.parse(text);
  }
  async text(path: string): Promise<string> {
    return await (await fetch(this.url + path)).text();
  }
  async submit(script: string): Promise<string> {
    return (await this.json("/api/v1/experiments", { script })).id;
  }
  /** Resolves when the script's log holds `text`. */
  says(id: string, text: string): Promise<void> {
    return until(`it says "${text}"`, async () => {
      const log = await this.text(`/api/v1/experiments/${id}/log`);
      const { error } = await this.json(`/api/v1/experiments/${id}`);
      assert.equal(error, null, log);
      return log.includes(text);
    });
  }
  async events(type: string): Promise<{ text: string; actor: string; subject: string }[]> {
    return (await this.json(`/api/v1/events?type=${type}&limit=100`)).events;
  }
  /** Resolves when so many setpoints have been restored, and so many given up. */
  restored(count: number, not: number): Promise<void> {
    return until(
      `${count} are restored and ${not} are not`,
      async () =>
        (await this.events("device.restored")).length >= count &&
        (await this.events("device.not_restored")).length >= not,
    );
  }
  async setpoints(): Promise<Record<string, unknown>> {
    const ids = ["stirrer", "ring-light", "peltier", "pump-inflow"];
    const states = ids.map(async (id) =>
      [id, (await this.json(`/api/v1/devices/${id}`)).state.setpoint] as const
    );
    return Object.fromEntries(await Promise.all(states));
  }
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }
  async #end(signal: Deno.Signal): Promise<void> {
    try {
      this.child.kill(signal);
    } catch {
      // It has ended.
    }
    await this.child.status;
  }
}

/** Other processes tell nobody: looking is all there is. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const startMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startMs > 60_000) assert.fail(`It did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isProgram(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
