import assert from "node:assert/strict";
import fc from "fast-check";
import { type Fault, FaultyStore } from "../../tests/faulty_store.ts";
import { ManualClock } from "../clock.ts";
import { Kv, type KvBackend, KvUnavailable } from "../kv.ts";
import type { Result } from "../result.ts";
import {
  type Asker,
  type Grant,
  type GroupLock,
  isLockEvent,
  LOCK_TYPES,
  LockAsk,
  type LockDelivery,
  type LockMode,
  type LockRefusal,
  Locks,
  type LockType,
  type RequestOutcome,
} from "./mod.ts";
import { ReplayedTable } from "./replayed_table.ts";
import { storedLock } from "./stored.ts";
import { passTime, person, proofOf } from "../../tests/lock_rig.ts";

const LONG = Deno.env.get("HOLDFAST_LONG") === "1";
const RUNS = LONG ? 1900 : 90;
const MOVES_MAX = LONG ? 120 : 70;
const STEPS_MIN = LONG ? 100_000 : 1000;

const ASKERS = ["x", "y", "z", "u"].map((name) => person(name));
const DEVICES = ["a", "a.b", "a.b.c", "a.d", "e", "f"];

const LAST = { deviceIds: ["last"], type: "MAINTENANCE", preempt: "force" };

const who = fc.nat(ASKERS.length - 1);
const some = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.uniqueArray(fc.constantFrom(...DEVICES), { minLength: 1, maxLength: 3 }),
  },
  { weight: 1, arbitrary: fc.constant(["*"]) },
);
const pick = fc.nat(1000);
const type = fc.constantFrom<LockType>(...LOCK_TYPES);
const mode = fc.oneof(
  { weight: 4, arbitrary: fc.constant<LockMode>("exclusive") },
  { weight: 1, arbitrary: fc.constant<LockMode>("shared") },
);

const move = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("request" as const),
      who,
      deviceIds: some,
      type,
      mode,
      leaseMs: fc.oneof(fc.integer({ min: 1, max: 90_000 }), fc.constant(null)),
      waitMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 200_000 })),
      maxHoldMs: fc.option(fc.integer({ min: 1, max: 100_000 })),
      preempt: fc.constantFrom<"policy" | "never" | "force">(
        "policy",
        "policy",
        "policy",
        "never",
        "force",
      ),
      planUid: fc.option(fc.constantFrom("p", "q")),
      key: fc.option(fc.constantFrom("k", "l"), { freq: 3 }),
      async: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("change" as const),
      pick,
      how: fc.oneof(
        fc.record({
          act: fc.constant("renew" as const),
          leaseMs: fc.integer({ min: 1, max: 90_000 }),
        }),
        fc.record({ act: fc.constant("release" as const), part: fc.boolean() }),
        fc.record({ act: fc.constant("convert" as const), type, mode }),
        fc.record({ act: fc.constant("transfer" as const), to: who }),
        fc.record({ act: fc.constant("extend" as const), deviceIds: some }),
        fc.record({ act: fc.constant("ack" as const), yield: fc.boolean() }),
        fc.record({ act: fc.constant("revoke" as const), graceMs: fc.constantFrom(0, 3000) }),
      ),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.oneof(fc.integer({ min: 1, max: 6000 }), fc.integer({ min: 6000, max: 130_000 })),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("abort" as const), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), clean: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("step" as const), ms: fc.constantFrom(-4e6, 4e6, 40) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("fail" as const),
      how: fc.constantFrom<Fault>("before", "after", "blind before", "blind after"),
    }),
  },
);
type Move = typeof move extends fc.Arbitrary<infer M> ? M : never;
type Ask = Extract<Move, { do: "request" }>;

/** One instrument with its clients, and what its log tells of it. */
class World {
  readonly replayed = new ReplayedTable();
  readonly #busy = new Set<Promise<unknown>>();
  readonly #aborts: AbortController[] = [];
  readonly #grants: { asker: Asker; grant: Grant }[] = [];
  readonly #byKey = new Map<string, string>();
  /** Fences of commands that hardware outside took, the last of each device. */
  readonly #driven = new Map<string, number>();
  /** Earliest ends by the monotonic clock; none for locks whose deadline a restart may have moved. */
  readonly #dueMs = new Map<string, number>();
  #slow: AsyncIterableIterator<LockDelivery> & Disposable;
  #faulted = false;

