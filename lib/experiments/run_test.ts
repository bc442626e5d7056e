import assert from "node:assert/strict";
import { openRig, processesWith, runs, until } from "./test_rig.ts";
import { RunLeases } from "../locks/mod.ts";

runs("a script runs in its own folder, finds the API with its token, and completes", async () => {
  await using rig = await openRig();
  const done = await rig.run(`
import json, os, urllib.request
print(sorted(name for name in os.environ if name.isupper()))
print(os.getcwd(), os.environ["OUTPUT_DIR"])
ask = urllib.request.Request(os.environ["BIOREACTOR_NODE_API_URL"] + "/api/status",
    headers={"Authorization": "Bearer " + os.environ["EXPERIMENT_TOKEN"]})
print(json.load(urllib.request.urlopen(ask)))
open("result.txt", "w").write("done")
`);
  assert.equal(done.state, "completed", done.log);
  assert.equal(done.exitCode, 0);
  assert.deepEqual(rig.asked, [`GET /api/status Bearer token-of-${done.id}`]);
  assert.match(done.log, /\/app\/output \/app\/output/);
  assert.match(done.log, /'EXPERIMENT_ID'/);
  for (const leaked of ["USER", "SSH_AUTH_SOCK", "DENO_DIR", "HOSTNAME"]) {
    assert.doesNotMatch(done.log, new RegExp(`'${leaked}'`));
  }
  assert.deepEqual((await rig.experiments.files(done.id)).map((f) => f.path), ["result.txt"]);
});

runs(
  "while it runs it holds every actuator; at its end they are in their end state and free, its token gone",
  async () => {
    await using rig = await openRig();
    const { id, number } = await rig.submit(
      "import time\nprint('up', flush=True)\ntime.sleep(60)",
      { endState: { stirrer: { duty: 20 } } },
    );
    await rig.says(id, "up");
    assert.deepEqual(
      rig.locks.holders().map((h) => [h.deviceId, h.holder.actor, h.holder.label]).sort(),
      [
        ["pump-inflow", `experiment:${id}`, `experiment ${number}`],
        ["stirrer", `experiment:${id}`, `experiment ${number}`],
      ],
    );
    assert.equal(rig.tokens.has(id), true);
    const over = rig.ended(id);
    await rig.experiments.cancel(id, "user:anna", "the wrong medium");
    const ended = await over;
    assert.equal(ended.state, "cancelled");
    assert.deepEqual(ended.error, { code: "cancel", text: "the wrong medium" });
    assert.deepEqual(rig.devices.brought, [{
      states: { stirrer: { duty: 20 }, "pump-inflow": "safe" },
      actor: `experiment:${id}`,
    }]);
    assert.deepEqual(rig.locks.holders(), []);
    assert.equal(rig.tokens.size, 0);
  },
);

runs("a script that fails is failed, with its exit code and its last words", async () => {
  await using rig = await openRig();
  const raised = await rig.run("print('before')\nraise ValueError('no oxygen')");
  assert.equal(raised.state, "failed");
  assert.equal(raised.exitCode, 1);
  assert.deepEqual(raised.error, {
    code: "script",
    text: "the script exited with code 1: ValueError: no oxygen",
  });
  const left = await rig.run("import sys\nsys.exit(7)");
  assert.equal(left.exitCode, 7);
  const crashed = await rig.run("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)");
  assert.match(crashed.error!.text, /SIGSEGV/);
});

runs("one at a time, in the order of submission", async () => {
  await using rig = await openRig();
  const three = [];
  for (let i = 0; i < 3; i++) three.push(await rig.submit("print('x')"));
  const ended = await Promise.all(three.map(({ id }) => rig.ended(id)));
  for (let i = 1; i < 3; i++) {
    assert.ok(ended[i]!.startedAtMs! >= ended[i - 1]!.endedAtMs!, "they did not overlap");
  }
});

