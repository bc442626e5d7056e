import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { actorOf, type Principal } from "../auth/model.ts";
import { addAnnotations } from "./annotations_api.ts";
import { addDeclared } from "./declared_api.ts";
import { createApi, type HoldfastEnv, invalidRequest } from "../http.ts";
import { Problem } from "../problem.ts";
import { type Experiment, ExperimentState } from "./model.ts";
import { ownerLabel, ownerOf } from "./owner.ts";
import { changeProblem, submitProblem } from "./problems.ts";
import {
  cancelRoute,
  holdRoute,
  moveRoute,
  noteRoute,
  pauseRoute,
  phaseRoute,
  ReasonBody,
  releaseRoute,
  removeRoute,
  resumeRoute,
  runNowRoute,
} from "./change_routes.ts";
import { importRoute, listRoute, oneRoute, queueRoute, submitRoute } from "./routes.ts";
import { addResults, experimentOf } from "./results_api.ts";
import type { Experiments } from "./service.ts";
import type { Prepared } from "./submission.ts";

/** An experiment as the API and the live stream show it: without what only the queue needs. */
export function publicView(experiments: Pick<Experiments, "position">, experiment: Experiment) {
  const { idempotencyKey: _key, rank: _rank, process: _process, ...shown } = experiment;
  return {
    ...shown,
    ownerLabel: ownerLabel(experiment.owner),
    position: experiments.position(experiment.id),
  };
}

/** What a submission would have become. */
function dryRunView(experiments: Experiments, { draft, declared }: Prepared) {
  const { title, kind, scriptSha256, devices, limits, endState, onInterrupt } = draft;
  return {
    dryRun: true as const,
    ...{ title, kind, scriptSha256, devices, limits, endState, onInterrupt },
    holdState: draft.holdState ?? {},
    parameters: draft.parameters ?? {},
    declared: declared === null ? null : { ...declared },
    queuePosition: experiments.waitingCount() + 1,
  };
}

