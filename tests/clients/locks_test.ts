import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { type AcquireOptions, LockError, LockLost, Locks } from "../../clients/typescript/locks.ts";
import { type CoordinationRig, openCoordination } from "../compat/coordination_rig.ts";
import { runInstrument } from "../running_instrument.ts";

/** A client of the rig on the rig's own clock; `reach` stands for the network. */
function clientOf(rig: CoordinationRig, client: string, reach?: typeof fetch): Locks {
  const direct: typeof fetch = async (input, init) =>
    await rig.fetch(new URL(String(input)).pathname + new URL(String(input)).search, init);
  return new Locks({
    url: "http://rig",
    client,
    fetch: reach ?? direct,
    time: rig.clock,
    skewMs: 250,
  });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass until `holds`, in steps in which what was asked can be answered. */
async function pass(rig: CoordinationRig, holds: () => boolean): Promise<void> {
  const endMs = rig.clock.monotonicMs() + 25_000;
  while (!holds()) {
    assert(rig.clock.monotonicMs() < endMs, "it did not come to that");
    await rig.clock.advance(20);
  }
}

const MANUAL: AcquireOptions = { type: "MANUAL_OPERATOR" };

Deno.test("devices are held while the work goes on, and free again whatever comes of it", async () => {
  await using rig = await openCoordination();
  const anna = clientOf(rig, "anna");
  const result = await anna.withLocks(["stage", "camera"], MANUAL, async (guard) => {
    assert.equal((await anna.holder("stage"))?.id, guard.id);
    assert.equal(guard.fence("camera"), guard.lock.fences.camera);
    assert.throws(() => guard.fence("lamp"), RangeError);
    return 42;
  });
  assert.equal(result, 42);
  assert.equal(await anna.holder("stage"), null);
  await assert.rejects(
    anna.withLocks(["stage"], MANUAL, () => Promise.reject(new Error("focus failed"))),
    /focus failed/,
  );
  assert.equal(await anna.holder("stage"), null);
  {
    await using guard = await anna.acquire(["stage"], MANUAL);
    assert.equal((await anna.holder("stage"))?.id, guard.id);
  }
  assert.equal(await anna.holder("stage"), null);
});

Deno.test("a lock is renewed at a third of its lease for as long as the program lives", async () => {
  await using rig = await openCoordination();
  const anna = clientOf(rig, "anna");
  await using guard = await anna.acquire(["stage"], { ...MANUAL, leaseMs: 30_000 });
  const renewals = () => rig.locks.byDevice("stage").value!.renewals;
  for (let turn = 0; turn < 6; turn++) {
    const before = renewals();
    await rig.clock.advance(10_000);
    await until(() => renewals() > before);
  }
  assert.equal(guard.signal.aborted, false);
  await guard.release();
  await guard.release();
  assert.equal(guard.signal.aborted, true);
  assert.throws(() => guard.fence("stage"), LockError);
});

Deno.test("when no renewal is answered the program stops before the instrument gives the devices away", async () => {
  await using rig = await openCoordination();
  let reachable = true;
  const anna = clientOf(rig, "anna", async (input, init) => {
    if (!reachable) throw new TypeError("connection refused");
    return await rig.fetch(new URL(String(input)).pathname, init);
  });
  await using guard = await anna.acquire(["stage"], { ...MANUAL, leaseMs: 30_000 });
  reachable = false;
  await rig.clock.advance(29_499);
  assert.equal(guard.signal.aborted, false);
  await rig.clock.advance(1);
  assert.equal(guard.signal.aborted, true);
  assert(guard.signal.reason instanceof LockLost);
  assert.equal(guard.signal.reason.reason, "unconfirmed");
  await assert.rejects(guard.lost, LockLost);
  assert.notEqual(rig.locks.byDevice("stage").value, null, "it is still held there");
  assert.throws(() => guard.fence("stage"), LockLost);
});

Deno.test("a store that fails for a moment costs no lock", async () => {
  await using rig = await openCoordination();
  let failing = 0;
  const anna = clientOf(rig, "anna", async (input, init) => {
    const { pathname } = new URL(String(input));
    if (pathname.endsWith("/renew") && failing-- > 0) {
      return Response.json({ code: "store_unavailable", detail: "no" }, { status: 503 });
    }
    return await rig.fetch(pathname, init);
  });
  await using guard = await anna.acquire(["stage"], { ...MANUAL, leaseMs: 30_000 });
  const before = rig.locks.byDevice("stage").value!.renewals;
  failing = 3;
  await pass(rig, () => rig.locks.byDevice("stage").value!.renewals > before);
  assert(failing <= 0, "it failed three times");
  assert.equal(guard.signal.aborted, false);
});

Deno.test("a lock that is taken away is lost at once, and its work is told", async () => {
  await using rig = await openCoordination();
  const anna = clientOf(rig, "anna");
  const service = clientOf(rig, "service");
  const started = Promise.withResolvers<void>();
  const work = anna.withLocks(["stage"], MANUAL, async (guard) => {
    started.resolve();
    await new Promise((resolve) => guard.signal.addEventListener("abort", resolve));
    guard.signal.throwIfAborted();
  });
  const told = assert.rejects(work, (error) => {
    assert(error instanceof LockLost);
    assert.equal(error.reason, "preempted");
    return true;
  });
  await started.promise;
  await using taken = await service.acquire(["stage"], { type: "MAINTENANCE" });
  await told;
  assert.equal((await anna.holder("stage"))?.id, taken.id);
});

Deno.test("who is asked for the lock answers: it is yielded, or kept where one may refuse", async () => {
  await using rig = await openCoordination();
  const anna = clientOf(rig, "anna");
  const queue = clientOf(rig, "queue");
  let yields = false;
  const asked: string[] = [];
  await using guard = await anna.acquire(["stage"], {
    ...MANUAL,
    onAsked: ({ deadline }) => {
      asked.push(deadline);
      return yields;
    },
  });
  const running = { type: "QUEUE_EXECUTING", planUid: "p" } as const;
  await assert.rejects(
    queue.acquire(["stage"], running),
    (error) => error instanceof LockError && error.code === "device_locked",
  );
  assert.equal(asked.length, 1);
  assert.equal(guard.signal.aborted, false);
  yields = true;
  await rig.clock.advance(1);
  await using plan = await queue.acquire(["stage"], running);
  assert.equal((await anna.holder("stage"))?.id, plan.id);
  await assert.rejects(guard.lost, LockLost);
});

Deno.test("a denial names who holds the device; whether one may is asked, and no answer means no", async () => {
  await using rig = await openCoordination();
  const anna = clientOf(rig, "anna");
  const bert = clientOf(rig, "bert");
  await using _held = await anna.acquire(["stage"], { ...MANUAL, reason: "focus" });
  await assert.rejects(bert.acquire(["stage"], MANUAL), (error) => {
    assert(error instanceof LockError);
    assert.deepEqual([error.code, error.status], ["device_locked", 409]);
    assert.equal(error.conflicts[0]!.holder.label, "anna");
    assert.equal(error.conflicts[0]!.reason, "focus");
    return true;
  });
  assert.equal((await bert.canAccess(["stage"], "MANUAL_OPERATOR")).allowed, false);
  assert.equal((await bert.canAccess(["camera"], "MANUAL_OPERATOR")).allowed, true);
  const cut = clientOf(rig, "cut", () => Promise.reject(new TypeError("no network")));
  assert.equal((await cut.canAccess(["camera"], "MANUAL_OPERATOR")).allowed, false);
  await assert.rejects(cut.holder("camera"), LockError);
});

Deno.test("who gives up waiting leaves the line", async () => {
  await using rig = await openCoordination();
  const anna = clientOf(rig, "anna");
  const bert = clientOf(rig, "bert");
  await using _held = await anna.acquire(["stage"], MANUAL);
  const giveUp = new AbortController();
  const waits = bert.acquire(["stage"], { ...MANUAL, waitMs: 60_000, signal: giveUp.signal });
  await until(() => rig.locks.queue().value.length === 1);
  giveUp.abort(new Error("enough"));
  await assert.rejects(waits, /enough/);
  await until(() => rig.locks.queue().value.length === 0);
});

Deno.test("a lock grows and shrinks while it is held", async () => {
  await using rig = await openCoordination();
  const anna = clientOf(rig, "anna");
  await using guard = await anna.acquire(["stage"], MANUAL);
  await guard.extend(["camera"]);
  assert.deepEqual(guard.lock.devices, ["camera", "stage"]);
  assert(guard.fence("camera") > 0);
  await guard.release(["stage"]);
  assert.equal(await anna.holder("stage"), null);
  assert.equal((await anna.holder("camera"))?.id, guard.id);
  await guard.convert({ type: "QUEUE_QUEUED" });
  assert.equal(guard.lock.type, "QUEUE_QUEUED");
});

Deno.test("a watcher whose connection breaks goes on where it was", async () => {
  await using rig = await openCoordination();
  let opened = 0;
  const cuts: (() => void)[] = [];
  const watcher = clientOf(rig, "watcher", async (input, init) => {
    const reply = await rig.fetch(new URL(String(input)).pathname, init);
    if (!String(input).endsWith("/events")) return reply;
    opened++;
    const reader = reply.body!.getReader();
    const cut = new Promise<never>((_, reject) => cuts.push(() => reject(new TypeError("reset"))));
    cut.catch(() => {});
    return new Response(
      new ReadableStream({
        async pull(controller) {
          const { done, value } = await Promise.race([reader.read(), cut]);
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: (reason) => reader.cancel(reason),
      }),
      { headers: reply.headers },
    );
  });
  const anna = clientOf(rig, "anna");
  const ended = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const one of watcher.watch({ devices: ["stage"] }, ended.signal)) {
      seen.push(one.kind === "event" ? one.event.action : one.kind);
    }
  })();
  await until(() => seen.length === 1);
  const first = await anna.acquire(["stage"], MANUAL);
  await until(() => seen.includes("renewed"));
  cuts[0]!();
  await first.release();
  await using _other = await anna.acquire(["lamp"], MANUAL);
  await pass(rig, () => seen.includes("released"));
  assert.deepEqual(seen, ["open", "acquired", "renewed", "open", "released"]);
  assert.equal(opened, 2);
  ended.abort();
  cuts[1]!();
  await watching;
});

Deno.test("over a real instrument the holder drives, and nobody else", async () => {
  await using instrument = await runInstrument();
  const anna = new Locks({ url: instrument.url });
  const stir = (headers: Record<string, string>) =>
    instrument.ask("/api/v1/devices/stirrer/commands", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ op: "set", args: { duty: 30 } }),
    });
  await anna.withLocks(["stirrer"], MANUAL, async (guard) => {
    const mine = await stir({ "x-lock-key": guard.key });
    assert.equal(mine.status, 200, await mine.text());
    const named = await stir({ "x-lock-client": anna.client });
    assert.equal(named.status, 200, await named.text());
    const others = await stir({});
    assert.equal(others.status, 409);
    assert.equal((await others.json()).code, "device_held");
    const stop = await instrument.ask("/api/v1/stop", { method: "POST" });
    assert.equal(stop.status, 200, "stopping is never gated");
    await stop.body?.cancel();
    const cleared = await instrument.ask("/api/v1/stop/clear", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ reason: "test" }),
    });
    assert.equal(cleared.status, 200, await cleared.text());
  });
  const free = await stir({});
  assert.equal(free.status, 200, await free.text());
});
