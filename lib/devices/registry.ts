import { z } from "zod";
import type { Clock } from "../clock.ts";
import { CommandQueue } from "./command_queue.ts";
import type { InForce } from "./keys.ts";
import type {
  Capability,
  Channel,
  CommandRefusal,
  DeviceState,
  DeviceView,
  Holder,
  Reading,
} from "./model.ts";

/** Readings older than this many periods are stale. */
const STALE_PERIODS = 3;

interface Latest {
  readonly reading: Reading;
  /** Monotonic, when it came; minus infinity once its source is gone. */
  atMs: number;
  /** The listeners have been told that it is stale. */
  told: boolean;
}

/** One device as the runtime knows it. */
export interface DeviceEntry {
  capability: Capability;
  readonly agent: string;
  state: DeviceState;
  /** What a run had carried out here and nothing has changed since. */
  inForce: InForce | null;
  /** When its agent's end undid that, monotonic; `unknown`: before this runtime; `null`: it stands. */
  lostAtMs: number | "unknown" | null;
  readonly latest: Map<string, Latest>;
  readonly queue: CommandQueue<DeviceState>;
  /** Checks of each operation's arguments, from its JSON Schema; `null` where only the agent can tell. */
  checks: Map<string, z.ZodType | null>;
  /** Ends when every change of state so far is stored. */
  stored: Promise<void>;
}

/** Every device by its id, with its latest readings. Knows no agent and no store. */
export class Registry {
  #entries = new Map<string, DeviceEntry>();

  constructor(private readonly clock: Clock, private readonly queueMax: number) {}

  get(deviceId: string): DeviceEntry | undefined {
    return this.#entries.get(deviceId);
  }

  all(): DeviceEntry[] {
    return [...this.#entries.values()];
  }

  of(agent: string): DeviceEntry[] {
    return this.all().filter((entry) => entry.agent === agent);
  }

  /**
   * Takes over what an agent says of its devices. Answers the ids that another agent has already: those
   * stay with it.
   */
  adopt(
    agent: string,
    capabilities: readonly Capability[],
    stateOf: (id: string) => { state: DeviceState; inForce: InForce | null },
  ): string[] {
    const taken: string[] = [];
    for (const capability of capabilities) {
      const { deviceId } = capability;
      const known = this.#entries.get(deviceId);
      const checks = new Map(capability.operations.map(({ op, args }) => [op, checkOf(args)]));
      if (known === undefined) {
        const stored = stateOf(deviceId);
        this.#entries.set(deviceId, {
          capability,
          agent,
          ...stored,
          lostAtMs: stored.inForce === null ? null : "unknown",
          latest: new Map(),
          queue: new CommandQueue(this.queueMax),
          checks,
          stored: Promise.resolve(),
        });
      } else if (known.agent === agent) {
        known.capability = capability;
        known.checks = checks;
      } else taken.push(deviceId);
    }
    return taken;
  }

  /** Forgets devices that their agent no longer has. */
  retain(agent: string, deviceIds: readonly string[]): void {
    for (const { capability: { deviceId } } of this.of(agent)) {
      if (!deviceIds.includes(deviceId)) this.#entries.delete(deviceId);
    }
  }

  /** What is wrong with an ask, or `null`. */
  refusal(
    entry: DeviceEntry,
    op: string,
    args: Record<string, unknown>,
  ): CommandRefusal | null {
    const { deviceId } = entry.capability;
    const check = entry.checks.get(op);
    if (check === undefined) {
      return { kind: "operation-unknown", deviceId, op, known: [...entry.checks.keys()] };
    }
    const parsed = check?.safeParse(args);
    if (parsed === undefined || parsed.success) return null;
    const errors = parsed.error.issues.map(({ path, message }) => ({
      path: path.map(String).join("."),
      message,
    }));
    return { kind: "invalid-args", deviceId, errors };
  }

  /** Keeps readings of the agent's own channels; answers those, and the devices that were stale until now. */
  take(agent: string, readings: readonly Reading[]): { kept: Reading[]; fresh: Set<DeviceEntry> } {
    const atMs = this.clock.monotonicMs();
    const kept: Reading[] = [];
    const fresh = new Set<DeviceEntry>();
    for (const reading of readings) {
      const entry = this.#entries.get(reading.deviceId);
      if (entry?.agent !== agent || channelOf(entry, reading.channel) === undefined) continue;
      if (entry.latest.get(reading.channel)?.told) fresh.add(entry);
      entry.latest.set(reading.channel, { reading, atMs, told: false });
      kept.push(reading);
    }
    return { kept, fresh };
  }

  /** Every reading of the agent's devices is stale from now on: who could renew it is gone. */
  expire(agent: string): void {
    for (const { latest } of this.of(agent)) {
      for (const one of latest.values()) one.atMs = -Infinity;
    }
  }

  /** Devices with a reading that has turned stale since this was last asked. */
  turnedStale(): Set<DeviceEntry> {
    const turned = new Set<DeviceEntry>();
    for (const entry of this.#entries.values()) {
      for (const [id, latest] of entry.latest) {
        if (latest.told || !this.#stale(channelOf(entry, id), latest)) continue;
        latest.told = true;
        turned.add(entry);
      }
    }
    return turned;
  }

  /** Whether any channel of the device is stale at this moment, and has been for `forMs`. */
  hasStale(entry: DeviceEntry, forMs = 0): boolean {
    return [...entry.latest].some(([id, latest]) =>
      this.#stale(channelOf(entry, id), latest, forMs)
    );
  }

  /** The latest reading as it counts at this moment: stale ones have lost their number. */
  reading(entry: DeviceEntry, channel: string): Reading | null {
    const latest = entry.latest.get(channel);
    if (latest === undefined) return null;
    if (!this.#stale(channelOf(entry, channel), latest)) return latest.reading;
    const { code: _, ...reading } = latest.reading;
    return { ...reading, value: null, quality: "stale" };
  }

  view(entry: DeviceEntry, holder: Holder | null): DeviceView {
    const readings = entry.capability.channels.flatMap(({ id }) => this.reading(entry, id) ?? []);
    return { capability: entry.capability, state: entry.state, readings, holder };
  }

  #stale(channel: Channel | undefined, { atMs }: Latest, forMs = 0): boolean {
    return channel === undefined ||
      this.clock.monotonicMs() - atMs > STALE_PERIODS * channel.periodMs + forMs;
  }
}

function channelOf(entry: DeviceEntry, id: string): Channel | undefined {
  return entry.capability.channels.find((channel) => channel.id === id);
}

function checkOf(args: Record<string, unknown>): z.ZodType | null {
  try {
    return z.fromJSONSchema(args as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    // A schema beyond what zod reads: the agent checks its arguments in any case.
    return null;
  }
}
