/**
 * Programs hold devices with this.
 *
 * ```ts
 * import { Locks } from "./locks.ts";
 *
 * const locks = new Locks({ url: "http://127.0.0.1:8000" });
 * await locks.withLocks(["stage", "camera"], { type: "MANUAL_OPERATOR" }, async (guard) => {
 *   await scan({ fence: guard.fence("stage"), signal: guard.signal });
 * });
 * ```
 *
 * No dependency. Everything fails closed: what cannot be confirmed is not held, and not allowed.
 */
import { type GuardOptions, LockGuard } from "./locks_guard.ts";
import { type Watched, type WatchFilter, watchLocks } from "./locks_watch.ts";
import {
  type Conflict,
  type Grant,
  type Lock,
  LockError,
  LockTransport,
  type LockTransportOptions,
  type LockType,
  pause,
} from "./locks_wire.ts";

export { LockGuard } from "./locks_guard.ts";
export type { Watched, WatchFilter } from "./locks_watch.ts";
export {
  type Conflict,
  type Lock,
  LockError,
  type LockEvent,
  LockLost,
  type LockOwner,
  type LockTime,
  type LockType,
} from "./locks_wire.ts";

const DEFAULT_LEASE_MS = 30_000;
/** Largest difference between this machine's and the instrument's clock rates over a lease, ms. */
const SKEW_MS = 250;

export interface LocksOptions extends LockTransportOptions {
  readonly skewMs?: number;
}

export interface AcquireOptions {
  /** Default `MANUAL_OPERATOR`. */
  readonly type?: LockType;
  readonly mode?: "exclusive" | "shared";
  /** How long the lock outlives this program, ms; default 30 000. `null`: until released, which needs the right to. */
  readonly leaseMs?: number | null;
  /** How long to wait in line, ms; default 0. */
  readonly waitMs?: number;
  readonly maxHoldMs?: number;
  readonly reason?: string;
  readonly planUid?: string;
  readonly itemUid?: string;
  readonly preempt?: "policy" | "never" | "force";
  /** Gives up waiting. A lock that was granted meanwhile is given back. */
  readonly signal?: AbortSignal;
  /** Somebody asks for the lock: return `true` to yield. Without it the lock goes at the deadline. */
  readonly onAsked?: GuardOptions["onAsked"];
}

/** The locks of one instrument. */
export class Locks {
  readonly #transport: LockTransport;
  readonly #skewMs: number;
  readonly #guards = new Map<string, LockGuard>();
  #watching: AbortController | null = null;

  constructor(options: LocksOptions) {
    this.#transport = new LockTransport(options);
    this.#skewMs = options.skewMs ?? SKEW_MS;
  }

  /** What this program calls itself. */
  get client(): string {
    return this.#transport.client;
  }

