import assert from "node:assert/strict";
import fc from "fast-check";
import { ManualClock } from "../clock.ts";
import { newId } from "../ids.ts";
import { Kv } from "../kv.ts";
import { activeKey, orderKey, runKey, runLeasesOf, waitingPrefix } from "./keys.ts";
import {
  type Experiment,
  holdsRun,
  isTerminal,
  isWaiting,
  Limits,
  type OnInterrupt,
  type RunExit,
} from "./model.ts";
import { runNow } from "./run_now.ts";
import { ExperimentStore } from "./store.ts";
import type { Change } from "./transitions.ts";

/**
 * Any order of what people, scripts and power cuts can do, against a model simple enough to be seen to
 * be right: a list of what waits, one or two places for what runs, a bag of what ended.
 */
type Act =
  | { do: "submit"; owner: number; onInterrupt: OnInterrupt }
  | { do: "change"; at: number; change: Change }
  | { do: "move"; at: number; position: number }
  | { do: "run-now"; at: number; requeue: boolean }
  | { do: "crash" };

const exit = (reason: RunExit["reason"], exitCode: number | null): RunExit => ({
  v: 1,
  attempt: 1,
  reason,
  exitCode,
  signal: null,
  text: "it ended",
  startedAtMs: 1,
  endedAtMs: 2,
});

const change: fc.Arbitrary<Change> = fc.constantFrom<Change>(
  { kind: "start" },
  { kind: "start" },
  { kind: "started", process: { pid: 7, startTicks: 8 } },
  { kind: "give-up", text: "held" },
  { kind: "pause" },
  { kind: "resume" },
  { kind: "hold", text: "a sample is taken" },
  { kind: "hold", text: "again" },
  { kind: "acknowledge" },
  { kind: "release" },
  { kind: "cancel", text: "enough" },
  { kind: "displace", text: "run now", requeue: false },
  { kind: "displace", text: "run now", requeue: true },
  { kind: "stop", text: "STOP was pressed" },
  { kind: "fail", text: "no interpreter" },
  { kind: "exited", exit: exit("exit", 0) },
  { kind: "exited", exit: exit("exit", 1) },
  { kind: "exited", exit: exit("wall", null) },
  { kind: "exited", exit: exit("unstarted", null) },
  { kind: "exited", exit: null },
  { kind: "ended" },
  { kind: "ended" },
);

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("submit" as const),
      owner: fc.integer({ min: 0, max: 2 }),
      onInterrupt: fc.constantFrom<OnInterrupt>("fail", "requeue", "resume"),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant("change" as const), at: fc.nat({ max: 9 }), change }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("move" as const),
      at: fc.nat({ max: 9 }),
      position: fc.integer({ min: -1, max: 8 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("run-now" as const),
      at: fc.nat({ max: 9 }),
      requeue: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const) }) },
);

const ALLOWED: Partial<Record<Change["kind"], readonly string[]>> = {
  pause: ["queued"],
  resume: ["paused"],
  hold: ["running"],
  acknowledge: ["holding"],
  release: ["holding"],
  displace: ["starting", "running", "holding"],
  cancel: ["queued", "paused", "starting", "running", "holding"],
};

const ACTIVE_LIMIT = 3;

class Model {
  waiting: string[] = [];
  running: string[] = [];
  ended = new Map<string, string>();
  displaced = new Set<string>();
  states = new Map<string, string>();
  owners = new Map<string, string>();

  constructor(readonly concurrency: number) {}

  active(owner: string): number {
    return [...this.owners].filter(([id, one]) => one === owner && !this.ended.has(id)).length;
  }
  /** People's words are taken exactly where they make sense, whatever else is going on. */
  changed(id: string, before: string, change: Change, taken: boolean): void {
    const from = ALLOWED[change.kind];
    if (from !== undefined) assert.equal(taken, from.includes(before), `${change.kind} of ${id}`);
  }
  /** The new state as the store says it; where it must stand follows. */
  moved(after: Experiment): void {
    const { id, state } = after;
    this.states.set(id, state);
    assert.equal(after.heldAtMs !== null, state === "holding", "held exactly while it holds");
    assert.equal(this.ended.has(id), false, "an ended experiment changed");
    const waited = this.waiting.includes(id);
    if (isWaiting(state) && !waited) {
      // A displaced one comes back behind what displaced it, any other to the front.
      const displaced = this.displaced.delete(id);
      this.waiting.splice(displaced ? 1 : 0, 0, id);
    }
    if (!isWaiting(state)) this.waiting = this.waiting.filter((one) => one !== id);
    if (holdsRun(state)) {
      if (!this.running.includes(id)) this.running.push(id);
      assert.ok(this.running.length <= this.concurrency, "more run than may");
    } else this.running = this.running.filter((one) => one !== id);
    if (isTerminal(state)) this.ended.set(id, state);
  }
}

