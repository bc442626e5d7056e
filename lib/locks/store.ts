import type { Clock } from "../clock.ts";
import type { Holder } from "../devices/model.ts";
import type { EventDraft } from "../events.ts";
import { type Decide, type Kv, KvUnavailable, type Seen } from "../kv.ts";
import { Listeners } from "../listeners.ts";
import { accept, refuse, type Result } from "../result.ts";
import { grantedEvent, lostEvent, releasedEvent } from "./events.ts";
import { lockKey } from "./keys.ts";
import { end, grant, type HeldRefusal, Lock, remainingMs, unlocked } from "./lease.ts";
import { fencesOf, LockTable } from "./table.ts";

/** What holders have to come back after a restart, on top of what was left of their leases. */
export const RESTART_GRACE_MS = 15_000;
/** After the store failed. */
const RETRY_MS = 1000;
/** Timers count in 32 bits. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** Leases ended in one commit. */
const END_BATCH = 90;

/**
 * Leases on devices: durable, each with a fence that only grows. What is asked often, `check` and
 * `holder`, is answered from memory, which this one owner of the store keeps equal to it.
 */
export class Locks {
  readonly #table: LockTable;
  readonly #lost = new Listeners<[deviceIds: string[], actor: string]>();
  /** A commit failed and may have been written: the store is read again before anything is decided. */
  #unsure = false;
  #cancelTimer: () => void = () => {};
  #closed = false;

  private constructor(private readonly kv: Kv, private readonly clock: Clock) {
    this.#table = new LockTable(clock);
  }

  /** Leases of the time before go on, with `RESTART_GRACE_MS` for their holders to come back. */
  static async open(kv: Kv, clock: Clock): Promise<Locks> {
    const locks = new Locks(kv, clock);
    for (const lock of await locks.#stored()) {
      const leftMs = lock.lease && remainingMs(lock.lease, clock.nowMs(), RESTART_GRACE_MS);
      locks.#table.learn(lock, clock.monotonicMs(), leftMs);
    }
    locks.#arm();
    return locks;
  }

