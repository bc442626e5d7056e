import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { actorOf } from "../auth/model.ts";
import { createApi, type HoldfastEnv, jsonBody, jsonReply, problems } from "../http.ts";
import { Problem } from "../problem.ts";
import {
  AgentConnection,
  AgentLogLine,
  AgentSession,
  Instruction,
  InstructionAsk,
  PRIORITIES,
} from "./instructions/mod.ts";
import { DeadLetter, type LetterRefusal } from "./outbox/mod.ts";
import { instructionProblem } from "./problems.ts";
import type { Steering } from "./steering.ts";

const tags = ["cryo-em"];
const Name = z.string().min(1).max(200);
const AgentParams = z.object({ agent: Name.openapi({ example: "epu-workstation" }) });
const SessionParams = AgentParams.extend({ session: Name.openapi({ example: "night-1" }) });
const InstructionParams = z.object({
  instruction: Name.openapi({ example: "01KFPS2Y8E9N6VYPTT1MYH05CS" }),
});
const LetterParams = z.object({
  consumer: Name.openapi({ example: "pipeline" }),
  seq: z.coerce.number().int().positive().openapi({ example: 1204 }),
});
const Limit = z.coerce.number().int().min(1).max(1000).default(100);

const agentsRoute = createRoute({
  method: "get",
  path: "/epu/agents",
  tags,
  summary: "List the agents: their sessions, and the streams they listen on",
  responses: {
    200: jsonReply(
      "Sessions, newest first",
      z.object({
        sessions: z.array(z.object({
          session: AgentSession,
          connections: z.array(AgentConnection),
          waiting: z.number().int().openapi({ description: "Instructions that have not ended" }),
        })),
      }),
    ),
    ...problems("store-unavailable"),
  },
});

const instructionsRoute = createRoute({
  method: "get",
  path: "/epu/agents/{agent}/instructions",
  tags,
  summary: "List what an agent was told, newest first",
  request: {
    params: AgentParams,
    query: z.object({ limit: Limit, session: Name.optional() }),
  },
  responses: {
    200: jsonReply("Instructions", z.object({ items: z.array(Instruction) })),
    ...problems("invalid-request", "store-unavailable"),
  },
});

const createInstructionRoute = createRoute({
  method: "post",
  path: "/epu/agents/{agent}/sessions/{session}/instructions",
  tags,
  summary: "Tell an agent something",
  description: "The same `Idempotency-Key` again gives the first instruction.",
  request: {
    params: SessionParams,
    headers: z.object({ "idempotency-key": Name.optional() }),
    body: jsonBody(
      z.strictObject({
        type: InstructionAsk.shape.type,
        payload: z.record(z.string(), z.unknown()).default({}),
        priority: z.enum(PRIORITIES).default("normal"),
        expiresInMs: z.number().int().positive().max(30 * 86_400_000).default(3_600_000),
      }),
      {
        type: "microscope.control.skip_gridsquares",
        payload: { gridsquare_ids: ["4590776"], reason: "ice too thick" },
        priority: "high",
      },
    ),
  },
  responses: {
    201: jsonReply("The instruction", Instruction),
    ...problems("not-found", "not-open", "invalid-request", "malformed-body", "store-unavailable"),
  },
});

const cancelRoute = createRoute({
  method: "post",
  path: "/epu/instructions/{instruction}/cancel",
  tags,
  summary: "Call an instruction back before its agent has it",
  request: { params: InstructionParams },
  responses: {
    200: jsonReply("The instruction", Instruction),
    ...problems("not-found", "not-open", "store-unavailable"),
  },
});

const logRoute = createRoute({
  method: "get",
  path: "/epu/agents/{agent}/sessions/{session}/log",
  tags,
  summary: "Read what an agent wrote into its log, newest first",
  request: { params: SessionParams, query: z.object({ limit: Limit }) },
  responses: {
    200: jsonReply("Lines", z.object({ items: z.array(AgentLogLine) })),
    ...problems("invalid-request", "store-unavailable"),
  },
});

const outboxRoute = createRoute({
  method: "get",
  path: "/epu/outbox",
  tags,
  summary: "Read how far each service is with what it is told",
  responses: {
    200: jsonReply(
      "One entry for each consumer",
      z.object({
        consumers: z.array(z.object({
          consumer: z.string(),
          waiting: z.number().int(),
          oldestAtMs: z.number().nullable(),
          dead: z.number().int(),
          lost: z.number().int(),
          breaker: z.enum(["closed", "open"]),
          lastError: z.string().nullable(),
        })),
      }),
    ),
    ...problems("store-unavailable"),
  },
});

