import type { Driver, DriverClock } from "../drivers/driver.ts";
import type { Reading } from "../lib/devices/model.ts";
import {
  Ask,
  CancelParams,
  CommandParams,
  type DeviceOutcome,
  LineSplitter,
  Notice,
  RenewParams,
  SafeParams,
  StartParams,
  WIRE_VERSION,
} from "../lib/devices/wire.ts";
import { Bus } from "./bus.ts";
import { AgentDevice, DEVICE_LIMITS, type DeviceLimits } from "./device.ts";
import { AskError, faultOf } from "./faults.ts";

/** A method beside those of every agent; what it throws becomes the answer's error. */
export type Extension = (params: Record<string, unknown>) => unknown;

export interface AgentOptions {
  /** `bioreactor_sim`: what `hello` says and the log carries. */
  readonly name: string;
  /** The devices, or how to make them from the `config` of the `start` ask, which it checks. */
  readonly drivers:
    | readonly Driver[]
    | ((config: Record<string, unknown>) => readonly Driver[] | Promise<readonly Driver[]>);
  /** Simulators: `fault`, `faults`, `clear-faults`, `time-scale`. Named in `hello`. */
  readonly extensions?: Readonly<Record<string, Extension>>;
  /** Default: the system's clock. */
  readonly clock?: DriverClock;
  readonly limits?: Partial<DeviceLimits>;
}

/** Where an agent's lines go and how it ends. */
export interface AgentOutput {
  /** One whole line without its newline. `readings` may be dropped when the reader is slow, nothing else. */
  line(text: string, kind: "answer" | "notice" | "readings"): void;
  log(level: "info" | "warn" | "error", message: string, fields?: Record<string, unknown>): void;
}

/** Readings wait this long for others before they are sent. */
const BATCH_MS = 100;
const GUARD_CHECK_MS = 1000;
/** Asks under way at once; one more is refused. */
const ASKS_MAX = 256;

/**
 * An agent without its process: asks in, answers and notices out. Every ask with an id is answered exactly
 * once. Until `start` has brought every actuator to its safe state, no command is accepted.
 */
export class AgentServer {
  #devices = new Map<string, AgentDevice>();
  #phase: "new" | "starting" | "started" | "closed" = "new";
  #asks = new Map<number, AbortController>();
  #batch: Reading[] = [];
  #closed = new AbortController();
  readonly #splitter = new LineSplitter();
  readonly #clock: DriverClock;
  readonly #limits: DeviceLimits;
  readonly #methods: Readonly<Record<string, Extension>>;

