/**
 * What every driver offers its agent. A driver is given its transport, opens nothing itself, runs no
 * timers but a device's own waits, and takes time from the clock it is given.
 */
export interface DriverClock {
  /** Unix epoch, milliseconds. */
  nowMs(): number;
  /** Never goes back, milliseconds. */
  monotonicMs(): number;
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

export type DriverQuality = "good" | "suspect" | "bad";

export interface DriverReading {
  readonly channel: string;
  readonly value: number | boolean | string | null;
  readonly quality: DriverQuality;
  readonly code?: string;
}

/** A device answered with an error, or did not answer. `code` as in the component summary: `no_ack`, `crc`, `timeout`. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";
  constructor(readonly code: string, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

export interface DriverAnswer {
  readonly setpoint: Record<string, unknown>;
  readonly readback: Record<string, unknown>;
  readonly safe: boolean;
}

/** `capability` has the shape of the wire's `Capability`; the agent checks it against that schema. */
export interface Driver {
  readonly capability: Record<string, unknown> & { deviceId: string };
  /** Probe and bring to the safe state. @throws {DeviceError} */
  start(): Promise<void>;
  /** Reads every channel once. Faults come back as `bad` readings with a code, not as throws. */
  read(signal: AbortSignal): Promise<DriverReading[]>;
  /** Drives the hardware; resolves when the read-back agrees. @throws {DeviceError} @throws {RangeError} bad arguments */
  command(op: string, args: Record<string, unknown>, signal: AbortSignal): Promise<DriverAnswer>;
  /** Reaches the safe state from any state; twice is harmless. @throws {DeviceError} */
  safe(): Promise<DriverAnswer>;
  state(): DriverAnswer;
  /** How many times faster than real time its device lives; its readings are taken that much more often. Simulators only. */
  pace?(): number;
}
