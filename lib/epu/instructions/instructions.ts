import type { Clock } from "../../clock.ts";
import { newId } from "../../ids.ts";
import type { Commit, Kv } from "../../kv.ts";
import { Listeners } from "../../listeners.ts";
import { accept, refuse, type Result } from "../../result.ts";
import { instructionEvent } from "./events.ts";
import {
  instructionAskedKey,
  instructionByIdKey,
  instructionKey,
  openInstructionKey,
  sessionKey,
} from "./keys.ts";
import {
  Acknowledgement,
  type AcknowledgementAsk,
  AgentSession,
  Instruction,
  InstructionAsk,
} from "./model.ts";
import {
  acknowledge,
  cancel,
  deliver,
  expire,
  hasEnded,
  inOrder,
  type InstructionRefusal,
  isDue,
  isUnconfirmed,
} from "./transitions.ts";

export type CreateRefusal =
  | { readonly kind: "unknown-session"; readonly sessionId: string }
  | { readonly kind: "session-ended"; readonly sessionId: string };

/** What agents are told to do, from the wish to the answer. Every step is one commit with its event. */
export class Instructions {
  readonly #changes = new Listeners<[instruction: Instruction]>();

  constructor(private readonly kv: Kv, private readonly clock: Clock) {}

  /** For the streams of a session: something waits for it; and for whoever follows what became of one. */
  onChange(listener: (instruction: Instruction) => void): () => void {
    return this.#changes.add(listener);
  }

  async create(given: InstructionAsk, actor: string): Promise<Result<Instruction, CreateRefusal>> {
    const { expiresInMs, idempotencyKey, ...ask } = InstructionAsk.parse(given);
    const { agentId, sessionId } = ask;
    const nowMs = this.clock.nowMs();
    const instruction = Instruction.parse({
      ...ask,
      v: 1,
      id: newId(this.clock),
      state: "pending",
      createdAtMs: nowMs,
      expiresAtMs: nowMs + expiresInMs,
      sentAtMs: null,
      deliveries: 0,
      receivedAtMs: null,
      endedAtMs: null,
      answer: null,
      lateAnswer: null,
    });
    const asked = idempotencyKey === null ? [] : [instructionAskedKey(idempotencyKey)];
    const done = await this.kv.transact<Instruction | string, CreateRefusal>(
      [sessionKey(sessionId), ...asked],
      ([seenSession, seenAsked]) => {
        if (typeof seenAsked?.value === "string") return accept({ value: seenAsked.value });
        const session = seenSession!.value === null ? null : AgentSession.parse(seenSession!.value);
        if (session === null || session.agentId !== agentId) {
          return refuse({ kind: "unknown-session", sessionId });
        }
        if (session.state === "ended") return refuse({ kind: "session-ended", sessionId });
        return accept({
          value: instruction,
          set: [
            [instructionKey(agentId, instruction.id), instruction],
            [instructionByIdKey(instruction.id), agentId],
            [openInstructionKey(sessionId, instruction.id), agentId],
            ...asked.map((key) => [key, instruction.id] as const),
          ],
          events: [instructionEvent(instruction, actor)],
        });
      },
    );
    if (!done.ok) return done;
    if (typeof done.value === "string") return accept((await this.get(done.value))!);
    this.#changes.tell(done.value);
    return accept(done.value);
  }

  async get(id: string): Promise<Instruction | null> {
    const agentId = await this.kv.get(instructionByIdKey(id));
    if (agentId === null) return null;
    const value = await this.kv.get(instructionKey(String(agentId), id));
    return value === null ? null : Instruction.parse(value);
  }

  /** Newest first, of one agent. */
  async list(
    agentId: string,
    { limit, sessionId }: { limit: number; sessionId?: string },
  ): Promise<Instruction[]> {
    const found: Instruction[] = [];
    for await (
      const { value } of this.kv.list({ prefix: instructionKey(agentId) }, { reverse: true })
    ) {
      const one = Instruction.parse(value);
      if (sessionId !== undefined && one.sessionId !== sessionId) continue;
      found.push(one);
      if (found.length === limit) break;
    }
    return found;
  }

  /** Those of a session that have not ended, in the order in which they are due. */
  async open(sessionId?: string): Promise<Instruction[]> {
    const found: Instruction[] = [];
    for await (const { key, value } of this.kv.list({ prefix: openInstructionKey(sessionId) })) {
      const one = await this.kv.get(instructionKey(String(value), String(key.at(-1))));
      if (one !== null) found.push(Instruction.parse(one));
    }
    return found.sort(inOrder);
  }

  /**
   * What the agent is to be sent now, marked as sent, in order: with `again` all that it has not confirmed,
   * as on a new connection; else only what was never sent. What is too old expires instead.
   */
  async deliver(sessionId: string, { again }: { again: boolean }): Promise<Instruction[]> {
    const sent: Instruction[] = [];
    for (const one of await this.open(sessionId)) {
      if (!isUnconfirmed(one) || (!again && one.state !== "pending")) continue;
      const done = await this.#change(one, "system", (now, nowMs) => accept(deliver(now, nowMs)));
      if (done.ok && done.value.state === "sent") sent.push(done.value);
    }
    return sent;
  }

  /** The agent's answer; repeated and late ones are accepted and change no state. */
  async acknowledge(
    sessionId: string,
    id: string,
    given: AcknowledgementAsk,
    actor: string,
  ): Promise<Result<Instruction, InstructionRefusal>> {
    const answer = Acknowledgement.parse(given);
    const one = await this.get(id);
    if (one === null) return refuse({ kind: "unknown-instruction", id });
    if (one.sessionId !== sessionId) return refuse({ kind: "not-theirs", id });
    return await this.#change(one, actor, (now, nowMs) => accept(acknowledge(now, answer, nowMs)));
  }

  async cancel(id: string, actor: string): Promise<Result<Instruction, InstructionRefusal>> {
    const one = await this.get(id);
    if (one === null) return refuse({ kind: "unknown-instruction", id });
    return await this.#change(one, actor, cancel);
  }

  /** Ends what nobody confirmed in time; gives how many. */
  async expireDue(): Promise<number> {
    let expired = 0;
    for (const one of await this.open()) {
      if (!isDue(one, this.clock.nowMs())) continue;
      const done = await this.#change(
        one,
        "system",
        (now, nowMs) => accept(isDue(now, nowMs) ? expire(now, nowMs) : now),
      );
      if (done.ok && done.value.state === "expired") expired++;
    }
    return expired;
  }

  /** `step` must be pure; the same object again means that nothing changed. */
  async #change(
    { agentId, sessionId, id }: Instruction,
    actor: string,
    step: (now: Instruction, nowMs: number) => Result<Instruction, InstructionRefusal>,
  ): Promise<Result<Instruction, InstructionRefusal>> {
    const nowMs = this.clock.nowMs();
    let changed = false;
    const key = instructionKey(agentId, id);
    const done = await this.kv.transact<Instruction, InstructionRefusal>([key], ([seen]) => {
      changed = false;
      if (seen!.value === null) return refuse({ kind: "unknown-instruction", id });
      const before = Instruction.parse(seen!.value);
      const after = step(before, nowMs);
      if (!after.ok) return after;
      if (after.value === before) return accept({ value: before });
      changed = true;
      const commit: Commit<Instruction> = {
        value: after.value,
        set: [[key, Instruction.parse(after.value)]],
        remove: hasEnded(after.value) ? [openInstructionKey(sessionId, id)] : [],
        events: [instructionEvent(after.value, actor)],
      };
      return accept(commit);
    });
    if (done.ok && changed) this.#changes.tell(done.value);
    return done;
  }
}
