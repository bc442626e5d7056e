import type { Clock } from "../clock.ts";
import type { Kv } from "../kv.ts";
import type { Log } from "../log.ts";
import type { Result } from "../result.ts";
import { AgentEvents, SYSTEM } from "./agent_events.ts";
import type { AgentSpec, Spawn } from "./child.ts";
import { type CommandAsk, type CommandGate, Commands } from "./commands.ts";
import { type AlarmSink, Conditions } from "./conditions.ts";
import { EndStates } from "./end_states.ts";
import { guardBroken } from "./guards.ts";
import { Listeners } from "./listeners.ts";
import { LostSetpoints } from "./lost_setpoints.ts";
import type { AgentStatus, CommandRefusal, DeviceState, DeviceView, Reading } from "./model.ts";
import { type DeviceEntry, Registry } from "./registry.ts";
import { type SafeReport, Safety } from "./safety.ts";
import { simulate, type SimulatorRefusal } from "./simulators.ts";
import { States } from "./states.ts";
import { type StopReport, StopSwitch } from "./stop_switch.ts";
import { DeviceStore, type Stopped } from "./store.ts";
import { AgentSupervisor } from "./supervisor.ts";
import type { SupervisorLimits } from "./supervisor_limits.ts";
import { Sweep } from "./sweep.ts";

export interface DevicesOptions {
  readonly agents: readonly AgentSpec[];
  readonly kv: Kv;
  readonly clock: Clock;
  readonly log: Log;
  readonly gate: CommandGate;
  readonly alarms?: AlarmSink;
  readonly supervisor?: Partial<SupervisorLimits>;
  /** Default: child processes. */
  readonly spawn?: Spawn;
  readonly random?: () => number;
}

/** Commands that may wait for one device. */
const QUEUE_MAX = 32;

/**
 * The instrument's devices: their agents, states, readings, commands and safe states. Roles are checked at
 * the HTTP door; leases by the gate; fences by the agents; the stop by everything here.
 */
export class Devices {
  readonly #agents = new Map<string, AgentSupervisor>();
  readonly #registry: Registry;
  readonly #conditions: Conditions;
  readonly #safety: Safety;
  readonly #commands: Commands;
  readonly #endStates: EndStates;
  readonly #stop: StopSwitch;
  readonly #events: AgentEvents;
  readonly #setpoints: LostSetpoints;
  readonly #sweep: Sweep;
  readonly #stateListeners: Listeners<DeviceView>;
  readonly #readingListeners: Listeners<Reading[]>;
  readonly #stopListeners: Listeners<Stopped | null>;
  readonly #returnListeners: Listeners<string>;
  #closing: Promise<void> | null = null;