const lettersRoute = createRoute({
  method: "get",
  path: "/epu/dead-letters",
  tags,
  summary: "List what could not be delivered, oldest first",
  request: { query: z.object({ limit: Limit, consumer: Name.optional() }) },
  responses: {
    200: jsonReply("Dead letters", z.object({ items: z.array(DeadLetter) })),
    ...problems("invalid-request", "store-unavailable"),
  },
});

const replayRoute = createRoute({
  method: "post",
  path: "/epu/dead-letters/{consumer}/{seq}/replay",
  tags,
  summary: "Put a dead letter back into its queue",
  request: { params: LetterParams },
  responses: {
    200: jsonReply("The letter, as it was", DeadLetter),
    ...problems("not-found", "invalid-request", "store-unavailable"),
  },
});

const discardRoute = createRoute({
  method: "delete",
  path: "/epu/dead-letters/{consumer}/{seq}",
  tags,
  summary: "Throw a dead letter away",
  request: { params: LetterParams },
  responses: {
    200: jsonReply("The letter, as it was", DeadLetter),
    ...problems("not-found", "invalid-request", "store-unavailable"),
  },
});

/** Agents with what they are told, and the outbox; to be mounted at `/api/v1`. */
export function epuSteeringApi({ agents, outbox }: Steering): OpenAPIHono<HoldfastEnv> {
  const api = createApi();

  api.openapi(agentsRoute, async (c) => {
    const [sessions, connections, open] = await Promise.all([
      agents.sessions(),
      agents.connections(),
      agents.instructions.open(),
    ]);
    return c.json({
      sessions: sessions.map((session) => ({
        session,
        connections: connections.filter(({ sessionId }) => sessionId === session.id),
        waiting: open.filter(({ sessionId }) => sessionId === session.id).length,
      })),
    }, 200);
  });

  api.openapi(instructionsRoute, async (c) => {
    const { limit, session } = c.req.valid("query");
    const items = await agents.instructions.list(c.req.valid("param").agent, {
      limit,
      ...session === undefined ? {} : { sessionId: session },
    });
    return c.json({ items }, 200);
  });

  api.openapi(createInstructionRoute, async (c) => {
    const { agent: agentId, session: sessionId } = c.req.valid("param");
    const idempotencyKey = c.req.valid("header")["idempotency-key"] ?? null;
    const ask = { ...c.req.valid("json"), agentId, sessionId, idempotencyKey };
    const done = await agents.instructions.create(ask, actorOf(c.get("principal")));
    if (!done.ok) throw instructionProblem(done.refusal);
    return c.json(done.value, 201);
  });

  api.openapi(cancelRoute, async (c) => {
    const { instruction } = c.req.valid("param");
    const done = await agents.instructions.cancel(instruction, actorOf(c.get("principal")));
    if (!done.ok) throw instructionProblem(done.refusal);
    return c.json(done.value, 200);
  });

  api.openapi(logRoute, async (c) => {
    const { agent, session } = c.req.valid("param");
    const { limit } = c.req.valid("query");
    return c.json({ items: await agents.logLines(agent, session, limit) }, 200);
  });

  api.openapi(outboxRoute, async (c) => {
    return c.json({ consumers: (await outbox.status()).map((one) => ({ ...one })) }, 200);
  });

  api.openapi(lettersRoute, async (c) => {
    const { limit, consumer } = c.req.valid("query");
    const asked = { limit, ...consumer === undefined ? {} : { consumer } };
    return c.json({ items: await outbox.deadLetters(asked) }, 200);
  });

  api.openapi(replayRoute, async (c) => {
    const { consumer, seq } = c.req.valid("param");
    const done = await outbox.replay(consumer, seq, actorOf(c.get("principal")));
    if (!done.ok) throw letterProblem(done.refusal);
    return c.json(done.value, 200);
  });

  api.openapi(discardRoute, async (c) => {
    const { consumer, seq } = c.req.valid("param");
    const done = await outbox.discard(consumer, seq, actorOf(c.get("principal")));
    if (!done.ok) throw letterProblem(done.refusal);
    return c.json(done.value, 200);
  });

  return api;
}

function letterProblem({ consumer, seq }: LetterRefusal): Problem {
  return new Problem("not-found", `"${consumer}" has no dead letter ${seq}`);
}
