import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { accept, refuse, type Result } from "../result.ts";
import type { AgentSpec, Child, Spawn } from "./child.ts";
import { Answer, type Ask, LineSplitter, Notice, WIRE_VERSION } from "./wire.ts";

/** Why an ask got no result. */
export class AgentError extends Error {
  override readonly name = "AgentError";
  constructor(
    /** `refused`: it answered with an error; `gone`: its process ended; `timeout`; `cancelled` by the asker. */
    readonly kind: "refused" | "gone" | "timeout" | "cancelled",
    message: string,
    /** The agent's own code and what it added, when it refused. */
    readonly data: { readonly code: string; readonly [member: string]: unknown } = { code: kind },
  ) {
    super(message);
  }
}

/** Counted over all lives of an agent. */
export interface WireCounts {
  garbage: number;
  late: number;
  duplicates: number;
}

type Waiting = (answer: Result<unknown, AgentError>) => void;

/** Ids of asks that were given up, kept to tell a late answer from a second one. */
const GIVEN_UP_MAX = 1000;
/** An agent that says nothing but nonsense is ended. */
const GARBAGE_MAX = 1000;
const ASKS_MAX = 512;
/** After its exit, how long the last lines may take to arrive. */
const DRAIN_MS = 200;
const LOG_LINE_CHARS = 4000;
const LOG_LINES_PER_S = 100;

/** One life of an agent: its process, the asks under way, and the end of it. */
export class AgentProcess {
  /** Resolves with the reason once the process is gone and every ask has been answered. Never rejects. */
  readonly exited: Promise<string>;
  readonly pid: number;
  readonly #child: Child;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  #waiting = new Map<number, Waiting>();
  #givenUp = new Set<number>();
  #nextId = 1;
  #garbage = 0;
  #gone = false;
  #endReason: string | null = null;

  /** @throws {Error} when the program cannot be started. */
  constructor(
    spec: AgentSpec,
    spawn: Spawn,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly counts: WireCounts,
    private readonly onNotice: (notice: Notice) => void,
  ) {
    this.#child = spawn(spec);
    this.pid = this.#child.pid;
    this.#input = this.#child.stdin.getWriter();
    // A broken pipe shows as the exit; nothing more to learn from it.
    this.#input.closed.catch(() => {});
    const output = this.#readOutput();
    const errors = this.#readErrors();
    this.exited = this.#awaitExit(Promise.all([output, errors]));
  }

