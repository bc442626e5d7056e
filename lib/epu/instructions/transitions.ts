import { accept, refuse, type Result } from "../../result.ts";
import {
  type Acknowledgement,
  type Instruction,
  type InstructionState,
  PRIORITIES,
} from "./model.ts";

export type InstructionRefusal =
  | { readonly kind: "unknown-instruction"; readonly id: string }
  /** It belongs to another session. */
  | { readonly kind: "not-theirs"; readonly id: string }
  | { readonly kind: "ended"; readonly id: string; readonly state: InstructionState }
  /** The agent has it: it can no longer be called back. */
  | { readonly kind: "received"; readonly id: string };

/** Whether nothing can happen to it any more. */
export function hasEnded({ state }: Pick<Instruction, "state">): boolean {
  return state !== "pending" && state !== "sent" && state !== "received";
}

/** Whether the agent has not confirmed it yet: it goes out again on every new connection. */
export function isUnconfirmed({ state }: Pick<Instruction, "state">): boolean {
  return state === "pending" || state === "sent";
}

export function isDue(instruction: Instruction, nowMs: number): boolean {
  return isUnconfirmed(instruction) && nowMs >= instruction.expiresAtMs;
}

/** Handed to the agent; what is too old is expired instead of delivered. */
export function deliver(instruction: Instruction, nowMs: number): Instruction {
  if (!isUnconfirmed(instruction)) return instruction;
  if (isDue(instruction, nowMs)) return expire(instruction, nowMs);
  return {
    ...instruction,
    state: "sent",
    sentAtMs: nowMs,
    deliveries: instruction.deliveries + 1,
  };
}

export function expire(instruction: Instruction, nowMs: number): Instruction {
  return isUnconfirmed(instruction)
    ? { ...instruction, state: "expired", endedAtMs: nowMs }
    : instruction;
}

/**
 * The agent's answer. One that says nothing new gives the same object; one that comes after the instruction
 * ended is kept beside the end it had.
 */
export function acknowledge(
  instruction: Instruction,
  answer: Acknowledgement,
  nowMs: number,
): Instruction {
  const { state, receivedAtMs } = instruction;
  if (hasEnded(instruction)) {
    const known = answer.status === "received" || answer.status === state ||
      instruction.lateAnswer?.status === answer.status;
    return known ? instruction : { ...instruction, lateAnswer: answer };
  }
  if (answer.status === "received") {
    return state === "received"
      ? instruction
      : { ...instruction, state: "received", receivedAtMs: nowMs };
  }
  return {
    ...instruction,
    state: answer.status,
    receivedAtMs: receivedAtMs ?? nowMs,
    endedAtMs: nowMs,
    answer,
  };
}

/** Called back before the agent confirmed it. */
export function cancel(
  instruction: Instruction,
  nowMs: number,
): Result<Instruction, InstructionRefusal> {
  const { id, state } = instruction;
  if (state === "received") return refuse({ kind: "received", id });
  if (hasEnded(instruction)) return refuse({ kind: "ended", id, state });
  return accept({ ...instruction, state: "cancelled", endedAtMs: nowMs });
}

/** The most pressing first, then by sequence number where given, then as they were made. */
export function inOrder(a: Instruction, b: Instruction): number {
  return PRIORITIES.indexOf(b.priority) - PRIORITIES.indexOf(a.priority) ||
    sequenceOf(a) - sequenceOf(b) || a.createdAtMs - b.createdAtMs ||
    (a.id < b.id ? -1 : 1);
}

/** Those without a number come after those with one. */
function sequenceOf({ sequence }: Instruction): number {
  return sequence ?? Number.MAX_SAFE_INTEGER;
}
