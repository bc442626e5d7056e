import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { type HoldfastEnv, jsonBody, jsonReply, problems } from "../http.ts";
import { ExperimentAsk } from "./model.ts";
import { declaredParameters, ParameterDeclaration } from "./parameters.ts";
import { submitProblem } from "./problems.ts";
import { tags } from "./routes.ts";

const declaredRoute = createRoute({
  method: "post",
  path: "/experiments/parameters",
  tags,
  summary: "Read the parameters a script declares",
  description:
    "For a form: only the script's header is looked at, nothing is checked, queued or kept.",
  request: {
    body: jsonBody(
      z.strictObject({ script: ExperimentAsk.shape.script, kind: ExperimentAsk.shape.kind }),
      {
        script: '# parameters: {"times": {"type": "integer", "minimum": 1, "default": 1}}\n',
        kind: "python",
      },
    ),
  },
  responses: {
    200: jsonReply(
      "By name, in the order of the script; null: it declares none",
      z.object({ declared: z.record(z.string(), ParameterDeclaration).nullable() }).openapi({
        example: { declared: { times: { type: "integer", minimum: 1, default: 1 } } },
      }),
    ),
    ...problems("script-rejected", "invalid-request", "malformed-body", "too-large"),
  },
});

/** Adds the reading of declared parameters to the experiments' API. */
export function addDeclared(api: OpenAPIHono<HoldfastEnv>): void {
  api.openapi(declaredRoute, (c) => {
    const { script, kind } = c.req.valid("json");
    const declared = declaredParameters(script, kind);
    if (!declared.ok) throw submitProblem({ kind: "script-rejected", errors: declared.refusal });
    return c.json({ declared: declared.value === null ? null : { ...declared.value } }, 200);
  });
}
