import assert from "node:assert/strict";
import { join } from "node:path";
import {
  containerCheck,
  containerCommand,
  type ContainerEngine,
  containerName,
} from "./container.ts";
import { Limits } from "./model.ts";
import { isAlive } from "./processes.ts";
import { openRig, type RigOptions, runs, until } from "./test_rig.ts";

const docker: ContainerEngine = {
  kind: "docker",
  program: "/usr/bin/docker",
  image: "scripts:1",
  uid: 1000,
  gid: 1001,
  rootless: true,
};
const place = {
  experimentId: "01JQZ3T5V8Y2K4M6N8P0R2S4T6",
  attempt: 1,
  token: "secret-token",
  folder: "/data/experiments/01",
  clients: "/opt/holdfast/clients",
  etc: "/data/sandbox/etc",
  limits: Limits.parse({ processes: 32 }),
  timeScale: 1,
  resumed: false,
  parameters: { od: 0.6 },
};

/** The values of an option, in order. */
function valuesOf(command: readonly string[], option: string): string[] {
  return command.flatMap((one, i) => one === option ? [command[i + 1]!] : []);
}

Deno.test("a container has the originals' memory and CPU, no network, no rights and no root to write", () => {
  const { command, env, container, boxed, relay } = containerCommand(docker, place);
  const one = (option: string) => valuesOf(command, option).join(" ");
  assert.deepEqual(command.slice(0, 2), ["/usr/bin/docker", "run"]);
  assert.deepEqual(
    ["--memory", "--memory-swap", "--cpu-period", "--cpu-quota", "--pids-limit"].map(one),
    ["512m", "512m", "100000", "100000", "40"],
  );
  assert.deepEqual(
    ["--network", "--cap-drop", "--security-opt", "--user", "--pull", "--userns"].map(one),
    ["none", "ALL", "no-new-privileges", "1000:1001", "never", ""],
  );
  for (const flag of ["--read-only", "--init"]) assert.ok(command.includes(flag), flag);
  assert.equal(command.includes("--privileged"), false);
  assert.deepEqual(valuesOf(command, "--mount"), [
    "type=bind,source=/opt/holdfast/clients/python,target=/app/lib,readonly",
    "type=bind,source=/data/experiments/01/user_script.py,target=/app/user_script.py,readonly",
    "type=bind,source=/data/experiments/01/api.sock,target=/run/api.sock,readonly",
    "type=bind,source=/data/experiments/01/output,target=/app/output",
  ]);
  assert.deepEqual(container, {
    program: "/usr/bin/docker",
    env: { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" },
    name: "holdfast-01jqz3t5v8y2k4m6n8p0r2s4t6",
  });
  assert.deepEqual([boxed, relay], [false, "unix"]);
  assert.doesNotMatch(command.join(" "), /secret-token/);
  assert.equal(env.EXPERIMENT_TOKEN, "secret-token");
  for (const name of valuesOf(command, "--env")) {
    assert.ok(name in env || name === "HOME=/tmp", name);
  }
});

Deno.test("podman without root maps our user, and a path with a comma stays one path", () => {
  const podman = { ...docker, kind: "podman" as const };
  const { command } = containerCommand(podman, { ...place, folder: "/data/a,b/01" });
  assert.deepEqual(valuesOf(command, "--userns"), ["keep-id"]);
  assert.equal(
    valuesOf(command, "--mount")[3],
    'type=bind,"source=/data/a,b/01/output",target=/app/output',
  );
  const asRoot = containerCommand({ ...podman, rootless: false }, place).command;
  assert.deepEqual(valuesOf(asRoot, "--userns"), []);
});

Deno.test("a script is looked at in a container that sees nothing of this machine", () => {
  const command = containerCheck(docker, ["-I", "-c", "x"]);
  assert.deepEqual(valuesOf(command, "--mount"), []);
  assert.deepEqual(valuesOf(command, "--network"), ["none"]);
  assert.deepEqual(command.slice(-4), ["python3", "-I", "-c", "x"]);
});

/** An engine in a folder of its own that records what it is told. */
async function standIn(): Promise<
  & {
    rig: Pick<RigOptions, "config">;
    told(): string[][];
    state(id: string, what: string): string;
  }
  & AsyncDisposable
> {
  const dir = await Deno.makeTempDir({ prefix: "holdfast-engine-" });
  const engine = join(dir, "docker");
  await Deno.copyFile(join(import.meta.dirname!, "container_engine_stand_in.py"), engine);
  await Deno.chmod(engine, 0o755);
  return {
    rig: { config: { runner: "docker", engine, image: "scripts:1", killGraceMs: 800 } },
    told: () =>
      Deno.readTextFileSync(join(dir, "argv.jsonl")).trim().split("\n")
        .map((line) => JSON.parse(line)),
    state: (id, what) => join(dir, `${containerName(id)}.${what}`),
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}
const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

runs(
  "a script in a container finds the API, writes its files, completes and leaves none",
  async () => {
    await using engine = await standIn();
    await using rig = await openRig(engine.rig);
    const done = await rig.run(`
import json, os, socket, urllib.request
ask = urllib.request.Request(os.environ["BIOREACTOR_NODE_API_URL"] + "/api/status",
    headers={"Authorization": "Bearer " + os.environ["EXPERIMENT_TOKEN"]})
print(json.load(urllib.request.urlopen(ask)))
open("result.txt", "w").write(os.getcwd())
try:
    socket.create_connection(("127.0.0.1", ${rig.apiPort}), 1)
    print("reached")
except OSError:
    pass
`);
    assert.equal(done.state, "completed", done.log + JSON.stringify(done.error));
    assert.match(done.log, /operational/);
    assert.doesNotMatch(done.log, /reached/);
    assert.deepEqual(rig.asked, [`GET /api/status Bearer token-of-${done.id}`]);
    using file = rig.experiments.file(done.id, "result.txt")!;
    assert.equal(file.text(), "/app/output");
    const acts = engine.told().filter((argv) => argv.at(-1) === containerName(done.id));
    assert.deepEqual(acts.map(([act]) => act), ["rm", "inspect", "rm"]);
    assert.equal(await exists(engine.state(done.id, "pid")), false);
    const wrong = await rig.experiments.dryRun(
      { script: "print(", kind: "python" } as never,
      { owner: "user:anna", actor: "user:anna" },
    );
    assert.equal(wrong.ok === false && wrong.refusal.kind, "script-rejected");
  },
);

runs(
  "a container is asked to end and may clean up; a deaf one is killed by its engine",
  async () => {
    await using engine = await standIn();
    await using rig = await openRig(engine.rig);
    for (const deaf of [false, true]) {
      const { id } = await rig.submit(`
import signal, time
if ${deaf ? "True" : "False"}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
try:
    time.sleep(300)
finally:
    print("cleaned up", flush=True)
`);
      await rig.says(id, "up");
      const over = rig.ended(id);
      await rig.experiments.cancel(id, "user:anna", "enough");
      assert.equal((await over).state, "cancelled");
      const killed = engine.told().some((argv) =>
        argv[0] === "kill" && argv.at(-1) === containerName(id)
      );
      assert.equal(killed, deaf);
      assert.equal(rig.experiments.log(id, { tail: 5 }).text.includes("cleaned up"), !deaf);
      assert.equal(await exists(engine.state(id, "pid")), false);
    }
  },
);

runs(
  "a container outlives the runtime and is adopted; one whose supervisor is gone is ended",
  async () => {
    await using engine = await standIn();
    const dir = await Deno.makeTempDir({ prefix: "holdfast-container-" });
    const at = { ...engine.rig, dir, kvPath: join(dir, "kv") };
    try {
      const first = await openRig(at);
      const { id } = await first.submit(
        "import os, time\nprint('up', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.05)",
      );
      await first.says(id, "up");
      await first.close();
      {
        await using rig = await openRig(at);
        assert.equal(rig.experiments.running()!.id, id);
        await Deno.writeTextFile(join(dir, "experiments", id, "output", "go"), "");
        const ended = await rig.ended(id);
        assert.deepEqual([ended.state, ended.attempt], ["completed", 1]);
        const other = await rig.submit("import time\nprint('up', flush=True)\ntime.sleep(300)");
        await rig.says(other.id, "up");
        const { process } = (await rig.experiments.get(other.id))!;
        const over = rig.ended(other.id);
        Deno.kill(process!.pid, "SIGKILL");
        assert.equal((await over).state, "interrupted");
        assert.equal(isAlive(process!), false);
        await until(
          "its container is gone",
          async () => !await exists(engine.state(other.id, "pid")),
        );
      }
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
);

runs(
  "an engine that killed for want of memory, and one that refuses, are told as the reason",
  async () => {
    await using engine = await standIn();
    await using rig = await openRig(engine.rig);
    const { id } = await rig.submit("import os, time\nprint('up', flush=True)\ntime.sleep(300)", {
      limits: { memoryMb: 64 },
    });
    await rig.says(id, "up");
    await Deno.writeTextFile(engine.state(id, "oom"), "");
    const over = rig.ended(id);
    Deno.kill(Number(await Deno.readTextFile(engine.state(id, "pid"))), "SIGKILL");
    assert.deepEqual((await over).error, {
      code: "memory",
      text: "killed: out of memory, limit 64 MiB",
    });
    const program = join(engine.state("x", "y"), "..", "docker");
    const source = await Deno.readTextFile(program);
    // The image is taken away between the look and the start.
    await Deno.writeTextFile(program, source.replace('if image != "scripts:1":', "if True:"));
    await using other = await openRig({ ...engine.rig, begin: false });
    assert.match(
      await other.experiments.unavailable("python") ?? "",
      /docker cannot run Python in "scripts:1".*No such image/,
    );
  },
);
