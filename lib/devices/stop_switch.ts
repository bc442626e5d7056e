import type { Clock } from "../clock.ts";
import type { EventDraft } from "../events.ts";
import type { Log } from "../log.ts";
import type { Conditions } from "./conditions.ts";
import type { SafeReport, Safety } from "./safety.ts";
import type { DeviceStore, Stopped } from "./store.ts";
import type { AgentSupervisor } from "./supervisor.ts";

/** What STOP did. */
export interface StopReport {
  readonly devices: SafeReport[];
  /** Until the last actuator's outcome was known, milliseconds. */
  readonly totalMs: number;
  /** Whether the stop is stored, so that it outlives a restart. */
  readonly recorded: boolean;
}

export interface StopDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: DeviceStore;
  readonly safety: Safety;
  readonly conditions: Conditions;
  readonly agents: ReadonlyMap<string, AgentSupervisor>;
  /** Called when it is stopped, and when that is cleared. */
  readonly told: (stopped: Stopped | null) => void;
}

/** Whether the instrument is stopped: in memory at once, in the store for the next start. */
export class StopSwitch {
  #stopped: Stopped | null = null;
  /** How often STOP was pressed: a clearing counts only for the presses before it. */
  #presses = 0;
  #stopping: Promise<unknown> = Promise.resolve();

  constructor(private readonly deps: StopDeps) {}

  /** Takes over a stop that outlived a restart. @throws {KvUnavailable} */
  async load(): Promise<void> {
    this.#stopped = await this.deps.store.stopped();
  }

  get stopped(): Stopped | null {
    return this.#stopped;
  }

  /** As `Devices.stop`. */
  async press(actor: string, reason: string): Promise<StopReport> {
    const { clock, log, safety, conditions, agents } = this.deps;
    const startMs = clock.monotonicMs();
    this.#presses++;
    const first = this.#stopped === null;
    const stopped = this.#stopped ?? { sinceMs: clock.nowMs(), actor, reason };
    this.#stopped = stopped;
    for (const name of agents.keys()) safety.flush(name, null, { kind: "stopped", reason });
    const brought = Promise.all(
      [...agents.values()].map((agent) => safety.bring(agent, null, `stopped: ${reason}`, actor)),
    );
    const recorded = this.#record(stopped, actor, reason);
    this.#stopping = Promise.all([brought, recorded]);
    if (first) this.deps.told(stopped);
    const devices = (await brought).flat();
    const totalMs = clock.monotonicMs() - startMs;
    conditions.stopped(actor, reason);
    const failed = devices.filter(({ ok }) => !ok).map(({ deviceId }) => deviceId);
    log.warn("stopped", { actor, reason, totalMs: Math.round(totalMs), failed });
    return { devices, totalMs, recorded: await recorded };
  }

  /** The hardware does not wait for the disk, and a disk that fails does not keep it from stopping. */
  async #record(stopped: Stopped, actor: string, reason: string): Promise<boolean> {
    const event = instrumentEvent("stopped", actor, `stopped: ${reason}`);
    try {
      await this.deps.store.putStop(stopped, { ...event, data: { stopped } });
      return true;
    } catch (error) {
      this.deps.log.error("the stop could not be stored; it holds until the runtime ends", {
        error,
      });
      return false;
    }
  }

  /** As `Devices.clearStop`. */
  async clear(actor: string, reason: string): Promise<void> {
    if (reason.trim() === "") throw new RangeError("Clearing a stop needs a reason");
    const presses = this.#presses;
    await this.#stopping;
    if (this.#stopped === null) return;
    const event = instrumentEvent("stop_cleared", actor, `stop cleared: ${reason}`);
    await this.deps.store.clearStop(event, () => presses === this.#presses);
    if (presses !== this.#presses) return;
    this.#stopped = null;
    this.deps.conditions.stopCleared();
    this.deps.told(null);
  }
}

function instrumentEvent(what: string, actor: string, text: string): EventDraft {
  return { type: `instrument.${what}`, subject: "instrument", actor, text };
}
