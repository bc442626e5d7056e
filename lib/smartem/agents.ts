import type {
  AcknowledgementAsk,
  AgentChannel,
  AgentConnection,
  AgentSession,
  Instruction,
} from "../epu/mod.ts";
import type { Clock } from "../clock.ts";
import { Listeners } from "../listeners.ts";
import {
  ackFields,
  given,
  givenList,
  instructionFields,
  logFields,
  nothingElse,
  sessionFields,
  wrong,
} from "./fields.ts";
import { Finder } from "./finder.ts";
import { LOG_LINES_MAX } from "./model.ts";
import { SmartemRefusal } from "./refusal.ts";
import { isoOf, maybeIso, type Reply } from "./replies.ts";

const MESSAGE_CHARS = 20_000;
const INSTRUCTIONS_MAX = 1000;

export interface LoggedLine {
  readonly agentId: string;
  readonly sessionId: string;
  readonly atMs: number;
  readonly level: string;
  readonly logger: string;
  readonly message: string;
}

/** What agents answer and ship, and what people look at while they set one up. */
export class Agents {
  readonly #lines = new Listeners<[lines: readonly LoggedLine[]]>();

  constructor(
    private readonly agents: AgentChannel,
    private readonly find: Finder,
    private readonly clock: Clock,
  ) {}

  /** Lines that agents have shipped. */
  onLines(listener: (lines: readonly LoggedLine[]) => void): () => void {
    return this.#lines.add(listener);
  }

  /** An answer to an instruction; the same again, or one that comes late, is accepted too. */
  async acknowledge(
    agentId: string,
    sessionId: string,
    id: string,
    body: unknown,
    actor: string,
  ): Promise<Reply> {
    const ask = given<typeof ackFields, "status">(body, ackFields);
    nothingElse(body, ackFields);
    const session = await this.#session(agentId, sessionId);
    if (session.state === "ended") {
      throw new SmartemRefusal(400, `Session ${sessionId} is not active`);
    }
    const before = await this.agents.instructions.get(id);
    if (before === null) throw new SmartemRefusal(404, "Instruction not found");
    if (before.sessionId !== sessionId) {
      throw new SmartemRefusal(400, "Instruction does not belong to this session");
    }
    if (before.state === "pending") {
      throw new SmartemRefusal(400, "Instruction cannot be acknowledged (it was not sent yet)");
    }
    const answer: AcknowledgementAsk = {
      status: ask.status,
      ...ask.result == null ? {} : { result: ask.result },
      error: ask.error_message?.slice(0, 10_000) ?? null,
      processingMs: ask.processing_time_ms ?? null,
      processedAtMs: ask.processed_at ?? null,
    };
    const done = await this.agents.instructions.acknowledge(sessionId, id, answer, actor);
    if (!done.ok) throw new SmartemRefusal(404, "Instruction not found");
    const { endedAtMs, receivedAtMs } = done.value;
    const atMs = (ask.status === "received" ? receivedAtMs : endedAtMs) ?? this.clock.nowMs();
    return {
      status: "success",
      instruction_id: id,
      acknowledged_at: isoOf(atMs),
      agent_id: agentId,
      session_id: sessionId,
    };
  }

  async heartbeat(agentId: string, sessionId: string): Promise<Reply> {
    const done = await this.agents.heartbeat(agentId, sessionId);
    if (!done.ok) {
      throw new SmartemRefusal(404, "No active connection found for agent and session");
    }
    return {
      status: "success",
      agent_id: agentId,
      session_id: sessionId,
      heartbeat_timestamp: isoOf(this.clock.nowMs()),
      connection_id: done.value.id,
    };
  }

