/** Lock types, most urgent first. */
export type LockType = "MAINTENANCE" | "QUEUE_EXECUTING" | "MANUAL_OPERATOR" | "QUEUE_QUEUED";

export interface LockOwner {
  readonly principal: string;
  readonly label: string;
  readonly client: string | null;
  readonly asserted: boolean;
}

/** A lock as the instrument's interface shows it; times are RFC 3339 in UTC. */
export interface Lock {
  readonly id: string;
  readonly devices: readonly string[];
  readonly type: LockType;
  readonly mode: "exclusive" | "shared";
  readonly owner: LockOwner;
  readonly reason: string | null;
  readonly plan_uid: string | null;
  readonly acquired_at: string;
  readonly lease_ms: number | null;
  readonly expires_at: string | null;
  readonly max_hold_at: string | null;
  readonly state: "held" | "revoking";
  readonly revoke:
    | {
      readonly by: string;
      readonly reason: string;
      readonly deadline: string;
      readonly refusable: boolean;
    }
    | null;
  readonly fences: Readonly<Record<string, number>>;
}

export interface Grant extends Lock {
  readonly key: string;
  readonly realm: string;
  readonly epoch: string;
}

export interface Conflict {
  readonly device: string;
  readonly held_device: string;
  readonly lock_id: string | null;
  readonly holder: LockOwner;
  readonly type: LockType;
  readonly since: string;
  readonly expires_at: string | null;
  readonly reason: string | null;
}

/** One decision about locks. */
export interface LockEvent {
  readonly seq: number;
  readonly epoch: string;
  readonly at: string;
  readonly action: string;
  readonly id: string | null;
  readonly devices: readonly string[];
  readonly fences: Readonly<Record<string, number>>;
  readonly owner: LockOwner | null;
  readonly type: LockType | null;
  readonly reason: string | null;
  readonly by: string | null;
  readonly successor: string | null;
  readonly lock: Lock | null;
}

/** The lock was not given, or something else could not be done; `code` as the interface names it. */
export class LockError extends Error {
  override name = "LockError";
  constructor(
    message: string,
    /** `device_locked`, `wait_timeout`, `not_permitted`, …; `no_answer` when none came. */
    readonly code: string,
    readonly status: number | null,
    /** Who stands in the way. */
    readonly conflicts: readonly Conflict[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The lock is no more, or nobody can say that it still is: stop driving its devices. */
export class LockLost extends Error {
  override name = "LockLost";
  constructor(
    readonly lockId: string,
    /** `expired`, `preempted`, `forced`, `released`; `unconfirmed`: no renewal was answered in time. */
    readonly reason: string,
    readonly by: string | null = null,
  ) {
    super(`The lock ${lockId} was lost: ${reason}${by === null ? "" : `, by ${by}`}`);
  }
}

/** Time as the client sees it; a test gives its own. */
export interface LockTime {
  /** Milliseconds that never go back. */
  monotonicMs(): number;
  /** The returned function cancels it. */
  timer(delayMs: number, fire: () => void): () => void;
}

export const systemTime: LockTime = {
  monotonicMs: () => performance.now(),
  timer(delayMs, fire) {
    const id = setTimeout(fire, delayMs);
    return () => clearTimeout(id);
  },
};

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export interface LockTransportOptions {
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  /** `hf_…`, where people log in. */
  readonly token?: string;
  /** What this program calls itself, to tell it from others of the same person; default: a random name. */
  readonly client?: string;
  readonly fetch?: typeof fetch;
  readonly time?: LockTime;
  /** Longest wait for an answer that needs no waiting in line, ms. */
  readonly timeoutMs?: number;
}

/** One instrument's lock interface: JSON in and out, errors as `LockError`. */
export class LockTransport {
  readonly client: string;
  readonly time: LockTime;
  readonly #url: string;
  readonly #token: string | undefined;
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;

  constructor(options: LockTransportOptions) {
    this.#url = options.url.replace(/\/+$/, "") + "/api/v1";
    this.#token = options.token;
    this.client = options.client ?? `ts-${crypto.randomUUID()}`;
    this.#fetch = options.fetch ?? fetch;
    this.time = options.time ?? systemTime;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
  }

  /** @throws {LockError} for any answer that is not a success, and for none */
  async ask(
    method: string,
    path: string,
    body?: unknown,
    { headers = {}, waitMs = 0, signal }: {
      headers?: Record<string, string>;
      waitMs?: number;
      signal?: AbortSignal;
    } = {},
  ): Promise<Answer> {
    const late = new AbortController();
    const cancel = this.time.timer(
      waitMs + this.#timeoutMs,
      () => late.abort(new LockError("no answer in time", "no_answer", null)),
    );
    let reply: Response;
    let found: unknown;
    try {
      reply = await this.open(method, path, body, {
        headers,
        signal: signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]),
      });
      found = await reply.json().catch(() => ({}));
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      throw new LockError(
        `${method} ${path}: no answer (${cause instanceof Error ? cause.message : cause})`,
        "no_answer",
        null,
        [],
        { cause },
      );
    } finally {
      cancel();
    }
    const answer = { status: reply.status, body: found as Record<string, unknown> };
    if (reply.ok) return answer;
    const { code, detail, conflicts } = answer.body;
    throw new LockError(
      `${method} ${path}: ${typeof detail === "string" ? detail : `HTTP status ${reply.status}`}`,
      typeof code === "string" ? code : `http_${reply.status}`,
      reply.status,
      Array.isArray(conflicts) ? conflicts as Conflict[] : [],
      { cause: answer.body },
    );
  }

  /** The reply as it comes, for streams. */
  async open(
    method: string,
    path: string,
    body: unknown,
    { headers, signal }: { headers: Record<string, string>; signal: AbortSignal },
  ): Promise<Response> {
    return await this.#fetch(this.#url + path, {
      method,
      signal,
      headers: {
        "x-lock-client": this.client,
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}

/** Resolves after `delayMs`, or at once when the signal aborts. */
export function pause(time: LockTime, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = time.timer(delayMs, done);
    signal.addEventListener("abort", done, { once: true });
  });
}
