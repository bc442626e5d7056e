import assert from "node:assert/strict";
import { join } from "node:path";
import { cgroupPlace, countOf, RunCgroup } from "./run_cgroup.ts";

const MOUNTS = `proc /proc proc rw 0 0
cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0
`;

Deno.test("our own group is found where version 2 is mounted, and nowhere else", () => {
  assert.deepEqual(
    cgroupPlace(MOUNTS, "12:pids:/x\n0::/system.slice/holdfast.service/main\n"),
    { mount: "/sys/fs/cgroup", own: "/system.slice/holdfast.service/main" },
  );
  assert.equal(cgroupPlace("tmpfs /sys/fs/cgroup tmpfs rw 0 0", "0::/x"), null);
  assert.equal(cgroupPlace(MOUNTS, "4:memory:/x"), null);
});

Deno.test("counts are read by their whole name", () => {
  const text = "low 0\noom 3\noom_kill 1\noom_group_kill 1\n";
  assert.deepEqual(
    ["oom", "oom_kill", "oom_group_kill", "kill"].map((name) => countOf(text, name)),
    [3, 1, 1, 0],
  );
});

/** A folder with the files of a group, where the kernel would make them. */
async function group(path: string, controllers: string, given: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  await Deno.writeTextFile(join(path, "cgroup.controllers"), controllers + "\n");
  await Deno.writeTextFile(join(path, "cgroup.subtree_control"), given + "\n");
}

Deno.test("a group is made only below one that hands on memory and pids, of ours or its parent", async () => {
  const mount = await Deno.makeTempDir({ prefix: "holdfast-cgroup-" });
  try {
    const limits = { memoryMb: 512, tasks: 80 };
    const create = (own: string) => RunCgroup.create("run", limits, { mount, own });
    assert.equal(RunCgroup.create("run", limits, null), null);
    assert.equal(create("/nowhere"), null);
    await group(join(mount, "a.service"), "cpu memory pids", "");
    await group(join(mount, "a.service", "main"), "", "");
    // What stands in for the kernel's files is not there in a new folder: no limit can be set, so no group.
    assert.equal(create("/a.service/main"), null);
    assert.deepEqual(
      [...Deno.readDirSync(join(mount, "a.service"))].map(({ name }) => name).includes("run"),
      false,
      "what could not be limited is taken away",
    );
    const ready = join(mount, "a.service", "run");
    await Deno.mkdir(ready);
    for (const name of ["memory.max", "memory.swap.max", "memory.oom.group", "pids.max"]) {
      await Deno.writeTextFile(join(ready, name), "");
    }
    const made = create("/a.service/main");
    assert.equal(made?.path, ready);
    const read = (name: string) => Deno.readTextFile(join(ready, name));
    assert.deepEqual(
      await Promise.all(
        ["memory.max", "memory.swap.max", "memory.oom.group", "pids.max"].map(read),
      ),
      ["536870912", "0", "1", "80"],
    );
    assert.match(
      await Deno.readTextFile(join(mount, "a.service", "cgroup.subtree_control")),
      /^\+memory \+pids/,
    );
    assert.deepEqual([made!.oomKilled, made!.refusedTasks, made!.cpuS], [false, 0, null]);
    await Deno.writeTextFile(join(ready, "memory.events"), "oom 1\noom_kill 1\n");
    await Deno.writeTextFile(join(ready, "pids.events"), "max 3\n");
    await Deno.writeTextFile(join(ready, "cpu.stat"), "usage_usec 1500000\nuser_usec 1\n");
    assert.deepEqual([made!.oomKilled, made!.refusedTasks, made!.cpuS], [true, 3, 1.5]);
  } finally {
    await Deno.remove(mount, { recursive: true });
  }
});

/** Where this process may make groups of version 2, with or without controllers. */
function writable(): { mount: string; own: string } | null {
  try {
    const place = cgroupPlace(
      Deno.readTextFileSync("/proc/self/mounts"),
      Deno.readTextFileSync("/proc/self/cgroup"),
    );
    if (place === null) return null;
    using made = RunCgroup.create(`holdfast-probe-${Deno.pid}`, LIMITS, place, []);
    return made === null ? null : place;
  } catch {
    return null;
  }
}
const LIMITS = { memoryMb: 64, tasks: 20 };
const place = writable();

Deno.test({
  name: "all that a command starts is in its group from the first, and ends with it" +
    (place === null ? " (needs writable cgroups v2)" : ""),
  ignore: place === null,
  async fn() {
    using made = RunCgroup.create(`holdfast-test-${Deno.pid}`, LIMITS, place, [])!;
    const [program = "", ...args] = made.around([
      "/bin/sh",
      "-c",
      "setsid sleep 300 & sleep 300 & echo up; wait",
    ]);
    const child = new Deno.Command(program, { args, stdout: "piped" }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    const inside = (await Deno.readTextFile(join(made.path, "cgroup.procs"))).trim().split("\n");
    assert.equal(inside.length, 3);
    assert.ok(inside.includes(String(child.pid)));
    made.kill();
    assert.equal((await child.status).signal, "SIGKILL");
    await reader.cancel();
    // The kernel empties the group a moment after its first process is gone.
    for (let i = 0; i < 500; i++) {
      if ((await Deno.readTextFile(join(made.path, "cgroup.procs"))).trim() === "") return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.fail("something of it lives");
  },
});

const limited = place === null ? null : RunCgroup.create(`holdfast-probe-${Deno.pid}`, LIMITS);
limited?.[Symbol.dispose]();

Deno.test({
  name: "the kernel ends what needs more memory than its group has, and says so" +
    (limited === null ? " (needs delegated cgroups v2)" : ""),
  ignore: limited === null,
  async fn() {
    using made = RunCgroup.create(`holdfast-test-${Deno.pid}`, LIMITS)!;
    const [program = "", ...args] = made.around(["/bin/sh", "-c", "head -c 200M /dev/zero | tail"]);
    await new Deno.Command(program, { args, stdout: "null", stderr: "null" }).output();
    assert.equal(made.oomKilled, true);
  },
});
