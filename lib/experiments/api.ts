import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { actorOf, type Principal } from "../auth/model.ts";
import { createApi, type HoldfastEnv, invalidRequest } from "../http.ts";
import { Problem } from "../problem.ts";
import { type Experiment, ExperimentState } from "./model.ts";
import { ownerLabel, ownerOf } from "./owner.ts";
import { changeProblem, submitProblem } from "./problems.ts";
import { disposition, eventPieces, fileReply, plainPieces, stampedText } from "./replies.ts";
import {
  archiveRoute,
  cancelRoute,
  dataRoute,
  fileRoute,
  filesRoute,
  listRoute,
  logRoute,
  moveRoute,
  noteRoute,
  oneRoute,
  pauseRoute,
  phaseRoute,
  queueRoute,
  ReasonBody,
  removeRoute,
  resumeRoute,
  runNowRoute,
  scriptRoute,
  submitRoute,
} from "./routes.ts";
import type { Experiments } from "./service.ts";

/** Readers that follow logs at the same time. */
const FOLLOWERS_MAX = 200;

/** An experiment as the API and the live stream show it: without what only the queue needs. */
export function publicView(experiments: Pick<Experiments, "position">, experiment: Experiment) {
  const { idempotencyKey: _key, rank: _rank, process: _process, ...shown } = experiment;
  return {
    ...shown,
    ownerLabel: ownerLabel(experiment.owner),
    position: experiments.position(experiment.id),
  };
}

/** Experiments, their queue and their results; to be mounted at `/api/v1`. Roles stand in `lib/access.ts`. */
export function experimentsApi(experiments: Experiments): OpenAPIHono<HoldfastEnv> {
  const api = createApi();
  let followers = 0;

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
    const submitted = await experiments.submit(c.req.valid("json"), {
      owner: ownerOf(c.get("principal"), c.req.header("x-session-id")),
      actor: actor(c),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    });
    if (!submitted.ok) throw submitProblem(submitted.refusal);
    const { experiment, repeated } = submitted.value;
    c.header("location", `/api/v1/experiments/${experiment.id}`);
    return repeated ? c.json(reply(experiment), 200) : c.json(reply(experiment), 201);
  });

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
    const running = experiments.running();
    const version = experiments.queueVersion();
    c.header("etag", `"${version}"`);
    return c.json({
      version,
      running: running === null ? null : reply(running),
      waiting: (await experiments.queue()).map(reply),
      obstacle: experiments.obstacle(),
    }, 200);
  });

  api.openapi(oneRoute, async (c) => c.json(reply(await one(c.req.valid("param").id)), 200));

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
    const { id } = await oneOfTheirs(c, c.req.valid("param").id);
    const running = experiments.running();
    if (running !== null && !mayChange(c.get("principal"), running)) {
      throw new Problem(
        "forbidden",
        "Only its owner or an admin can cancel the running experiment",
      );
    }
    const begun = await experiments.runNow(id, actor(c), c.req.valid("json").reason);
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

  api.openapi(logRoute, async (c) => {
    const { id, number } = await one(c.req.valid("param").id);
    const { tail, from, follow, stamps } = c.req.valid("query");
    const type = "text/plain; charset=utf-8";
    const headers = {
      "content-type": type,
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
    };
    if (isYes(follow)) {
      if (followers >= FOLLOWERS_MAX) {
        throw new Problem("too-many-attempts", `${followers} readers follow logs already`, {
          retryAfterS: 5,
        });
      }
      const isSse = /\btext\/event-stream\b/.test(c.req.header("accept") ?? "");
      const last = Number(c.req.header("last-event-id"));
      const start = isSse && last > 0
        ? last
        : from ?? (tail === undefined ? 0 : experiments.log(id, { tail }).from);
      followers++;
      const gone = new AbortController();
      const onEnd = once(() => {
        followers--;
        gone.abort();
      });
      const pieces = experiments.logStream(id, gone.signal, start);
      return new Response(isSse ? eventPieces(pieces, onEnd) : plainPieces(pieces, onEnd), {
        headers: { ...headers, "content-type": isSse ? "text/event-stream" : type },
      });
    }
    if (tail !== undefined) {
      const text = isYes(stamps)
        ? stampedText(experiments.logLines(id, tail))
        : experiments.log(id, { tail }).text;
      return new Response(text, { headers });
    }
    const file = experiments.logFile(id);
    if (file === null) return new Response("", { headers });
    return new Response(file.stream(Math.min(from ?? 0, file.bytes)), {
      headers: {
        ...headers,
        "content-disposition": disposition("inline", `experiment_${number}.log`),
      },
    });
  });

  api.openapi(filesRoute, async (c) => {
    const { id } = await one(c.req.valid("param").id);
    return c.json({ files: await experiments.files(id) }, 200);
  });

  // Written by hand: the path of a file has slashes of its own.
  api.openAPIRegistry.registerPath(fileRoute);
  api.get("/experiments/:id/files/:path{.+}", async (c) => {
    const { id } = await one(c.req.param("id"));
    const path = c.req.param("path");
    const file = experiments.file(id, path);
    if (file === null) throw new Problem("not-found", `The run has no file "${path}"`);
    return fileReply(file, path, {
      range: c.req.header("range"),
      head: c.req.method === "HEAD",
    });
  });

  api.openapi(archiveRoute, async (c) => {
    const experiment = await one(c.req.valid("param").id);
    return new Response(await experiments.archive(experiment), {
      headers: {
        "content-type": "application/zip",
        "content-disposition": disposition(
          "attachment",
          `experiment_${experiment.number}_results.zip`,
        ),
        "cache-control": "no-store",
      },
    });
  });

  api.openapi(dataRoute, async (c) => {
    const { id } = await one(c.req.valid("param").id);
    const { columns, every, rows } = c.req.valid("query");
    const data = experiments.data(id, {
      rows,
      ...(every === undefined ? {} : { every }),
      ...(columns === undefined ? {} : { columns: columns.split(",").map((name) => name.trim()) }),
    });
    if (data === null) {
      throw new Problem("not-found", 'The run has no "experiment_data.csv" with a header yet');
    }
    return c.json(data, 200);
  });

  api.openapi(scriptRoute, async (c) => {
    const experiment = await one(c.req.valid("param").id);
    const script = await experiments.script(experiment);
    if (script === null) throw new Problem("not-found", "The script is no longer kept");
    const ending = experiment.kind === "python" ? "py" : "ts";
    return new Response(script, {
      headers: {
        "content-type": "text/plain; charset=utf-8",
        "content-disposition": disposition(
          "attachment",
          `experiment_${experiment.number}_script.${ending}`,
        ),
        "x-content-type-options": "nosniff",
      },
    });
  });

  return api;
}

/** Whether `principal` may cancel, pause, move or remove this experiment. */
export function mayChange(principal: Principal, { owner }: Pick<Experiment, "owner">): boolean {
  return principal.role === "admin" || owner === ownerOf(principal);
}

/** The experiment of this id, or of this number. @throws {Problem} experiment-unknown */
export async function experimentOf(experiments: Experiments, id: string): Promise<Experiment> {
  const found = /^\d{1,9}$/.test(id)
    ? await experiments.byNumber(Number(id))
    : await experiments.get(id);
  if (found === null) throw new Problem("experiment-unknown", `There is no experiment "${id}"`);
  return found;
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

function isYes(value: string | undefined): boolean {
  return value === "true" || value === "1";
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}
