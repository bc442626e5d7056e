import type { Smartem } from "../lib/smartem/mod.ts";
import type { Operation } from "./compat_smartem.ts";

const ok = (body: unknown) => ({ status: 200, body });

/** Agents, what they are told, and who follows all of it, over the SmartEM API. */
export function smartemAgentRoutes(smartem: Smartem): Operation[] {
  const { agents, instructionStreams, viewerStreams } = smartem;
  const agent = "agent_id";
  const session = "session_id";
  return [
    [
      "GET",
      "/agent/{agent_id}/session/{session_id}/instructions/stream",
      "Hear what an agent is told, as server-sent events",
      (a) =>
        instructionStreams.open({
          agentId: a.param(agent),
          sessionId: a.param(session),
          clientInfo: a.header("user-agent") ?? null,
          actor: a.actor,
        }),
    ],
    [
      "POST",
      "/agent/{agent_id}/session/{session_id}/instructions/{instruction_id}/ack",
      "Answer an instruction",
      async (a) =>
        ok(
          await agents.acknowledge(
            a.param(agent),
            a.param(session),
            a.param("instruction_id"),
            await a.body(),
            a.actor,
          ),
        ),
    ],
    [
      "POST",
      "/agent/{agent_id}/session/{session_id}/heartbeat",
      "Say that an agent lives",
      async (a) => ok(await agents.heartbeat(a.param(agent), a.param(session))),
    ],
    [
      "POST",
      "/agent/{agent_id}/session/{session_id}/logs",
      "Ship lines of an agent's log",
      async (a) => ok(await agents.keepLog(a.param(agent), a.param(session), await a.body())),
    ],
    [
      "GET",
      "/debug/agent-connections",
      "List open connections",
      async () => ok(await agents.connections()),
    ],
    ["GET", "/debug/sessions", "List active sessions", async () => ok(await agents.sessions())],
    [
      "GET",
      "/debug/connection-stats",
      "Count connections, sessions and instructions",
      async () => ok(await agents.stats()),
    ],
    [
      "GET",
      "/debug/session/{session_id}/instructions",
      "List what a session was told",
      async (a) => ok(await agents.instructionsOf(a.param(session))),
    ],
    [
      "POST",
      "/debug/sessions/create",
      "Open a session for an agent",
      async (a) => ok(await agents.createSession(await a.body(), a.actor, false)),
    ],
    [
      "POST",
      "/debug/sessions/create-managed",
      "Open a session for an agent under a new id",
      async (a) => ok(await agents.createSession(await a.body(), a.actor, true)),
    ],
    [
      "DELETE",
      "/debug/sessions/{session_id}/close",
      "End a session",
      async (a) => ok(await agents.closeSession(a.param(session), a.actor)),
    ],
    [
      "POST",
      "/debug/session/{session_id}/create-instruction",
      "Tell an agent something",
      async (a) => ok(await agents.createInstruction(a.param(session), await a.body(), a.actor)),
    ],
    [
      "GET",
      "/frontend/events/stream",
      "Follow agents, acquisitions, instructions and results, as server-sent events",
      (a) => {
        const types = a.query.get("event_types");
        const last = Number(a.header("last-event-id") ?? NaN);
        return viewerStreams.open({
          acquisitionUuid: a.query.get("acquisition_uuid") || null,
          agentId: a.query.get("agent_id") || null,
          types: types === null || types === ""
            ? null
            : new Set(types.split(",").map((one) => one.trim())),
          lastEventId: Number.isSafeInteger(last) && last >= 0 ? last : null,
          actor: a.actor,
        });
      },
    ],
  ];
}