  /** Stores all of it; more than fits one batch is refused, not cut. */
  async keepLog(agentId: string, sessionId: string, body: unknown): Promise<Reply> {
    const list = (body as { logs?: unknown } | null)?.logs;
    if (Array.isArray(list) && list.length > LOG_LINES_MAX) {
      throw new SmartemRefusal(413, `A batch has at most ${LOG_LINES_MAX} lines`);
    }
    const asks = givenList<typeof logFields, keyof typeof logFields>(list, logFields, [
      "body",
      "logs",
    ]);
    for (const { level, logger_name } of asks) {
      if (level.length > 20) throw wrong("level", "has at most 20 characters", level);
      if (logger_name.length > 200) {
        throw wrong("logger_name", "has at most 200 characters", logger_name);
      }
    }
    await this.#session(agentId, sessionId);
    // A trace longer than one line may be goes on in the next ones.
    const lines = asks.flatMap(({ timestamp, level, logger_name, message }) =>
      pieces(message).map((piece) => ({
        atMs: timestamp,
        level,
        logger: logger_name,
        message: piece,
      }))
    );
    const done = await this.agents.keepLog(agentId, sessionId, lines);
    if (!done.ok) throw new SmartemRefusal(404, "Session not found");
    this.#lines.tell(lines.map((line) => ({ agentId, sessionId, ...line })));
    return { stored: asks.length };
  }

  async connections(): Promise<Reply> {
    const open = (await this.agents.connections()).filter(({ state }) => state === "open");
    return {
      active_connections: open.map(connectionReply),
      total_count: open.length,
    };
  }

  async sessions(): Promise<Reply> {
    const active = (await this.agents.sessions()).filter(({ state }) => state === "active");
    return { active_sessions: active.map(sessionReply), total_count: active.length };
  }

  async instructionsOf(sessionId: string): Promise<Reply> {
    const session = await this.agents.session(sessionId);
    const all = session === null ? [] : await this.agents.instructions.list(session.agentId, {
      limit: INSTRUCTIONS_MAX,
      sessionId,
    });
    const answered: Record<string, number> = {};
    for (const one of all) {
      const said = ackStatusOf(one);
      if (said !== null) answered[said] = (answered[said] ?? 0) + 1;
    }
    return {
      session_id: sessionId,
      instructions: all.map((one) => ({
        ...instructionReply(one),
        sent_at: maybeIso(one.sentAtMs),
        acknowledged_at: maybeIso(one.receivedAtMs),
        acknowledgements_count: (one.receivedAtMs === null ? 0 : 1) + (one.answer === null ? 0 : 1),
      })),
      total_instructions: all.length,
      acknowledgement_statistics: answered,
    };
  }

  async stats(): Promise<Reply> {
    const open = (await this.agents.connections()).filter(({ state }) => state === "open");
    const active = (await this.agents.sessions()).filter(({ state }) => state === "active");
    const waiting = await this.agents.instructions.open();
    const pending = waiting.filter(({ state }) => state === "pending").length;
    const sent = waiting.filter(({ state }) => state === "sent").length;
    return {
      active_connections: open.length,
      active_sessions: active.length,
      pending_instructions: pending,
      sent_instructions: sent,
      total_instructions_pending: pending + sent,
      timestamp: isoOf(this.clock.nowMs()),
    };
  }

  async createSession(body: unknown, actor: string, isManaged: boolean): Promise<Reply> {
    const ask = given(body ?? {}, sessionFields);
    const parameters = ask.experimental_parameters ?? {};
    if (typeof parameters !== "object" || Array.isArray(parameters)) {
      throw wrong("experimental_parameters", "is an object", parameters);
    }
    const acquisition = ask.acquisition_uuid ?? null;
    if (acquisition !== null && await this.find.maybe(acquisition, "acquisition") === null) {
      throw new SmartemRefusal(404, `Acquisition ${acquisition} not found`);
    }
    const done = await this.agents.openSession({
      ...ask.session_id == null || isManaged ? {} : { id: ask.session_id },
      agentId: ask.agent_id ?? "test-agent",
      acquisitionId: acquisition === null ? null : (await this.find.acquisition(acquisition)).id,
      name: (ask.name ?? "").slice(0, 500),
      description: (ask.description ?? "").slice(0, 4000),
      experimentalParameters: parameters as Record<string, unknown>,
    }, actor);
    if (!done.ok) {
      throw new SmartemRefusal(409, `Session ${ask.session_id} is another agent's, or has ended`);
    }
    const { id, agentId, createdAtMs } = done.value;
    if (isManaged) {
      return {
        session_id: id,
        status: "created",
        created_via: "connection_manager",
        timestamp: isoOf(createdAtMs),
      };
    }
    return {
      session_id: id,
      agent_id: agentId,
      status: "created",
      created_at: isoOf(createdAtMs),
    };
  }

