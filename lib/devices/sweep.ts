import type { Clock } from "../clock.ts";
import type { Conditions } from "./conditions.ts";
import { guardBroken } from "./guards.ts";
import type { DeviceEntry, Registry } from "./registry.ts";
import type { AgentSupervisor } from "./supervisor.ts";

export interface SweepDeps {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly agents: ReadonlyMap<string, AgentSupervisor>;
  readonly conditions: Conditions;
  tell(entry: DeviceEntry): void;
  safe(entry: DeviceEntry, reason: string): void;
}

const SWEEP_MS = 500;
/** Stale for this long beyond its three periods, a reading is an alarm. */
const ALARM_AFTER_MS = 10_000;

/** What only time changes: readings turn stale, guards with them, heartbeats are renewed. */
export class Sweep {
  readonly #alarmed = new Set<string>();
  #renewedMs = new Map<string, number>();
  #cancel: () => void = () => {};

  constructor(private readonly deps: SweepDeps) {}

  begin(): void {
    this.#cancel = this.deps.clock.timer(SWEEP_MS, () => {
      this.begin();
      this.#sweep();
    });
  }

  end(): void {
    this.#cancel();
  }

  #sweep(): void {
    const { registry, conditions, agents } = this.deps;
    for (const entry of registry.turnedStale()) this.deps.tell(entry);
    for (const entry of registry.all()) {
      if (!agents.get(entry.agent)!.live) continue;
      this.#alarm(entry, conditions);
      if (entry.state.safe) continue;
      const broken = guardBroken(registry, entry, null);
      if (broken !== null) this.deps.safe(entry, broken);
      else this.#renew(entry);
    }
  }

  /** Not at once: what an agent that hangs leaves stale is soon its own alarm, and so is an offline device. */
  #alarm(entry: DeviceEntry, conditions: Conditions): void {
    const { deviceId } = entry.capability;
    if (!this.deps.registry.hasStale(entry, ALARM_AFTER_MS)) this.#alarmed.delete(deviceId);
    else if (entry.state.status === "ready" && !this.#alarmed.has(deviceId)) {
      this.#alarmed.add(deviceId);
      conditions.stale(entry.capability);
    }
  }

  #renew({ agent, capability: { deviceId, heartbeatMs } }: DeviceEntry): void {
    if (heartbeatMs === undefined) return;
    const nowMs = this.deps.clock.monotonicMs();
    if (nowMs - (this.#renewedMs.get(deviceId) ?? -Infinity) < heartbeatMs / 3) return;
    this.#renewedMs.set(deviceId, nowMs);
    this.deps.agents.get(agent)!.notify("renew", { deviceIds: [deviceId] });
  }
}