  private constructor(
    private readonly options: DevicesOptions,
    private readonly store: DeviceStore,
  ) {
    const { clock, log, gate } = options;
    this.#stateListeners = new Listeners(log);
    this.#readingListeners = new Listeners(log);
    this.#stopListeners = new Listeners(log);
    this.#returnListeners = new Listeners(log);
    const agents = this.#agents;
    const registry = this.#registry = new Registry(clock, QUEUE_MAX);
    const conditions = this.#conditions = new Conditions(options.alarms, log);
    const tell = (entry: DeviceEntry) => this.#stateListeners.tell(this.#view(entry));
    const readings = (agent: string, some: readonly Reading[]) => this.#take(agent, some);
    const stopped = () => this.#stop.stopped;
    const states = new States(store, clock, log, tell);
    const safety = this.#safety = new Safety({ clock, log, registry, states });
    const commands = this.#commands = new Commands({
      clock,
      registry,
      store,
      states,
      gate,
      readings,
      stopped,
      agent: (entry) => agents.get(entry.agent)!,
      closing: () => this.#closing !== null,
      guardBroken: (entry, args) => guardBroken(registry, entry, args),
      unrecorded: async (entry) => {
        await this.#endStates.safe([entry], "its command could not be recorded", SYSTEM);
      },
    });
    this.#endStates = new EndStates({ clock, registry, commands, safety, agents, stopped });
    this.#stop = new StopSwitch({
      clock,
      log,
      store,
      safety,
      conditions,
      agents,
      told: (now) => this.#stopListeners.tell(now),
    });
    this.#events = new AgentEvents({
      clock,
      log,
      registry,
      states,
      store,
      safety,
      conditions,
      readings,
      tell,
      returned: (agent) => this.#returnListeners.tell(agent),
    });
    this.#setpoints = new LostSetpoints({ clock, registry, states, commands });
    this.#sweep = new Sweep({
      clock,
      registry,
      agents,
      conditions,
      tell,
      safe: (entry, reason) => void this.#endStates.safe([entry], reason, SYSTEM),
    });
  }

  /**
   * Opens the devices: what is stored is loaded, then every agent is started and brings its devices to
   * safe. Does not wait for the agents: `ready` does.
   * @throws {KvUnavailable}
   */
  static async open(options: DevicesOptions): Promise<Devices> {
    const store = await DeviceStore.open(options.kv, options.clock);
    const devices = new Devices(options, store);
    await devices.#begin();
    return devices;
  }

  async #begin(): Promise<void> {
    const { agents, clock, log, gate, supervisor, spawn, random } = this.options;
    await this.#stop.load();
    await this.#events.load();
    const options = {
      clock,
      log,
      fences: () => gate.fences(),
      ...(supervisor === undefined ? {} : { limits: supervisor }),
      ...(spawn === undefined ? {} : { spawn }),
      ...(random === undefined ? {} : { random }),
    };
    for (const spec of agents) {
      const { name } = spec;
      if (this.#agents.has(name)) throw new RangeError(`Two agents are called "${name}"`);
      this.#events.adopt(name, await this.store.capabilities(name));
      const agent = new AgentSupervisor(spec, options, {
        started: (answer) => this.#events.started(name, answer),
        notice: (notice) => this.#events.notice(name, notice),
        down: (reason) => this.#events.down(name, reason),
      });
      this.#agents.set(name, agent);
    }
    for (const agent of this.#agents.values()) agent.begin();
    this.#sweep.begin();
  }

  /** Resolves when every agent has started, or has failed to for the first time. */
  async ready(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.ready()));
    await this.#settledStates();
  }

  list(): DeviceView[] {
    return this.#registry.all().map((entry) => this.#view(entry));
  }

  view(deviceId: string): DeviceView | null {
    const entry = this.#registry.get(deviceId);
    return entry === undefined ? null : this.#view(entry);
  }

  agents(): AgentStatus[] {
    return [...this.#agents.values()].map((agent) => agent.status());
  }

  /**
   * Drives a device and resolves with its new state once the hardware has answered and the record is
   * stored. @throws {KvUnavailable} when it could not be recorded; the device was then brought to safe.
   */
  command(ask: CommandAsk): Promise<Result<DeviceState, CommandRefusal>> {
    return this.#commands.command(ask);
  }

  /**
   * Everything to safe, now, whoever holds it: what waits is refused, what runs is given up, a hanging
   * agent is killed. Until `clearStop` every command is refused, over restarts too. Never throws.
   */
  stop(actor: string, reason: string): Promise<StopReport> {
    return this.#stop.press(actor, reason);
  }

  /**
   * Lets commands through again; nothing moves by itself. A stop pressed meanwhile wins.
   * @throws {RangeError} without a reason @throws {KvUnavailable}
   */
  clearStop(actor: string, reason: string): Promise<void> {
    return this.#stop.clear(actor, reason);
  }

  /** Who stopped the instrument, when and why, or `null` when it is not stopped. */
  stopped(): Stopped | null {
    return this.#stop.stopped;
  }

  /**
   * Brings devices to end states, as the runtime itself: no lease is asked for. `"safe"` or arguments of
   * `set`; what cannot be set goes to safe, and so does everything while the instrument is stopped. What
   * waits for these devices is refused.
   */
  bring(
    states: Readonly<Record<string, Record<string, unknown> | "safe">>,
    actor: string,
    reason: string,
  ): Promise<SafeReport[]> {
    return this.#endStates.bring(states, actor, reason);
  }

  /** What runs had set and the end of an agent or of the runtime undid: to be restored or given up. */
  get lostSetpoints(): LostSetpoints {
    return this.#setpoints;
  }

  /** A holder has lost its lease: its devices go to safe before anybody else drives them. */
  leaseLost(deviceIds: readonly string[], actor: string): Promise<SafeReport[]> {
    const states = Object.fromEntries(deviceIds.map((id) => [id, "safe" as const]));
    return this.bring(states, SYSTEM, `${actor} lost its lease`);
  }

  /** Readings as they come, good and bad; stale ones come through `onState`. Listeners must not wait. */
  onReadings(listener: (readings: Reading[]) => void): () => void {
    return this.#readingListeners.add(listener);
  }

  /** The whole device after each change of its state, and when a reading turns stale or fresh again. */
  onState(listener: (view: DeviceView) => void): () => void {
    return this.#stateListeners.add(listener);
  }

  /** An agent, by its name, has started once more, with its devices in their safe state. */
  onReturn(listener: (agent: string) => void): () => void {
    return this.#returnListeners.add(listener);
  }

  /** When the instrument is stopped, before its devices have arrived at safe, and when a stop is cleared. */
  onStop(listener: (stopped: Stopped | null) => void): () => void {
    return this.#stopListeners.add(listener);
  }

  /**
   * Asks every simulator that answers `method` (`fault`, `faults`, `clear-faults`, `time-scale`), or the one
   * that has `deviceId`; resolves with their answers.
   */
  simulate(
    method: string,
    params: Record<string, unknown>,
    deviceId?: string,
  ): Promise<Result<Record<string, unknown>[], SimulatorRefusal>> {
    return simulate(this.#agents.values(), this.#registry, method, params, deviceId);
  }

  /** Brings everything to safe, records it, ends the agents. Twice is harmless. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#sweep.end();
    const agents = [...this.#agents.values()];
    await Promise.all(agents.map(async (agent) => {
      const text = "The runtime is ending";
      for (const entry of this.#registry.of(agent.spec.name)) {
        entry.queue.flush({ kind: "offline", deviceId: entry.capability.deviceId, text });
      }
      if (agent.live) {
        await this.#safety.bring(agent, null, "the runtime ends", SYSTEM, true);
      }
      await agent.close();
    }));
    await this.#settledStates();
  }

  async #settledStates(): Promise<void> {
    await Promise.all(this.#registry.all().map((entry) => entry.stored));
  }

  #take(agent: string, readings: readonly Reading[]): void {
    const { kept, fresh } = this.#registry.take(agent, readings);
    if (kept.length > 0) this.#readingListeners.tell(kept);
    for (const entry of fresh) {
      if (!this.#registry.hasStale(entry)) this.#conditions.fresh(entry.capability);
      this.#stateListeners.tell(this.#view(entry));
    }
  }

  #view(entry: DeviceEntry): DeviceView {
    const view = this.#registry.view(
      entry,
      this.options.gate.holder(entry.capability.deviceId),
    );
    const agent = this.#agents.get(entry.agent)!;
    const { state, restarts, lastError } = agent.status();
    if (state === "ready" || state === "ended") return view;
    // What is stored is what was true when the agent last spoke; now nobody knows.
    const first = state === "starting" && restarts === 0;
    const status = first ? "unknown" as const : "offline" as const;
    const actuator = entry.capability.kind === "actuator" ? { readback: null, safe: false } : {};
    const why = lastError === null ? {} : {
      lastError: { code: "agent_down", ...lastError, text: `Its agent ended: ${lastError.text}` },
    };
    return { ...view, state: { ...view.state, status, ...actuator, ...why } };
  }
}
