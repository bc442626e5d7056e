import { type Clock, delay } from "../../clock.ts";
import type { Log } from "../../log.ts";

export interface ChannelOptions {
  /** Base of the SmartEM API, without a slash at its end. */
  readonly url: string;
  readonly token: string | undefined;
  readonly agentId: string;
  readonly sessionId: string;
  /** 0: no heartbeats. */
  readonly heartbeatMs: number;
  /** Without a byte for so long the stream is opened anew. */
  readonly silenceMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** What "agent.status.request" and "agent.info" are answered with. */
  readonly status: () => Promise<Record<string, unknown>>;
}

interface Instruction {
  readonly instruction_id: string;
  readonly instruction_type: string;
  readonly expires_at?: string | null;
}

const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 60_000;
const ACK_TRIES = 3;
const LINE_CHARS_MAX = 1_000_000;

/**
 * Hears the instructions of a SmartEM backend and answers each: what asks for knowledge is answered, what
 * would move a microscope is declined, for nothing here can. Opened again for ever, however often it ends.
 */
export class InstructionChannel {
  constructor(private readonly options: ChannelOptions) {}

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.options;
    for (let tries = 0; !signal.aborted;) {
      try {
        await this.#listen(signal, () => tries = 0);
        log.info("the instruction stream ended; it is opened again");
      } catch (error) {
        if (signal.aborted) return;
        log.warn("no instruction stream", {
          error: error instanceof Error ? error.message : error,
        });
      }
      const waitMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(10, tries++));
      await delay(clock, waitMs * (0.75 + Math.random() / 2), signal).catch(() => {});
    }
  }

  get #base(): string {
    const { url, agentId, sessionId } = this.options;
    return `${url}/agent/${encodeURIComponent(agentId)}/session/${encodeURIComponent(sessionId)}`;
  }

  async #listen(signal: AbortSignal, onOpen: () => void): Promise<void> {
    const { clock, silenceMs } = this.options;
    const own = new AbortController();
    const all = AbortSignal.any([signal, own.signal]);
    let cancel = clock.timer(
      silenceMs,
      () => own.abort(new DOMException("Silence", "TimeoutError")),
    );
    const heard = () => {
      cancel();
      cancel = clock.timer(silenceMs, () => own.abort(new DOMException("Silence", "TimeoutError")));
    };
    let beating: Promise<void> | null = null;
    try {
      const reply = await fetch(`${this.#base}/instructions/stream`, {
        headers: { accept: "text/event-stream", ...this.#login() },
        signal: all,
      });
      if (!reply.ok || reply.body === null) {
        await reply.body?.cancel();
        throw new TypeError(`The instruction stream was answered with ${reply.status}`);
      }
      onOpen();
      let buffered = "";
      for await (const text of reply.body.pipeThrough(new TextDecoderStream())) {
        heard();
        buffered += text;
        if (buffered.length > LINE_CHARS_MAX) throw new TypeError("An instruction is too long");
        const blocks = buffered.split(/\r?\n\r?\n/);
        buffered = blocks.pop()!;
        for (const block of blocks) {
          const message = messageIn(block);
          if (message === null) continue;
          if (message.type === "connection") {
            beating ??= this.#beat(String(message.connection_id ?? ""), all);
          } else if (message.type === "instruction") {
            await this.#answer(message as unknown as Instruction, all);
          }
        }
      }
    } finally {
      cancel();
      own.abort();
      await beating;
    }
  }

  async #answer(instruction: Instruction, signal: AbortSignal): Promise<void> {
    const { clock, log, status } = this.options;
    const { instruction_id: id, instruction_type: type, expires_at: expires } = instruction;
    const startMs = clock.monotonicMs();
    let body: Record<string, unknown>;
    if (typeof expires === "string" && epochMsOf(expires) <= clock.nowMs()) {
      body = { status: "declined", error_message: "It has expired" };
    } else if (type === "agent.status.request" || type.startsWith("agent.info.")) {
      body = { status: "processed", result: JSON.stringify(await status()) };
    } else {
      body = {
        status: "declined",
        error_message: `"${type}" is not supported: this agent moves no microscope`,
      };
    }
    body.processing_time_ms = Math.round(clock.monotonicMs() - startMs);
    log.info("an instruction was answered", { id, type, status: body.status });
    for (let tries = 1;; tries++) {
      const ok = await this.#post(`/instructions/${encodeURIComponent(id)}/ack`, body, signal);
      if (ok || tries >= ACK_TRIES) return;
      await delay(clock, RETRY_MIN_MS * tries, signal);
    }
  }

  async #beat(connectionId: string, signal: AbortSignal): Promise<void> {
    const { clock, heartbeatMs, agentId, sessionId } = this.options;
    if (heartbeatMs === 0) return;
    while (!signal.aborted) {
      await this.#post("/heartbeat", {
        status: "alive",
        agent_id: agentId,
        session_id: sessionId,
        connection_id: connectionId,
        heartbeat_timestamp: new Date(clock.nowMs()).toISOString().slice(0, -1),
      }, signal);
      await delay(clock, heartbeatMs, signal).catch(() => {});
    }
  }

  /** Whether it was taken. */
  async #post(path: string, body: unknown, signal: AbortSignal): Promise<boolean> {
    try {
      const reply = await fetch(this.#base + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...this.#login() },
        body: JSON.stringify(body),
        signal,
      });
      await reply.body?.cancel();
      // Another try finds the same answer.
      return reply.ok || (reply.status >= 400 && reply.status < 500);
    } catch {
      return false;
    }
  }

  #login(): Record<string, string> {
    const { token } = this.options;
    return token === undefined ? {} : { authorization: `Bearer ${token}` };
  }
}

/** Where it names no zone, a backend means UTC. */
function epochMsOf(time: string): number {
  return Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/i.test(time) ? time : `${time}Z`);
}

function messageIn(block: string): Record<string, unknown> | null {
  const data = block.split(/\r?\n/).filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5).trimStart()).join("\n");
  if (data === "") return null;
  try {
    const message = JSON.parse(data);
    return typeof message === "object" && message !== null ? message : null;
  } catch {
    return null;
  }
}
