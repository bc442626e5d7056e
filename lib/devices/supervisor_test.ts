import assert from "node:assert/strict";
import { ManualClock, systemClock } from "../clock.ts";
import { agentScript } from "../../tests/agents/commands.ts";
import { keptLog, Watched } from "../../tests/agents/watched.ts";
import { AgentError, resultOf } from "./agent_process.ts";
import type { AgentSpec } from "./child.ts";
import { killTree } from "./kill_tree.ts";

const COMMAND = { deviceId: "stirrer", op: "set", args: {}, fence: 0, deadlineMs: 1000 };

function bad(mode: string, ...more: string[]): AgentSpec {
  const { command: [program, ...args], env } = agentScript("bad_agent.ts");
  return { name: "bad_agent", command: [program, ...args, mode, ...more], env };
}

/** Kind and code of how an ask failed, or `answered`. */
async function asked(
  { supervisor }: Watched,
  method: string,
  params: Record<string, unknown> = {},
  deadlineMs = 10_000,
): Promise<string> {
  try {
    await supervisor.ask(method, params, { deadlineMs }, resultOf);
    return "answered";
  } catch (error) {
    assert.ok(error instanceof AgentError, String(error));
    return `${error.kind} ${error.data.code}`;
  }
}

Deno.test("an agent that says hello and starts its devices is ready", async () => {
  const clock = new ManualClock();
  await using agent = new Watched(bad("good"), clock, keptLog());
  assert.equal(await agent.next("started"), "started stirrer");
  const status = agent.supervisor.status();
  assert.equal(status.state, "ready");
  assert.deepEqual(status.deviceIds, ["stirrer"]);
  assert.equal(status.lastHelloAtMs, clock.nowMs());
  assert.equal(status.restarts, 0);
  assert.equal(await asked(agent, "command", COMMAND), "answered");
  await agent.supervisor.close();
  assert.equal(agent.supervisor.status().state, "ended");
  assert.equal(await asked(agent, "ping"), "gone gone");
});

Deno.test("an agent killed from outside fails what was asked and is started again", async () => {
  const clock = new ManualClock();
  await using agent = new Watched(bad("deaf"), clock, keptLog());
  await agent.next("started");
  const pending = asked(agent, "command", COMMAND);
  Deno.kill(agent.supervisor.status().pid!, "SIGKILL");
  assert.equal(await pending, "gone gone");
  assert.equal(await agent.next("down"), "down SIGKILL");
  assert.equal(agent.supervisor.status().state, "waiting");
  assert.equal(agent.supervisor.status().pid, null);
  await clock.advance(250);
  await agent.next("started");
  assert.equal(agent.supervisor.status().restarts, 1);
  assert.equal(agent.supervisor.status().lastError?.text, "SIGKILL");
});

Deno.test("an agent that hangs misses its pings and is killed", async () => {
  const clock = new ManualClock();
  await using agent = new Watched(bad("hang"), clock, keptLog());
  await agent.next("started");
  const pending = asked(agent, "command", COMMAND, 60_000);
  await clock.advance(1000);
  await clock.advance(2000);
  await clock.advance(1000);
  assert.equal(agent.supervisor.status().state, "ready", "one miss is not a hang");
  await clock.advance(2000);
  assert.equal(await agent.next("down"), "down it left 2 pings unanswered (SIGKILL)");
  assert.equal(await pending, "gone gone");
});

Deno.test("an agent that answers all but pings counts as hanging too", async () => {
  const clock = new ManualClock();
  await using agent = new Watched(bad("deaf-to-pings"), clock, keptLog());
  await agent.next("started");
  assert.equal(await asked(agent, "command", COMMAND), "answered");
  for (let i = 0; i < 2; i++) {
    await clock.advance(1000);
    await clock.advance(2000);
  }
  assert.match(await agent.next("down"), /pings unanswered/);
});

