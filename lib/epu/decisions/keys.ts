import type { DecisionKind } from "./model.ts";

/** `Proposal`. */
export function proposalKey(a: string, id?: string): Deno.KvKey {
  return id === undefined ? ["epu", "proposal", a] : ["epu", "proposal", a, id];
}

/** Value: the newest proposal of an authority for one kind and square. */
export function standingKey(
  a: string,
  authority?: string,
  kind?: DecisionKind,
  squareId?: number | null,
): Deno.KvKey {
  return authority === undefined
    ? ["epu", "standing_proposal", a]
    : ["epu", "standing_proposal", a, authority, kind!, squareId ?? 0];
}

/** `Decision`. */
export function decisionKey(a: string, id?: string): Deno.KvKey {
  return id === undefined ? ["epu", "decision", a] : ["epu", "decision", a, id];
}

/** Value: the decision in force for a kind and square. */
export function inForceKey(a: string, kind?: DecisionKind, squareId?: number | null): Deno.KvKey {
  return kind === undefined
    ? ["epu", "decision_in_force", a]
    : ["epu", "decision_in_force", a, kind, squareId ?? 0];
}

/** Decisions whose effect is still under way. Value `null`. */
export function openEffectKey(a?: string, id?: string): Deno.KvKey {
  return a === undefined ? ["epu", "open_effect"] : ["epu", "open_effect", a, id!];
}

/** `DecisionSettings`. */
export function settingsKey(a: string): Deno.KvKey {
  return ["epu", "decision_settings", a];
}

/** `Automation`. */
export const automationKey: Deno.KvKey = ["epu", "automation"];

/** All that this part keeps of one acquisition. */
export function decisionPrefixes(a: string): Deno.KvKey[] {
  return [
    proposalKey(a),
    standingKey(a),
    decisionKey(a),
    inForceKey(a),
    ["epu", "open_effect", a],
  ];
}
