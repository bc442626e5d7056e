/** The backend did not take something: `kind` says whether trying again can help. */
export class RemoteError extends Error {
  override readonly name = "RemoteError";
  constructor(
    /** `away`: no answer, or one that says "later"; `refused`: it will never take this. */
    readonly kind: "away" | "refused",
    readonly status: number | null,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface Remote {
  /** The answer's body, `null` for 404 of a `GET`. @throws {RemoteError} */
  ask(
    method: "GET" | "POST" | "PUT",
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<unknown>;
}

/** Answers that a later try may find otherwise: a login that is wrong is put right by a person. */
const LATER = new Set([401, 403, 408, 409, 425, 429]);
const TIMEOUT_MS = 30_000;
const TEXT_MAX = 300;

/** A SmartEM API over HTTP. `base` without a slash at its end. */
export function httpRemote(base: string, token: string | undefined): Remote {
  return {
    async ask(method, path, body, signal) {
      let reply: Response;
      try {
        reply = await fetch(base + path, {
          method,
          redirect: "error",
          headers: {
            accept: "application/json",
            ...(body === undefined ? {} : { "content-type": "application/json" }),
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
        });
      } catch (cause) {
        signal.throwIfAborted();
        throw new RemoteError("away", null, `No answer from ${base}`, { cause });
      }
      const text = await reply.text().catch(() => "");
      if (reply.status === 404 && method === "GET") return null;
      if (!reply.ok) {
        const kind = reply.status >= 500 || LATER.has(reply.status) ? "away" : "refused";
        throw new RemoteError(
          kind,
          reply.status,
          `${method} ${path} was answered with ${reply.status}: ${text.slice(0, TEXT_MAX)}`,
        );
      }
      try {
        return text === "" ? {} : JSON.parse(text);
      } catch (cause) {
        throw new RemoteError("away", reply.status, `${method} ${path} was not answered in JSON`, {
          cause,
        });
      }
    },
  };
}
