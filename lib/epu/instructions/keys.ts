/** `Instruction`. */
export function instructionKey(agentId?: string, id?: string): Deno.KvKey {
  if (agentId === undefined) return ["epu", "instruction"];
  return id === undefined ? ["epu", "instruction", agentId] : ["epu", "instruction", agentId, id];
}

/** Value: its agent's id. */
export function instructionByIdKey(id: string): Deno.KvKey {
  return ["epu", "instruction_by_id", id];
}

/** Those of a session that have not ended. Value: the agent's id. */
export function openInstructionKey(sessionId?: string, id?: string): Deno.KvKey {
  if (sessionId === undefined) return ["epu", "open_instruction"];
  return id === undefined
    ? ["epu", "open_instruction", sessionId]
    : ["epu", "open_instruction", sessionId, id];
}

/** Value: the id of the instruction that was made for the key. */
export function instructionAskedKey(idempotencyKey: string): Deno.KvKey {
  return ["epu", "instruction_asked", idempotencyKey];
}

/** `AgentSession`. */
export function sessionKey(id?: string): Deno.KvKey {
  return id === undefined ? ["epu", "agent_session"] : ["epu", "agent_session", id];
}

/** `AgentConnection`. */
export function connectionKey(id?: string): Deno.KvKey {
  return id === undefined ? ["epu", "agent_connection"] : ["epu", "agent_connection", id];
}

/** `AgentLogLine`. */
export function logKey(
  agentId: string,
  sessionId: string,
  batch?: string,
  line?: number,
): Deno.KvKey {
  const parts = [batch, line].filter((part) => part !== undefined);
  return ["epu", "agent_log", agentId, sessionId, ...parts];
}
