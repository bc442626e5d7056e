import { z } from "zod";

const Int = z.number().int();
const Id = z.string().min(1).max(200);
const Json = z.record(z.string(), z.unknown());

/** From the least to the most pressing; their place is their rank. */
export const PRIORITIES = ["low", "normal", "high", "urgent"] as const;
export type Priority = (typeof PRIORITIES)[number];

export const INSTRUCTION_STATES = [
  "pending",
  "sent",
  "received",
  "processed",
  "failed",
  "declined",
  "expired",
  "cancelled",
] as const;
export type InstructionState = (typeof INSTRUCTION_STATES)[number];

/** What an agent may answer. */
export const ACK_STATUS = ["received", "processed", "failed", "declined"] as const;

export const Acknowledgement = z.strictObject({
  status: z.enum(ACK_STATUS),
  result: z.unknown().optional(),
  error: z.string().max(10_000).nullable().default(null),
  processingMs: z.number().nonnegative().nullable().default(null),
  processedAtMs: Int.nullable().default(null),
});
export type Acknowledgement = z.output<typeof Acknowledgement>;
export type AcknowledgementAsk = z.input<typeof Acknowledgement>;

/** `["epu", "instruction", agentId, id]`. */
export const Instruction = z.strictObject({
  v: z.literal(1),
  id: Id,
  agentId: Id,
  sessionId: Id,
  /** Such as `microscope.control.reorder_foilholes`. */
  type: z.string().min(1).max(200),
  payload: Json,
  metadata: Json,
  priority: z.enum(PRIORITIES),
  sequence: Int.nullable(),
  state: z.enum(INSTRUCTION_STATES),
  /** The decision it carries out. */
  decisionId: z.string().nullable(),
  createdAtMs: Int,
  expiresAtMs: Int,
  sentAtMs: Int.nullable(),
  deliveries: Int.nonnegative(),
  receivedAtMs: Int.nullable(),
  endedAtMs: Int.nullable(),
  /** The answer that ended it. */
  answer: Acknowledgement.nullable(),
  /** An answer that came after it had ended otherwise: kept, for the microscope may have moved. */
  lateAnswer: Acknowledgement.nullable(),
});
export type Instruction = z.infer<typeof Instruction>;

export const InstructionAsk = z.strictObject({
  agentId: Id,
  sessionId: Id,
  type: z.string().min(1).max(200),
  payload: Json.default({}),
  metadata: Json.default({}),
  priority: z.enum(PRIORITIES).default("normal"),
  sequence: Int.nullable().default(null),
  expiresInMs: Int.positive().max(30 * 86_400_000).default(3_600_000),
  decisionId: z.string().nullable().default(null),
  /** The same key again gives the first instruction again. */
  idempotencyKey: Id.nullable().default(null),
});
export type InstructionAsk = z.input<typeof InstructionAsk>;

export const SESSION_STATES = ["active", "inactive", "ended"] as const;

/** `["epu", "agent_session", id]`: an agent's work on one acquisition. */
export const AgentSession = z.strictObject({
  v: z.literal(1),
  id: Id,
  agentId: Id,
  acquisitionId: z.string().nullable(),
  name: z.string().max(500),
  description: z.string().max(4000),
  experimentalParameters: Json,
  state: z.enum(SESSION_STATES),
  createdAtMs: Int,
  lastActivityAtMs: Int,
  endedAtMs: Int.nullable(),
});
export type AgentSession = z.infer<typeof AgentSession>;

export const AgentSessionAsk = z.strictObject({
  id: Id.optional(),
  agentId: Id,
  acquisitionId: z.string().nullable().default(null),
  name: z.string().max(500).default(""),
  description: z.string().max(4000).default(""),
  experimentalParameters: Json.default({}),
});
export type AgentSessionAsk = z.input<typeof AgentSessionAsk>;

/** `["epu", "agent_connection", id]`: one stream an agent listens on. */
export const AgentConnection = z.strictObject({
  v: z.literal(1),
  id: Id,
  sessionId: Id,
  agentId: Id,
  clientInfo: z.string().max(500).nullable(),
  state: z.enum(["open", "closed", "stale"]),
  openedAtMs: Int,
  lastHeartbeatAtMs: Int,
  closedAtMs: Int.nullable(),
  closeReason: z.string().max(500).nullable(),
});
export type AgentConnection = z.infer<typeof AgentConnection>;

/** `["epu", "agent_log", agentId, sessionId, batch, line]`. */
export const AgentLogLine = z.strictObject({
  v: z.literal(1),
  /** By the agent's clock. */
  atMs: Int,
  level: z.string().max(20),
  logger: z.string().max(200),
  message: z.string().max(20_000),
  storedAtMs: Int,
});
export type AgentLogLine = z.infer<typeof AgentLogLine>;
