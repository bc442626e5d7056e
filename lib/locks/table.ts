import type { Clock } from "../clock.ts";
import type { Holder } from "../devices/model.ts";
import { accept, refuse, type Result } from "../result.ts";
import { type HeldRefusal, holderOf, isNewer, type Lease, type Lock } from "./lease.ts";

/** A lock as it stands, with its deadline on the monotonic clock; `null` for none. */
interface Known {
  readonly lock: Lock;
  readonly deadlineMs: number | null;
}

/** The locks as this process knows them: equal to the store but for what is on its way to disk. */
export class LockTable {
  readonly #known = new Map<string, Known>();

  constructor(private readonly clock: Clock) {}

  /**
   * Takes in what is on disk, its lease living `leftMs` from `monotonicMs`. Answers may overtake each
   * other: an older state changes nothing.
   */
  learn(lock: Lock, monotonicMs: number, leftMs = lock.lease?.ttlMs ?? null): void {
    const known = this.#known.get(lock.deviceId);
    if (known !== undefined && !isNewer(lock, known.lock)) return;
    this.#known.set(lock.deviceId, {
      lock,
      deadlineMs: leftMs === null ? null : monotonicMs + leftMs,
    });
  }

  /**
   * Whether `actor` may drive the device now, and the fence its command must carry. A device nobody
   * holds may be driven by anyone. Between a lease's end and its record on disk nobody may.
   */
  check(deviceId: string, actor: string): Result<number, HeldRefusal> {
    const known = this.#known.get(deviceId);
    if (known === undefined) return accept(0);
    const { fence, lease } = known.lock;
    if (lease === null || (lease.actor === actor && !this.#isOver(known))) return accept(fence);
    return refuse({ kind: "held", deviceId, holder: this.#holderNow(known, lease) });
  }

  holder(deviceId: string): Holder | null {
    const known = this.#known.get(deviceId);
    if (known === undefined || known.lock.lease === null || this.#isOver(known)) return null;
    return this.#holderNow(known, known.lock.lease);
  }

  holders(): { deviceId: string; holder: Holder }[] {
    return [...this.#known.keys()].flatMap((deviceId) => {
      const holder = this.holder(deviceId);
      return holder === null ? [] : [{ deviceId, holder }];
    });
  }

  /** The fence of every device that was ever held: what an agent is told at its start. */
  fences(): Record<string, number> {
    return fencesOf(this.#locks());
  }

  /** Devices `actor` has leases on, those whose time is up included. */
  heldBy(actor: string): string[] {
    return this.#locks().filter(({ lease }) => lease?.actor === actor).map((l) => l.deviceId);
  }

  /** Leases whose time is up. */
  due(): Lock[] {
    return this.#locks().filter((lock) => this.isExpired(lock));
  }

  /** When the next lease ends, on the monotonic clock; `Infinity` for never. */
  nextDeadlineMs(): number {
    return Math.min(...[...this.#known.values()].map(({ deadlineMs }) => deadlineMs ?? Infinity));
  }

  /** Whether `lock`, as stored, is the lease we know and its time is up. A renewed one is another. */
  isExpired(lock: Lock): boolean {
    const known = this.#known.get(lock.deviceId);
    return known !== undefined && lock.lease !== null && this.#isOver(known) &&
      !isNewer(lock, known.lock);
  }

  #locks(): Lock[] {
    return [...this.#known.values()].map(({ lock }) => lock);
  }

  #isOver({ deadlineMs }: Known): boolean {
    return deadlineMs !== null && deadlineMs <= this.clock.monotonicMs();
  }

  /** The expiry people see follows the wall clock when it steps. */
  #holderNow({ deadlineMs }: Known, lease: Lease): Holder {
    const leftMs = deadlineMs === null ? null : deadlineMs - this.clock.monotonicMs();
    const expiresAtMs = leftMs === null ? null : Math.round(this.clock.nowMs() + leftMs);
    return { ...holderOf(lease), expiresAtMs };
  }
}

export function fencesOf(locks: readonly Lock[]): Record<string, number> {
  return Object.fromEntries(locks.map(({ deviceId, fence }) => [deviceId, fence]));
}
