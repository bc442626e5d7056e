import type { Clock } from "../clock.ts";
import type { Commands } from "./commands.ts";
import { describeRefusal } from "./problems.ts";
import type { DeviceEntry, Registry } from "./registry.ts";
import type { SafeReport, Safety } from "./safety.ts";
import type { Stopped } from "./store.ts";
import type { AgentSupervisor } from "./supervisor.ts";

export interface EndStateDeps {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly commands: Commands;
  readonly safety: Safety;
  readonly agents: ReadonlyMap<string, AgentSupervisor>;
  stopped(): Stopped | null;
}

/** Brings devices where they shall stand when nobody drives them any more. */
export class EndStates {
  constructor(private readonly deps: EndStateDeps) {}

  /** As `Devices.bring`. */
  async bring(
    states: Readonly<Record<string, Record<string, unknown> | "safe">>,
    actor: string,
    reason: string,
  ): Promise<SafeReport[]> {
    const unknown: SafeReport[] = [];
    const safe: DeviceEntry[] = [];
    const set: [DeviceEntry, Record<string, unknown>][] = [];
    for (const [deviceId, state] of Object.entries(states)) {
      const entry = this.deps.registry.get(deviceId);
      if (entry === undefined) {
        unknown.push({ deviceId, ok: false, ms: 0, error: `There is no device "${deviceId}"` });
        continue;
      }
      entry.queue.flush({ kind: "fault", deviceId, code: "superseded", text: reason });
      if (state === "safe" || this.deps.stopped() !== null) safe.push(entry);
      else set.push([entry, state]);
    }
    const reports = await Promise.all([
      this.safe(safe, reason, actor),
      ...set.map(([entry, args]) => this.#set(entry, args, reason, actor)),
    ]);
    return [...unknown, ...reports.flat()];
  }

  /** Each agent brings its own of these devices to safe, all agents at once. */
  async safe(
    entries: readonly DeviceEntry[],
    reason: string,
    actor: string,
  ): Promise<SafeReport[]> {
    const byAgent = Map.groupBy(entries, ({ agent }) => agent);
    const reports = await Promise.all([...byAgent].map(([name, own]) => {
      const deviceIds = own.map(({ capability: { deviceId } }) => deviceId);
      return this.deps.safety.bring(this.deps.agents.get(name)!, deviceIds, reason, actor);
    }));
    return reports.flat();
  }

  async #set(
    entry: DeviceEntry,
    args: Record<string, unknown>,
    reason: string,
    actor: string,
  ): Promise<SafeReport[]> {
    const { deviceId } = entry.capability;
    const startMs = this.deps.clock.monotonicMs();
    const failed = await this.#failure(deviceId, args, actor);
    if (failed === null) {
      return [{ deviceId, ok: true, ms: this.deps.clock.monotonicMs() - startMs }];
    }
    const reports = await this.safe([entry], `${reason}; end state refused`, actor);
    return reports.map((report) => ({ ...report, ok: false, error: failed }));
  }

  /** Why it could not be set, or `null`. */
  async #failure(
    deviceId: string,
    args: Record<string, unknown>,
    actor: string,
  ): Promise<string | null> {
    try {
      const outcome = await this.deps.commands.ungated({ deviceId, op: "set", args, actor });
      return outcome.ok ? null : `End state refused: ${describeRefusal(outcome.refusal)}`;
    } catch (error) {
      return `End state not recorded: ${error instanceof Error ? error.message : error}`;
    }
  }
}
