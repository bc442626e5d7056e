import assert from "node:assert/strict";
import { join } from "node:path";
import { Kv } from "../kv.ts";
import { systemClock } from "../clock.ts";
import { Folders } from "./folders.ts";
import { experimentKey } from "./keys.ts";
import { Experiment, isTerminal, type OnInterrupt } from "./model.ts";
import { isAlive } from "./processes.ts";
import { openRig, processesWith, runs, until } from "./test_rig.ts";

interface Host {
  dir: string;
  kvPath: string;
  script?: string;
  killAt: number;
  onInterrupt?: OnInterrupt;
}

/** A runtime in its own process, to its end or its killing; what it said. */
async function host(ask: Host): Promise<{ killed: boolean; said: string }> {
  const { success, signal, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      join(import.meta.dirname!, "restart_host.ts"),
      JSON.stringify(ask),
    ],
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stdout);
  if (!success && signal !== "SIGKILL") {
    throw new Error(`the host failed: ${new TextDecoder().decode(stderr)}`);
  }
  return { killed: signal === "SIGKILL", said };
}

async function place(): Promise<{ dir: string; kvPath: string } & AsyncDisposable> {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-restart-" });
  return {
    dir,
    kvPath: join(dir, "kv"),
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

/** Counts to `n`, a line at a time; on a resumed run it goes on where its file ends. */
const counter = (n: number) => `
import os, time
path = os.path.join(os.environ["OUTPUT_DIR"], "count.txt")
start = len(open(path).read().split()) if os.path.exists(path) else 0
print("attempt", os.environ["ATTEMPT"], "resume", os.environ.get("RESUME"), "from", start, flush=True)
for i in range(start, ${n}):
    with open(path, "a") as file:
        file.write("%d\\n" % i)
    print("counted", i, flush=True)
    time.sleep(0.05)
`;

/** Kills a runtime once its script says `text`; the script lives on. */
async function killWhenItSays(
  at: { dir: string; kvPath: string },
  script: string,
  text: string,
  onInterrupt: OnInterrupt = "fail",
): Promise<Experiment> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      join(import.meta.dirname!, "restart_host.ts"),
      JSON.stringify({ ...at, script, killAt: 0, onInterrupt }),
    ],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let id = "";
  let said = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    said += decoder.decode(chunk, { stream: true });
    const found = /id (\S+)\n/.exec(said);
    if (found === null) continue;
    id = found[1]!;
    break;
  }
  const log = new Folders(at.dir).logPath(id);
  // The host's own store tells of nothing while it is open there: its log file does.
  await until(
    `the script says "${text}"`,
    async () => (await Deno.readTextFile(log).catch(() => "")).includes(text),
  );
  child.kill("SIGKILL");
  await child.status;
  const kv = await Kv.open(at.kvPath, systemClock);
  const experiment = Experiment.parse(await kv.get(experimentKey(id)));
  kv.close();
  return experiment;
}

runs("a run outlives a killed runtime: the next one adopts it and it loses nothing", async () => {
  await using at = await place();
  const before = await killWhenItSays(at, counter(40), "counted 5");
  assert.equal(before.state, "running");
  assert.equal(isAlive(before.process!), true);
  await using rig = await openRig(at);
  assert.equal(rig.experiments.running()!.id, before.id);
  const ended = await rig.ended(before.id);
  assert.equal(ended.state, "completed");
  assert.equal(ended.attempt, 1);
  assert.deepEqual(ended.process, before.process);
  using file = rig.experiments.file(before.id, "count.txt")!;
  const counts = file.text();
  assert.deepEqual(counts.trim().split("\n").map(Number), Array.from({ length: 40 }, (_, i) => i));
  assert.equal(rig.devices.brought.length, 1);
  assert.deepEqual(rig.locks.holders(), []);
});

runs("an adopted run can be cancelled, and asks the new runtime's API", async () => {
  await using at = await place();
  const before = await killWhenItSays(
    at,
    `
import os, time, urllib.request
print("up", flush=True)
while True:
    try:
        urllib.request.urlopen(os.environ["BIOREACTOR_NODE_API_URL"] + "/api/status", timeout=2)
        print("answered", flush=True)
    except OSError as error:
        print("away", getattr(error, "code", error), flush=True)
    time.sleep(0.1)
`,
    "answered",
  );
  await using rig = await openRig(at);
  await until("the new API is asked", () => rig.asked.length > 0);
  await rig.experiments.cancel(before.id, "user:anna", "enough");
  assert.equal((await rig.ended(before.id)).state, "cancelled");
  assert.equal(isAlive(before.process!), false);
});

runs("a run that ended while the runtime was away is taken as it ended", async () => {
  await using at = await place();
  const before = await killWhenItSays(at, counter(8), "counted 2");
  await until("the run ends", () => !isAlive(before.process!));
  const rig = await openRig(at);
  const ended = await rig.ended(before.id);
  assert.equal(ended.state, "completed");
  assert.ok(ended.endedAtMs! <= Date.now());
  await rig.close();
});

