import assert from "node:assert/strict";
import { FaultyStore } from "./faulty_store.ts";
import { ManualClock } from "../lib/clock.ts";
import { Kv } from "../lib/kv.ts";
import type { Result } from "../lib/result.ts";
import {
  type Asker,
  type Grant,
  LOCK_SCOPES,
  LockAsk,
  type LockRefusal,
  Locks,
  type LocksOptions,
  type Proof,
  type RequestOptions,
  type RequestOutcome,
} from "../lib/locks/mod.ts";

/** For tests of locks: a real store that fails on demand, and a clock the test moves. */
export interface Rig {
  readonly clock: ManualClock;
  readonly store: FaultyStore;
  readonly kv: Kv;
  readonly locks: Locks;
  /** Moves time, and lets what that started reach the disk, or fail to. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

export async function openRig(options: LocksOptions = {}): Promise<Rig> {
  const clock = new ManualClock();
  const store = await FaultyStore.open();
  const kv = await Kv.over(store, clock);
  const locks = await Locks.open(kv, clock, options);
  return {
    clock,
    store,
    kv,
    locks,
    pass: (ms) => passTime(clock, locks, ms),
    async close() {
      locks.close();
      await kv.close();
    },
  };
}

export async function passTime(clock: ManualClock, locks: Locks, ms: number): Promise<void> {
  await clock.advance(ms);
  // What an answer lets its asker do next is awaited as well.
  for (let turns = 0; turns < 3; turns++) {
    await locks.settled();
    await clock.advance(0);
  }
}

export function person(name: string, may: Asker["may"] = LOCK_SCOPES): Asker {
  return { actor: `user:${name}`, label: name, client: null, asserted: false, may };
}

export function proofOf(asker: Asker, key: string | null = null): Proof {
  return { asker, key };
}

type Partly = Partial<LockAsk>;

/** Asks for `deviceIds` by hand for half a minute, unless `more` says else. */
export function ask(
  locks: Locks,
  asker: Asker,
  deviceIds: string[],
  more: Partly = {},
  options: RequestOptions = {},
): Promise<Result<RequestOutcome, LockRefusal>> {
  const whole = LockAsk.parse({ deviceIds, type: "MANUAL_OPERATOR", ...more });
  return locks.request(whole, asker, options);
}

export function granted(answer: Result<RequestOutcome, LockRefusal>): Grant {
  assert.ok(answer.ok, JSON.stringify(answer));
  assert.equal(answer.value.kind, "granted");
  return (answer.value as { grant: Grant }).grant;
}

export function refusalOf<T>(answer: Result<T, LockRefusal>): LockRefusal["kind"] {
  assert.ok(!answer.ok, JSON.stringify(answer));
  return answer.refusal.kind;
}

export function must<T, R>(answer: Result<T, R>): T {
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer.value;
}
