import { type Context, Hono } from "hono";
import { actorOf } from "../lib/auth/model.ts";
import {
  BodyFaults,
  hubStatus,
  hubView,
  naive,
  nodeStatus,
  notJson,
  readBody,
  text,
} from "../lib/compat/mod.ts";
import {
  changeProblem,
  type Experiment,
  ExperimentAsk,
  type Experiments,
  isTerminal,
  mayChange,
  ownerLabel,
  ownerOf,
  stampedText,
  submitProblem,
} from "../lib/experiments/mod.ts";
import type { HoldfastEnv } from "../lib/http.ts";
import { Problem } from "../lib/problem.ts";

/** An error in the originals' shape; `code` is ours. */
class HubError extends Error {
  override readonly name = "HubError";
  constructor(readonly status: number, readonly detail: string, readonly code: string) {
    super(detail);
  }
}

type Handler = (c: Context<HoldfastEnv>) => Response | Promise<Response>;

/** Minutes that the originals reckon for one waiting experiment. */
const WAIT_MINUTES = 10;
/** Most entries in one reply; the originals have no pages. */
const LIST_MAX = 1000;
const TAIL_MAX = 100_000;
/** How long a removal waits for a running experiment to end. */
const REMOVE_MS = 45_000;

/**
 * The originals' hub (bodies, status codes and stamps as there) and, where they do not collide with it,
 * the routes of their node about experiments.
 */
