import { Hono } from "hono";
import { actorOf } from "../lib/auth/model.ts";
import {
  askerOwner,
  CHANGES,
  hubView,
  ownerShown,
  queueView,
  readBody,
  RunChanges,
  RunRefusal,
  submitRefusal,
  text,
} from "../lib/compat/mod.ts";
import { type Experiment, ExperimentAsk, type Experiments } from "../lib/experiments/mod.ts";
import type { HoldfastEnv } from "../lib/http.ts";
import { answer, askerOf, idOf, jsonOf, wholeQuery, zipReply } from "./compat_answer.ts";

/** Most entries in one reply; the originals have no pages. */
const LIST_MAX = 1000;

/** The originals' hub: bodies, status codes and stamps as there. */
export function hubCompat(experiments: Experiments): Hono<HoldfastEnv> {
  const api = new Hono<HoldfastEnv>();
  const changes = new RunChanges(experiments);

  api.post(
    "/api/experiments/start",
    answer(async (c) => {
      const { script_content } = readBody(await jsonOf(c), { script_content: text() });
      const submitted = await experiments.submit(
        ExperimentAsk.parse({ script: script_content, kind: "python" }),
        { owner: askerOwner(askerOf(c)), actor: actorOf(c.get("principal")) },
      );
      if (!submitted.ok) throw submitRefusal(submitted.refusal);
      return c.json({
        experiment_id: submitted.value.experiment.id,
        status: "queued",
        queue_position: submitted.value.queuePosition,
        message: "Experiment added to queue",
      });
    }),
  );

  api.get(
    "/api/experiments/user",
    answer(async (c) => {
      const { experiments: own } = await experiments.list({
        owner: askerOwner(askerOf(c)),
        limit: LIST_MAX,
      });
      return c.json({ experiments: own.map((one) => hubView(experiments, one)) });
    }),
  );

  api.get(
    "/api/experiments/:id/status",
    answer(async (c) => c.json({ experiment: hubView(experiments, await changes.known(idOf(c))) })),
  );

  api.get(
    "/api/queue/status",
    answer(async (c) => {
      const own = c.req.header("x-session-id");
      const mine = askerOwner(askerOf(c));
      const shown = (one: Experiment) =>
        own !== undefined && one.owner === mine ? own : ownerShown(one);
      return c.json(await queueView(experiments, LIST_MAX, shown));
    }),
  );

  for (const verb of CHANGES) {
    api.post(
      `/api/experiments/:id/${verb}`,
      answer(async (c) =>
        c.json({ success: true, message: await changes.change(verb, idOf(c), askerOf(c)) })
      ),
    );
  }

  api.post(
    "/api/experiments/:id/reorder",
    answer(async (c) => {
      const message = await changes.reorder(idOf(c), wholeQuery(c, "new_position"), askerOf(c));
      return c.json({ success: true, message });
    }),
  );

  api.get(
    "/api/experiments/:id/download",
    answer(async (c) => {
      const experiment = await changes.known(idOf(c));
      if (experiment.attempt === 0) throw new RunRefusal(404, "No results yet", "not_found");
      return zipReply(await experiments.archive(experiment), experiment.id);
    }),
  );

  return api;
}