  /**
   * Asks, and resolves with what `settle` makes of the one answer or of its absence: `AgentError` refused,
   * gone, timeout after `deadlineMs`, cancelled by `signal`. `settle` is called at the moment the answer is
   * read, so that answers and notices take effect in the order in which the agent gave them.
   */
  ask<T>(
    method: string,
    params: Record<string, unknown>,
    { deadlineMs, signal }: { deadlineMs: number; signal?: AbortSignal },
    settle: (answer: Result<unknown, AgentError>) => T | Promise<T>,
  ): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const finish = (answer: Result<unknown, AgentError>) => {
      try {
        resolve(settle(answer));
      } catch (error) {
        reject(error);
      }
    };
    const refused = this.#cannotAsk(signal);
    if (refused !== null) {
      finish(refuse(refused));
      return promise;
    }
    const id = this.#nextId++;
    const ended = new AbortController();
    const end = (answer: Result<unknown, AgentError>) => {
      this.#waiting.delete(id);
      ended.abort();
      finish(answer);
    };
    const giveUp = (error: AgentError) => {
      this.#rememberGivenUp(id);
      this.notify("cancel", { id });
      end(refuse(error));
    };
    const cancelTimer = this.clock.timer(
      deadlineMs,
      () => giveUp(new AgentError("timeout", `No answer to "${method}" within ${deadlineMs} ms`)),
    );
    ended.signal.addEventListener("abort", cancelTimer, { once: true });
    signal?.addEventListener(
      "abort",
      () => giveUp(new AgentError("cancelled", `"${method}" was given up`)),
      { once: true, signal: ended.signal },
    );
    this.#waiting.set(id, end);
    this.#write({ jsonrpc: "2.0", v: WIRE_VERSION, id, method, params });
    return promise;
  }

  #cannotAsk(signal: AbortSignal | undefined): AgentError | null {
    if (this.#gone) return new AgentError("gone", "The agent has ended");
    if (signal?.aborted) return new AgentError("cancelled", "Given up before it was asked");
    if (this.#waiting.size < ASKS_MAX) return null;
    return new AgentError("timeout", `${ASKS_MAX} asks are unanswered`);
  }

  /** Says something that has no answer. */
  notify(method: string, params: Record<string, unknown>): void {
    if (!this.#gone) this.#write({ jsonrpc: "2.0", v: WIRE_VERSION, method, params });
  }

  /** Ends it kindly: it brings its devices to safe and exits. */
  closeInput(reason: string): void {
    this.#endReason ??= reason;
    this.#input.close().catch(() => {});
  }

  /** Ends it at once, with everything it started. */
  kill(reason: string): void {
    this.#endReason ??= reason;
    if (!this.#gone) this.#child.kill();
  }

  #write(ask: Ask): void {
    this.#input.write(this.#encoder.encode(JSON.stringify(ask) + "\n")).catch(() => {});
  }

  async #readOutput(): Promise<void> {
    const splitter = new LineSplitter();
    try {
      for await (const chunk of this.#child.stdout) {
        for (const line of splitter.push(chunk)) {
          if (line.kind === "too-long") {
            this.counts.garbage++;
            this.kill("a line was longer than the wire allows");
            return;
          }
          this.#take(line.text);
        }
      }
    } catch (error) {
      this.kill(`its output cannot be read: ${error}`);
    }
  }

  #take(text: string): void {
    if (this.#gone) return;
    const message = parse(text);
    const notice = Notice.safeParse(message);
    if (notice.success) {
      this.onNotice(notice.data);
      return;
    }
    const answer = Answer.safeParse(message);
    if (!answer.success || !this.#answered(answer.data)) this.#countGarbage(text);
  }

  /** Whether the answer belongs to an ask of ours. */
  #answered({ id, result, error }: Answer): boolean {
    if (id >= this.#nextId || id < 1) return false;
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) {
      if (this.#givenUp.delete(id)) this.counts.late++;
      else this.counts.duplicates++;
      return true;
    }
    if (error === undefined) waiting(accept(result));
    else {
      const code = String(error.code);
      waiting(refuse(new AgentError("refused", error.message, { code, ...error.data })));
    }
    return true;
  }

  #countGarbage(text: string): void {
    this.counts.garbage++;
    if (++this.#garbage <= 3) {
      this.log.warn("agent said something that is not on the wire", { text: text.slice(0, 200) });
    }
    if (this.#garbage >= GARBAGE_MAX) this.kill(`${GARBAGE_MAX} lines were not on the wire`);
  }

  async #readErrors(): Promise<void> {
    const splitter = new LineSplitter(65_536);
    let windowMs = this.clock.monotonicMs();
    let lines = 0;
    try {
      for await (const chunk of this.#child.stderr) {
        for (const line of splitter.push(chunk)) {
          if (this.clock.monotonicMs() - windowMs >= 1000) {
            if (lines > LOG_LINES_PER_S) {
              this.log.warn("agent log lines dropped", { lines: lines - LOG_LINES_PER_S });
            }
            windowMs = this.clock.monotonicMs();
            lines = 0;
          }
          if (++lines <= LOG_LINES_PER_S && line.kind === "line") this.#logLine(line.text);
        }
      }
    } catch {
      // Its log ended; its exit will say why.
    }
  }

  #logLine(text: string): void {
    const parsed = parse(text.slice(0, LOG_LINE_CHARS));
    if (typeof parsed !== "object" || parsed === null || !("message" in parsed)) {
      if (text.trim() !== "") {
        this.log.warn("agent stderr", { text: text.slice(0, LOG_LINE_CHARS) });
      }
      return;
    }
    const { level, message, ...fields } = parsed as Record<string, unknown>;
    const known = level === "debug" || level === "info" || level === "error" ? level : "warn";
    this.log[known](String(message), fields);
  }

  async #awaitExit(streams: Promise<unknown>): Promise<string> {
    const { code, signal } = await this.#child.status;
    // A grandchild may hold the pipes open for ever.
    let cancel = () => {};
    const drained = new Promise<void>((resolve) => {
      cancel = this.clock.timer(DRAIN_MS, resolve);
    });
    await Promise.race([streams, drained]);
    cancel();
    this.#gone = true;
    const how = signal === null ? `exit code ${code}` : signal;
    const reason = this.#endReason === null ? how : `${this.#endReason} (${how})`;
    for (const waiting of [...this.#waiting.values()]) {
      waiting(refuse(new AgentError("gone", `The agent ended: ${reason}`)));
    }
    return reason;
  }

  #rememberGivenUp(id: number): void {
    this.#givenUp.add(id);
    if (this.#givenUp.size <= GIVEN_UP_MAX) return;
    for (const oldest of this.#givenUp) {
      this.#givenUp.delete(oldest);
      return;
    }
  }
}

/** For asks whose answer need not be taken in order. @throws {AgentError} */
export function resultOf(answer: Result<unknown, AgentError>): unknown {
  if (answer.ok) return answer.value;
  throw answer.refusal;
}

/** What the agent found wrong with the arguments, part by part where it says so. */
export function argErrors(error: AgentError): { path: string; message: string }[] {
  const { errors } = error.data;
  if (!Array.isArray(errors)) return [{ path: "", message: error.message }];
  return errors.map(({ path, message }) => ({ path: String(path), message: String(message) }));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
