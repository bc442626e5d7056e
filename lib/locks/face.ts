import type { EventDelivery } from "../events.ts";
import type { Result } from "../result.ts";
import type {
  Asker,
  AuditAction,
  AuditRecord,
  Conflict,
  GateRefusal,
  Grant,
  GroupLock,
  LockAsk,
  LockEvent,
  LockMode,
  LockOwner,
  LockRefusal,
  LockType,
  Policy,
  RequestOutcome,
  TicketState,
  TicketView,
} from "./model.ts";

/**
 * Shows that a lock or ticket is one's own: its key, or the login that owns it. `asker` is who asks in
 * any case; one that is only asserted needs the key.
 */
export interface Proof {
  readonly asker: Asker;
  readonly key?: string | null;
}

export interface RequestOptions {
  /** The same key of the same asker within 24 hours gives the same grant, and changes nothing. */
  readonly idempotencyKey?: string;
  /** Leaves the line. A lock granted already stays. */
  readonly signal?: AbortSignal;
  /** Answers with a ticket where it would wait. The ticket is asked for every `TICKET_POLL_MS`. */
  readonly respondAsync?: boolean;
}

export interface LockFilter {
  /** Locks that stand in the way of driving this device: on itself, around it, inside it. */
  readonly deviceId?: string;
  /** Actor string. */
  readonly owner?: string;
  readonly type?: LockType;
}

/** A state of the table, `seq` the last decision in it. */
export interface Stated<T> {
  readonly value: T;
  readonly seq: number;
  readonly epoch: string;
}

export interface AuditQuery {
  readonly deviceId?: string;
  readonly owner?: string;
  readonly actions?: readonly AuditAction[];
  readonly sinceMs?: number;
  /** Records before this one, newest first; or after that one, oldest first. */
  readonly beforeSeq?: number;
  readonly afterSeq?: number;
  /** 1 to 1000. */
  readonly limit: number;
}

export interface GateAsk {
  readonly deviceId: string;
  readonly fence: number;
  /** `null`: the device is free, as far as the asker knows. */
  readonly lockId: string | null;
  /** Of the grant. */
  readonly realm?: string;
  /** What for; for the record. */
  readonly command?: string;
  /** Who asks; for the record. */
  readonly by: string;
}

/** What `subscribe` delivers: events in order; `dropped`: those from `fromSeq` up to the next one are gone. */
export type LockDelivery = EventDelivery<LockEvent>;

type Answer<T> = Promise<Result<T, LockRefusal>>;

/**
 * The lock service. Every change is answered once it is on disk. A refusal `store-unavailable` means that
 * nothing was granted.
 */
export interface LockService {
  /** Changes with every start. */
  readonly epoch: string;
  /** Changes when the store is created anew: fences of another realm mean nothing. */
  readonly realm: string;
  /** The last decision's number. */
  readonly seq: number;
  /** Whether the store takes writes, as far as known; when not, nothing is granted and the gate is shut. */
  readonly storeHealthy: boolean;

  /**
   * Asks for all devices or none. Waits up to `waitMs` in line, and for as long as a holder that was asked
   * to yield may take, unless `respondAsync`.
   */
  request(ask: LockAsk, asker: Asker, options?: RequestOptions): Answer<RequestOutcome>;
  /** Lets it live `leaseMs` (default: as last) from now. */
  renew(lockId: string, proof: Proof, leaseMs?: number): Answer<GroupLock>;
  /** Gives back `deviceIds`, default all. Repeatable. */
  release(
    lockId: string,
    proof: Proof,
    options?: { deviceIds?: readonly string[]; reason?: string },
  ): Answer<{ released: string[]; alreadyReleased: string[] }>;
  /** Another type or mode, same devices, same fences, never a wait. */
  convert(
    lockId: string,
    proof: Proof,
    to: { type?: LockType; mode?: LockMode },
  ): Answer<GroupLock>;
  /** Gives it to somebody else, with higher fences and a new key, which its new owner gets by asking again. */
  transfer(lockId: string, proof: Proof, to: LockOwner): Answer<GroupLock>;
  /** Adds devices; never waits: `waitMs` above 0 is refused with `would-deadlock`. */
  extend(
    lockId: string,
    proof: Proof,
    ask: { deviceIds: readonly string[]; waitMs?: number },
  ): Answer<GroupLock>;
  /** The holder's answer to a request for its lock: yields, or refuses where the policy lets it. */
  ack(lockId: string, proof: Proof, answer: { yield: boolean; reason?: string }): Answer<GroupLock>;
  /** Needs `lock:force`. With `graceMs` the holder has that long. */
  revoke(
    lockId: string,
    asker: Asker,
    ask: { reason: string; graceMs?: number },
  ): Answer<GroupLock>;

  get(lockId: string): Result<Stated<GroupLock>, LockRefusal>;
  list(filter?: LockFilter): Stated<GroupLock[]>;
  /** What holds this device, itself or by a device around it; the first of several shared ones. */
  byDevice(deviceId: string): Stated<GroupLock | null>;
  /** Who waits, in the order of their turn. */
  queue(filter?: LockFilter): Stated<TicketView[]>;
  /** Also says that its asker is still there. */
  ticket(ticketId: string, proof: Proof): Result<TicketState, LockRefusal>;
  /** Whoever follows the events is there for all its tickets, as if it had asked for each. */
  stillHere(actor: string): void;
  cancelTicket(ticketId: string, proof: Proof): Answer<void>;
  /** The key of a lock this proof owns: what a request repeated by its owner gives. */
  grantOf(lockId: string, proof: Proof): Result<Grant, LockRefusal>;
  /** What a request would meet now, changing nothing. */
  canAccess(
    ask: { deviceIds: readonly string[]; type: LockType; mode?: LockMode },
    asker: Asker,
  ): { allowed: boolean; wouldPreempt: boolean; conflicts: Conflict[] };

  /** @throws {KvUnavailable} @throws {RangeError} */
  audit(query: AuditQuery): Promise<AuditRecord[]>;
  /** Replay after `sinceSeq`, then live; without it live only. @throws {TooManySubscribers} */
  subscribe(
    options?: { sinceSeq?: number; capacity?: number },
  ): AsyncIterableIterator<LockDelivery> & Disposable;
  /** Called with the events of each commit once it is durable; must not throw or wait. */
  onEvents(listener: (events: readonly LockEvent[]) => void): () => void;

  /** For hardware outside this process. */
  gateCheck(ask: GateAsk): Result<{ fence: number }, GateRefusal>;

  policy(): Policy;
  /** Needs `lock:force`. */
  setPolicy(policy: Policy, asker: Asker): Answer<Policy>;

  /** `sha256:` and 16 hex digits: by this a holder recognises its own in a list. */
  keyHash(lock: GroupLock): string;
  /** The key itself: for set-ups that are configured to show it to everybody, and for nothing else. */
  keyToExpose(lock: GroupLock): string;
}
