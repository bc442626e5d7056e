import type { MiddlewareHandler } from "hono";
import { type HoldfastEnv, problemResponse } from "./http.ts";
import { Problem } from "./problem.ts";

/**
 * Refuses bodies above `bytesMax` with the problem `too-large`: at once where the length is announced,
 * else as soon as the body grows past it. Nothing is gathered in memory here.
 */
export function limitBody(bytesMax: number): MiddlewareHandler<HoldfastEnv> {
  return async (c, next) => {
    const { body, headers } = c.req.raw;
    if (body === null) return await next();
    const announced = headers.get("content-length");
    // The server holds a sender to the length announced, so only the others must be counted.
    if (announced !== null && !headers.has("transfer-encoding")) {
      if (Number(announced) > bytesMax) throw tooLarge(bytesMax);
      return await next();
    }
    let bytes = 0;
    let isOver = false;
    const counted = body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          bytes += chunk.byteLength;
          if (bytes <= bytesMax) return controller.enqueue(chunk);
          isOver = true;
          controller.error(tooLarge(bytesMax));
        },
      }),
    );
    c.req.raw = new Request(c.req.raw, { body: counted });
    await next();
    // A reader that took the broken body for malformed JSON must not hide what went wrong.
    if (isOver) {
      c.res = undefined;
      c.res = problemResponse(tooLarge(bytesMax), c);
    }
  };
}

function tooLarge(bytesMax: number): Problem {
  const mb = Math.round(bytesMax / 1024 / 1024 * 100) / 100;
  return new Problem("too-large", `The body is larger than ${mb} MiB`, { limitBytes: bytesMax });
}
