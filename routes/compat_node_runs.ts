import { type Context, Hono } from "hono";
import { actorOf } from "../lib/auth/model.ts";
import {
  assertTheirs,
  BodyFaults,
  done,
  nodeLine,
  NodeRuns,
  nodeView,
  optional,
  readBody,
  RunRefusal,
  text,
} from "../lib/compat/mod.ts";
import {
  type Experiment,
  type Experiments,
  isTerminal,
  stampedText,
} from "../lib/experiments/mod.ts";
import type { HoldfastEnv } from "../lib/http.ts";
import type { Kv } from "../lib/kv.ts";
import {
  type Answer,
  answer,
  askerOf,
  idOf,
  jsonOf,
  onFace,
  wholeQuery,
  zipReply,
} from "./compat_answer.ts";

/** Most entries in one reply; the originals have no pages. */
const LIST_MAX = 1000;
const TAIL_MAX = 100_000;
/** How long a removal waits for a running experiment to end. */
const REMOVE_MS = 45_000;
const NAME = /^[\w.:-]{1,128}$/;

/**
 * The routes of the originals' node about experiments. What the hub has too (start, status, download) is
 * the node's on the node's port only; mount this before `hubCompat`.
 */
export function nodeRunsCompat(
  { experiments, kv }: { experiments: Experiments; kv: Kv },
): Hono<HoldfastEnv> {
  const api = new Hono<HoldfastEnv>();
  const runs = new NodeRuns(kv, experiments);
  const own = (act: Answer) => onFace("node", answer(act));

  api.get(
    "/",
    own((c) =>
      c.json({
        service: "Bioreactor Node API",
        version: "3.0.0",
        status: "operational",
        docs: "/docs",
        health: "/health",
      })
    ),
  );

  api.post(
    "/api/experiments/start",
    own(async (c) => {
      const { script_content, experiment_id } = readBody(await jsonOf(c), {
        script_content: text(),
        experiment_id: optional(text()),
      });
      if (experiment_id !== null && !NAME.test(experiment_id)) {
        throw new BodyFaults([{
          type: "string_pattern_mismatch",
          loc: ["body", "experiment_id"],
          msg: `String should match pattern '${NAME.source}'`,
          input: experiment_id,
          ctx: { pattern: NAME.source },
        }]);
      }
      const experiment = await runs.start(script_content, experiment_id, askerOf(c));
      return c.json({
        status: "success",
        experiment_id: runs.nameOf(experiment),
        message: "Experiment started",
      });
    }),
  );

  api.get(
    "/api/experiments/:id/status",
    own(async (c) => {
      const experiment = await runs.find(idOf(c));
      return c.json({ status: "success", experiment: nodeView(experiment, idOf(c)) });
    }),
  );

  api.get(
    "/api/experiments/:id/download",
    own(async (c) => {
      const experiment = await runs.find(idOf(c));
      if (experiment.attempt === 0) throw new RunRefusal(404, "No results yet", "not_found");
      return zipReply(await experiments.archive(experiment), idOf(c));
    }),
  );

  api.get(
    "/api/experiments",
    answer(async (c) => {
      const { experiments: all } = await experiments.list({ limit: LIST_MAX });
      return c.json({
        status: "success",
        experiments: all.map((one) => nodeLine(one, runs.nameOf(one))),
      });
    }),
  );

  api.get(
    "/api/experiments/:id/logs",
    answer(async (c) => {
      const tail = c.req.query("tail") === undefined ? 100 : wholeQuery(c, "tail");
      const { id } = await runs.find(idOf(c));
      const lines = experiments.logLines(id, Math.max(1, Math.min(tail, TAIL_MAX)));
      const logs = lines.length === 0 ? "No container logs available" : stampedText(lines);
      return c.json({ status: "success", logs });
    }),
  );

  api.get(
    "/api/experiments/:id/results",
    answer(async (c) => {
      const { id, exitCode } = await runs.find(idOf(c));
      const files = await experiments.files(id);
      return c.json({
        status: "success",
        results: {
          experiment_id: idOf(c),
          output_files: files.map(({ path }) => path),
          exit_code: exitCode,
        },
      });
    }),
  );

  api.post(
    "/api/experiments/:id/stop",
    answer(async (c) => {
      const { id } = await theirs(c);
      done(await experiments.cancel(id, actorOf(c.get("principal")), "stopped"));
      return c.json({ status: "success", message: "Experiment stopped" });
    }),
  );

  api.delete(
    "/api/experiments/:id",
    answer(async (c) => {
      const experiment = await theirs(c);
      const { id, state } = experiment;
      const actor = actorOf(c.get("principal"));
      if (!isTerminal(state)) {
        await experiments.cancel(id, actor, "removed");
        await experiments.whenEnded(id, REMOVE_MS);
      }
      done(await experiments.remove(id, actor));
      await runs.forget(experiment);
      return c.json({ status: "success", message: "Experiment deleted" });
    }),
  );

  return api;

  async function theirs(c: Context<HoldfastEnv>): Promise<Experiment> {
    const experiment = await runs.find(idOf(c));
    assertTheirs(experiment, askerOf(c));
    return experiment;
  }
}
