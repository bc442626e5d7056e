import type { Clock } from "../clock.ts";
import type { Holder } from "../devices/model.ts";
import { newId } from "../ids.ts";
import { type Kv, KvUnavailable } from "../kv.ts";
import { Listeners } from "../listeners.ts";
import { accept, refuse, type Result } from "../result.ts";
import * as holders from "./decide_holder.ts";
import { decideRequest, type RequestDecision } from "./decide_request.ts";
import {
  decideGrantAll,
  decideReleaseAll,
  decideRenewAll,
  type GrantAllAsk,
} from "./decide_runs.ts";
import { decidePolicy } from "./decide_policy.ts";
import type { Draft, WaitEnd } from "./draft.ts";
import type * as face from "./face.ts";
import { gateCheck, mayDrive } from "./gate.ts";
import { KeyRing } from "./key_ring.ts";
import { Line } from "./line.ts";
import { LockLog, type LogLimits } from "./lock_log.ts";
import { DecisionLoop } from "./loop.ts";
import {
  type Asker,
  type GateRefusal,
  type Grant,
  GROUP_DEVICES_MAX,
  type GroupLock,
  type HeldRefusal,
  LockAsk,
  type LockEvent,
  type LockMode,
  LockOwner,
  type LockRefusal,
  type LockType,
  type Policy,
  type RequestOutcome,
  type TicketState,
  type TicketView,
} from "./model.ts";
import { turnAway } from "./queue.ts";
import { openTable } from "./open.ts";
import type { EndedLock } from "./standing.ts";
import { accessOf, holderView, lockOn, locksOf, lockView, queueOf, ticketView } from "./views.ts";
import { withoutUnknown } from "./registry.ts";

export interface LocksOptions {
  /** What the log of decisions keeps; default 100 000 records and 30 days. */
  readonly log?: LogLimits;
  /** Who may wait at the same time; default 1000. */
  readonly waitersMax?: number;
  /** Every device there is: others are refused. Without it any name may be locked. */
  readonly devices?: () => readonly string[];
}

const LOG_LIMITS: LogLimits = { countMax: 100_000, ageMaxMs: 30 * 86_400_000 };
const WAITERS_MAX = 1000;
const TRIM_EVERY_MS = 3_600_000;
const IDEMPOTENCY_KEY_LENGTH_MAX = 200;
/** Refusals of the gate recorded for one device, at the most one in this time. */
const GATE_RECORD_MS = 1000;

type Decision<T> = Result<T, LockRefusal>;

/**
 * Locks on devices: durable, leased, fenced, in groups. What is asked often, `check` and `holder`, is
 * answered from memory, which this one owner of the store keeps equal to it.
 */
export class Locks implements face.LockService {
  readonly epoch: string;
  readonly realm: string;
  readonly #loop: DecisionLoop;
  readonly #log: LockLog;
  readonly #keys: KeyRing;
  readonly #line = new Line();
  readonly #lost = new Listeners<[deviceIds: string[], actor: string]>();
  readonly #gateRecordedMs = new Map<string, number>();
  #devices: (() => readonly string[]) | null;
  #cancelTrim: () => void = () => {};
  #gateRefusals = 0;
  #closed = false;

  private constructor(
    kv: Kv,
    private readonly clock: Clock,
    log: LockLog,
    opened: Awaited<ReturnType<typeof openTable>>,
    options: LocksOptions,
  ) {
    const { table, meta } = opened;
    this.epoch = meta.epoch;
    this.realm = meta.realm;
    this.#keys = new KeyRing(meta.secret);
    this.#log = log;
    this.#devices = options.devices ?? null;
    const limits = { waitersMax: options.waitersMax ?? WAITERS_MAX };
    const ends = {
      waitEnded: (id: string, end: WaitEnd) => this.#line.ended(id, end),
      lost: (ended: readonly EndedLock[]) => this.#tellLost(ended),
    };
    this.#loop = new DecisionLoop(kv, clock, log, ends, limits, table, meta);
  }