  private constructor(
    readonly clock: ManualClock,
    readonly store: FaultyStore,
    public kv: Kv,
    public locks: Locks,
  ) {
    this.#slow = locks.subscribe({ sinceSeq: 0, capacity: 3 });
  }

  static async open(): Promise<World> {
    const clock = new ManualClock();
    const store = await FaultyStore.open();
    const kv = await Kv.over(outliving(store), clock);
    return new World(clock, store, kv, await Locks.open(kv, clock));
  }

  async make(one: Move): Promise<void> {
    switch (one.do) {
      case "request":
        return this.#request(one);
      case "change":
        return this.#change(one);
      case "wait":
        // Not settled: what this starts races with what comes next.
        return await this.clock.advance(one.ms);
      case "settle":
        return await this.settle();
      case "abort":
        return this.#aborts.splice(one.pick % (this.#aborts.length || 1), 1)[0]?.abort();
      case "restart":
        return await this.#restart(one.clean);
      case "step":
        await this.settle();
        this.#dueMs.clear();
        return this.clock.stepWall(one.ms);
      case "fail":
        this.store.faults.push(one.how);
        this.#faulted = true;
    }
  }

  #run(work: Promise<unknown>): void {
    const done = work.finally(() => this.#busy.delete(done));
    done.catch(() => {});
    this.#busy.add(done);
  }

