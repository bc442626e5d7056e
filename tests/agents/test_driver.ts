import {
  DeviceError,
  type Driver,
  type DriverAnswer,
  type DriverReading,
} from "../../drivers/driver.ts";

/** What a test sees and steers of one fake device. */
export interface Bench {
  /** Everything that reached the hardware, in order: `stirrer start`, `stirrer set 30 begin`, `… end`, `stirrer safe`. */
  readonly log: string[];
  /** Awaited in the middle of a command, a reading or a safe state, by `<device> <act>`. */
  readonly waits: Map<string, (signal: AbortSignal | null) => Promise<void>>;
  /** Thrown instead of acting, by `<device> <act>`. */
  readonly faults: Map<string, DeviceError>;
  /** Output by device, as the hardware has it. */
  readonly outputs: Map<string, number>;
  /** False once the agent's process is gone: nothing acts any more. */
  alive?(): boolean;
  /** Called after each change of an output. */
  onChange?: (deviceId: string, duty: number) => void;
}

export function newBench(): Bench {
  return { log: [], waits: new Map(), faults: new Map(), outputs: new Map() };
}

interface ActuatorOptions {
  readonly bus?: string;
  readonly onTimeMaxMs?: number;
  readonly heartbeatMs?: number;
  readonly guards?: { deviceId: string; channel: string; min?: number; max?: number }[];
  readonly periodMs?: number;
}

/** An actuator with one number, `duty` 0 to 100, whose safe state is 0. */
export class TestActuator implements Driver {
  readonly capability;
  #duty = 0;

  constructor(private readonly id: string, private readonly bench: Bench, o: ActuatorOptions = {}) {
    const { bus = "pwm", periodMs = 1000, ...limits } = o;
    this.capability = {
      deviceId: id,
      label: id,
      component: id,
      kind: "actuator",
      bus,
      simulated: true,
      description: "Test actuator",
      channels: [
        { id: "duty", label: "Duty", unit: "%", role: "readback", type: "number", periodMs },
      ],
      operations: [{
        op: "set",
        label: "Set",
        args: {
          type: "object",
          properties: { duty: { type: "number", minimum: 0, maximum: 100 } },
          required: ["duty"],
          additionalProperties: false,
        },
      }],
      safeState: { duty: 0 },
      ...limits,
    };
  }
  async start(): Promise<void> {
    await this.#act("start", null);
    this.#write(0);
  }
  async read(signal: AbortSignal): Promise<DriverReading[]> {
    await this.#act("read", signal);
    return [{ channel: "duty", value: this.#duty, quality: "good" }];
  }
  async command(
    _op: string,
    args: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<DriverAnswer> {
    const { duty } = args;
    if (typeof duty !== "number" || !(duty >= 0 && duty <= 100)) {
      throw new RangeError(`duty must be 0 to 100, not ${JSON.stringify(duty)}`);
    }
    this.bench.log.push(`${this.id} set ${duty} begin`);
    await this.#act("set", signal);
    this.#write(duty);
    this.bench.log.push(`${this.id} set ${duty} end`);
    return this.state();
  }
  async safe(): Promise<DriverAnswer> {
    await this.#act("safe", null);
    this.#write(0);
    this.bench.log.push(`${this.id} safe`);
    return this.state();
  }
  state(): DriverAnswer {
    return {
      setpoint: { duty: this.#duty },
      readback: { duty: this.#duty },
      safe: this.#duty === 0,
    };
  }
  async #act(act: string, signal: AbortSignal | null): Promise<void> {
    const fault = this.bench.faults.get(`${this.id} ${act}`);
    if (fault !== undefined) throw fault;
    await this.bench.waits.get(`${this.id} ${act}`)?.(signal);
    if (this.bench.alive?.() === false) await new Promise<never>(() => {});
  }
  #write(duty: number): void {
    this.#duty = duty;
    this.bench.outputs.set(this.id, duty);
    this.bench.onChange?.(this.id, duty);
  }
}

/** A sensor with one channel, `temperature`, 25 °C unless the bench says otherwise. */
export class TestSensor implements Driver {
  readonly capability;
  readonly pace: (() => number) | undefined;

  constructor(
    private readonly id: string,
    private readonly bench: Bench,
    { bus = "i2c-1", periodMs = 1000, pace }: {
      bus?: string;
      periodMs?: number;
      pace?: () => number;
    } = {},
  ) {
    this.pace = pace;
    this.capability = {
      deviceId: id,
      label: id,
      component: id,
      kind: "sensor",
      bus,
      simulated: true,
      description: "Test sensor",
      channels: [{
        id: "temperature",
        label: "Temperature",
        unit: "°C",
        role: "measured",
        type: "number",
        min: 2,
        max: 60,
        periodMs,
      }],
      operations: [],
    };
  }
  async start(): Promise<void> {
    const fault = this.bench.faults.get(`${this.id} start`);
    if (fault !== undefined) throw fault;
    await this.bench.waits.get(`${this.id} start`)?.(null);
  }
  async read(signal: AbortSignal): Promise<DriverReading[]> {
    this.bench.log.push(`${this.id} read`);
    await this.bench.waits.get(`${this.id} read`)?.(signal);
    const fault = this.bench.faults.get(`${this.id} read`);
    if (fault !== undefined) {
      return [{ channel: "temperature", value: null, quality: "bad", code: fault.code }];
    }
    const value = this.bench.outputs.get(this.id) ?? 25;
    return [{ channel: "temperature", value, quality: "good" }];
  }
  command(): Promise<DriverAnswer> {
    throw new DeviceError("driver_error", "a sensor has no operations");
  }
  safe(): Promise<DriverAnswer> {
    return Promise.resolve(this.state());
  }
  state(): DriverAnswer {
    return { setpoint: {}, readback: {}, safe: true };
  }
}
