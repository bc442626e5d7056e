import type { Clock } from "../clock.ts";
import type { EventDraft } from "../events.ts";
import type { Kv } from "../kv.ts";
import type { Log } from "../log.ts";
import { accept, refuse, type Result } from "../result.ts";
import { AgentError, argErrors, resultOf } from "./agent_process.ts";
import type { AgentSpec, Spawn } from "./child.ts";
import { type CommandAsk, type CommandGate, Commands } from "./commands.ts";
import { guardBroken } from "./guards.ts";
import { describeRefusal } from "./problems.ts";
import type {
  AgentStatus,
  Capability,
  CommandRefusal,
  DeviceState,
  DeviceView,
  Reading,
} from "./model.ts";
import { type DeviceEntry, Registry } from "./registry.ts";
import { type SafeReport, Safety } from "./safety.ts";
import { States } from "./states.ts";
import { DeviceStore, type Stopped } from "./store.ts";
import { AgentSupervisor, type SupervisorLimits } from "./supervisor.ts";
import type { DeviceOutcome, Notice, StartAnswer } from "./wire.ts";

/** Where abnormal conditions go; `lib/alarms` satisfies it. */
export interface AlarmSink {
  raise(alarm: {
    id: string;
    severity: "warning" | "critical";
    subject: string;
    title: string;
    text: string;
  }): Promise<void>;
  clear(id: string): Promise<void>;
}

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

/** What STOP did. */
export interface StopReport {
  readonly devices: SafeReport[];
  /** Until the last actuator's outcome was known, milliseconds. */
  readonly totalMs: number;
  /** Whether the stop is stored, so that it outlives a restart. */
  readonly recorded: boolean;
}

export type SimulatorRefusal =
  | { kind: "no-simulator"; method: string }
  | { kind: "device-unknown"; deviceId: string }
  | { kind: "offline"; agent: string; text: string }
  | { kind: "invalid"; errors: { path: string; message: string }[] };

/** Commands that may wait for one device. */
const QUEUE_MAX = 32;
const SWEEP_MS = 500;
const SIMULATOR_DEADLINE_MS = 5000;
const SYSTEM = "system";

/**
 * The instrument's devices: their agents, states, readings, commands and safe states. Roles are checked at
 * the HTTP door; leases by the gate; fences by the agents; the stop by everything here.
 */
export class Devices {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #registry: Registry;
  readonly #states: States;
  readonly #commands: Commands;
  readonly #safety: Safety;
  readonly #agents = new Map<string, AgentSupervisor>();
  #stopped: Stopped | null = null;
  /** How often STOP was pressed: a clearing counts only for the presses before it. */
  #presses = 0;
  #stopping: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;
  #stateListeners = new Set<(view: DeviceView) => void>();
  #stopListeners = new Set<(stopped: Stopped | null) => void>();
  #readingListeners = new Set<(readings: Reading[]) => void>();
  #renewedMs = new Map<string, number>();
  #cancelSweep: () => void = () => {};
  #stored: ReadonlyMap<string, DeviceState> = new Map();