runs("a script sees no users, no processes, no files and no hosts but its own", async () => {
  await using rig = await openRig();
  const other = await rig.run("open('secret.txt', 'w').write('theirs')");
  const done = await rig.run(`
import os, socket, subprocess
print("users", [line.split(":")[0] for line in open("/etc/passwd")])
print("shadow", os.path.exists("/etc/shadow"), os.path.exists("/root"), os.path.exists("/home"))
print("processes", len([name for name in os.listdir("/proc") if name.isdigit()]))
found = [os.path.join(at, name) for at, _, names in os.walk("/") for name in names
         if name == "secret.txt"] if not os.path.exists("${rig.dir}") else ["the data folder"]
print("found", found)
for host, port in (("1.1.1.1", 53), ("127.0.0.1", ${rig.apiPort}), ("::1", 22)):
    try:
        socket.create_connection((host, port), 2).close()
        print("reached", host, port)
    except OSError as error:
        print("refused", host)
for path in ("/app/user_script.py", "/app/lib/x", "/etc/passwd", "/x", "/usr/x", "/dev/x"):
    try:
        open(path, "a").close()
        print("wrote", path)
    except OSError:
        pass
print("root", subprocess.run(["id", "-u"], capture_output=True, text=True).stdout.strip())
`);
  assert.equal(done.state, "completed", done.log);
  assert.match(done.log, /users \['script'\]/);
  assert.match(done.log, /shadow False False False/);
  assert.match(done.log, /found \[\]/);
  assert.ok(Number(/processes (\d+)/.exec(done.log)![1]) <= 5, done.log);
  assert.doesNotMatch(done.log, /reached|wrote/);
  assert.match(done.log, /root 1000/);
  assert.equal(other.state, "completed");
});

runs("a script that leaves daemons behind leaves none", async () => {
  await using rig = await openRig();
  const mark = `sleep-${crypto.randomUUID()}`;
  const done = await rig.run(`
import os, subprocess, sys
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv("/usr/bin/python3", ["python3", "-c", "import time; time.sleep(300)", "${mark}"])
        os._exit(0)
print("left them")
`);
  assert.equal(done.state, "completed", done.log);
  assert.deepEqual(processesWith(mark), []);
});

runs(
  "a script is asked to end and may clean up; one that ignores it is killed with all it started",
  async () => {
    await using rig = await openRig();
    const polite = await rig.submit(`
import time
try:
    print("up", flush=True)
    time.sleep(300)
finally:
    print("cleaned up", flush=True)
`);
    await rig.says(polite.id, "up");
    await rig.experiments.cancel(polite.id, "user:anna", "");
    assert.equal((await rig.ended(polite.id)).state, "cancelled");
    assert.match(rig.experiments.log(polite.id, { tail: 5 }).text, /cleaned up/);

    const mark = `deaf-${crypto.randomUUID()}`;
    const deaf = await rig.submit(`
import signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["/usr/bin/python3", "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(300)", "${mark}"])
print("up", flush=True)
while True:
    time.sleep(1)
`);
    await rig.says(deaf.id, "up");
    assert.notDeepEqual(processesWith(mark), []);
    await rig.experiments.cancel(deaf.id, "user:anna", "");
    const ended = await rig.ended(deaf.id);
    assert.equal(ended.state, "cancelled");
    assert.deepEqual(processesWith(mark), []);
  },
);

runs(
  "a script that needs more memory than its limit is ended for it, at once or slowly",
  async () => {
    await using rig = await openRig();
    const limits = { memoryMb: 96 };
    const atOnce = await rig.run("x = bytearray(2_000_000_000)\nprint(len(x))", { limits });
    assert.equal(atOnce.state, "failed", atOnce.log);
    assert.equal(atOnce.error!.code, "memory");
    // Many processes that are each within the limit.
    const many = await rig.run(
      `
import os, time
for _ in range(6):
    if os.fork() == 0:
        x = bytearray(os.urandom(1)) * 40_000_000
        time.sleep(300)
time.sleep(300)
`,
      { limits },
    );
    assert.equal(many.error!.code, "memory", many.error!.text);
  },
);

runs("a script that writes more than its quota is ended for it, and its files stay", async () => {
  await using rig = await openRig();
  const done = await rig.run(
    `
import time
for i in range(400):
    open("file%d" % i, "wb").write(b"x" * 1_000_000)
    time.sleep(0.01)
`,
    { limits: { outputMb: 20 } },
  );
  assert.equal(done.state, "failed");
  assert.equal(done.error!.code, "output");
  assert.ok((await rig.experiments.files(done.id)).length >= 20);
});

runs("a script that forks without end is ended for it", async () => {
  await using rig = await openRig();
  const done = await rig.run(
    `
import os, time
for _ in range(200):
    if os.fork() == 0:
        time.sleep(300)
time.sleep(300)
`,
    { limits: { processes: 16 } },
  );
  // Whichever comes first: the kernel refuses the fork, or the supervisor counts.
  assert.ok(
    done.error!.code === "processes" || /BlockingIOError/.test(done.log),
    `${done.error!.code}: ${done.log}`,
  );
  assert.equal(done.state, "failed");
});

