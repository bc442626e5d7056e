import { createRoute, z } from "@hono/zod-openapi";
import { jsonBody, jsonReply, problems } from "../http.ts";
import {
  Automation,
  Decision,
  DECISION_KINDS,
  DecisionSettings,
  DecisionSettingsAsk,
  Proposal,
  PROPOSAL_STATES,
  ProposalDraft,
} from "./decisions/model.ts";
import { AcquisitionParams } from "./routes.ts";

/** Who decides where the microscope goes next: what is asked and what comes back. */
const tags = ["cryo-em"];

const Ulid = z.string().min(1).max(100).openapi({ example: "01KFPS2Y8E9N6VYPTT1MYH05CR" });
const ProposalParams = AcquisitionParams.extend({ proposal: Ulid });
const DecisionParams = AcquisitionParams.extend({ decision: Ulid });
const Note = z.string().trim().max(2000).nullable().optional();
const TargetIds = z.array(z.number().int()).max(4000);

const NewestFirst = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  before: z.string().max(100).optional().openapi({ description: "`next` of the page before" }),
});

function newest<S extends z.ZodType>(schema: S) {
  return z.object({ items: z.array(schema), next: z.string().nullable() });
}

/** Settings with who acts, which stands with the acquisition itself. */
export const SettingsReply = z.object({
  acting: z.string().nullable(),
  shadows: z.array(z.string()),
  settings: DecisionSettings,
  automation: Automation.nullable(),
});

export const authoritiesRoute = createRoute({
  method: "get",
  path: "/epu/authorities",
  tags,
  summary: "List who can propose, and the channels over which decisions are carried out",
  responses: {
    200: jsonReply(
      "Authorities and channels",
      z.object({
        authorities: z.array(z.object({
          name: z.string(),
          version: z.string(),
          kinds: z.array(z.string()),
        })),
        channels: z.array(z.object({ name: z.string(), capabilities: z.array(z.string()) })),
      }),
    ),
    ...problems("store-unavailable"),
  },
});

export const proposalsRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/proposals",
  tags,
  summary: "List the proposals, newest first",
  request: {
    params: AcquisitionParams,
    query: NewestFirst.extend({
      state: z.enum(PROPOSAL_STATES).optional(),
      standing: z.enum(["true", "false"]).optional().openapi({
        description: "Only the newest of every authority for each kind and square",
      }),
    }),
  },
  responses: {
    200: jsonReply("Proposals", newest(Proposal)),
    ...problems("not-found", "invalid-request", "store-unavailable"),
  },
});

export const proposalRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/proposals/{proposal}",
  tags,
  summary: "Read one proposal",
  request: { params: ProposalParams },
  responses: {
    200: jsonReply("The proposal", Proposal),
    ...problems("not-found", "store-unavailable"),
  },
});

export const submitRoute = createRoute({
  method: "post",
  path: "/epu/acquisitions/{id}/proposals",
  tags,
  summary: "Hand in proposals of a service that is no authority here",
  description:
    "They are checked and shown like all others, in the shadow of whoever acts: nobody but a person acts on them.",
  request: {
    params: AcquisitionParams,
    body: jsonBody(
      z.strictObject({
        authority: z.string().trim().min(1).max(100),
        version: z.string().trim().min(1).max(100),
        proposals: z.array(ProposalDraft).min(1).max(200),
      }),
      {
        authority: "night-shift",
        version: "1.0",
        proposals: [{
          kind: "squareOrder",
          targetIds: [4590776, 4590791],
          reasons: ["thinner ice first"],
          confidence: 0.7,
          basedOnRevision: 0,
          expiresAtMs: 1769371200000,
        }],
      },
    ),
  },
  responses: {
    200: jsonReply(
      "What came of each",
      z.object({
        proposed: z.array(z.object({
          was: z.enum(["new", "renewed", "repeated", "refused"]),
          proposal: Proposal,
        })),
      }),
    ),
    ...problems("not-found", "invalid-request", "malformed-body", "store-unavailable"),
  },
});

export const approveRoute = createRoute({
  method: "post",
  path: "/epu/acquisitions/{id}/proposals/{proposal}/approve",
  tags,
  summary: "Approve a proposal, as it is or with another list of targets",
  description: "Targets that were done meanwhile are struck off; if none is left it is refused.",
  request: {
    params: ProposalParams,
    body: jsonBody(
      z.strictObject({ note: Note, targetIds: TargetIds.min(1).optional() }),
      { note: "looks right", targetIds: [4590791, 4590776] },
    ),
  },
  responses: {
    200: jsonReply("The decision", Decision),
    ...problems("not-found", "not-open", "invalid-request", "malformed-body", "store-unavailable"),
  },
});

export const rejectRoute = createRoute({
  method: "post",
  path: "/epu/acquisitions/{id}/proposals/{proposal}/reject",
  tags,
  summary: "Reject a proposal",
  request: {
    params: ProposalParams,
    body: jsonBody(z.strictObject({ note: Note }), { note: "that square is contaminated" }),
  },
  responses: {
    200: jsonReply("The decision", Decision),
    ...problems("not-found", "not-open", "invalid-request", "malformed-body", "store-unavailable"),
  },
});

