import type { AgentChannel, InstructionAsk } from "../../instructions/mod.ts";
import { isUnconfirmed } from "../../instructions/mod.ts";
import type { Decision } from "../model.ts";
import { type EffectChannel, EffectRefused } from "./channel.ts";

type Told = Pick<InstructionAsk, "type" | "payload">;

/** Tells the agents of the acquisition's sessions through their instruction stream. */
export function agentChannel(
  agents: AgentChannel,
  squareOfHole: (acquisitionId: string, holeId: number) => Promise<number | null>,
): EffectChannel {
  return {
    name: "agent",
    capabilities: ["squareOrder", "squareSkip", "holeOrder"],
    async apply(decision, idempotencyKey) {
      const { acquisitionId: a, id } = decision;
      const sessions = (await agents.sessions()).filter((one) =>
        one.acquisitionId === a && one.state === "active"
      );
      if (sessions.length === 0) {
        throw new EffectRefused("no agent has an active session on this acquisition");
      }
      const told = await instructionsFor(decision, squareOfHole);
      const references: string[] = [];
      for (const { id: sessionId, agentId } of sessions) {
        await cancelOlder(agents, sessionId, decision, told);
        for (const [i, { type, payload }] of told.entries()) {
          const made = await agents.instructions.create({
            agentId,
            sessionId,
            type,
            payload,
            metadata: { acquisition_id: a, decision_id: id },
            priority: "high",
            sequence: i,
            decisionId: id,
            idempotencyKey: `${idempotencyKey}:${sessionId}:${i}`,
          }, "system");
          // It ended between our look and now: the others are told all the same.
          if (made.ok) references.push(made.value.id);
        }
      }
      if (references.length === 0) throw new EffectRefused("every session ended meanwhile");
      return { state: "sent", references, following: true };
    },
  };
}

async function instructionsFor(
  { kind, acquisitionId: a, squareId, targetIds, note }: Decision,
  squareOfHole: (acquisitionId: string, holeId: number) => Promise<number | null>,
): Promise<Told[]> {
  const reason = note ?? "decided in Holdfast";
  const texts = targetIds.map(String);
  if (kind === "squareOrder") {
    const payload = { gridsquare_ids: texts, priority: "high", reason };
    return [{ type: "microscope.control.reorder_gridsquares", payload }];
  }
  if (kind === "squareSkip") {
    const payload = { gridsquare_ids: texts, reason };
    return [{ type: "microscope.control.skip_gridsquares", payload }];
  }
  // The agent reorders within one square: one instruction each, in the order they are first gone to.
  const bySquare = new Map<number, string[]>();
  for (const holeId of targetIds) {
    const square = squareId ?? await squareOfHole(a, holeId);
    if (square === null) throw new EffectRefused(`hole ${holeId} is no longer known`);
    bySquare.set(square, [...bySquare.get(square) ?? [], String(holeId)]);
  }
  return [...bySquare].map(([square, foilhole_ids]) => ({
    type: "microscope.control.reorder_foilholes",
    payload: { gridsquare_id: String(square), foilhole_ids, priority: "high", reason },
  }));
}

/** An order that no agent has confirmed yet gives way to the newer one. */
async function cancelOlder(
  agents: AgentChannel,
  sessionId: string,
  decision: Decision,
  told: readonly Told[],
): Promise<void> {
  const squareOf = (payload: Record<string, unknown> | undefined) => payload?.["gridsquare_id"];
  for (const one of await agents.instructions.open(sessionId)) {
    if (one.decisionId === null || one.decisionId === decision.id || !isUnconfirmed(one)) continue;
    const replaced = told.some(({ type, payload }) =>
      type === one.type && squareOf(payload) === squareOf(one.payload)
    );
    if (replaced) await agents.instructions.cancel(one.id, "system");
  }
}
