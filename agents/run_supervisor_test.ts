import assert from "node:assert/strict";
import { join } from "node:path";
import { RUN_FILES, RunExit, type RunPlan, RunReady } from "../lib/experiments/model.ts";

const hasBwrap = await Deno.stat("/usr/bin/bwrap").then((info) => info.isFile, () => false);
const MODULE = join(import.meta.dirname!, "run_supervisor.ts");

interface Supervised {
  ready: RunReady;
  go(): Promise<void>;
  /** Ends its input without `go`. */
  leave(): Promise<void>;
  term(): void;
  /** Resolves when its process is gone. */
  ended: Promise<RunExit | null>;
}

async function place(): Promise<{ folder: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "holdfast-supervisor-" });
  await Deno.mkdir(join(folder, RUN_FILES.output));
  return { folder, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

function plan(folder: string, script: string, fields: Partial<RunPlan> = {}): RunPlan {
  return {
    v: 1,
    experimentId: "01J0000000000000000000000A",
    attempt: 3,
    folder,
    command: ["/bin/sh", "-c", script],
    env: { PATH: "/usr/bin:/bin" },
    cwd: folder,
    relay: "tcp",
    boxed: false,
    container: null,
    limits: { wallMs: null, cpuS: null, memoryMb: 512, outputMb: 64, logMb: 1, processes: 64 },
    graceMs: 300,
    watchMs: 50,
    diskFloorMb: 0,
    ...fields,
  };
}

async function supervise(plan: RunPlan, around: string[] = []): Promise<Supervised> {
  const [program = "", ...args] = [
    ...around,
    ...[Deno.execPath(), "run", "-A", "--quiet", "--cached-only", MODULE],
  ];
  const child = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const input = child.stdin.getWriter();
  const say = (line: string) => input.write(new TextEncoder().encode(line + "\n"));
  await say(JSON.stringify(plan));
  const output = child.stdout.getReader();
  const first = new TextDecoder().decode((await output.read()).value);
  await output.cancel();
  const exitPath = join(plan.folder, RUN_FILES.exit);
  return {
    ready: RunReady.parse(JSON.parse(first)),
    async go() {
      await say("go");
      await input.close();
    },
    leave: () => input.close(),
    term: () => child.kill("SIGTERM"),
    ended: child.status.then(async () => {
      const text = await Deno.readTextFile(exitPath).catch(() => null);
      return text === null ? null : RunExit.parse(JSON.parse(text));
    }),
  };
}

Deno.test("a supervisor begins nothing before it is told to, and ends when its runtime is gone", async () => {
  await using p = await place();
  const run = await supervise(plan(p.folder, "echo began > began"));
  assert.ok(run.ready.pid > 0 && run.ready.startTicks > 0);
  await run.leave();
  const exit = await run.ended;
  assert.deepEqual([exit!.reason, exit!.attempt], ["unstarted", 3]);
  await assert.rejects(Deno.stat(join(p.folder, "began")), Deno.errors.NotFound);
});

Deno.test("a supervisor that is told to stop before it began ends at once", async () => {
  await using p = await place();
  const run = await supervise(plan(p.folder, "echo began > began"));
  run.term();
  assert.equal((await run.ended)!.reason, "unstarted");
  await run.leave().catch(() => {});
});

Deno.test("its last act is the exit: code, signal, and one line of why", async () => {
  const cases: [string, Partial<RunExit>][] = [
    ["true", { reason: "exit", exitCode: 0, signal: null, text: "the script ended" }],
    ["echo why; exit 7", {
      reason: "exit",
      exitCode: 7,
      signal: null,
      text: "the script exited with code 7: why",
    }],
    ["kill -SEGV $$", { reason: "exit", exitCode: 139, signal: "SIGSEGV" }],
    ["exit 125", { reason: "runner", exitCode: 125 }],
  ];
  for (const [script, wanted] of cases) {
    await using p = await place();
    const run = await supervise(plan(p.folder, script));
    await run.go();
    const exit = (await run.ended)!;
    for (const [name, value] of Object.entries(wanted)) {
      assert.equal(exit[name as keyof RunExit], value, script);
    }
    assert.ok(exit.endedAtMs >= exit.startedAtMs);
  }
});

Deno.test("a command that is not there is the runner's fault", async () => {
  await using p = await place();
  const run = await supervise(plan(p.folder, "", { command: ["/nowhere/bwrap"] }));
  await run.go();
  assert.equal((await run.ended)!.reason, "runner");
});

Deno.test("a run is ended before the disk is full", async () => {
  await using p = await place();
  const run = await supervise(plan(p.folder, "sleep 300", { diskFloorMb: 1e12 }));
  await run.go();
  const exit = (await run.ended)!;
  assert.equal(exit.reason, "disk");
  assert.match(exit.text, /MiB left/);
});

Deno.test({
  name: "on a disk that is full in mid run the end is still written" +
    (hasBwrap ? "" : " (needs bwrap)"),
  ignore: !hasBwrap,
  async fn() {
    await using p = await place();
    // The run folder is a disk of 2 MiB; what it holds at the end is copied out before it goes.
    const disk = join(p.folder, "disk");
    const kept = join(p.folder, "kept");
    await Deno.mkdir(disk);
    await Deno.mkdir(kept);
    const inner = `mkdir ${disk}/output; "$@"; cp ${disk}/exit.json ${disk}/log.txt ${kept}`;
    const around = [
      "/usr/bin/bwrap",
      ...["--dev-bind", "/", "/", "--size", "2097152", "--tmpfs", disk],
      ...["--", "/bin/sh", "-c", inner, "sh"],
    ];
    // What it said is in the log before there is no room left for it.
    const script = "echo first; until [ -s log.txt ]; do sleep 0.01; done; " +
      "head -c 4000000 /dev/zero > output/fill; " +
      "while :; do echo 'a line that finds no room'; done";
    const run = await supervise(
      plan(disk, script, {
        limits: {
          wallMs: 60_000,
          cpuS: null,
          memoryMb: 512,
          outputMb: 64,
          logMb: 1,
          processes: 64,
        },
      }),
      around,
    );
    await run.go();
    await run.ended;
    const exit = RunExit.parse(JSON.parse(await Deno.readTextFile(join(kept, "exit.json"))));
    assert.equal(exit.reason, "disk");
    assert.match(await Deno.readTextFile(join(kept, "log.txt")), /^first\n/);
  },
});

Deno.test("a deaf script and the daemons of an unboxed run are killed after the grace", async () => {
  await using p = await place();
  const mark = "300.0625";
  const run = await supervise(plan(
    p.folder,
    `trap '' TERM; (trap '' TERM; setsid sleep ${mark} &) ; echo up; while :; do sleep 0.1; done`,
    { env: { PATH: "/usr/bin:/bin", EXPERIMENT_ID: "01J0000000000000000000000A" } },
  ));
  await run.go();
  const log = join(p.folder, RUN_FILES.log);
  const startMs = performance.now();
  while (!(await Deno.readTextFile(log).catch(() => "")).includes("up")) {
    assert.ok(performance.now() - startMs < 10_000, "it never came up");
    await new Promise((done) => setTimeout(done, 10));
  }
  run.term();
  const exit = (await run.ended)!;
  assert.deepEqual([exit.reason, exit.text], ["stopped", "it was told to stop"]);
  for (const { name } of Deno.readDirSync("/proc")) {
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    assert.doesNotMatch(line, new RegExp(mark));
  }
});

Deno.test("a run whose folder is removed is asked to end, and leaves neither script nor supervisor", async () => {
  const mark = "300.0626";
  await using p = await place();
  const folder = join(p.folder, "run");
  await Deno.mkdir(join(folder, RUN_FILES.output), { recursive: true });
  // Its folder being gone, what it does when it is asked is written beside it.
  const told = join(p.folder, "told");
  const run = await supervise(
    plan(folder, `trap 'echo asked > ${told}; exit' TERM; echo up; sleep ${mark} & wait`, {
      graceMs: 30_000,
    }),
  );
  await run.go();
  while (!(await Deno.readTextFile(join(folder, RUN_FILES.log)).catch(() => "")).includes("up")) {
    await new Promise((done) => setTimeout(done, 10));
  }
  await Deno.remove(folder, { recursive: true });
  assert.equal(await run.ended, null, "no exit is written into a folder that is gone");
  assert.equal(await Deno.readTextFile(told), "asked\n");
  await assert.rejects(Deno.stat(folder), Deno.errors.NotFound);
  for (const { name } of Deno.readDirSync("/proc")) {
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    assert.doesNotMatch(line, new RegExp(mark));
  }
});

Deno.test("an exit is never half there: it is renamed into place", async () => {
  await using p = await place();
  const run = await supervise(plan(p.folder, "exit 0"));
  await assert.rejects(Deno.stat(join(p.folder, RUN_FILES.exit)), Deno.errors.NotFound);
  assert.equal((await Deno.stat(join(p.folder, `${RUN_FILES.exit}.new`))).size, 4096);
  await run.go();
  assert.equal((await run.ended)!.exitCode, 0);
  await assert.rejects(Deno.stat(join(p.folder, `${RUN_FILES.exit}.new`)), Deno.errors.NotFound);
});
