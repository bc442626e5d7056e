import type { Found, Smartem } from "../lib/smartem/mod.ts";
import type { Operation } from "./compat_smartem.ts";

const ok = (body: unknown) => ({ status: 200, body });

/** An empty list says why in a header: its shape has no room for it. */
function reasoned({ value, why }: Found<unknown>): Response {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "cache-control": "no-store",
  };
  if (why !== null) headers["x-empty-reason"] = encodeURI(why);
  return new Response(JSON.stringify(value), { headers });
}

/** What prediction services say and keep, over the SmartEM API. */
export function smartemPredictionRoutes({ predictions }: Smartem): Operation[] {
  const name = "name";
  const model = "prediction_model_name";
  const latent = "latent_rep_model_name";
  const grid = "grid_uuid";
  const square = "gridsquare_uuid";
  return [
    ["GET", "/prediction_models", "List models", async () => ok(await predictions.models())],
    [
      "POST",
      "/prediction_models",
      "Register a model",
      async (a) => ({ status: 201, body: await predictions.addModel(await a.body(), a.actor) }),
    ],
    [
      "GET",
      "/prediction_models/{name}",
      "Read a model",
      async (a) => ok(await predictions.model(a.param(name))),
    ],
    [
      "PUT",
      "/prediction_models/{name}",
      "Change a model",
      async (a) => ok(await predictions.changeModel(a.param(name), await a.body(), a.actor)),
    ],
    ["DELETE", "/prediction_models/{name}", "Remove a model; what it said stays", async (a) => {
      await predictions.removeModel(a.param(name), a.actor);
      return { status: 204, body: null };
    }],
    [
      "POST",
      "/quality_predictions",
      "Take in what a model says of a square or a hole",
      async (a) => ({ status: 201, body: await predictions.predict(await a.body(), a.actor) }),
    ],
    ["GET", "/quality_metrics", "Sum up predictions", async () => ok(await predictions.metrics())],
    [
      "GET",
      "/grid/{grid_uuid}/model_weights",
      "Read how far each model was believed, over time",
      async (a) => reasoned(await predictions.weights(a.param(grid))),
    ],
    [
      "GET",
      "/gridsquares/{gridsquare_uuid}/quality_predictions",
      "Read what was said of a square, over time",
      async (a) => ok(await predictions.ofSquare(a.param(square))),
    ],
    [
      "GET",
      "/gridsquares/{gridsquare_uuid}/foilhole_quality_predictions",
      "Read what was said of the holes of a square, over time",
      async (a) => reasoned(await predictions.ofHoles(a.param(square), null)),
    ],
    [
      "GET",
      "/quality_metric/{metric_name}/gridsquares/{gridsquare_uuid}/foilhole_quality_predictions",
      "Read what was said of one metric of the holes of a square, over time",
      async (a) => reasoned(await predictions.ofHoles(a.param(square), a.param("metric_name"))),
    ],
    [
      "GET",
      "/prediction_model/{prediction_model_name}/grid/{grid_uuid}/prediction",
      "Read what a model says of a grid now",
      async (a) => reasoned(await predictions.ofGrid(a.param(model), a.param(grid))),
    ],
    [
      "GET",
      "/prediction_model/{prediction_model_name}/gridsquare/{gridsquare_uuid}/prediction",
      "Read what a model says of the holes of a square now",
      async (a) => reasoned(await predictions.ofSquareNow(a.param(model), a.param(square))),
    ],
    [
      "GET",
      "/prediction_model/{prediction_model_name}/grid/{grid_uuid}/latent_representation",
      "Read a model's latent space of a grid",
      async (a) => reasoned(await predictions.latentOfGrid(a.param(model), a.param(grid))),
    ],
    [
      "GET",
      "/prediction_model/{prediction_model_name}/gridsquare/{gridsquare_uuid}/latent_representation",
      "Read a model's latent space of the holes of a square",
      async (a) => reasoned(await predictions.latentOfSquare(a.param(model), a.param(square))),
    ],
    [
      "GET",
      "/gridsquare/{gridsquare_uuid}/overall_prediction",
      "Read what all models together say of the holes of a square",
      async (a) => reasoned(await predictions.overall(a.param(square))),
    ],
    [
      "GET",
      "/grid/{grid_uuid}/prediction_model/{prediction_model_name}/latent_rep/{latent_rep_model_name}/suggested_squares",
      "Read which squares a model would visit",
      async (a) =>
        reasoned(
          await predictions.suggestedSquares(a.param(grid), a.param(model), a.param(latent)),
        ),
    ],
    [
      "GET",
      "/gridsquares/{gridsquare_uuid}/prediction_model/{prediction_model_name}/latent_rep/{latent_rep_model_name}/suggested_holes",
      "Read which holes a model would expose",
      async (a) =>
        reasoned(
          await predictions.suggestedHoles(a.param(square), a.param(model), a.param(latent)),
        ),
    ],
  ];
}