  async closeSession(sessionId: string, actor: string): Promise<Reply> {
    const done = await this.agents.closeSession(sessionId, actor);
    if (!done.ok) throw new SmartemRefusal(404, "Session not found");
    return {
      session_id: sessionId,
      status: "closed",
      closed_via: "connection_manager",
      timestamp: isoOf(this.clock.nowMs()),
    };
  }

  async createInstruction(sessionId: string, body: unknown, actor: string): Promise<Reply> {
    const ask = given(body ?? {}, instructionFields);
    const session = await this.agents.session(sessionId);
    if (session === null) throw new SmartemRefusal(404, "Session not found");
    const payload = objectOf("payload", ask.payload);
    const metadata = objectOf("metadata", ask.metadata);
    const minutes = ask.expires_in_minutes || 60;
    const done = await this.agents.instructions.create({
      agentId: session.agentId,
      sessionId,
      type: (ask.instruction_type || "test.instruction").slice(0, 200),
      payload,
      metadata,
      priority: ask.priority ?? "normal",
      sequence: ask.sequence_number ?? null,
      expiresInMs: Math.max(1, Math.round(minutes * 60_000)),
    }, actor);
    if (!done.ok) throw new SmartemRefusal(409, `Session ${sessionId} has ended`);
    const { id, createdAtMs } = done.value;
    return { instruction_id: id, status: "created", created_at: isoOf(createdAtMs) };
  }

  async #session(agentId: string, sessionId: string): Promise<AgentSession> {
    const session = await this.agents.session(sessionId);
    if (session === null) throw new SmartemRefusal(404, `Session ${sessionId} not found`);
    if (session.agentId !== agentId) {
      throw new SmartemRefusal(
        403,
        `Session ${sessionId} does not belong to agent ${agentId}`,
      );
    }
    return session;
  }
}

/** As it goes out to an agent, but for `type`. */
export function instructionReply(one: Instruction): Reply {
  return {
    instruction_id: one.id,
    agent_id: one.agentId,
    session_id: one.sessionId,
    instruction_type: one.type,
    payload: one.payload,
    sequence_number: one.sequence,
    priority: one.priority,
    status: statusOf(one),
    created_at: isoOf(one.createdAtMs),
    expires_at: isoOf(one.expiresAtMs),
    metadata: one.metadata,
  };
}

/** In the original's words where it has one; what failed is not called acknowledged. */
export function statusOf({ state }: Instruction): string {
  return state === "received" || state === "processed" ? "acknowledged" : state;
}

export function ackStatusOf({ answer, receivedAtMs }: Instruction): string | null {
  return answer?.status ?? (receivedAtMs === null ? null : "received");
}

function connectionReply(one: AgentConnection): Reply {
  return {
    connection_id: one.id,
    agent_id: one.agentId,
    session_id: one.sessionId,
    connection_type: "sse",
    status: "active",
    created_at: isoOf(one.openedAtMs),
    last_heartbeat_at: isoOf(one.lastHeartbeatAtMs),
    client_info: { user_agent: one.clientInfo },
  };
}

function sessionReply(one: AgentSession): Reply {
  return {
    session_id: one.id,
    agent_id: one.agentId,
    acquisition_uuid: one.acquisitionId,
    name: one.name,
    description: one.description,
    status: one.state,
    created_at: isoOf(one.createdAtMs),
    started_at: isoOf(one.createdAtMs),
    last_activity_at: isoOf(one.lastActivityAtMs),
    experimental_parameters: one.experimentalParameters,
  };
}

function objectOf(name: string, value: unknown): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw wrong(name, "is an object", value);
  return value as Record<string, unknown>;
}

function pieces(message: string): string[] {
  if (message.length <= MESSAGE_CHARS) return [message];
  const count = Math.ceil(message.length / MESSAGE_CHARS);
  return Array.from(
    { length: count },
    (_, i) => message.slice(i * MESSAGE_CHARS, (i + 1) * MESSAGE_CHARS),
  );
}
