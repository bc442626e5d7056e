import { KvUnavailable } from "../kv.ts";
import { accept, refuse, type Result } from "../result.ts";
import type { LockService } from "./face.ts";
import {
  type Asker,
  type Conflict,
  type GroupLock,
  LOCK_SCOPES,
  LockAsk,
  type LockRefusal,
  priorityOf,
} from "./model.ts";

/** What one run of an experiment wants. */
export interface RunClaim {
  readonly actor: string;
  /** What people read: `experiment 42`. */
  readonly label: string;
  readonly deviceIds: readonly string[];
}

/** Why a run does not get its devices now. */
export interface RunObstacle {
  readonly kind: "held";
  /** `null` where it is none of them: the store fails. */
  readonly deviceId: string | null;
  readonly text: string;
}

/** Nobody could ever grant it: more devices than a lock takes. */
export type RunRefusal = RunObstacle | { readonly kind: "invalid"; readonly text: string };

/** How a run stands: it drives, somebody with the right to asks for what it drives, it has a reservation. */
export type RunHold = "executing" | "revoking" | "reserved";

type Service =
  & Pick<LockService, "request" | "canAccess" | "list" | "ack" | "onEvents">
  & { releaseAll(actor: string, reason: string): Promise<void> };

/**
 * The locks of experiments: a reservation for the one that is next, which becomes the lock it runs under. A
 * person at the controls is asked, once for each lock of theirs, and may refuse; equals are waited for.
 */
export class RunLeases {
  /** Locks whose holders refused to make way, by the run that asked. */
  readonly #refused = new Map<string, Set<string>>();

  constructor(private readonly locks: Service) {}

  /** How the run of `actor` stands, or `null` where it has nothing. */
  holds(actor: string): RunHold | null {
    const own = this.locks.list({ owner: actor }).value;
    const runs = own.find(({ type }) => type === "QUEUE_EXECUTING");
    if (runs !== undefined) return runs.state === "revoking" ? "revoking" : "executing";
    return own.some(({ type }) => type === "QUEUE_QUEUED") ? "reserved" : null;
  }

  /** Actors with a name that begins so, each once. */
  actors(prefix: string): string[] {
    const all = this.locks.list().value.map(({ owner }) => owner.actor);
    return [...new Set(all)].filter((actor) => actor.startsWith(prefix));
  }

  /** Reserves all its devices if they are free; otherwise nothing happens. @throws {KvUnavailable} */
  async reserve(claim: RunClaim): Promise<void> {
    const { actor, deviceIds } = claim;
    if (deviceIds.length === 0) return;
    const own = this.locks.list({ owner: actor }).value;
    if (own.some((lock) => isFor(lock, deviceIds))) return;
    if (own.length > 0) await this.locks.releaseAll(actor, "it wants other devices now");
    const ask = askOf(claim, { type: "QUEUE_QUEUED", preempt: "never", onExpiry: "keep" });
    if (ask === null) return;
    const { allowed, wouldPreempt } = this.locks.canAccess(ask, askerOf(claim));
    if (allowed && !wouldPreempt) await this.#request(ask, claim);
  }

