import { createHash } from "node:crypto";
import type { Principal } from "../auth/model.ts";
import type { Clock } from "../clock.ts";
import { fieldFault, readBody, readQuery } from "../fastapi.ts";
import {
  type Asker,
  askerOf,
  type Conflict,
  DeviceName,
  type GroupLock,
  LockAsk,
  type LockFeeds,
  type LockRefusal,
  type LockService,
  type LockType,
  MAX_LEASE_MS,
} from "../locks/mod.ts";
import { LOCK_RELEASE, LOCK_REQUEST } from "./model.ts";
import { type ShownKey, standingLocks, userOf } from "./standing.ts";
import { Subscribers } from "./subscribers.ts";
import { legacyUpdates } from "./updates.ts";
import { acquired, denied, deviceLock, lockedBy, lockStatus, naiveUtc } from "./wire.ts";

const USER_LENGTH_MAX = 200;
const encoder = new TextEncoder();
const HEAD = encoder.encode('{"locks":');

export interface CoordinationOptions {
  readonly locks: LockService;
  readonly feeds: LockFeeds;
  readonly clock: Clock;
  /** Lists show the keys themselves, as the original does: whoever reads them can release any lock. */
  readonly exposeLockKeys?: boolean;
}

/** An answer of the original's: what its clients find under that status. */
export interface Reply {
  readonly status: 200 | 403 | 404 | 503;
  readonly body: Record<string, unknown>;
}

/** All locks as they were rendered last. */
interface Listed {
  readonly seq: number;
  readonly epoch: string;
  /** Monotonic: until then nothing in it ends. */
  readonly untilMs: number;
  readonly count: number;
  readonly json: string;
  readonly bytes: Uint8Array;
}

/**
 * The Device Coordination Service of the Bluesky Queue Server family, in its words, over our locks. Each of
 * its locks is a group of one device with a fixed lease.
 */