  #request({ who, key, async, deviceIds, ...more }: Ask): void {
    const asker = ASKERS[who]!;
    const { do: _, ...fields } = more;
    const ask = LockAsk.parse({ ...fields, deviceIds });
    const abort = new AbortController();
    this.#aborts.push(abort);
    const options = {
      signal: abort.signal,
      respondAsync: async,
      ...(key === null ? {} : { idempotencyKey: key }),
    };
    this.#run(
      this.locks.request(ask, asker, options).then((answer) =>
        this.#answered(asker, ask, key, answer)
      ),
    );
  }

  #answered(
    asker: Asker,
    ask: LockAsk,
    key: string | null,
    answer: Result<RequestOutcome, LockRefusal>,
  ): void {
    if (!answer.ok || answer.value.kind !== "granted") return;
    const { grant } = answer.value;
    this.#grants.push({ asker, grant });
    if (key === null) {
      const all = [...new Set(ask.deviceIds)].sort();
      assert.deepEqual(grant.lock.deviceIds, all, "not all that was asked for");
      return;
    }
    const once = `${asker.actor} ${key}`;
    const before = this.#byKey.get(once);
    if (before !== undefined) assert.equal(before, `${grant.lock.id} ${grant.key}`);
    if (grant.lock.keyVersion === 0) this.#byKey.set(once, `${grant.lock.id} ${grant.key}`);
  }

  #change({ pick, how }: Extract<Move, { do: "change" }>): void {
    const given = this.#grants[pick % (this.#grants.length || 1)];
    if (given === undefined) return;
    const { grant: { lock, key, realm }, asker } = given;
    const { id } = lock;
    const { locks } = this;
    const proof = proofOf(asker, pick % 2 === 0 ? key : null);
    for (const deviceId of lock.deviceIds) this.#drive(deviceId, lock, realm);
    switch (how.act) {
      case "renew":
        return this.#run(locks.renew(id, proof, how.leaseMs));
      case "release":
        return this.#run(
          locks.release(id, proof, how.part ? { deviceIds: lock.deviceIds.slice(0, 1) } : {}),
        );
      case "convert":
        return this.#run(locks.convert(id, proof, how));
      case "transfer": {
        const { may: _, ...to } = ASKERS[how.to]!;
        return this.#run(locks.transfer(id, proof, to));
      }
      case "extend":
        return this.#run(locks.extend(id, proof, how));
      case "ack":
        return this.#run(locks.ack(id, proof, how));
      case "revoke":
        return this.#run(locks.revoke(id, asker, { reason: "test", graceMs: how.graceMs }));
    }
  }

  /** Hardware outside asks whether it may move, with whatever its commander was once told. */
  #drive(deviceId: string, lock: GroupLock, realm: string): void {
    const fence = lock.fences[deviceId]!;
    const checked = this.locks.gateCheck({ deviceId, fence, lockId: lock.id, realm, by: "test" });
    if (!checked.ok) return;
    assert.ok(this.locks.storeHealthy, "the gate is open while the store fails");
    assert.ok(fence >= (this.#driven.get(deviceId) ?? 0), "a lower fence after a higher one");
    this.#driven.set(deviceId, fence);
  }

  async #restart(clean: boolean): Promise<void> {
    if (clean) await this.settle();
    // Not clean: whatever is on its way to the disk arrives or not, and nobody hears of it.
    this.locks.close();
    await this.kv.close();
    this.store.faults.length = 0;
    this.kv = await Kv.over(outliving(this.store), this.clock);
    this.locks = await Locks.open(this.kv, this.clock);
    this.#dueMs.clear();
    this.#slow[Symbol.dispose]();
    this.#slow = this.locks.subscribe({ sinceSeq: 0, capacity: 3 });
    await this.settle();
  }

  /** Everything that can happen now has; memory, log and store are compared. */
  async settle(): Promise<void> {
    const hadFaults = this.#faulted;
    await passTime(this.clock, this.locks, 0);
    this.store.faults.length = 0;
    for (let tries = 0; !this.locks.storeHealthy || this.#faulted; tries++) {
      assert.ok(tries < 20, "the locks do not recover");
      await passTime(this.clock, this.locks, 1000);
      this.#faulted = false;
    }
    await this.#takeRecords(hadFaults);
    await this.#compare();
  }

  async #takeRecords(hadFaults: boolean): Promise<void> {
    const offsetMs = this.clock.nowMs() - this.clock.monotonicMs();
    for (;;) {
      const records = await this.locks.audit({ afterSeq: this.replayed.seq, limit: 1000 });
      for (const record of records) {
        this.replayed.take(record);
        const { action, id, lock, atMs, reason } = record;
        const monoMs = atMs - offsetMs;
        if (action === "expired" && reason !== "expired_while_down" && this.#dueMs.has(id!)) {
          const earlyMs = this.#dueMs.get(id!)! - monoMs;
          assert.ok(earlyMs <= 120, `${id} ended ${earlyMs} ms early`);
        }
        if (lock === null) this.#dueMs.delete(id ?? "");
        else if (lock.expiresAtMs !== null) {
          this.#dueMs.set(lock.id, monoMs + lock.expiresAtMs - atMs);
        }
      }
      if (records.length < 1000) break;
    }
    if (hadFaults) this.#dueMs.clear();
  }

  async #compare(): Promise<void> {
    const { locks, replayed } = this;
    const inMemory = locks.list().value;
    assert.equal(replayed.seq, locks.seq);
    assert.deepEqual(essentials(inMemory), essentials([...replayed.live.values()]));
    const stored: GroupLock[] = [];
    for await (const { value } of this.kv.list({ prefix: ["locks", "group"] })) {
      stored.push(storedLock(value).lock);
    }
    assert.deepEqual(essentials(stored), essentials(inMemory));
    assert.deepEqual(locks.queue().value.map(({ id }) => id).sort(), [...replayed.waiting].sort());
    replayed.checkPreemptions();
    for (const { grant } of this.#grants) {
      const { id } = grant.lock;
      assert.ok(replayed.live.has(id) || replayed.ended.has(id), `${id} was answered and is lost`);
    }
    for (const deviceId of DEVICES) {
      const drivers = ASKERS.filter(({ actor }) => mayDrive(locks, deviceId, actor));
      assert.ok(drivers.length <= 1 || drivers.length === ASKERS.length, `${drivers}`);
    }
    this.#noCircle();
  }

  /**
   * Nobody waits, be it through others, for itself: who waits needs those before it to have their turn, and
   * holders to let go, who may not before they have what they wait for themselves.
   */
  #noCircle(): void {
    const tickets = this.locks.queue().value;
    const waitsFor = new Map(tickets.map(({ id, owner, blockedBy }) => {
      const needed = blockedBy.flatMap(({ owner: other, lockId, ticketId }) => {
        if (ticketId !== null) return [ticketId];
        const asked = this.replayed.live.get(lockId!)?.state === "revoking";
        if (asked || other.actor === owner.actor) return [];
        return tickets.filter((one) => one.owner.actor === other.actor).map((one) => one.id);
      });
      return [id, needed];
    }));
    for (const begin of waitsFor.keys()) {
      const seen = new Set<string>();
      const open = [...waitsFor.get(begin)!];
      for (let next = open.pop(); next !== undefined; next = open.pop()) {
        assert.notEqual(next, begin, `it waits for itself: ${JSON.stringify(tickets)}`);
        if (seen.has(next)) continue;
        seen.add(next);
        open.push(...waitsFor.get(next) ?? []);
      }
    }
  }

  /** With nobody renewing, everybody who waits is granted or told; endless holders let go. */
  async end(): Promise<void> {
    await this.settle();
    for (let rounds = 0; this.#busy.size + this.locks.queue().value.length > 0; rounds++) {
      assert.ok(rounds < 100, "somebody waits for ever");
      for (const { actor } of ASKERS) await this.locks.releaseAll(actor, "the test ends");
      await passTime(this.clock, this.locks, 10_000);
      await this.settle();
    }
    assert.ok((await this.locks.request(LockAsk.parse(LAST), person("last"))).ok);
    await this.#checkSlow();
    this.locks.close();
    await this.kv.close();
    this.store.close();
  }

  /** The slow subscriber missed nothing that it was not told it missed. */
  async #checkSlow(): Promise<void> {
    const events = (await this.#allRecords()).filter(isLockEvent).map(({ seq }) => seq);
    const newest = events.at(-1) ?? 0;
    const seen: number[] = [];
    const told = new Set<number>();
    let droppedFrom: number | null = null;
    while ((seen.at(-1) ?? 0) < newest) {
      const { value, done } = await this.#slow.next();
      assert.ok(!done);
      if (value.kind === "dropped") droppedFrom = value.fromSeq;
      else {
        const { seq } = value.event;
        assert.ok(seq > (seen.at(-1) ?? 0), "an event came twice");
        for (let gone = droppedFrom ?? seq; gone < seq; gone++) told.add(gone);
        droppedFrom = null;
        seen.push(seq);
      }
    }
    for (const seq of events) assert.ok(seen.includes(seq) || told.has(seq), `${seq} was missed`);
    this.#slow[Symbol.dispose]();
  }

  async #allRecords() {
    const records = [];
    for (let afterSeq = 0; afterSeq < this.locks.seq; afterSeq = records.at(-1)!.seq) {
      records.push(...await this.locks.audit({ afterSeq, limit: 1000 }));
    }
    return records;
  }
}