  private constructor(
    private readonly options: DevicesOptions,
    private readonly store: DeviceStore,
  ) {
    const { clock, log, gate } = options;
    this.#clock = clock;
    this.#log = log;
    this.#registry = new Registry(clock, QUEUE_MAX);
    this.#states = new States(store, clock, log, (entry) => this.#tellState(entry));
    this.#safety = new Safety({ clock, log, registry: this.#registry, states: this.#states });
    this.#commands = new Commands({
      clock,
      registry: this.#registry,
      store,
      states: this.#states,
      gate,
      agent: (entry) => this.#agents.get(entry.agent)!,
      stopped: () => this.#stopped,
      closing: () => this.#closing !== null,
      guardBroken: (entry, args) => guardBroken(this.#registry, entry, args),
      readings: (agent, readings) => this.#takeReadings(agent, readings),
      unrecorded: async (entry) => {
        await this.#bringSafe([entry], "its command could not be recorded", SYSTEM);
      },
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
    this.#stopped = await this.store.stopped();
    this.#stored = await this.store.states();
    for (const spec of agents) {
      if (this.#agents.has(spec.name)) {
        throw new RangeError(`Two agents are called "${spec.name}"`);
      }
      this.#adopt(spec.name, await this.store.capabilities(spec.name));
      const options = {
        clock,
        log,
        fences: () => gate.fences(),
        ...(supervisor === undefined ? {} : { limits: supervisor }),
        ...(spawn === undefined ? {} : { spawn }),
        ...(random === undefined ? {} : { random }),
      };
      const agent = new AgentSupervisor(spec, options, {
        started: (answer) => this.#started(spec.name, answer),
        notice: (notice) => this.#notice(spec.name, notice),
        down: (reason) => this.#down(spec.name, reason),
      });
      this.#agents.set(spec.name, agent);
    }
    for (const agent of this.#agents.values()) agent.begin();
    this.#sweepLater();
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
  async stop(actor: string, reason: string): Promise<StopReport> {
    const startMs = this.#clock.monotonicMs();
    this.#presses++;
    const first = this.#stopped === null;
    const stopped = this.#stopped ?? { sinceMs: this.#clock.nowMs(), actor, reason };
    this.#stopped = stopped;
    const agents = [...this.#agents.values()];
    for (const { spec } of agents) this.#safety.flush(spec.name, null, { kind: "stopped", reason });
    const brought = Promise.all(
      agents.map((agent) => this.#safety.bring(agent, null, `stopped: ${reason}`, actor)),
    );
    const event = { ...instrumentEvent("stopped", actor, `stopped: ${reason}`), data: { stopped } };
    const recorded = this.store.putStop(stopped, event).then(
      () => true,
      (error) => {
        this.#log.error("the stop could not be stored; it holds until the runtime ends", { error });
        return false;
      },
    );
    this.#stopping = Promise.all([brought, recorded]);
    if (first) this.#tellStop();
    const devices = (await brought).flat();
    const totalMs = this.#clock.monotonicMs() - startMs;
    this.#raise({
      id: "stop",
      severity: "critical",
      subject: "instrument",
      title: "Instrument stopped",
      text: `Stopped by ${actor}: ${reason}. Every actuator was sent to its safe state; ` +
        "commands are refused until the stop is cleared with a reason",
    });
    const failed = devices.filter(({ ok }) => !ok).map(({ deviceId }) => deviceId);
    this.#log.warn("stopped", { actor, reason, totalMs: Math.round(totalMs), failed });
    return { devices, totalMs, recorded: await recorded };
  }

  /**
   * Lets commands through again; nothing moves by itself. A stop pressed meanwhile wins.
   * @throws {RangeError} without a reason @throws {KvUnavailable}
   */
  async clearStop(actor: string, reason: string): Promise<void> {
    if (reason.trim() === "") throw new RangeError("Clearing a stop needs a reason");
    const presses = this.#presses;
    await this.#stopping;
    if (this.#stopped === null) return;
    const event = instrumentEvent("stop_cleared", actor, `stop cleared: ${reason}`);
    await this.store.clearStop(event, () => presses === this.#presses);
    if (presses !== this.#presses) return;
    this.#stopped = null;
    this.#clear("stop");
    this.#tellStop();
  }

  /** Who stopped the instrument, when and why, or `null` when it is not stopped. */
  stopped(): Stopped | null {
    return this.#stopped;
  }

  /**
   * Brings devices to end states, as the runtime itself: no lease is asked for. `"safe"` or arguments of
   * `set`; what cannot be set goes to safe, and so does everything while the instrument is stopped. What
   * waits for these devices is refused.
   */
  async bring(
    states: Readonly<Record<string, Record<string, unknown> | "safe">>,
    actor: string,
    reason: string,
  ): Promise<SafeReport[]> {
    const startMs = this.#clock.monotonicMs();
    const unknown: SafeReport[] = [];
    const safe: DeviceEntry[] = [];
    const set: [DeviceEntry, Record<string, unknown>][] = [];
    for (const [deviceId, state] of Object.entries(states)) {
      const entry = this.#registry.get(deviceId);
      if (entry === undefined) {
        unknown.push({ deviceId, ok: false, ms: 0, error: `There is no device "${deviceId}"` });
        continue;
      }
      entry.queue.flush({ kind: "fault", deviceId, code: "superseded", text: reason });
      if (state === "safe" || this.#stopped !== null) safe.push(entry);
      else set.push([entry, state]);
    }
    const reports = await Promise.all([
      this.#bringSafe(safe, reason, actor),
      ...set.map(async ([entry, args]) => {
        const { deviceId } = entry.capability;
        const outcome = await this.#set(deviceId, args, actor);
        if (outcome === null) {
          return [{ deviceId, ok: true, ms: this.#clock.monotonicMs() - startMs }];
        }
        const [report] = await this.#bringSafe([entry], `${reason}; end state refused`, actor);
        return report === undefined ? [] : [{ ...report, ok: false, error: outcome }];
      }),
    ]);
    return [...unknown, ...reports.flat()];
  }

  /** Why not, or `null`. */
  async #set(deviceId: string, args: Record<string, unknown>, actor: string) {
    try {
      const outcome = await this.#commands.ungated({ deviceId, op: "set", args, actor });
      return outcome.ok ? null : `End state refused: ${describeRefusal(outcome.refusal)}`;
    } catch (error) {
      return `End state not recorded: ${error instanceof Error ? error.message : error}`;
    }
  }

  /** A holder has lost its lease: its devices go to safe before anybody else drives them. */
  async leaseLost(deviceIds: readonly string[], actor: string): Promise<SafeReport[]> {
    const states = Object.fromEntries(deviceIds.map((id) => [id, "safe" as const]));
    return await this.bring(states, SYSTEM, `${actor} lost its lease`);
  }

  /** Readings as they come, good and bad; stale ones come through `onState`. Listeners must not wait. */
  onReadings(listener: (readings: Reading[]) => void): () => void {
    this.#readingListeners.add(listener);
    return () => this.#readingListeners.delete(listener);
  }

  /** The whole device after each change of its state, and when a reading turns stale or fresh again. */
  onState(listener: (view: DeviceView) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  /** When the instrument is stopped, before its devices have arrived at safe, and when a stop is cleared. */
  onStop(listener: (stopped: Stopped | null) => void): () => void {
    this.#stopListeners.add(listener);
    return () => this.#stopListeners.delete(listener);
  }

  /**
   * Asks every simulator that answers `method` (`fault`, `faults`, `clear-faults`, `time-scale`), or the one
   * that has `deviceId`; resolves with their answers.
   */
  async simulate(
    method: string,
    params: Record<string, unknown>,
    deviceId?: string,
  ): Promise<Result<Record<string, unknown>[], SimulatorRefusal>> {
    const entry = deviceId === undefined ? undefined : this.#registry.get(deviceId);
    if (deviceId !== undefined && entry === undefined) {
      return refuse({ kind: "device-unknown", deviceId });
    }
    const agents = [...this.#agents.values()].filter((agent) =>
      agent.status().methods.includes(method) &&
      (entry === undefined || entry.agent === agent.spec.name)
    );
    if (agents.length === 0) return refuse({ kind: "no-simulator", method });
    const answers: Record<string, unknown>[] = [];
    for (const agent of agents) {
      try {
        const options = { deadlineMs: SIMULATOR_DEADLINE_MS };
        const answer = await agent.ask(method, params, options, resultOf);
        answers.push(answer as Record<string, unknown>);
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        return refuse(
          error.kind === "refused"
            ? { kind: "invalid", errors: argErrors(error) }
            : { kind: "offline", agent: agent.spec.name, text: error.message },
        );
      }
    }
    return accept(answers);
  }

  /** Brings everything to safe, records it, ends the agents. Twice is harmless. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#cancelSweep();
    const agents = [...this.#agents.values()];
    await Promise.all(agents.map(async (agent) => {
      const text = "The runtime is ending";
      for (const entry of this.#registry.of(agent.spec.name)) {
        entry.queue.flush({ kind: "offline", deviceId: entry.capability.deviceId, text });
      }
      if (agent.live) await this.#safety.bring(agent, null, "the runtime ends", SYSTEM);
      await agent.close();
    }));
    await this.#settledStates();
  }

  async #settledStates(): Promise<void> {
    await Promise.all(this.#registry.all().map((entry) => entry.stored));
  }

  async #bringSafe(
    entries: readonly DeviceEntry[],
    reason: string,
    actor: string,
  ): Promise<SafeReport[]> {
    const byAgent = Map.groupBy(entries, ({ agent }) => agent);
    const reports = await Promise.all([...byAgent].map(([name, own]) => {
      const deviceIds = own.map(({ capability: { deviceId } }) => deviceId);
      return this.#safety.bring(this.#agents.get(name)!, deviceIds, reason, actor);
    }));
    return reports.flat();
  }

  #adopt(agent: string, capabilities: readonly Capability[]): void {
    const taken = this.#registry.adopt(
      agent,
      capabilities,
      (deviceId) => this.#stored.get(deviceId) ?? unknownState(deviceId, this.#clock.nowMs()),
    );
    for (const deviceId of taken) {
      this.#log.error("another agent has a device of that name; it is left out", {
        agent,
        device: deviceId,
      });
    }
  }

  #started(agent: string, { devices, outcomes }: StartAnswer): void {
    this.#adopt(agent, devices);
    this.#safety.started(agent, outcomes);
    this.#registry.retain(agent, devices.map(({ deviceId }) => deviceId));
    this.store.putCapabilities(agent, devices).catch((error) =>
      this.#log.error("the devices of an agent could not be stored", { agent, error })
    );
    for (const outcome of outcomes) this.#startedDevice(agent, outcome);
    this.#clear(`agent:${agent}`);
  }

  #startedDevice(agent: string, outcome: DeviceOutcome): void {
    const { deviceId, ok, setpoint, readback, safe } = outcome;
    const entry = this.#registry.get(deviceId);
    if (entry?.agent !== agent) return;
    const error = outcome.error ?? { code: "no_start", text: "It did not start" };
    void this.#states.note(entry, (before) => {
      const ready = entry.capability.kind === "actuator" ? "ready, safe at start" : "ready";
      const was = before.safe || before.setpoint === null
        ? ""
        : `; was ${JSON.stringify(before.setpoint)} by ${before.actor}`;
      return {
        state: ok
          ? { status: "ready", setpoint, readback, safe, actor: SYSTEM, lastError: null }
          : {
            status: "offline",
            setpoint,
            readback,
            safe,
            lastError: { ...error, atMs: this.#clock.nowMs() },
          },
        event: ok
          ? { type: "device.status", actor: SYSTEM, text: `${ready}${was}` }
          : { type: "device.status", actor: SYSTEM, text: `did not start: ${error.text}${was}` },
      };
    });
    if (ok) this.#clear(`offline:${deviceId}`);
    else this.#raiseOffline(entry, error.text);
  }

  #notice(agent: string, notice: Exclude<Notice, { method: "hello" }>): void {
    if (notice.method === "readings") {
      return this.#takeReadings(agent, notice.params.readings);
    }
    const entry = this.#registry.get(notice.params.deviceId);
    if (entry?.agent !== agent) return;
    if (notice.method === "state") {
      const { setpoint, readback, safe, reason } = notice.params;
      void this.#states.note(entry, () => ({
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
    const lastError = { code, text, atMs: this.#clock.nowMs() };
    void this.#states.note(entry, ({ status: before }) =>
      before === status ? null : {
        state: status === "ready" ? { status } : { status, lastError },
        event: {
          type: "device.status",
          actor: SYSTEM,
          text: status === "ready" ? "ready" : `${status}: ${text}`,
        },
      });
    if (status === "ready") this.#clear(`offline:${entry.capability.deviceId}`);
    else this.#raiseOffline(entry, text);
  }

  #down(agent: string, reason: string): void {
    const lastError = {
      code: "agent_down",
      text: `Its agent ended: ${reason}`,
      atMs: this.#clock.nowMs(),
    };
    const names: string[] = [];
    for (const entry of this.#registry.of(agent)) {
      const { deviceId, label, kind } = entry.capability;
      names.push(label);
      entry.queue.flush({ kind: "offline", deviceId, text: lastError.text });
      // Nobody knows where an actuator stands until a new agent has brought it to safe.
      const actuator = kind === "actuator" ? { readback: null, safe: false } : {};
      void this.#states.note(entry, () => ({
        state: { status: "offline", lastError, ...actuator },
        event: {
          type: "device.status",
          actor: SYSTEM,
          text: `offline: its agent ended: ${reason}`,
        },
      }));
    }
    const event = {
      type: "agent.ended",
      subject: agent,
      actor: SYSTEM,
      text: `ended: ${reason}`,
    };
    this.store.event(event).catch((error) =>
      this.#log.error("the end of an agent could not be stored", { agent, error })
    );
    this.#raise({
      id: `agent:${agent}`,
      severity: "critical",
      subject: agent,
      title: `Agent ${agent} is down`,
      text: `It ended (${reason}) and is started again. Until it answers nobody knows where ` +
        `its devices stand: ${names.join(", ") || "none known yet"}`,
    });
  }

  #takeReadings(agent: string, readings: readonly Reading[]): void {
    const { kept, fresh } = this.#registry.take(agent, readings);
    if (kept.length > 0) {
      for (const listener of this.#readingListeners) this.#call(() => listener(kept));
    }
    for (const entry of fresh) {
      if (!this.#registry.hasStale(entry)) this.#clear(`stale:${entry.capability.deviceId}`);
      this.#tellState(entry);
    }
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#clock.timer(SWEEP_MS, () => {
      this.#sweep();
      if (this.#closing === null) this.#sweepLater();
    });
  }

  /** What only time changes: readings turn stale, guards with them, heartbeats are renewed. */
  #sweep(): void {
    for (const entry of this.#registry.turnedStale()) {
      this.#tellState(entry);
      if (entry.state.status !== "ready") continue;
      const { deviceId, label } = entry.capability;
      this.#raise({
        id: `stale:${deviceId}`,
        severity: "warning",
        subject: deviceId,
        title: `${label} is stale`,
        text: "No reading has come for three of its periods; its last number no longer counts",
      });
    }
    for (const entry of this.#registry.all()) {
      if (entry.state.safe || !this.#agents.get(entry.agent)!.live) continue;
      const broken = guardBroken(this.#registry, entry, null);
      if (broken !== null) void this.#bringSafe([entry], broken, SYSTEM);
      else this.#renew(entry);
    }
  }

  #renew({ agent, capability: { deviceId, heartbeatMs } }: DeviceEntry): void {
    if (heartbeatMs === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - (this.#renewedMs.get(deviceId) ?? -Infinity) < heartbeatMs / 3) return;
    this.#renewedMs.set(deviceId, nowMs);
    this.#agents.get(agent)!.notify("renew", { deviceIds: [deviceId] });
  }

  #view(entry: DeviceEntry): DeviceView {
    const view = this.#registry.view(
      entry,
      this.options.gate.holder(entry.capability.deviceId),
    );
    const agent = this.#agents.get(entry.agent)!;
    const { state, restarts } = agent.status();
    if (state === "ready" || state === "ended") return view;
    // What is stored is what was true when the agent last spoke; now nobody knows.
    const first = state === "starting" && restarts === 0;
    const status = first ? "unknown" as const : "offline" as const;
    const actuator = entry.capability.kind === "actuator" ? { readback: null, safe: false } : {};
    return { ...view, state: { ...view.state, status, ...actuator } };
  }

  #tellState(entry: DeviceEntry): void {
    const view = this.#view(entry);
    for (const listener of this.#stateListeners) this.#call(() => listener(view));
  }

  #tellStop(): void {
    for (const listener of this.#stopListeners) this.#call(() => listener(this.#stopped));
  }

  #raiseOffline({ capability: { deviceId, label } }: DeviceEntry, text: string): void {
    this.#raise({
      id: `offline:${deviceId}`,
      severity: "warning",
      subject: deviceId,
      title: `${label} does not work`,
      text,
    });
  }

  #raise(alarm: Parameters<AlarmSink["raise"]>[0]): void {
    this.options.alarms?.raise(alarm).catch((error) =>
      this.#log.error("an alarm could not be raised", { alarm: alarm.id, error })
    );
  }

  #clear(id: string): void {
    this.options.alarms?.clear(id).catch((error) =>
      this.#log.error("an alarm could not be cleared", { alarm: id, error })
    );
  }

  #call(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#log.error("a listener of the devices failed", { error });
    }
  }
}

function instrumentEvent(what: string, actor: string, text: string): EventDraft {
  return { type: `instrument.${what}`, subject: "instrument", actor, text };
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
