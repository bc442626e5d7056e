import { chmodSync, existsSync, rmSync } from "node:fs";
import { RUN_FILES, type RunEndReason, RunPlan, type RunReady } from "../lib/experiments/model.ts";
import { RunCgroup } from "./run_cgroup.ts";
import { killContainer, removeContainer, wasOomKilled } from "./run_container.ts";
import { openUp } from "./run_disk.ts";
import { ExitRecord, type Outcome } from "./run_exit.ts";
import { brokenLimit } from "./run_limits.ts";
import { RunLog } from "./run_log.ts";
import { outcome, outcomeOf } from "./run_outcome.ts";
import {
  descendantsOf,
  leftoversOf,
  type ProcessId,
  processOf,
  signalTo,
} from "./run_processes.ts";
import { type Relay, startRelay } from "./run_relay.ts";

/**
 * One process per run, in a session of its own, that outlives the runtime. It reads the plan from
 * stdin, says it is ready, and begins only at the runtime's `go`: a runtime that died before it could
 * record the start leaves no script running. Then it keeps the script's output, limits and end, and
 * writes `exit.json` as its last act.
 *
 * It runs none of the script's code, and with all permissions: signalling the script's processes and
 * reading `/proc` need them.
 */
export async function superviseRun(): Promise<void> {
  const lines = linesOf(Deno.stdin.readable);
  const first = (await lines.next()).value;
  if (first === undefined) return;
  const plan = RunPlan.parse(JSON.parse(first));
  Deno.chdir(plan.folder);
  const self = processOf(Deno.pid);
  if (self === null) throw new Deno.errors.NotFound(`Cannot read "/proc/${Deno.pid}/stat"`);
  const record = new ExitRecord(plan.attempt);
  const run = new Run(plan);
  Deno.addSignalListener("SIGTERM", () => run.end("stopped", "it was told to stop"));
  Deno.addSignalListener("SIGINT", () => run.end("stopped", "it was told to stop"));
  const ready: RunReady = { pid: self.pid, startTicks: self.startTicks };
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(ready) + "\n"));
  const told = await Promise.race([lines.next(), run.asked]);
  if (told?.value !== "go" || run.ending !== null) {
    record.write({
      reason: "unstarted",
      exitCode: null,
      signal: null,
      text: "the runtime ended before the script began",
    });
    return;
  }
  const end = await run.toEnd();
  // There is nobody left to tell, and nowhere to write it.
  if (!isFolderGone()) record.write(end);
}

/** After the script has ended: how long what it left behind may hold its output open. */
const DRAIN_MS = 1000;
/** Processes and threads beside the script's in its group: the box, its init, the relay, shells. */
const TASKS_BESIDE = 16;
/** An engine that was told to kill gets this long until its client is killed. */
const ENGINE_MS = 2000;
/** How often an end that was asked for looks whether it is there. */
const LOOK_MS = 50;

class Run {
  /** Why it is being ended, once it is. */
  ending: { reason: RunEndReason; text: string } | null = null;
  #ask = Promise.withResolvers<undefined>();
  /** Settles when its end is asked for. */
  readonly asked = this.#ask.promise;
  /** The command's own process, the root of all others. */
  #root: ProcessId | null = null;
  #log: RunLog | null = null;
  #over = false;
  #killAtMs = Infinity;
  #cgroup: RunCgroup | null = null;
  #killing = false;

  constructor(private readonly plan: RunPlan) {}

