import { type AgentOptions, AgentServer } from "./server.ts";

export type { AgentOptions, Extension } from "./server.ts";

/** From the end of stdin or a signal to the end of the process, at most. */
const EXIT_MS = 500;
/** Of which bringing the devices to safe may take this much; the rest is for the last lines. */
const SAFE_MS = 400;
/** Exit code when a device may not have reached its safe state. */
const UNSAFE = 1;
/** Lines waiting for a slow reader; beyond it readings are dropped, never answers. */
const LINES_MAX = 1000;

/**
 * Turns drivers into an agent process: says `hello` on stdout, answers asks from stdin, logs JSON lines to
 * stderr. When stdin closes, or on SIGTERM, it brings every actuator to its safe state and ends within
 * half a second. Runs alike as a process (`deno run agents/NAME.ts`) and as the Worker that
 * `holdfast agent NAME` starts; never returns.
 */
export async function runAgent(options: AgentOptions): Promise<never> {
  const output = new LineOutput(options.name);
  const server = new AgentServer(options, output, Deno.pid);
  let ending = false;
  const end = async (reason: string, code: number): Promise<void> => {
    if (ending) return;
    ending = true;
    output.log("info", "ending", { reason });
    setTimeout(() => exit(UNSAFE), EXIT_MS - 20);
    const outcomes = await Promise.race([
      server.close(reason),
      new Promise<null>((resolve) => setTimeout(() => resolve(null), SAFE_MS)),
    ]);
    const failed = outcomes?.filter(({ ok }) => !ok).map(({ deviceId }) => deviceId);
    const safe = failed?.length === 0;
    if (!safe) output.log("error", "ended away from safe", { failed: failed ?? "unknown" });
    await output.flush();
    exit(safe || code !== 0 ? code : UNSAFE);
  };
  output.onBroken = () => void end("stdout closed", 0);
  Deno.addSignalListener("SIGTERM", () => void end("SIGTERM", 0));
  // Ctrl-C reaches the whole foreground group: the runtime decides in which order things end.
  Deno.addSignalListener("SIGINT", () => {});
  Deno.addSignalListener("SIGHUP", () => {});
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    output.log("error", "unhandled rejection", { error: String(event.reason) });
    void end("unhandled rejection", 70);
  });
  try {
    server.hello();
    for await (const chunk of Deno.stdin.readable) server.push(chunk);
    await end("stdin closed", 0);
  } catch (error) {
    output.log("error", "agent failed", { error: error instanceof Error ? error.stack : error });
    await end("agent failed", 70);
  }
  return new Promise<never>(() => {});
}

/** Inside a Worker, `Deno.exit` would end the Worker alone: its host ends the process. */
function exit(code: number): void {
  const worker = globalThis as { postMessage?: (message: unknown) => void };
  if (typeof worker.postMessage === "function") worker.postMessage({ exit: code });
  else Deno.exit(code);
}

/** stdout and stderr of the agent. */
class LineOutput {
  onBroken: () => void = () => {};
  readonly #out = new BoundedWriter(Deno.stdout, () => this.onBroken());
  // A log nobody reads says nothing about the parent: stdin tells whether it is gone.
  readonly #err = new BoundedWriter(Deno.stderr, () => {});

  constructor(private readonly agent: string) {}

  line(text: string, kind: "answer" | "notice" | "readings"): void {
    this.#out.push(text, kind === "readings");
  }

  log(level: string, message: string, fields: Record<string, unknown> = {}): void {
    this.#err.push(JSON.stringify({ level, message, agent: this.agent, ...fields }), true);
  }

  async flush(): Promise<void> {
    await Promise.all([this.#out.flushed, this.#err.flushed]);
  }
}

/**
 * Lines in order, without ever waiting for the reader: a parent that hangs must not keep a heartbeat or
 * an on-time from being enforced here.
 */
class BoundedWriter {
  flushed: Promise<void> | null = null;
  #waiting: string[] = [];
  #broken = false;
  readonly #encoder = new TextEncoder();

  constructor(
    private readonly pipe: { write(bytes: Uint8Array): Promise<number> },
    private readonly onBroken: () => void,
  ) {}

  /** Lines beyond the limit are dropped when `droppable`; the others are few and bounded by the asks. */
  push(line: string, droppable: boolean): void {
    if (this.#broken) return;
    if (droppable && this.#waiting.length >= LINES_MAX) return;
    this.#waiting.push(line + "\n");
    this.flushed ??= this.#write();
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const bytes = this.#encoder.encode(this.#waiting.splice(0).join(""));
        for (let at = 0; at < bytes.length;) at += await this.pipe.write(bytes.subarray(at));
      }
    } catch {
      this.#broken = true;
      this.onBroken();
    }
    this.flushed = null;
  }
}
