import { DeviceError, type Driver, type DriverAnswer, type DriverReading } from "../driver.ts";
import { type ChannelFacts, describe, type OperationFacts, parsed } from "./capability.ts";
import type { Link } from "./link.ts";
import { bad } from "./sensor.ts";

export interface ActuatorFacts {
  readonly deviceId: string;
  readonly label: string;
  readonly component: string;
  readonly bus: string;
  readonly description: string;
  readonly channels: readonly ChannelFacts[];
  readonly operations: readonly OperationFacts[];
  readonly safeState: Record<string, unknown>;
  readonly onTimeMaxMs?: number;
  readonly heartbeatMs?: number;
  readonly guards?: readonly { deviceId: string; channel: string; min?: number; max?: number }[];
  readonly facts?: Record<string, unknown>;
}

/**
 * The lease of every actuator's setpoint: the runtime renews it while whoever set it still stands behind it
 * (its lease lives, or it is a person's standing setting), so a script may set once and sleep for hours;
 * when the runtime dies or hangs, the output goes to safe this long after.
 * Source: spec of the hardware, "Safe state when things die".
 */
export const HEARTBEAT_MS = 30_000;

/**
 * An actuator on a simulated link. A safe state that did not get through is tried again at every exchange
 * until it does.
 */
export abstract class SimulatedActuator implements Driver {
  readonly capability: Record<string, unknown> & { deviceId: string };
  readonly deviceId: string;
  #operations: ReadonlyMap<string, OperationFacts>;
  #safePending = false;

  constructor(protected readonly link: Link, facts: ActuatorFacts) {
    this.deviceId = facts.deviceId;
    this.#operations = new Map(facts.operations.map((one) => [one.op, one]));
    this.capability = {
      deviceId: facts.deviceId,
      label: facts.label,
      component: facts.component,
      kind: "actuator",
      bus: facts.bus,
      simulated: true,
      description: facts.description,
      channels: facts.channels,
      operations: facts.operations.map(describe),
      safeState: facts.safeState,
      ...(facts.onTimeMaxMs === undefined ? {} : { onTimeMaxMs: facts.onTimeMaxMs }),
      ...(facts.heartbeatMs === undefined ? {} : { heartbeatMs: facts.heartbeatMs }),
      ...(facts.guards === undefined ? {} : { guards: facts.guards }),
      facts: facts.facts ?? {},
    };
  }

  /** Drives the part; the world stands at this moment. @throws {DeviceError} a guard refuses */
  protected abstract drive(op: string, args: Record<string, unknown>): void;
  /** The part at its safe value, at once. */
  protected abstract rest(): void;
  protected abstract readings(): DriverReading[];
  protected abstract report(): DriverAnswer;

  async start(): Promise<void> {
    await this.safe();
  }

  async command(
    op: string,
    args: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<DriverAnswer> {
    const operation = this.#operations.get(op);
    if (operation === undefined) {
      const known = [...this.#operations.keys()].join(", ");
      throw new RangeError(`Cannot ${op} "${this.deviceId}": it knows ${known}`);
    }
    const given = parsed(operation.schema, args, `${op} "${this.deviceId}"`);
    await this.link.exchange(signal);
    signal.throwIfAborted();
    this.link.world.settle();
    this.#refuseStuck(op);
    this.drive(op, given);
    this.#safePending = false;
    return this.report();
  }

  async safe(): Promise<DriverAnswer> {
    this.#safePending = true;
    await this.link.exchange();
    return this.#restNow();
  }

  async read(signal: AbortSignal): Promise<DriverReading[]> {
    const { world } = this.link;
    try {
      await this.link.exchange(signal);
    } catch (error) {
      const code = error instanceof DeviceError ? error.code : "timeout";
      return this.#channelIds().map((id) => bad(id, code));
    }
    const atS = world.nowS();
    const stuck = world.faults.at(this.deviceId, "stuck", atS) !== null;
    if (this.#safePending && !stuck) this.#restNow();
    world.catchUp();
    const readings = this.readings();
    if (stuck) return readings.map((one) => flag(one, "stuck"));
    const drift = world.faults.at(this.deviceId, "drift", atS);
    if (drift === null) return readings;
    const offset = (drift.magnitude ?? 1) * ((atS - drift.startS) / 3600);
    return readings.map((one) =>
      typeof one.value === "number" ? flag({ ...one, value: one.value + offset }, "drift") : one
    );
  }

  state(): DriverAnswer {
    this.link.world.catchUp();
    return this.report();
  }

  #restNow(): DriverAnswer {
    this.link.world.settle();
    this.#refuseStuck("bring to its safe state");
    this.rest();
    this.#safePending = false;
    return this.report();
  }

  #refuseStuck(what: string): void {
    const { world } = this.link;
    if (world.faults.at(this.deviceId, "stuck", world.nowS()) === null) return;
    const { readback } = this.report();
    throw new DeviceError(
      "readback",
      `Cannot ${what} "${this.deviceId}": it still reports ${JSON.stringify(readback)}`,
    );
  }

  #channelIds(): string[] {
    return (this.capability.channels as ChannelFacts[]).map(({ id }) => id);
  }
}

export function good(channel: string, value: number | boolean): DriverReading {
  return { channel, value, quality: "good" };
}

function flag(reading: DriverReading, code: string): DriverReading {
  return reading.quality === "bad" ? reading : { ...reading, quality: "suspect", code };
}

/** A read-back channel of an actuator. */
export function readback(
  id: string,
  label: string,
  unit: string,
  rest: { min?: number; max?: number; decimals?: number; periodMs?: number } = {},
): ChannelFacts {
  return {
    id,
    label,
    unit,
    role: "readback",
    type: "number",
    decimals: 1,
    periodMs: 1000,
    ...rest,
  };
}

/** Rounds away the last bits of floating point, which no device reports. */
export function tidy(value: number): number {
  return Number(value.toFixed(6));
}

/** A guard says no; `code` as in the component summary: `volume_limit`, `guard_interval`. */
export function refusal(code: string, deviceId: string, why: string): DeviceError {
  return new DeviceError(code, `Cannot drive "${deviceId}": ${why}`);
}
