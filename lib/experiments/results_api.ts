import type { OpenAPIHono } from "@hono/zod-openapi";
import { type HoldfastEnv, invalidRequest } from "../http.ts";
import { Problem } from "../problem.ts";
import type { Experiment } from "./model.ts";
import { type DataAsk, NoClockError } from "./run_data.ts";
import { csvPieces, parquetPieces } from "./run_export.ts";
import {
  bytesOf,
  disposition,
  eventPieces,
  fileReply,
  plainPieces,
  stampedText,
} from "./replies.ts";
import {
  archiveRoute,
  dataRoute,
  fileRoute,
  filesRoute,
  logRoute,
  scriptRoute,
} from "./results_routes.ts";
import type { Experiments } from "./service.ts";

/** Readers that follow logs at the same time. */
const FOLLOWERS_MAX = 200;

/** Adds what a run has written: log, files, archive, numbers, script. */
export function addResults(api: OpenAPIHono<HoldfastEnv>, experiments: Experiments): void {
  let followers = 0;

  api.openapi(logRoute, async (c) => {
    const { id, number } = await experimentOf(experiments, c.req.valid("param").id);
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
    const { id } = await experimentOf(experiments, c.req.valid("param").id);
    return c.json({ files: await experiments.files(id) }, 200);
  });

  // Written by hand: the path of a file has slashes of its own, and any other character a name can have.
  api.openAPIRegistry.registerPath(fileRoute);
  api.get("/experiments/:id/files/:path{[\\s\\S]+}", async (c) => {
    const { id } = await experimentOf(experiments, c.req.param("id"));
    const path = c.req.param("path");
    const file = experiments.file(id, path);
    if (file === null) throw new Problem("not-found", `The run has no file "${path}"`);
    return fileReply(file, path, {
      range: c.req.header("range"),
      head: c.req.method === "HEAD",
    });
  });

  api.openapi(archiveRoute, async (c) => {
    const experiment = await experimentOf(experiments, c.req.valid("param").id);
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
    const experiment = await experimentOf(experiments, c.req.valid("param").id);
    const { id } = experiment;
    const query = c.req.valid("query");
    try {
      if (query.format !== "json") {
        return await exported(experiments, experiment, query) as never;
      }
      const data = await experiments.data(id, { ...dataAsk(query), rows: query.rows });
      if (data === null) throw noData();
      return c.json(data, 200);
    } catch (error) {
      if (!(error instanceof NoClockError)) throw error;
      const message =
        "the file does not know the zone of its times: ask by fromElapsedMs, toElapsedMs";
      const path = query.from === undefined ? "to" : "from";
      throw invalidRequest([{ path, message, in: "query" }]);
    }
  });

  api.openapi(scriptRoute, async (c) => {
    const experiment = await experimentOf(experiments, c.req.valid("param").id);
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
}

interface DataQuery {
  format: "json" | "csv" | "parquet";
  columns?: string | undefined;
  every?: number | undefined;
  from?: number | undefined;
  to?: number | undefined;
  fromElapsedMs?: number | undefined;
  toElapsedMs?: number | undefined;
}

function dataAsk(query: DataQuery): DataAsk {
  const { columns, every, from, to, fromElapsedMs, toElapsedMs } = query;
  const moment = (atMs?: number, elapsedMs?: number) =>
    atMs !== undefined ? { atMs } : elapsedMs !== undefined ? { elapsedMs } : undefined;
  const [begin, end] = [moment(from, fromElapsedMs), moment(to, toElapsedMs)];
  return {
    ...(every === undefined ? {} : { every }),
    ...(columns === undefined ? {} : { columns: columns.split(",").map((name) => name.trim()) }),
    ...(begin === undefined ? {} : { from: begin }),
    ...(end === undefined ? {} : { to: end }),
  };
}

/** @throws {NoClockError} @throws {Problem} not-found */
async function exported(
  experiments: Experiments,
  { id, number, title }: Experiment,
  query: DataQuery,
): Promise<Response> {
  const data = await experiments.dataBlocks(id, dataAsk(query));
  if (data === null) throw noData();
  const { blocks, startedAtMs } = data;
  const isCsv = query.format === "csv";
  const pieces = isCsv
    ? csvPieces(blocks, startedAtMs)
    : parquetPieces(blocks, startedAtMs, { experiment: id, number: String(number), title });
  return new Response(bytesOf(pieces, () => data.close()), {
    headers: {
      "content-type": isCsv ? "text/csv; charset=utf-8" : "application/vnd.apache.parquet",
      "content-disposition": disposition("attachment", `experiment_${number}_data.${query.format}`),
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
    },
  });
}

function noData(): Problem {
  return new Problem("not-found", 'The run has no "experiment_data.csv" with a header yet');
}

/** The experiment of this id, or of this number. @throws {Problem} experiment-unknown */
export async function experimentOf(experiments: Experiments, id: string): Promise<Experiment> {
  const found = /^\d{1,9}$/.test(id)
    ? await experiments.byNumber(Number(id))
    : await experiments.get(id);
  if (found === null) throw new Problem("experiment-unknown", `There is no experiment "${id}"`);
  return found;
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
