import { type Grant, type Lock, LockError, type LockEvent, LockLost, pause } from "./locks_wire.ts";
import type { LockTransport } from "./locks_wire.ts";

/** Renewals that failed are tried again so soon at first, ms. */
const RETRY_MS = 200;

export interface GuardOptions {
  /** Monotonic time at which the granting request was sent, or a later renewal. */
  readonly confirmedMs: number;
  readonly skewMs: number;
  /** Called when somebody asks for the lock: return `true` to yield, `false` to refuse where one may. */
  readonly onAsked?: (revoke: NonNullable<Lock["revoke"]>) => boolean | Promise<boolean>;
}

/**
 * A lock that is held. It renews itself at a third of its lease. `signal` aborts, and `lost` rejects, the
 * moment the lock is lost or can no longer be known to be held: everything that drives its devices must
 * take that signal. Disposing gives the lock back.
 */
export class LockGuard implements AsyncDisposable {
  readonly #transport: LockTransport;
  readonly #key: string;
  readonly #options: GuardOptions;
  readonly #abort = new AbortController();
  readonly #lost = Promise.withResolvers<never>();
  #lock: Lock;
  /** Monotonic; past it the instrument may have given the devices to somebody else. */
  #deadlineMs = Infinity;
  #cancelDeadline = () => {};
  #ended = false;
  #wake = new AbortController();
  /** The request for the lock that was answered last. */
  #answered: string | null = null;
  readonly #renewing: Promise<void>;

  constructor(transport: LockTransport, { key, ...lock }: Grant, options: GuardOptions) {
    this.#transport = transport;
    this.#key = key;
    this.#lock = lock;
    this.#options = options;
    // Whoever only watches `signal` must not be ended by a rejection nobody took.
    this.#lost.promise.catch(() => {});
    this.#confirm(options.confirmedMs);
    this.#renewing = this.#renewForEver();
  }

  get id(): string {
    return this.#lock.id;
  }
  /** The lock as it was last seen. */
  get lock(): Lock {
    return this.#lock;
  }
  /** Aborts with `LockLost`, or when the lock is given back. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }
  /** Rejects with `LockLost`; never resolves. */
  get lost(): Promise<never> {
    return this.#lost.promise;
  }
  /** Proves ownership, to send with commands as `X-Lock-Key`. */
  get key(): string {
    return this.#key;
  }

  /** The fencing token commands to this device carry. @throws {LockLost} @throws {RangeError} */
  fence(device: string): number {
    this.signal.throwIfAborted();
    const fence = this.#lock.fences[device];
    if (fence === undefined) throw new RangeError(`The lock ${this.id} does not hold "${device}"`);
    return fence;
  }

  /** Adds devices, at once or not at all. @throws {LockError} `device_locked` */
  async extend(devices: readonly string[]): Promise<void> {
    await this.#change("extend", { devices });
  }

  /** Changes type or mode in place. @throws {LockError} */
  async convert(to: { type?: Lock["type"]; mode?: Lock["mode"] }): Promise<void> {
    await this.#change("convert", to);
  }

