import { z } from "zod";

const Int = z.number().int();
const Share = z.number().min(0).max(1);
/** Squares and holes by EPU's numbers, which are unique within the acquisition. */
const Targets = z.array(Int).max(4000);
/** Most targets of one proposal. */
export const TARGETS_MAX = 4000;

export const PROPOSAL_KINDS = [
  "squareOrder",
  "squareSkip",
  "holeOrder",
  "holeSelect",
  "stop",
] as const;
export type ProposalKind = (typeof PROPOSAL_KINDS)[number];

/** A person decides these too, but no authority proposes them. */
export const DECISION_KINDS = [...PROPOSAL_KINDS, "pause", "resume"] as const;
export type DecisionKind = (typeof DECISION_KINDS)[number];

/** Which kinds name squares; the others name holes, or nothing. */
export function namesSquares(kind: DecisionKind): boolean {
  return kind === "squareOrder" || kind === "squareSkip";
}
export function namesHoles(kind: DecisionKind): boolean {
  return kind === "holeOrder" || kind === "holeSelect";
}

/** What an authority says; who says it and when is added by whoever asked. */
export const ProposalDraft = z.strictObject({
  kind: z.enum(PROPOSAL_KINDS),
  /** A hole order within this square; `null`: over all squares. */
  squareId: Int.nullable().default(null),
  targetIds: Targets,
  /** One sentence each. */
  reasons: z.array(z.string().max(500)).max(20).default([]),
  /** 0 to 1; `null` where the authority cannot tell. */
  confidence: Share.nullable().default(null),
  /** Good exposures expected beyond those of an average choice; `null` where it cannot tell. */
  expectedGain: z.number().nullable().default(null),
  /** Those of `targetIds` that were chosen to learn from, not because they are thought best. */
  exploration: Targets.default([]),
  basedOnRevision: Int.nonnegative(),
  expiresAtMs: Int,
});
export type ProposalDraft = z.output<typeof ProposalDraft>;

export const PROPOSAL_STATES = [
  "waiting",
  "approved",
  "rejected",
  "superseded",
  "expired",
  "refused",
] as const;
export type ProposalState = (typeof PROPOSAL_STATES)[number];

/** `["epu", "proposal", acquisitionId, id]`. */
export const Proposal = z.strictObject({
  ...ProposalDraft.shape,
  v: z.literal(1),
  id: z.string(),
  acquisitionId: z.string(),
  authority: z.string(),
  version: z.string(),
  /** Only what the acting authority proposes can be approved. */
  role: z.enum(["acting", "shadow"]),
  state: z.enum(PROPOSAL_STATES),
  /** Why it was refused, or by what it was superseded. */
  why: z.string().nullable(),
  createdAtMs: Int,
  /** Last time the authority said the same again. */
  renewedAtMs: Int,
  endedAtMs: Int.nullable(),
});
export type Proposal = z.infer<typeof Proposal>;

export const EFFECT_STATES = ["pending", "recorded", "sent", "acknowledged", "failed"] as const;

/** What became of a decision outside. */
export const Effect = z.strictObject({
  channel: z.string(),
  state: z.enum(EFFECT_STATES),
  /** Decided and recorded as always, but nothing was told to the instrument. */
  dryRun: z.boolean(),
  attempts: Int.nonnegative(),
  error: z.string().nullable(),
  /** What the channel calls it: instruction ids, a file. */
  references: z.array(z.string()).max(1000),
  changedAtMs: Int,
});
export type Effect = z.infer<typeof Effect>;

/** `["epu", "decision", acquisitionId, id]`. */
export const Decision = z.strictObject({
  v: z.literal(1),
  id: z.string(),
  acquisitionId: z.string(),
  proposalId: z.string().nullable(),
  kind: z.enum(DECISION_KINDS),
  squareId: Int.nullable(),
  targetIds: Targets,
  /** A person changed what was proposed. */
  edited: z.boolean(),
  /** Targets struck off because they were done, or deselected, by the time of the decision. */
  struckOff: Targets,
  by: z.strictObject({ kind: z.enum(["person", "policy"]), name: z.string() }),
  outcome: z.enum(["approved", "rejected", "superseded", "expired"]),
  note: z.string().nullable(),
  decidedAtMs: Int,
  /** `null` for what was rejected. */
  effect: Effect.nullable(),
});
export type Decision = z.infer<typeof Decision>;

