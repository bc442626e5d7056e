import type { Clock } from "../clock.ts";
import { refuse } from "../result.ts";
import { SYSTEM } from "./agent_events.ts";
import type { Commands } from "./commands.ts";
import type { InForce } from "./keys.ts";
import type { Registry } from "./registry.ts";
import type { States } from "./states.ts";
import type { CommandOutcome } from "./store.ts";

/** What a run had set on a device and is not in force any more, though nobody asked for that. */
export interface LostSetpoint extends InForce {
  readonly deviceId: string;
  /** How long ago it was lost; `null`: before this runtime began. */
  readonly lostForMs: number | null;
}

/**
 * Setpoints of runs that the end of an agent or of the runtime undid. Durable; forgotten as soon as anything
 * else moves the device: another command, an end or hold state, STOP, a guard, a lost lease, a heartbeat.
 * Who may have them back, and until when, is decided by whoever knows the run.
 */
export class LostSetpoints {
  constructor(
    private readonly deps: {
      readonly clock: Clock;
      readonly registry: Registry;
      readonly states: States;
      readonly commands: Commands;
    },
  ) {}

  list(): LostSetpoint[] {
    return this.deps.registry.all().flatMap(({ capability: { deviceId }, inForce, lostAtMs }) => {
      if (inForce === null || lostAtMs === null) return [];
      const lostForMs = lostAtMs === "unknown" ? null : this.deps.clock.monotonicMs() - lostAtMs;
      return [{ deviceId, ...inForce, lostForMs }];
    });
  }

  /**
   * Sets it once more, through the gate and under the fence it was set with.
   * @throws {KvUnavailable} when that could not be recorded; the device was then brought to safe
   */
  restore(deviceId: string): Promise<CommandOutcome> {
    const entry = this.deps.registry.get(deviceId);
    return entry === undefined
      ? Promise.resolve(refuse({ kind: "device-unknown", deviceId }))
      : this.deps.commands.restore(entry);
  }

  /** It is not wanted back, and the event says why. */
  async giveUp(deviceId: string, reason: string): Promise<void> {
    const entry = this.deps.registry.get(deviceId);
    if (entry === undefined || entry.inForce === null || entry.lostAtMs === null) return;
    const { op, args } = entry.inForce;
    await this.deps.states.note(entry, () => ({
      state: {},
      inForce: null,
      event: {
        type: "device.not_restored",
        actor: SYSTEM,
        text: `${op} ${JSON.stringify(args)} is not restored: ${reason}`.slice(0, 500),
      },
    }));
  }
}
