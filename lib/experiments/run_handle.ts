import type { Clock } from "../clock.ts";
import type { Folders } from "./folders.ts";
import { type RunExit, type RunPlan, RunReady } from "./model.ts";
import { isAlive, killMarked, type ProcessId, signalTo } from "./processes.ts";

/** The command that starts a supervisor; nothing of our own environment goes with it. */
export interface SupervisorCommand {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A supervisor could not be brought to the point of beginning. */
export class SupervisorError extends Error {
  override readonly name = "SupervisorError";
}

/** From the start of a supervisor until it must say that it is ready. */
const READY_MS = 30_000;
/** How often an adopted supervisor is looked at. */
const LOOK_MS = 200;
/** Beyond the script's own grace: how long a supervisor may take to see the end through. */
const PATIENCE_MS = 10_000;
/** For a container engine to take a container away. */
const ENGINE_MS = 20_000;

/** One run's supervisor, started by us or by a runtime before us. */
export interface RunHandle {
  readonly process: ProcessId;
  /** What it wrote at its end, when its process is gone; `null` when it wrote nothing. Then nothing of the run lives. */
  readonly exited: Promise<RunExit | null>;
  /** Lets the script begin. Only for one that was started, once. */
  go(): Promise<void>;
  /** Tells it to end the script; a supervisor that does not is killed, with what it held. */
  stop(graceMs: number): void;
  /** Stops looking at it and leaves it alive; `exited` never settles. */
  release(): void;
}

/**
 * Starts a supervisor and waits until it stands ready: it begins nothing before `go`, and ends by itself
 * if we are gone by then.
 * @throws {SupervisorError}
 */
export async function startRun(
  plan: RunPlan,
  supervisor: SupervisorCommand,
  folders: Folders,
  clock: Clock,
): Promise<RunHandle> {
  const [program = "", ...args] = supervisor.command;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      clearEnv: true,
      env: { ...supervisor.env },
      cwd: plan.folder,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
  } catch (cause) {
    throw new SupervisorError("The run's supervisor could not be started", { cause });
  }
  const said = lastWords(child.stderr);
  const input = child.stdin.getWriter();
  const write = (line: string) => input.write(new TextEncoder().encode(line + "\n"));
  const cancel = clock.timer(READY_MS, () => kill(child));
  try {
    await write(JSON.stringify(plan));
    const ready = RunReady.parse(JSON.parse(await firstLine(child.stdout)));
    let released = false;
    let told = false;
    // Without `go` the end of its input tells it that none will come.
    const unsay = () => {
      if (!told) input.close().catch(() => {});
      told = true;
    };
    const watch = new Watch(ready, plan, folders, clock);
    const exited = child.status.then(() => released ? new Promise<null>(() => {}) : watch.atEnd());
    return {
      process: ready,
      exited,
      async go() {
        if (told) return;
        told = true;
        try {
          await write("go");
          await input.close();
        } catch {
          // It ended meanwhile, as `exited` will tell.
        }
      },
      stop(graceMs) {
        unsay();
        watch.stop(graceMs);
      },
      release() {
        released = true;
        watch.release();
        unsay();
        child.unref();
      },
    };
  } catch (cause) {
    kill(child);
    await child.status;
    const words = (await said).trim().split("\n")[0] ?? "";
    throw new SupervisorError(`The run's supervisor did not stand ready: ${words}`, { cause });
  } finally {
    cancel();
  }
}

/** Takes over the supervisor that a runtime before us started; `null` when that very process is gone. */
export function adoptRun(
  process: ProcessId,
  run: Pick<RunPlan, "experimentId" | "attempt">,
  folders: Folders,
  clock: Clock,
): RunHandle | null {
  if (!isAlive(process)) return null;
  const watch = new Watch(process, run, folders, clock);
  return {
    process,
    exited: watch.untilGone().then(() => watch.atEnd()),
    go: () => Promise.resolve(),
    stop: (graceMs) => watch.stop(graceMs),
    release: () => watch.release(),
  };
}

/** Kills what a supervisor that is gone without a word may have left behind. */
export async function sweepRun(experimentId: string, folders: Folders): Promise<void> {
  killMarked(`EXPERIMENT_ID=${experimentId}`);
  const container = await folders.containerOf(experimentId);
  if (container === null) return;
  try {
    await new Deno.Command(container.program, {
      args: ["rm", "--force", container.name],
      clearEnv: true,
      env: container.env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
      signal: AbortSignal.timeout(ENGINE_MS),
    }).output();
  } catch {
    // The engine is no more; the next attempt takes the name.
  }
}

/** What both kinds of handle share. */
class Watch {
  #timers = new Set<() => void>();
  #stopping = false;
  #released = false;

  constructor(
    private readonly process: ProcessId,
    private readonly run: Pick<RunPlan, "experimentId" | "attempt">,
    private readonly folders: Folders,
    private readonly clock: Clock,
  ) {}

  untilGone(): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#released) return;
        if (isAlive(this.process)) this.#after(LOOK_MS, look);
        else resolve();
      };
      look();
    });
  }

  async atEnd(): Promise<RunExit | null> {
    for (const cancel of this.#timers) cancel();
    const exit = await this.folders.readExit(this.run.experimentId, this.run.attempt);
    // Without its last act nobody saw to it that the script's processes are gone.
    if (exit === null) await sweepRun(this.run.experimentId, this.folders);
    return exit;
  }

  stop(graceMs: number): void {
    if (this.#stopping) return;
    this.#stopping = true;
    signalTo(this.process, "SIGTERM");
    this.#after(graceMs + PATIENCE_MS, () => signalTo(this.process, "SIGKILL"));
  }

  release(): void {
    this.#released = true;
    for (const cancel of this.#timers) cancel();
  }

  #after(delayMs: number, act: () => void): void {
    const cancel = this.clock.timer(delayMs, () => {
      this.#timers.delete(cancel);
      act();
    });
    this.#timers.add(cancel);
  }
}

/** The first line of a stream; what follows is left unread. @throws {SupervisorError} when it ends before. */
async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new SupervisorError("it ended without a word");
    text += decoder.decode(value, { stream: true });
    const end = text.indexOf("\n");
    if (end >= 0) {
      await reader.cancel();
      return text.slice(0, end);
    }
    if (text.length > 65536) throw new SupervisorError("it said something else");
  }
}

async function lastWords(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of stream) text = (text + decoder.decode(chunk)).slice(-4096);
  } catch {
    // The pipe broke with the process.
  }
  return text;
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}
