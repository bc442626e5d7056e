import type { MiddlewareHandler } from "hono";
import type { Clock } from "./clock.ts";
import { type HoldfastEnv, problemResponse } from "./http.ts";
import { Problem } from "./problem.ts";

/** What a sender gets whatever it sends, and what each second more takes of a large body. */
const BODY_MS = 30_000;
const BYTES_PER_S_MIN = 8192;

/** How a body is read as a whole; nothing here reads one in any other way. */
const READERS = ["arrayBuffer", "blob", "bytes", "formData", "json", "text"] as const;

/**
 * Refuses bodies above `bytesMax` with the problem `too-large`: at once where the length is announced,
 * else as soon as the body grows past it; and those that have not come after half a minute, and a second
 * more for each 8 KiB of their length, with `too-slow`. Nothing is gathered in memory here.
 */
export function limitBody(bytesMax: number, clock: Clock): MiddlewareHandler<HoldfastEnv> {
  return async (c, next) => {
    const { body, headers } = c.req.raw;
    if (body === null) return await next();
    let broken: Problem | null = null;
    const announced = headers.get("content-length");
    // The server holds a sender to the length announced, so only the others must be counted.
    if (announced !== null && !headers.has("transfer-encoding")) {
      if (Number(announced) > bytesMax) throw tooLarge(bytesMax);
    } else {
      let bytes = 0;
      const counted = body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            bytes += chunk.byteLength;
            if (bytes <= bytesMax) return controller.enqueue(chunk);
            broken = tooLarge(bytesMax);
            controller.error(broken);
          },
        }),
      );
      c.req.raw = new Request(c.req.raw, { body: counted });
    }
    const bytes = announced === null ? bytesMax : Number(announced);
    limitTime(c.req.raw, BODY_MS + 1000 * bytes / BYTES_PER_S_MIN, clock, (problem) => {
      broken = problem;
    });
    await next();
    // A reader that took the broken body for malformed JSON must not hide what went wrong.
    if (broken !== null) {
      c.res = undefined;
      c.res = problemResponse(broken, c);
    }
  };
}

/**
 * Every reader of this request gives up after `limitMs`. They are replaced, since passing each body through
 * a stream of our own would cost every request what only a slow one needs.
 */
function limitTime(
  request: Request,
  limitMs: number,
  clock: Clock,
  onLate: (problem: Problem) => void,
): void {
  for (const reader of READERS) {
    const read = () => Request.prototype[reader].call(request);
    Object.defineProperty(request, reader, {
      value() {
        const late = Promise.withResolvers<never>();
        const cancel = clock.timer(limitMs, () => {
          const problem = new Problem(
            "too-slow",
            `The body had not come whole after ${Math.round(limitMs / 1000)} s`,
          );
          onLate(problem);
          late.reject(problem);
        });
        return Promise.race([read(), late.promise]).finally(cancel);
      },
    });
  }
}

function tooLarge(bytesMax: number): Problem {
  const mb = Math.round(bytesMax / 1024 / 1024 * 100) / 100;
  return new Problem("too-large", `The body is larger than ${mb} MiB`, { limitBytes: bytesMax });
}