  /**
   * All devices or none, for `ttlMs` from now, `null` for until released; gives their fences. Devices the
   * actor holds already keep their fence and are renewed.
   *
   * @throws {RangeError} for a `ttlMs` that is not positive, or more than 99 devices.
   */
  async grantAll(
    q: { deviceIds: string[]; actor: string; label: string; ttlMs: number | null },
  ): Promise<Result<Record<string, number>, HeldRefusal>> {
    checkTtl(q.ttlMs);
    await this.#sure();
    const deviceIds = [...new Set(q.deviceIds)];
    const nowMs = this.clock.nowMs();
    const monotonicMs = this.clock.monotonicMs();
    const done = await this.#transact(deviceIds, (seen) => {
      const granted: Lock[] = [];
      const lost: Lock[] = [];
      const events: EventDraft[] = [];
      for (const before of locksOf(deviceIds, seen)) {
        let lock = before;
        if (this.#table.isExpired(before)) {
          lost.push(before);
          events.push(lostEvent(before));
          lock = end(before);
        }
        const next = grant(lock, { ...q, nowMs });
        if (!next.ok) return next;
        granted.push(next.value);
        if (lock.lease === null) events.push(grantedEvent(next.value));
      }
      return accept({ value: { granted, lost }, set: granted.map(entryOf), events });
    });
    if (!done.ok) return done;
    this.#learn(done.value.granted, monotonicMs);
    this.#tellLost(done.value.lost);
    return accept(fencesOf(done.value.granted));
  }

  /**
   * Lets every lease of `actor` live `ttlMs` from now; endless ones stay so. Refused when it holds none: a
   * lease that expired is not revived, for somebody else may have driven the device since.
   */
  async renew(actor: string, ttlMs: number): Promise<Result<void, { kind: "not-holder" }>> {
    checkTtl(ttlMs);
    await this.#sure();
    const deviceIds = this.#table.heldBy(actor);
    const nowMs = this.clock.nowMs();
    const monotonicMs = this.clock.monotonicMs();
    const done = await this.#transact(deviceIds, (seen) => {
      const renewed: Lock[] = [];
      for (const lock of locksOf(deviceIds, seen)) {
        if (lock.lease?.actor !== actor || this.#table.isExpired(lock)) continue;
        const next = grant(lock, { actor, label: lock.lease.label, ttlMs, nowMs });
        if (next.ok) renewed.push(next.value);
      }
      if (renewed.length === 0) return refuse({ kind: "not-holder" as const });
      return accept({ value: renewed, set: renewed.map(entryOf) });
    });
    if (!done.ok) return done;
    this.#learn(done.value, monotonicMs);
    return accept(undefined);
  }

  /** Ends every lease of `actor`; nothing happens when it holds none. */
  async releaseAll(actor: string, reason: string): Promise<void> {
    await this.#sure();
    const deviceIds = this.#table.heldBy(actor);
    for (let from = 0; from < deviceIds.length; from += END_BATCH) {
      await this.#endLeases(
        deviceIds.slice(from, from + END_BATCH),
        (lock) => lock.lease?.actor === actor,
        (lock) => releasedEvent(lock, reason),
      );
    }
  }

  /**
   * Whether `actor` may drive the device now, and the fence its command must carry. A device nobody
   * holds may be driven by anyone. Between a lease's end and its record on disk nobody may.
   */
  check(deviceId: string, actor: string): Result<number, HeldRefusal> {
    return this.#table.check(deviceId, actor);
  }

  holder(deviceId: string): Holder | null {
    return this.#table.holder(deviceId);
  }

  holders(): { deviceId: string; holder: Holder }[] {
    return this.#table.holders();
  }

  /** The fence of every device that was ever held: what an agent is told at its start. */
  fences(): Record<string, number> {
    return this.#table.fences();
  }

  /** Calls `listener` after leases ran out, once that is on disk. */
  onLost(listener: (deviceIds: string[], actor: string) => void): () => void {
    return this.#lost.add(listener);
  }

  /** Stops watching for expiry; leases stay. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer();
  }

  async #stored(): Promise<Lock[]> {
    const locks: Lock[] = [];
    for await (const { value } of this.kv.list({ prefix: lockKey() })) {
      locks.push(Lock.parse(value));
    }
    return locks;
  }

  async #transact<T, R>(deviceIds: readonly string[], decide: Decide<T, R>): Promise<Result<T, R>> {
    try {
      return await this.kv.transact(deviceIds.map((id) => lockKey(id)), decide);
    } catch (error) {
      if (error instanceof KvUnavailable && error.maybeWritten) {
        this.#unsure = true;
        this.#arm();
      }
      throw error;
    }
  }

  /** Reads all locks again where a failed commit left doubt; a loss found that way is told like any other. */
  async #sure(): Promise<void> {
    if (!this.#unsure) return;
    const due = new Map(this.#table.due().map((lock) => [lock.deviceId, lock]));
    const stored = await this.#stored();
    this.#unsure = false;
    this.#learn(stored, this.clock.monotonicMs());
    this.#tellLost(stored.flatMap(({ deviceId, fence }) => {
      const before = due.get(deviceId);
      return before !== undefined && before.fence < fence ? [before] : [];
    }));
  }

  #learn(locks: readonly Lock[], monotonicMs: number): void {
    for (const lock of locks) this.#table.learn(lock, monotonicMs);
    this.#arm();
  }

  /** Ends those of at most `END_BATCH` leases that are as expected; gives them as they were. */
  async #endLeases(
    deviceIds: readonly string[],
    asExpected: (lock: Lock) => boolean,
    event: (lock: Lock) => EventDraft,
  ): Promise<Lock[]> {
    const done = await this.#transact(deviceIds, (seen) => {
      const locks = locksOf(deviceIds, seen);
      const ending = locks.filter(asExpected);
      return accept({
        value: { ending, after: locks.map((lock) => ending.includes(lock) ? end(lock) : lock) },
        set: ending.map(end).map(entryOf),
        events: ending.map(event),
      });
    });
    if (!done.ok) return [];
    this.#learn(done.value.after, this.clock.monotonicMs());
    return done.value.ending;
  }

  async #expire(): Promise<void> {
    let lost: Lock[] = [];
    try {
      await this.#sure();
      // More than a batch: the timer, armed again, comes back for them at once.
      const due = this.#table.due().slice(0, END_BATCH).map(({ deviceId }) => deviceId);
      lost = await this.#endLeases(due, (lock) => this.#table.isExpired(lock), lostEvent);
    } catch {
      // The store fails: nobody may drive these devices until it works and their loss is on record.
      this.#timer(RETRY_MS);
      return;
    }
    this.#arm();
    this.#tellLost(lost);
  }

  #tellLost(lost: readonly Lock[]): void {
    const byActor = Map.groupBy(lost, ({ lease }) => lease!.actor);
    for (const [actor, locks] of byActor) this.#lost.tell(locks.map((l) => l.deviceId), actor);
  }

  #arm(): void {
    const deadlineMs = this.#table.nextDeadlineMs();
    this.#cancelTimer();
    if (this.#unsure) this.#timer(RETRY_MS);
    else if (deadlineMs !== Infinity) {
      this.#timer(Math.max(0, deadlineMs - this.clock.monotonicMs()));
    }
  }

  #timer(delayMs: number): void {
    this.#cancelTimer();
    if (this.#closed) return;
    this.#cancelTimer = this.clock.timer(Math.min(delayMs, TIMER_MS_MAX), () => this.#expire());
  }
}

function checkTtl(ttlMs: number | null): void {
  if (ttlMs !== null && !(ttlMs > 0 && Number.isFinite(ttlMs))) {
    throw new RangeError(`Cannot grant a lease of ${ttlMs} ms`);
  }
}

function locksOf(deviceIds: readonly string[], seen: readonly Seen[]): Lock[] {
  return seen.map(({ value }, i) => value === null ? unlocked(deviceIds[i]!) : Lock.parse(value));
}

function entryOf(lock: Lock): readonly [Deno.KvKey, Lock] {
  return [lockKey(lock.deviceId), lock];
}
