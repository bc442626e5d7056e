import { ManualClock } from "../../lib/clock.ts";
import {
  type CommandGate,
  Devices,
  type DevicesOptions,
  type Holder,
} from "../../lib/devices/mod.ts";
import { HoldfastEvent } from "../../lib/events.ts";
import { Kv } from "../../lib/kv.ts";
import { accept, refuse } from "../../lib/result.ts";
import { rowsOf } from "../../lib/rows.ts";
import { InProcessAgents, type MakeAgent } from "./in_process.ts";
import { keptLog } from "./watched.ts";

/** Leases that a test hands out: the rule of `lib/locks`, without its store. */
export class TestGate implements CommandGate {
  readonly holders = new Map<string, Holder>();
  readonly #fences = new Map<string, number>();

  grant(deviceId: string, actor: string): void {
    this.holders.set(deviceId, { actor, label: actor, sinceMs: 0, expiresAtMs: null });
    this.#fences.set(deviceId, (this.#fences.get(deviceId) ?? 0) + 1);
  }
  check(deviceId: string, actor: string) {
    const holder = this.holders.get(deviceId);
    if (holder !== undefined && holder.actor !== actor) {
      return refuse({ kind: "held" as const, deviceId, holder });
    }
    return accept(this.#fences.get(deviceId) ?? 0);
  }
  holder(deviceId: string): Holder | null {
    return this.holders.get(deviceId) ?? null;
  }
  fences(): Record<string, number> {
    return Object.fromEntries(this.#fences);
  }
}

/** Alarms now raised. */
export class TestAlarms {
  readonly active = new Set<string>();
  raise({ id }: { id: string }): Promise<void> {
    this.active.add(id);
    return Promise.resolve();
  }
  clear(id: string): Promise<void> {
    this.active.delete(id);
    return Promise.resolve();
  }
}

/** Devices over agents in this process, a real store and a clock that the test moves. */
export class Rig implements AsyncDisposable {
  readonly log = keptLog();
  devices!: Devices;

  private constructor(
    readonly clock: ManualClock,
    readonly kv: Kv,
    readonly agents: InProcessAgents,
    readonly gate: TestGate,
    readonly alarms: TestAlarms,
    private readonly options: Partial<DevicesOptions>,
  ) {}

  static async open(
    make: Readonly<Record<string, MakeAgent>>,
    options: Partial<DevicesOptions> = {},
  ): Promise<Rig> {
    const clock = new ManualClock();
    const kv = options.kv ?? await Kv.open(":memory:", clock);
    const agents = new InProcessAgents(clock, make);
    const rig = new Rig(clock, kv, agents, new TestGate(), new TestAlarms(), options);
    await rig.begin();
    return rig;
  }

  /** Opens the devices, again after `devices.close()`, on the same store and hardware. */
  async begin(): Promise<void> {
    const { clock, kv, agents, gate, alarms, log } = this;
    this.devices = await Devices.open({
      agents: agents.specs,
      kv,
      clock,
      log,
      gate,
      alarms,
      spawn: agents.spawn,
      random: () => 1,
      ...this.options,
    });
    await this.settle(this.devices.ready());
  }

  /** Moves the clock on until `promise` settles, at most `ms`. */
  async settle<T>(promise: Promise<T>, ms = 20_000): Promise<T> {
    let settled = false;
    const done = () => void (settled = true);
    promise.then(done, done);
    await this.#quiet();
    for (let passed = 0, step = 10; !settled; passed += step) {
      if (passed > ms) throw new Error(`still waiting after ${ms} ms`);
      if (passed >= 200) step = 100;
      await this.pass(step);
    }
    return await promise;
  }

  /** Moves the clock on, with the store keeping up. */
  async pass(ms: number): Promise<void> {
    await this.#quiet();
    for (let left = ms; left > 0; left -= 100) {
      await this.clock.advance(Math.min(100, left));
      await this.#quiet();
    }
  }

  /** The store works in real time: lets it finish what it was asked before the clock moves on. */
  async #quiet(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      await this.clock.advance(0);
      try {
        await this.kv.transact([], () => refuse(null));
        await this.kv.get(["none"]);
      } catch {
        // Closed by the test: nothing to wait for.
      }
    }
    await this.clock.advance(0);
  }

  set(deviceId: string, duty: unknown, actor = "user:anna", more: Record<string, unknown> = {}) {
    return this.devices.command({ deviceId, op: "set", args: { duty }, actor, ...more });
  }

  async events(...types: string[]): Promise<HoldfastEvent[]> {
    const events: HoldfastEvent[] = [];
    for await (const { value } of this.kv.list({ prefix: ["event"] })) {
      for (const event of rowsOf(value).map((row) => HoldfastEvent.parse(row))) {
        if (types.length === 0 || types.includes(event.type)) events.push(event);
      }
    }
    return events;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settle(this.devices.close());
    await this.kv.close();
  }
}
