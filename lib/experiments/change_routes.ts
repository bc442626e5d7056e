import { createRoute, z } from "@hono/zod-openapi";
import { jsonBody, jsonReply, problems } from "../http.ts";
import { ExperimentReply, params, tags } from "./routes.ts";

/** What people and scripts do to an experiment: the arrows of its states, its place, its words. */
const changed = {
  202: jsonReply("Its new state", ExperimentReply),
  ...problems("experiment-unknown", "wrong-state", "forbidden", "store-unavailable"),
};

export const ReasonBody = z.strictObject({ reason: z.string().trim().max(500).default("") });

export const cancelRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/cancel",
  tags,
  summary: "Cancel an experiment",
  description:
    "A running one is `stopping` until its script and all it started are gone and the devices " +
    "stand in their end state; then it is `cancelled`. The body may be empty.",
  request: {
    params,
    body: {
      content: {
        "application/json": { schema: ReasonBody, example: { reason: "the wrong medium" } },
      },
    },
  },
  responses: { ...changed, ...problems("invalid-request", "malformed-body", "wrong-state") },
});

export const pauseRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/pause",
  tags,
  summary: "Pause a waiting experiment",
  description: "It keeps its place and is passed over. One that runs is held instead.",
  request: { params },
  responses: changed,
});

export const resumeRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/resume",
  tags,
  summary: "Resume a paused experiment",
  description: "One that is held is released instead.",
  request: { params },
  responses: changed,
});

export const holdRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/hold",
  tags,
  summary: "Hold a running experiment",
  description:
    "Its devices go to their hold state (`holdState`; by default stirrer and ring light go " +
    "on as they were set and every other actuator goes to its safe state) and its script's commands are " +
    "refused with `experiment-holding`. The script itself goes on: it is told when it asks, which " +
    "`holdAcknowledgedAtMs` shows. The body may be empty.",
  request: {
    params,
    body: {
      content: {
        "application/json": { schema: ReasonBody, example: { reason: "a sample is taken" } },
      },
    },
  },
  responses: { ...changed, ...problems("invalid-request", "malformed-body", "wrong-state") },
});

export const releaseRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/release",
  tags,
  summary: "Release a held experiment",
  description: "Its script may drive again. Devices stand where the hold put them until it does.",
  request: { params },
  responses: changed,
});

export const moveRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/move",
  tags,
  summary: "Move an experiment in the queue",
  description: "Only an admin moves other people's. With `If-Match`, only in the queue you saw.",
  request: {
    params,
    headers: z.object({
      "if-match": z.string().regex(/^"?\d{1,15}"?$/, "must be the version the queue's etag names")
        .optional(),
    }),
    body: jsonBody(
      z.strictObject({ position: z.number().int().min(1).max(1_000_000) }),
      { position: 1 },
    ),
  },
  responses: {
    ...changed,
    ...problems("invalid-request", "malformed-body", "precondition-failed"),
  },
});

export const runNowRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/run-now",
  tags,
  summary: "Run a waiting experiment now",
  description:
    "Ends the running one, which only its owner or an admin can do; for another's run a " +
    "reason is needed, and its owner finds an event `experiment.displaced`. With `requeue` the " +
    "displaced one is run again after this one, else it is cancelled.",
  request: {
    params,
    body: jsonBody(
      ReasonBody.extend({ requeue: z.boolean().default(false) }),
      { reason: "the culture will not wait", requeue: true },
    ),
  },
  responses: { ...changed, ...problems("invalid-request", "malformed-body") },
});

export const removeRoute = createRoute({
  method: "delete",
  path: "/experiments/{id}",
  tags,
  summary: "Remove an ended experiment and its files",
  request: { params },
  responses: {
    204: { description: "Removed" },
    ...problems("experiment-unknown", "wrong-state", "forbidden"),
  },
});

export const phaseRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/phase",
  tags,
  summary: "Say what a running script is doing",
  request: {
    params,
    body: jsonBody(z.strictObject({ phase: z.string().trim().max(200) }), { phase: "dilution" }),
  },
  responses: { ...changed, ...problems("invalid-request", "malformed-body") },
});

export const noteRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/notes",
  tags,
  summary: "Put a line of a running script into the event list",
  request: {
    params,
    body: jsonBody(
      z.strictObject({ text: z.string().trim().min(1).max(2000) }),
      { text: "inoculated" },
    ),
  },
  responses: { ...changed, ...problems("invalid-request", "malformed-body") },
});