Deno.test("an agent that never says hello is killed", async () => {
  const clock = new ManualClock();
  await using agent = new Watched(bad("silent"), clock, keptLog());
  await clock.advance(14_999);
  assert.equal(agent.supervisor.status().state, "starting");
  await clock.advance(1);
  assert.match(await agent.next("down"), /^down it did not say hello within 15000 ms/);
});

Deno.test("an agent of another version or another name is not used", async () => {
  const clock = new ManualClock();
  await using old = new Watched(bad("old"), clock, keptLog());
  assert.match(await old.next("down"), /speaks version 0 of the wire, not 1/);
  await using other = new Watched(bad("good", "somebody"), clock, keptLog());
  assert.match(await other.next("down"), /calls itself "somebody", not "bad_agent"/);
  assert.deepEqual([...old.events, ...other.events].filter((e) => e.startsWith("started")), []);
});

Deno.test("a program that is not there is a failure to start, not of the runtime", async () => {
  const clock = new ManualClock();
  const spec = { name: "bad_agent", command: ["/nonexistent/agent"] as const };
  await using agent = new Watched(spec, clock, keptLog());
  assert.match(await agent.next("down"), /could not be started/);
  await agent.supervisor.ready();
  assert.equal(agent.supervisor.status().state, "waiting");
});

Deno.test("garbage between answers is counted and harms nobody", async () => {
  await using agent = new Watched(bad("garbage"), new ManualClock(), keptLog());
  await agent.next("started");
  assert.equal(await asked(agent, "command", COMMAND), "answered");
  assert.equal(agent.supervisor.status().garbage, 6);
  assert.equal(agent.supervisor.status().state, "ready");
});

Deno.test("an agent that babbles nothing but garbage is killed", async () => {
  await using agent = new Watched(bad("babble"), new ManualClock(), keptLog());
  await agent.next("started");
  const pending = asked(agent, "command", COMMAND);
  assert.match(await agent.next("down"), /1000 lines were not on the wire \(SIGKILL\)/);
  assert.equal(await pending, "gone gone");
});

Deno.test("half a line at the exit is ignored", async () => {
  await using agent = new Watched(bad("half"), new ManualClock(), keptLog());
  await agent.next("started");
  const pending = asked(agent, "command", COMMAND);
  assert.equal(await agent.next("down"), "down exit code 0");
  assert.equal(await pending, "gone gone");
  assert.equal(agent.supervisor.status().garbage, 0);
});

Deno.test("a line of 10 MB kills the agent before it fills the memory", async () => {
  await using agent = new Watched(bad("huge"), new ManualClock(), keptLog());
  await agent.next("started");
  const pending = asked(agent, "command", COMMAND);
  assert.match(await agent.next("down"), /line was longer than the wire allows \(SIGKILL\)/);
  assert.equal(await pending, "gone gone");
});

Deno.test("a late answer is counted and dropped", async () => {
  const clock = new ManualClock();
  await using agent = new Watched(bad("late"), clock, keptLog());
  await agent.next("started");
  const pending = asked(agent, "command", COMMAND, 500);
  await clock.advance(500);
  assert.equal(await pending, "timeout timeout");
  // The late answer comes before that of this ask.
  assert.equal(await asked(agent, "ping"), "answered");
  const { late, duplicates, garbage, state } = agent.supervisor.status();
  assert.deepEqual([late, duplicates, garbage, state], [1, 0, 0, "ready"]);
});

Deno.test("a second answer is counted and dropped", async () => {
  await using agent = new Watched(bad("twice"), new ManualClock(), keptLog());
  await agent.next("started");
  assert.equal(await asked(agent, "command", COMMAND), "answered");
  assert.equal(await asked(agent, "ping"), "answered");
  const { late, duplicates, garbage } = agent.supervisor.status();
  assert.deepEqual([late, duplicates, garbage], [0, 1, 0]);
});