export const decisionsRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/decisions",
  tags,
  summary: "Read the log of decisions, newest first",
  request: { params: AcquisitionParams, query: NewestFirst },
  responses: {
    200: jsonReply("Decisions", newest(Decision)),
    ...problems("not-found", "invalid-request", "store-unavailable"),
  },
});

export const decideRoute = createRoute({
  method: "post",
  path: "/epu/acquisitions/{id}/decisions",
  tags,
  summary: "Decide without a proposal: an order, what to skip, to stop, to pause, to go on",
  request: {
    params: AcquisitionParams,
    body: jsonBody(
      z.strictObject({
        kind: z.enum(DECISION_KINDS),
        squareId: z.number().int().nullable().default(null).openapi({
          description: "A hole order within this square",
        }),
        targetIds: TargetIds.default([]),
        note: Note,
      }),
      { kind: "squareSkip", targetIds: [4590776], note: "ice too thick" },
    ),
  },
  responses: {
    201: jsonReply("The decision", Decision),
    ...problems("not-found", "not-open", "invalid-request", "malformed-body", "store-unavailable"),
  },
});

export const retryRoute = createRoute({
  method: "post",
  path: "/epu/acquisitions/{id}/decisions/{decision}/retry",
  tags,
  summary: "Carry a decision out once more whose effect failed",
  request: { params: DecisionParams },
  responses: {
    200: jsonReply("The decision", Decision),
    ...problems("not-found", "not-open", "store-unavailable"),
  },
});

export const settingsRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/decision-settings",
  tags,
  summary: "Read who acts and who shadows, over which channel, under which policy",
  request: { params: AcquisitionParams },
  responses: {
    200: jsonReply("The settings", SettingsReply),
    ...problems("not-found", "store-unavailable"),
  },
});

export const setSettingsRoute = createRoute({
  method: "patch",
  path: "/epu/acquisitions/{id}/decision-settings",
  tags,
  summary:
    "Choose who acts and who shadows, the channel, the policy of automatic approval, the plan",
  description: "What is absent stays as it is; the policy `null` makes every proposal wait.",
  request: {
    params: AcquisitionParams,
    body: jsonBody(DecisionSettingsAsk, {
      acting: "bayes",
      shadows: ["intensity"],
      channel: "record",
      policy: {
        name: "overnight",
        enabled: true,
        kinds: ["holeOrder"],
        confidenceMin: 0.8,
        holesPerHour: 200,
        squaresPerHour: 4,
      },
    }),
  },
  responses: {
    200: jsonReply("The settings", SettingsReply),
    ...problems("not-found", "invalid-request", "malformed-body", "store-unavailable"),
  },
});

export const refreshRoute = createRoute({
  method: "post",
  path: "/epu/acquisitions/{id}/proposals/refresh",
  tags,
  summary: "Ask the authorities of an acquisition now",
  request: { params: AcquisitionParams },
  responses: {
    200: jsonReply(
      "What they said; nothing where nobody is to be asked",
      z.object({
        revision: z.number().nullable(),
        proposed: z.number().int(),
        failed: z.array(z.object({ authority: z.string(), error: z.string() })),
      }),
    ),
    ...problems("not-found", "store-unavailable"),
  },
});

export const comparisonRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/comparison",
  tags,
  summary: "Compare every authority with what EPU would have done",
  request: { params: AcquisitionParams },
  responses: {
    200: jsonReply(
      "One entry for each authority that proposed hole orders",
      z.object({
        baseline: z.string(),
        authorities: z.array(z.object({
          authority: z.string(),
          holes: z.number().int(),
          exposures: z.number(),
          good: z.number(),
          regret: z.number().nullable(),
          points: z.array(z.object({
            exposures: z.number(),
            good: z.number(),
            baselineGood: z.number(),
          })),
        })),
      }),
    ),
    ...problems("not-found", "store-unavailable"),
  },
});

export const automationRoute = createRoute({
  method: "get",
  path: "/epu/automation",
  tags,
  summary: "Read the switch of automatic approval",
  responses: {
    200: jsonReply(
      "`null`: nobody has touched it, policies may approve",
      z.object({ automation: Automation.nullable() }),
    ),
    ...problems("store-unavailable"),
  },
});

export const setAutomationRoute = createRoute({
  method: "put",
  path: "/epu/automation",
  tags,
  summary: "Switch automatic approval off, or allow it again, for all acquisitions",
  request: {
    body: jsonBody(
      z.strictObject({ off: z.boolean(), reason: z.string().trim().max(500).default("") }),
      { off: true, reason: "the beam drifts" },
    ),
  },
  responses: {
    200: jsonReply("The switch", z.object({ automation: Automation })),
    ...problems("invalid-request", "malformed-body", "store-unavailable"),
  },
});
