import assert from "node:assert/strict";
import fc from "fast-check";
import { ManualClock } from "../clock.ts";
import { newId } from "../ids.ts";
import { Kv } from "../kv.ts";
import { Locks, RunLeases } from "../locks/mod.ts";
import { type Experiment, Limits } from "./model.ts";
import { claimOf, devicesOf, type RunDevices } from "./run_deps.ts";
import { ExperimentStore } from "./store.ts";
import { actuator, NotingDevices } from "./test_rig.ts";
import { turnsOf } from "./turns.ts";

const NAMES = ["a", "b", "c", "d"];

/** What happens in a laboratory: submissions, ends, pauses, moves; `wants` empty: every actuator. */
type Act =
  | { do: "submit"; wants: string[] }
  | { do: "end"; at: number }
  | { do: "pause" | "resume"; at: number }
  | { do: "move"; at: number; position: number };

const at = fc.nat({ max: 9 });
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("submit" as const),
      wants: fc.subarray(NAMES, { minLength: 0, maxLength: 3 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("end" as const), at }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom("pause" as const, "resume" as const), at }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("move" as const),
      at,
      position: fc.integer({ min: 1, max: 6 }),
    }),
  },
);

class Lab {
  private constructor(
    readonly kv: Kv,
    readonly store: ExperimentStore,
    readonly locks: RunLeases,
    readonly devices: RunDevices,
    private readonly clock: ManualClock,
  ) {}

  static async open(concurrency: number): Promise<Lab> {
    const clock = new ManualClock();
    const kv = await Kv.open(":memory:", clock);
    const locks = new RunLeases(await Locks.open(kv, clock));
    const devices = new NotingDevices(kv, NAMES.map(actuator));
    return new Lab(kv, await ExperimentStore.open(kv, clock, concurrency), locks, devices, clock);
  }

  wants(one: Experiment): string[] {
    return devicesOf(one, this.devices);
  }
  meet(one: Experiment, other: Experiment): boolean {
    return this.wants(one).some((id) => this.wants(other).includes(id));
  }

  async submit(devices: string[]): Promise<void> {
    const draft = {
      id: newId(this.clock),
      title: "",
      owner: "user:anna",
      kind: "python" as const,
      scriptSha256: "00",
      devices,
      limits: Limits.parse({}),
      endState: {},
      onInterrupt: "fail" as const,
      idempotencyKey: null,
    };
    await this.store.add(draft, { active: 1000, waiting: 1000 }, "user:anna");
  }

  /** Starts whose turn it is, and checks that it is. */
  async look(): Promise<void> {
    const { live, concurrency } = this.store;
    const before = live.waiting().filter(({ state }) => state === "queued");
    const { start, next } = turnsOf(this, new Map());
    assert.ok(live.runs().length + start.length <= concurrency, "more start than may run");
    assert.ok(next === null || !start.includes(next));
    const starts = new Set(start);
    before.forEach((one, place) => {
      const earlier = [...live.runs(), ...before.slice(0, place)];
      const inWay = earlier.filter((other) => this.meet(one, other));
      if (starts.has(one)) {
        assert.deepEqual(inWay, [], "it passed one that waits for the same device, or met a run");
        if (concurrency === 1) assert.equal(place, 0, "one at a time nobody is passed");
      } else if (inWay.length === 0 && place === 0) {
        assert.equal(live.runs().length, concurrency, "nothing is in the way of the foremost");
      } else if (inWay.length === 0 && concurrency > 1) {
        assert.equal(live.runs().length + start.length, concurrency, "there was room for it");
      }
    });
    for (const one of start) {
      assert.ok((await this.store.change(one.id, { kind: "start" }, "system")).ok);
      const claim = claimOf(one, this.devices);
      await this.locks.reserve(claim);
      assert.ok((await this.locks.execute(claim, { asking: false })).ok, "its devices are free");
    }
  }

  async end(one: Experiment): Promise<void> {
    for (
      const change of [{ kind: "fail", text: "over" }, { kind: "ended" }] as const
    ) assert.ok((await this.store.change(one.id, change, "system")).ok);
    await this.locks.releaseAll(`experiment:${one.id}`, "over");
  }

  async play(one: Act): Promise<void> {
    const { live } = this.store;
    if (one.do === "submit") return await this.submit(one.wants);
    const from = one.do === "end" ? live.runs() : live.waiting();
    const found = from[one.at % Math.max(1, from.length)];
    if (found === undefined) return;
    if (one.do === "end") await this.end(found);
    else if (one.do === "move") await this.store.move(found.id, one.position, "user:anna");
    else await this.store.change(found.id, { kind: one.do }, "user:anna");
  }
}

const numRuns = Deno.env.get("HOLDFAST_LONG") === "1" ? 3000 : 60;

for (const concurrency of [1, 2, 3]) {
  Deno.test(`in ${numRuns} laboratories with ${concurrency} at a time nobody passes one that waits for the same device, and everybody gets a turn`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 40 }), async (acts) => {
        const lab = await Lab.open(concurrency);
        try {
          for (const one of acts) {
            await lab.play(one);
            await lab.look();
          }
          // One that wants everything stands at the end; others go on coming, and it still gets its turn.
          await lab.submit([]);
          const last = lab.store.live.waiting().at(-1)!;
          let turns = lab.store.live.waitingCount() + lab.store.live.runs().length + 1;
          while (lab.store.live.run(last.id) === null) {
            assert.ok(turns-- > 0, "one that wants everything never gets its turn");
            const [running] = lab.store.live.runs();
            if (running !== undefined) await lab.end(running);
            for (const { id, state } of lab.store.live.waiting()) {
              if (state === "paused") await lab.store.change(id, { kind: "resume" }, "system");
            }
            await lab.submit(["a"]);
            await lab.look();
          }
        } finally {
          await lab.kv.close();
        }
      }),
      { numRuns },
    );
  });
}
