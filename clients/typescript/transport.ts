import http from "node:http";
import { ApiAway, fromReply, isRecord } from "./errors.ts";
import type { Reading } from "./readings.ts";
import { REAL_TIME, realWait } from "./real_time.ts";

export const DEFAULT_URL = "http://127.0.0.1:8000";
/** How often a held script looks whether it is released. */
const HOLD_LOOK_MS = 1000;
/** Longest pause while the API is away: a script loses no more than its outage. */
const RETRY_MAX_MS = 500;
const REPLY_BYTES_MAX = 64 * 1_048_576;

/** One line on stderr, where the run's log picks it up. */
export function say(text: string): void {
  console.error(`bioreactor_client: ${text}`);
}

/** A variable of the environment, or undefined where it is not set or this script may not read it. */
export function env(name: string): string | undefined {
  try {
    return Deno.env.get(name) || undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

export interface ApiOptions {
  /** Address of the instrument; else `BIOREACTOR_NODE_API_URL`. */
  url?: string;
  /** Bearer token; else `EXPERIMENT_TOKEN`. */
  token?: string;
  /** Longest wait for one answer, ms. */
  timeoutMs?: number;
  /**
   * How long a read is tried again while the API is away, e.g. while the runtime restarts, ms. Once that
   * is used up, further calls fail at once until one succeeds.
   */
  patienceMs?: number;
  /** How long a command that could not be sent, because nothing listens, is held back, ms. */
  sendPatienceMs?: number;
}

export interface CallOptions {
  component?: string | null;
  lastGood?: Reading | null;
  timeoutMs?: number;
  patienceMs?: number;
  headers?: Record<string, string>;
}

/** Calls to one instrument: a timeout on every call, retries for reads only, errors as exceptions. */
export class Api {
  readonly url: string;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;
  readonly #patienceMs: number;
  readonly #sendPatienceMs: number;
  readonly #base: URL;
  /** Patience was used up; cleared by the next answer. */
  #away = false;

  /** @throws {TypeError} the address is none */
  constructor(options: ApiOptions = {}) {
    const given = options.url ?? env("BIOREACTOR_NODE_API_URL") ?? DEFAULT_URL;
    const base = URL.parse(given.includes("//") ? given : `http://${given}`);
    if (base === null || base.protocol !== "http:" || base.hostname === "") {
      throw new TypeError(
        `Cannot use the API address "${given}": it must look like ${DEFAULT_URL}`,
      );
    }
    this.#base = base;
    this.url = given.replace(/\/+$/, "");
    this.#token = options.token ?? env("EXPERIMENT_TOKEN");
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#patienceMs = options.patienceMs ?? 60_000;
    this.#sendPatienceMs = options.sendPatienceMs ?? 15_000;
  }

  get(path: string, options?: CallOptions): Promise<unknown> {
    return this.request("GET", path, undefined, options);
  }

  post(path: string, body: unknown = {}, options?: CallOptions): Promise<unknown> {
    return this.request("POST", path, body, options);
  }

  /**
   * The parsed JSON of the answer, or its text where it is not JSON. A command is sent once; while the
   * experiment is held it waits for the release, however long that takes.
   * @throws {BioreactorError} which one tells what happened
   */
  async request(
    method: string,
    path: string,
    body?: unknown,
    options: CallOptions = {},
  ): Promise<unknown> {
    const asked = `${method} ${path}`;
    const reading = method === "GET";
    const patience = options.patienceMs ??
      (this.#away ? 0 : reading ? this.#patienceMs : this.#sendPatienceMs);
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const startMs = REAL_TIME.monotonicMs();
    let pauseMs = 200;
    let told = false;
    for (;;) {
      const answer = await this.#once(method, path, body, timeoutMs, options.headers ?? {});
      if (answer.kind === "answered" && !isAway(answer.status, answer.reply)) {
        this.#away = false;
        const passedMs = REAL_TIME.monotonicMs() - startMs;
        if (told) say(`${asked}: answered after ${(passedMs / 1000).toFixed(1)} s`);
        if (answer.status < 400) return answer.reply;
        if (isHolding(answer) && options.patienceMs === undefined) {
          await this.#released(asked);
          return await this.request(method, path, body, options);
        }
        throw fromReply(answer.status, answer.reply, { asked, ...options });
      }
      const unsent = answer.kind !== "no-answer";
      const cause = answer.kind === "answered" ? detailOf(answer.reply) : answer.cause;
      const passedMs = REAL_TIME.monotonicMs() - startMs;
      const again = reading || unsent;
      if (!again || passedMs + pauseMs > patience) {
        if (again && options.patienceMs === undefined) this.#away = true;
        const what = unsent || reading
          ? "does not answer"
          : "gave no answer, so the command may have been carried out";
        const tried = told ? `; tried for ${(passedMs / 1000).toFixed(0)} s` : "";
        throw new ApiAway(
          `${asked}: the instrument's API at ${this.url} ${what} (${cause}${tried})`,
          { ...options, code: unsent ? "api_away" : "no_answer" },
        );
      }
      if (!told) {
        told = true;
        say(
          `${asked}: no answer from ${this.url} (${cause}); ` +
            `trying again for up to ${(patience / 1000).toFixed(0)} s`,
        );
      }
      await realWait(pauseMs);
      pauseMs = Math.min(pauseMs * 1.6, RETRY_MAX_MS);
    }
  }

  /** Waits while the experiment is held. Asking how it stands tells the runtime that we know. */
  async #released(asked: string): Promise<void> {
    const id = env("EXPERIMENT_ID");
    say(`${asked}: the experiment is held; waiting for its release`);
    const startMs = REAL_TIME.monotonicMs();
    for (;;) {
      // Without a record of its own the command itself finds out.
      const record = id === undefined
        ? {}
        : await this.get(`/api/v1/experiments/${encodeURIComponent(id)}`);
      if (id === undefined) await realWait(HOLD_LOOK_MS);
      if (!isRecord(record) || record.state !== "holding") break;
      await realWait(HOLD_LOOK_MS);
    }
    const passedS = (REAL_TIME.monotonicMs() - startMs) / 1000;
    say(`${asked}: released after ${passedS.toFixed(0)} s`);
  }

  /** node:http and not fetch, which sends a request again, a POST too, when its connection is closed. */
  #once(
    method: string,
    path: string,
    body: unknown,
    timeoutMs: number,
    headers: Record<string, string>,
  ): Promise<Answer> {
    const data = body === undefined ? null : new TextEncoder().encode(JSON.stringify(body));
    return new Promise((resolve) => {
      const request = http.request({
        host: this.#base.hostname.replace(/^\[|\]$/g, ""),
        port: Number(this.#base.port) || 80,
        path: this.#base.pathname.replace(/\/+$/, "") + path,
        method,
        agent: false,
        headers: {
          accept: "application/json",
          connection: "close",
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
          ...(data === null
            ? {}
            : { "content-type": "application/json", "content-length": data.length }),
          ...headers,
        },
      });
      const timer = REAL_TIME.setTimeout(() => fail(new Error("timed out")), timeoutMs);
      const fail = (error: Error & { code?: string }) => {
        clearTimeout(timer);
        request.destroy();
        const unsent = error.code === "ECONNREFUSED" || error.code === "ENOENT";
        resolve({ kind: unsent ? "unsent" : "no-answer", cause: error.message });
      };
      request.on("error", fail);
      request.on("response", (response) => {
        const chunks: Uint8Array[] = [];
        let total = 0;
        response.on("data", (chunk: Uint8Array) => {
          total += chunk.length;
          if (total > REPLY_BYTES_MAX) return fail(new Error("the answer is too large"));
          chunks.push(chunk);
        });
        response.on("error", fail);
        response.on("aborted", () => fail(new Error("the connection ended before the answer did")));
        response.on("end", () => {
          clearTimeout(timer);
          const text = new TextDecoder().decode(joined(chunks, total));
          resolve({ kind: "answered", status: response.statusCode ?? 0, reply: parsed(text) });
        });
      });
      request.end(data === null ? undefined : data);
    });
  }
}

type Answer =
  | { kind: "answered"; status: number; reply: unknown }
  /** No connection: the call never left. */
  | { kind: "unsent"; cause: string }
  /** It was sent, or partly; what became of it is not known. */
  | { kind: "no-answer"; cause: string };

/** What a relay answers for an API that is away, and the runtime itself while it starts. */
function isAway(status: number, reply: unknown): boolean {
  return status === 503 && isRecord(reply) &&
    (reply.code === "api_away" || reply.code === "starting");
}

function isHolding({ status, reply }: { status: number; reply: unknown }): boolean {
  return status === 409 && isRecord(reply) && reply.code === "experiment_holding";
}

function detailOf(reply: unknown): string {
  return isRecord(reply) && typeof reply.detail === "string" ? reply.detail : "it is restarting";
}

function joined(chunks: readonly Uint8Array[], total: number): Uint8Array {
  const all = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
