import type { Context, MiddlewareHandler } from "hono";
import { type Asker, BodyFaults, type Face, notJson, RunRefusal } from "../lib/compat/mod.ts";
import type { HoldfastEnv } from "../lib/http.ts";

export type Answer = (c: Context<HoldfastEnv>) => Response | Promise<Response>;

/** What a listener says of itself: which of the originals it stands for. */
interface Listener {
  readonly face?: Face;
}

/** Answers on that face only; elsewhere the path belongs to whoever comes next. */
export function onFace(face: Face, act: Answer): MiddlewareHandler<HoldfastEnv> {
  return async (c, next) => {
    // The main port is the hub's unless it is told otherwise.
    const shown = (c.env as Listener | undefined)?.face ?? "hub";
    if (shown === face) return await act(c);
    await next();
  };
}

/** Errors in the originals' shape, never cached. */
export function answer(act: Answer): Answer {
  return async (c) => {
    c.header("cache-control", "no-store");
    try {
      return await act(c);
    } catch (error) {
      if (error instanceof BodyFaults) return c.json({ detail: error.detail }, 422);
      if (error instanceof RunRefusal) {
        return c.json({ detail: error.detail, code: error.code }, error.status as 400);
      }
      throw error;
    }
  };
}

export function askerOf(c: Context<HoldfastEnv>): Asker {
  const session = c.req.header("x-session-id");
  return { principal: c.get("principal"), ...(session === undefined ? {} : { session }) };
}

/** The experiment's id as the path has it. */
export function idOf(c: Context<HoldfastEnv>): string {
  return c.req.param("id") ?? "";
}

/** The body as JSON whatever its content type says, as curl without a header sends it; `undefined` when empty. */
export async function jsonOf(c: Context<HoldfastEnv>): Promise<unknown> {
  const given = await c.req.text();
  if (given.trim() === "") return undefined;
  try {
    return JSON.parse(given);
  } catch (error) {
    const at = /position (\d+)/.exec(String(error))?.[1];
    throw notJson(at === undefined ? given.length : Number(at), "The body is not valid JSON");
  }
}

/** @throws {BodyFaults} as FastAPI words it. */
export function wholeQuery(c: Context<HoldfastEnv>, name: string): number {
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

/** The ZIP of a run under the originals' name. @throws {RunRefusal} 404 before its first run. */
export function zipReply(archive: ReadableStream<Uint8Array>, id: string): Response {
  return new Response(archive, {
    headers: {
      "content-type": "application/zip",
      "content-disposition": `attachment; filename=experiment_${
        id.replaceAll(/[^\w.-]/g, "_")
      }_results.zip`,
    },
  });
}
