export { AgentChannel, type AgentRefusal } from "./agents.ts";
export { type CreateRefusal, Instructions } from "./instructions.ts";
export * from "./model.ts";
export { hasEnded, type InstructionRefusal, isUnconfirmed } from "./transitions.ts";
