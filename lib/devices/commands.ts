import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../clock.ts";
import { accept, refuse, type Result } from "../result.ts";
import { AgentError, argErrors } from "./agent_process.ts";
import { KeyedCommands } from "./keyed_commands.ts";
import type { InForce } from "./keys.ts";
import type { CommandRefusal, DeviceState, Holder, Reading } from "./model.ts";
import type { DeviceEntry, Registry } from "./registry.ts";
import type { States } from "./states.ts";
import type { CommandOutcome, DeviceStore, KeyedCommand, Stopped } from "./store.ts";
import type { AgentSupervisor } from "./supervisor.ts";
import { CommandAnswer, DeviceOutcome } from "./wire.ts";

/** Who may drive what, from memory: `lib/locks` satisfies it. */
export interface CommandGate {
  /** The fence to send along, or who holds the device, or that the actor is a run that is held. */
  check(
    deviceId: string,
    actor: string,
  ): Result<
    number,
    { kind: "held"; deviceId: string; holder: Holder } | { kind: "holding"; deviceId: string }
  >;
  holder(deviceId: string): Holder | null;
  /** Highest fence of every device that was ever held. */
  fences(): Record<string, number>;
}

export interface CommandAsk {
  readonly deviceId: string;
  readonly op: string;
  readonly args: Record<string, unknown>;
  readonly actor: string;
  /** The same key within 24 hours gives the same answer and moves nothing again. */
  readonly idempotencyKey?: string;
  /** Gives up while it waits in the queue; once sent, the command runs to its end. */
  readonly signal?: AbortSignal;
  /** Milliseconds the agent has; default 10 000. */
  readonly deadlineMs?: number;
}

/** A command on its way: with or without the gate; `restores`: only while that is what was lost here. */
type Ask = CommandAsk & { readonly gated: boolean; readonly restores?: InForce };

export interface CommandDeps {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly store: DeviceStore;
  readonly states: States;
  readonly gate: CommandGate;
  agent(entry: DeviceEntry): AgentSupervisor;
  stopped(): Stopped | null;
  /** Whether the runtime is ending. */
  closing(): boolean;
  /** A guard on another agent's device that forbids to leave the safe state, or `null`. */
  guardBroken(entry: DeviceEntry, args: Record<string, unknown>): string | null;
  readings(agent: string, readings: readonly Reading[]): void;
  /** A command was carried out and could not be recorded: the device goes to safe. */
  unrecorded(entry: DeviceEntry): Promise<void>;
}

const DEADLINE_MS = 10_000;
/** The agent answers at its deadline; a little later its answer will not come. */
const ANSWER_SLACK_MS = 500;

/** The way of a command: check, gate, queue, fence, agent, read-back, one commit. */
export class Commands {
  readonly #keyed: KeyedCommands;

  constructor(private readonly deps: CommandDeps) {
    this.#keyed = new KeyedCommands(deps.store);
  }