/** The store in memory that goes on when the runtime on it ends. */
function outliving(store: FaultyStore): KvBackend {
  const { get, getMany, list } = store;
  return { get, getMany, list, atomic: () => store.atomic(), close: () => {} };
}

/** Without what the wall clock and a restart may tell anew. */
function essentials(locks: readonly GroupLock[]) {
  return locks.map(({ id, deviceIds, type, mode, owner, fences, state, renewals, keyVersion }) =>
    JSON.stringify({ id, deviceIds, type, mode, owner, fences, state, renewals, keyVersion })
  ).sort();
}

function mayDrive(locks: Locks, deviceId: string, actor: string): boolean {
  try {
    return locks.check(deviceId, actor).ok;
  } catch (error) {
    assert.ok(error instanceof KvUnavailable);
    return false;
  }
}

Deno.test("every rule of locks holds, whatever is asked, expires, fails, steps or restarts", async () => {
  let steps = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(move, { minLength: 20, maxLength: MOVES_MAX, size: "max" }),
      async (moves) => {
        const world = await World.open();
        for (const one of moves) {
          await world.make(one);
          steps++;
        }
        await world.end();
      },
    ),
    { numRuns: RUNS },
  );
  assert.ok(steps >= STEPS_MIN, `${steps} steps`);
  if (LONG) console.log(`${steps} steps`);
});