runs("ten thousand lines a second are all in the log, in order", async () => {
  await using rig = await openRig();
  const done = await rig.run(`
import sys, time
start = time.time()
for second in range(2):
    for i in range(10_000):
        print("line", second * 10_000 + i, "of a script that has much to say",
              file=sys.stderr if i % 7 == 0 else sys.stdout)
    time.sleep(max(0, start + second + 1 - time.time()))
`);
  assert.equal(done.state, "completed", done.error?.text);
  const numbers = done.log.split("\n").filter((line) => line.startsWith("line "))
    .map((line) => Number(line.split(" ")[1]));
  assert.deepEqual(numbers.slice(-5), [19_995, 19_996, 19_997, 19_998, 19_999]);
  assert.ok(numbers.every((n, i) => i === 0 || n === numbers[i - 1]! + 1), "none lost, none moved");
  const stamped = rig.experiments.logLines(done.id, 20_000);
  assert.ok(
    stamped.at(-1)!.atMs! - stamped[0]!.atMs! >= 500,
    "the stamps tell the two seconds apart",
  );
});

runs("a log that reaches its limit says so and the script goes on", async () => {
  await using rig = await openRig();
  const done = await rig.run(
    `
for i in range(40_000):
    print("x" * 60)
open("after.txt", "w").write("went on")
`,
    { limits: { logMb: 1 } },
  );
  assert.equal(done.state, "completed", done.error?.text);
  assert.match(
    done.log,
    /\[holdfast\] the log reached its limit of 1 MiB; what follows is dropped/,
  );
  assert.match(done.log, /\[holdfast\] \d+ bytes of output were dropped\n$/);
  assert.deepEqual((await rig.experiments.files(done.id)).map((f) => f.path), ["after.txt"]);
});

runs("a run that takes longer than its limit is timed out, with time to clean up", async () => {
  await using rig = await openRig();
  const done = await rig.run(
    "import time\ntry:\n    time.sleep(300)\nfinally:\n    print('cleaned up')",
    { limits: { wallMs: 700 } },
  );
  assert.equal(done.state, "timed_out");
  assert.equal(done.error!.code, "wall");
  assert.match(done.log, /cleaned up/);
});

runs("STOP ends the running script, and nothing starts until it is cleared", async () => {
  await using rig = await openRig();
  const first = await rig.submit("import time\nprint('up', flush=True)\ntime.sleep(300)");
  const second = await rig.submit("print('second')");
  await rig.says(first.id, "up");
  await rig.devices.press("smoke");
  const stopped = await rig.ended(first.id);
  assert.equal(stopped.state, "cancelled");
  assert.deepEqual(stopped.error, { code: "stop", text: "STOP: smoke" });
  assert.equal((await rig.experiments.get(second.id))!.state, "queued");
  assert.match(rig.experiments.obstacle()!, /stopped: smoke/);
  const over = rig.ended(second.id);
  await rig.devices.press(null);
  assert.equal((await over).state, "completed");
});

runs(
  "an experiment waits for a device that an equal holds, and starts when it is free",
  async () => {
    await using rig = await openRig();
    const plan = { actor: "user:bo", label: "Bo", deviceIds: ["stirrer"] };
    assert.ok((await new RunLeases(rig.locks).execute(plan)).ok);
    const { id } = await rig.submit("print('x')", { devices: ["stirrer"] });
    assert.match(rig.experiments.obstacle()!, /"stirrer" is held by Bo/);
    assert.equal((await rig.experiments.get(id))!.state, "queued");
    const over = rig.ended(id);
    await rig.locks.releaseAll("user:bo", "done");
    assert.equal((await over).state, "completed");
  },
);

runs("a cancellation at any moment of the start ends as cancelled with nothing left", async () => {
  for (let delay = 0; delay < 6; delay++) {
    await using rig = await openRig();
    const mark = `early-${crypto.randomUUID()}`;
    const { id } = await rig.submit(`# ${mark}\nimport time\ntime.sleep(300)`);
    const over = rig.ended(id);
    // Each turn of the loop lets the start come a step further.
    const changes: string[] = [];
    const stop = rig.experiments.onChange(({ state }) => changes.push(state));
    for (let i = 0; i < delay * 4; i++) await new Promise((done) => setImmediate(done));
    const cancelled = await rig.experiments.cancel(id, "user:anna", "never mind");
    assert.ok(cancelled.ok);
    assert.equal((await over).state, "cancelled");
    stop();
    // One that was cancelled while it still waited gives its reservation back a moment later.
    await until("its devices are free", () => rig.locks.holders().length === 0);
    assert.equal(rig.experiments.running(), null);
    assert.equal(processesWith(id).length, 0, changes.join(" "));
  }
});