  /** @throws {KvUnavailable} when its record cannot be written; the device is then brought to safe. */
  async command(ask: CommandAsk): Promise<CommandOutcome> {
    const entry = this.deps.registry.get(ask.deviceId);
    if (entry === undefined) return refuse({ kind: "device-unknown", deviceId: ask.deviceId });
    const wrong = this.deps.registry.refusal(entry, ask.op, ask.args);
    if (wrong !== null) return refuse(wrong);
    const gated = { ...ask, gated: true };
    const outcome = ask.idempotencyKey === undefined
      ? await this.#queued(entry, gated, null)
      : await this.#keyed.once(
        ask,
        ask.idempotencyKey,
        (keyed) => this.#queued(entry, gated, keyed),
      );
    if (!outcome.ok && outcome.refusal.kind === "offline") this.#wishChanged(entry, ask);
    return outcome;
  }

  /**
   * What a run had set and its agent's or the runtime's end undid, once more, the way every command goes.
   * Refused as `cancelled` where something newer has been asked for, and as `stale-fence` under another lease.
   */
  async restore(entry: DeviceEntry): Promise<CommandOutcome> {
    const { deviceId } = entry.capability;
    const { inForce } = entry;
    if (inForce === null || entry.lostAtMs === null) {
      return refuse(cancelled(deviceId, "Nothing of a run is lost here"));
    }
    const { actor, op, args } = inForce;
    const wrong = this.deps.registry.refusal(entry, op, args);
    if (wrong !== null) return refuse(wrong);
    const ask = { deviceId, op, args, actor, gated: true, restores: inForce };
    return await this.#queued(entry, ask, null);
  }

  /** A run asked for something else while its device was away: what it had set before is not wanted back. */
  #wishChanged(entry: DeviceEntry, { actor, op, args }: CommandAsk): void {
    const { inForce } = entry;
    if (inForce === null || inForce.actor !== actor || entry.lostAtMs === null) return;
    if (inForce.op === op && isDeepStrictEqual(inForce.args, args)) return;
    void this.deps.states.note(entry, () =>
      entry.inForce !== inForce ? null : {
        state: {},
        inForce: null,
        event: {
          type: "device.not_restored",
          actor,
          text: `${inWords(inForce.op, inForce.args)}; is not restored: ${
            inWords(op, args)
          } was asked for while it was away`,
        },
      });
  }

  /** A command of the runtime itself: end states of runs. No lease is asked for, the stop is. */
  async ungated(ask: CommandAsk): Promise<CommandOutcome> {
    const entry = this.deps.registry.get(ask.deviceId);
    if (entry === undefined) return refuse({ kind: "device-unknown", deviceId: ask.deviceId });
    const wrong = this.deps.registry.refusal(entry, ask.op, ask.args);
    if (wrong !== null) return refuse(wrong);
    return await this.#queued(entry, { ...ask, gated: false }, null);
  }

  async #queued(
    entry: DeviceEntry,
    ask: Ask,
    keyed: KeyedCommand | null,
  ): Promise<CommandOutcome> {
    const allowed = this.#allowed(entry, ask);
    if (!allowed.ok) return allowed;
    const pushed = entry.queue.push((signal) => this.#turn(entry, ask, keyed, signal));
    return pushed.ok
      ? await pushed.value
      : refuse({ kind: "busy", deviceId: ask.deviceId, ...pushed.refusal });
  }

  /** The fence to send, or why this command may not go out at this moment. */
  #allowed(entry: DeviceEntry, ask: Ask): Result<number, CommandRefusal> {
    const { deviceId } = ask;
    const stopped = this.deps.stopped();
    if (stopped !== null) return refuse({ kind: "stopped", reason: stopped.reason });
    const gate = ask.gated
      ? this.deps.gate.check(deviceId, ask.actor)
      : accept(this.deps.gate.fences()[deviceId] ?? 0);
    if (!gate.ok) return gate;
    if (ask.gated && ask.actor.startsWith("experiment:")) {
      const holder = this.deps.gate.holder(deviceId);
      if (holder?.actor !== ask.actor) {
        return refuse({ kind: "not-held", deviceId, actor: ask.actor });
      }
    }
    if (this.deps.closing()) {
      return refuse({ kind: "offline", deviceId, text: "The runtime is ending" });
    }
    const agent = this.deps.agent(entry);
    if (!agent.live) {
      const text = `Its agent "${agent.spec.name}" is ${agent.status().state}`;
      return refuse({ kind: "offline", deviceId, text });
    }
    const broken = this.deps.guardBroken(entry, ask.args);
    if (broken !== null) return refuse({ kind: "fault", deviceId, code: "guard", text: broken });
    if (ask.restores !== undefined && gate.value !== ask.restores.fence) {
      const given = ask.restores.fence;
      return refuse({ kind: "stale-fence", deviceId, given, latest: gate.value });
    }
    return gate;
  }

  /** The device's queue has come to this command. */
  async #turn(
    entry: DeviceEntry,
    ask: Ask,
    keyed: KeyedCommand | null,
    flushed: AbortSignal,
  ): Promise<CommandOutcome> {
    const { deviceId } = ask;
    if (ask.signal?.aborted) {
      return refuse(cancelled(deviceId, "Given up by its asker"));
    }
    if (keyed !== null) await this.deps.store.begin(keyed);
    if (ask.restores !== undefined && entry.inForce !== ask.restores) {
      return refuse(cancelled(deviceId, "Something newer was asked for"));
    }
    // From here to the agent's pipe nothing waits: a stop comes either before this or after the command.
    const allowed = this.#allowed(entry, ask);
    if (!allowed.ok || flushed.aborted) {
      if (keyed !== null) await this.deps.store.forget(keyed);
      if (!allowed.ok) return allowed;
      return refuse(cancelled(deviceId, "Taken from the queue"));
    }
    const outcome = await this.#send(entry, ask, keyed, allowed.value, flushed);
    if (keyed !== null && !outcome.ok) await this.deps.store.finish(keyed, outcome);
    return outcome;
  }

  async #send(
    entry: DeviceEntry,
    ask: Ask,
    keyed: KeyedCommand | null,
    fence: number,
    flushed: AbortSignal,
  ): Promise<CommandOutcome> {
    const { deviceId, op, args, deadlineMs = DEADLINE_MS } = ask;
    const params = { deviceId, op, args, fence, deadlineMs };
    const options = { deadlineMs: deadlineMs + ANSWER_SLACK_MS, signal: flushed };
    return await this.deps.agent(entry).ask("command", params, options, (answer) => {
      // Who took it from the queue has put another state in its place.
      if (flushed.aborted) return refuse(cancelled(deviceId, "Taken from the queue"));
      if (!answer.ok) return this.#failed(entry, ask, answer.refusal);
      const done = CommandAnswer.safeParse(answer.value);
      if (done.success) return this.#done(entry, ask, keyed, fence, done.data);
      const text = "The agent's answer does not have the wire's shape";
      return this.#failed(entry, ask, new AgentError("refused", text, { code: "bad_answer" }));
    });
  }

  async #done(
    entry: DeviceEntry,
    { op, args, actor, gated, restores }: Ask,
    keyed: KeyedCommand | null,
    fence: number,
    { setpoint, readback, safe, readings }: CommandAnswer,
  ): Promise<CommandOutcome> {
    this.deps.readings(entry.agent, readings);
    // End and hold states come ungated, and are nobody's to restore.
    const isRuns = gated && actor.startsWith("experiment:");
    try {
      const state = await this.deps.states.change(entry, () => ({
        state: { status: "ready", setpoint, readback, safe, actor, lastError: null },
        inForce: isRuns && !safe ? { actor, fence, op, args } : null,
        event: restores === undefined
          ? { type: "device.setpoint", actor, text: inWords(op, args) }
          : { type: "device.restored", actor, text: inWords(op, args) },
        always: true,
        ...(keyed === null ? {} : { keyed: { command: keyed, outcome: accept<DeviceState> } }),
      }));
      return accept(state);
    } catch (error) {
      await this.deps.unrecorded(entry);
      throw error;
    }
  }

  async #failed(entry: DeviceEntry, ask: Ask, error: AgentError): Promise<CommandOutcome> {
    const { deviceId, deadlineMs = DEADLINE_MS } = ask;
    const { code } = error.data;
    if (error.kind === "gone" || code === "offline") {
      return refuse({ kind: "offline", deviceId, text: error.message });
    }
    if (code === "stale_fence") {
      const { given, latest } = error.data;
      return refuse({
        kind: "stale-fence",
        deviceId,
        given: Number(given),
        latest: Number(latest),
      });
    }
    if (code === "invalid_args") {
      return refuse({ kind: "invalid-args", deviceId, errors: argErrors(error) });
    }
    if (code !== "safe" && code !== "guard") {
      await this.#noteError(entry, ask, { code, text: error.message }, error.data.outcome);
    }
    return code === "timeout"
      ? refuse({ kind: "timeout", deviceId, afterMs: deadlineMs })
      : refuse({ kind: "fault", deviceId, code, text: error.message });
  }

  /** The device failed half way: what is known of it now, and that it failed. */
  async #noteError(
    entry: DeviceEntry,
    ask: Ask,
    fault: { code: string; text: string },
    told?: unknown,
  ): Promise<void> {
    const outcome = DeviceOutcome.safeParse(told);
    const { setpoint, readback, safe } = outcome.success ? outcome.data : entry.state;
    const lastError = { ...fault, atMs: this.deps.clock.nowMs() };
    await this.deps.states.note(entry, () => ({
      state: { setpoint, readback, safe, lastError },
      event: {
        type: "device.error",
        actor: ask.actor,
        text: `${inWords(ask.op, ask.args)}: failed, ${fault.text}`,
      },
    }));
  }
}

function cancelled(deviceId: string, text: string): CommandRefusal {
  return { kind: "fault", deviceId, code: "cancelled", text };
}

/** `set: duty 30, direction heat`. */
function inWords(op: string, args: Record<string, unknown>): string {
  const words = Object.entries(args).map(([name, value]) =>
    `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`
  );
  return (words.length === 0 ? op : `${op}: ${words.join(", ")}`).slice(0, 200);
}