runs(
  "a machine that went down leaves the run interrupted, or runs it again as its policy says",
  async () => {
    for (const onInterrupt of ["fail", "requeue", "resume"] as const) {
      await using at = await place();
      const before = await killWhenItSays(at, counter(30), "counted 5", onInterrupt);
      // What a power cut does: supervisor and script gone at once, nothing written.
      Deno.kill(before.process!.pid, "SIGKILL");
      await until("the supervisor is gone", () => !isAlive(before.process!));
      await using rig = await openRig(at);
      const ended = await rig.ended(before.id);
      const log = rig.experiments.log(before.id, { tail: 1000 }).text;
      switch (onInterrupt) {
        case "fail":
          assert.equal(ended.state, "interrupted");
          assert.equal(ended.error!.code, "restart");
          break;
        case "requeue":
          assert.equal(ended.state, "completed");
          assert.match(log, /^attempt 2 resume None from 0/);
          break;
        case "resume":
          assert.equal(ended.state, "completed");
          assert.match(log, /attempt 1 resume None from 0/);
          assert.match(log, /attempt 2 resume 1 from [5-9]/);
      }
    }
  },
);

runs("a process that got the supervisor's number is not taken for it, nor harmed", async () => {
  await using at = await place();
  const before = await killWhenItSays(at, counter(200), "counted 2");
  Deno.kill(before.process!.pid, "SIGKILL");
  const stranger = new Deno.Command("/bin/sleep", { args: ["300"] }).spawn();
  // The number is used again: same pid, another start.
  const kv = await Kv.open(at.kvPath, systemClock);
  await kv.transact([experimentKey(before.id)], ([seen]) => ({
    ok: true,
    value: {
      value: null,
      set: [[experimentKey(before.id), {
        ...(seen!.value as object),
        process: { pid: stranger.pid, startTicks: before.process!.startTicks },
      }]],
    },
  }));
  kv.close();
  await using rig = await openRig(at);
  assert.equal((await rig.ended(before.id)).state, "interrupted");
  assert.match(await Deno.readTextFile(`/proc/${stranger.pid}/cmdline`), /sleep/);
  stranger.kill("SIGKILL");
  await stranger.status;
});

runs(
  "a supervisor that is killed while we look takes its script along, and the run is interrupted",
  async () => {
    await using rig = await openRig();
    const mark = `orphan-${crypto.randomUUID()}`;
    const { id } = await rig.submit(
      `import subprocess\nprint("up", flush=True)\nsubprocess.run(["/usr/bin/python3", "-c", "import time; time.sleep(300)", "${mark}"])`,
    );
    await rig.says(id, "up");
    await until("its child runs", () => processesWith(mark).length > 0);
    const over = rig.ended(id);
    Deno.kill((await rig.experiments.get(id))!.process!.pid, "SIGKILL");
    assert.equal((await over).state, "interrupted");
    await until("its child is gone", () => processesWith(mark).length === 0);
    assert.deepEqual(rig.locks.holders(), []);
    assert.equal(rig.devices.brought.length, 1);
  },
);

const long = Deno.env.get("HOLDFAST_LONG") === "1";

runs(
  "killed before each thing it does in turn, a runtime leaves a run that the next one brings to its one end",
  async () => {
    let killed = 0;
    for (let killAt = 1;; killAt++) {
      await using at = await place();
      const mark = `chaos-${crypto.randomUUID()}`;
      const first = await host({ ...at, script: `# ${mark}\nprint("ran")`, killAt });
      const states: string[] = [];
      await using rig = await openRig({ ...at, begin: false });
      // Before anything is started again: at most one has the instrument, and only with a live process.
      const found = (await rig.experiments.list({ limit: 10 })).experiments;
      rig.experiments.onChange(({ state }) => states.push(state));
      await rig.experiments.begin();
      if (found.length > 0) {
        const { id } = found[0]!;
        const ended = await rig.ended(id);
        // A script that was told to go runs to its end; one that was not is run by the next runtime.
        assert.equal(ended.state, "completed", `killed at ${killAt}: ${ended.error?.text}`);
        assert.equal(ended.attempt, 1, `killed at ${killAt}`);
        const log = rig.experiments.log(id, { tail: 10 }).text;
        assert.equal(log, "ran\n", `killed at ${killAt}: the script ran once`);
        assert.equal(states.filter((s) => isTerminal(s as Experiment["state"])).length <= 1, true);
        assert.deepEqual(processesWith(id), [], `killed at ${killAt}`);
      }
      assert.deepEqual(rig.locks.holders(), [], `killed at ${killAt}`);
      assert.equal(rig.experiments.running(), null);
      if (!first.killed) {
        assert.ok(killed >= 10, `only ${killed} places to be killed at`);
        break;
      }
      killed++;
      if (!long && killAt > 40) assert.fail("the run never ends");
    }
  },
);
