import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Conditions } from "./conditions.ts";
import type { Capability, DeviceState, Reading } from "./model.ts";
import type { DeviceEntry, Registry } from "./registry.ts";
import type { Safety } from "./safety.ts";
import type { States } from "./states.ts";
import type { DeviceStore } from "./store.ts";
import type { DeviceOutcome, Notice, StartAnswer } from "./wire.ts";

/** Who acts when nobody asked: the runtime itself. */
export const SYSTEM = "system";

export interface AgentEventDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  readonly states: States;
  readonly store: DeviceStore;
  readonly safety: Safety;
  readonly conditions: Conditions;
  readings(agent: string, readings: readonly Reading[]): void;
  /** An agent has started, and how its devices stand is stored. */
  returned(agent: string): void;
  /** Tells the listeners how the device stands. */
  tell(entry: DeviceEntry): void;
}

/** What an agent tells unasked, turned into states, events and alarms. */
export class AgentEvents {
  #stored: Awaited<ReturnType<DeviceStore["states"]>> = new Map();
  /** Why an agent last ended without having started since: dying again of the same is no news. */
  readonly #ended = new Map<string, string>();

  constructor(private readonly deps: AgentEventDeps) {}

  /** Takes over the states of before the last restart. @throws {KvUnavailable} */
  async load(): Promise<void> {
    this.#stored = await this.deps.store.states();
  }

  /** Takes over what an agent has said of its devices, now or before the last restart. */
  adopt(agent: string, capabilities: readonly Capability[]): void {
    const taken = this.deps.registry.adopt(
      agent,
      capabilities,
      (deviceId) =>
        this.#stored.get(deviceId) ??
          { state: unknownState(deviceId, this.deps.clock.nowMs()), inForce: null },
    );
    for (const deviceId of taken) {
      this.deps.log.error("another agent has a device of that name; it is left out", {
        agent,
        device: deviceId,
      });
    }
  }

  started(agent: string, { devices, outcomes }: StartAnswer): void {
    this.#ended.delete(agent);
    this.adopt(agent, devices);
    this.deps.safety.started(agent, outcomes);
    this.deps.registry.retain(agent, devices.map(({ deviceId }) => deviceId));
    this.deps.store.putCapabilities(agent, devices).catch((error) =>
      this.deps.log.error("the devices of an agent could not be stored", { agent, error })
    );
    for (const outcome of outcomes) this.#startedDevice(agent, outcome);
    this.deps.conditions.agentUp(agent);
    Promise.all(this.deps.registry.of(agent).map((entry) => entry.stored)).then(() =>
      this.deps.returned(agent)
    );
  }

  #startedDevice(agent: string, outcome: DeviceOutcome): void {
    const { deviceId, ok, setpoint, readback, safe } = outcome;
    const entry = this.deps.registry.get(deviceId);
    if (entry?.agent !== agent) return;
    const error = outcome.error ?? { code: "no_start", text: "It did not start" };
    const before = entry.state;
    const was = away(entry) ? `; was ${JSON.stringify(before.setpoint)} by ${before.actor}` : "";
    const ready = entry.capability.kind === "actuator" ? "ready, safe at start" : "ready";
    const lastError = ok ? null : { ...error, atMs: this.deps.clock.nowMs() };
    const text = `${ok ? ready : `did not start: ${error.text}`}${was}`;
    this.deps.states.note(entry, () => ({
      state: ok
        ? { status: "ready", setpoint, readback, safe, actor: SYSTEM, lastError }
        : { status: "offline", setpoint, readback, safe, lastError },
      // What a run had set is not in force any more, and yet it may be wanted again.
      inForce: "keep" as const,
      event: { type: "device.status", actor: SYSTEM, text },
    })).then(() => {
      // What is stored has not changed, and yet it counts again.
      if (entry.state === before) this.deps.tell(entry);
    });
    if (ok) this.deps.conditions.deviceWorks(entry.capability);
    else this.deps.conditions.deviceBroken(entry.capability, error.text);
  }

  notice(agent: string, notice: Exclude<Notice, { method: "hello" }>): void {
    if (notice.method === "readings") {
      return this.deps.readings(agent, notice.params.readings);
    }
    const entry = this.deps.registry.get(notice.params.deviceId);
    if (entry?.agent !== agent) return;
    if (notice.method === "state") {
      const { setpoint, readback, safe, reason } = notice.params;
      void this.deps.states.note(entry, () => ({
        state: { setpoint, readback, safe, actor: SYSTEM },
        event: {
          type: safe ? "device.safe" : "device.changed",
          actor: SYSTEM,
          text: safe ? `brought to its safe state: ${reason}` : reason,
        },
      }));
    } else this.#deviceStatus(entry, notice.params);
  }

  #deviceStatus(
    entry: DeviceEntry,
    { status, code = status, text = code }: {
      status: "ready" | "offline" | "fault";
      code?: string;
      text?: string;
    },
  ): void {
    const lastError = { code, text, atMs: this.deps.clock.nowMs() };
    void this.deps.states.note(entry, ({ status: before }) =>
      before === status ? null : {
        state: status === "ready" ? { status } : { status, lastError },
        event: {
          type: "device.status",
          actor: SYSTEM,
          text: status === "ready" ? "ready" : `${status}: ${text}`,
        },
      });
    if (status === "ready") this.deps.conditions.deviceWorks(entry.capability);
    else this.deps.conditions.deviceBroken(entry.capability, text);
  }

  down(agent: string, reason: string): void {
    const lastError = {
      code: "agent_down",
      text: `Its agent ended: ${reason}`,
      atMs: this.deps.clock.nowMs(),
    };
    const names: string[] = [];
    this.deps.registry.expire(agent);
    for (const entry of this.deps.registry.of(agent)) {
      const { deviceId, label } = entry.capability;
      names.push(label);
      if (entry.inForce !== null) entry.lostAtMs ??= this.deps.clock.monotonicMs();
      entry.queue.flush({ kind: "offline", deviceId, text: lastError.text });
      if (!away(entry)) {
        // Nothing to record but that nobody answers for it, which the end of the agent says.
        this.deps.tell(entry);
        continue;
      }
      // Nobody knows where it stands until a new agent has brought it to safe.
      void this.deps.states.note(entry, () => ({
        state: { status: "offline", lastError, readback: null, safe: false },
        event: {
          type: "device.status",
          actor: SYSTEM,
          text: `offline: its agent ended: ${reason}`,
        },
      }));
    }
    if (this.#ended.get(agent) !== reason) this.#noteEnd(agent, reason);
    this.#ended.set(agent, reason);
    this.deps.conditions.agentDown(agent, reason, names);
  }

  #noteEnd(agent: string, reason: string): void {
    const event = {
      type: "agent.ended",
      subject: agent,
      actor: SYSTEM,
      text: `ended: ${reason}`,
    };
    this.deps.store.event(event).catch((error) =>
      this.deps.log.error("the end of an agent could not be stored", { agent, error })
    );
  }
}

/** Whether an actuator was last told to be elsewhere than in its safe state. */
function away({ capability, state }: DeviceEntry): boolean {
  return capability.kind === "actuator" && state.setpoint !== null &&
    !isDeepStrictEqual(state.setpoint, capability.safeState);
}

function unknownState(deviceId: string, atMs: number): DeviceState {
  return {
    deviceId,
    status: "unknown",
    setpoint: null,
    readback: null,
    safe: false,
    actor: SYSTEM,
    atMs,
    lastError: null,
  };
}