export class Coordination {
  readonly #locks: LockService;
  readonly #clock: Clock;
  readonly #shownKey: ShownKey;
  readonly #subscribers: Subscribers;
  readonly #unlisten: () => void;
  #listed: Listed = {
    seq: -1,
    epoch: "",
    untilMs: -Infinity,
    count: 0,
    json: "[]",
    bytes: encoder.encode("[]"),
  };

  constructor({ locks, feeds, clock, exposeLockKeys = false }: CoordinationOptions) {
    this.#locks = locks;
    this.#clock = clock;
    this.#shownKey = (lock) => exposeLockKeys ? locks.keyToExpose(lock) : locks.keyHash(lock);
    this.#subscribers = new Subscribers({
      feeds,
      clock,
      status: (type) => `{"type":"${type}","data":${this.statusJson()}}`,
      hello: () => ({
        type: "hello",
        version: 2,
        seq: locks.seq,
        epoch: locks.epoch,
        realm: locks.realm,
      }),
      pong: () => ({ type: "pong", timestamp: naiveUtc(clock.nowMs()) }),
      updates: (event) =>
        legacyUpdates(event, this.#shownKey, (lockId) => {
          const found = locks.get(lockId);
          return found.ok ? found.value.value.type : null;
        }),
    });
    this.#unlisten = locks.onEvents((events) => this.#subscribers.tell(events));
  }

  /** Subscribers at `/ws`. */
  get subscribers(): number {
    return this.#subscribers.count;
  }

  /** `POST /api/lock/request`. @throws {BodyFaults} */
  async request(body: unknown, principal: Principal, signal?: AbortSignal): Promise<Reply> {
    const asked = readBody(body, LOCK_REQUEST);
    const device = checkedDevice(asked.device_name);
    assertLength("user_id", asked.user_id, USER_LENGTH_MAX);
    assertLength("reason", asked.reason, 500);
    assertLength("plan_uid", asked.plan_uid, 200);
    const asker = compatAsker(principal, asked.user_id);
    const standing = this.#locks.byDevice(device).value;
    if (standing !== null && isColleagues(standing, asker)) return told(device, standing);
    const endless = asked.timeout === null || asked.timeout === 0;
    const mayEndless = asker.may.includes("lock:unbounded");
    const leaseMs = !endless
      ? Math.min(asked.timeout! * 1000, MAX_LEASE_MS)
      : mayEndless
      ? null
      : MAX_LEASE_MS;
    const outcome = await this.#locks.request(
      {
        ...DEFAULTS,
        deviceIds: [device],
        type: asked.lock_type,
        leaseMs,
        reason: asked.reason,
        planUid: asked.plan_uid,
      },
      asker,
      signal === undefined ? {} : { signal },
    );
    if (!outcome.ok) return denial(device, outcome.refusal);
    if (outcome.value.kind === "queued") {
      return { status: 200, body: denied(`Device ${device} is not free`) };
    }
    const { lock, key } = outcome.value.grant;
    if (isColleagues(lock, asker)) return told(device, lock);
    const { expiresAtMs } = lock;
    return {
      status: 200,
      body: acquired(device, { key, fence: lock.fences[device] ?? 0, expiresAtMs }),
    };
  }

  /** `POST /api/lock/release`, all in the query. @throws {BodyFaults} */
  async release(query: URLSearchParams, principal: Principal): Promise<Reply> {
    const { device_name, lock_key, user_id } = readQuery(query, LOCK_RELEASE);
    const lock = this.#locks.byDevice(device_name).value;
    if (lock === null || !lock.deviceIds.includes(device_name)) {
      return { status: 404, body: { detail: `No lock found for device ${device_name}` } };
    }
    if (userOf(lock) !== user_id) {
      const keyIsRight = shownHash(lock_key) === this.#locks.keyHash(lock);
      return keyIsRight ? NOT_AUTHORIZED : INVALID_KEY;
    }
    const released = await this.#locks.release(
      lock.id,
      { asker: compatAsker(principal, user_id), key: lock_key },
      { deviceIds: [device_name] },
    );
    if (released.ok) {
      return {
        status: 200,
        body: { success: true, message: `Lock released for ${device_name}` },
      };
    }
    switch (released.refusal.kind) {
      case "store-unavailable":
        return STORE_UNAVAILABLE;
      case "lock-lost":
      case "lock-unknown":
        return { status: 404, body: { detail: `No lock found for device ${device_name}` } };
      default:
        return shownHash(lock_key) === this.#locks.keyHash(lock) ? NOT_AUTHORIZED : INVALID_KEY;
    }
  }

  /** `GET /api/locks/status` as JSON: rendered once for each state of the table. */
  statusJson(): string {
    const { json, count } = this.#list();
    const timestamp = naiveUtc(this.#clock.nowMs());
    return `{"locks":${json},"total_count":${count},"timestamp":"${timestamp}"}`;
  }

  /** The same as bytes, which a thousand locks are quicker sent as. */
  statusBytes(): Uint8Array<ArrayBuffer> {
    const { bytes, count } = this.#list();
    const timestamp = naiveUtc(this.#clock.nowMs());
    const tail = encoder.encode(`,"total_count":${count},"timestamp":"${timestamp}"}`);
    const all = new Uint8Array(HEAD.length + bytes.length + tail.length);
    all.set(HEAD);
    all.set(bytes, HEAD.length);
    all.set(tail, HEAD.length + bytes.length);
    return all;
  }

  /** `GET /api/locks/device/{device_name}`: also for names nobody ever used. */
  device(name: string): Record<string, unknown> {
    const lock = this.#locks.byDevice(name).value;
    const standing = lock === null ? null : standingLocks(lock, [name], this.#shownKey)[0]!;
    return lockStatus(name, standing, this.#clock.nowMs());
  }

  live(): Record<string, unknown> {
    return { status: "alive", timestamp: naiveUtc(this.#clock.nowMs()) };
  }

  ready(): Reply {
    const { storeHealthy, epoch } = this.#locks;
    return {
      status: storeHealthy ? 200 : 503,
      body: {
        status: storeHealthy ? "ready" : "not_ready",
        redis_connected: storeHealthy,
        active_locks: this.#list().count,
        store: storeHealthy ? "ok" : "unavailable",
        epoch,
      },
    };
  }

  /** Opens `/ws`. @throws {Problem} `too-many-viewers` */
  socket(request: Request, actor: string): Response {
    return this.#subscribers.open(request, actor);
  }

  close(): void {
    this.#unlisten();
  }

  #list(): Listed {
    const { seq, epoch } = this.#locks;
    const nowMs = this.#clock.monotonicMs();
    const known = this.#listed;
    if (known.seq === seq && known.epoch === epoch && nowMs < known.untilMs) return known;
    const found = this.#locks.list();
    const all = found.value.flatMap((lock) => standingLocks(lock, lock.deviceIds, this.#shownKey));
    const wallMs = this.#clock.nowMs();
    // An end that nobody has recorded yet must not be listed, and a wall clock that steps moves all ends.
    const untilMs = all.reduce(
      (until, { expiresAtMs }) => Math.min(until, nowMs + (expiresAtMs ?? Infinity) - wallMs),
      nowMs + 1000,
    );
    const json = JSON.stringify(all.map(deviceLock));
    this.#listed = {
      seq: found.seq,
      epoch: found.epoch,
      untilMs,
      count: all.length,
      json,
      bytes: encoder.encode(json),
    };
    return this.#listed;
  }
}

/** What the original's requests say nothing of; the fields they have are checked as they come in. */
const DEFAULTS = LockAsk.parse({ deviceIds: ["any"], type: "MANUAL_OPERATOR" });

const STORE_UNAVAILABLE: Reply = {
  status: 503,
  body: { detail: "The store does not answer; nothing was changed", code: "store_unavailable" },
};

const INVALID_KEY: Reply = { status: 403, body: { detail: "Invalid lock key" } };
const NOT_AUTHORIZED: Reply = {
  status: 403,
  body: { detail: "Not authorized to release this lock" },
};

/** Behind a login that login owns the lock, and `user_id` tells its users apart; else it is all there is. */
function compatAsker(principal: Principal, userId: string): Asker {
  const asker = askerOf(principal);
  return principal.kind === "local"
    ? { ...asker, actor: `asserted:${userId}`, label: userId, asserted: true }
    : { ...asker, client: userId };
}

/** Whether another user of the same login holds it, which to the lock service is the same owner. */
function isColleagues(lock: GroupLock, asker: Asker): boolean {
  return lock.owner.actor === asker.actor && lock.owner.client !== asker.client;
}

function told(device: string, { type, expiresAtMs }: GroupLock): Reply {
  return { status: 200, body: denied(lockedBy(device, type, expiresAtMs)) };
}

function denial(device: string, refusal: LockRefusal): Reply {
  const no = (message: string): Reply => ({ status: 200, body: denied(message) });
  switch (refusal.kind) {
    case "device-locked":
    case "wait-timeout":
      return no(conflictText(device, refusal.conflicts[0]));
    case "would-deadlock":
    case "cancelled":
      return no(refusal.text);
    case "unknown-device":
      return no(`Device ${device} is not known`);
    case "queue-full":
      return no(`Device ${device}: too many wait already`);
    case "lock-lost":
      return no(`Device ${device}: the lock was lost at once (${refusal.reason})`);
    case "not-permitted":
      return { status: 403, body: { detail: refusal.text } };
    case "invalid":
      throw fieldFault(wireField(refusal.path), { type: "value_error", msg: refusal.text }, null);
    case "store-unavailable":
      return STORE_UNAVAILABLE;
    case "lock-unknown":
    case "ticket-unknown":
    case "not-revoking":
      return no(`Device ${device} is not free`);
  }
}

function conflictText(device: string, conflict: Conflict | undefined): string {
  if (conflict === undefined) return `Device ${device} is not free`;
  const { type, expiresAtMs, lockId } = conflict;
  return lockId === null
    ? `Device ${device} is waited for by ${type satisfies LockType}`
    : lockedBy(device, type, expiresAtMs);
}

function wireField(path: string): string {
  const names: Record<string, string> = {
    deviceIds: "device_name",
    type: "lock_type",
    leaseMs: "timeout",
    planUid: "plan_uid",
  };
  return names[path] ?? path;
}

/** @throws {BodyFaults} for a name no device can have. */
function checkedDevice(name: string): string {
  const checked = DeviceName.safeParse(name);
  if (checked.success) return name;
  const msg = `Value error, ${checked.error.issues[0]!.message}`;
  throw fieldFault("device_name", { type: "value_error", msg }, name);
}

function assertLength(field: string, given: string | null, max: number): void {
  if (given === null || given.length <= max) return;
  throw fieldFault(field, {
    type: "string_too_long",
    msg: `String should have at most ${max} characters`,
    ctx: { max_length: max },
  }, given);
}

/** What `keyHash` shows for this key. */
function shownHash(key: string): string {
  return `sha256:${createHash("sha256").update(key).digest("hex").slice(0, 16)}`;
}