/** When nobody needs to be asked. Without one every proposal waits for a person. */
export const Policy = z.strictObject({
  name: z.string().trim().min(1).max(100),
  enabled: z.boolean(),
  /** Never `stop`. */
  kinds: z.array(z.enum(["squareOrder", "squareSkip", "holeOrder", "holeSelect"])).min(1),
  /** Least confidence; a proposal without any is never approved by itself. */
  confidenceMin: Share,
  /** Most holes approved by itself within an hour. */
  holesPerHour: Int.positive().max(10_000),
  squaresPerHour: Int.positive().max(1000),
});
export type Policy = z.infer<typeof Policy>;

/** `["epu", "decision_settings", acquisitionId]`; who acts stands with the acquisition itself. */
export const DecisionSettings = z.strictObject({
  v: z.literal(1),
  channel: z.string().default("record"),
  dryRun: z.boolean().default(false),
  policy: Policy.nullable().default(null),
  /** Share of a hole order that is chosen away from the best. */
  explorationShare: z.number().min(0).max(0.5).default(0.05),
  /** Athena's session that stands for this acquisition. */
  athenaSessionId: z.uuid().nullable().default(null),
  /** What people planned: what the authority `manual` proposes. */
  plan: z.strictObject({ squares: Targets, holes: Targets }).default({ squares: [], holes: [] }),
});
export type DecisionSettings = z.infer<typeof DecisionSettings>;

export const DecisionSettingsAsk = z.strictObject({
  acting: z.string().nullable().optional(),
  shadows: z.array(z.string()).max(10).optional(),
  channel: z.string().optional(),
  dryRun: z.boolean().optional(),
  policy: Policy.nullable().optional(),
  explorationShare: z.number().min(0).max(0.5).optional(),
  athenaSessionId: z.uuid().nullable().optional(),
  plan: z.strictObject({ squares: Targets, holes: Targets }).optional(),
});
export type DecisionSettingsAsk = z.infer<typeof DecisionSettingsAsk>;

/** `["epu", "automation"]`: the switch on every page. */
export const Automation = z.strictObject({
  v: z.literal(1),
  off: z.boolean(),
  actor: z.string(),
  reason: z.string(),
  atMs: Int,
});
export type Automation = z.infer<typeof Automation>;

export type ProposalRefusal =
  | { readonly kind: "older-revision"; readonly given: number; readonly newest: number }
  | { readonly kind: "expired"; readonly expiresAtMs: number }
  | { readonly kind: "no-targets" }
  | { readonly kind: "repeated-target"; readonly targetId: number }
  | { readonly kind: "unknown-target"; readonly targetId: number }
  | { readonly kind: "finished-target"; readonly targetId: number }
  | { readonly kind: "unselected-target"; readonly targetId: number }
  | { readonly kind: "other-square"; readonly targetId: number; readonly squareId: number }
  | { readonly kind: "kind-not-declared"; readonly proposed: ProposalKind };

/** One sentence, for the record and for people. */
export function explain(refusal: ProposalRefusal): string {
  switch (refusal.kind) {
    case "older-revision":
      return `based on revision ${refusal.given}, but ${refusal.newest} is known`;
    case "expired":
      return `expired ${new Date(refusal.expiresAtMs).toISOString()}`;
    case "no-targets":
      return "names no target";
    case "repeated-target":
      return `names ${refusal.targetId} twice`;
    case "unknown-target":
      return `names ${refusal.targetId}, which is not known`;
    case "finished-target":
      return `names ${refusal.targetId}, which is finished`;
    case "unselected-target":
      return `names ${refusal.targetId}, which is not selected`;
    case "other-square":
      return `names ${refusal.targetId}, which is not in square ${refusal.squareId}`;
    case "kind-not-declared":
      return `is a ${refusal.proposed}, which its authority does not declare`;
  }
}