async function play(acts: readonly Act[], concurrency: number): Promise<void> {
  const clock = new ManualClock();
  const kv = await Kv.open(":memory:", clock);
  try {
    let store = await ExperimentStore.open(kv, clock, concurrency);
    const model = new Model(concurrency);
    const ids: string[] = [];
    for (const one of acts) {
      const id = "at" in one ? ids[one.at % Math.max(1, ids.length)] : undefined;
      switch (one.do) {
        case "submit": {
          const owner = `user:${one.owner}`;
          const full = model.active(owner) >= ACTIVE_LIMIT;
          const added = await store.add(
            {
              id: newId(clock),
              title: "",
              owner,
              kind: "python",
              scriptSha256: "00",
              devices: [],
              limits: Limits.parse({}),
              endState: {},
              onInterrupt: one.onInterrupt,
              idempotencyKey: null,
            },
            { active: ACTIVE_LIMIT, waiting: 100 },
            owner,
          );
          assert.equal(added.ok, !full);
          if (!added.ok) break;
          ids.push(added.value.experiment.id);
          model.owners.set(added.value.experiment.id, owner);
          model.waiting.push(added.value.experiment.id);
          model.states.set(added.value.experiment.id, "queued");
          break;
        }
        case "change": {
          if (id === undefined) break;
          const before = model.states.get(id);
          const changed = await store.change(id, one.change, "system");
          model.changed(id, before!, one.change, changed.ok);
          if (changed.ok && one.change.kind === "displace" && one.change.requeue) {
            model.displaced.add(id);
          }
          if (changed.ok) model.moved(changed.value);
          else if (one.change.kind === "start" && model.running.length < concurrency) {
            assert.notEqual(changed.refusal.kind, "run-held");
          }
          break;
        }
        case "move": {
          if (id === undefined) break;
          const moved = await store.move(id, one.position, "system");
          assert.equal(moved.ok, model.waiting.includes(id));
          if (!moved.ok) break;
          model.waiting = model.waiting.filter((other) => other !== id);
          const index = Math.max(0, Math.min(model.waiting.length, one.position - 1));
          model.waiting.splice(index, 0, id);
          break;
        }
        case "run-now": {
          if (id === undefined) break;
          const { requeue } = one;
          // Nobody knows here which devices it wants: every run is in its way.
          const ends = model.running.filter((run) => model.states.get(run) !== "stopping");
          const begun = await runNow(store, id, { actor: "system", reason: "", requeue });
          assert.equal(begun.ok, model.waiting.includes(id));
          if (!begun.ok) break;
          assert.equal(begun.value.experiment.state, "queued", "a paused one is not run past");
          assert.deepEqual(begun.value.displaced.toSorted(), ends.toSorted());
          model.waiting = [id, ...model.waiting.filter((other) => other !== id)];
          model.states.set(id, "queued");
          for (const before of ends) {
            if (requeue) model.displaced.add(before);
            model.moved((await store.get(before))!);
            assert.equal(model.states.get(before), "stopping");
          }
          break;
        }
        case "crash":
          store = await ExperimentStore.open(kv, clock, concurrency);
      }
      await agree(kv, store, model);
    }
    await endAll(store, model);
    await agree(kv, store, model);
    assert.equal(await kv.get(runKey), null, "the run lease is free");
    for (const ended of ids) {
      const state = (await store.get(ended))!.state;
      assert.ok(isTerminal(state));
      assert.equal(state, model.ended.get(ended));
    }
  } finally {
    kv.close();
  }
}

/** What a runtime does with whatever is left: runs are lost, the rest is cancelled. */
async function endAll(store: ExperimentStore, model: Model): Promise<void> {
  for (let running = store.live.running(); running !== null; running = store.live.running()) {
    for (
      const last of [
        { kind: "cancel", text: "enough" },
        { kind: "exited", exit: null },
        { kind: "ended" },
      ] as const
    ) {
      const changed = await store.change(running.id, last, "system");
      if (changed.ok) model.moved(changed.value);
    }
  }
  for (const { id } of store.live.waiting()) {
    const cancelled = await store.change(id, { kind: "cancel", text: "enough" }, "system");
    assert.ok(cancelled.ok);
    model.moved(cancelled.value);
  }
}

async function agree(kv: Kv, store: ExperimentStore, model: Model): Promise<void> {
  assert.deepEqual(store.live.waiting().map((one) => one.id), model.waiting);
  model.waiting.forEach((id, index) => assert.equal(store.live.position(id), index + 1));
  assert.deepEqual(store.live.runs().map(({ id }) => id).sort(), model.running.toSorted());
  const leases = runLeasesOf(await kv.get(runKey));
  assert.deepEqual(leases.map(({ id }) => id), model.running);
  const stored: string[] = [];
  for await (const { key } of kv.list({ prefix: waitingPrefix })) stored.push(String(key.at(-1)));
  assert.deepEqual(stored, model.waiting);
  const order = await kv.get(orderKey) as { waiting: number } | null;
  assert.equal(order?.waiting ?? 0, model.waiting.length);
  for (const owner of new Set(model.owners.values())) {
    const count = await kv.get(activeKey(owner)) as { count: number } | null;
    assert.equal(count?.count ?? 0, model.active(owner));
  }
}

const long = Deno.env.get("HOLDFAST_LONG") === "1";
const runs = long ? 10_000 : 100;

for (const concurrency of [1, 2]) {
  Deno.test(`in ${runs} interleavings of people, scripts and power cuts with ${concurrency} at a time each experiment ends exactly once and the instrument is free`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { minLength: 5, maxLength: 40 }),
        (acts) => play(acts, concurrency),
      ),
      { numRuns: runs },
    );
  });
}