  constructor(
    private readonly options: AgentOptions,
    private readonly output: AgentOutput,
    private readonly pid: number,
  ) {
    this.#clock = options.clock ?? systemDriverClock;
    this.#limits = { ...DEVICE_LIMITS, ...options.limits };
    this.#methods = {
      ping: () => ({}),
      start: (params) => this.#start(params),
      command: (params) => this.#command(params, new AbortController().signal),
      safe: (params) => this.#safe(params),
      ...options.extensions,
    };
  }

  /** Says `hello`. @throws {ZodError} when a driver's capability does not have the wire's shape. */
  hello(): void {
    const { name, drivers, extensions = {} } = this.options;
    if (typeof drivers !== "function") this.#adopt(drivers);
    this.#notify("hello", {
      v: WIRE_VERSION,
      agent: name,
      pid: this.pid,
      devices: this.#capabilities(),
      methods: Object.keys(extensions),
    });
  }

  /** Takes bytes of stdin as they come. */
  push(chunk: Uint8Array): void {
    for (const line of this.#splitter.push(chunk)) {
      if (line.kind === "line") this.#take(line.text);
      else this.output.log("error", "a line longer than the wire allows was skipped");
    }
  }

  /** Brings every actuator to its safe state, then stops reading. Resolves when that is done or has failed. */
  async close(reason: string): Promise<DeviceOutcome[]> {
    if (this.#phase === "closed") return [];
    this.#phase = "closed";
    for (const ask of this.#asks.values()) ask.abort();
    const outcomes = await Promise.all(
      this.#actuators().map((device) => device.safe(reason)),
    );
    this.#closed.abort();
    for (const device of this.#devices.values()) device.close();
    return outcomes;
  }

  #take(text: string): void {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      this.output.log("error", "a line that is not JSON was skipped", { bytes: text.length });
      return;
    }
    const ask = Ask.safeParse(parsed);
    if (ask.success) {
      void this.#answer(ask.data);
      return;
    }
    const id = (parsed as { id?: unknown } | null)?.id;
    if (typeof id === "number" && Number.isInteger(id) && id >= 0) {
      const found = ask.error.issues[0]!;
      this.#fail(id, -32600, `Not an ask: ${found.path.join(".")} ${found.message}`, "invalid_ask");
    } else this.output.log("error", "a line that is not an ask was skipped");
  }

  async #answer({ id, method, params }: Ask): Promise<void> {
    if (id === undefined) return this.#noticed(method, params);
    if (this.#asks.has(id)) {
      this.output.log("error", "an ask with an id that is under way was skipped", { id });
      return;
    }
    if (this.#asks.size >= ASKS_MAX) {
      return this.#fail(id, -32000, `${ASKS_MAX} asks are under way`, "busy");
    }
    const abort = new AbortController();
    this.#asks.set(id, abort);
    try {
      this.#send({ id, result: await this.#perform(method, params, abort.signal) }, "answer");
    } catch (error) {
      this.#failWith(id, error);
    } finally {
      this.#asks.delete(id);
    }
  }

  #perform(method: string, params: Record<string, unknown>, signal: AbortSignal): unknown {
    if (method === "command") return this.#command(params, signal);
    const known = Object.hasOwn(this.#methods, method) ? this.#methods[method] : undefined;
    if (known === undefined) {
      throw new AskError("no_method", `There is no method "${method}"`, -32601);
    }
    return known(params);
  }

  #noticed(method: string, params: Record<string, unknown>): void {
    if (method === "cancel") {
      const { success, data } = CancelParams.safeParse(params);
      if (success) this.#asks.get(data.id)?.abort();
    } else if (method === "renew") {
      const { success, data } = RenewParams.safeParse(params);
      if (success) { for (const id of data.deviceIds) this.#devices.get(id)?.renew(); }
    } else this.output.log("warn", "an unknown notification was skipped", { method });
  }

  async #start(given: Record<string, unknown>): Promise<unknown> {
    if (this.#phase !== "new") throw new AskError("started", "It was started before", -32600);
    const params = parse(StartParams, given);
    this.#phase = "starting";
    const { drivers } = this.options;
    try {
      if (typeof drivers === "function") this.#adopt(await drivers(params.config));
    } catch (error) {
      this.#phase = "new";
      throw error;
    }
    for (const [deviceId, fence] of Object.entries(params.fences)) {
      this.#devices.get(deviceId)?.raiseFence(fence);
    }
    const devices = [...this.#devices.values()];
    const outcomes = await Promise.all(devices.map((device) => device.start()));
    // A pipe that closed meanwhile has already asked for the safe state.
    if (this.#phase !== "starting") throw new AskError("closed", "The agent is ending");
    this.#phase = "started";
    for (const device of devices) {
      device.readForever().catch((error) => {
        this.output.log("error", "reading ended", { device: device.id, error: String(error) });
      });
    }
    this.#checkGuards();
    return { devices: this.#capabilities(), outcomes };
  }

  async #command(given: Record<string, unknown>, signal: AbortSignal): Promise<unknown> {
    const params = parse(CommandParams, given);
    if (this.#phase !== "started") {
      throw new AskError(
        "not_started",
        `Commands are accepted after start, not while ${this.#phase}`,
      );
    }
    const device = this.#device(params.deviceId);
    try {
      const { answer, readings } = await device.command(params.op, params.args, {
        ...params,
        signal,
      });
      return { ...answer, readings };
    } catch (error) {
      // With the error goes what is known of the device, for half of the work may be done.
      if (error instanceof AskError) throw error;
      const { code, text } = faultOf(error);
      const rpcCode = code === "invalid_args" ? -32602 : -32000;
      const { errors } = error as { errors?: unknown };
      throw new AskError(code, text, rpcCode, { outcome: device.outcome(), errors });
    }
  }

  async #safe(given: Record<string, unknown>): Promise<unknown> {
    const { reason, deviceIds } = parse(SafeParams, given);
    const devices = deviceIds === undefined
      ? this.#actuators()
      : deviceIds.map((id) => this.#device(id)).filter((device) => device.actuator);
    return { outcomes: await Promise.all(devices.map((device) => device.safe(reason))) };
  }

  #device(deviceId: string): AgentDevice {
    const device = this.#devices.get(deviceId);
    if (device !== undefined) return device;
    throw new AskError("device_unknown", `There is no device "${deviceId}" here`, -32602);
  }

  #actuators(): AgentDevice[] {
    return [...this.#devices.values()].filter((device) => device.actuator);
  }

  #capabilities() {
    return [...this.#devices.values()].map((device) => device.capability);
  }

  #adopt(drivers: readonly Driver[]): void {
    const buses = new Map<string, Bus>();
    const devices = new Map<string, AgentDevice>();
    for (const driver of drivers) {
      const name = String(driver.capability.bus);
      const bus = buses.get(name) ?? new Bus(name, this.#clock);
      buses.set(name, bus);
      const device = new AgentDevice(driver, bus, this.#clock, this.#listener(), this.#limits);
      if (devices.has(device.id)) {
        throw new RangeError(`Two devices are called "${device.id}"`);
      }
      devices.set(device.id, device);
    }
    this.#devices = devices;
  }

  #listener() {
    return {
      readings: (readings: Reading[]) => this.#readings(readings),
      changed: ({ deviceId, setpoint, readback, safe }: DeviceOutcome, reason: string) =>
        this.#notify("state", { deviceId, setpoint, readback, safe, reason }),
      status: (deviceId: string, status: string, code?: string, text?: string) =>
        this.#notify("device", { deviceId, status, code, text }),
      log: this.output.log.bind(this.output),
      latest: (deviceId: string, channel: string) => {
        const device = this.#devices.get(deviceId);
        return device === undefined ? "elsewhere" as const : device.latest(channel);
      },
    };
  }

  #readings(readings: Reading[]): void {
    for (const device of this.#devices.values()) device.enforceGuards();
    if (this.#batch.length === 0 && readings.length > 0) {
      this.#clock.wait(BATCH_MS, this.#closed.signal).then(() => this.#sendBatch(), () => {});
    }
    this.#batch.push(...readings);
  }

  #sendBatch(): void {
    const readings = this.#batch;
    this.#batch = [];
    this.#notify("readings", { readings });
  }

  /** A guard's reading goes stale without a new one coming: only a clock notices. */
  #checkGuards(): void {
    this.#clock.wait(GUARD_CHECK_MS, this.#closed.signal).then(() => {
      for (const device of this.#devices.values()) device.enforceGuards();
      this.#checkGuards();
    }, () => {});
  }

  #notify(method: Notice["method"], params: unknown): void {
    this.#send({ method, params }, method === "readings" ? "readings" : "notice");
  }

  #failWith(id: number, error: unknown): void {
    if (error instanceof AskError) {
      return this.#fail(id, error.rpcCode, error.message, error.code, error.data);
    }
    const { code, text } = faultOf(error);
    const { errors } = error as { errors?: unknown };
    this.#fail(id, code === "invalid_args" ? -32602 : -32000, text, code, { errors });
  }

  #fail(id: number, rpcCode: number, message: string, code: string, data = {}): void {
    this.#send({ id, error: { code: rpcCode, message, data: { ...data, code } } }, "answer");
  }

  #send(message: Record<string, unknown>, kind: "answer" | "notice" | "readings"): void {
    this.output.line(JSON.stringify({ jsonrpc: "2.0", ...message }), kind);
  }
}

/** @throws {AskError} that names the first thing wrong. */
function parse<T>(
  schema: {
    safeParse(
      value: unknown,
    ): { success: true; data: T } | {
      success: false;
      error: { issues: { path: PropertyKey[]; message: string }[] };
    };
  },
  value: unknown,
): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new AskError("invalid_params", `${path.map(String).join(".")}: ${message}`, -32602);
}

/** Wall and monotonic time of this process. */
export const systemDriverClock: DriverClock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  wait: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal!.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
};