Deno.test("an agent that dies at its start is tried with growing delays, then seldom, then again", async () => {
  const clock = new ManualClock();
  await using agent = new Watched(bad("exit"), clock, keptLog());
  const delays = [250, 500, 1000, 2000];
  for (const delay of delays) {
    await agent.next("down exit code 3");
    assert.equal(agent.supervisor.status().state, "waiting");
    await clock.advance(delay - 1);
    assert.equal(agent.supervisor.status().state, "waiting");
    await clock.advance(1);
    assert.equal(agent.supervisor.status().state, "starting");
  }
  await agent.next("down exit code 3");
  assert.equal(agent.supervisor.status().state, "broken");
  await clock.advance(29_999);
  assert.equal(agent.supervisor.status().state, "broken");
  await clock.advance(1);
  assert.equal(agent.supervisor.status().state, "starting", "half open: one more try");
  await agent.next("down exit code 3");
  assert.equal(agent.supervisor.status().state, "broken");
  assert.equal(agent.supervisor.status().restarts, 5);
});

Deno.test("a life that was long enough starts the count of fast deaths again", async () => {
  const clock = new ManualClock();
  await using agent = new Watched(bad("crash"), clock, keptLog(), {
    limits: { fastDeathsMax: 2, pingEveryMs: 1_000_000 },
  });
  for (let i = 0; i < 4; i++) {
    await agent.next("started");
    await clock.advance(10_000);
    void asked(agent, "command", COMMAND);
    await agent.next("down");
    assert.equal(agent.supervisor.status().state, "waiting");
    await clock.advance(250);
  }
});

Deno.test("the back-off is jittered, so that agents do not start in step", async () => {
  for (const [random, delayMs] of [[0, 125], [0.5, 187.5]] as const) {
    const clock = new ManualClock();
    await using agent = new Watched(bad("exit"), clock, keptLog(), { random: () => random });
    await agent.next("down");
    await clock.advance(delayMs - 1);
    assert.equal(agent.supervisor.status().state, "waiting");
    await clock.advance(1);
    assert.equal(agent.supervisor.status().state, "starting");
  }
});

Deno.test("restartNow does not wait for the back-off and resolves with the new life", async () => {
  const clock = new ManualClock();
  await using agent = new Watched(bad("good"), clock, keptLog());
  await agent.next("started");
  const before = agent.supervisor.status().pid;
  await agent.supervisor.restartNow("asked to");
  assert.equal(agent.supervisor.status().state, "ready");
  assert.notEqual(agent.supervisor.status().pid, before);
  assert.match(await agent.next("down"), /asked to/);
  // Also out of a back-off that already waits.
  Deno.kill(agent.supervisor.status().pid!, "SIGKILL");
  await agent.next("down");
  await agent.supervisor.restartNow("asked again");
  assert.equal(agent.supervisor.status().state, "ready");
});

Deno.test("an agent that ignores the end of its stdin is killed", async () => {
  const clock = new ManualClock();
  const agent = new Watched(bad("hang"), clock, keptLog());
  await agent.next("started");
  const pending = asked(agent, "command", COMMAND, 60_000);
  const closed = agent.supervisor.close();
  await clock.advance(2000);
  await closed;
  assert.equal(await pending, "gone gone");
  assert.deepEqual(agent.events, ["started stirrer"], "an end that was asked for is not a death");
});

Deno.test("an agent whose wish to be closed comes at any moment ends", async () => {
  for (const mode of ["good", "silent", "exit"]) {
    const clock = new ManualClock();
    const agent = new Watched(bad(mode), clock, keptLog());
    const closed = agent.supervisor.close();
    await clock.advance(2000);
    await closed;
    assert.equal(agent.supervisor.status().state, "ended", mode);
    await agent.supervisor.ready();
  }
});