  /**
   * Locks of the time before go on; those whose lease ended meanwhile are lost, and those that would end
   * soon have `RESTART_GRACE_MS`.
   * @throws {KvUnavailable}
   */
  static async open(kv: Kv, clock: Clock, options: LocksOptions = {}): Promise<Locks> {
    const opened = await openTable(kv, clock);
    const log = new LockLog(kv, options.log ?? LOG_LIMITS);
    await log.open(opened.meta.seq);
    const locks = new Locks(kv, clock, log, opened, options);
    await locks.#loop.run(() => {});
    locks.#trimInTime();
    return locks;
  }

  get seq(): number {
    return this.#log.seq;
  }

  get storeHealthy(): boolean {
    return this.#loop.healthy;
  }

  /** Commands the gate refused since the start. */
  get gateRefusals(): number {
    return this.#gateRefusals;
  }

  /** From now on only these devices, and what lies inside and around them, can be locked. */
  knowDevices(devices: () => readonly string[]): void {
    this.#devices = devices;
  }

  async request(
    ask: LockAsk,
    asker: Asker,
    options: face.RequestOptions = {},
  ): Promise<Decision<RequestOutcome>> {
    const { idempotencyKey = null, signal, respondAsync = false } = options;
    const wrong = this.#wrongWith(ask, idempotencyKey);
    if (wrong !== null) return refuse(wrong);
    if (signal?.aborted) return refuse(gaveUp());
    const request = { id: newId(this.clock), ask, asker, idempotencyKey, async: respondAsync };
    const waited = Promise.withResolvers<WaitEnd>();
    let hangUp = () => false;
    const decided = await this.#decide<RequestDecision>(
      (draft) => accept(decideRequest(draft, request)),
      (decision) => {
        if (decision.kind !== "waiting" || respondAsync) return;
        hangUp = this.#line.hang(decision.id, waited.resolve);
      },
    );
    if (!decided.ok) return decided;
    const decision = decided.value;
    switch (decision.kind) {
      case "granted":
        return accept({
          kind: "granted",
          grant: this.#grant(decision.lock),
          created: decision.created,
        });
      case "refused":
        return refuse(decision.refusal);
      case "waiting":
        return respondAsync
          ? this.#queued(decision.id)
          : await this.#waitFor(decision.id, waited.promise, () => hangUp(), signal);
    }
  }

  renew(lockId: string, proof: face.Proof, leaseMs?: number): Promise<Decision<GroupLock>> {
    if (leaseMs !== undefined && !(leaseMs > 0 && Number.isFinite(leaseMs))) {
      return invalid("leaseMs", "must be a positive number");
    }
    return this.#decide((draft) =>
      holders.decideRenew(draft, this.#keys, { lockId, proof, leaseMs })
    );
  }

  release(
    lockId: string,
    proof: face.Proof,
    options: { deviceIds?: readonly string[]; reason?: string } = {},
  ): Promise<Decision<{ released: string[]; alreadyReleased: string[] }>> {
    return this.#decide((draft) =>
      holders.decideRelease(draft, this.#keys, { lockId, proof, ...options })
    );
  }

  convert(
    lockId: string,
    proof: face.Proof,
    to: { type?: LockType; mode?: LockMode },
  ): Promise<Decision<GroupLock>> {
    return this.#decide((draft) => holders.decideConvert(draft, this.#keys, { lockId, proof, to }));
  }

  transfer(lockId: string, proof: face.Proof, to: LockOwner): Promise<Decision<GroupLock>> {
    const owner = LockOwner.safeParse(to);
    if (!owner.success) return invalid("to", owner.error.issues[0]!.message);
    return this.#decide((draft) =>
      holders.decideTransfer(draft, this.#keys, { lockId, proof, to: owner.data })
    );
  }

  extend(
    lockId: string,
    proof: face.Proof,
    ask: { deviceIds: readonly string[]; waitMs?: number },
  ): Promise<Decision<GroupLock>> {
    const unknown = withoutUnknown(ask.deviceIds, this.#devices);
    if (unknown !== null) return Promise.resolve(refuse(unknown));
    return this.#decide((draft) =>
      holders.decideExtend(draft, this.#keys, { lockId, proof, ...ask })
    );
  }

  ack(
    lockId: string,
    proof: face.Proof,
    answer: { yield: boolean; reason?: string },
  ): Promise<Decision<GroupLock>> {
    return this.#decide((draft) => holders.decideAck(draft, this.#keys, { lockId, proof, answer }));
  }

  revoke(
    lockId: string,
    asker: Asker,
    { reason, graceMs = 0 }: { reason: string; graceMs?: number },
  ): Promise<Decision<GroupLock>> {
    if (reason.trim() === "") return invalid("reason", "must say why");
    if (!Number.isFinite(graceMs)) return invalid("graceMs", "must be a number");
    return this.#decide((draft) =>
      holders.decideRevoke(draft, { lockId, asker, reason: reason.slice(0, 500), graceMs })
    );
  }

  get(lockId: string): Result<face.Stated<GroupLock>, LockRefusal> {
    const { published, now } = this.#loop;
    const held = published.held.get(lockId);
    if (held !== undefined) return accept(this.#stated(lockView(held, now)));
    const ended = published.ended.get(lockId);
    if (ended === undefined) return refuse({ kind: "lock-unknown", lockId });
    const { reason, atMs, by, successor } = ended;
    return refuse({ kind: "lock-lost", lockId, reason, atMs, by, successor });
  }

  list(filter: face.LockFilter = {}): face.Stated<GroupLock[]> {
    return this.#stated(locksOf(this.#loop.published, filter, this.#loop.now));
  }

  byDevice(deviceId: string): face.Stated<GroupLock | null> {
    const { published, now } = this.#loop;
    const held = lockOn(published, deviceId, now);
    return this.#stated(held === null ? null : lockView(held, now));
  }

  queue(filter: face.LockFilter = {}): face.Stated<TicketView[]> {
    return this.#stated(queueOf(this.#loop.published, filter, this.#loop.now));
  }

  ticket(ticketId: string, proof: face.Proof): Result<TicketState, LockRefusal> {
    const { published, now } = this.#loop;
    const waiter = published.waiters.get(ticketId);
    const lock = published.held.get(ticketId)?.lock ?? published.ended.get(ticketId)?.lock;
    const owned = waiter === undefined ? lock : { ...waiter, keyVersion: 0 };
    if (owned === undefined) {
      const refusal = this.#line.refusalOf(ticketId);
      return refusal === undefined
        ? refuse({ kind: "ticket-unknown", ticketId })
        : accept({ kind: "refused", refusal });
    }
    if (!this.#keys.owns(owned, proof)) return refuse(notYours("ticket"));
    if (waiter === undefined) {
      return accept({ kind: "granted", grant: this.#grant(lock!) });
    }
    this.#loop.touch((table) => {
      const one = table.waiters.get(ticketId);
      if (one !== undefined) {
        table.apply({ kind: "wait", waiter: { ...one, polledMs: now.monoMs } });
      }
    });
    return accept({ kind: "waiting", ticket: ticketView(published, waiter, now) });
  }

  stillHere(actor: string): void {
    const { published, now } = this.#loop;
    if (published.waitedBy(actor).length === 0) return;
    this.#loop.touch((table) => {
      for (const one of [...table.waitedBy(actor)]) {
        table.apply({ kind: "wait", waiter: { ...one, polledMs: now.monoMs } });
      }
    });
  }

  cancelTicket(ticketId: string, proof: face.Proof): Promise<Decision<void>> {
    return this.#decide((draft) => {
      const waiter = draft.table.waiters.get(ticketId);
      if (waiter === undefined) return refuse({ kind: "ticket-unknown", ticketId });
      const { asker } = proof;
      const own = this.#keys.owns({ ...waiter, keyVersion: 0 }, proof);
      if (!own && !asker.may.includes("lock:force")) return refuse(notYours("ticket"));
      turnAway(draft, waiter, own ? gaveUp() : sentAway(asker), own ? null : asker.actor);
      return accept(undefined);
    });
  }

  grantOf(lockId: string, proof: face.Proof): Result<Grant, LockRefusal> {
    const found = this.get(lockId);
    if (!found.ok) return found;
    return this.#keys.owns(found.value.value, proof)
      ? accept(this.#grant(found.value.value))
      : refuse(notYours("lock"));
  }

  canAccess(
    ask: { deviceIds: readonly string[]; type: LockType; mode?: LockMode },
    asker: Asker,
  ): ReturnType<face.LockService["canAccess"]> {
    const access = accessOf(this.#loop.published, ask, asker, this.#loop.now);
    return this.storeHealthy ? access : { ...access, allowed: false };
  }

  audit(query: face.AuditQuery): ReturnType<LockLog["read"]> {
    return this.#log.read(query);
  }

  subscribe(
    options?: { sinceSeq?: number; capacity?: number },
  ): AsyncIterableIterator<face.LockDelivery> & Disposable {
    return this.#log.subscribe(options);
  }

  onEvents(listener: (events: readonly LockEvent[]) => void): () => void {
    return this.#log.onEvents(listener);
  }

  gateCheck(ask: face.GateAsk): Result<{ fence: number }, GateRefusal> {
    const { published, now } = this.#loop;
    const { realm, storeHealthy } = this;
    const checked = gateCheck(published, ask, { realm, now, storeHealthy });
    if (!checked.ok) this.#recordRefusal(ask, checked.refusal);
    return checked;
  }

  policy(): Policy {
    return this.#loop.published.policy;
  }

  setPolicy(policy: Policy, asker: Asker): Promise<Decision<Policy>> {
    return this.#decide((draft) => decidePolicy(draft, policy, asker));
  }

  keyHash(lock: GroupLock): string {
    return this.#keys.hashOf(lock);
  }

  keyToExpose(lock: GroupLock): string {
    return this.#keys.keyOf(lock);
  }

  /**
   * All devices or none, for `ttlMs` from now, `null` for until released; gives their fences. Devices the
   * actor holds already keep their fence and are renewed. Never waits, and takes from nobody.
   *
   * @throws {RangeError} for a `ttlMs` that is not positive, or more devices than a group takes.
   * @throws {KvUnavailable}
   */
  async grantAll(ask: GrantAllAsk): Promise<Result<Record<string, number>, HeldRefusal>> {
    if (ask.ttlMs !== null) checkTtl(ask.ttlMs);
    if (ask.deviceIds.length > GROUP_DEVICES_MAX) {
      throw new RangeError(
        `Cannot grant ${ask.deviceIds.length} devices at once: ${GROUP_DEVICES_MAX} are the most`,
      );
    }
    const id = newId(this.clock);
    return await this.#loop.run((draft) => decideGrantAll(draft, id, ask));
  }

  /**
   * Lets every lock of `actor` live `ttlMs` from now; endless ones stay so. Refused when it holds none: a
   * lease that expired is not revived, for somebody else may have driven the device since.
   * @throws {RangeError} @throws {KvUnavailable}
   */
  async renewAll(actor: string, ttlMs: number): Promise<Result<void, { kind: "not-holder" }>> {
    checkTtl(ttlMs);
    for (;;) {
      const { any, more } = await this.#loop.run((draft) =>
        decideRenewAll(draft, { actor, ttlMs })
      );
      if (!any) return refuse({ kind: "not-holder" });
      if (!more) return accept(undefined);
    }
  }

  /** Ends every lock of `actor`; nothing happens when it holds none. @throws {KvUnavailable} */
  async releaseAll(actor: string, reason: string): Promise<void> {
    while (await this.#loop.run((draft) => decideReleaseAll(draft, { actor, reason })));
  }

  /**
   * Whether `actor` may drive the device now, and the fence its command must carry. A device nobody
   * holds may be driven by anyone. Between a lease's end and its record on disk nobody may.
   * @throws {KvUnavailable} while the store fails
   */
  check(deviceId: string, actor: string): Result<number, HeldRefusal> {
    const { published, now } = this.#loop;
    return mayDrive(published, deviceId, actor, now, this.storeHealthy);
  }

  holder(deviceId: string): Holder | null {
    const { published, now } = this.#loop;
    const held = lockOn(published, deviceId, now);
    return held === null ? null : holderView(held, now);
  }

  holders(): { deviceId: string; holder: Holder }[] {
    return this.list().value.flatMap(({ deviceIds, owner, acquiredAtMs, expiresAtMs }) => {
      const { actor, label } = owner;
      const holder = { actor, label, sinceMs: acquiredAtMs, expiresAtMs };
      return deviceIds.map((deviceId) => ({ deviceId, holder }));
    });
  }

  /** The fence of every device that was ever held: what an agent is told at its start. */
  fences(): Record<string, number> {
    const { fences } = this.#loop.published;
    const fenceOf: Record<string, number> = {};
    for (const [deviceId] of fences.entries()) fenceOf[deviceId] = fences.of(deviceId);
    for (const deviceId of this.#devices?.() ?? []) {
      if (fences.of(deviceId) > 0) fenceOf[deviceId] = fences.of(deviceId);
    }
    return fenceOf;
  }

  /** Calls `listener` after locks ended against their holder's will, once that is on disk. */
  onLost(listener: (deviceIds: string[], actor: string) => void): () => void {
    return this.#lost.add(listener);
  }

  /** Resolves when nothing that is ready waits to be decided, or the store fails. */
  settled(): Promise<void> {
    return this.#loop.rest();
  }

  /** Stops deciding and watching for expiry; locks stay. */
  close(): void {
    this.#closed = true;
    this.#cancelTrim();
    this.#loop.close();
    this.#line.close();
    this.#log[Symbol.dispose]();
  }

  async #decide<T>(
    decide: (draft: Draft) => Decision<T>,
    settled: (value: T) => void = () => {},
  ): Promise<Decision<T>> {
    try {
      return await this.#loop.run(decide, (decision) => decision.ok && settled(decision.value));
    } catch (error) {
      if (!(error instanceof KvUnavailable)) throw error;
      return refuse({ kind: "store-unavailable", maybeDone: error.maybeWritten });
    }
  }

  #wrongWith(ask: LockAsk, idempotencyKey: string | null): LockRefusal | null {
    const parsed = LockAsk.safeParse(ask);
    if (!parsed.success) {
      const { path, message } = parsed.error.issues[0]!;
      return { kind: "invalid", path: path.join("."), text: message };
    }
    const { length } = idempotencyKey ?? "-";
    if (length === 0 || length > IDEMPOTENCY_KEY_LENGTH_MAX) {
      const text = `must have 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} characters`;
      return { kind: "invalid", path: "Idempotency-Key", text };
    }
    return withoutUnknown(ask.deviceIds, this.#devices);
  }

  async #waitFor(
    id: string,
    ended: Promise<WaitEnd>,
    hangUp: () => boolean,
    signal: AbortSignal | undefined,
  ): Promise<Decision<RequestOutcome>> {
    const leave = () => {
      if (hangUp()) this.#leave(id);
    };
    if (signal?.aborted) leave();
    signal?.addEventListener("abort", leave, { once: true });
    const gone = Promise.withResolvers<WaitEnd>();
    const refusal = gaveUp();
    signal?.addEventListener("abort", () => gone.resolve({ kind: "refused", refusal }));
    if (signal?.aborted) gone.resolve({ kind: "refused", refusal });
    const end = await Promise.race([ended, gone.promise]);
    signal?.removeEventListener("abort", leave);
    return end.kind === "granted"
      ? accept({ kind: "granted", grant: this.#grant(end.lock), created: true })
      : refuse(end.refusal);
  }

  #leave(id: string): void {
    this.#loop.run((draft) => {
      const waiter = draft.table.waiters.get(id);
      if (waiter !== undefined) turnAway(draft, waiter, gaveUp());
    }).catch(() => {
      // The store fails: it stays in line, where its time runs out.
    });
  }

  #queued(id: string): Decision<RequestOutcome> {
    const { published, now } = this.#loop;
    const waiter = published.waiters.get(id);
    if (waiter !== undefined) {
      const key = this.#keys.keyOf({ id, keyVersion: 0 });
      return accept({ kind: "queued", ticket: ticketView(published, waiter, now), key });
    }
    // It had its turn in the same commit.
    const lock = published.held.get(id)?.lock ?? published.ended.get(id)?.lock;
    if (lock !== undefined) {
      return accept({ kind: "granted", grant: this.#grant(lock), created: true });
    }
    return refuse(this.#line.refusalOf(id) ?? { kind: "ticket-unknown", ticketId: id });
  }

  #grant(lock: GroupLock): Grant {
    const held = this.#loop.published.held.get(lock.id);
    const shown = held === undefined ? lock : lockView(held, this.#loop.now);
    return { lock: shown, key: this.#keys.keyOf(shown), realm: this.realm, epoch: this.epoch };
  }

  #stated<T>(value: T): face.Stated<T> {
    return { value, seq: this.#log.seq, epoch: this.epoch };
  }

  #tellLost(ended: readonly EndedLock[]): void {
    // Under a reservation that keeps its devices as they are nothing was ever driven.
    const left = ended.filter(({ lock, reason }) =>
      lock.onExpiry === "safe" || reason !== "expired" && lock.type !== "QUEUE_QUEUED"
    );
    const byActor = Map.groupBy(left, ({ lock }) => lock.owner.actor);
    for (const [actor, locks] of byActor) {
      this.#lost.tell(locks.flatMap(({ lock }) => lock.deviceIds), actor);
    }
  }

  #recordRefusal({ deviceId, lockId, by, fence, command }: face.GateAsk, refusal: GateRefusal) {
    this.#gateRefusals++;
    const monoMs = this.clock.monotonicMs();
    const lastMs = this.#gateRecordedMs.get(deviceId) ?? -Infinity;
    if (monoMs - lastMs < GATE_RECORD_MS || !this.storeHealthy) return;
    this.#gateRecordedMs.delete(deviceId);
    this.#gateRecordedMs.set(deviceId, monoMs);
    if (this.#gateRecordedMs.size > 1000) {
      this.#gateRecordedMs.delete(this.#gateRecordedMs.keys().next().value!);
    }
    const what = command === undefined ? "" : ` for "${command.slice(0, 100)}"`;
    this.#loop.run((draft) =>
      draft.note({
        action: "gate_refused",
        id: lockId,
        deviceIds: [deviceId],
        owner: null,
        type: refusal.type,
        reason: `${refusal.why}: fence ${fence} of ${refusal.currentFence}${what}`,
        by,
        successor: null,
        lock: null,
        before: null,
        policy: null,
      })
    ).catch(() => {
      // The store fails: the command was refused all the same.
    });
  }

  #trimInTime(): void {
    this.#cancelTrim = this.clock.timer(TRIM_EVERY_MS, () => {
      this.#log.trim(this.clock.nowMs()).catch(() => {}).finally(() => {
        if (!this.#closed) this.#trimInTime();
      });
    });
  }
}

function checkTtl(ttlMs: number): void {
  if (!(ttlMs > 0 && Number.isFinite(ttlMs))) {
    throw new RangeError(`Cannot grant a lease of ${ttlMs} ms`);
  }
}

function invalid(path: string, text: string): Promise<{ ok: false; refusal: LockRefusal }> {
  return Promise.resolve(refuse({ kind: "invalid", path, text }));
}

function gaveUp(): LockRefusal {
  return { kind: "cancelled", text: "Its asker gave up" };
}

function sentAway({ label }: Asker): LockRefusal {
  return { kind: "cancelled", text: `${label} took it out of the line` };
}

function notYours(what: "lock" | "ticket"): LockRefusal {
  const text = `Neither its key nor its owner asks for this ${what}`;
  return { kind: "not-permitted", text, needs: null };
}