  /**
   * All devices or none. Use it with `await using`, which gives them back at the end of the block.
   * @throws {LockError} `device_locked` with who holds them, `wait_timeout`, `not_permitted`, `no_answer`
   */
  async acquire(devices: readonly string[], options: AcquireOptions = {}): Promise<LockGuard> {
    const { leaseMs = DEFAULT_LEASE_MS, waitMs = 0, signal } = options;
    signal?.throwIfAborted();
    const grant = await this.#request(
      {
        devices,
        type: options.type ?? "MANUAL_OPERATOR",
        mode: options.mode,
        lease_ms: leaseMs,
        wait_ms: waitMs,
        max_hold_ms: options.maxHoldMs,
        reason: options.reason,
        plan_uid: options.planUid,
        item_uid: options.itemUid,
        preempt: options.preempt,
      },
      waitMs,
      signal,
    );
    const { time } = this.#transport;
    // The grant may be as old as the wait was long: only a renewal says how long it lives from now.
    const confirmedMs = time.monotonicMs();
    const headers = { "x-lock-key": grant.key };
    if (signal?.aborted) {
      await this.#transport.ask("POST", `/locks/${grant.id}/release`, {}, { headers });
      throw signal.reason;
    }
    const { body } = await this.#transport.ask("POST", `/locks/${grant.id}/renew`, {}, { headers });
    const guard = new LockGuard(this.#transport, { ...grant, ...body.lock as Lock }, {
      confirmedMs,
      skewMs: this.#skewMs,
      ...(options.onAsked === undefined ? {} : { onAsked: options.onAsked }),
    });
    this.#guards.set(guard.id, guard);
    guard.signal.addEventListener("abort", () => this.#forget(guard.id), { once: true });
    this.#listen();
    return guard;
  }

  /** Runs `act` with the devices held, and gives them back whatever comes. A lost lock rejects at once. */
  async withLocks<T>(
    devices: readonly string[],
    options: AcquireOptions,
    act: (guard: LockGuard) => Promise<T>,
  ): Promise<T> {
    await using guard = await this.acquire(devices, options);
    return await Promise.race([act(guard), guard.lost]);
  }

  /** Whether a lock of this type would be given now; asked of the instrument, and `false` without its answer. */
  async canAccess(
    devices: readonly string[],
    type: LockType,
  ): Promise<{ allowed: boolean; wouldPreempt: boolean; conflicts: readonly Conflict[] }> {
    try {
      const { body } = await this.#transport.ask("POST", "/locks", {
        devices,
        type,
        dry_run: true,
      });
      return {
        allowed: body.allowed === true,
        wouldPreempt: body.would_preempt === true,
        conflicts: body.conflicts as Conflict[] ?? [],
      };
    } catch (error) {
      if (!(error instanceof LockError)) throw error;
      return { allowed: false, wouldPreempt: false, conflicts: error.conflicts };
    }
  }

  /** The locks that stand. @throws {LockError} */
  async list(filter: { device?: string; owner?: string; type?: LockType } = {}): Promise<Lock[]> {
    const query = new URLSearchParams(filter);
    return (await this.#transport.ask("GET", `/locks?${query}`)).body.locks as Lock[];
  }

  /** Who holds a device, or `null`. @throws {LockError} when nobody can say */
  async holder(device: string): Promise<Lock | null> {
    const path = `/devices/${encodeURIComponent(device)}/lock`;
    return (await this.#transport.ask("GET", path)).body.lock as Lock | null;
  }

  /** Decisions, for ever, from where a broken connection left off. Ends with `signal`. */
  watch(filter: WatchFilter = {}, signal?: AbortSignal): AsyncGenerator<Watched> {
    return watchLocks(this.#transport, filter, signal ?? new AbortController().signal);
  }

  /** Sent again with the same key while no answer comes: either way there is one grant. */
  async #request(
    body: Record<string, unknown>,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Grant> {
    const headers = { "idempotency-key": crypto.randomUUID() };
    for (let attempt = 1;; attempt++) {
      try {
        const options = { headers, waitMs, ...(signal === undefined ? {} : { signal }) };
        return (await this.#transport.ask("POST", "/locks", body, options))
          .body as unknown as Grant;
      } catch (error) {
        const unanswered = error instanceof LockError && error.status === null;
        if (signal?.aborted) {
          await this.#giveBack(body, headers);
          throw signal.reason;
        }
        if (!unanswered || attempt === 3) throw error;
        await pause(this.#transport.time, 200 * attempt, signal ?? new AbortController().signal);
      }
    }
  }

  /** The answer was not waited for; what it may have granted is given back. */
  async #giveBack(body: Record<string, unknown>, headers: Record<string, string>): Promise<void> {
    try {
      const { status, body: given } = await this.#transport.ask("POST", "/locks", body, {
        headers: { ...headers, prefer: "respond-async" },
      });
      const { id, ticket, key } = given as { id?: string; ticket?: string; key: string };
      const proof = { headers: { "x-lock-key": key } };
      if (status === 202) {
        await this.#transport.ask("DELETE", `/tickets/${ticket}`, undefined, proof);
      } else await this.#transport.ask("POST", `/locks/${id}/release`, {}, proof);
    } catch (error) {
      // It was not granted, or its lease ends it.
      if (!(error instanceof LockError)) throw error;
    }
  }

  #forget(id: string): void {
    this.#guards.delete(id);
    if (this.#guards.size > 0) return;
    this.#watching?.abort();
    this.#watching = null;
  }

  /** While locks are held, their loss is heard at once and not only at the next renewal. */
  async #listen(): Promise<void> {
    if (this.#watching !== null) return;
    const watching = this.#watching = new AbortController();
    try {
      for await (const one of watchLocks(this.#transport, {}, watching.signal)) {
        if (one.kind === "event") this.#guards.get(one.event.id ?? "")?.hear(one.event);
        // What happened before the stream was open, or is no longer kept, a renewal tells.
        else for (const guard of this.#guards.values()) guard.refresh();
      }
    } catch {
      // Renewals go on, and say the same a little later.
      if (this.#watching === watching) this.#watching = null;
    }
  }
}