/** Experiments, their queue and their results; to be mounted at `/api/v1`. Roles stand in `lib/access.ts`. */
export function experimentsApi(experiments: Experiments): OpenAPIHono<HoldfastEnv> {
  const api = createApi();

  const reply = (experiment: Experiment) => publicView(experiments, experiment);
  const one = (id: string) => experimentOf(experiments, id);
  /** Their own, or anybody's for an admin. */
  const oneOfTheirs = async (c: Context<HoldfastEnv>, id: string) => {
    const experiment = await one(id);
    if (!mayChange(c.get("principal"), experiment)) {
      throw new Problem("forbidden", "Only its owner or an admin can change this experiment");
    }
    return experiment;
  };
  const actor = (c: Context<HoldfastEnv>) => actorOf(c.get("principal"));

  api.openapi(submitRoute, async (c) => {
    const idempotencyKey = c.req.valid("header")["idempotency-key"];
    const ask = c.req.valid("json");
    const by = {
      owner: ownerOf(c.get("principal"), c.req.header("x-session-id")),
      actor: actor(c),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    };
    if (ask.dryRun) {
      const prepared = await experiments.dryRun(ask, by);
      if (!prepared.ok) throw submitProblem(prepared.refusal);
      return c.json(dryRunView(experiments, prepared.value), 200);
    }
    const submitted = await experiments.submit(ask, by);
    if (!submitted.ok) throw submitProblem(submitted.refusal);
    const { experiment, repeated } = submitted.value;
    c.header("location", `/api/v1/experiments/${experiment.id}`);
    return repeated ? c.json(reply(experiment), 200) : c.json(reply(experiment), 201);
  });

  api.openapi(
    importRoute,
    async (c) => c.json(await experiments.import(c.req.valid("json").queue, actor(c)), 200),
  );

  api.openapi(listRoute, async (c) => {
    const { owner, state, limit, cursor } = c.req.valid("query");
    const page = await experiments.list({
      limit,
      ...(cursor === undefined ? {} : { cursor }),
      ...(state === undefined ? {} : { states: statesOf(state) }),
      ...(owner === undefined ? {} : {
        owner: owner === "me" ? ownerOf(c.get("principal"), c.req.header("x-session-id")) : owner,
      }),
    });
    return c.json({ experiments: page.experiments.map(reply), next: page.next }, 200);
  });

  api.openapi(queueRoute, async (c) => {
    const runs = experiments.runs().map(reply);
    const version = experiments.queueVersion();
    const { limit, cursor } = c.req.valid("query");
    const page = experiments.queuePage(limit, cursor);
    const waiting = page.experiments.map(reply);
    const waitingCount = experiments.waitingCount();
    c.header("etag", `"${version}"`);
    return c.json({
      version,
      running: runs[0] ?? null,
      runs,
      concurrency: experiments.concurrency,
      waiting,
      waitingCount,
      next: page.next,
      estimates: await experiments.estimates(page.experiments),
      obstacle: experiments.obstacle(),
    }, 200);
  });

  api.openapi(oneRoute, async (c) => {
    const found = await one(c.req.valid("param").id);
    const who = c.get("principal");
    // How a script learns that it is held; that it knows is worth recording.
    const isItself = who.kind === "experiment" && who.experimentId === found.id;
    return c.json(reply(isItself ? await experiments.scriptAsked(found) : found), 200);
  });

  // No validator stands before this one: a cancellation needs no body, whatever its type.
  api.openAPIRegistry.registerPath(cancelRoute);
  api.post("/experiments/:id/cancel", async (c) => {
    const { id } = await oneOfTheirs(c, c.req.param("id"));
    const cancelled = await experiments.cancel(id, actor(c), await reasonOf(c));
    if (!cancelled.ok) throw changeProblem(cancelled.refusal);
    return c.json(reply(cancelled.value), 202);
  });

  api.openapi(pauseRoute, async (c) => {
    const { id } = await oneOfTheirs(c, c.req.valid("param").id);
    const paused = await experiments.pause(id, actor(c));
    if (!paused.ok) throw changeProblem(paused.refusal);
    return c.json(reply(paused.value), 202);
  });

  api.openapi(resumeRoute, async (c) => {
    const { id } = await oneOfTheirs(c, c.req.valid("param").id);
    const resumed = await experiments.resume(id, actor(c));
    if (!resumed.ok) throw changeProblem(resumed.refusal);
    return c.json(reply(resumed.value), 202);
  });

  // As above: the reason may be missing.
  api.openAPIRegistry.registerPath(holdRoute);
  api.post("/experiments/:id/hold", async (c) => {
    const { id } = await oneOfTheirs(c, c.req.param("id"));
    const held = await experiments.hold(id, actor(c), await reasonOf(c));
    if (!held.ok) throw changeProblem(held.refusal);
    return c.json(reply(held.value), 202);
  });

  api.openapi(releaseRoute, async (c) => {
    const { id } = await oneOfTheirs(c, c.req.valid("param").id);
    const released = await experiments.release(id, actor(c));
    if (!released.ok) throw changeProblem(released.refusal);
    return c.json(reply(released.value), 202);
  });

  api.openapi(moveRoute, async (c) => {
    const { id } = await oneOfTheirs(c, c.req.valid("param").id);
    const match = c.req.valid("header")["if-match"];
    const version = match === undefined ? undefined : Number(match.replaceAll('"', ""));
    const { position } = c.req.valid("json");
    const moved = await experiments.move(id, position, actor(c), version);
    if (!moved.ok) throw changeProblem(moved.refusal);
    return c.json(reply(moved.value), 202);
  });

  api.openapi(runNowRoute, async (c) => {
    const found = await oneOfTheirs(c, c.req.valid("param").id);
    const { id } = found;
    const who = c.get("principal");
    const { reason, requeue } = c.req.valid("json");
    const theirs = experiments.displacedBy(found).filter(({ owner }) => owner !== ownerOf(who));
    if (reason === "" && theirs.some((running) => mayChange(who, running))) {
      const message = "must say why, for the owner of the experiment that it displaces";
      throw invalidRequest([{ path: "reason", message, in: "json" }]);
    }
    const begun = await experiments.runNow(id, actor(c), reason, {
      requeue,
      mayDisplace: (displaced) => mayChange(who, displaced),
    });
    if (!begun.ok) throw changeProblem(begun.refusal);
    return c.json(reply(begun.value), 202);
  });

  api.openapi(removeRoute, async (c) => {
    const { id } = await oneOfTheirs(c, c.req.valid("param").id);
    const removed = await experiments.remove(id, actor(c));
    if (!removed.ok) throw changeProblem(removed.refusal);
    return c.body(null, 204);
  });

  api.openapi(phaseRoute, async (c) => {
    const { id } = await one(c.req.valid("param").id);
    const said = await experiments.setPhase(id, c.req.valid("json").phase, actor(c));
    if (!said.ok) throw changeProblem(said.refusal);
    return c.json(reply(said.value), 202);
  });

  api.openapi(noteRoute, async (c) => {
    const { id } = await one(c.req.valid("param").id);
    const noted = await experiments.note(id, c.req.valid("json").text, actor(c));
    if (!noted.ok) throw changeProblem(noted.refusal);
    return c.json(reply(noted.value), 202);
  });

  addResults(api, experiments);
  addAnnotations(api, experiments);
  addDeclared(api);
  return api;
}

/** Whether `principal` may cancel, pause, move or remove this experiment. */
export function mayChange(principal: Principal, { owner }: Pick<Experiment, "owner">): boolean {
  return principal.role === "admin" || owner === ownerOf(principal);
}

function statesOf(text: string): ExperimentState[] {
  const parsed = ExperimentState.array().safeParse(text.split(",").map((one) => one.trim()));
  if (parsed.success) return parsed.data;
  throw invalidRequest([{
    path: "state",
    message: `must be of ${ExperimentState.options.join(", ")}`,
    in: "query",
  }]);
}

/** Why, from a JSON body when there is one. */
async function reasonOf(c: Context<HoldfastEnv>): Promise<string> {
  if (!/\bjson\b/i.test(c.req.header("content-type") ?? "")) return "";
  const text = await c.req.text();
  if (text.trim() === "") return "";
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new Problem("malformed-body", "The body is not valid JSON", {}, { cause });
  }
  return ReasonBody.parse(body).reason;
}
