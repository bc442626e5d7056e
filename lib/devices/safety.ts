import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { type AgentError, resultOf } from "./agent_process.ts";
import type { CommandRefusal } from "./model.ts";
import type { Registry } from "./registry.ts";
import type { StateChange, States } from "./states.ts";
import type { AgentSupervisor } from "./supervisor.ts";
import { type DeviceOutcome, SafeAnswer } from "./wire.ts";

/** How one device got to its safe state. */
export interface SafeReport {
  readonly deviceId: string;
  readonly ok: boolean;
  /** From the call until the device's outcome was known. */
  readonly ms: number;
  readonly error?: string;
}

export interface SafetyDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  readonly states: States;
}

/** An agent whose loop runs answers a ping in no time; one that does not is killed. */
const PROBE_MS = 500;
/** For an agent that does answer pings, to bring all its devices to safe. */
const SAFE_MS = 3000;
/** For a new life of an agent, whose first act is the safe state. */
const REVIVE_MS = 10_000;
const LIVES_MAX = 3;

/**
 * Brings devices to their safe state through their agents, all agents at once. An agent that hangs is
 * killed and started anew, because the first thing an agent does is to bring its devices to safe.
 */
export class Safety {
  readonly #outcomes = new Map<string, readonly DeviceOutcome[]>();

  constructor(private readonly deps: SafetyDeps) {}

  /** The named devices of one agent, or all of its actuators. Never throws: what failed is in the report. */
  async bring(
    agent: AgentSupervisor,
    deviceIds: readonly string[] | null,
    reason: string,
    actor: string,
    /** What a run had set is only interrupted: the runtime ends, and the run may outlive it. */
    interrupted = false,
  ): Promise<SafeReport[]> {
    if (!interrupted) this.#forget(agent.spec.name, deviceIds);
    const startMs = this.deps.clock.monotonicMs();
    const report = (deviceId: string, ok: boolean, error?: string): SafeReport => ({
      deviceId,
      ok,
      ms: this.deps.clock.monotonicMs() - startMs,
      ...(error === undefined ? {} : { error }),
    });
    try {
      const params = { reason, ...(deviceIds === null ? {} : { deviceIds }) };
      return await Promise.race([
        agent.ask("safe", params, { deadlineMs: SAFE_MS }, (answer) => {
          const { outcomes } = SafeAnswer.parse(resultOf(answer));
          return outcomes.map((outcome) => {
            this.took(outcome, reason, actor, interrupted);
            return report(outcome.deviceId, outcome.ok, outcome.error?.text);
          });
        }),
        this.#hangs(agent),
      ]);
    } catch (error) {
      this.deps.log.warn("agent did not bring its devices to safe; it is started anew", {
        agent: agent.spec.name,
        error,
      });
      await this.#revive(agent, `safe state asked for and not reached: ${reason}`);
      return this.#revived(agent, deviceIds).map(({ deviceId, ok, error }) =>
        report(deviceId, ok, error?.text)
      );
    }
  }

  /** What a new life of an agent brought to safe, kept for whoever has it started for that. */
  started(agent: string, outcomes: readonly DeviceOutcome[]): void {
    this.#outcomes.set(agent, outcomes);
  }

  /** Stores what an agent says of a device that it brought to safe. */
  took(outcome: DeviceOutcome, reason: string, actor: string, interrupted = false): void {
    const entry = this.deps.registry.get(outcome.deviceId);
    if (entry !== undefined) {
      void this.deps.states.note(entry, () => ({
        ...safeChange(outcome, reason, actor, this.deps.clock),
        inForce: interrupted ? "keep" : null,
      }));
    }
  }

  /** Whoever wants these devices safe wants nothing back that was set before, also where an agent is started anew for it. */
  #forget(agent: string, deviceIds: readonly string[] | null): void {
    for (const entry of this.deps.registry.of(agent)) {
      if (entry.inForce === null) continue;
      if (deviceIds?.includes(entry.capability.deviceId) === false) continue;
      entry.inForce = null;
      entry.lostAtMs = null;
    }
  }

  /** Answers what waits for the agent's devices, so that nothing older acts after their safe state. */
  flush(agent: string, deviceIds: readonly string[] | null, refusal: CommandRefusal): void {
    for (const entry of this.deps.registry.of(agent)) {
      if (deviceIds === null || deviceIds.includes(entry.capability.deviceId)) {
        entry.queue.flush(refusal);
      }
    }
  }

  /** Rejects when the agent's loop does not turn; else never settles. */
  #hangs(agent: AgentSupervisor): Promise<never> {
    return agent.ask("ping", {}, { deadlineMs: PROBE_MS }, (answer) => {
      if (!answer.ok) throw answer.refusal satisfies AgentError;
      return new Promise<never>(() => {});
    });
  }

  /** A life of the agent that begins now, or has just begun; another when that one dies too. */
  async #revive(agent: AgentSupervisor, reason: string): Promise<void> {
    let cancel = () => {};
    let over = false;
    const timer = new Promise<void>((resolve) => {
      cancel = this.deps.clock.timer(REVIVE_MS, () => {
        over = true;
        resolve();
      });
    });
    for (let life = 0; life < LIVES_MAX && !over; life++) {
      const starting = agent.status().state === "starting";
      await Promise.race([starting ? agent.settled() : agent.restartNow(reason), timer]);
      if (agent.live) break;
    }
    cancel();
  }

  #revived(
    agent: AgentSupervisor,
    deviceIds: readonly string[] | null,
  ): Pick<DeviceOutcome, "deviceId" | "ok" | "error">[] {
    const wanted = this.deps.registry.of(agent.spec.name).filter(({ capability }) =>
      capability.kind === "actuator" &&
      (deviceIds === null || deviceIds.includes(capability.deviceId))
    );
    const outcomes = agent.live ? this.#outcomes.get(agent.spec.name) : undefined;
    return wanted.map(({ capability: { deviceId } }) => {
      const text = `Agent "${agent.spec.name}" is ${agent.status().state}`;
      return outcomes?.find((outcome) => outcome.deviceId === deviceId) ??
        { deviceId, ok: false, error: { code: "agent_down", text } };
    });
  }
}

/** The state after a way to safe, with its event; nothing when it was there already. */
export function safeChange(
  { ok, setpoint, readback, safe, error }: DeviceOutcome,
  reason: string,
  actor: string,
  clock: Clock,
): StateChange {
  if (!ok) {
    const { code, text } = error ?? { code: "not_safe", text: "It did not reach its safe state" };
    return {
      state: {
        status: "fault",
        setpoint,
        readback,
        safe: false,
        lastError: { code, text, atMs: clock.nowMs() },
      },
      event: { type: "device.error", actor, text: `not brought to safe (${reason}): ${text}` },
    };
  }
  return {
    state: { setpoint, readback, safe },
    event: { type: "device.safe", actor, text: `brought to its safe state: ${reason}` },
  };
}