  /** Why its devices could not be had if it asked now, or `null`. Without `asking` nobody is asked to make way. */
  obstacle(claim: RunClaim, asking = true): RunObstacle | null {
    const ask = askOf(claim, { type: "QUEUE_EXECUTING" });
    if (ask === null) return null;
    const { allowed, wouldPreempt, conflicts } = this.locks.canAccess(ask, askerOf(claim));
    const refused = conflicts.find(({ lockId }) => this.#hasRefused(claim.actor, lockId));
    if (refused !== undefined) return saidNo(refused);
    if (allowed && (asking || !wouldPreempt)) return null;
    return inTheWay(conflicts);
  }

  /**
   * Takes all its devices to drive them; a reservation becomes the lock, its fences as they are. Takes as long
   * as the holders that must be asked have to answer; `signal` gives up. Without `asking` it takes from nobody.
   * @throws {KvUnavailable}
   */
  async execute(
    claim: RunClaim,
    { signal, asking = true }: { signal?: AbortSignal; asking?: boolean } = {},
  ): Promise<Result<void, RunRefusal>> {
    const { actor, label, deviceIds } = claim;
    if (deviceIds.length === 0) return accept(undefined);
    const ask = askOf(claim, {
      type: "QUEUE_EXECUTING",
      preempt: asking ? "policy" : "never",
      reason: `${label} starts`,
    });
    if (ask === null) {
      return refuse({ kind: "invalid", text: `it wants ${deviceIds.length} devices, too many` });
    }
    const said = new Set<string>();
    const unsubscribe = this.locks.onEvents((events) => {
      for (const { action, id } of events) if (action === "preempt_refused") said.add(id!);
    });
    try {
      const answer = await this.#request(ask, claim, signal);
      if (answer === null) {
        this.#refused.delete(actor);
        return accept(undefined);
      }
      return refuse(this.#why(actor, answer, said));
    } finally {
      unsubscribe();
    }
  }

  /** Gives up what somebody with the right to asks for. @throws {KvUnavailable} */
  async makeWay(actor: string): Promise<void> {
    for (const { id, state } of this.locks.list({ owner: actor }).value) {
      if (state !== "revoking") continue;
      const asker = askerOf({ actor, label: actor });
      const reason = "its run is held";
      const answer = await this.locks.ack(id, { asker }, { yield: true, reason });
      if (!answer.ok) throwIfUnavailable(answer.refusal);
    }
  }

  /** Ends every lock of `actor`. @throws {KvUnavailable} */
  async releaseAll(actor: string, reason: string): Promise<void> {
    await this.locks.releaseAll(actor, reason);
  }

  /** Calls `listener` when a lock of `actor` must be given up soon: who asks, and why. */
  onAsked(listener: (actor: string, by: string, reason: string | null) => void): () => void {
    return this.locks.onEvents((events) => {
      for (const { action, owner, lock, reason } of events) {
        if (action !== "preempt_requested" || owner === null || lock?.revoke == null) continue;
        listener(owner.actor, lock.revoke.by, reason);
      }
    });
  }

  /** Whether somebody else has a lock on this device. */
  isOthers(deviceId: string, actor: string): boolean {
    return this.locks.list({ deviceId }).value.some(({ owner }) => owner.actor !== actor);
  }

  /** `null` once granted. */
  async #request(
    ask: LockAsk,
    claim: Pick<RunClaim, "actor" | "label">,
    signal?: AbortSignal,
  ): Promise<LockRefusal | null> {
    const answer = await this.locks.request(ask, askerOf(claim), signal ? { signal } : {});
    if (answer.ok) return null;
    throwIfUnavailable(answer.refusal);
    return answer.refusal;
  }

  #why(actor: string, refusal: LockRefusal, said: ReadonlySet<string>): RunRefusal {
    switch (refusal.kind) {
      case "device-locked":
      case "wait-timeout": {
        const no = refusal.conflicts.find(({ lockId }) => lockId !== null && said.has(lockId));
        if (no === undefined) return inTheWay(refusal.conflicts);
        const all = this.#refused.get(actor) ?? new Set();
        this.#refused.set(actor, all.add(no.lockId!));
        return saidNo(no);
      }
      case "cancelled":
      case "would-deadlock":
        return { kind: "held", deviceId: null, text: refusal.text };
      case "unknown-device":
        return { kind: "invalid", text: `there is no ${refusal.deviceIds.join(", ")}` };
      default:
        return { kind: "invalid", text: `its devices cannot be locked: ${refusal.kind}` };
    }
  }

  #hasRefused(actor: string, lockId: string | null): boolean {
    return lockId !== null && this.#refused.get(actor)?.has(lockId) === true;
  }
}

function askerOf({ actor, label }: Pick<RunClaim, "actor" | "label">): Asker {
  return { actor, label, client: null, asserted: false, may: LOCK_SCOPES };
}

/** `null` for more devices than a lock takes, or none. */
function askOf(
  { actor, deviceIds }: RunClaim,
  more: Partial<LockAsk> & Pick<LockAsk, "type">,
): LockAsk | null {
  const asked = LockAsk.safeParse({
    // Type and owner say it all; the reason of a reservation would outlive it.
    ...more,
    deviceIds: [...deviceIds].sort(),
    leaseMs: null,
    planUid: actor,
  });
  return asked.success ? asked.data : null;
}

function isFor(lock: GroupLock, deviceIds: readonly string[]): boolean {
  return lock.deviceIds.length === deviceIds.length &&
    deviceIds.every((id) => lock.deviceIds.includes(id));
}

function saidNo({ deviceId, owner }: Conflict): RunObstacle {
  return { kind: "held", deviceId, text: `${owner.label} refused to give up "${deviceId}"` };
}

/** The most urgent of them, for that one stands in the way whatever becomes of the others. */
function inTheWay(conflicts: readonly Conflict[]): RunObstacle {
  const [first] = [...conflicts].sort((a, b) => priorityOf(a.type) - priorityOf(b.type));
  if (first === undefined) {
    return { kind: "held", deviceId: null, text: "the locks cannot be written" };
  }
  const { deviceId, owner, lockId } = first;
  const how = lockId === null ? "waited for" : "held";
  return { kind: "held", deviceId, text: `"${deviceId}" is ${how} by ${owner.label}` };
}

function throwIfUnavailable(refusal: LockRefusal): void {
  if (refusal.kind === "store-unavailable") {
    throw new KvUnavailable("The locks cannot be written", { maybeWritten: refusal.maybeDone });
  }
}