export function hubCompat(experiments: Experiments): Hono<HoldfastEnv> {
  const api = new Hono<HoldfastEnv>();

  api.post(
    "/api/experiments/start",
    answer(async (c) => {
      const { script_content } = readBody(await jsonOf(c), { script_content: text() });
      const submitted = await experiments.submit(
        ExperimentAsk.parse({ script: script_content, kind: "python" }),
        { owner: ownerIn(c), actor: actorOf(c.get("principal")) },
      );
      if (!submitted.ok) {
        const problem = submitProblem(submitted.refusal);
        const over = submitted.refusal.kind === "active-limit";
        throw new HubError(over ? 400 : problem.status, problem.detail, codeOf(problem));
      }
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
      const { experiments: own } = await experiments.list({ owner: ownerIn(c), limit: LIST_MAX });
      return c.json({ experiments: own.map((one) => hubView(experiments, one)) });
    }),
  );

  api.get(
    "/api/experiments/:id/status",
    answer(async (c) => c.json({ experiment: hubView(experiments, await known(c)) })),
  );

  api.get(
    "/api/queue/status",
    answer(async (c) => {
      const running = experiments.running();
      const waiting = await experiments.queue();
      const queued = waiting.filter((one) => one.state === "queued").length;
      const shown = [...(running === null ? [] : [running]), ...waiting].slice(0, LIST_MAX);
      return c.json({
        total_queued: queued,
        total_running: running === null ? 0 : 1,
        total_paused: waiting.length - queued,
        estimated_wait_minutes: queued * WAIT_MINUTES,
        queue: shown.map((one) => ({
          experiment_id: one.id,
          user_session_id: sessionShown(c, one),
          status: hubStatus(one.state),
          created_at: naive(one.createdAtMs),
        })),
      });
    }),
  );

  api.post(
    "/api/experiments/:id/cancel",
    answer(async (c) => {
      const { id } = await theirs(c);
      const done = await experiments.cancel(id, actorOf(c.get("principal")), "");
      if (!done.ok) throw refused(changeProblem(done.refusal), 400);
      return c.json({ success: true, message: "Experiment cancelled" });
    }),
  );
  for (
    const [verb, message] of [["pause", "Experiment paused"], ["resume", "Experiment resumed"]]
  ) {
    api.post(
      `/api/experiments/:id/${verb}`,
      answer(async (c) => {
        const { id } = await theirs(c, 400);
        const actor = actorOf(c.get("principal"));
        const done = verb === "pause"
          ? await experiments.pause(id, actor)
          : await experiments.resume(id, actor);
        if (!done.ok) throw refused(changeProblem(done.refusal), 400);
        return c.json({ success: true, message });
      }),
    );
  }

  api.post(
    "/api/experiments/:id/reorder",
    answer(async (c) => {
      const index = wholeQuery(c, "new_position");
      const { id } = await theirs(c, 400);
      const done = await experiments.move(id, index + 1, actorOf(c.get("principal")));
      if (!done.ok) throw refused(changeProblem(done.refusal), 400);
      return c.json({
        success: true,
        message: `Experiment moved to position ${Math.max(0, index)}`,
      });
    }),
  );

  api.post(
    "/api/experiments/:id/run-now",
    answer(async (c) => {
      const { id } = await theirs(c);
      const running = experiments.running();
      if (running !== null && !mayChange(c.get("principal"), running)) {
        throw new HubError(403, "Only an admin can cancel other people's experiment", "forbidden");
      }
      const done = await experiments.runNow(id, actorOf(c.get("principal")), "");
      if (!done.ok) throw refused(changeProblem(done.refusal), 400);
      return c.json({ success: true, message: "Experiment moved to the front of the queue" });
    }),
  );

  api.get(
    "/api/experiments/:id/download",
    answer(async (c) => {
      const experiment = await known(c);
      if (experiment.attempt === 0) throw new HubError(404, "No results yet", "not_found");
      return new Response(await experiments.archive(experiment), {
        headers: {
          "content-type": "application/zip",
          "content-disposition": `attachment; filename=experiment_${experiment.id}_results.zip`,
        },
      });
    }),
  );

  api.get(
    "/api/experiments",
    answer(async (c) => {
      const { experiments: all } = await experiments.list({ limit: LIST_MAX });
      return c.json({
        status: "success",
        experiments: all.map((one) => ({
          experiment_id: one.id,
          status: nodeStatus(one.state),
          start_time: naive(one.startedAtMs),
          end_time: naive(one.endedAtMs),
        })),
      });
    }),
  );

  api.get(
    "/api/experiments/:id/logs",
    answer(async (c) => {
      const tail = c.req.query("tail") === undefined ? 100 : wholeQuery(c, "tail");
      const { id } = await known(c);
      const lines = experiments.logLines(id, Math.max(1, Math.min(tail, TAIL_MAX)));
      const logs = lines.length === 0 ? "No container logs available" : stampedText(lines);
      return c.json({ status: "success", logs });
    }),
  );

  api.get(
    "/api/experiments/:id/results",
    answer(async (c) => {
      const { id, exitCode } = await known(c);
      const files = await experiments.files(id);
      return c.json({
        status: "success",
        results: {
          experiment_id: id,
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
      const done = await experiments.cancel(id, actorOf(c.get("principal")), "stopped");
      if (!done.ok) throw refused(changeProblem(done.refusal), 400);
      return c.json({ status: "success", message: "Experiment stopped" });
    }),
  );

  api.delete(
    "/api/experiments/:id",
    answer(async (c) => {
      const { id, state } = await theirs(c);
      const actor = actorOf(c.get("principal"));
      if (!isTerminal(state)) {
        await experiments.cancel(id, actor, "removed");
        await experiments.whenEnded(id, REMOVE_MS);
      }
      const done = await experiments.remove(id, actor);
      if (!done.ok) throw refused(changeProblem(done.refusal), 400);
      return c.json({ status: "success", message: "Experiment deleted" });
    }),
  );

  return api;

  async function known(c: Context<HoldfastEnv>, missing = 404): Promise<Experiment> {
    const experiment = await experiments.get(c.req.param("id") ?? "");
    if (experiment === null) throw new HubError(missing, "Experiment not found", "not_found");
    return experiment;
  }
  async function theirs(c: Context<HoldfastEnv>, missing = 404): Promise<Experiment> {
    const experiment = await known(c, missing);
    if (!mayChange(c.get("principal"), experiment) && experiment.owner !== ownerIn(c)) {
      throw new HubError(403, "Only its owner or an admin can change this experiment", "forbidden");
    }
    return experiment;
  }
}

/** Errors in the originals' shape, never cached. */
function answer(act: Handler): Handler {
  return async (c) => {
    c.header("cache-control", "no-store");
    try {
      return await act(c);
    } catch (error) {
      if (error instanceof BodyFaults) return c.json({ detail: error.detail }, 422);
      if (error instanceof HubError) {
        return c.json({ detail: error.detail, code: error.code }, error.status as 400);
      }
      throw error;
    }
  };
}

function refused(problem: Problem, status: number): HubError {
  return new HubError(
    problem.kind === "experiment-unknown" ? 404 : status,
    problem.detail,
    codeOf(problem),
  );
}

function codeOf(problem: Problem): string {
  return problem.kind.replaceAll("-", "_");
}

function ownerIn(c: Context<HoldfastEnv>): string {
  return ownerOf(c.get("principal"), c.req.header("x-session-id"));
}

/** Your own session as you sent it; of others' a name, or too little of its digest to be used. */
function sessionShown(c: Context<HoldfastEnv>, { owner }: Experiment): string {
  const own = c.req.header("x-session-id");
  return own !== undefined && owner === ownerIn(c) ? own : ownerLabel(owner).replace(/^guest /, "");
}

/** The body as JSON whatever its content type says, as curl without a header sends it. */
async function jsonOf(c: Context<HoldfastEnv>): Promise<unknown> {
  const given = await c.req.text();
  if (given.trim() === "") return undefined;
  try {
    return JSON.parse(given);
  } catch (error) {
    const at = /position (\d+)/.exec(String(error))?.[1];
    throw notJson(Number(at ?? 0), "The body is not valid JSON");
  }
}

/** @throws {BodyFaults} as FastAPI words it. */
function wholeQuery(c: Context<HoldfastEnv>, name: string): number {
  const given = c.req.query(name);
  const loc = ["query", name];
  if (given === undefined) {
    throw new BodyFaults([{ type: "missing", loc, msg: "Field required", input: null }]);
  }
  if (!/^\s*[+-]?\d{1,15}\s*$/.test(given)) {
    const msg = "Input should be a valid integer, unable to parse string as an integer";
    throw new BodyFaults([{ type: "int_parsing", loc, msg, input: given }]);
  }
  return Number(given);
}