Deno.test("stderr reaches the log line by line, bounded, structured where it is", async () => {
  const clock = new ManualClock();
  const log = keptLog();
  await using agent = new Watched(bad("noisy"), clock, log);
  await agent.next("started");
  await asked(agent, "command", COMMAND);
  await agent.supervisor.close();
  const lines = log.lines.filter((line) => line.includes("noise"));
  assert.ok(lines.length >= 99 && lines.length <= 100, `${lines.length} lines`);
});

Deno.test("an agent gets only the environment it was given", async () => {
  const child = new Deno.Command("/usr/bin/env", { clearEnv: true, env: {}, stdout: "piped" });
  assert.equal(new TextDecoder().decode((await child.output()).stdout).includes("HOME"), false);
  const spec = bad("good");
  assert.ok(!("HOME" in spec.env!) && !("PATH" in spec.env!));
  await using agent = new Watched(spec, new ManualClock(), keptLog());
  await agent.next("started");
  const environ = await Deno.readTextFile(`/proc/${agent.supervisor.status().pid}/environ`);
  const names = environ.split("\0").filter((line) => line !== "").map((line) => line.split("=")[0]);
  assert.deepEqual(names.sort(), Object.keys(spec.env!).sort());
});

const bwrapPath = "/usr/bin/bwrap";
const bwrapWorks = await (async () => {
  try {
    const args = ["--ro-bind", "/", "/", "--unshare-net", "true"];
    return (await new Deno.Command(bwrapPath, { args, stderr: "null" }).output()).success;
  } catch {
    return false;
  }
})();

Deno.test({
  name: "inside bwrap an agent works, and SIGKILL ends it with its wrapper (needs bwrap)",
  ignore: !bwrapWorks,
  async fn() {
    const spec = { ...bad("deaf"), sandbox: { bwrapPath, devices: ["/dev/null"] } };
    await using agent = new Watched(spec, systemClock, keptLog());
    await agent.next("started");
    const wrapper = agent.supervisor.status().pid!;
    const [inner] = (await Deno.readTextFile(`/proc/${wrapper}/task/${wrapper}/children`)).split(
      " ",
    );
    assert.notEqual(inner, "");
    const restarted = agent.supervisor.restartNow("test");
    await agent.next("down");
    await gone(String(wrapper));
    await gone(inner!);
    await restarted;
  },
});

Deno.test({
  name:
    "inside bwrap there is no network, no other device node, and nothing can be written (needs bwrap)",
  ignore: !bwrapWorks,
  async fn() {
    const { bwrapCommand } = await import("./bwrap.ts");
    const script = "ls /dev; touch /tmp/holdfast-probe 2>&1; ls /sys/class/net; cat /proc/net/dev";
    const [program, ...args] = bwrapCommand(["/bin/sh", "-c", script], {
      bwrapPath,
      devices: ["/dev/null"],
    });
    const { stdout } = await new Deno.Command(program, { args, stderr: "null" }).output();
    const text = new TextDecoder().decode(stdout);
    assert.match(text, /Read-only file system/);
    assert.ok(!/\b(sda|kmsg|mem|i2c)/.test(text), text);
    assert.ok(!/eth0:/.test(text), text);
  },
});

Deno.test("a device node outside /dev is not bound", async () => {
  const { bwrapCommand } = await import("./bwrap.ts");
  for (const node of ["/etc/shadow", "/dev/../etc/shadow", "dev/null", "/dev/a b"]) {
    assert.throws(() => bwrapCommand(["x"], { bwrapPath, devices: [node] }), RangeError);
  }
});

Deno.test("killing a process ends its children and theirs", async () => {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", "sh -c 'sleep 60 & echo $!; wait' & wait"],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  const startMs = performance.now();
  killTree(child);
  await child.status;
  // The pipe ends when the last process that holds it has.
  assert.equal((await reader.read()).done, true);
  assert.ok(performance.now() - startMs < 30_000);
});

/** Another's child sends no event when it ends: looking is all there is. */
async function gone(pid: string): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const state = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => null);
    if (state === null || /\) [ZX]/.test(state)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.fail(`process ${pid} is still there`);
}
