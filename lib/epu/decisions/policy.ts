import { accept, refuse, type Result } from "../../result.ts";
import { type Automation, namesSquares, type Policy, type Proposal } from "./model.ts";

export type PolicyRefusal =
  | { readonly kind: "no-policy" }
  | { readonly kind: "switched-off"; readonly by: string }
  | { readonly kind: "paused" }
  | { readonly kind: "shadow" }
  | { readonly kind: "kind-not-covered"; readonly proposed: Proposal["kind"] }
  | { readonly kind: "not-confident"; readonly confidence: number | null }
  | { readonly kind: "bound-reached"; readonly perHour: number };

/**
 * Which targets of a proposal may be approved without a person: those approved within the hour already, and
 * as many others as its bound leaves, in the proposal's order. Stopping is never approved by itself.
 */
export function approvable(
  proposal: Proposal,
  policy: Policy | null,
  { automation, paused, approvedInHour }: {
    automation: Automation | null;
    paused: boolean;
    /** Squares, or holes as the proposal names them, that a policy approved within the last hour. */
    approvedInHour: ReadonlySet<number>;
  },
): Result<number[], PolicyRefusal> {
  if (policy === null || !policy.enabled) return refuse({ kind: "no-policy" });
  if (automation?.off === true) return refuse({ kind: "switched-off", by: automation.actor });
  if (paused) return refuse({ kind: "paused" });
  if (proposal.role !== "acting") return refuse({ kind: "shadow" });
  const { kind, confidence, targetIds } = proposal;
  if (kind === "stop" || !policy.kinds.includes(kind)) {
    return refuse({ kind: "kind-not-covered", proposed: kind });
  }
  if (confidence === null || confidence < policy.confidenceMin) {
    return refuse({ kind: "not-confident", confidence });
  }
  const perHour = namesSquares(kind) ? policy.squaresPerHour : policy.holesPerHour;
  let left = perHour - approvedInHour.size;
  const approved = targetIds.filter((id) => approvedInHour.has(id) || left-- > 0);
  return approved.length === 0 ? refuse({ kind: "bound-reached", perHour }) : accept(approved);
}