  /** Gives the lock, or only some of its devices, back. Twice is harmless. @throws {LockError} */
  async release(devices?: readonly string[]): Promise<void> {
    if (this.#ended) return;
    const whole = devices === undefined ||
      this.#lock.devices.every((device) => devices.includes(device));
    if (whole) this.#end(new LockError("The lock was given back", "released", null));
    await this.#ask("release", devices === undefined ? {} : { devices });
    if (whole) return await this.#renewing;
    const left = this.#lock.devices.filter((device) => !devices.includes(device));
    this.#lock = {
      ...this.#lock,
      devices: left,
      fences: Object.fromEntries(left.map((device) => [device, this.#lock.fences[device]!])),
    };
  }

  /** Gives the lock back; that it is gone already, or cannot be reached, is no failure of the work done. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.release();
    } catch (error) {
      if (!(error instanceof LockError)) throw error;
    }
  }

  /** Renews now instead of at its time. */
  refresh(): void {
    this.#wake.abort();
  }

  /** What the stream of decisions says of this lock. */
  hear(event: LockEvent): void {
    if (this.#ended || event.id !== this.id) return;
    if (event.lock === null) {
      const reason = event.action === "force_released" ? "forced" : event.action;
      return this.#loseTo(new LockLost(this.id, reason, event.by));
    }
    this.#see(event.lock);
  }

  async #change(verb: string, body: unknown): Promise<void> {
    this.signal.throwIfAborted();
    this.#lock = (await this.#ask(verb, body)) as unknown as Lock;
  }

  async #ask(verb: string, body: unknown): Promise<Record<string, unknown>> {
    const path = `/locks/${this.id}/${verb}`;
    const headers = { "x-lock-key": this.#key };
    return (await this.#transport.ask("POST", path, body, { headers })).body;
  }

  async #renewForEver(): Promise<void> {
    const { time } = this.#transport;
    let failures = 0;
    while (!this.#ended) {
      const leaseMs = this.#lock.lease_ms;
      if (leaseMs === null) return;
      this.#wake = new AbortController();
      const backoff = Math.min(RETRY_MS * 2 ** Math.max(0, failures - 1), leaseMs / 6);
      await pause(
        time,
        failures === 0 ? leaseMs / 3 : backoff * (0.5 + Math.random() / 2),
        AbortSignal.any([this.signal, this.#wake.signal]),
      );
      if (this.#ended) return;
      const sentMs = time.monotonicMs();
      try {
        const { lock } = await this.#ask("renew", {});
        failures = 0;
        if (this.#ended) return;
        this.#see(lock as unknown as Lock);
        this.#confirm(sentMs);
      } catch (error) {
        failures++;
        if (error instanceof LockError) this.#judge(error);
        // Nothing is known of such a failure, so nothing may rest on the lock any longer.
        else this.#loseTo(new LockLost(this.id, "failed"));
      }
    }
  }

  /** An answer that says the lock is gone ends it; none, or a store that is away, is tried again. */
  #judge({ status, cause }: LockError): void {
    if (status === null || status >= 500 || status === 429) return;
    const { reason, by } = (cause ?? {}) as { reason?: unknown; by?: unknown };
    this.#loseTo(
      new LockLost(
        this.id,
        typeof reason === "string" ? reason : "refused",
        typeof by === "string" ? by : null,
      ),
    );
  }

  #see(lock: Lock): void {
    this.#lock = lock;
    const { revoke } = lock;
    const { onAsked } = this.#options;
    if (revoke === null || onAsked === undefined || this.#answered === revoke.deadline) return;
    this.#answered = revoke.deadline;
    this.#answer(revoke, onAsked);
  }

  async #answer(
    revoke: NonNullable<Lock["revoke"]>,
    onAsked: NonNullable<GuardOptions["onAsked"]>,
  ): Promise<void> {
    try {
      const yields = await onAsked(revoke);
      if (this.#ended || !yields && !revoke.refusable) return;
      await this.#ask("ack", { yield: yields });
    } catch {
      // Unanswered, the lock goes at the deadline, as everybody was told.
    }
  }

  /** The instrument has confirmed the lock in answer to what was sent at `sentMs`. */
  #confirm(sentMs: number): void {
    const leaseMs = this.#lock.lease_ms;
    this.#cancelDeadline();
    if (this.#ended || leaseMs === null) return;
    // Counted from the sending, so that the time an answer takes only shortens it.
    const marginMs = Math.min(2 * this.#options.skewMs, leaseMs / 4);
    this.#deadlineMs = sentMs + leaseMs - marginMs;
    this.#cancelDeadline = this.#transport.time.timer(
      Math.max(0, this.#deadlineMs - this.#transport.time.monotonicMs()),
      () => this.#loseTo(new LockLost(this.id, "unconfirmed")),
    );
  }

  #loseTo(lost: LockLost): void {
    if (this.#ended) return;
    this.#end(lost);
    this.#lost.reject(lost);
  }

  #end(reason: Error): void {
    this.#ended = true;
    this.#cancelDeadline();
    this.#abort.abort(reason);
  }
}
