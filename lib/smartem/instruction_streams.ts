import type { AgentChannel } from "../epu/mod.ts";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { instructionReply } from "./agents.ts";
import { AGENT_STREAMS_MAX } from "./model.ts";
import { SmartemRefusal } from "./refusal.ts";
import { isoOf } from "./replies.ts";
import { SseStream } from "./sse.ts";

/** Between two signs of life; agents give a stream up after 30 to 35 s of silence. */
const HEARTBEAT_MS = 10_000;

interface Listening {
  readonly stream: SseStream;
  readonly sessionId: string;
  readonly actor: string;
  wake(): void;
}

/**
 * The streams on which agents hear what they are told. A stream opened anew, whether it names the last event
 * it saw or not, brings everything that its agent has not confirmed; what was confirmed never comes again.
 * A session listens on one stream: the newest.
 */
export class InstructionStreams {
  readonly #open = new Map<string, Listening>();
  readonly #unlisten: () => void;
  readonly #ending = new Set<Promise<unknown>>();
  #closed = false;

  constructor(
    private readonly agents: AgentChannel,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.#unlisten = agents.instructions.onChange(({ sessionId, state }) => {
      if (state === "pending") this.#open.get(sessionId)?.wake();
    });
  }

  /** @throws {SmartemRefusal} 503 beyond `AGENT_STREAMS_MAX` */
  async open(
    { agentId, sessionId, clientInfo, actor }: {
      agentId: string;
      sessionId: string;
      clientInfo: string | null;
      actor: string;
    },
  ): Promise<Response> {
    if (this.#closed) throw new SmartemRefusal(503, "Holdfast is closing");
    if (this.#open.size >= AGENT_STREAMS_MAX) {
      throw new SmartemRefusal(503, "Too many agents are connected");
    }
    const session = await this.agents.session(sessionId);
    const why = session === null
      ? `Session ${sessionId} not found`
      : session.agentId !== agentId
      ? `Session ${sessionId} does not belong to agent ${agentId}`
      : session.state === "ended"
      ? `Session ${sessionId} is not active (status: ended)`
      : null;
    if (why !== null) return refused("session_validation_failed", why);
    const connected = await this.agents.connect({ agentId, sessionId, clientInfo });
    if (!connected.ok) {
      return refused("session_validation_failed", `Session ${sessionId} not found`);
    }
    return this.#listen(agentId, sessionId, connected.value.id, actor);
  }

  /** Of a session that ended. */
  endSession(sessionId: string): void {
    this.#open.get(sessionId)?.stream.end();
  }

  /** Ends the streams of everyone `matches` accepts. */
  disconnect(matches: (actor: string) => boolean): void {
    for (const { stream, actor } of [...this.#open.values()]) if (matches(actor)) stream.end();
  }

  /** Ends all streams; resolves when the connections are written as closed. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unlisten();
    for (const { stream } of [...this.#open.values()]) stream.end();
    await Promise.allSettled(this.#ending);
  }

  #listen(
    agentId: string,
    sessionId: string,
    connectionId: string,
    actor: string,
  ): Response {
    this.#open.get(sessionId)?.stream.end();
    let cancel = () => {};
    let running: Promise<void> | null = null;
    let again = false;
    const stream = new SseStream(() => {
      cancel();
      if (this.#open.get(sessionId) === own) this.#open.delete(sessionId);
      const reason = this.#closed ? "Holdfast closed" : "client_disconnect";
      const ending = this.agents.disconnect(connectionId, reason).catch((error) =>
        this.log.warn("the end of an agent's connection could not be written", { error })
      );
      this.#ending.add(ending);
      ending.finally(() => this.#ending.delete(ending));
    });
    const deliver = async (all: boolean) => {
      let first = all;
      do {
        again = false;
        for (const one of await this.agents.instructions.deliver(sessionId, { again: first })) {
          const { status: _status, ...data } = instructionReply(one);
          stream.send({ event: "instruction", id: one.id, data: { type: "instruction", ...data } });
        }
        first = false;
      } while (again && !stream.ended);
    };
    const run = (all: boolean) => {
      if (stream.ended) return;
      again = true;
      running ??= deliver(all).catch((error) => {
        this.log.error("an agent could not be told; its stream is closed", { agentId, error });
        stream.end();
      }).finally(() => running = null);
    };
    const beat = () => {
      cancel = this.clock.timer(HEARTBEAT_MS, () => {
        if (stream.ended) return;
        stream.send({
          event: "heartbeat",
          data: {
            type: "heartbeat",
            timestamp: isoOf(this.clock.nowMs()),
            connection_id: connectionId,
          },
        });
        // As long as the stream stands the agent is there, whether it says so itself or not.
        this.agents.heartbeat(agentId, sessionId).catch((error) =>
          this.log.warn("an agent's sign of life could not be written", { error })
        );
        beat();
      });
    };
    const own: Listening = { stream, sessionId, actor, wake: () => run(false) };
    this.#open.set(sessionId, own);
    stream.send({
      event: "connection",
      data: {
        type: "connection",
        agent_id: agentId,
        session_id: sessionId,
        connection_id: connectionId,
        status: "connected",
      },
    });
    run(true);
    beat();
    return stream.response;
  }
}

/** As there: 200, one event that says why, and the end. */
function refused(error: string, message: string): Response {
  const stream = new SseStream(() => {});
  stream.send({ event: "error", data: { type: "error", error, message } });
  stream.end();
  return stream.response;
}
