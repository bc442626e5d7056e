import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../clock.ts";
import type { EventDraft } from "../events.ts";
import type { Log } from "../log.ts";
import type { InForce } from "./keys.ts";
import type { DeviceState } from "./model.ts";
import type { DeviceEntry } from "./registry.ts";
import type { CommandOutcome, DeviceStore, KeyedCommand } from "./store.ts";

/** A change of one device's state with the event that tells of it. */
export interface StateChange {
  readonly state: Partial<Omit<DeviceState, "deviceId" | "atMs">>;
  readonly event: Omit<EventDraft, "subject" | "data">;
  /** What is in force afterwards; `keep`: as before. Absent: nothing, where the setpoint is told anew. */
  readonly inForce?: InForce | "keep" | null;
  /** Written even when nothing but the time differs: a command was carried out. */
  readonly always?: boolean;
  readonly keyed?: { command: KeyedCommand; outcome: (state: DeviceState) => CommandOutcome };
}

/**
 * Changes states one after another for each device: stored with its event in one commit, then in memory,
 * then told to the listeners.
 */
export class States {
  constructor(
    private readonly store: DeviceStore,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly told: (entry: DeviceEntry) => void,
  ) {}

  /**
   * Resolves with the new state once it is durable. Hardware does not wait for the disk: when the store
   * fails, memory and listeners still get the truth.
   * @throws {KvUnavailable}
   */
  change(
    entry: DeviceEntry,
    decide: (before: DeviceState) => StateChange | null,
  ): Promise<DeviceState> {
    const work = entry.stored.then(() => this.#apply(entry, decide(entry.state)));
    entry.stored = work.then(() => {}, () => {});
    return work;
  }

  /** As `change`, for those who cannot do anything about a store that fails but log it. */
  async note(
    entry: DeviceEntry,
    decide: (before: DeviceState) => StateChange | null,
  ): Promise<void> {
    try {
      await this.change(entry, decide);
    } catch (error) {
      this.log.error("a device's state could not be stored", {
        device: entry.capability.deviceId,
        error,
      });
    }
  }

  async #apply(entry: DeviceEntry, change: StateChange | null): Promise<DeviceState> {
    if (change === null) return entry.state;
    const same = Object.entries(change.state).every(([name, value]) =>
      isDeepStrictEqual(entry.state[name as keyof DeviceState], value)
    );
    const inForce = inForceAfter(entry, change);
    if (same && !change.always && inForce === entry.inForce) return entry.state;
    const state = { ...entry.state, ...change.state, atMs: this.clock.nowMs() };
    const { deviceId } = entry.capability;
    const event = { ...change.event, subject: deviceId, data: { state } };
    const keyed = change.keyed === undefined
      ? undefined
      : { command: change.keyed.command, outcome: change.keyed.outcome(state) };
    try {
      await this.store.putState(state, inForce, event, keyed);
    } finally {
      entry.state = state;
      if (inForce !== entry.inForce) entry.lostAtMs = null;
      entry.inForce = inForce;
      this.told(entry);
    }
    return state;
  }
}

function inForceAfter(entry: DeviceEntry, { state, inForce }: StateChange): InForce | null {
  if (inForce === undefined) return "setpoint" in state ? null : entry.inForce;
  return inForce === "keep" ? entry.inForce : inForce;
}
