import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { actorOf } from "../auth/model.ts";
import type { Clock } from "../clock.ts";
import { createApi, type HoldfastEnv, jsonBody, jsonReply, problems } from "../http.ts";
import { Problem } from "../problem.ts";
import type { Decisions } from "./decisions/mod.ts";
import { Acquisition, Finding, GridSquare } from "./model.ts";
import { decisionProblem, deleteProblem } from "./problems.ts";
import { AcquisitionParams, SquareParams } from "./routes.ts";
import type { Epu } from "./service.ts";
import { Validator } from "./validator.ts";

const tags = ["cryo-em"];
const Reason = z.strictObject({ reason: z.string().trim().max(500).default("") });

function stateRoute(act: string, summary: string, reason: string) {
  return createRoute({
    method: "post",
    path: `/epu/acquisitions/{id}/${act}`,
    tags,
    summary,
    request: { params: AcquisitionParams, body: jsonBody(Reason, { reason }) },
    responses: {
      200: jsonReply("The acquisition as it is now", Acquisition),
      ...problems(
        "not-found",
        "not-open",
        "invalid-request",
        "malformed-body",
        "store-unavailable",
      ),
    },
  });
}

const pauseRoute = stateRoute(
  "pause",
  "Pause: nothing is approved by itself until it goes on",
  "the ice reservoir is being filled",
);
const resumeRoute = stateRoute("resume", "Go on after a pause", "filled");
const closeRoute = stateRoute(
  "close",
  "Call an acquisition finished; a later change of its files reopens it",
  "grid taken out",
);
const reopenRoute = stateRoute(
  "reopen",
  "Take a finished acquisition up again",
  "closed too early",
);

const noteRoute = createRoute({
  method: "put",
  path: "/epu/acquisitions/{id}/squares/{square}/note",
  tags,
  summary: "Write a note on a grid square; `null` takes it away",
  request: {
    params: SquareParams,
    body: jsonBody(
      z.strictObject({ note: z.string().trim().min(1).max(2000).nullable() }),
      { note: "cracked in the middle" },
    ),
  },
  responses: {
    200: jsonReply("The square", GridSquare),
    ...problems("not-found", "invalid-request", "malformed-body", "store-unavailable"),
  },
});

const deleteRoute = createRoute({
  method: "delete",
  path: "/epu/acquisitions/{id}",
  tags,
  summary: "Delete an acquisition with all that belongs to it; EPU's files stay",
  request: {
    params: AcquisitionParams,
    query: z.object({
      confirm: z.string().max(500).openapi({
        description: "The acquisition's name, to confirm that it is the one meant",
        example: "Supervisor_20240405_115113_0_SmartEPU_ApoF",
      }),
    }),
  },
  responses: {
    200: jsonReply("How many records were removed", z.object({ removed: z.number().int() })),
    ...problems("not-found", "in-use", "invalid-request", "store-unavailable"),
  },
});

const Count = z.number().int();
const validationRoute = createRoute({
  method: "get",
  path: "/epu/acquisitions/{id}/validation",
  tags,
  summary: "Check an acquisition's folder: whether it is valid, and whether it is whole",
  description:
    "Reads every file of the session, which takes a while for a large one; the report is kept for a minute.",
  request: { params: AcquisitionParams },
  responses: {
    200: jsonReply(
      "The report",
      z.object({
        atMs: Count,
        folder: z.string(),
        valid: z.boolean(),
        complete: z.boolean(),
        session: z.object({
          name: z.string(),
          epuId: Count.nullable(),
          epuVersion: z.string().nullable(),
          startedAtMs: z.number().nullable(),
        }).nullable(),
        counts: z.record(z.string(), Count.nullable()),
        findings: z.array(Finding),
        totals: z.record(z.string(), Count),
      }),
    ),
    ...problems("not-found", "store-unavailable"),
  },
});

/** What people do with acquisitions; to be mounted at `/api/v1`. */
export function epuAcquisitionsApi(
  epu: Epu,
  decisions: Decisions,
  clock: Clock,
): OpenAPIHono<HoldfastEnv> {
  const api = createApi();
  const validator = new Validator(epu, clock);

  async function acquisitionOf(id: string): Promise<Acquisition> {
    const found = await epu.acquisition(id);
    if (found === null) throw new Problem("not-found", `There is no acquisition "${id}"`);
    return found;
  }
  async function hold(id: string, kind: "pause" | "resume", actor: string, reason: string) {
    const note = reason === "" ? null : reason;
    const done = await decisions.decide(id, { kind, actor, note });
    if (!done.ok) throw decisionProblem(done.refusal);
    return await acquisitionOf(id);
  }
  async function settle(id: string, state: "completed" | "started", actor: string, reason: string) {
    const before = await acquisitionOf(id);
    const isClosed = before.state === "completed" || before.state === "abandoned";
    if (before.state === state) return before;
    if (state === "started" && !isClosed || state === "completed" && isClosed) {
      throw new Problem("not-open", `The acquisition is ${before.state}`, { state: before.state });
    }
    const done = await epu.setState(id, state, actor, reason);
    if (!done.ok) throw new Problem("not-found", `There is no acquisition "${id}"`);
    return done.value;
  }

  api.openapi(pauseRoute, async (c) => {
    const actor = actorOf(c.get("principal"));
    const { reason } = c.req.valid("json");
    return c.json(await hold(c.req.valid("param").id, "pause", actor, reason), 200);
  });
  api.openapi(resumeRoute, async (c) => {
    const actor = actorOf(c.get("principal"));
    const { reason } = c.req.valid("json");
    return c.json(await hold(c.req.valid("param").id, "resume", actor, reason), 200);
  });
  api.openapi(closeRoute, async (c) => {
    const actor = actorOf(c.get("principal"));
    const { reason } = c.req.valid("json");
    return c.json(await settle(c.req.valid("param").id, "completed", actor, reason), 200);
  });
  api.openapi(reopenRoute, async (c) => {
    const actor = actorOf(c.get("principal"));
    const { reason } = c.req.valid("json");
    return c.json(await settle(c.req.valid("param").id, "started", actor, reason), 200);
  });

  api.openapi(noteRoute, async (c) => {
    const { id, square } = c.req.valid("param");
    const { note } = c.req.valid("json");
    const done = await epu.note(id, square, note, actorOf(c.get("principal")));
    if (!done.ok) throw new Problem("not-found", `There is no grid square ${square}`);
    return c.json(done.value, 200);
  });

  api.openapi(deleteRoute, async (c) => {
    const { confirm } = c.req.valid("query");
    const actor = actorOf(c.get("principal"));
    const done = await epu.deleteAcquisition(c.req.valid("param").id, { confirm, actor });
    if (!done.ok) throw deleteProblem(done.refusal);
    return c.json({ removed: done.value.removed }, 200);
  });

  api.openapi(validationRoute, async (c) => {
    const acquisition = await acquisitionOf(c.req.valid("param").id);
    const found = await validator.report(acquisition);
    if (found === null) {
      throw new Problem(
        "not-found",
        "Its folder is not watched by this instrument, or cannot be read",
      );
    }
    const { atMs, validation } = found;
    return c.json({
      ...validation,
      atMs,
      counts: { ...validation.counts },
      findings: [...validation.findings],
      totals: { ...validation.totals },
    }, 200);
  });

  return api;
}