  /** Runs the script to its end, whatever that is; nothing of it is left alive. */
  async toEnd(): Promise<Outcome> {
    let relay: Relay | null = null;
    try {
      this.#log = RunLog.open(
        RUN_FILES.log,
        RUN_FILES.logTimes,
        this.plan.limits.logMb * 1_048_576,
      );
      // An earlier attempt in the same folder leaves its socket behind.
      rmSync(RUN_FILES.relay, { force: true });
      relay = startRelay(
        this.plan.relay === "unix" ? { kind: "unix", path: RUN_FILES.relay } : { kind: "tcp" },
        apiAddress,
      );
      const { container } = this.plan;
      if (container !== null) {
        // Whoever the script runs as in there must be able to speak to it; the folder keeps others out.
        chmodSync(RUN_FILES.relay, 0o666);
        await removeContainer(container);
      } else {
        const { memoryMb, processes } = this.plan.limits;
        this.#cgroup = RunCgroup.create(`holdfast-run-${this.plan.experimentId}`, {
          memoryMb,
          tasks: processes + TASKS_BESIDE,
        });
      }
      const put = (text: string) => text.replaceAll("{relay}", String(relay?.port));
      const command = this.plan.command.map(put);
      const [program = "", ...args] = this.#cgroup?.around(command) ?? command;
      const env = Object.entries(this.plan.env).map(([name, value]) => [name, put(value)]);
      const child = new Deno.Command(program, {
        args,
        env: Object.fromEntries(env),
        clearEnv: true,
        cwd: this.plan.cwd,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
        detached: true,
      }).spawn();
      this.#root = processOf(child.pid) ?? { pid: child.pid, startTicks: -1 };
      return await this.#toEndOf(child, this.#root);
    } catch (error) {
      this.#kill();
      return outcome("runner", null, null, `the script could not be started: ${String(error)}`);
    } finally {
      relay?.[Symbol.dispose]();
      this.#cgroup?.[Symbol.dispose]();
      if (this.plan.container !== null) await removeContainer(this.plan.container);
      try {
        this.#log?.close();
      } catch {
        // The disk is full; the end is told in exit.json.
      }
    }
  }

  /** Asks for the end: politely where there is time, at once where a limit is broken. The first reason stays. */
  end(reason: RunEndReason, text: string): void {
    if (this.ending !== null) return;
    this.ending = { reason, text };
    this.#ask.resolve(undefined);
    const polite = reason === "stopped" || reason === "wall";
    this.#killAtMs = polite ? performance.now() + this.plan.graceMs : 0;
    this.#press(new Map());
  }

  async #toEndOf(child: Deno.ChildProcess, root: ProcessId): Promise<Outcome> {
    // Only the box itself writes here: the script's stderr goes where its stdout goes.
    const complaint = new Response(child.stderr).text().catch(() => "");
    const output = this.#keep(child.stdout);
    const watch = this.#watch(root);
    // A stop that came while the command was being started found nobody to tell.
    if (this.ending !== null) this.#press(new Map());
    const status = await child.status;
    this.#over = true;
    const seen = {
      limits: this.plan.limits,
      container: this.plan.container !== null,
      oomKilled: this.#cgroup?.oomKilled ??
        (this.plan.container !== null && await wasOomKilled(this.plan.container)),
      refusedTasks: (this.#cgroup?.refusedTasks ?? 0) > 0,
    };
    this.#kill();
    await Promise.race([
      output,
      new Promise((resolve) => setTimeout(resolve, DRAIN_MS)),
    ]);
    await watch;
    openUp(RUN_FILES.output);
    const said = (await within(complaint, DRAIN_MS) ?? "").trim();
    return outcomeOf(status, { ...seen, complaint: said, ending: this.ending });
  }

  /** Copies the script's output to the log until its end. */
  async #keep(stdout: ReadableStream<Uint8Array>): Promise<void> {
    let full = false;
    for await (const chunk of stdout) {
      // A script that nobody reads any more would block on its next line, so reading goes on.
      if (full) continue;
      try {
        this.#log?.write(chunk);
      } catch (error) {
        full = true;
        this.end("disk", `its output could not be written: ${String(error)}`);
      }
    }
  }

  async #watch(root: ProcessId): Promise<void> {
    const { watchMs } = this.plan;
    const asked = new Map<number, number>();
    let wasMs = performance.now();
    let nextLookAtMs = wasMs + watchMs;
    let ranMs = 0;
    while (!this.#over) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (this.#over) return;
      if (this.ending !== null) {
        this.#press(asked);
        continue;
      }
      if (isFolderGone()) {
        this.end("stopped", "its folder was removed");
        continue;
      }
      const nowMs = performance.now();
      // Held, it waits for people: that is not its own time.
      if (!existsSync(RUN_FILES.held)) ranMs += nowMs - wasMs;
      wasMs = nowMs;
      this.#checkWall(ranMs);
      if (nowMs < nextLookAtMs) continue;
      const broken = brokenLimit(this.plan, {
        cgroup: this.#cgroup,
        all: descendantsOf(root),
        inside: this.#inside(root),
      });
      if (broken !== null) this.end(broken.reason, broken.text);
      // A folder of a hundred thousand files takes long to add up; looking must stay a small part.
      nextLookAtMs = performance.now() + Math.max(watchMs, 10 * (performance.now() - nowMs));
    }
  }

  #checkWall(ranMs: number): void {
    const { wallMs } = this.plan.limits;
    if (wallMs === null || ranMs < wallMs) return;
    this.end("wall", `it ran longer than its limit of ${Math.round(wallMs / 1000)} s`);
  }

  /** Says TERM once to each process of the script, those that came later too; KILL when the grace is over. */
  #press(asked: Map<number, number>): void {
    if (this.#root === null) return;
    if (performance.now() >= this.#killAtMs) return this.#kill();
    for (const one of this.#inside(this.#root)) {
      if (asked.get(one.pid) === one.startTicks) continue;
      asked.set(one.pid, one.startTicks);
      signalTo(one, "SIGTERM");
    }
  }

  /** Processes of the script, without the box around it. */
  #inside(root: ProcessId): ProcessId[] {
    const below = descendantsOf(root);
    if (!this.plan.boxed) return below;
    // The box is the command itself and its first child, process 1 in there.
    const init = below.find((one) => one.parent === root.pid);
    return below.filter((one) => one.pid !== root.pid && one.pid !== init?.pid);
  }

  /** Ends every process of the run, those that left its session or its group too. */
  #kill(): void {
    if (this.#root === null) return;
    if (this.plan.container !== null) return this.#killContainer(this.plan.container, this.#root);
    this.#cgroup?.kill();
    if (this.plan.boxed) {
      // Process 1 of a pid namespace takes all of it along.
      for (const one of descendantsOf(this.#root)) signalTo(one, "SIGKILL");
      return;
    }
    const mark = `EXPERIMENT_ID=${this.plan.experimentId}`;
    for (let round = 0; round < 100; round++) {
      const left = [...descendantsOf(this.#root), ...leftoversOf(this.#root, mark)];
      if (left.length === 0) return;
      for (const one of left) signalTo(one, "SIGKILL");
    }
  }

  /** The engine ends what it started; its client ends with that, or is ended. */
  #killContainer(container: NonNullable<RunPlan["container"]>, client: ProcessId): void {
    if (this.#killing || this.#over) return;
    this.#killing = true;
    void killContainer(container).then(() => {
      setTimeout(() => {
        this.#killing = false;
        if (!this.#over) { for (const one of descendantsOf(client)) signalTo(one, "SIGKILL"); }
      }, ENGINE_MS);
    });
  }
}

/**
 * Whether the run folder, where this process stands, was removed: its runtime will never ask for the run
 * again, so nothing else would ever end it. One that was moved is there still.
 */
function isFolderGone(): boolean {
  try {
    Deno.cwd();
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}

/** Where the runtime listens now, as it wrote it into the run folder. */
function apiAddress(): { hostname: string; port: number } | null {
  try {
    const { hostname, port } = JSON.parse(Deno.readTextFileSync(RUN_FILES.api));
    return { hostname: String(hostname), port: Number(port) };
  } catch {
    return null;
  }
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let id: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    id = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(id);
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}

if (import.meta.main) {
  await superviseRun();
  // Whatever still holds the event loop, a socket or a pipe of what was killed, is of no more use.
  Deno.exit(0);
}
