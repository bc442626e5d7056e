import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { actorOf } from "../auth/model.ts";
import { type HoldfastEnv, invalidRequest, jsonBody, jsonReply, problems } from "../http.ts";
import { Problem } from "../problem.ts";
import { type AnnotateRefusal, Annotation, ANNOTATION_CHARS_MAX } from "./annotations.ts";
import { experimentOf } from "./results_api.ts";
import { params, tags } from "./routes.ts";
import type { Experiments } from "./service.ts";

const EXAMPLE = {
  id: "01JQZ3T5V8Y2K4M6N8P0R2S4T7",
  atMs: 1769373900000,
  text: "sample taken, 2 ml",
  actor: "user:anna",
  createdAtMs: 1769373914200,
};

const AnnotationReply = Annotation.extend({}).openapi("Annotation", { example: EXAMPLE });

/** What a person sends; the moment is now where none is named. */
export const AnnotationAsk = z.strictObject({
  atMs: z.number().int().optional().openapi({
    description: "The moment it is about, between the submission and now; default: now",
  }),
  text: z.string().trim().min(1).max(ANNOTATION_CHARS_MAX),
});

const annotateRoute = createRoute({
  method: "post",
  path: "/experiments/{id}/annotations",
  tags,
  summary: "Note something at a moment of an experiment",
  description: "Anybody who may submit may annotate, during the run and after it. Annotations " +
    "stand on the time axis of its charts and in its archive, and are never edited.",
  request: {
    params,
    body: jsonBody(AnnotationAsk, { atMs: EXAMPLE.atMs, text: EXAMPLE.text }),
  },
  responses: {
    201: jsonReply("Kept", AnnotationReply),
    ...problems(
      "experiment-unknown",
      "invalid-request",
      "malformed-body",
      "too-large",
      "forbidden",
      "store-unavailable",
    ),
  },
});

const annotationsRoute = createRoute({
  method: "get",
  path: "/experiments/{id}/annotations",
  tags,
  summary: "List what people noted about an experiment",
  description: "In the order of the moments they are about.",
  request: { params },
  responses: {
    200: jsonReply("All of them", z.object({ annotations: z.array(AnnotationReply) })),
    ...problems("experiment-unknown"),
  },
});

/** Adds annotations to the experiments' API. */
export function addAnnotations(api: OpenAPIHono<HoldfastEnv>, experiments: Experiments): void {
  api.openapi(annotationsRoute, async (c) => {
    const { id } = await experimentOf(experiments, c.req.valid("param").id);
    return c.json({ annotations: await experiments.annotations(id) }, 200);
  });

  api.openapi(annotateRoute, async (c) => {
    const { id } = await experimentOf(experiments, c.req.valid("param").id);
    const kept = await experiments.annotate(id, c.req.valid("json"), actorOf(c.get("principal")));
    if (!kept.ok) throw annotateProblem(kept.refusal);
    return c.json(kept.value, 201);
  });
}

/** Why an annotation was not kept, as it leaves the process. */
export function annotateProblem(refusal: AnnotateRefusal): Problem {
  switch (refusal.kind) {
    case "unknown":
      return new Problem("experiment-unknown", `There is no experiment "${refusal.id}"`);
    case "outside": {
      const [from, to] = [refusal.fromMs, refusal.toMs].map((ms) => new Date(ms).toISOString());
      const message = `must lie between the submission, ${from}, and now, ${to}`;
      return invalidRequest([{ path: "atMs", message, in: "json" }]);
    }
    case "full":
      return new Problem(
        "too-large",
        `It has ${refusal.count} annotations, and no more text can be kept with it`,
        { count: refusal.count },
      );
  }
}
