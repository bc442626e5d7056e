import type { EventDraft } from "../../events.ts";
import type { AgentConnection, AgentSession, Instruction } from "./model.ts";

/** What happened to an instruction, with all of it that a viewer shows. */
export function instructionEvent(one: Instruction, actor: string): EventDraft {
  const { id, agentId, sessionId, type, priority, state, deliveries, decisionId } = one;
  return {
    type: "epu.instruction",
    subject: one.id,
    actor,
    text: `${type} ${
      one.lateAnswer === null ? state : `${state}, late answer ${one.lateAnswer.status}`
    }`,
    data: {
      id,
      agentId,
      sessionId,
      type,
      priority,
      state,
      deliveries,
      decisionId,
      createdAtMs: one.createdAtMs,
      expiresAtMs: one.expiresAtMs,
      endedAtMs: one.endedAtMs,
      error: one.answer?.error ?? null,
    },
  };
}

export function sessionEvent(session: AgentSession, actor: string): EventDraft {
  const { id, agentId, acquisitionId, state, name } = session;
  return {
    type: "epu.agent_session",
    subject: id,
    actor,
    text: `session of agent "${agentId}" ${state}`,
    data: { id, agentId, acquisitionId, state, name },
  };
}

export function connectionEvent(connection: AgentConnection): EventDraft {
  const { id, agentId, sessionId, state, closeReason } = connection;
  return {
    type: "epu.agent_connection",
    subject: agentId,
    actor: "system",
    text: state === "open" ? "agent connected" : `agent's connection ${state}: ${closeReason}`,
    data: { id, agentId, sessionId, state, closeReason },
  };
}
